"""What a Python program has in memory."""

from vae_tf.config import DataConfig
from vae_tf.data.memory import load_memory
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import ROW_SETTINGS, TABLE_SETTINGS, Source
from vae_tf.data.spec import DatasetSpec
from vae_tf.parts.registry import register

__all__ = ["MemorySource"]


@register("memory")
class MemorySource(Source):
    """What a Python program has in memory."""

    heeds = (*TABLE_SETTINGS, *ROW_SETTINGS)
    is_file = False

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.memory.load_memory`."""
        return load_memory(config)

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset by the columns of another; see `vae_tf.data.memory.load_memory`."""
        return load_memory(config, known)
