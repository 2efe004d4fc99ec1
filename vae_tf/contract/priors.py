"""What a prior promises: draws and density of one distribution."""

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


def _prior(case: Case) -> Any:
    return case.vae.latent.prior_layer


def _shapes(case: Case) -> None:
    prior = _prior(case)
    p = prior.distribution()
    shapes = tuple(p.batch_shape), tuple(p.event_shape)
    require(shapes == ((), (prior.size,)), f"distribution() must have batch () and event ({prior.size},). Received: {shapes}.")
    z = prior.draw(7, _SEED, 1.0)
    require(tuple(z.shape) == (7, prior.size), f"draw must give [num, size]. Received: {tuple(z.shape)}.")
    require(z.dtype == tf.float32, f"draw must give float32. Received: {z.dtype.name}.")
    require(np.all(np.isfinite(p.log_prob(z))), "the density of its own draws is not finite.")


def _seeds(case: Case) -> None:
    first, again, other = (_prior(case).draw(20, tf.constant(seed), 1.0).numpy() for seed in (_SEED, _SEED, (1, 3)))
    require(np.array_equal(first, again), "draw must give the same for the same seed: pass `seed` on to what draws.")
    require(np.any(first != other), "draw gives the same for another seed: it must draw by `seed`.")


def _moments(case: Case) -> None:
    prior = _prior(case)
    both = prior.draw(_NUM_DRAWS, _SEED, 1.0).numpy(), prior.distribution().sample(_NUM_DRAWS, seed=(3, 4)).numpy()
    for name, power in (("mean", 1), ("mean square", 2)):
        powers = [np.asarray(z, np.float64) ** power for z in both]
        difference = np.abs(powers[0].mean(axis=0) - powers[1].mean(axis=0))
        stderr = np.sqrt(sum(z.var(axis=0, ddof=1) for z in powers) / _NUM_DRAWS)
        off = float(np.max(difference / (stderr + 1e-6)))
        require(off <= _STDERRS, f"draw and distribution() differ in their {name}, by {off:.0f} standard errors: mend one.")


def _normal(case: Case) -> None:
    prior = _prior(case)
    leave_out(not prior.is_normal, "`is_normal` is False.")
    require(
        case.part.has_own("normal"), "`is_normal` is True but there is no method `normal`: add it, or set is_normal = False."
    )
    p = prior.normal()
    require(tuple(p.batch_shape) == (prior.size,), f"normal() must have batch ({prior.size},). Received: {p.batch_shape}.")
    z = prior.draw(7, _SEED, 1.0)
    same = np.allclose(tf.reduce_sum(p.log_prob(z), axis=-1), prior.distribution().log_prob(z), rtol=1e-4, atol=1e-4)
    require(same, "the densities of normal(), summed over the axes, are not that of distribution().")


PROMISES: Promises = {
    "shapes and a finite density": _shapes,
    "draws depend on the seed alone": _seeds,
    "draws = distribution": _moments,
    "normal where it says so": _normal,
    "a graph takes any batch size": check_batches,
    "training step is finite": check_training,
    "a saved model is the same": check_saved,
}
