"""Starting from another run's weights, where names and shapes agree."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from vae_tf.errors import UserValueError
from vae_tf.training.runs import load_run

__all__ = ["Taken", "init_from", "take_weights"]

_NAMED = 5
_PARTS = ("encoder", "latent", "decoder", "likelihood", "objective_state")


@dataclass(frozen=True)
class Taken:
    """What one model took from another.

    Attributes:
        taken: numbers that were taken.
        total: numbers that the model has.
        left: variables that start anew, by part, name and shape.
    """

    taken: int
    total: int
    left: tuple[str, ...]

    def told(self) -> str:
        """Return it for people.

        Example:
            >>> Taken(90, 100, ("decoder: bias (10,)",)).told()
            '90 of 100 weights; new: decoder: bias (10,)'
        """
        more = ", ..." if len(self.left) > _NAMED else ""
        new = f"; new: {', '.join(self.left[:_NAMED])}{more}" if self.left else ""
        return f"{self.taken:,} of {self.total:,} weights{new}"


def take_weights(target: Any, source: Any) -> Taken:
    """Set a model's variables to another's, part by part, wherever a run of variables has the same names and shapes.

    Args:
        target: the model to set.
        source: a model of the same or another architecture.

    Example:
        >>> from vae_tf.contract.case import model_of
        >>> from vae_tf.contract.made import SPECS
        >>> take_weights(model_of(SPECS[0]), model_of(SPECS[0])).left
        ()
    """
    taken, total, left = 0, 0, []
    for part in _PARTS:
        mine, theirs = (_variables(getattr(model, part, None)) for model in (target, source))
        keys, other_keys = ([(one.name, tuple(one.shape)) for one in found] for found in (mine, theirs))
        new = dict(enumerate(mine))
        for block in SequenceMatcher(None, keys, other_keys, autojunk=False).get_matching_blocks():
            for offset in range(block.size):
                one = new.pop(block.a + offset)
                one.assign(theirs[block.b + offset])
                taken += _size(one)
        total += sum(map(_size, mine))
        left += [f"{part}: {one.name} {tuple(one.shape)}" for one in new.values()]
    return Taken(taken, total, tuple(left))


def _variables(part: Any) -> list[Any]:
    """Return what is learned, and statistics of normalisation; not counters of draws, which are integers."""
    metrics = {id(one) for one in getattr(part, "metrics_variables", ())}
    found = getattr(part, "variables", ())
    return [one for one in found if id(one) not in metrics and "float" in str(one.dtype)]


def _size(variable: Any) -> int:
    return int(variable.value.shape.num_elements())


def init_from(vae: Any, path: str) -> str:
    """Let a model start from a run's weights, before its first step.

    Args:
        vae: the model.
        path: of the run.

    Returns:
        What was taken, for people.

    Raises:
        UserFileError: there is no such run, or it is damaged.
        UserValueError: nothing of it fits.
    """
    loaded = load_run(path)
    found = take_weights(vae, loaded.vae)
    if not found.taken:
        raise UserValueError(
            f"training.init_from must be a run with a similar model. Received: {path}, no weight of which fits."
        )
    return f"Starts from {path} ({loaded.spec.name}): {found.told()}."
