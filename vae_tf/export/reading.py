"""A signature that tells clients how files are read for the model: they do not have the run."""

import numpy as np
import tensorflow as tf

from vae_tf.data.file_reading import FileReading
from vae_tf.data.spec import DatasetSpec
from vae_tf.export.bounds import ValueBounds
from vae_tf.export.functions import Tensors
from vae_tf.export.signature import Input, Signature

__all__ = ["reading_signature"]


def reading_signature(spec: DatasetSpec) -> Signature:
    """Return the signature `reading`: from 0 to how pictures, texts and labels become inputs.

    Args:
        spec: what the model was trained on.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real", label_names=("cat", "dog"))
        >>> told = reading_signature(spec)(tf.constant([0], tf.int64))["reading"].numpy()[0]
        >>> FileReading.told(told.decode()).labels(["dog"]).tolist()
        [1]
    """
    told = FileReading.of(spec.model_dump()).text()

    def function(number: tf.Tensor) -> Tensors:
        return {"reading": tf.gather(tf.constant([told]), number)}

    number = Input(tf.TensorSpec([None], tf.int64, name="number"), "0", np.int64(0), bounds=ValueBounds(0, 0, is_whole=True))
    doc = "what is done to files before they are inputs, and the labels' names, an object in JSON"
    return Signature("reading", function, (number,), {"reading": doc})
