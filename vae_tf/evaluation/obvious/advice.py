"""What to change where a model is behind a plain one: only what the run itself shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_tf.evaluation.bounds import ExampleBounds
from vae_tf.evaluation.curve import read_curve
from vae_tf.evaluation.obvious.base import NATS, SQUARED_ERROR, Quantity

__all__ = ["Evidence", "advise"]

_COLLAPSED_NATS = 0.1
_NATS_A_NUMBER = 1.0
_UNEQUAL = 2.0
"""How many times the least of the columns' errors the greatest is, for one scale to be wrong for them (10 % to 90 %)."""


@dataclass(frozen=True)
class Evidence:
    """What a run shows of why its model may be behind.

    Attributes:
        records: the epochs' metrics.
        bounds: of the measured examples.
        column_errors: root mean square error of every value, [D]; empty where there are no reconstructions.
        code_size: numbers in a code.
        scale_kind: of the likelihood; empty where it has none.
        has_density: whether the model has a likelihood of x.
    """

    records: Sequence[Mapping[str, Any]]
    bounds: ExampleBounds
    column_errors: np.ndarray
    code_size: int
    scale_kind: str = ""
    has_density: bool = True


def advise(evidence: Evidence, quantity: Quantity, difference: float) -> str:
    """Return what to change, in sentences; empty where the run does not say.

    Args:
        evidence: of the run.
        quantity: in what the model is behind.
        difference: by how much.
    """
    said = [*_about_curve(evidence.records), *_about_collapse(evidence)]
    if quantity == NATS:
        said += [*_about_samples(evidence.bounds, difference), *_about_scale(evidence)]
    if quantity == SQUARED_ERROR:
        said += _about_rate(evidence)
    return " ".join(said)


def _about_curve(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say whether training ended too early, or learned the examples by heart."""
    verdict = read_curve(records)
    return [f"{verdict.text} {verdict.advice}"] if verdict.name in ("unfinished", "overfitted", "noisy") else []


def _about_collapse(evidence: Evidence) -> list[str]:
    if not evidence.has_density:
        return []
    kl = {name: float(values.mean()) for name, values in evidence.bounds.kl.items()}
    return [
        f"Block {name} has collapsed (KL {value:.3f} nats): a longer warm-up, model.latents[{index}].kl_weight."
        for index, (name, value) in enumerate(kl.items())
        if value < _COLLAPSED_NATS
    ]


def _about_rate(evidence: Evidence) -> list[str]:
    """Say what a code holds, where it is little: the plain model's numbers are exact, and cost it nothing."""
    kl = float(sum(values.mean() for values in evidence.bounds.kl.values()))
    if not evidence.has_density or kl > _NATS_A_NUMBER * evidence.code_size:
        return []
    return [
        f"A code tells {kl:.3g} nats in {evidence.code_size} numbers, which the plain model keeps exactly: the likelihood "
        "gains by that, reconstructions lose. Where they matter more, lower model.latents[0].kl_weight below 1."
    ]


def _about_samples(bounds: ExampleBounds, difference: float) -> list[str]:
    """Say whether the bound is loose: where a tenth of the samples gives much more."""
    if len(bounds.nll_at) < 3:
        return []
    *_, before, last = bounds.nll_at
    fall = float(np.mean(bounds.nll_at[before]) - np.mean(bounds.nll_at[last]))
    if fall < 0.25 * difference:
        return []
    return [f"The bound still fell by {fall:.3g} nats from {before} to {last} samples: evaluate --num-samples {10 * last}."]


def _about_scale(evidence: Evidence) -> list[str]:
    if evidence.scale_kind in ("", "elementwise") or len(evidence.column_errors) < 2:
        return []
    low, high = np.quantile(evidence.column_errors, [0.1, 0.9])
    if high < _UNEQUAL * low:
        return []
    return [
        f"The columns' errors differ ({low:.2g} to {high:.2g}), and one scale serves all: --set "
        "model.likelihood.scale_kind=elementwise."
    ]
