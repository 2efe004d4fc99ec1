"""Small made data, and small settings of a part: nobody writes instances by hand for the contract."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from pydantic import ValidationError

from vae_tf.data.columns import OTHER, Column
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserError
from vae_tf.parts.base import arguments
from vae_tf.parts.settings import Settings, is_given, settings_of

__all__ = ["SPECS", "default_settings", "examples", "flat", "shrunk", "suited"]

_COMMON: dict[str, Any] = {"label_names": ("a", "b", "c"), "num_train": 60, "num_validation": 10, "num_test": 10}
_LEVELS: dict[str, Any] = {"value_support": "unit", "raw_range": (0.0, 3.0), "scale": (3.0,)}
_CELLS: dict[str, Any] = {"num_cells": 40, "num_rows": 60}
_WORDS: dict[str, Any] = {"kind": "category", "words": ("a", "b", "c", OTHER), "high": 3.0, "num_values": 3}
_COLUMNS = (
    Column(name="word", **_WORDS, **_CELLS),
    Column(name="number", kind="real", low=-3.0, high=3.0, num_values=40, **_CELLS),
    Column(name="repeated", kind="ordinal", low=-2.0, high=2.0, num_values=5, **_CELLS),
    Column(name="other word", **_WORDS, **_CELLS),
    Column(name="other number", kind="date", low=-3.0, high=3.0, num_values=40, **_CELLS),
)
SPECS = (
    DatasetSpec(name="bits", event_shape=(5,), value_support="binary", raw_range=(0.0, 1.0), **_COMMON),
    DatasetSpec(name="levels", event_shape=(5,), **_LEVELS, **_COMMON),
    DatasetSpec(name="numbers", event_shape=(5,), value_support="real", **_COMMON),
    DatasetSpec(name="counts", event_shape=(5,), value_support="count", **_COMMON),
    DatasetSpec(name="small image", event_shape=(7, 5, 1), **_LEVELS, **_COMMON),
    DatasetSpec(name="colour image", event_shape=(17, 18, 3), **_LEVELS, **_COMMON),
    DatasetSpec(name="series", event_shape=(6, 2), value_support="real", **_COMMON),
    DatasetSpec(
        name="text", event_shape=(5,), value_support="token", vocabulary=("<end>", "<unknown>", "a", "b", "c"), **_COMMON
    ),
    DatasetSpec(name="cells", event_shape=(5,), value_support="mixed", columns=_COLUMNS, **_COMMON),
)
"""Descriptions of data of every kind, each with three labels."""
_GUESSES: tuple[Any, ...] = (1, 2, 0.5, 0.0, True, "a", (1,), (1, 2), (), {})
"""Values for settings without a default: the first that is of the right type."""


def suited(part: Any) -> list[DatasetSpec]:
    """Return the made data that a part suits, as it says itself.

    Example:
        >>> from vae_tf.parts.known import find
        >>> [spec.name for spec in suited(find("likelihood", "negative_binomial"))]
        ['counts']
    """
    return [spec for spec in SPECS if _suits(part, spec)]


def _suits(part: Any, spec: DatasetSpec) -> bool:
    try:
        part.check_data(spec)
        part.settle(default_settings(part), spec)
    except UserError:
        return False
    return True


def flat(spec: DatasetSpec, size: int) -> DatasetSpec:
    """Return the description of examples of so many single values."""
    return spec.model_copy(update={"event_shape": (size,), "columns": spec.columns[:size]})


def examples(spec: DatasetSpec, num: int = 6) -> np.ndarray:
    """Return examples that fit a description, float32 [num, *event_shape].

    Example:
        >>> examples(SPECS[0]).shape
        (6, 5)
    """
    rng = np.random.default_rng(0)
    shape = (num, *spec.event_shape)
    draw: dict[str, Callable[[], Any]] = {
        "binary": lambda: rng.integers(0, 2, shape),
        "unit": lambda: rng.integers(0, 4, shape) / 3.0,
        "real": lambda: rng.normal(size=shape),
        "count": lambda: rng.poisson(2.0, shape),
        "mixed": lambda: _rows(rng, spec, num),
        "token": lambda: np.where(np.arange(shape[-1]) < shape[-1] - 1, rng.integers(2, 5, shape), 0),
    }
    return np.asarray(draw[spec.value_support](), np.float32)


def _rows(rng: np.random.Generator, spec: DatasetSpec, num: int) -> np.ndarray:
    """Return rows of words and numbers, a fifth of the cells gaps."""
    words = [rng.integers(0, len(column.words) or 1, num) for column in spec.columns]
    numbers = np.rint(rng.normal(size=(num, len(words))) * 2.0) / 2.0
    is_word = np.array([column.is_category for column in spec.columns])
    return np.where(rng.random((num, len(words))) < 0.2, np.nan, np.where(is_word, np.stack(words, axis=1), numbers))


def default_settings(part: Any) -> Settings:
    """Return a part's settings at their defaults; those that have none are guessed.

    Raises:
        ValueError: the defaults do not go together, or a setting without a default could not be guessed.

    Example:
        >>> from vae_tf.parts.known import find
        >>> default_settings(find("schedule", "constant")).model_dump()
        {'kind': 'constant', 'value': 1.0}
    """
    wanted = [name for name, one in arguments(part).items() if one.default is one.empty and not is_given(one.annotation)]
    guesses: dict[str, Any] = {}
    for name in wanted:
        guesses[name] = next((guess for guess in _GUESSES if _fits(part, {**guesses, name: guess}, name)), None)
    return settings_of(part).model_validate({"kind": part.kind, **guesses})


def _fits(part: Any, values: dict[str, Any], name: str) -> bool:
    """Return whether a value is of a setting's type, whatever is wrong with the others."""
    try:
        settings_of(part).model_validate(values)
    except ValidationError as error:
        return all(name not in one["loc"] for one in error.errors())
    return True


def shrunk(settings: Settings, at_most: int) -> Settings:
    """Return settings whose whole numbers are at most so large, as far as their own rules allow.

    Example:
        >>> from vae_tf.parts.known import find
        >>> shrunk(default_settings(find("latent", "categorical")), 2).model_dump()["num_classes"]
        2
    """
    for name in type(settings).model_fields:
        for smaller in _smaller(getattr(settings, name), at_most):
            written = {**settings.model_dump(mode="json"), name: smaller}
            try:
                settings = type(settings).model_validate(written)
            except ValidationError:
                continue
            break
    return settings


def _smaller(value: Any, at_most: int) -> Iterator[Any]:
    """Give smaller values to try, the smallest first."""
    if isinstance(value, Settings):
        yield shrunk(value, at_most).model_dump(mode="json")
    elif isinstance(value, bool):
        return
    elif isinstance(value, int) and value > at_most:
        yield from range(at_most, min(value, at_most + 3))
    elif isinstance(value, tuple) and value and all(isinstance(one, int) for one in value) and max(value) > at_most:
        yield tuple(min(one, at_most) for one in value)
