"""The verdict over a training: what its curve shows, and what to do about it. One curve, one verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import linregress

__all__ = ["AGAIN", "CurveVerdict", "read_curve"]

AGAIN = "train --resume"
"""What goes on with a run, where the run's own folder is not known."""
_FEWEST = 3
"""Looks at validation below which a curve shows nothing."""
_ENOUGH = 8
"""Looks below which a bend cannot be told from a jump."""
_TAIL = 1 / 4
"""Share of the looks, the last ones, that tell whether validation still falls."""
_NOTICED = 0.005
"""Share of what was gained in all, or of the number itself, from which a fall or a rise counts."""
_NOISY = 0.25
"""Share of what was gained in all that validation jumps by between two looks, from which the curve is noise."""
_CLEAR = 8.0
"""Jumps by which validation has risen where it is no noise: the least of many looks is low by chance."""
_LATE = 0.9
"""Share of the training after which a best epoch is no sign of overfitting."""
_STANDARD_ERRORS = 3.0
_ENDED = 0.1
"""Share of its greatest value below which a learning rate has come to its end."""


@dataclass(frozen=True)
class CurveVerdict:
    """What a training curve shows.

    Attributes:
        name: `short`: too few looks to tell; `unfinished`: validation still fell; `overfitted`: it rose from the best epoch on
            while training fell; `noisy`: it jumps more than it fell; `done`: none of these.
        text: a sentence with the numbers.
        advice: what to do; empty where there is nothing.
    """

    name: Literal["short", "unfinished", "overfitted", "noisy", "done"]
    text: str
    advice: str = ""


def read_curve(records: Sequence[Mapping[str, Any]]) -> CurveVerdict:
    """Read the curve of a training.

    Args:
        records: the metrics of every look: `epoch`, `step`, `negative_elbo`, `val_negative_elbo`, and schedules' values.

    Example:
        >>> falling = [
        ...     {"epoch": e, "step": 10 * e, "negative_elbo": 100 - e, "val_negative_elbo": 101 - e} for e in range(1, 9)
        ... ]
        >>> read_curve(falling).text
        'Not finished: validation still fell by 1 nats an epoch at the end, step 80.'
    """
    looks = [record for record in records if {"negative_elbo", "val_negative_elbo"} <= set(record)]
    if len(looks) < _FEWEST:
        return CurveVerdict(
            "short",
            f"Looks at validation: {len(looks)}, too few to tell how the training went.",
            _longer(looks),
        )
    epochs = np.array([float(look["epoch"]) for look in looks])
    values = np.array([float(look["val_negative_elbo"]) for look in looks])
    trained = np.array([float(look["negative_elbo"]) for look in looks])
    best = int(values.argmin())
    gained = max(values[0] - values[best], 1e-9)
    noticed = _NOTICED * max(gained, min(abs(values[best]), gained * 10))
    jump = _jump(values)
    rate = _fall(epochs, values, noticed)
    if rate:
        text = f"Not finished: validation still fell by {rate:.3g} nats an epoch at the end, step {_step(looks[-1])}."
        return CurveVerdict("unfinished", text + _warm_up(looks[-1]), _longer(looks))
    after = values[best + 1 :]
    rise = float(np.mean(after[-max(1, len(after) // 2) :]) - values[best]) if len(after) else 0.0
    falls = bool(len(after)) and trained[-1] < trained[best]
    if len(looks) >= _ENOUGH and jump > _NOISY * gained and rise < _CLEAR * jump:
        return CurveVerdict(
            "noisy",
            f"Noisy: validation jumps by {jump:.3g} nats between two looks, beside {gained:.3g} nats gained in all.",
            "Lower training.learning_rate, set training.clip_norm=1, or hold out more (data.validation_fraction).",
        )
    if epochs[best] < _LATE * epochs[-1] and falls and rise > max(_STANDARD_ERRORS * jump, noticed):
        return CurveVerdict(
            "overfitted",
            _overfitted(looks[best], rise),
            "A smaller network (model.network.widths), model.network.dropout or training.weight_decay may do better; more data "
            "will.",
        )
    text = f"Done: validation was best at step {_step(looks[best])} of {_step(looks[-1])}"
    if epochs[best] >= _LATE * epochs[-1] and _fell(values, jump, noticed):
        longer = f"a longer training (--epochs {2 * int(epochs[-1])}) may do better"
        return CurveVerdict("done", f"{text}, to the end of the budget: {longer}.")
    return CurveVerdict("done", f"{text} and got no better.")


def _overfitted(best: Mapping[str, Any], rise: float) -> str:
    if not best["epoch"]:
        return (
            f"Overfitted from the start: validation rose by {rise:.3g} nats while training fell. The model is the start, a "
            "plain model of the data."
        )
    step, gap = _step(best), best["val_negative_elbo"] - best["negative_elbo"]
    return (
        f"Overfitted since step {step}: validation then rose by {rise:.3g} nats while training fell on. The model is that of "
        f"step {step}, where validation was {gap:.3g} nats worse than training."
    )


def _step(look: Mapping[str, Any]) -> str:
    return f"{int(look.get('step', look['epoch'])):,}"


def _tail(values: np.ndarray) -> int:
    return len(values) - max(_FEWEST, round(_TAIL * len(values)))


def _jump(values: np.ndarray) -> float:
    """Return by how much validation scatters, from how it differs from the middle of its neighbours: 0 on a straight line."""
    bends = values[2:] - 2 * values[1:-1] + values[:-2]
    late = bends[len(bends) // 4 :]
    return float(np.sqrt(np.mean(late**2) / 6.0)) if len(late) else 0.0


def _fall(epochs: np.ndarray, values: np.ndarray, noticed: float) -> float:
    """Return by how much validation falls an epoch in its last quarter; 0 where that is scatter, too little, or over."""
    start = _tail(values)
    line = linregress(epochs[start:], values[start:])
    span = epochs[-1] - epochs[start]
    is_sure = -line.slope > _STANDARD_ERRORS * line.stderr and -line.slope * span > 2 * noticed
    return float(-line.slope) if is_sure and values[-2:].min() <= values[:-2].min() else 0.0


def _fell(values: np.ndarray, jump: float, noticed: float) -> bool:
    """Return whether validation is lower in its last quarter than in the one before, by more than scatter."""
    num = len(values) - _tail(values)
    before, last = values[-2 * num : -num], values[-num:]
    fall = float(before.mean() - last.mean()) if len(before) else 0.0
    return fall > max(noticed, _STANDARD_ERRORS * jump * np.sqrt(2.0 / num))


def _warm_up(last: Mapping[str, Any]) -> str:
    weights = [float(value) for key, value in last.items() if key.startswith("kl_weight_")]
    low = min(weights, default=1.0)
    return f" The KL weight had come to {low:.2g} only." if 0 < low < 0.99 else ""


def _longer(looks: Sequence[Mapping[str, Any]]) -> str:
    """Say how to train for longer: anew where the learning rate has come to its end, for going on would change nothing."""
    if not looks:
        return "Train for longer (--epochs)."
    epochs = 2 * int(looks[-1].get("epoch", len(looks)))
    rates = [float(look.get("learning_rate", 1.0)) for look in looks]
    if rates[-1] < _ENDED * max(rates):
        return f"Train anew with --epochs {epochs}: the learning rate has come to its end."
    return f"Go on with {AGAIN} --epochs {epochs}"
