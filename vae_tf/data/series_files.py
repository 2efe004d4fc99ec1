"""The files of the UCR and UEA archives of time series: `.ts`, `.arff`, and the `.tsv` of UCR, a series a line."""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import arff

from vae_tf.data.file_content import content_of
from vae_tf.data.notes import Note
from vae_tf.errors import UserFileError, reason_of

__all__ = ["SERIES_SUFFIXES", "read_series"]

_TRAIN, _TEST = "_TRAIN", "_TEST"
_GAPS = {"?", "nan", ""}


class _Examples(NamedTuple):
    """Series [N, T, C], a label of each or none, and what of the file is left out."""

    x: np.ndarray
    labels: list[str]
    left_out: str = ""


def read_series(path: Path, with_test: bool) -> tuple[dict[str, np.ndarray], tuple[Note, ...]]:
    """Return series as arrays by name: `x` [N, T, C] and labels `y` [N]; and what is to be told.

    Args:
        path: a file whose suffix is one of `SERIES_SUFFIXES`.
        with_test: whether the file of tests that is beside `NAME_TRAIN` is read too: `x_train`, `x_test` and so on.

    Raises:
        UserFileError: it is no such file, its series have different lengths or channels, or the moments of their steps.
    """
    beside = path.with_name(f"{path.stem.removesuffix(_TRAIN)}{_TEST}{path.suffix}")
    examples = _read(path)
    told = (Note(f"{path}: {examples.left_out}.", is_warning=True),) if examples.left_out else ()
    if not (with_test and path.stem.endswith(_TRAIN) and beside.is_file()):
        return _named(examples, ""), told
    arrays = _named(examples, "_train") | _named(_read(beside), "_test")
    return arrays, (*told, Note(f"{path}: {beside.name} beside it is the test split."))


def _read(path: Path) -> _Examples:
    content, _ = content_of(path, f"{path.suffix} file of series")
    reader, looks = _READERS[path.suffix.lower()]
    try:
        return reader(content.decode())
    except (ValueError, IndexError, StopIteration, NotImplementedError, arff.ArffError) as error:
        # SciPy raises the last four of what is no such file, or ends too early.
        reason = reason_of(error)
        raise UserFileError(f"{path} must be {looks}. Received: {reason}.") from error


def _named(examples: _Examples, end: str) -> dict[str, np.ndarray]:
    return {f"x{end}": examples.x} | ({f"y{end}": np.array(examples.labels)} if examples.labels else {})


def _ts(text: str) -> _Examples:
    """Read channels of numbers with commas, with colons between, and the class at the end of the line."""
    header: dict[str, list[str]] = {}
    lines = enumerate(text.splitlines(), start=1)
    for _, line in lines:
        key, *values = line.lower().split() or [""]
        if key == "@data":
            break
        if key.startswith("@"):
            header[key[1:]] = values
    else:
        raise ValueError("no line @data")
    if header.get("timestamps", ["false"])[0] == "true":
        raise ValueError("@timestamps true: a moment for every step. Write a table with a column of dates, for data.window")
    has_labels, has_targets = (header.get(key, ["false"])[0] == "true" for key in ("classlabel", "targetlabel"))
    rows = [(number, line.strip()) for number, line in lines if line.strip() and not line.startswith(("#", "%"))]
    parts = [(number, line.split(":")) for number, line in rows]
    labels = [part.pop().strip() for _, part in parts] if has_labels or has_targets else []
    x = _equal([[_numbers(channel, number) for channel in part] for number, part in parts])
    left_out = f"the {len(labels):,} numbers to predict (@targetlabel) are no classes, and left out"
    return _Examples(x, [], left_out) if has_targets else _Examples(x, labels)


def _numbers(channel: str, line: int) -> np.ndarray:
    cells = [cell.strip() for cell in channel.split(",")]
    try:
        return np.array([np.nan if cell.lower() in _GAPS else float(cell) for cell in cells])
    except ValueError as error:
        raise ValueError(f"line {line:,}: {error}") from error


def _arff(text: str) -> _Examples:
    """Read an attribute a step, and the class as the last one."""
    if re.search(r"^\s*@attribute\s+\S+\s+relational", text, re.IGNORECASE | re.MULTILINE):
        raise ValueError("several channels, as a relational attribute. Give the archive's .ts file of the same series")
    rows, meta = arff.loadarff(io.StringIO(text))
    names, types = meta.names(), meta.types()
    has_labels = types[-1] == "nominal"
    if set(types[: len(types) - has_labels]) != {"numeric"}:
        raise ValueError("attributes that are no steps: a table. Save it as CSV")
    steps = names[: len(names) - has_labels]
    x = np.stack([rows[name] for name in steps], axis=-1)[..., np.newaxis]
    return _Examples(x, [word.decode() for word in rows[names[-1]]] if has_labels else [])


def _tsv(text: str) -> _Examples:
    """Read the class, and a step a column after it; what is missing at the end of a shorter series stands as NaN."""
    rows = np.loadtxt(io.StringIO(text), delimiter="\t", ndmin=2)
    is_there = np.isfinite(rows[:, 1:])
    lengths = is_there.shape[1] - np.argmax(is_there[:, ::-1], axis=1)
    series = [[row[1 : 1 + length]] for row, length in zip(rows, lengths, strict=True)]
    return _Examples(_equal(series), [f"{label:g}" for label in rows[:, 0]])


def _equal(series: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return series of channels as [N, T, C]."""
    if not series:
        raise ValueError("no series")
    channels, lengths = {len(one) for one in series}, {len(channel) for one in series for channel in one}
    if len(channels) > 1:
        raise ValueError(f"series of {min(channels)} to {max(channels)} channels")
    if len(lengths) > 1:
        raise ValueError(
            f"series of {min(lengths):,} to {max(lengths):,} steps. Cut or resample them to one length, or write a table of "
            "their steps with a column that names the series (data.series_column) and train on windows (data.window)"
        )
    return np.stack([np.stack(one, axis=-1) for one in series])


_READERS: dict[str, tuple[Callable[[str], _Examples], str]] = {
    ".ts": (
        _ts,
        "a .ts file of the UEA archive: lines of a header, @data, and series of one length, with the class at the end",
    ),
    ".arff": (_arff, "an ARFF file of the UCR archive: a numeric attribute a step, and the class as the last one"),
    ".tsv": (_tsv, "a .tsv file of the UCR archive: the class, then a step a column, all numbers"),
}
SERIES_SUFFIXES = tuple(_READERS)
"""How the names of files of series end."""
