"""The bounds that are optimised, and the schedules of their weights."""

from vae_tf.objectives.elbo import Elbo, Objective
from vae_tf.objectives.metrics import SumOfMetrics, TermMean
from vae_tf.objectives.schedules import Constant, Cosine, Exponential, Linear, Schedule, as_schedule

__all__ = [
    "Constant",
    "Cosine",
    "Elbo",
    "Exponential",
    "Linear",
    "Objective",
    "Schedule",
    "SumOfMetrics",
    "TermMean",
    "as_schedule",
]
