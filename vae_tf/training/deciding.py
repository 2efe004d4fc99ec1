"""What a training leaves open, decided by the data: how long, in what steps, how fast."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vae_tf.config import RunConfig, TrainingConfig
from vae_tf.data.looking import NOT_LOOKED, Look, look_at
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import FEW_ROWS, MANY_ROWS, DatasetSpec
from vae_tf.data.text import settle_length
from vae_tf.models.build import settle_model, settle_objective
from vae_tf.parts.base import is_open
from vae_tf.parts.choices import Choice
from vae_tf.parts.describe import PACKAGE, describe
from vae_tf.parts.settings import Settings, read
from vae_tf.parts.types import KL_WARM_UP
from vae_tf.training.lengths import ROUND_STEPS, Length
from vae_tf.training.plan import passes, plan_of
from vae_tf.training.reasons import reasons

__all__ = ["look_for", "plan_run"]

_VALIDATION_DRAWS = 1000
"""Draws of z that a look at validation rests on, at least."""
_MOST_DRAWS = 16
_LONG = 3000
"""Steps from which on compiling for seconds is paid back by shorter steps."""
_LONG_MINUTES = 1.0
"""The same of a training that is given a time, whose steps are measured first."""
_HIDDEN = 0.1
"""Share of the cells of few rows that the encoder does not see in training."""


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
    "few cells": _Budget(1_500, 5_000, 200, None, 3e-3, True, 0.99, 5.0, 30, ((math.inf, 64),)),
    "cells": _Budget(5_000, 20_000, 150, None, 2e-3, True, 0.999, 5.0, 20, ((10_000, 128), (30_000, 256), (math.inf, 512))),
    "counts": _Budget(6_000, 20_000, 40, None, 2e-3, True, 0.99, None, 50, _BATCHES),
    "texts": _Budget(1_500, 6_000, 20, None, 3e-3, True, 0.0, 1.0, 20, ((math.inf, 64),)),
    "others": _Budget(2_000, 20_000, 40, 0.3, 1e-3, False, 0.0, None, 40, _BATCHES),
}


def _kind(spec: DatasetSpec) -> str:
    """Name the budget. Few rows are trained until they get no better, more along a schedule that ends with the budget."""
    if (spec.is_table or spec.is_series) and spec.is_continuous:
        return "few rows" if spec.num_train < FEW_ROWS else "rows"
    if spec.is_image and spec.is_continuous:
        return "pictures"
    if spec.is_mixed:
        return "cells" if spec.num_train >= MANY_ROWS else "few cells"
    if spec.value_support == "count":
        return "counts"
    return "texts" if spec.is_text else "others"


def plan_run(
    config: RunConfig, spec: DatasetSpec, length: Length | None = None, look: Look = NOT_LOOKED, num_replicas: int = 1
) -> tuple[RunConfig, list[Choice]]:
    """Replace all that a configuration leaves open by what the data decide.

    Args:
        config: the configuration.
        spec: the data.
        length: what there is time for, where `training.minutes` says how long.
        look: at the examples; default: none was taken.
        num_replicas: that train it together.

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
    training = _plan_training(config.training, spec, length, look)
    total = plan_of(training, spec.num_train).total
    starts_linear = getattr(model.network, "linear", "none") != "none"
    model = model.model_copy(update={"latents": tuple(_with_warm_up(block, total, starts_linear) for block in model.latents)})
    data, of_data = settle_length(config.data, spec)
    objective = _within_all(settle_objective(config.objective, model, spec), total)
    if is_open(config.training.jit_compile):
        parts = (model.network, model.likelihood, objective, *model.latents)
        training = training.model_copy(update={"jit_compile": num_replicas == 1 and _gains_compiled(parts, training, total)})
    planned = config.model_copy(update={"data": data, "model": model, "objective": objective, "training": training})
    return planned, [*of_data, *reasons(config, planned, spec, look)]


def _plan_training(training: TrainingConfig, spec: DatasetSpec, length: Length | None, look: Look) -> TrainingConfig:
    budget, count = _BUDGETS[_kind(spec)], max(1, spec.num_train)
    chosen: dict[str, Any] = {
        "batch_size": min(budget.batch_size(count), count),
        "average": budget.average,
        "clip_norm": budget.clip_norm,
        "validation_draws": max(1, min(_MOST_DRAWS, _VALIDATION_DRAWS // max(1, spec.num_validation))),
        "augment": _augmentations(spec, look),
        "evaluate_every": 1,
        "patience": None,
        "jit_compile": False,  # until the whole length is known: see plan_run
    }
    training = _filled(training, chosen, ("batch_size", "average", "clip_norm", "validation_draws", "augment", "jit_compile"))
    if length is not None:
        steps, parts = passes(training, count)
        parts = max(parts, steps * parts // length.round_steps)
        training = training.model_copy(update={"steps": length.steps, "parts": parts})
    steps_per_epoch, parts = passes(training, count)
    if training.epochs == "auto":
        epochs = -(-(training.steps or budget.steps(steps_per_epoch * parts)) // steps_per_epoch)
        chosen["evaluate_every"] = min(epochs, max(-(-ROUND_STEPS // steps_per_epoch), -(-epochs // budget.rounds)))
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


def _augmentations(spec: DatasetSpec, look: Look) -> tuple[Settings, ...]:
    """Return the changes of training examples that the data call for."""
    if _kind(spec) == "few cells":
        return (read("augmentation", {"kind": "mask", "share": _HIDDEN}),)
    return (read("augmentation", "flip"),) if look.may_mirror and spec.has_few_pictures else ()


def look_for(training: TrainingConfig, dataset: Dataset) -> Look:
    """Look at the data, where that decides something which is open."""
    return look_at(dataset) if is_open(training.augment) else NOT_LOOKED


def _gains_compiled(parts: Iterable[Settings], training: TrainingConfig, total: int) -> bool:
    """Return whether a compiled loop pays: for networks that gain by it, of parts that XLA is known to take, in long runs."""
    parts = network, likelihood, *_ = tuple(parts)
    is_long = total >= _LONG or (training.minutes or 0.0) >= _LONG_MINUTES
    known = all(describe(one.part).owner == PACKAGE for part in parts for one in _with_inner(part))
    gains = network.part.gains_compiled and likelihood.part.gains_compiled
    return bool(gains and is_long and known and training.precision == "float32")


def _with_inner(settings: Settings) -> Iterator[Settings]:
    """Give a part's settings, and those of the parts within."""
    yield settings
    for name in type(settings).model_fields:
        inner = getattr(settings, name)
        if hasattr(inner, "part"):
            yield from _with_inner(inner)


def _within(schedule: Any, total: int) -> Any:
    return schedule.part.within(schedule, total)


def _filled(training: TrainingConfig, chosen: dict[str, Any], names: Sequence[str]) -> TrainingConfig:
    """Return the configuration with what was chosen wherever it is open."""
    return training.model_copy(update={name: chosen[name] for name in names if getattr(training, name) == "auto"})


def _with_warm_up(block: Settings, total: int, starts_linear: bool) -> Settings:
    """Return a block whose schedules know the length; a model that starts trained needs no KL warm-up."""
    if getattr(block, "kl_weight", None) == read("schedule", KL_WARM_UP) and starts_linear:
        block = block.model_copy(update={"kl_weight": read("schedule", 1.0)})
    return _within_all(block, total)


def _within_all(settings: Settings, total: int) -> Settings:
    """Return the settings of a part whose schedules know the length."""
    found = {name: getattr(settings, name) for name in type(settings).model_fields}
    update = {name: _within(value, total) for name, value in found.items() if _is_schedule(value)}
    for name, value in found.items():
        if isinstance(value, dict) and value and all(map(_is_schedule, value.values())):
            update[name] = {key: _within(one, total) for key, one in value.items()}
    return settings.model_copy(update=update)


def _is_schedule(value: Any) -> bool:
    return isinstance(value, Settings) and value.part.slot == "schedule"
