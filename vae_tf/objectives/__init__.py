"""The bounds that are optimised, and the schedules of their weights."""

from vae_tf.objectives.aggregate import BetaTc, InfoVae, mean_discrepancy, total_correlation
from vae_tf.objectives.baselines import MovingAverage
from vae_tf.objectives.capacity import Capacity
from vae_tf.objectives.elbo import Elbo, Objective
from vae_tf.objectives.free_bits import FreeBits
from vae_tf.objectives.importance import Iwae
from vae_tf.objectives.metrics import SumOfMetrics, TermMean
from vae_tf.objectives.pathwise import GumbelSoftmax, StGumbelSoftmax, StraightThrough
from vae_tf.objectives.schedules import (
    Constant,
    Cosine,
    Cyclical,
    Exponential,
    Learned,
    Linear,
    Schedule,
    Stepwise,
    as_schedule,
)
from vae_tf.objectives.score import Exact, Rebar, ScoreFunction, Vimco
from vae_tf.objectives.semi_supervised import LabelledSet, SemiSupervised

__all__ = [
    "BetaTc",
    "Capacity",
    "Constant",
    "Cosine",
    "Cyclical",
    "Elbo",
    "Exact",
    "Exponential",
    "FreeBits",
    "GumbelSoftmax",
    "InfoVae",
    "Iwae",
    "LabelledSet",
    "Learned",
    "Linear",
    "MovingAverage",
    "Objective",
    "Rebar",
    "Schedule",
    "ScoreFunction",
    "SemiSupervised",
    "StGumbelSoftmax",
    "Stepwise",
    "StraightThrough",
    "SumOfMetrics",
    "TermMean",
    "Vimco",
    "as_schedule",
    "mean_discrepancy",
    "total_correlation",
]
