"""What a likelihood promises: a distribution over one example that adds up to 1."""

from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.contract.case import Case
from vae_tf.contract.finding import Promises, leave_out, require
from vae_tf.contract.made import flat
from vae_tf.contract.training import check_batches, check_saved, check_training
from vae_tf.errors import UserError

__all__ = ["PROMISES"]

_SEED = (1, 2)
_TOLERANCE = 2e-3


def _params(likelihood: Any, num: int = 3) -> tf.Tensor:
    features = 0.5 * np.random.default_rng(0).normal(size=(num, *likelihood.params_shape))
    return likelihood(tf.constant(features, tf.float32), training=False)


def _shapes(case: Case) -> None:
    likelihood, event = case.vae.likelihood, case.spec.event_shape
    p = likelihood.distribution(_params(likelihood))
    shapes = tuple(p.batch_shape), tuple(p.event_shape)
    require(shapes == ((3,), event), f"distribution must have batch (3,) and event {event}. Received: {shapes}.")
    x = p.sample(2, seed=_SEED)
    require(tuple(x.shape) == (2, 3, *event), f"a sample of 2 must have the shape {(2, 3, *event)}. Received: {x.shape}.")
    require(x.dtype == tf.float32, f"samples must be float32. Received: {x.dtype.name}.")


def _params_shape(case: Case) -> None:
    shape = case.vae.likelihood.params_shape
    is_shape = isinstance(shape, tuple) and all(isinstance(one, int) and one > 0 for one in shape) and shape
    require(is_shape, f"params_shape must be a tuple of whole numbers > 0. Received: {shape!r}.")


def _finite(case: Case) -> None:
    likelihood = case.vae.likelihood
    params = _params(likelihood)
    drawn = likelihood.distribution(params).sample(seed=_SEED)
    for what, x in (("examples", case.x[:3]), ("its own draws", drawn)):
        log_prob = likelihood.log_prob(params, tf.convert_to_tensor(x))
        require(tuple(log_prob.shape) == (3,), f"log_prob must have the shape (3,). Received: {tuple(log_prob.shape)}.")
        require(np.all(np.isfinite(log_prob)), f"log_prob of {what} is not finite.")


def _mean(case: Case) -> None:
    likelihood, support = case.vae.likelihood, case.spec.value_support
    mean = likelihood.mean(_params(likelihood)).numpy()
    expected = (3, *case.spec.event_shape)
    require(mean.shape == expected, f"mean must have the shape {expected}. Received: {mean.shape}.")
    require(np.all(np.isfinite(mean)), "mean is not finite.")
    low, high = {
        "real": (-np.inf, np.inf),
        "count": (0.0, np.inf),
        "token": (0.0, np.inf),
        "mixed": (-np.inf, np.inf),
    }.get(support, (0.0, 1.0))
    if "real" not in likelihood.supports:
        require(mean.min() >= low and mean.max() <= high, f"mean leaves {low:g} to {high:g}, where {case.spec.name} lie.")


def _whole(case: Case) -> None:
    sums: dict[str, np.ndarray] = {}
    for spec in case.specs if case.is_by_settings else [case.spec]:
        if len(spec.event_shape) == 1:
            sums |= _sums(case, spec)
    leave_out(not sums, "it could not be made for a single value, where this can be seen.")
    is_whole = any(np.all(np.abs(found - 1.0) < _TOLERANCE) for found in sums.values())
    told = "; ".join(f"{name} {', '.join(f'{one:.4g}' for one in found)}" for name, found in sums.items())
    require(is_whole, f"log_prob is not the logarithm of a probability or density, which adds up to 1: it is {told}.")


def _sums(case: Case, spec: Any) -> dict[str, np.ndarray]:
    """Return the sums or integrals of p(x|z) for three z, over everything that one value could be by the spec."""
    try:
        likelihood = case.make(flat(spec, 1))
        params = _params(likelihood)
    except (UserError, ValueError):
        return {}
    if likelihood.event_shape != (1,):
        return {}
    return {name: _sum(likelihood, params, x, weights) for name, (x, weights) in _grids(spec).items()}


def _grids(spec: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return points and weights of what is summed over."""
    t = np.linspace(-12.0, 12.0, 20_001)
    unit = np.linspace(0.0, 1.0, 10_001)
    levels = np.linspace(0.0, 1.0, spec.num_levels or 2)
    grids = {
        "binary": {"over 0 and 1": (np.array([0.0, 1.0]), np.ones(2))},
        "unit": {
            "over the levels": (levels, np.ones(len(levels))),
            "over [0, 1]": (unit, _trapezoid(unit)),
        },
        "real": {"over all numbers": (np.sinh(t), _trapezoid(t) * np.cosh(t))},
        "count": {"over 0, 1, 2, ...": (np.arange(3001.0), np.ones(3001))},
        "mixed": {"over the words of the first column": (np.arange(4.0), np.ones(4))},
        "token": {"over the tokens": (np.arange(float(len(spec.vocabulary))), np.ones(len(spec.vocabulary)))},
    }
    return grids[spec.value_support]


def _trapezoid(points: np.ndarray) -> np.ndarray:
    weights = np.full(len(points), points[1] - points[0])
    weights[[0, -1]] /= 2.0
    return weights


def _sum(likelihood: Any, params: tf.Tensor, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    values = tf.constant(x[:, np.newaxis], tf.float32)
    rows = (tf.repeat(row[tf.newaxis], len(x), axis=0) for row in params)
    log_probs = [np.asarray(likelihood.log_prob(row, values), np.float64) for row in rows]
    return np.array([np.sum(weights * np.exp(log_prob)) for log_prob in log_probs])


def _graph(case: Case) -> None:
    likelihood = case.vae.likelihood
    features = tf.constant(np.random.default_rng(0).normal(size=(3, *likelihood.params_shape)), tf.float32)
    graph = tf.function(
        lambda f, x: likelihood.log_prob(likelihood(f, training=False), x),
        input_signature=[tf.TensorSpec([None, *features.shape[1:]]), tf.TensorSpec([None, *case.spec.event_shape])],
        autograph=False,
    )
    for num in (3, 1):
        eager = likelihood.log_prob(likelihood(features[:num], training=False), tf.constant(case.x[:num]))
        traced = graph(features[:num], tf.constant(case.x[:num]))
        require(np.allclose(eager, traced, rtol=1e-4, atol=1e-4), "log_prob is another in a graph than eagerly.")


PROMISES: Promises = {
    "params_shape is told": _params_shape,
    "shapes": _shapes,
    "log_prob is finite": _finite,
    "mean lies where the data lie": _mean,
    "probabilities add up to 1": _whole,
    "eager = graph": _graph,
    "a graph takes any batch size": check_batches,
    "training step is finite": check_training,
    "a saved model is the same": check_saved,
}
