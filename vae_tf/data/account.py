"""The account of data: how many examples, what their values are, what was done to them and left out; told alike everywhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vae_tf.checksums import check_record
from vae_tf.config import DataConfig
from vae_tf.data.notes import ColumnNote, Note, few
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL
from vae_tf.data.value_tables import ValueTable, measure_values
from vae_tf.errors import DamagedFileError, UserFileError, readable
from vae_tf.files import read_json

__all__ = ["Account"]

_BINARIZED = {
    "threshold": "1 where they are above one half, else 0",
    "dynamic": "drawn as zeros and ones, anew each time they are trained on",
    "static": "drawn as zeros and ones, once",
}


@dataclass(frozen=True)
class Account:
    """What there is to tell of data: printed before training, kept with the run, shown by `show`, `report` and `data`.

    Attributes:
        dataset: the data's name.
        noun: what the examples are.
        event_shape: of one example, as the model sees it.
        splits: number of examples by split.
        notes: sentences, in order; first what all data have, then the source's own, then warnings.
        columns: what those of a table were taken for.
        values: tables of their range.

    Example:
        >>> from vae_tf.data.loading import load_dataset
        >>> from vae_tf.data.memory import in_memory
        >>> config = DataConfig(dataset="memory:toy")
        >>> with in_memory(np.arange(40.0).reshape(20, 2)):
        ...     account = Account.of(load_dataset(config), config)
        >>> account.headline
        'memory:toy 2, rows of numbers: 16 train, 2 validation, 2 test'
        >>> for note in account.notes:
        ...     print(note.text)
        Cut off the training examples: validation, test (data.validation_fraction, data.test_fraction).
        Values are standardised by the training split: the model sees each less its mean, over its deviation.
        memory:toy: x of train [20, 2] float64, read as float32.
        >>> Account.from_json(account.as_json()) == account
        True
    """

    dataset: str
    noun: str
    event_shape: tuple[int, ...]
    splits: Mapping[str, int]
    notes: tuple[Note, ...] = ()
    columns: tuple[ColumnNote, ...] = ()
    values: tuple[ValueTable, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset, config: DataConfig, warnings: Iterable[str] = ()) -> "Account":
        """Give the account of data.

        Args:
            dataset: the data.
            config: what they were loaded by.
            warnings: of `vae_tf.data.probe`, which has the source's own among them.
        """
        told = [note for note in dataset.notes if not note.is_warning]
        found = [Note(text, is_warning=True) for text in warnings]
        found = found or [note for note in dataset.notes if note.is_warning]
        spec = dataset.spec
        return cls(
            spec.name,
            spec.noun,
            spec.event_shape,
            {name: split.num_examples for name, split in dataset.splits.items()},
            tuple(note._replace(text=readable(note.text)) for note in (*map(Note, _common(dataset, config)), *told, *found)),
            dataset.columns,
            measure_values(dataset),
        )

    @property
    def headline(self) -> str:
        """The data, their shape as the model sees it, and how many there are; empty where that was not written down."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.splits.items())
        return f"{self.dataset} {'x'.join(map(str, self.event_shape))}, {self.noun}: {counts}" if counts else ""

    def as_json(self) -> dict[str, Any]:
        """Return the account as plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "noun": self.noun,
            "event_shape": list(self.event_shape),
            "splits": dict(self.splits),
            "notes": [note._asdict() for note in self.notes],
            "columns": [column._asdict() for column in self.columns],
            "values": [
                {"title": table.title, "headings": list(table.headings), "rows": [list(row) for row in table.rows]}
                for table in self.values
            ],
        }

    @classmethod
    def from_json(cls, found: Any) -> "Account":
        """Return the account that was written; of runs that were made before there were such, its notes alone."""
        if isinstance(found, list):
            return cls("", "", (), {}, tuple(Note(**note) for note in found))
        tables = (ValueTable(one["title"], tuple(one["headings"]), tuple(map(tuple, one["rows"]))) for one in found["values"])
        return cls(
            found["dataset"],
            found["noun"],
            tuple(found["event_shape"]),
            found["splits"],
            tuple(Note(**note) for note in found["notes"]),
            tuple(ColumnNote(**column) for column in found["columns"]),
            tuple(tables),
        )

    @classmethod
    def read(cls, path: Path) -> "Account | None":
        """Return the account that a run keeps; None where none was written.

        Raises:
            UserFileError: the file is damaged.
        """
        if not path.exists():
            return None
        try:
            found, is_whole = check_record(read_json(path))
            if not is_whole:
                raise DamagedFileError(f"{path} is damaged: it does not agree with its checksum. It only tells: move it away.")
            return cls.from_json(found)
        except (KeyError, TypeError) as error:
            raise UserFileError(f"{path} must be the account of a run's data. Received: another form ({error}).") from error


def _common(dataset: Dataset, config: DataConfig) -> Iterator[str]:
    """Say what is so of all data, whatever they come from: splits, values, labels."""
    spec = dataset.spec
    cut = [name for name in dataset.cut if dataset.splits[name].num_examples]
    if cut and not config.window:
        yield f"Cut off the training examples: {', '.join(cut)} ({_fractions(cut, config)})."
    if config.train_on_validation:
        yield "The validation examples are trained on too (data.train_on_validation=true)."
    yield from _values(spec)
    yield from _labels(dataset, config)


def _fractions(cut: Iterable[str], config: DataConfig) -> str:
    if config.fold:
        return f"data.fold={list(config.fold)}"
    return ", ".join(f"data.{name}_fraction" for name in cut)


def _values(spec: DatasetSpec) -> Iterator[str]:
    """Say what is done to values on their way to the model."""
    if spec.value_support == "real":
        each = "all alike" if len(spec.shift) == 1 else "each less its mean, over its deviation"
        yield f"Values are standardised by the training split: the model sees {each}."
    elif spec.value_support == "count":
        yield "Values are counts, and the model sees them as they are (data.counts)."
    elif spec.value_support in ("binary", "unit") and spec.raw_range:
        low, high = spec.raw_range
        yield (
            f"Values are {low:g} and {high:g} alone, which the model sees as 0 and 1."
            if spec.value_support == "binary"
            else f"Values from {low:g} to {high:g} are seen by the model as 0 to 1."
        )
    if spec.binarization != "none":
        yield f"Values are {_BINARIZED[spec.binarization]} (data.binarization={spec.binarization})."


def _labels(dataset: Dataset, config: DataConfig) -> Iterator[str]:
    """Say which classes there are, how many examples have none, and which classes alone are kept."""
    names = dataset.spec.label_names
    found = [split.labels for split in dataset.splits.values() if hasattr(split, "labels")]
    labels = np.concatenate(found) if found else np.zeros(0, np.int64)
    if config.classes is not None:
        yield f"Of all classes these alone are used: {few(config.classes)} (data.classes)."
    without = int((labels == NO_LABEL).sum())
    of_none = f"; {without:,} examples have no label" if without else ""
    if names:
        yield f"Classes: {len(names):,} ({few(names)}){of_none}."
    elif without < len(labels):
        yield f"Classes: {len(np.unique(labels[labels != NO_LABEL])):,} numbers without names{of_none}."
