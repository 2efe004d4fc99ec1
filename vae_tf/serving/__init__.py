"""Serving: a server for SavedModels that speaks TensorFlow Serving's REST and gRPC, and a client of both.

Importing this imports no TensorFlow: the client needs none. The server is in `vae_tf.serving.server`.
"""

from typing import TYPE_CHECKING

from vae_tf.lazy import lazy_names

if TYPE_CHECKING:
    from vae_tf.serving.client import Client
    from vae_tf.serving.codes import Code, ServingError

__all__ = ["Client", "Code", "ServingError"]

_MODULES = {"Client": "client", "Code": "codes", "ServingError": "codes"}
__getattr__ = lazy_names(__name__, _MODULES)
