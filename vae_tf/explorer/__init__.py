"""Explorer: a page that looks into a served model, its data on a map, every point of it decoded; by its signatures alone."""

from vae_tf.explorer.app import ExplorerApp
from vae_tf.explorer.subject import Subject

__all__ = ["ExplorerApp", "Subject"]
