"""A training in steps."""

from dataclasses import dataclass
from typing import Any

from vae_tf.config import TrainingConfig
from vae_tf.training.executions import fit_executions

__all__ = ["Plan", "passes", "plan_of"]


@dataclass(frozen=True)
class Plan:
    """A training in steps: an epoch is so many, a round so many epochs, then validation and a checkpoint.

    An epoch is a pass over the training split, or one of the `parts` of it.

    Attributes:
        batch_size: examples a step.
        steps_per_epoch: full batches of an epoch that are trained on.
        every: epochs of a round.
        epochs: of the whole training, a multiple of `every`.
        patience: epochs without a better validation before it stops; None: to the end.
        average: momentum of the weights' moving average; 0: none.
        clip_norm: of the gradient; None: not clipped.
        validation_draws: draws of z an example of the validation split.
        steps_per_execution: steps between two returns to Python.
        parts: epochs of a pass.
    """

    batch_size: int
    steps_per_epoch: int
    every: int = 1
    epochs: int = 1
    patience: int | None = None
    average: float = 0.0
    clip_norm: float | None = None
    validation_draws: int = 1
    steps_per_execution: int = 1
    parts: int = 1

    @property
    def unit(self) -> str:
        """What an epoch is called."""
        return "epoch" if self.parts == 1 else "part"

    @property
    def round_steps(self) -> int:
        """Steps of a round."""
        return self.steps_per_epoch * self.every

    @property
    def rounds(self) -> int:
        """Rounds of the whole training."""
        return self.epochs // self.every

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.steps_per_epoch * self.epochs


def passes(training: TrainingConfig, count: int) -> tuple[int, int]:
    """Return the steps of an epoch, and the epochs of a pass over so many examples: all full batches, but for the last ones."""
    steps = count // min(int(training.batch_size), count)
    parts = min(training.parts, steps)
    return steps // parts, parts


def plan_of(training: TrainingConfig, num_train: int) -> Plan:
    """Return a training of which nothing is open, in steps.

    Raises:
        ValueError: something is.

    Example:
        >>> chosen = {"patience": None, "average": 0.0, "clip_norm": None, "validation_draws": 1, "evaluate_every": 1}
        >>> chosen |= {"augment": (), "jit_compile": False}
        >>> plan_of(TrainingConfig(epochs=3, batch_size=10, learning_rate=1e-3, **chosen), 95).total
        27
    """
    left_open = [name for name in type(training).model_fields if getattr(training, name) == "auto"]
    if left_open:
        raise ValueError(f"training.{left_open[0]} is open: plan_run decides it.")
    plan: Any = training  # every `auto` is gone
    steps_per_epoch, parts = passes(training, max(1, num_train))
    if plan.steps is not None:
        steps_per_epoch = min(steps_per_epoch, -(-plan.steps // plan.epochs))
    every = min(plan.evaluate_every, plan.epochs)
    epochs = -(-plan.epochs // every) * every
    steps_per_epoch, per_execution = fit_executions(steps_per_epoch, every, plan.steps_per_execution)
    how = (plan.patience, plan.average, plan.clip_norm, plan.validation_draws)
    batch_size = min(plan.batch_size, max(1, num_train))
    return Plan(batch_size, steps_per_epoch, every, epochs, *how, per_execution, parts)
