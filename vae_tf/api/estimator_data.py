"""What scikit-learn hands over, as the data of a training: all rows, of which some are held out for validation."""

from typing import Any

import numpy as np
import pyarrow as pa

from vae_tf.config import DataConfig
from vae_tf.data.frames import column_names, is_frame
from vae_tf.data.memory import table_of_frame
from vae_tf.data.numeric import is_rounded, standardization
from vae_tf.data.pipeline import Dataset
from vae_tf.data.raw_table import Table
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.data.table import make_table_dataset
from vae_tf.errors import UserValueError
from vae_tf.seeding import derive

__all__ = ["as_table", "data_of_numbers", "data_of_table", "is_of_words"]

_OF_TABLES = ("dataset", "columns", "missing", "rare")
"""Settings of data that mean something here; of numbers alone only the name does."""


def is_of_words(x: Any) -> bool:
    """Return whether a DataFrame has other columns than numbers: words, dates, or gaps as a table has them.

    Example:
        >>> is_of_words(pa.table({"a": [1.5], "b": ["x"]})), is_of_words(np.zeros([2, 2]))
        (True, False)
    """
    return is_frame(x) and any(np.asarray(x[name]).dtype.kind not in "buif" for name in column_names(x))


def as_table(x: np.ndarray, names: list[str]) -> pa.Table:
    """Return numbers [N, D] as a table with these columns; NaN is a gap."""
    return pa.table({name: pa.array(x[:, place], from_pandas=True) for place, name in enumerate(names)})


def data_of_numbers(x: np.ndarray, names: list[str], config: DataConfig, fraction: float, seed: int) -> Dataset:
    """Return rows of numbers, standardised by those that are trained on; new ones may lie anywhere.

    Args:
        x: [N, D], finite.
        names: of the columns.
        config: of data.
        fraction: of the rows, held out for validation; at least one is, and one is not.
        seed: of the choice of them.

    Raises:
        UserValueError: a setting means nothing here.

    Example:
        >>> data = data_of_numbers(np.eye(20), [*"abcdefghijklmnopqrst"], DataConfig(dataset="memory:eye"), 0.1, seed=0)
        >>> data.spec.num_train, data.spec.num_validation, data.spec.value_support
        (18, 2, 'real')
    """
    _refuse_settings(config, ("dataset",))
    rows = _divide(len(x), fraction, seed)
    x = x.astype(np.float64 if is_rounded(x) else np.float32)
    splits = {name: ArraySplit(x[part], np.full(len(part), NO_LABEL)) for name, part in rows.items()}
    shape = {"name": config.dataset, "event_shape": x.shape[1:], "feature_names": tuple(names)}
    return Dataset(DatasetSpec(**shape, **standardization(splits["train"].x), **_counts(rows)), splits)


def data_of_table(table: Any, config: DataConfig, fraction: float, seed: int) -> Dataset:
    """Return rows of words, numbers, dates and gaps; what the columns are, their cells and `data.columns` say.

    Args:
        table: a DataFrame of any library, or Arrow's table.
        config: of data.
        fraction: as `data_of_numbers`.
        seed: likewise.

    Raises:
        UserValueError: a setting means nothing here, or a column is unfit.
    """
    _refuse_settings(config, _OF_TABLES)
    whole = table_of_frame(table, "X", config.missing)
    rows = _divide(whole.num_rows, fraction, seed)
    tables = {name: _rows_of(whole, rows[name]) for name in ("train", "validation")}
    dataset = make_table_dataset(tables, config.model_copy(update={"test_fraction": 0.0}))
    update = {"missing": config.missing, **_counts(rows)}
    return Dataset(dataset.spec.model_copy(update=update), dataset.splits, dataset.cut, dataset.notes, dataset.columns)


def _rows_of(table: Table, rows: np.ndarray) -> Table:
    return Table(table.columns.take(rows), table.source, lambda row: f"row {rows[row]}", table.gaps)


def _divide(count: int, fraction: float, seed: int) -> dict[str, np.ndarray]:
    """Return the rows of every split: none is measured on, scikit-learn has other rows for that."""
    order = np.random.default_rng(derive(seed, "validation rows")).permutation(count)
    num_held = min(max(1, round(fraction * count)), count - 1)
    return {"train": np.sort(order[num_held:]), "validation": np.sort(order[:num_held]), "test": order[:0]}


def _counts(rows: dict[str, np.ndarray]) -> dict[str, int]:
    return {f"num_{name}": len(part) for name, part in rows.items()}


def _refuse_settings(config: DataConfig, known: tuple[str, ...]) -> None:
    unsaid = DataConfig()
    for name in DataConfig.model_fields:
        if name not in known and getattr(config, name) != getattr(unsaid, name):
            raise UserValueError(
                f"data.{name} means nothing to an estimator's X: leave it out. Received: {getattr(config, name)!r}."
            )
