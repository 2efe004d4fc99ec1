"""The objective that suits the data best."""

from typing import Any

from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register
from vae_tf.parts.settings import read

__all__ = ["AutoObjective"]


@register("auto")
class AutoObjective(Elbo):
    """`free_bits` for texts, else `elbo`. By itself, where no data are known, it is the ELBO."""

    is_auto = True

    @classmethod
    def because(cls, data: Any) -> str:
        """Return the reason."""
        return "else z would fall silent: the next token needs none" if data.is_text else "the bound itself"

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Return the settings of the objective that suits the data best."""
        return read("objective", "free_bits" if data.is_text else "elbo")
