"""A TensorFlow Datasets data set; `tfds:` may be left out."""

from vae_tf.config import DataConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.reading import PICTURE_SETTINGS
from vae_tf.data.source import Source
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.tfds_source import load_tfds
from vae_tf.parts.registry import register

__all__ = ["TfdsSource"]


@register("tfds")
class TfdsSource(Source):
    """A TensorFlow Datasets data set; `tfds:` may be left out."""

    heeds = ("splits", "resize", *PICTURE_SETTINGS)
    is_file = False

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.tfds_source.load_tfds`."""
        return load_tfds(config.model_copy(update={"dataset": config.dataset.removeprefix("tfds:")}))

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset, of texts by the vocabulary of another; see `vae_tf.data.tfds_source.load_tfds`."""
        return load_tfds(config.model_copy(update={"dataset": config.dataset.removeprefix("tfds:")}), known)
