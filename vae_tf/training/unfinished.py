"""Schedules that do not arrive within a training: told before its first step."""

from collections.abc import Iterator
from typing import Any

from vae_tf.config import RunConfig
from vae_tf.parts.settings import Settings, build

__all__ = ["unfinished_schedules"]

_LATE, _LATER = 2**29, 2**30
"""Steps at which every schedule that arrives has arrived."""
_ARRIVED = 0.95
"""Share of its way that a schedule must have gone at the end of the training."""


def unfinished_schedules(config: RunConfig, total: int) -> Iterator[str]:
    """Say which schedules the training ends before, each in one sentence with what to do.

    Args:
        config: of which nothing is open.
        total: steps of the whole training.

    Example:
        >>> blocks = [{"kind": "gaussian", "kl_weight": {"kind": "linear", "steps": 1000}}]
        >>> config = RunConfig.model_validate({"model": {"latents": blocks}, "training": {"learning_rate": 0.001}})
        >>> print(*unfinished_schedules(config, 250))
        model.latents[0].kl_weight is at 0.25 when the training ends after 250 steps, on its way from 0 to 1: give it \
fewer steps, or train longer.
        >>> list(unfinished_schedules(config, 1000))
        []
    """
    parts = {f"model.latents[{index}]": block for index, block in enumerate(config.model.latents)}
    for path, part in {**parts, "objective": config.objective}.items():
        for name in type(part).model_fields:
            yield from _unfinished(f"{path}.{name}", getattr(part, name), total)
    yield from _unfinished("training.learning_rate", config.training.learning_rate, total)


def _unfinished(path: str, value: Any, total: int) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _unfinished(f"{path}.{name}", one, total)
    if not isinstance(value, Settings) or value.part.slot != "schedule":
        return
    schedule = build("schedule", value)
    start, reached, end, later = (float(schedule(step)) for step in (0, total, _LATE, _LATER))
    if end == later and abs(reached - end) > (1.0 - _ARRIVED) * abs(end - start):
        yield (
            f"{path} is at {reached:.3g} when the training ends after {total:,} steps, on its way from {start:.3g} to "
            f"{end:.3g}: give it fewer steps, or train longer."
        )
