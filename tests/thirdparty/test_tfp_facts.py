"""What we rely on, or work around, in TensorFlow Probability."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability.python import distributions as tfd

LOGITS = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)


def test_fact_6_there_is_no_kl_of_two_relaxed_one_hots():
    """Hence the relaxed KL term is the log ratio at the draw."""
    relaxed = [tfd.RelaxedOneHotCategorical(0.5, logits=LOGITS[i]) for i in range(2)]
    with pytest.raises(NotImplementedError, match="No KL"):
        tfd.kl_divergence(*relaxed)


def test_fact_6_cold_relaxed_draws_underflow_to_zero_and_lose_their_density():
    """Hence draws are made and scored as logarithms."""
    make = lambda: tfd.RelaxedOneHotCategorical(0.1, logits=4.0 * LOGITS)  # noqa: E731
    draws = make().sample(seed=(1, 2))
    fresh = make()  # without the first one's cache of inverses
    assert np.mean(np.any(draws.numpy() == 0.0, axis=-1)) > 0.25
    assert not np.all(np.isfinite(fresh.log_prob(tf.identity(draws))))


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_fact_6_draws_of_logarithms_stay_finite_with_finite_densities(temperature):
    relaxed = tfd.ExpRelaxedOneHotCategorical(temperature, logits=LOGITS)
    draws = relaxed.sample(seed=(1, 2))
    assert np.all(np.isfinite(draws))
    assert np.all(np.isfinite(relaxed.log_prob(draws)))


def test_the_relaxed_distribution_holds_its_logarithmic_twin_with_the_same_parameters():
    """`CategoricalLatent.sample` reaches for `q.distribution.distribution`."""
    relaxed = tfd.RelaxedOneHotCategorical(0.5, logits=LOGITS)
    assert isinstance(relaxed.distribution, tfd.ExpRelaxedOneHotCategorical)
    np.testing.assert_array_equal(relaxed.distribution.logits, LOGITS)
    assert float(relaxed.distribution.temperature) == 0.5


@pytest.mark.parametrize(
    ("q", "p"),
    [
        (tfd.Independent(tfd.Normal(tf.ones(3), 2.0), 1), tfd.Independent(tfd.Normal(tf.zeros(3), tf.ones(3)), 1)),
        (
            tfd.Independent(tfd.OneHotCategorical(logits=LOGITS[:2]), 1),
            tfd.Independent(tfd.OneHotCategorical(logits=np.zeros([2, 10], np.float32)), 1),
        ),
    ],
    ids=["normal", "one-hot"],
)
def test_kl_of_the_independent_wrappers_we_use_is_registered_and_summed(q, p):
    kl = tfd.kl_divergence(q, p)
    apart = tfd.kl_divergence(q.distribution, p.distribution)
    np.testing.assert_allclose(kl, tf.reduce_sum(apart, axis=-1), rtol=1e-6)


def test_stateless_seeds_give_the_same_draw_in_a_graph():
    """Fact 8, the half that holds: eager equals graph."""
    normal = tfd.Normal(tf.zeros(5), 1.0)
    np.testing.assert_array_equal(normal.sample(seed=(1, 2)), tf.function(lambda: normal.sample(seed=(1, 2)))())
