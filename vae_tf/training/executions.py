"""How many steps run between two returns to Python."""

__all__ = ["choose_steps_per_execution", "fit_executions"]

_LONGEST_EXECUTION = 64


def choose_steps_per_execution(steps: int) -> int:
    """Choose how many steps run between two returns to Python: at most 64, dropping as few of an epoch's steps as can be.

    Example:
        >>> choose_steps_per_execution(468), choose_steps_per_execution(20), choose_steps_per_execution(67)
        (52, 20, 33)
    """
    if steps <= _LONGEST_EXECUTION:
        return steps
    return max(range(_LONGEST_EXECUTION // 2 + 1, _LONGEST_EXECUTION + 1), key=lambda n: (-(steps % n), n))


def fit_executions(steps_per_epoch: int, every: int, wanted: int | None) -> tuple[int, int]:
    """Return how many steps of an epoch are trained on, and how many run in one go: a round is a whole number of goes."""
    if every == 1:
        per_execution = min(wanted or choose_steps_per_execution(steps_per_epoch), steps_per_epoch)
        return steps_per_epoch // per_execution * per_execution, per_execution
    longest = wanted or _LONGEST_EXECUTION
    for steps in range(steps_per_epoch, steps_per_epoch // 2, -1):
        per_execution = max(n for n in range(1, min(longest, steps * every) + 1) if steps * every % n == 0)
        if 2 * per_execution >= min(longest, steps * every):
            return steps, per_execution
    return steps_per_epoch, 1
