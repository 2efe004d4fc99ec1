"""The pictures under a folder."""

from vae_tf.config import DataConfig
from vae_tf.data.folder import load_folder
from vae_tf.data.pipeline import Dataset
from vae_tf.data.reading import PICTURE_SETTINGS
from vae_tf.data.source import Source
from vae_tf.data.spec import DatasetSpec
from vae_tf.parts.registry import register

__all__ = ["FolderSource"]


@register("folder")
class FolderSource(Source):
    """The pictures under a folder."""

    heeds = ("resize", *PICTURE_SETTINGS, "turn", "profile", "suffixes", "links", "unreadable", "group", "fold")

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.folder.load_folder`."""
        return load_folder(config)

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset in the shape of another; see `vae_tf.data.folder.load_folder`."""
        return load_folder(config, known)
