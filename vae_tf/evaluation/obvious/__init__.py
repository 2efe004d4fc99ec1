"""The obvious, beside every number: what plain models of the same data give."""

from vae_tf.evaluation.obvious.base import Obvious, ObviousComparison, judge, read_obvious
from vae_tf.evaluation.obvious.fitting import PlainData, fit_obvious
from vae_tf.evaluation.obvious.measuring import ObviousSettings, independent_nats, measure_obvious

__all__ = [
    "Obvious",
    "ObviousComparison",
    "ObviousSettings",
    "PlainData",
    "fit_obvious",
    "independent_nats",
    "judge",
    "measure_obvious",
    "read_obvious",
]
