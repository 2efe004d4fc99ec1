"""What an augmentation promises: examples of the same shape, by its draws alone."""

import numpy as np
import tensorflow as tf

from vae_tf.contract.case import Case
from vae_tf.contract.finding import Promises, require
from vae_tf.contract.made import examples
from vae_tf.data.augmentations.base import Draws
from vae_tf.data.spec import DatasetSpec

__all__ = ["PROMISES"]

_SEEDS = 20


def _draws(seed: int = 1, num_rows: int = 6, first: int = 0, count: int = 6) -> Draws:
    return Draws(tf.constant([seed, 2]), num_rows, first, count)


def _augmented(case: Case, spec: DatasetSpec, seed: int = 1) -> np.ndarray:
    return np.asarray(case.make(spec).augment(tf.constant(examples(spec)), _draws(seed)))


def _shape(case: Case) -> None:
    for spec in case.specs:
        x = _augmented(case, spec)
        require(x.shape == (6, *spec.event_shape), f"{spec.name}: from {(6, *spec.event_shape)} it makes {x.shape}.")
        require(x.dtype == np.float32, f"{spec.name}: it must return float32. Received: {x.dtype}.")
        may_be = np.isfinite(x) | (np.isnan(x) & spec.is_mixed)  # there NaN is a gap
        require(may_be.all(), f"{spec.name}: it makes values that are not finite.")


def _support(case: Case) -> None:
    for spec in case.specs:
        if spec.value_support == "token":
            x = _augmented(case, spec)
            require(
                (x == np.rint(x)).all() and (x >= 0).all() and (x < len(spec.vocabulary)).all(),
                f"{spec.name}: it makes numbers that are no tokens.",
            )


def _changes(case: Case) -> None:
    for spec in case.specs:
        found = (_augmented(case, spec, seed) for seed in range(_SEEDS))
        require(any((x != examples(spec)).any() for x in found), f"{spec.name}: in {_SEEDS} draws it changed nothing.")


def _drawn(case: Case) -> None:
    for spec in case.specs:
        require(
            np.array_equal(_augmented(case, spec), _augmented(case, spec), equal_nan=True),
            f"{spec.name}: equal draws give other examples: draw by `draws` alone.",
        )


def _graph(case: Case) -> None:
    x = tf.constant(case.x)
    traced = tf.function(lambda x: case.instance.augment(x, _draws()), autograph=False)(x)
    require(
        np.allclose(traced, case.instance.augment(x, _draws()), atol=1e-5, equal_nan=True),
        "in a graph it makes others: use tf, not NumPy.",
    )


PROMISES: Promises = {
    "examples keep shape and type": _shape,
    "tokens stay tokens": _support,
    "it changes something": _changes,
    "equal draws change alike": _drawn,
    "eager = graph": _graph,
}
