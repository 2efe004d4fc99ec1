"""A folder: what it is, the state of each of its files, and whether its records agree with each other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vae_tf.checking.agreement import run_disagreements, search_disagreements, version_disagreements
from vae_tf.checking.files import BAD, Row, look_at
from vae_tf.checking.remedies import remedy_of
from vae_tf.errors import DamagedFileError, UserFileError
from vae_tf.sums import SUMS, files_below, read_sums
from vae_tf.tuning.search import INNER

__all__ = ["Checked", "check_folder"]

_MARKS = {
    "search": ("search.yaml", "oracle", "trials"),
    "version": ("saved_model.pb", "variables", "assets.extra"),
    "run": ("config.yaml", "dataset.json", "checkpoints"),
}
"""What tells of a folder what it is, also where one of them is lost."""
_NEEDED = {"search": ("search.yaml",), "version": ("saved_model.pb",), "run": ("config.yaml",)}
_DISAGREEMENTS = {"search": search_disagreements, "version": version_disagreements, "run": run_disagreements}


@dataclass(frozen=True)
class Checked:
    """What was checked.

    Attributes:
        path: the folder.
        kind: `run`, `search` or `servable`.
        rows: one a file; those that are missing too.
    """

    path: Path
    kind: str
    rows: Sequence[Row]

    @property
    def bad(self) -> list[Row]:
        """The files that are not well."""
        return [row for row in self.rows if row.state in BAD]


def check_folder(path: str | Path) -> Checked:
    """Check a run, a search with its trials, or a servable: all of its versions, or one.

    Raises:
        UserFileError: it is none of these, or the folder cannot be read.
    """
    folder = Path(path)
    kind = _kind(folder)
    if kind == "servable":
        return Checked(folder, kind, [row for child in _versions(folder) for row in _below(child, "version")])
    rows = list(_rows(folder, kind))
    if kind == "search":
        inner = [*sorted((folder / "trials").glob("*")), folder / "winner"]
        rows += [row for child in inner if _is_like(child, "run") for row in _below(child, "run", folder)]
    rows = list({row.file: row for row in rows}.values())  # a lost trial is told by the search and by its own sums
    return Checked(folder, "servable" if kind == "version" else kind, rows)


def _is_like(folder: Path, kind: str) -> bool:
    return any((folder / name).exists() for name in _MARKS[kind])


def _versions(folder: Path) -> list[Path]:
    numbers = (child for child in folder.iterdir() if child.name.isdecimal())
    return sorted((child for child in numbers if _is_like(child, "version")), key=lambda child: int(child.name))


def _kind(folder: Path) -> str:
    if not folder.is_dir():
        raise UserFileError(f"There is no folder {folder}. Give a run, a search or a servable.")
    found = next((kind for kind in _MARKS if _is_like(folder, kind)), "servable" if _versions(folder) else "")
    if not found:
        raise UserFileError(f"{folder} is no run, no search and no servable: it has none of their files.")
    return found


def _below(child: Path, kind: str, folder: Path | None = None) -> Iterator[Row]:
    """Give the rows of a folder in the one that is checked."""
    name = child.relative_to(folder or child.parent).as_posix()
    return (replace(row, file=f"{name}/{row.file}") for row in _rows(child, kind))


def _rows(folder: Path, kind: str) -> Iterator[Row]:
    """Give a row a file, and then what records disagree on."""
    sums, found = _sums(folder, kind)
    without = INNER if kind == "search" else ()
    names = sorted({*files_below(folder, without), *sums, *_NEEDED[kind], *_folders(folder, kind)})
    for name in names:
        state, reason = look_at(folder / name, sums.get(name))
        found.append(_row(folder, kind, name, state, reason))
    told = dict(_DISAGREEMENTS[kind](folder, {row.file: row.state for row in found}))
    for row in found:
        state, reason = (
            ("differs", told.pop(row.file)) if row.file in told and row.state not in BAD else (row.state, row.reason)
        )
        yield _row(folder, kind, row.file, state, reason)
    yield from (
        _row(folder, kind, name, "missing", reason) for name, reason in told.items() if name not in {row.file for row in found}
    )


def _sums(folder: Path, kind: str) -> tuple[dict[str, str], list[Row]]:
    """Return the sums, none where they cannot be used, and a row that says so."""
    try:
        return read_sums(folder) or {}, []
    except DamagedFileError:
        told = "damaged", "it does not agree with its checksum"
    except UserFileError as error:
        told = ("damaged", "a folder is in its place") if (folder / SUMS).is_dir() else ("unreadable", str(error))
    except MemoryError:
        told = "unreadable", "there is not enough memory to look at it"
    return {}, [_row(folder, kind, SUMS, *told)]


def _folders(folder: Path, kind: str) -> Iterable[str]:
    """Name the folders that are in the place of files, as far as that is known without sums."""
    if kind == "run":
        return [path.relative_to(folder).as_posix() for path in folder.glob("checkpoints/epoch-*.npz") if path.is_dir()]
    return [path.relative_to(folder).as_posix() for path in folder.glob("*.json") if path.is_dir()]


def _row(folder: Path, kind: str, name: str, state: str, reason: str) -> Row:
    return Row(name, state, reason, remedy_of(kind, folder, name, state) if state in BAD else "")
