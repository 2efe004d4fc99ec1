"""Source: where examples come from, the word before the colon in `--dataset KIND:ARGUMENT`."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.arrays import load_arrays
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserNotImplementedError
from vae_tf.parts.base import Part

__all__ = ["ROW_SETTINGS", "TABLE_SETTINGS", "Source"]

TABLE_SETTINGS = ("label_column", "label_bins", "columns", "missing", "rare")
"""Settings of `data` that say what the columns of a table are."""
ROW_SETTINGS = ("counts", "window", "time_column", "series_column", "gaps", "group", "fold")
"""Settings that say what rows are, and how they are divided."""


class Source(Part):
    """Where examples come from.

    A subclass fills in `arrays`; or `load`, where all examples do not fit in memory, or their description says more than arrays
    can. It has no settings of its own: what it needs to know stands behind the colon.

    Attributes:
        heeds: settings of `data` that mean something to it, beside those that every source heeds; others are refused.
        is_file: whether the argument is a person's own file or folder, all of which can be scored.
    """

    slot = "source"
    required: ClassVar[tuple[str, ...]] = ("arrays|load",)
    heeds: ClassVar[tuple[str, ...]] = ("counts", "window", "group", "fold")
    is_file: ClassVar[bool] = True

    def arrays(self, argument: str) -> Mapping[str, np.ndarray]:
        """Return the examples.

        Args:
            argument: what stands behind the colon.

        Returns:
            `x` (and `y`, labels): splits are cut off by a fixed permutation; or `x_train`, `x_validation`, `x_test` (and
            `y_train`, ...), and the groups that `data.group` names, as `y` is named. Rows of numbers [N, D], or images
            [N, H, W] or [N, H, W, C], or series [N, T, D] of real numbers.
        """
        raise UserNotImplementedError(self.lack("arrays"))

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset as a model reads it that was trained on other data: series where those were; else as ever.

        Args:
            config: as `load`.
            known: the data that the model was trained on.
        """
        if type(self).load is not Source.load:
            is_open = config.series is None and not config.window
            return self.load(config.model_copy(update={"series": known.is_series}) if is_open else config)
        return load_arrays(dict(self.arrays(config.dataset.partition(":")[2])), config, config.dataset, known)

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset: its description, and the splits `train`, `validation` and `test`.

        Args:
            config: `dataset` is `KIND:ARGUMENT`; the shares that are held out, the limit, and what the source heeds.

        Raises:
            UserValueError: the content is unfit.
            UserFileError: a file is missing or damaged.
        """
        return load_arrays(dict(self.arrays(config.dataset.partition(":")[2])), config, config.dataset)
