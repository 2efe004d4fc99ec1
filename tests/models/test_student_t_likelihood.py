"""Student's t against scipy: its density, its information, where it starts, and what it makes of a value far out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from vae_tf.config import ModelConfig
from vae_tf.contract.made import SPECS
from vae_tf.errors import UserValueError
from vae_tf.evaluation.conditioning import Conditioner
from vae_tf.models import VAE, GaussianLatent, StudentTLikelihood
from vae_tf.models.linear import fit_linear


def _values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 3, 2)])
@pytest.mark.parametrize("scale_kind", ["fixed", "shared", "elementwise"])
@pytest.mark.parametrize("df", ["learned", 3.5])
def test_log_prob_equals_scipy(shape, scale_kind, df):
    likelihood = StudentTLikelihood(shape, scale_kind, df, scale=0.7)
    likelihood.build(None)
    degrees = 3.5
    if df == "learned":
        likelihood.raw_df.assign(np.linspace(-2.0, 3.0, shape[-1]))
        degrees = 2.0 + np.log1p(np.exp(np.linspace(-2.0, 3.0, shape[-1])))
    features, x = _values(4, *likelihood.params_shape), 3.0 * _values(4, *shape, seed=1)
    loc, scale = features, 0.7
    if scale_kind == "elementwise":
        loc, raw = np.split(features, 2, axis=-1)
        scale = 0.01 + np.log1p(np.exp(raw + np.log(np.expm1(0.69))))
    expected = stats.t.logpdf(x, degrees, loc, scale).reshape(4, -1).sum(axis=1)
    np.testing.assert_allclose(likelihood.log_prob(likelihood(features), x), expected, rtol=1e-4)
    np.testing.assert_allclose(likelihood.mean(likelihood(features)), loc)


@pytest.mark.parametrize("df", [2.5, 4.0, 50.0])
def test_its_information_is_that_of_the_density_s_slope(df):
    likelihood = StudentTLikelihood((1,), "fixed", df, scale=0.5)
    p = likelihood.distribution(tf.zeros([1, 1]))

    def squared_slope(x):
        return ((df + 1.0) * x / (df * 0.25 + x**2)) ** 2 * stats.t.pdf(x, df, 0.0, 0.5)

    expected, _ = integrate.quad(squared_slope, -np.inf, np.inf)
    np.testing.assert_allclose(likelihood.information(p).numpy().item(), expected, rtol=1e-4)


@pytest.mark.parametrize("df", [2.0, 0.5, float("inf")])
def test_degrees_without_a_variance_are_refused(df):
    settings = {"likelihood": {"kind": "student_t", "df": df}}
    with pytest.raises(ValueError, match=r"likelihood\.df"):
        ModelConfig.model_validate(settings)


def test_degrees_that_are_given_in_python_are_checked():
    with pytest.raises(ValueError, match=r"df must be learned, or > 2, so that there is a variance\. Received: 2"):
        StudentTLikelihood((2,), df=2)


@pytest.mark.parametrize("scale_kind", ["shared", "elementwise"])
def test_it_starts_with_the_noise_of_the_linear_model(scale_kind):
    x = _values(300, 2) @ _values(2, 4, seed=1) + 0.3 * _values(300, 4, seed=2)
    model = fit_linear(x, 2, 0.01, per_value=scale_kind == "elementwise")
    likelihood = StudentTLikelihood((4,), scale_kind)
    likelihood.build(None)
    kernel, bias = likelihood.linear_start(model)
    params = likelihood((np.ones([1, 2]) @ kernel + bias).astype(np.float32))
    p = likelihood.distribution(params).distribution
    np.testing.assert_allclose(p.mean().numpy()[0], np.ones(2) @ model.weights.T + model.mean, rtol=1e-4)
    np.testing.assert_allclose(p.stddev().numpy()[0], model.noise, rtol=1e-3)


def test_degrees_are_learned_of_the_tails():
    rng = np.random.default_rng(0)
    x = np.stack([rng.standard_t(3.0, 4000), rng.normal(size=4000)], axis=1).astype(np.float32)
    likelihood = StudentTLikelihood((2,), "shared")
    likelihood.build(None)
    optimizer = keras.optimizers.Adam(0.05)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(likelihood.log_prob(likelihood(tf.zeros_like(x)), tf.constant(x)))
        variables = likelihood.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, [v.value for v in variables]), variables, strict=True))

    for _ in range(300):
        step()
    heavy, light = likelihood.degrees.numpy()
    fitted, _, _ = stats.t.fit(x[:, 0], floc=0.0)
    assert abs(heavy - fitted) < 0.5
    assert light > 8.0


def test_what_follows_a_value_far_out_is_drawn_as_bayes_has_it():
    """Beside normal values a far one would pull what is missing along; here p(missing | there) is known by quadrature."""
    latent = GaussianLatent(size=1)
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(latent.params_size)])
    decoder = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    vae = VAE(encoder, latent, decoder, StudentTLikelihood((3,), "fixed", 3.0, scale=0.3))
    kernel = np.array([[1.0, 0.8, 1.5]])
    decoder.layers[-1].set_weights([kernel, np.zeros(3)])
    z = np.linspace(-8.0, 8.0, 20_001)
    for first, second in ((0.4, 0.3), (6.0, 0.2)):
        log_joint = stats.norm.logpdf(z) + sum(
            stats.t.logpdf(value, 3.0, slope * z, 0.3) for value, slope in zip((first, second), kernel[0], strict=False)
        )
        weights = np.exp(log_joint - log_joint.max())
        expected = 1.5 * (weights @ z) / weights.sum()
        means, found = Conditioner(vae, 20_000).draws(np.array([[first, second, np.nan]]), (0, 0))
        assert means[0, 2] == pytest.approx(expected, abs=0.03)
        assert found.effective()[0] > 2_000


def test_counts_are_refused():
    counts = next(spec for spec in SPECS if spec.value_support == "count")
    with pytest.raises(UserValueError, match="Counts, and only counts"):
        StudentTLikelihood.check_data(counts)
