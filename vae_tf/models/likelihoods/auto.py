"""The likelihood that suits the data best."""

from typing import Any

from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.parts.registry import register
from vae_tf.parts.settings import fittest

__all__ = ["AutoLikelihood"]


@register("auto")
class AutoLikelihood(Likelihood):
    """`bernoulli` for zeros and ones, `recurrent_text` for texts, `negative_binomial` for counts, else `gaussian`."""

    is_auto = True

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Return the settings of the likelihood that suits the data best."""
        return fittest("likelihood", data)
