"""A table: CSV, Parquet, Feather, or a spreadsheet."""

from vae_tf.config import DataConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import ROW_SETTINGS, TABLE_SETTINGS, Source
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.table import load_csv
from vae_tf.parts.registry import register

__all__ = ["CsvSource"]


@register("csv")
class CsvSource(Source):
    """A table: CSV, Parquet, Feather, or a spreadsheet."""

    heeds = (*TABLE_SETTINGS, "sheet", *ROW_SETTINGS)

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.table.load_csv`."""
        return load_csv(config)

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset by the columns of another; see `vae_tf.data.table.load_csv`."""
        return load_csv(config, known)
