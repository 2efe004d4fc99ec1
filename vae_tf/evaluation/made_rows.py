"""New examples: made of codes; rows of a table drawn from the prior, or given some of their cells."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.config import Decoding
from vae_tf.data.cells import number_of_text
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.evaluation.imputing import CHUNK_ROWS, Imputer
from vae_tf.models.vae import VAE

__all__ = ["draw_given", "draw_rows", "given_row", "make_examples", "within_range"]

_BATCH = 10_000
_CANDIDATES = 20
"""Draws that one row given some cells is picked from, on average."""
_MOST_CANDIDATES = CHUNK_ROWS


def make_examples(vae: VAE, spec: DatasetSpec, z: Any, seed: tuple[int, int], decoding: Decoding) -> np.ndarray:
    """Make an example of every z [N, size]: the mean of p(x|z); of texts, counts and mixed rows a draw.

    Args:
        vae: the model.
        spec: its data.
        z: points of the latent space.
        seed: a stateless seed.
        decoding: how texts are chosen, token by token.

    Returns:
        float32 [N, *event_shape], in the model's units.
    """
    p = vae.decode(z)
    if spec.is_text:
        return np.asarray(p.decode(seed, decoding))
    return np.asarray(p.sample(seed=seed) if spec.is_drawn else p.mean())


def draw_rows(vae: VAE, z: Any, seed: tuple[int, int]) -> np.ndarray:
    """Draw a row for every z, [N, D], in the model's units.

    Args:
        vae: the model.
        z: [N, size].
        seed: a stateless seed.
    """
    draw = tf.function(lambda part, pair: vae.decode(part).sample(seed=pair), reduce_retracing=True, autograph=False)
    parts = [np.asarray(z)[first : first + _BATCH] for first in range(0, len(z), _BATCH)]
    seeds = [tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int32), index) for index in range(len(parts))]
    return np.concatenate([draw(tf.constant(part), pair).numpy() for part, pair in zip(parts, seeds, strict=True)])


def draw_given(vae: VAE, given: np.ndarray, num: int, seed: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Draw rows of which some cells are given.

    Args:
        vae: the model.
        given: one row in the model's units, NaN where nothing is given, [D].
        num: how many.
        seed: a stateless seed.

    Returns:
        Rows [num, D], and the effective number of candidates they were drawn from.
    """
    candidates = min(_MOST_CANDIDATES, _CANDIDATES * num)
    (_, found), *_ = Imputer(vae, candidates).batches(given[np.newaxis], seed)
    return found.drawn(num, seed[0])[:, 0], float(1.0 / np.square(found.weights).sum())


def given_row(spec: DatasetSpec, given: Mapping[str, str]) -> np.ndarray:
    """Return one row in the model's units with the cells that are given, NaN elsewhere, [D].

    Args:
        spec: of a mixed table.
        given: cells as texts, by column.

    Raises:
        UserValueError: there is no such column, or its cells are others.
    """
    raw = np.full(len(spec.columns), np.nan)
    names = [column.name for column in spec.columns]
    for name, text in given.items():
        if name not in names:
            raise UserValueError(f"Given cells must name a column: {', '.join(names)}. Received: {name}.")
        raw[names.index(name)] = number_of_text(spec.columns[names.index(name)], text)
    return spec.to_model(raw)


def within_range(spec: DatasetSpec, raw: np.ndarray) -> np.ndarray:
    """Return raw rows [N, D] with numbers no lower and no higher than those of the training rows, where these are known."""
    if not spec.columns:
        return raw
    bounds = [(-np.inf, np.inf) if column.is_category else (column.low, column.high) for column in spec.columns]
    return np.clip(raw, *np.transpose(bounds))
