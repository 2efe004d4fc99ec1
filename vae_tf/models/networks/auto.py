"""The network that suits the data best."""

from typing import Any

from vae_tf.models.networks.base import Network
from vae_tf.parts.registry import register
from vae_tf.parts.settings import fittest

__all__ = ["AutoNetwork"]


@register("auto")
class AutoNetwork(Network):
    """`recurrent` for texts; of pictures `conv` where they are many, 16 pixels or more a side; else `mlp`."""

    is_auto = True

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Return the settings of the network that suits the data best."""
        return fittest("network", data)
