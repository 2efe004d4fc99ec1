"""What was left open, what it became, and why: the table that is printed before a training."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from vae_tf.config import RunConfig, TrainingConfig
from vae_tf.data.looking import Look
from vae_tf.data.spec import DatasetSpec
from vae_tf.parts.base import is_open
from vae_tf.parts.choices import Choice
from vae_tf.parts.settings import Settings
from vae_tf.training.plan import plan_of

__all__ = ["reasons"]


def reasons(config: RunConfig, planned: RunConfig, spec: DatasetSpec, look: Look) -> Iterator[Choice]:
    """Say what was left open, what it became, and why.

    Args:
        config: what was asked for.
        planned: what it became.
        spec: the data.
        look: at the examples.
    """
    for slot in ("network", "likelihood"):
        yield from _of_part(f"model.{slot}", getattr(config.model, slot), getattr(planned.model, slot), spec)
    for index, (before, after) in enumerate(zip(config.model.latents, planned.model.latents, strict=True)):
        path = f"model.latents[{index}]"
        yield from _of_part(path, before, after, spec)
        yield from _of_schedules(path, before, after)
    if is_open(config.objective):
        yield Choice(planned.objective.kind, config.objective.part.because(spec), "objective.kind")
    yield from _of_training(config.training, planned.training, spec)
    if is_open(config.training.augment):
        yield from _of_augmentation(planned.training, spec, look)


def _of_augmentation(after: TrainingConfig, spec: DatasetSpec, look: Look) -> Iterator[Choice]:
    chosen = f"[{', '.join(one.kind for one in tuple(after.augment))}]"
    if spec.is_mixed:
        hidden = "cells of few rows are hidden from the encoder, so that it learns to fill in"
        yield Choice(chosen, hidden if after.augment else f"{spec.num_train:,} rows are many", "training.augment")
    elif spec.is_image and spec.is_continuous and not spec.has_few_pictures:
        yield Choice(chosen, f"{spec.num_train:,} pictures are many", "training.augment")
    elif look.mirrored is not None:
        because = f"mirrored pictures are {look.mirrored:.0%} farther from the others than they are as they are"
        yield Choice(chosen, because, "training.augment")


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


def _named(settings: Settings, name: str) -> Any:
    return getattr(settings, name, None)


def _of_schedules(path: str, before: Settings, after: Settings) -> Iterator[Choice]:
    """Say how long a KL weight and a temperature that know the training's length take."""
    for name in ("kl_weight", "temperature"):
        asked, became = (_named(settings, name) for settings in (before, after))
        if is_open(getattr(asked, "rate", None)):
            yield Choice(
                f"{became.start:g}, falling by {became.rate:g} a step", f"{became.floor:g} at the end", f"{path}.{name}"
            )
        elif is_open(getattr(asked, "steps", None)):
            steps = getattr(became, "steps", None)
            moves = f"{became.start:g} to {became.stop:g} in {steps:,} steps" if steps else "1"
            yield Choice(moves, asked.part.auto_steps if steps else "the start is a trained model", f"{path}.{name}")


def _of_training(before: TrainingConfig, after: TrainingConfig, spec: DatasetSpec) -> Iterator[Choice]:
    plan = plan_of(after, spec.num_train)
    count = f"{spec.num_train:,} {'rows' if spec.is_table else 'examples'}"
    rate, falls = after.learning_rate, hasattr(after.learning_rate, "start")
    shown = f"{rate.start:g}, falling to 0" if falls else f"{rate.value:g}" if hasattr(rate, "value") else rate.kind
    no_better = "until validation is no better for so long"
    because_of = {
        "epochs": (after.epochs, f"{count}: {plan.total:,} steps at most"),
        "batch_size": (after.batch_size, count),
        "evaluate_every": (after.evaluate_every, f"{plan.steps_per_epoch} steps an epoch, validation every {plan.round_steps}"),
        "patience": (after.patience, no_better if after.patience else "the rate falls with the budget"),
        "learning_rate": (shown, "to the end of the budget" if falls else "steady, until validation is no better"),
        "clip_norm": (after.clip_norm, "a rare example makes no great step" if after.clip_norm else "not needed"),
        "average": (after.average, "the model is the weights' moving average" if after.average else "the weights as they are"),
        "validation_draws": (after.validation_draws, f"{spec.num_validation:,} examples to validate on"),
    }
    if is_open(before.jit_compile) and after.jit_compile:
        yield Choice("true", f"{plan.total:,} steps: compiling takes seconds, and makes each shorter", "training.jit_compile")
    for name, (value, because) in because_of.items():
        if is_open(getattr(before, name)):
            yield Choice(value, because, f"training.{name}")
    if after.parts != before.parts:
        yield Choice(after.parts, f"validation every {plan.round_steps} steps, before a pass is over", "training.parts")
