"""The same SavedModel served by BentoML, as its documentation has it: one array in, one array out, in JSON.

Two ways: each request computed for itself, and requests merged by BentoML's adaptive batching. Started by `serving_sides.py`.
"""

import os
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import DType

Array = Annotated[np.ndarray, DType("float32")]


@bentoml.service(workers=int(os.environ["PEER_WORKERS"]), traffic={"timeout": 60})
class Reconstruct:
    """One signature of a SavedModel."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._constant = tf.constant
        self._model = tf.saved_model.load(os.environ["PEER_SAVED_MODEL"])
        self._signature = self._model.signatures["reconstruct"]

    def _compute(self, x: np.ndarray) -> np.ndarray:
        images = self._constant(x.reshape(-1, 28, 28, 1), "float32")
        return self._signature(x=images)["reconstruction"].numpy().reshape(x.shape)

    @bentoml.api
    def alone(self, x: Array) -> Array:
        """Compute a request."""
        return self._compute(x)

    @bentoml.api(batchable=True, max_batch_size=256, max_latency_ms=10_000)
    def merged(self, x: Array) -> Array:
        """Compute requests that wait at the same time as one."""
        return self._compute(x)
