"""What a latent promises: shapes, draws that are functions of the seed, the KL it says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.contract.case import Case
from vae_tf.contract.finding import Promises, leave_out, require
from vae_tf.contract.training import check_batches, check_saved, check_training

__all__ = ["PROMISES"]

_NUM_DRAWS = 4000
_STDERRS = 4.0
_SEED = (1, 2)


def _shape(what: str, value: Any, *expected: int) -> None:
    value = tf.convert_to_tensor(value)
    require(tuple(value.shape) == expected, f"{what} must have the shape {expected}. Received: {tuple(value.shape)}.")
    require(value.dtype == tf.float32, f"{what} must be float32. Received: {value.dtype.name}.")


def _sizes(case: Case) -> None:
    latent = case.vae.latent
    for name in ("size", "params_size"):
        value = getattr(latent, name)
        require(isinstance(value, int) and value > 0, f"self.{name} must be said, a whole number > 0. Received: {value!r}.")
    expected = (3, latent.size)
    shape = tuple(latent.compute_output_shape((3, latent.params_size)))
    require(shape == expected, f"compute_output_shape must give {expected}. Received: {shape}.")


def _shapes(case: Case) -> None:
    latent = case.vae.latent
    for num in (1, 2):
        q = latent.posterior(case.params(num))
        for lead in ((), (4, 2)):
            z, log_ratio = latent.sample(q, _SEED, lead)
            _shape(f"z of sample(q, seed, {lead})", z, *lead, num, latent.size)
            _shape(f"the log ratio of sample(q, seed, {lead})", log_ratio, *lead, num)
        _shape("kl", latent.kl(q, latent.sample(q, _SEED)[1]), num)
        _shape("mean", latent.mean(q), num, latent.size)
        _shape("mode", latent.mode(q), num, latent.size)
        _shape("draw", latent.draw(num, _SEED), num, latent.size)


def _described(case: Case) -> None:
    latent = case.vae.latent
    described = latent.describe(latent.posterior(case.params(2)))
    require(described, "describe must name at least one tensor.")
    wrong = [name for name, value in described.items() if value.shape[:1] != (2,)]
    require(not wrong, f"describe must give tensors with leading axis B. Not so: {', '.join(wrong)}.")


def _parts(case: Case) -> None:
    latent = case.vae.latent
    q = latent.posterior(case.params())
    names = [block.name for block, _ in latent.split_posterior(q)]
    expected = [block.name for block in latent.blocks()]
    require(names == expected, f"split_posterior must give the blocks {expected}. Received: {names}.")


def _traversal(case: Case) -> None:
    latent = case.vae.latent
    paths = latent.traverse(latent.mean(latent.posterior(case.params()))[0], 3)
    require(paths, "traverse must give a path an axis. Received: none.")
    names = {block.name for block in latent.blocks()}
    for label, path in paths:
        require(label.split("[")[0] in names, f"a label of traverse must be BLOCK[AXIS]. Received: {label!r}.")
        require(path.shape[1:] == (latent.size,), f"a path of traverse must be [steps, size]. Received: {tuple(path.shape)}.")
        require(np.all(np.isfinite(path)), f"the path of traverse along {label} is not finite.")


def _between(case: Case) -> None:
    latent = case.vae.latent
    codes = latent.mode(latent.posterior(case.params(2)))
    start, stop = codes[:1], codes[1:]
    for spherical in (False, True):
        path = latent.interpolate(start, stop, 5, spherical)
        _shape("the path of interpolate", path, 5, 1, latent.size)
        for place, end in ((0, start), (-1, stop)):
            is_end = np.allclose(path[place], end, atol=1e-3)
            require(is_end, "blend must give the first point at fraction 0 and the second at fraction 1.")


def _draws_by_seed(case: Case) -> None:
    latent = case.vae.latent
    q = latent.posterior(case.params(50))
    draws: dict[str, Callable[[Any], Any]] = {
        "sample": lambda seed: latent.sample(q, seed)[0],
        "draw": lambda seed: latent.draw(50, seed),
    }
    for name, draw in draws.items():
        first, again, other = (draw(tf.constant(seed)).numpy() for seed in (_SEED, _SEED, (1, 3)))
        require(np.array_equal(first, again), f"{name} must give the same for the same seed: pass `seed` on to what draws.")
        is_random = name == "draw" or not (latent.is_point or not latent.has_density)
        require(not is_random or np.any(first != other), f"{name} gives the same for another seed: it must draw by `seed`.")


def _streams(case: Case) -> None:
    vae = case.model()
    latent = vae.latent
    draws = [latent(case.params(50), training=training).numpy() for training in (True, True, False, False)]
    differ = {bool(np.any(a != b)) for i, a in enumerate(draws) for b in draws[:i]}
    is_point = latent.is_point or not latent.has_density
    require(is_point or differ == {True}, "two calls of the layer must draw differently, in training and out of it.")
    same = np.array_equal(draws[2], draws[3])
    require(same or not is_point, "the posterior is a point, but two calls of the layer out of training draw differently.")
    vae.reconstruct(case.x)
    vae.generate(2, _SEED)
    counters = {(int(block.step.value), int(block.num_evaluations.value)) for block in latent.blocks()}
    require(counters == {(2, 2)}, "calls must be counted: leave `call` and `build` as they are, or call those of Latent.")


def _graph(case: Case) -> None:
    latent = case.vae.latent
    signature = [tf.TensorSpec([None, latent.params_size]), tf.TensorSpec([2], tf.int32)]
    for hard in (False, True):

        def computed(params: tf.Tensor, seed: tf.Tensor, hard: bool = hard) -> list[tf.Tensor]:
            q = latent.posterior(params)
            z, log_ratio = latent.sample(q, seed, (3,), hard=hard)
            return [z, log_ratio, latent.kl(q, log_ratio[0]), latent.mean(q), latent.mode(q)]

        graph = tf.function(computed, input_signature=signature, autograph=False)
        for num in (4, 1):
            both = zip(computed(case.params(num), tf.constant(_SEED)), graph(case.params(num), _SEED), strict=True)
            for name, (eager, traced) in zip(("z", "log ratio", "kl", "mean", "mode"), both, strict=True):
                require(np.allclose(eager, traced, rtol=1e-4, atol=1e-4), f"the {name} is another in a graph than eagerly.")


def _kl(case: Case) -> None:
    latent = case.vae.latent
    leave_out(not latent.has_density, "it has no density, and so no KL.")
    q = latent.posterior(case.params())
    _, log_ratio = latent.sample(q, _SEED, (_NUM_DRAWS,), hard=True)
    require(np.all(np.isfinite(log_ratio)), "log q(z|x) - log p(z) of draws is not finite.")
    leave_out(not latent.kl_is_exact, "`kl_is_exact` is False: `kl` is an estimate.")
    exact, draws = np.asarray(latent.kl(q, log_ratio[0]), np.float64), np.asarray(log_ratio, np.float64)
    stderr = draws.std(axis=0, ddof=1) / np.sqrt(_NUM_DRAWS)
    off = np.abs(draws.mean(axis=0) - exact) / (stderr + 1e-5 * (1.0 + np.abs(exact)))
    worst = int(np.argmax(off))
    require(
        off[worst] <= _STDERRS,
        f"kl gives {exact[worst]:.4g} nats, the mean of log q(z|x) - log p(z) over {_NUM_DRAWS:,} "
        f"draws is {draws.mean(axis=0)[worst]:.4g}, {off[worst]:.0f} standard errors away: mend `kl` or the log ratio of "
        "`sample`; if `kl` is an estimate, let `kl_is_exact` be False.",
    )
    require(np.all(exact >= -1e-4), f"a KL is never negative. Received: {exact.min():.4g} nats.")


def _factors(case: Case) -> None:
    latent = case.vae.latent
    q = latent.posterior(case.params())
    draws = latent.sample_blocks(q, _SEED, (3,), hard=True)
    found = [block.factors(block_q) for block, block_q in latent.split_posterior(q)]
    leave_out(not any(found), "`factors` gives None: the block has no independent axes.")
    for (block, block_q), factors, (z, log_ratio) in zip(latent.split_posterior(q), found, draws, strict=True):
        if factors is None:
            continue
        axes = factors.split(z)
        ratio = tf.reduce_sum(factors.q.log_prob(axes) - factors.p.log_prob(axes), axis=-1)
        same = np.allclose(ratio, log_ratio, rtol=1e-4, atol=1e-4)
        require(same, "the densities of `factors`, summed over the axes, are not those of `sample`.")
        if block.kl_is_exact:
            same = np.allclose(tf.reduce_sum(factors.kl(), axis=-1), block.kl(block_q, None), rtol=1e-4, atol=1e-4)
            require(same, "the KLs of `factors`, summed over the axes, are not `kl`.")


PROMISES: Promises = {
    "size and params_size are told": _sizes,
    "shapes": _shapes,
    "describes its posterior": _described,
    "names its blocks": _parts,
    "traversal": _traversal,
    "interpolation": _between,
    "draws depend on the seed alone": _draws_by_seed,
    "every call draws anew": _streams,
    "eager = graph": _graph,
    "KL exact = Monte Carlo": _kl,
    "factors add up": _factors,
    "a graph takes any batch size": check_batches,
    "training step is finite": check_training,
    "a saved model is the same": check_saved,
}
