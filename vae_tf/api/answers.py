"""A model's signatures, asked in this process: the same functions that a server runs, in batches of bounded size."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.spec import DatasetSpec
from vae_tf.export.signature import Signature
from vae_tf.export.signatures import array_signatures
from vae_tf.models.vae import VAE

__all__ = ["Answers"]

_UNKNOWN_LABEL = -1


class Answers:
    """Answers requests as the exported model would.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
        batch_size: rows that are computed at once.

    Example:
        >>> from vae_tf.config import ModelConfig
        >>> from vae_tf.models import build_vae
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real")
        >>> answers = Answers(build_vae(ModelConfig.model_validate({"latents": [{"kind": "gaussian", "size": 3}]}), spec), spec)
        >>> answers.ask("encode", "mean", {"x": np.zeros([5, 2])}).shape
        (5, 3)
    """

    def __init__(self, vae: VAE, spec: DatasetSpec, batch_size: int = 500) -> None:
        self.batch_size = batch_size
        self._signatures = {signature.name: signature for signature in array_signatures(vae, spec)}
        self._functions: dict[str, Any] = {}

    def ask(self, name: str, output: str, inputs: Mapping[str, Any]) -> np.ndarray:
        """Return one output of a signature, [N, ...].

        Args:
            name: of the signature.
            output: its name.
            inputs: arrays [N, ...] by name; labels that are not given are unknown.
        """
        signature = self._signatures[name]
        count = len(next(iter(inputs.values())))
        rows = [_filled(inputs.get(field.name), count).astype(field.spec.dtype.as_numpy_dtype) for field in signature.inputs]
        function = self._functions.setdefault(name, _compiled(signature))
        starts = range(0, count, self.batch_size)
        parts = [function(*(tf.constant(row[first : first + self.batch_size]) for row in rows))[output] for first in starts]
        return np.concatenate([part.numpy() for part in parts])


def _filled(value: Any, count: int) -> np.ndarray:
    return np.full(count, _UNKNOWN_LABEL) if value is None else np.asarray(value)


def _compiled(signature: Signature) -> Any:
    def answer(*tensors: tf.Tensor) -> Any:
        return signature(*tensors)

    return tf.function(answer, input_signature=[field.spec for field in signature.inputs], autograph=False)
