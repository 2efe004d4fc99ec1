"""Serving: a server for SavedModels that speaks TensorFlow Serving's REST and gRPC, and a client of both.

Importing this imports no TensorFlow: the client needs none. The server is in `vae_tf.serving.server`.
"""

from vae_tf.serving.client import Client
from vae_tf.serving.codes import Code, ServingError

__all__ = ["Client", "Code", "ServingError"]
