"""Whether the files of a run, a search or a servable are what was written, without TensorFlow."""

from vae_tf.checking.files import BAD, Row
from vae_tf.checking.folders import Checked, check_folder

__all__ = ["BAD", "Checked", "Row", "check_folder"]
