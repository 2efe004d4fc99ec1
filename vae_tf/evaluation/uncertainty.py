"""How sure a mean over examples is, in words; and a difference of shares."""

import math

__all__ = ["FEW_EXAMPLES", "error_text", "errors_apart", "with_error"]

FEW_EXAMPLES = 30
"""Examples below which a standard error is itself too unsure to be printed as if it were known."""


def error_text(stderr: float | None, num_examples: int, digits: int = 2) -> str:
    """Return a standard error as it stands behind a mean; that there is none, where examples are too few for one.

    Args:
        stderr: standard error over examples; None where there is none.
        num_examples: how many there are.
        digits: behind the point.

    Example:
        >>> error_text(0.123, 500), error_text(0.123, 6), error_text(None, 500)
        (' ± 0.12', ' (± unknown: 6 examples)', '')
    """
    if stderr is None:
        return ""
    if num_examples < FEW_EXAMPLES:
        return f" (± unknown: {num_examples} examples)"
    return f" ± {stderr:.{digits}f}"


def with_error(value: float, stderr: float | None, num_examples: int, digits: int = 2) -> str:
    """Return a mean over examples and its standard error, as far as that is known; see `error_text`.

    Example:
        >>> with_error(2.5, 0.123, 500), with_error(2.5, 0.123, 6)
        ('2.50 ± 0.12', '2.50 (± unknown: 6 examples)')
    """
    return f"{value:.{digits}f}{error_text(stderr, num_examples, digits)}"


def errors_apart(share: float, other: float, num: int) -> float:
    """Return by how many standard errors a share is more than another, of as many examples; one of either more (Laplace).

    Example:
        >>> round(errors_apart(0.5, 0.1, 100), 1)
        6.8
    """
    smoothed = [(one * num + 1.0) / (num + 2.0) for one in (share, other)]
    return (share - other) / math.sqrt(sum(one * (1.0 - one) for one in smoothed) / num)
