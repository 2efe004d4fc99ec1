"""Which of several values suits the data best, where nothing but a training tells: short ones, and the validation split."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from vae_tf.config import RunConfig, TrainingConfig
from vae_tf.config_sources import with_value
from vae_tf.data.pipeline import Dataset
from vae_tf.optimizers import WeightAverage
from vae_tf.parts.choices import Choice, as_set
from vae_tf.training.distribution import Distribution
from vae_tf.training.fitting import set_up

__all__ = ["is_worth_trying", "told_before", "try_others", "with_tried"]

_SHARE = 0.5
"""Of the whole training: what is far apart is so early, and what is not matters little."""
_MOST_STEPS = 2_500
_LEAST_MINUTES = 5.0


def is_worth_trying(training: TrainingConfig, num_replicas: int = 1) -> bool:
    """Return whether short trainings before the whole one are in place: its length is left open, or long, and one process's.

    Args:
        training: what was asked for.
        num_replicas: that train it together.

    Example:
        >>> is_worth_trying(TrainingConfig()), is_worth_trying(TrainingConfig(epochs=5))
        (True, False)
    """
    is_long = training.minutes is None or training.minutes >= _LEAST_MINUTES
    return training.epochs == "auto" and training.steps is None and is_long and num_replicas == 1


def told_before(config: RunConfig, choices: Sequence[Choice]) -> list[Choice]:
    """Return choices whose reasons say what else a training will try.

    Args:
        config: what was asked for.
        choices: what the data decided so far.
    """
    if not is_worth_trying(config.training):
        return list(choices)
    also = [f"; a training tries {' and '.join(map(as_set, one.others))} too" if one.others else "" for one in choices]
    return [replace(one, because=one.because + more) for one, more in zip(choices, also, strict=True)]


def try_others(
    planned: RunConfig, choices: Sequence[Choice], dataset: Dataset, distribution: Distribution, tell: Callable[[str], Any]
) -> list[Choice]:
    """Train for a while with every value of the choices that have others, one choice after the other, and keep the best.

    Args:
        planned: a configuration of which nothing is open, with the first value of every choice.
        choices: what was chosen.
        dataset: the data.
        distribution: over which replicas.
        tell: is told what is tried.

    Returns:
        The choices that have others, as the validation split decides. Where no training came to a number, they are as before.

    Raises:
        UserValueError: data and configuration do not fit each other.
    """
    tried = []
    for choice in choices:
        if not choice.others:
            continue
        found = {}
        for value in (choice.value, *choice.others):
            tell(f"Trying {choice.path}={as_set(value)}")
            found[value], steps = _try(with_value(planned, choice.path, value), dataset, distribution)
        best = min(found, key=lambda value: (found[value], value != choice.value))
        decided = replace(choice, others=())
        if math.isfinite(found[best]):
            numbers = ", ".join(f"{as_set(value)} {nats:.4g}" for value, nats in found.items())
            because = f"{choice.because}; tried for {steps:,} steps, nats of validation: {numbers}"
            decided = replace(decided, value=best, because=because)
        tried.append(decided)
        planned = with_value(planned, decided.path, decided.value)
    return tried


def with_tried(planned: RunConfig, choices: Sequence[Choice], tried: Sequence[Choice]) -> tuple[RunConfig, list[Choice]]:
    """Return a configuration and its choices with what trials decided."""
    for choice in tried:
        planned = with_value(planned, choice.path, choice.value)
    by_path = {choice.path: choice for choice in tried}
    return planned, [by_path.get(choice.path, choice) for choice in choices]


def _try(config: RunConfig, dataset: Dataset, distribution: Distribution) -> tuple[float, int]:
    """Return the best validation of a short training, infinite where it blows up; and its steps."""
    vae, plan, data = set_up(config, dataset, distribution)
    rounds = max(1, math.ceil(min(_SHARE * plan.total, _MOST_STEPS) / plan.round_steps))
    at_start = vae.evaluate(data["validation_data"], verbose=0, return_dict=True) if vae.starts_trained else {}
    callbacks = [WeightAverage(is_in_model=False)] if plan.average else []
    history = vae.fit(**data, steps_per_epoch=plan.round_steps, epochs=rounds, callbacks=callbacks, verbose=0, shuffle=False)
    found = [*history.history["val_negative_elbo"], at_start.get("negative_elbo", math.inf)]
    return min(nats if math.isfinite(nats) else math.inf for nats in map(float, found)), rounds * plan.round_steps
