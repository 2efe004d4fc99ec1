"""How this program was started: whatever is printed as a command begins with it, and can be typed as it stands."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

__all__ = [
    "PLACEHOLDER",
    "PROGRAM_VARIABLE",
    "WITH_DATA",
    "WITH_PARTS",
    "command_line",
    "data_moved_to",
    "moved_to",
    "program",
    "remember_parts",
]

PLACEHOLDER = "{program}"
"""Stands in the help of commands for what `program` returns."""
PROGRAM_VARIABLE = "VAE_TF_PROGRAM"
"""The environment variable by which a process tells those it starts how it was started itself."""

WITH_PARTS = (
    *(
        "train",
        "tune",
        "evaluate",
        "compare",
        "report",
        "score",
        "alarms",
        "forecast",
        "topics",
        "estimators",
        "generate",
        "impute",
        "reconstruct",
        "interpolate",
        "neighbours",
    ),
    *("traverse", "manifold", "encode", "export", "push", "explore", "show", "check", "data", "datasets", "parts"),
)
"""Commands that open a model or read a configuration, and so take the user's own parts."""
WITH_DATA = (
    "evaluate",
    "compare",
    "report",
    "score",
    "alarms",
    "forecast",
    "topics",
    "generate",
    "reconstruct",
    "interpolate",
    "neighbours",
    "traverse",
    "encode",
)
"""Commands that look at the data that a run was trained on, and so are told where these went."""

_PACKAGE = Path(__file__).parent
_OWN_PARTS: list[Path] = []
_MOVED: ContextVar[str | None] = ContextVar("moved", default=None)


def program() -> str:
    """Return what a person types before a command's name: `python run.py`, `vae-tf` or `python -m vae_tf`.

    A script or an interpreter that the shell does not find by its name is given with its path: `.venv/bin/python run.py`.
    Used as a library, it is the `run.py` beside the package, or `vae-tf` where the package is installed.

    Example:
        >>> f"See `{program()} --help`.".endswith(" --help`.")
        True
    """
    return os.environ.get(PROGRAM_VARIABLE) or _started_as(Path(sys.argv[0]))


def command_line(*arguments: object) -> str:
    """Return a command of this program as a shell takes it, arguments quoted where they must be.

    Example:
        >>> command_line("export", Path("runs/my run")).removeprefix(program())
        " export 'runs/my run'"
    """
    command, place = {*arguments[:1]}, moved_to()
    own = [word for path in _OWN_PARTS for word in ("--parts", str(path))] if command & {*WITH_PARTS} else []
    moved = ["--dataset", place] if place and command & {*WITH_DATA} else []
    return f"{program()} {shlex.join([*map(str, arguments), *own, *moved])}"


def remember_parts(path: Path) -> None:
    """Take a file of parts that this process was told to execute, or a run that has some: printed commands name it."""
    if path not in _OWN_PARTS:
        _OWN_PARTS.append(path)


@contextmanager
def data_moved_to(place: str | None) -> Iterator[None]:
    """Let the data of runs be elsewhere for the time of a command: `moved_to` and printed commands name the place."""
    before = _MOVED.set(place)
    try:
        yield
    finally:
        _MOVED.reset(before)


def moved_to() -> str | None:
    """Return where the data of the command's runs are, as its user says; None: where they were."""
    return _MOVED.get()


def _started_as(script: Path) -> str:
    if script.stem == "vae-tf":
        return _typed(("vae-tf",), script)
    if script.resolve() == _PACKAGE.resolve() / "__main__.py":
        return f"{_python()} -m vae_tf"
    beside = _PACKAGE.parent / "run.py"
    return f"{_python()} {_near(beside)}" if beside.is_file() else "vae-tf"


def _python() -> str:
    return _typed(("python", "python3"), Path(sys.executable or "python"))


def _typed(names: tuple[str, ...], path: Path) -> str:
    """Return the first name by which the shell finds the file, or else its path.

    Links are followed for the file and for its folder, not for the two together: the interpreter of a virtual environment links
    to one that does not have its packages.
    """
    for name in names:
        found = Path(shutil.which(name) or "")
        if (found.parent.resolve(), found.resolve()) == (path.parent.resolve(), path.resolve()):
            return name
    return _near(path)


def _near(path: Path) -> str:
    """Return a path as it is shortest from here, quoted."""
    path = path.absolute()
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
