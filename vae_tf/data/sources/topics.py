"""Simulated documents as counts of words."""

from vae_tf.config import DataConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.simulated import load_topics
from vae_tf.data.source import Source
from vae_tf.parts.registry import register

__all__ = ["TopicsSource"]


@register("topics")
class TopicsSource(Source):
    """Simulated documents as counts of words."""

    heeds = ("fold",)
    is_file = False

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.simulated.load_topics`."""
        return load_topics(config)
