"""Choice: a setting that the data decided, and why."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Choice", "as_set"]


@dataclass(frozen=True)
class Choice:
    """A setting that was left open and what it became.

    Attributes:
        value: what was chosen, as a configuration says it.
        because: the reason, in a few words.
        path: of the setting, such as `training.batch_size`; empty where the owner knows it.
        others: values that may suit the data better: where the length is left open too, short trainings tell.

    Example:
        >>> Choice(64, "450 examples", "training.batch_size").value
        64
    """

    value: Any
    because: str
    path: str = ""
    others: tuple[Any, ...] = ()


def as_set(value: Any) -> str:
    """Return a value as `--set` takes it.

    Example:
        >>> as_set(True), as_set(None), as_set(64)
        ('true', 'null', '64')
    """
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
