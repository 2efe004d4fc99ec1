"""What values there are: the range of every column, channel or word, by the kind of the examples."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from vae_tf.data.cells import cells
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit
from vae_tf.data.text import UNKNOWN, lengths_of
from vae_tf.escaping import shortened

__all__ = ["Form", "ValueTable", "cell_text", "form_of", "measure_values"]

Form = Literal["pictures", "texts", "cells", "counts", "series", "rows"]
"""What examples are looked at as."""
_MAX_VALUES = 2**23
"""Values that are looked at: ten thousand pictures of 28x28, all of most tables."""
_MAX_STREAMED = 1000
_QUANTILES = {"least": 0.0, "5 %": 0.05, "25 %": 0.25, "half": 0.5, "75 %": 0.75, "95 %": 0.95, "greatest": 1.0}
_COMMON, _MOST_LETTERS, _FEW_VALUES = 3, 20, 50
_COMMON_TOKENS = 30
_OF_NUMBERS = ("least", "mean", "greatest", "deviation")


class ValueTable(NamedTuple):
    """A table of what was measured.

    Attributes:
        title: what it is, and of how many examples.
        headings: of the columns; below one that begins with `share` are shares of 1.
        rows: texts, numbers, and None where there is nothing to say.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def cell_text(heading: str, value: Any) -> str:
    """Return a cell of a table for people.

    Example:
        >>> cell_text("mean", 1234.5678), cell_text("different", 1234), cell_text("share missing", 0.25)
        ('1235', '1,234', '25.0 %')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if heading.startswith("share"):
        return f"{100.0 * value:.1f} %"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def form_of(spec: DatasetSpec) -> Form:
    """Return what examples are looked at as.

    Example:
        >>> form_of(DatasetSpec(name="toy", event_shape=(4,), value_support="count"))
        'counts'
    """
    if spec.is_text:
        return "texts"
    if spec.is_mixed:
        return "cells"
    if spec.value_support == "count" and not spec.is_image:
        return "counts"
    return "pictures" if spec.is_image else "series" if spec.is_series else "rows"


def measure_values(dataset: Dataset) -> tuple[ValueTable, ...]:
    """Measure the values of training examples, in raw units: of all of them, or the first of many.

    Args:
        dataset: the data.

    Example:
        >>> from vae_tf.config import DataConfig
        >>> from vae_tf.data.loading import load_dataset
        >>> from vae_tf.data.memory import in_memory
        >>> with in_memory(np.arange(40.0).reshape(20, 2)):
        ...     (found,) = measure_values(load_dataset(DataConfig(dataset="memory:toy")))
        >>> found.headings, found.rows[1][:2]
        (('column', 'least', 'mean', 'greatest', 'deviation', 'different'), ('number 1', 1.0))
    """
    spec, train = dataset.spec, dataset.split("train")
    count = max(1, min(train.num_examples, _MAX_VALUES // max(1, spec.num_dims)))
    if isinstance(train, ArraySplit):
        raw = np.asarray(train.x[:count])
    else:
        batches = train.take(min(count, _MAX_STREAMED)).batches(100).as_numpy_iterator()
        raw = np.concatenate([x for x, _ in batches])
    which = "all" if len(raw) == train.num_examples else f"the first {len(raw):,} of"
    return tuple(_MEASURES[form_of(spec)](spec, raw, f"{which} {train.num_examples:,} training examples"))


def _names(spec: DatasetSpec, noun: str) -> list[str]:
    return list(spec.feature_names) or [f"{noun} {index}" for index in range(spec.event_shape[-1])]


def _numbers(values: np.ndarray) -> tuple[Any, ...]:
    """Return least, mean, greatest and deviation of values; none of no values."""
    if not values.size:
        return (None,) * len(_OF_NUMBERS)
    wide = values.astype(np.float64)
    return float(wide.min()), float(wide.mean()), float(wide.max()), float(wide.std())


def _of_each(spec: DatasetSpec, raw: np.ndarray, which: str, noun: str) -> ValueTable:
    """Measure numbers along the last axis."""
    columns = raw.reshape(-1, raw.shape[-1]).T
    rows = ((name, *_numbers(one), len(np.unique(one))) for name, one in zip(_names(spec, noun), columns, strict=True))
    heading = "channel" if noun == "channel" else "column"
    return ValueTable(f"Every {heading}, {which}", (heading, *_OF_NUMBERS, "different"), (*rows,))


def _pictures(spec: DatasetSpec, raw: np.ndarray, which: str) -> Iterator[ValueTable]:
    names = {1: ["grey"], 2: ["grey", "alpha"], 3: ["red", "green", "blue"], 4: ["red", "green", "blue", "alpha"]}
    low, high = spec.raw_range or (float(raw.min()), float(raw.max()))
    channels = names.get(raw.shape[-1]) or _names(spec, "channel")
    rows = [
        (name, *_numbers(raw[..., place]), *(float(np.mean(raw[..., place] == end)) for end in (low, high)))
        for place, name in enumerate(channels)
    ]
    headings = ("channel", *_OF_NUMBERS, f"share of {low:g}", f"share of {high:g}")
    yield ValueTable(f"Every channel, {which}", headings, tuple(rows))


def _series(spec: DatasetSpec, raw: np.ndarray, which: str) -> Iterator[ValueTable]:
    yield _of_each(spec, raw, which, "channel")


def _rows(spec: DatasetSpec, raw: np.ndarray, which: str) -> Iterator[ValueTable]:
    yield _of_each(spec, raw, which, "number")


def _counts(spec: DatasetSpec, raw: np.ndarray, which: str) -> Iterator[ValueTable]:
    flat = raw.reshape(-1, raw.shape[-1])
    names = _names(spec, "number")
    rows = tuple(
        (name, float(one.mean()), int(one.max()), float(np.mean(one == 0)), int(one.sum(dtype=np.float64)))
        for name, one in zip(names, flat.T, strict=True)
    )
    whole = (("all", float(raw.mean()), int(raw.max()), float(np.mean(raw == 0)), int(raw.sum(dtype=np.float64))),)
    yield ValueTable(f"Counts, {which}", ("column", "mean", "greatest", "share of zeros", "sum"), whole + rows)
    yield _quantiles("Sum of an example", raw.reshape(len(raw), -1).sum(axis=1, dtype=np.float64), which)


def _quantiles(title: str, values: np.ndarray, which: str) -> ValueTable:
    found = np.quantile(values, list(_QUANTILES.values()), method="inverted_cdf")
    return ValueTable(f"{title}, {which}", tuple(_QUANTILES), (tuple(int(value) for value in found),))


def _texts(spec: DatasetSpec, raw: np.ndarray, which: str) -> Iterator[ValueTable]:
    lengths = lengths_of(raw)
    noun = "subwords" if spec.tokenizer else "characters"
    yield _quantiles(f"Length in {noun}, {spec.event_shape[0]} at most", lengths, which)
    tokens = raw[np.arange(raw.shape[1]) < lengths[:, np.newaxis]].astype(np.int64)
    counts = np.bincount(tokens, minlength=len(spec.vocabulary))
    order = [int(token) for token in np.argsort(-counts, kind="stable")[:_COMMON_TOKENS] if counts[token]]
    total = max(1, int(counts.sum()))
    rows = tuple((_shown(spec, token), int(counts[token]), float(counts[token] / total)) for token in order)
    title = f"Most common of {len(spec.vocabulary) - 2:,} {noun} in the vocabulary, {which}"
    yield ValueTable(title, (noun[:-1], "times", "share"), rows)


def _shown(spec: DatasetSpec, token: int) -> str:
    return "(unknown)" if token == UNKNOWN else repr(spec.vocabulary[token])


def _cells(spec: DatasetSpec, raw: np.ndarray, which: str) -> Iterator[ValueTable]:
    headings = ("column", "least", "mean", "greatest", "share missing", "different", "most common")
    rows = []
    for place, column in enumerate(spec.columns):
        values = raw[:, place].astype(np.float64)
        there = values[~np.isnan(values)]
        different, counts = np.unique(there, return_counts=True)
        common = np.argsort(-counts, kind="stable")[:_COMMON]
        texts = cells(column, different[common]) if len(different) else []
        told = ", ".join(
            f"{shortened(text, _MOST_LETTERS)} ({counts[index]:,})" for text, index in zip(texts, common, strict=True)
        )
        missing = 1.0 - len(there) / max(1, len(values))
        is_repeated = column.is_category or (len(different) <= _FEW_VALUES and len(different) < len(there))
        rows.append((column.name, *_ends(column, there), missing, len(different), told if is_repeated else None))
    yield ValueTable(f"Every column, {which}", headings, tuple(rows))


def _ends(column: Any, there: np.ndarray) -> tuple[Any, ...]:
    """Return least, mean and greatest: of dates as such, of words none."""
    if column.is_category or not len(there):
        return None, None, None
    found = np.array([there.min(), there.mean(), there.max()])
    return tuple(cells(column, found)) if column.is_date else tuple(map(float, found))


_MEASURES: Mapping[Form, Callable[[DatasetSpec, np.ndarray, str], Iterator[ValueTable]]] = {
    "pictures": _pictures,
    "texts": _texts,
    "cells": _cells,
    "counts": _counts,
    "series": _series,
    "rows": _rows,
}
