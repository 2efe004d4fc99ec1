"""Two simulated sensors, rows in time."""

from vae_tf.config import DataConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.simulated import load_waves
from vae_tf.data.source import Source
from vae_tf.parts.registry import register

__all__ = ["WavesSource"]


@register("waves")
class WavesSource(Source):
    """Two simulated sensors, rows in time."""

    heeds = ("window",)
    is_file = False

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.simulated.load_waves`."""
        return load_waves(config)
