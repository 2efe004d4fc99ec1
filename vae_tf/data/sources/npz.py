"""The arrays of a NumPy archive."""

from vae_tf.config import DataConfig
from vae_tf.data.arrays import load_npz
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import Source
from vae_tf.data.spec import DatasetSpec
from vae_tf.parts.registry import register

__all__ = ["NpzSource"]


@register("npz")
class NpzSource(Source):
    """The arrays of a NumPy archive, or the series of a file of the UCR and UEA archives."""

    heeds = ("counts", "window", "gaps", "group", "fold")

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.arrays.load_npz`."""
        return load_npz(config)

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset as series or windows where the other is; see `vae_tf.data.arrays.load_npz`."""
        return load_npz(config, known)
