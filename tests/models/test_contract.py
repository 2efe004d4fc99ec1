"""One contract for every registered class: it saves, loads, and computes the same in every way Keras can run it.

`vae_tf.contract` makes the instances; a new family is found here by its registration. `VARIED` are instances that its defaults
do not reach.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.contract import check_made, check_part
from vae_tf.contract.case import model_of
from vae_tf.contract.check import PROMISES
from vae_tf.contract.made import SPECS, examples
from vae_tf.errors import UserNotImplementedError
from vae_tf.models import (
    BernoulliLatent,
    CategoricalLatent,
    ConditionalGaussianLatent,
    DiscretizedLogisticLikelihood,
    FsqLatent,
    FullGaussianLatent,
    GaussianLatent,
    GaussianLikelihood,
    JointLatent,
    LadderLatent,
    Latent,
    LearnedPrior,
    LfqLatent,
    MixturePrior,
    VampPrior,
    VqLatent,
)
from vae_tf.objectives import BetaTc, Capacity, InfoVae, Iwae, Rebar, ScoreFunction, SemiSupervised
from vae_tf.parts import SLOTS, kinds
from vae_tf.schedules import Exponential, Learned, Linear, Stepwise

WARM_UP = Linear(start=0.0, stop=1.0, steps=7)
VARIED = {
    "gaussian": lambda: GaussianLatent(size=3, kl_weight=WARM_UP, seed=5, name="style"),
    "gaussian, Monte Carlo": lambda: GaussianLatent(size=2, kl_kind="monte_carlo", kl_weight=0.5),
    "gaussian, learned prior": lambda: GaussianLatent(size=3, prior=LearnedPrior(3), seed=5),
    "gaussian, mixture prior": lambda: GaussianLatent(size=3, kl_kind="monte_carlo", prior=MixturePrior(3, 4), seed=5),
    "gaussian, vamp prior": lambda: GaussianLatent(3, kl_kind="monte_carlo", prior=VampPrior(3, (5,), 4), seed=5),
    "full gaussian": lambda: FullGaussianLatent(size=3, seed=5, prior=LearnedPrior(3)),
    "ladder": lambda: LadderLatent(sizes=(2, 3), widths=(4,), seed=5, prior=LearnedPrior(2)),
    "ladder, vamp prior": lambda: LadderLatent(sizes=(2, 3, 2), widths=(), seed=5, prior=VampPrior(2, (5,), 4)),
    "conditional gaussian, a network": lambda: ConditionalGaussianLatent(size=3, num_labels=2, widths=(4,), seed=5),
    "categorical, annealed": lambda: CategoricalLatent(
        2, 3, temperature=Exponential(start=1.0, rate=0.1, floor=0.5), kl_weight=WARM_UP
    ),
    "categorical, relaxed": lambda: CategoricalLatent(2, 3, temperature=0.6, kl_kind="relaxed", seed=5, name="shape"),
    "categorical, learned prior and temperature": lambda: CategoricalLatent(
        2, 3, temperature=Learned(start=0.7), prior="learned"
    ),
    "bits, relaxed, learned prior": lambda: BernoulliLatent(3, temperature=0.6, kl_kind="relaxed", prior="learned"),
    "vq, stages by gradient": lambda: VqLatent(2, 3, 2, 2, codebook="gradient", gradient="rotation", prior_size=4, seed=5),
    "vq, uniform prior": lambda: VqLatent(2, 3, 2, revival=0.5, prior="uniform", seed=5),
    "lfq, uniform prior": lambda: LfqLatent(2, num_bits=2, diversity=0.5, prior="uniform", seed=5, name="signs"),
    "fsq, uniform prior": lambda: FsqLatent(2, levels=(3, 2), prior="uniform", seed=5, name="levels"),
    "joint": lambda: JointLatent([GaussianLatent(size=2, seed=4), CategoricalLatent(2, 3, temperature=0.6, seed=4)]),
    "gaussian, fixed scale": lambda: GaussianLikelihood((5,), scale_kind="fixed", scale=0.5),
    "gaussian, shared scale": lambda: GaussianLikelihood((5,), scale_kind="shared", scale=0.5, min_scale=0.02),
    "gaussian, elementwise scale": lambda: GaussianLikelihood((5,), scale_kind="elementwise"),
    "gaussian, optimal scales": lambda: GaussianLikelihood((5,), scale_kind="optimal_elementwise"),
    "gaussian, optimal scale": lambda: GaussianLikelihood((5,), scale_kind="optimal"),
    "discretized logistic, mixture": lambda: DiscretizedLogisticLikelihood((5,), 4, num_components=2, min_scale=0.01),
    "stepwise": lambda: Stepwise(Linear(start=0.1, stop=0.9, steps=7), every=3),
    "score_function, none": lambda: ScoreFunction(baseline="none"),
    "score_function, moving average": lambda: ScoreFunction(baseline="moving_average"),
    "score_function, all": lambda: ScoreFunction(baseline="learned", blocks="all"),
    "rebar": lambda: Rebar(temperature=0.4, scale=0.9),
    "beta_tc": lambda: BetaTc(total_correlation_weight=3.0),
    "info_vae": lambda: InfoVae(alpha=0.5, mmd_weight=10.0),
    "iwae, standard": lambda: Iwae(num_samples=3, gradient="standard"),
    "iwae, sticking": lambda: Iwae(num_samples=3, gradient="sticking_the_landing"),
    "capacity": lambda: Capacity(7.0, {"gaussian": WARM_UP}),
    "semi_supervised": lambda: SemiSupervised(num_labels=3, unlabelled="marginalized", warm_up=WARM_UP),
}
FAMILIES = [(slot, kind) for slot in SLOTS for kind in kinds(slot)]
ARGUMENTS = {"digits": "digits", "waves": "waves", "topics": "topics"}
"""Data that need no file; what `--dataset` calls them."""
KEPT = {
    "KL exact = Monte Carlo": {
        *("bernoulli", "categorical", "conditional_gaussian", "fsq", "full_gaussian", "gaussian", "lfq", "vq"),
    },
    "factors add up": {"bernoulli", "categorical", "gaussian"},
    "normal where it says so": {"diagonal", "standard"},
    "probabilities add up to 1": {
        *("bernoulli", "categorical", "continuous_bernoulli", "discretized_logistic", "gaussian", "negative_binomial"),
        *("recurrent_text", "student_t", "transformer_text"),
    },
    "takes labels": {"causal_conv", "conv", "grid", "mlp", "recurrent", "residual", "transformer"},
    "splits share no example": {"waves"},
    "the same every time": {"digits", "waves", "topics"},
    "an account that can be kept": {"digits", "waves", "topics"},
}
"""Promises that are not everyone's, and some of the kinds that they are for."""


def _broken(findings):
    return {finding.promise: finding.message for finding in findings if finding.passed is False}


@pytest.mark.parametrize(("slot", "kind"), FAMILIES)
def test_every_family_keeps_its_promises(slot, kind):
    findings = check_part(kinds(slot)[kind], ARGUMENTS.get(kind) if slot == "source" else None)
    assert _broken(findings) == {}
    passed = {finding.promise for finding in findings if finding.passed}
    assert {promise for promise, those in KEPT.items() if kind in those and promise in PROMISES[slot]} <= passed


@pytest.mark.parametrize("name", VARIED)
def test_instances_beyond_the_defaults_keep_their_promises(name):
    assert _broken(check_made(VARIED[name])) == {}


def test_every_slot_has_promises():
    assert set(PROMISES) == set(SLOTS)


@pytest.mark.parametrize(("slot", "kind"), FAMILIES)
def test_every_class_is_registered_under_the_package_s_name(slot, kind):
    part = kinds(slot)[kind]
    assert keras.saving.get_registered_name(part) == f"vae_tf>{part.__name__}"


@pytest.mark.parametrize(
    "blocks",
    [
        [{"kind": "gaussian", "size": 2}],
        [{"kind": "categorical", "num_variables": 2, "num_classes": 3}],
        [{"kind": "categorical", "num_variables": 2, "num_classes": 3, "kl_kind": "relaxed"}],
        [{"kind": "deterministic", "size": 2}],
        [{"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3}],
    ],
)
def test_mixed_precision_trains_with_a_finite_loss_and_float32_latents(blocks, make_vae):
    x = (np.random.default_rng(0).random((6, 5)) < 0.5).astype(np.float32)
    vae = make_vae(*blocks, event_shape=(5,), precision="mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    assert any(layer.compute_dtype == "bfloat16" for layer in vae.encoder.layers)
    assert all(weight.dtype in ("float32", "int64") for weight in vae.weights)
    vae.compile(optimizer="adam", run_eagerly=True)
    before = [weight.numpy() for weight in vae.trainable_weights]
    assert np.isfinite(vae.train_on_batch(x, return_dict=True)["loss"])
    assert any(np.any(a != b.numpy()) for a, b in zip(before, vae.trainable_weights, strict=True))
    params = vae.encoder(x)
    assert params.dtype == vae.latent(params).dtype == vae(x).dtype == tf.float32


def test_schedules_in_a_model_do_not_share_their_state():
    """A schedule is a pure function: one object in two blocks is as good as two."""
    shared = Linear(start=0.0, stop=1.0, steps=4)
    vae = model_of(SPECS[0], latent=JointLatent([GaussianLatent(size=1, kl_weight=shared, name=name) for name in "ab"]))
    vae.compile(run_eagerly=True)
    vae.train_on_batch(examples(SPECS[0]))
    assert vae.latent.scheduled_values() == {"kl_weight_a": 0.25, "kl_weight_b": 0.25}


def test_the_base_class_implements_nothing_of_a_block():
    latent = Latent("block")
    calls = {
        "posterior": lambda: latent.posterior(None),
        "prior": latent.prior,
        "sample": lambda: latent.sample(None, None),
        "kl": lambda: latent.kl(None, None),
        "mean": lambda: latent.mean(None),
        "draw": lambda: latent.draw(1, None),
    }
    assert tuple(calls) == Latent.required
    for method, call in calls.items():
        with pytest.raises(UserNotImplementedError, match=f"Latent has no method '{method}'"):
            call()
