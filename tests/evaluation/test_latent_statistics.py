"""What the latent holds, against hand-built posteriors whose numbers are known."""

from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import quad
from scipy.stats import norm
from tensorflow_probability.python.distributions import Normal, OneHotCategorical

from vae_tf.evaluation import latent_statistics
from vae_tf.evaluation.latent_statistics import Bracket, measure_latent
from vae_tf.models.latents.base import Factors

SEED = (1, 2)


class _Estimate:
    """The estimates from many repetitions of a few posteriors: rows are examples."""

    def __init__(self, loc=None, scale=None, probs=None):
        if loc is not None:
            prior = Normal(tf.zeros(np.shape(loc)[1]), 1.0)
            factors = Factors(Normal(tf.constant(loc, tf.float32), tf.constant(scale, tf.float32)), prior)
            z = factors.q.sample(seed=SEED)
        else:
            q = OneHotCategorical(probs=tf.constant(probs, tf.float32), dtype=tf.float32)
            factors = Factors(
                q, OneHotCategorical(probs=np.full(q.batch_shape[1:] + q.event_shape, 1.0 / q.event_shape[0], "f"))
            )
            z = tf.reshape(q.sample(seed=SEED), [len(probs), -1])
        self.found = latent_statistics._PairSums.measure([factors], [z]).estimates()

    def holds(self, bracket, truth, slack):
        assert bracket.lower - slack <= truth <= bracket.upper + slack, (bracket, truth)


def test_mutual_information_of_two_separate_groups_is_log_two():
    """Half of the examples at -5, half at 5, scale 1/2: z tells which half, and nothing else."""
    loc = np.repeat([[-5.0], [5.0]], 500, axis=0)
    found = _Estimate(loc, np.full_like(loc, 0.5)).found
    assert found.mutual_information.lower == pytest.approx(np.log(2.0), abs=5e-3)  # 1 / N of it is the finite mixture's
    assert found.mutual_information.upper == pytest.approx(np.log(2.0), abs=5e-3)
    assert found.ceiling == pytest.approx(np.log(1000.0))


def test_aggregate_kl_by_numerical_integration():
    loc, scale = np.repeat([[-1.0], [0.5], [2.0]], 600, axis=0), 0.7

    def mixture(z):
        return np.mean([norm.pdf(z, m, scale) for m in (-1.0, 0.5, 2.0)])

    truth = quad(lambda z: mixture(z) * (np.log(mixture(z)) - norm.logpdf(z)), -8, 8)[0]
    estimate = _Estimate(loc, np.full_like(loc, scale))
    spread = 4 * 0.6 / np.sqrt(len(loc))  # log q(z) - log p(z) has a standard deviation of about 0.6
    estimate.holds(estimate.found.aggregate_kl, truth, spread)
    assert estimate.found.axes_kl == pytest.approx(truth, abs=spread)
    assert estimate.found.total_correlation.upper < 1e-6  # one axis has no other to depend on


def test_independent_axes_have_no_total_correlation_and_coupled_ones_have_log_two():
    both = np.array(list(product([-4.0, 4.0], [-4.0, 4.0])))
    same = np.array([[-4.0, -4.0], [4.0, 4.0]])
    independent, coupled = (np.repeat(groups, 1200 // len(groups), axis=0) for groups in (both, same))
    none, full = (_Estimate(loc, np.full_like(loc, 0.3)).found.total_correlation for loc in (independent, coupled))
    assert none.lower <= none.upper < 0.01
    assert full.lower == pytest.approx(np.log(2.0), abs=0.01) and full.upper == pytest.approx(np.log(2.0), abs=0.01)


def test_categorical_posteriors_by_enumeration():
    """Two variables of three classes; every sum over z can be taken."""
    rng = np.random.default_rng(0)
    kinds = rng.dirichlet(np.full(3, 0.3), size=(4, 2))  # [4 kinds of example, N = 2, K = 3]
    joint = np.einsum("ni,nj->nij", kinds[:, 0], kinds[:, 1])
    mean, entropy = joint.mean(axis=0), -np.sum(joint * np.log(joint), axis=(1, 2)).mean()
    information = -np.sum(mean * np.log(mean)) - entropy
    aggregate = np.sum(mean * np.log(mean * 9.0))
    correlation = np.sum(mean * np.log(mean / np.outer(mean.sum(axis=1), mean.sum(axis=0))))
    estimate = _Estimate(probs=np.repeat(kinds, 500, axis=0))
    found, slack = estimate.found, 4 * 1.5 / np.sqrt(2000)  # the logarithms' standard deviations are under 1.5
    estimate.holds(found.mutual_information, information, slack)
    estimate.holds(found.aggregate_kl, aggregate, slack)
    estimate.holds(found.total_correlation, correlation, slack)


def test_too_few_examples_leave_a_wide_bracket_around_the_truth():
    """Every example its own code: the lower estimate stops at log N, the upper one at the KL."""
    loc = np.random.default_rng(0).normal(size=(300, 10))
    scale = np.full_like(loc, 0.1)
    found = _Estimate(loc, scale).found
    truth = 10 * 0.5 * np.log(1.0 + 1.0 / 0.01)  # of the Gaussian channel that these are draws of
    assert found.mutual_information.lower == pytest.approx(np.log(300.0), abs=0.01)
    assert found.mutual_information.lower < truth < found.mutual_information.upper + 1.0


def test_kl_is_information_plus_aggregate():
    loc = np.random.default_rng(0).normal(size=(200, 2))
    found = _Estimate(loc, np.full_like(loc, 0.5)).found
    sums = (
        found.mutual_information.lower + found.aggregate_kl.upper,
        found.mutual_information.upper + found.aggregate_kl.lower,
    )
    assert sums[0] == pytest.approx(sums[1], abs=1e-6)


def test_a_bracket_turns_around_when_it_is_subtracted():
    assert Bracket(1.0, 2.0).minus_from(5.0) == Bracket(3.0, 4.0)
    assert Bracket(1.0, 9.0).minus_from(5.0) == Bracket(0.0, 4.0)


# --- a whole model ---


@pytest.fixture(scope="module")
def vae(make_vae):
    """The first dimension is the mean of x, the second ignores x; the decoder listens to the first only."""
    model = make_vae({"kind": "gaussian", "size": 2, "kl_kind": "monte_carlo"}, network={"kind": "mlp", "widths": [8]})
    for weight in model.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    hidden, _, out, _ = model.encoder.trainable_weights
    hidden.assign(tf.one_hot([0], 8, on_value=1.0 / 16.0) * tf.ones([16, 1]))
    out.assign(tf.scatter_nd([[0, 0]], [8.0], out.shape))
    decoder_in, _, decoder_out, _ = model.decoder.trainable_weights
    decoder_in.assign(tf.scatter_nd([[0, 0]], [1.0], decoder_in.shape))
    decoder_out.assign(tf.one_hot([0], 8, axis=0) * tf.ones([1, 16]))
    return model


@pytest.fixture(scope="module")
def x():
    return np.repeat(np.random.default_rng(0).random((400, 1, 1, 1)), 16, axis=1).reshape(400, 4, 4, 1).astype(np.float32)


def test_active_axes_and_their_kl(vae, x):
    block = measure_latent(vae, [x[:300], x[300:]], SEED).blocks[0]
    means = 8.0 * x.mean(axis=(1, 2, 3))
    assert [axis.is_active for axis in block.axes] == [True, False]
    assert block.num_active == 1
    assert block.axes[0].variance == pytest.approx(np.var(means), rel=1e-3)
    assert block.axes[0].kl == pytest.approx(np.mean(means**2) / 2.0, rel=1e-3)  # scale 1
    assert block.axes[1].kl == pytest.approx(0.0, abs=1e-5)
    assert block.kl == pytest.approx(sum(axis.kl for axis in block.axes))
    assert (block.kl_kind, block.size) == ("monte_carlo", 2)


def test_the_decoder_s_use_of_a_block(vae, x, make_vae):
    assert measure_latent(vae, [x], SEED).decoder_use > 0.1
    deaf = make_vae({"kind": "gaussian", "size": 2})
    deaf.decoder.trainable_weights[0].assign(tf.zeros_like(deaf.decoder.trainable_weights[0]))
    assert measure_latent(deaf, [x], SEED).decoder_use == pytest.approx(0.0, abs=1e-5)


def test_blocks_apart_and_together(make_vae, x):
    joint = make_vae({"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3})
    found = measure_latent(joint, [(x[:100], np.zeros(100))], SEED)
    assert [block.name for block in found.blocks] == ["gaussian", "categorical"]
    assert [len(block.axes) for block in found.blocks] == [2, 2]
    assert found.information is not None and found.num_examples == 100
    q = joint.encode(x[:100])
    for (part, part_q), block in zip(joint.latent.split_posterior(q), found.blocks, strict=True):
        assert block.kl == pytest.approx(float(tf.reduce_mean(part.kl(part_q, None))), rel=1e-4)


def test_an_autoencoder_has_no_axes_to_speak_of(make_vae, x):
    block = measure_latent(make_vae({"kind": "deterministic", "size": 2}), [x[:50]], SEED).blocks[0]
    assert (block.kl, block.axes, block.information) == (None, (), None)


def test_equal_seeds_give_equal_numbers(vae, x):
    assert measure_latent(vae, [x], SEED) == measure_latent(vae, [x], SEED)


def test_pairs_are_scored_alike_in_any_number_of_steps(monkeypatch):
    loc = np.random.default_rng(0).normal(size=(50, 2))
    whole = _Estimate(loc, np.full_like(loc, 0.5)).found
    monkeypatch.setattr(latent_statistics, "_PAIR_VALUES", 700)
    assert _Estimate(loc, np.full_like(loc, 0.5)).found.mutual_information.lower == pytest.approx(
        whole.mutual_information.lower, rel=1e-6
    )
