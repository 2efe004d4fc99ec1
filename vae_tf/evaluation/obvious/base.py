"""What a plain model gives, what ours gives beside it, and the sentence that says which is ahead."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student_t

from vae_tf.evaluation.uncertainty import FEW_EXAMPLES

__all__ = [
    "BITS",
    "NATS",
    "SQUARED_ERROR",
    "Measured",
    "Obvious",
    "ObviousComparison",
    "Plain",
    "Quantity",
    "compare",
    "judge",
    "ratio",
    "read_obvious",
]

Quantity = Literal["nats", "squared error", "bits a character"]
NATS: Quantity = "nats"
SQUARED_ERROR: Quantity = "squared error"
BITS: Quantity = "bits a character"
_NUM_STDERR = 2.0
"""Standard errors within which two numbers count as level."""


@dataclass(frozen=True)
class Obvious:
    """What a plain model gives on the measured examples; lower is better.

    Attributes:
        name: of the plain model.
        quantity: `nats` an example, `squared error` a value, or `bits a character`.
        value: the mean.
        stderr: its standard error over examples; None where there are no numbers by example, or too few.
        is_exact: whether it is the plain model's own number, not a bound of it.
        note: what a reader must know to read it; empty where there is nothing.
    """

    name: str
    quantity: Quantity
    value: float
    stderr: float | None
    is_exact: bool = True
    note: str = ""


@dataclass(frozen=True)
class ObviousComparison:
    """A model beside a plain one, on the same examples in the same units.

    Attributes:
        ours: the model's number.
        obvious: the plain model's.
        difference: ours minus the plain one's: above 0, ours is behind.
        stderr: standard error of the difference, paired by example; None where there are no numbers by example.
        verdict: one sentence.
        is_behind: by more than two standard errors, where the comparison is fair.
        is_ahead: likewise.
        advice: what to change where it is behind, as far as the run says; else empty.
    """

    ours: float
    obvious: Obvious
    difference: float
    stderr: float | None
    verdict: str
    is_behind: bool
    is_ahead: bool
    advice: str = ""


@dataclass(frozen=True)
class Measured:
    """Numbers by example, whose mean is the sum of values over the sum of weights.

    Attributes:
        values: [N].
        weights: [N]; ones, or the characters of a text.

    Example:
        >>> Measured(np.array([2.0, 4.0]), np.array([1.0, 2.0])).mean
        2.0
    """

    values: np.ndarray
    weights: np.ndarray

    @property
    def mean(self) -> float:
        """The sum of values over the sum of weights."""
        return ratio(self.values, self.weights)[0]


@dataclass(frozen=True)
class Plain:
    """A fitted plain model's numbers.

    Attributes:
        name: of the plain model.
        quantity: what its numbers are.
        values: by example [N]; a single one, the total, where it has none by example.
        note: what a reader must know.
        unfair: why it does not compare with ours; empty where it does.
    """

    name: str
    quantity: Quantity
    values: np.ndarray
    note: str = ""
    unfair: str = ""


def ratio(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the sum of values [N] over that of weights [N], and its standard error over examples (0 for one example).

    Example:
        >>> mean, stderr = ratio(np.array([1.0, 2.0, 3.0]), np.ones(3))
        >>> mean, round(stderr, 4)
        (2.0, 0.5774)
    """
    mean = float(values.sum() / weights.sum())
    if len(values) < 2:
        return mean, 0.0
    residuals = (values - mean * weights) / weights.mean()
    return mean, float(np.sqrt((residuals**2).sum() / (len(values) - 1)) / math.sqrt(len(values)))


def compare(ours: Measured, plain: Plain, advice: str = "") -> ObviousComparison:
    """Put a model beside a plain one.

    Args:
        ours: the model's numbers.
        plain: the plain model's, of the same examples.
        advice: what to change, should ours be behind.

    Example:
        >>> ours, plain = Measured(np.array([1.0, 2.0, 3.1]), np.ones(3)), Plain("all", NATS, np.array([3.0, 4.0, 5.0]))
        >>> compare(ours, plain).verdict
        'Ahead of all by 1.967 nats (59.0 standard errors, unsure ones: of 3 examples).'
    """
    own = ours.mean
    if len(plain.values) != len(ours.values):
        value, error = float(plain.values.sum() / ours.weights.sum()), None
        difference, stderr = own - value, None
    else:
        value, error = ratio(plain.values, ours.weights)
        difference, stderr = ratio(ours.values - plain.values, ours.weights)
    error = error if len(ours.values) >= FEW_EXAMPLES else None
    found = judge(
        Obvious(plain.name, plain.quantity, value, error, note=plain.note),
        own,
        difference,
        stderr,
        plain.unfair,
        len(ours.values),
    )
    return replace(found, advice=advice) if found.is_behind else found


def judge(
    obvious: Obvious,
    ours: float,
    difference: float,
    stderr: float | None,
    unfair: str = "",
    num_examples: int = FEW_EXAMPLES,
) -> ObviousComparison:
    """Say who is ahead.

    Args:
        obvious: the plain model's number.
        ours: the model's.
        difference: ours minus the plain one's.
        stderr: its standard error; None where there is none.
        unfair: why the two do not compare; empty where they do.
        num_examples: of few the standard error is unsure itself: it takes more of them to be apart (Student's t).

    Example:
        >>> judge(Obvious("all", NATS, 3.0, 0.1), 2.9, -0.1, 0.1).verdict
        'Level with all: ahead by 0.1 nats, 1.0 standard errors.'
        >>> judge(Obvious("all", NATS, 3.0, 0.1), 2.7, -0.3, 0.1, num_examples=5).verdict
        'Ahead of all by 0.3 nats (3.0 standard errors, unsure ones: of 5 examples).'
    """
    margin = _apart_from(num_examples) * stderr if stderr is not None else 0.0
    is_apart = not unfair and abs(difference) > margin
    few = f", unsure ones: of {num_examples} examples" if num_examples < FEW_EXAMPLES else ""
    verdict = _verdict(obvious, difference, stderr, is_apart, unfair, few)
    return ObviousComparison(
        ours, obvious, difference, stderr, verdict, is_apart and difference > 0, is_apart and difference < 0
    )


def read_obvious(results: Mapping[str, Any]) -> list[ObviousComparison]:
    """Return the comparisons in a run's results; none where the run is older than they.

    Example:
        >>> read_obvious({"nll": 1.0})
        []
    """
    rows = results.get("obvious") or []
    return [ObviousComparison(**{**row, "obvious": Obvious(**row["obvious"])}) for row in rows]


def _apart_from(num_examples: int) -> float:
    """Return how many standard errors apart two numbers are not level any more."""
    if num_examples >= FEW_EXAMPLES or num_examples < 2:
        return _NUM_STDERR
    return float(student_t.ppf(norm.cdf(_NUM_STDERR), num_examples - 1))


def _verdict(plain: Obvious, difference: float, stderr: float | None, is_apart: bool, unfair: str, few: str) -> str:
    """Say in one sentence who is ahead, and by how much."""
    size = f"{abs(difference):.4g} {plain.quantity}"
    if unfair:
        return f"No verdict beside {plain.name}: {unfair}."
    if stderr is None:
        return f"{_side(difference)} {plain.name} by {size} (without a standard error)."
    if not stderr:
        return f"{_side(difference)} {plain.name} by {size} (of one example, or the same in all: no standard error)."
    apart = abs(difference) / stderr
    if is_apart:
        return f"{_side(difference)} {plain.name} by {size} ({apart:.1f} standard errors{few})."
    side = "behind" if difference > 0 else "ahead"
    return f"Level with {plain.name}: {side} by {size}, {apart:.1f} standard errors{few}."


def _side(difference: float) -> str:
    return "Behind" if difference > 0 else "Ahead of" if difference < 0 else "Level with"
