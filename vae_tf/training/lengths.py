"""How long a training a time is enough for, by what its parts take."""

from dataclasses import dataclass

__all__ = ["ROUND_STEPS", "Length", "length_within"]

ROUND_STEPS = 50
"""Steps between two looks at validation, at least, where epochs are shorter."""
_LOOKS = 10
"""Looks at validation within a time, at least, where they do not take more than a tenth of it."""


@dataclass(frozen=True)
class Length:
    """What there is time for.

    Attributes:
        steps: of the whole training.
        round_steps: steps between two looks at validation, at most.
    """

    steps: int
    round_steps: int


def length_within(seconds: float, step: float, look: float, round_steps: int) -> Length:
    """Return the longest training that a time is enough for, with some looks at validation on the way.

    Args:
        seconds: the time.
        step: what a step takes.
        look: what a look at validation takes.
        round_steps: between two looks, where there is time enough.

    Example:
        >>> length_within(100.0, step=0.01, look=1.0, round_steps=50_000)
        Length(steps=9090, round_steps=1000)
    """
    rounds = max(ROUND_STEPS, int(seconds / step / _LOOKS), int((_LOOKS - 1) * look / step))
    round_steps = min(round_steps, rounds)
    return Length(max(1, int(seconds / (step + look / round_steps))), round_steps)
