"""Texts: lines, JSON objects, or the files of a folder."""

from vae_tf.config import DataConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import Source
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.text import load_text
from vae_tf.parts.registry import register

__all__ = ["TextSource"]


@register("text")
class TextSource(Source):
    """Texts: lines, JSON objects, or the files of a folder."""

    heeds = ("fold", "links")

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.text.load_text`."""
        return load_text(config)

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset by the vocabulary of another; see `vae_tf.data.text.load_text`."""
        return load_text(config, known)
