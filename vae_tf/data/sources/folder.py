"""The pictures under a folder."""

from vae_tf.config import DataConfig
from vae_tf.data.folder import load_folder
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import Source
from vae_tf.parts.registry import register

__all__ = ["FolderSource"]


@register("folder")
class FolderSource(Source):
    """The pictures under a folder."""

    heeds = ("resize", "group", "fold")

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.folder.load_folder`."""
        return load_folder(config)
