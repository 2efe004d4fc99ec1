"""The real handwritten digits of scikit-learn, 8 x 8: no network needed."""

from vae_tf.config import DataConfig
from vae_tf.data.digits import prepare_digits
from vae_tf.data.embedded import load_embedded
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import Source
from vae_tf.parts.registry import register

__all__ = ["DigitsSource"]


@register("digits")
class DigitsSource(Source):
    """The real handwritten digits of scikit-learn, 8 x 8: no network needed."""

    heeds = ("splits", "resize", "fold")
    is_file = False

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.embedded.load_embedded`."""
        return load_embedded(prepare_digits(config.data_dir), config)
