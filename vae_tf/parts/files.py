"""Parts of a user's own: Python files that are executed when the user says so, and kept with the runs they trained."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType

from vae_tf.errors import UserFileError, UserValueError, reason_of
from vae_tf.files import check_file, read_file
from vae_tf.parts.known import all_parts
from vae_tf.program import remember_parts
from vae_tf.quiet import quiet_imports
from vae_tf.sums import SUMS

__all__ = ["PartsFile", "fault_of_own", "load_parts", "loaded_files", "require_parts", "sums_text"]

_FOLDER = "parts"
_LOADED: dict[str, "PartsFile"] = {}


@dataclass(frozen=True)
class PartsFile:
    """A file of parts that was executed in this process.

    Attributes:
        path: where it was read from.
        content: what was executed.
        kinds: what it registered, as `slot kind`.
    """

    path: Path
    content: bytes
    kinds: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The content's hash, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


class _Content(SourceLoader):
    """Loads a module from the very bytes whose hash is told."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content = path, content

    def get_data(self, path: str | bytes) -> bytes:
        return self.content

    def get_filename(self, fullname: str) -> str:
        return str(self.path)


def load_parts(source: str | Path) -> list[PartsFile]:
    """Execute a file of parts, or those that are kept with a run, so that their kinds are known.

    Args:
        source: a Python file; or a run directory, whose files must be those that it was trained with.

    Returns:
        The files; one that was executed already is not executed again.

    Raises:
        UserFileError: there is no such file, or a run's file was changed.
        UserValueError: the code fails, or registers nothing.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mine.py"
        >>> _ = path.write_text("from vae_tf.parts import Schedule, register")
        >>> load_parts(path)
        Traceback (most recent call last):
        vae_tf.errors.UserValueError: ...mine.py registers no part: decorate a class with @register("kind") of vae_tf.parts.
    """
    path = Path(source)
    files = _find(path)
    remember_parts(path)
    return files


def _find(path: Path) -> list[PartsFile]:
    if path.is_dir():
        recorded = _recorded(path)
        if not recorded:
            raise UserFileError(f"{path} has no parts of its own. --parts takes a Python file, or a run trained with one.")
        return [_load(path / _FOLDER / name, sha256) for name, sha256 in recorded.items()]
    check_file(path)
    if not path.is_file():
        raise UserFileError(f"--parts must name a Python file or a run directory. Received: {path}, which is neither.")
    return [_load(path)]


def _load(path: Path, recorded: str | None = None) -> PartsFile:
    file = PartsFile(path, read_file(path))
    if recorded and file.sha256 != recorded:
        raise UserFileError(
            f"{path} is not what the run was trained with: its SHA-256 is {file.sha256}, recorded is {recorded}. It was not "
            "executed. Put the file back, or give it from elsewhere: --parts FILE."
        )
    if file.sha256 not in _LOADED:
        before = all_parts()
        _execute(file)
        after = all_parts()
        new = tuple(name for name, part in after.items() if before.get(name) is not part)
        if not new:
            raise UserValueError(f'{path} registers no part: decorate a class with @register("kind") of vae_tf.parts.')
        _LOADED[file.sha256] = PartsFile(path, file.content, new)
    return _LOADED[file.sha256]


def _execute(file: PartsFile) -> None:
    name = f"vae_tf_parts_{file.path.stem}"
    spec = importlib.util.spec_from_loader(name, _Content(file.path, file.content), origin=str(file.path))
    module = importlib.util.module_from_spec(spec) if spec else ModuleType(name)
    sys.modules[name] = module
    with quiet_imports():
        all_parts()
    try:
        if spec and spec.loader:
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # anything may go wrong in code of somebody else
        del sys.modules[name]
        raise UserValueError(f"{file.path}{_line(error, file.path)}: {type(error).__name__}: {error}") from error


def _line(error: BaseException, path: Path) -> str:
    """Return `, line N`: where in the file an error came from."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def fault_of_own(error: BaseException) -> str:
    """Return where in a file of parts an error came from, and what it is, in one line; nothing where it came from elsewhere.

    An error in a graph that TensorFlow traces has its place in its message alone.
    """
    message = reason_of(error)
    for file in _LOADED.values():
        where = _line(error, file.path)
        if where or f'"{file.path}"' in str(error):
            return f"{file.path.name}{where}: {type(error).__name__}: {message}"
    return ""


def loaded_files() -> list[PartsFile]:
    """Return the files of parts that were executed in this process."""
    return list(_LOADED.values())


def sums_text(files: Iterable[PartsFile]) -> str:
    """Return the hashes of files as `sha256sum` writes and checks them."""
    return "".join(f"{file.sha256}  {file.path.name}\n" for file in files)


def _recorded(run: Path) -> dict[str, str]:
    """Return the files that a run was trained with: name to SHA-256."""
    sums = run / _FOLDER / SUMS
    if not sums.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in sums.read_text("utf-8").splitlines() if line.strip())
    recorded = {name.strip(): sha256 for sha256, name in pairs}
    if any(Path(name).name != name for name in recorded):
        raise UserFileError(f"{sums} is damaged: it names files outside its folder.")
    return recorded


def require_parts(run: Path) -> None:
    """Check that the parts that a run was trained with have been executed in this process; nothing is executed here.

    Raises:
        UserValueError: they have not; the message says which file, which hash, and what to type.
    """
    for name, sha256 in _recorded(run).items():
        if sha256 in _LOADED:
            continue
        other = [file for file in _LOADED.values() if file.path.name == name]
        if other:
            raise UserValueError(
                f"{other[0].path} is not the file that {run} was trained with: its SHA-256 is {other[0].sha256}, recorded is "
                f"{sha256}. The run's own copy is {run / _FOLDER / name}: to use that, --parts {run}."
            )
        raise UserValueError(
            f"{run} was trained with parts of its own: {name} (SHA-256 {sha256}). They are code, and not executed unasked. "
            f"Look at {run / _FOLDER / name}, then add --parts {run} "
            f"(in Python, call vae_tf.parts.load_parts({str(run)!r}) before)."
        )
