"""Schedules, one file a family; `from vae_tf.schedules import Linear` finds a family by its class."""

from typing import Any

from vae_tf.parts.known import class_named
from vae_tf.schedules.base import Schedule, as_schedule

__all__ = ["Schedule", "as_schedule"]


def __getattr__(name: str) -> Any:
    """Find a family by its class."""
    return class_named(name, "schedule")
