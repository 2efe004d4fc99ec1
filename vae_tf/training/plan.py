"""What a training leaves open, decided by the data: how long, in what steps, how fast; each with its reason."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vae_tf.config import RunConfig, TrainingConfig
from vae_tf.data.spec import FEW_ROWS, DatasetSpec
from vae_tf.data.text import settle_length
from vae_tf.models.build import settle_model, settle_objective
from vae_tf.parts.base import is_open
from vae_tf.parts.choices import Choice
from vae_tf.parts.settings import Settings, read

__all__ = ["Plan", "choose_steps_per_execution", "plan_of", "plan_run"]

_ROUND_STEPS = 50
"""Steps between two looks at validation, at least, where epochs are shorter."""
_VALIDATION_DRAWS = 1000
"""Draws of z that a look at validation rests on, at least."""
_MOST_DRAWS = 16
_LONGEST_EXECUTION = 64


@dataclass(frozen=True)
class Plan:
    """A training in steps: an epoch is so many, a round so many epochs, then validation and a checkpoint.

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


@dataclass(frozen=True)
class _Budget:
    """How long data of a kind are trained, and how.

    Attributes:
        least: steps, at least.
        most: steps, at most.
        passes: over the data, where that lies between.
        patience: share of the budget without a better validation; None: to the end.
        rate: the greatest learning rate.
        decays: whether it falls to nothing along half a cosine.
        average: momentum of the weights' moving average.
        clip_norm: of the gradient.
        rounds: looks at validation, at most; each writes a checkpoint.
        batches: number of examples below which a batch has so many.
    """

    least: int
    most: int
    passes: int
    patience: float | None
    rate: float
    decays: bool
    average: float
    clip_norm: float | None
    rounds: int
    batches: tuple[tuple[float, int], ...]

    def batch_size(self, count: int) -> int:
        """Return the examples of a step."""
        return next(size for below, size in self.batches if count < below)

    def steps(self, steps_per_epoch: int) -> int:
        """Return the steps of the whole training."""
        return min(self.most, max(self.least, self.passes * steps_per_epoch))


_BATCHES = ((5_000, 32), (20_000, 64), (math.inf, 128))
_BUDGETS = {
    "few rows": _Budget(5_000, 5_000, 1, 0.3, 1e-3, False, 0.99, None, 100, ((FEW_ROWS, 64),)),
    "rows": _Budget(8_000, 20_000, 40, None, 2e-3, True, 0.999, 5.0, 50, ((10_000, 128), (30_000, 256), (math.inf, 512))),
    "pictures": _Budget(2_000, 10_000, 20, None, 1e-3, True, 0.0, 1.0, 20, _BATCHES),
    "texts": _Budget(1_500, 6_000, 20, None, 3e-3, True, 0.0, 1.0, 20, ((math.inf, 64),)),
    "others": _Budget(2_000, 20_000, 40, 0.3, 1e-3, False, 0.0, None, 40, _BATCHES),
}


def _kind(spec: DatasetSpec) -> str:
    """Name the budget. Few rows are trained until they get no better, more along a schedule that ends with the budget."""
    if spec.is_table and spec.is_continuous:
        return "few rows" if spec.num_train < FEW_ROWS else "rows"
    if spec.is_image and spec.is_continuous:
        return "pictures"
    return "texts" if spec.is_text else "others"


def plan_run(config: RunConfig, spec: DatasetSpec, steps: int | None = None) -> tuple[RunConfig, list[Choice]]:
    """Replace all that a configuration leaves open by what the data decide.

    Args:
        config: the configuration.
        spec: the data.
        steps: that there is time for, where `training.minutes` says how long.

    Returns:
        A configuration without `auto`, and what was chosen. One that leaves nothing open comes back as it is.

    Raises:
        UserValueError: a part does not suit the data, or there is more than one length.

    Example:
        >>> spec = DatasetSpec(name="table", event_shape=(9,), value_support="real", num_train=400, num_validation=50)
        >>> planned, chosen = plan_run(RunConfig(), spec)
        >>> planned.training.batch_size, planned.training.epochs, planned.model.network.kind
        (64, 837, 'mlp')
    """
    model = settle_model(config.model, spec)
    training = config.training if steps is None else config.training.model_copy(update={"steps": steps})
    training = _plan_training(training, spec)
    total = plan_of(training, spec.num_train).total
    starts_linear = getattr(model.network, "linear", "none") != "none"
    model = model.model_copy(update={"latents": tuple(_with_warm_up(block, total, starts_linear) for block in model.latents)})
    data, of_data = settle_length(config.data, spec)
    objective = settle_objective(config.objective, model, spec)
    planned = config.model_copy(update={"data": data, "model": model, "objective": objective, "training": training})
    return planned, [*of_data, *_choices(config, planned, spec)]


def _plan_training(training: TrainingConfig, spec: DatasetSpec) -> TrainingConfig:
    budget, count = _BUDGETS[_kind(spec)], max(1, spec.num_train)
    chosen: dict[str, Any] = {
        "batch_size": min(budget.batch_size(count), count),
        "average": budget.average,
        "clip_norm": budget.clip_norm,
        "validation_draws": max(1, min(_MOST_DRAWS, _VALIDATION_DRAWS // max(1, spec.num_validation))),
        "evaluate_every": 1,
        "patience": None,
    }
    training = _filled(training, chosen, ("batch_size", "average", "clip_norm", "validation_draws"))
    steps_per_epoch = max(1, count // min(int(training.batch_size), count))
    if training.epochs == "auto":
        epochs = -(-(training.steps or budget.steps(steps_per_epoch)) // steps_per_epoch)
        chosen["evaluate_every"] = min(epochs, max(-(-_ROUND_STEPS // steps_per_epoch), -(-epochs // budget.rounds)))
        training = _filled(training, chosen, ("evaluate_every",))
        every = int(training.evaluate_every)
        chosen["epochs"] = max(every, round(epochs / every) * every)
        if budget.patience and training.steps is None:
            chosen["patience"] = max(every, round(budget.patience * epochs / every) * every)
    training = _filled(training, chosen, ("epochs", "evaluate_every", "patience"))
    rate = training.learning_rate
    if rate == "auto":
        rate = {"kind": "cosine", "start": budget.rate, "stop": 0.0, "steps": "auto"} if budget.decays else budget.rate
    training = training.model_copy(update={"learning_rate": read("schedule", rate)})
    return training.model_copy(update={"learning_rate": _within(training.learning_rate, plan_of(training, count).total)})


def _within(schedule: Any, total: int) -> Any:
    return schedule.part.within(schedule, total)


def _filled(training: TrainingConfig, chosen: dict[str, Any], names: Sequence[str]) -> TrainingConfig:
    """Return the configuration with what was chosen wherever it is open."""
    return training.model_copy(update={name: chosen[name] for name in names if getattr(training, name) == "auto"})


def choose_steps_per_execution(steps: int) -> int:
    """Choose how many steps run between two returns to Python: at most 64, dropping as few of an epoch's steps as can be.

    Example:
        >>> choose_steps_per_execution(468), choose_steps_per_execution(20), choose_steps_per_execution(67)
        (52, 20, 33)
    """
    if steps <= _LONGEST_EXECUTION:
        return steps
    return max(range(_LONGEST_EXECUTION // 2 + 1, _LONGEST_EXECUTION + 1), key=lambda n: (-(steps % n), n))


def _executions(steps_per_epoch: int, every: int, wanted: int | None) -> tuple[int, int]:
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


def plan_of(training: TrainingConfig, num_train: int) -> Plan:
    """Return a training of which nothing is open, in steps.

    Raises:
        ValueError: something is.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real", num_train=95)
        >>> planned, _ = plan_run(RunConfig(training=TrainingConfig(epochs=3, batch_size=10)), spec)
        >>> plan_of(planned.training, 95).total
        27
    """
    left_open = [name for name in type(training).model_fields if getattr(training, name) == "auto"]
    if left_open:
        raise ValueError(f"training.{left_open[0]} is open: plan_run decides it.")
    plan: Any = training  # every `auto` is gone
    batch_size = min(plan.batch_size, max(1, num_train))
    steps_per_epoch = max(1, num_train // batch_size)
    if plan.steps is not None:
        steps_per_epoch = min(steps_per_epoch, -(-plan.steps // plan.epochs))
    every = min(plan.evaluate_every, plan.epochs)
    epochs = -(-plan.epochs // every) * every
    steps_per_epoch, per_execution = _executions(steps_per_epoch, every, plan.steps_per_execution)
    how = (plan.patience, plan.average, plan.clip_norm, plan.validation_draws)
    return Plan(batch_size, steps_per_epoch, every, epochs, *how, per_execution)


def _with_warm_up(block: Settings, total: int, starts_linear: bool) -> Settings:
    """Return a block whose schedules know the length; a model that starts trained needs no KL warm-up."""
    if is_open(getattr(getattr(block, "kl_weight", None), "steps", None)) and starts_linear:
        block = block.model_copy(update={"kl_weight": read("schedule", 1.0)})
    schedules = {name: getattr(block, name) for name in ("kl_weight", "temperature") if hasattr(block, name)}
    return block.model_copy(update={name: _within(schedule, total) for name, schedule in schedules.items()})


def _choices(config: RunConfig, planned: RunConfig, spec: DatasetSpec) -> Iterator[Choice]:
    """Say what was left open, what it became, and why."""
    for slot in ("network", "likelihood"):
        yield from _of_part(f"model.{slot}", getattr(config.model, slot), getattr(planned.model, slot), spec)
    for index, (before, after) in enumerate(zip(config.model.latents, planned.model.latents, strict=True)):
        path = f"model.latents[{index}]"
        yield from _of_part(path, before, after, spec)
        if is_open(getattr(getattr(before, "kl_weight", None), "steps", None)):
            steps = getattr(after.kl_weight, "steps", None)
            because = "a fifth of the steps, 1,000 at most" if steps else "the start is a trained model"
            yield Choice(f"0 to 1 in {steps:,} steps" if steps else "1", because, f"{path}.kl_weight")
    if is_open(config.objective):
        yield Choice(planned.objective.kind, config.objective.part.because(spec), "objective.kind")
    yield from _of_training(config.training, planned.training, spec)


def _of_part(path: str, before: Settings, after: Settings, spec: DatasetSpec) -> Iterator[Choice]:
    is_chosen = before.part.is_auto
    if is_chosen:
        yield Choice(after.kind, before.part.because(spec), f"{path}.kind")
    for name, choice in after.part.choose(spec).items():
        if is_chosen or is_open(getattr(before, name, None)):
            yield replace(choice, path=f"{path}.{name}")
    for name in type(before).model_fields:
        inner = getattr(before, name)
        if hasattr(inner, "part") and is_open(inner):
            yield Choice(getattr(after, name).kind, inner.part.because(spec), f"{path}.{name}")


def _of_training(before: TrainingConfig, after: TrainingConfig, spec: DatasetSpec) -> Iterator[Choice]:
    plan, budget = plan_of(after, spec.num_train), _BUDGETS[_kind(spec)]
    count = f"{spec.num_train:,} {'rows' if spec.is_table else 'examples'}"
    rate = after.learning_rate
    shown = f"{rate.start:g}, falling to 0" if hasattr(rate, "start") else f"{rate.value:g}"
    no_better = "until validation is no better for so long"
    reasons = {
        "epochs": (after.epochs, f"{count}: {plan.total:,} steps at most"),
        "batch_size": (after.batch_size, count),
        "evaluate_every": (after.evaluate_every, f"{plan.steps_per_epoch} steps an epoch, validation every {plan.round_steps}"),
        "patience": (after.patience, no_better if after.patience else "the rate falls with the budget"),
        "learning_rate": (shown, "to the end of the budget" if budget.decays else "steady, until validation is no better"),
        "clip_norm": (after.clip_norm, "a rare example makes no great step" if after.clip_norm else "not needed"),
        "average": (after.average, "the model is the weights' moving average" if after.average else "the weights as they are"),
        "validation_draws": (after.validation_draws, f"{spec.num_validation:,} examples to validate on"),
    }
    for name, (value, because) in reasons.items():
        if is_open(getattr(before, name)):
            yield Choice(value, because, f"training.{name}")
