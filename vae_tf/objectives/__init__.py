"""The bounds that are optimised, one file a family; `from vae_tf.objectives import Iwae` finds a family by its class."""

from typing import Any

from vae_tf.objectives.base import Objective
from vae_tf.objectives.baselines import MovingAverage
from vae_tf.objectives.metrics import CodePerplexity, SumOfMetrics, TermMean
from vae_tf.parts.known import class_named

__all__ = ["CodePerplexity", "MovingAverage", "Objective", "SumOfMetrics", "TermMean"]


def __getattr__(name: str) -> Any:
    """Find a family by its class."""
    return class_named(name, "objective")
