"""The network that suits the data best."""

from typing import Any

from vae_tf.models.networks.base import Network
from vae_tf.parts.known import kinds
from vae_tf.parts.registry import register
from vae_tf.parts.settings import settings_of

__all__ = ["AutoNetwork"]


@register("auto")
class AutoNetwork(Network):
    """`conv` for images of 16 pixels or more a side, `recurrent` for texts and series, else `mlp`."""

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Return the settings of the network that suits the data best."""
        fittest = max(kinds("network").values(), key=lambda part: part.fitness(data))
        return fittest.settle(settings_of(fittest)(), data)
