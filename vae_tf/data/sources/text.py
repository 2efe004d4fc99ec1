"""The lines of a text."""

from vae_tf.config import DataConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import Source
from vae_tf.data.text import load_text
from vae_tf.parts.registry import register

__all__ = ["TextSource"]


@register("text")
class TextSource(Source):
    """The lines of a text."""

    heeds = ("fold",)

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.text.load_text`."""
        return load_text(config)
