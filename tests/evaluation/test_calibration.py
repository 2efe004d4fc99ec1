"""Data drawn from the model's own distribution are calibrated; others are not."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.evaluation.calibration import measure_calibration
from vae_tf.models import Likelihood

SEED = (1, 2)


class _Pipe:
    """A model whose decoder gives a fixed distribution, whatever x."""

    def __init__(self, vae, params):
        self.latent, self.encode, self._vae, self._params = vae.latent, vae.encode, vae, params
        self.likelihood = vae.likelihood

    def decode(self, z):
        return self._vae.likelihood.distribution(tf.broadcast_to(self._params, [len(z), *self._params.shape]))


@pytest.fixture
def logits():
    return tf.constant(np.random.default_rng(0).normal(0.0, 2.0, (4, 4, 1)), tf.float32)


def _batches(draw, num):
    return [(tf.constant(draw(num)), None), (tf.constant(draw(num)), None)]


def test_probabilities_that_came_true(make_vae, logits):
    rng, probabilities = np.random.default_rng(1), tf.sigmoid(logits).numpy()
    data = _batches(lambda n: (rng.random((n, 4, 4, 1)) < probabilities).astype(np.float32), 2000)
    found = measure_calibration(_Pipe(make_vae(), logits), data, SEED)
    predicted, weight = np.array(found.predicted), np.array(found.weight)
    stderr = np.sqrt(predicted * (1 - predicted) / (weight * 4000 * 16))
    assert np.all(np.abs(predicted - found.observed) < 4 * stderr)
    assert found.kind == "probability" and weight.sum() == pytest.approx(1.0) and found.error < 0.01


def test_a_constant_error_is_measured(make_vae):
    """Predicted 1/2, observed 1: the error is 1/2."""
    found = measure_calibration(_Pipe(make_vae(), tf.zeros([4, 4, 1])), _batches(lambda n: np.ones((n, 4, 4, 1), "f"), 3), SEED)
    assert (found.predicted, found.observed, found.error) == ((0.5,), (1.0,), 0.5)


@pytest.mark.parametrize(("spread", "is_calibrated"), [(1.0, True), (2.0, False)])
def test_coverage_of_a_gaussian(make_vae, spread, is_calibrated):
    vae = make_vae(likelihood={"kind": "gaussian", "scale_kind": "fixed", "scale": 1.0})
    rng, loc = np.random.default_rng(0), np.linspace(-1, 1, 16).reshape(4, 4, 1)
    data = _batches(lambda n: rng.normal(loc, spread, (n, 4, 4, 1)).astype(np.float32), 1000)
    found = measure_calibration(_Pipe(vae, tf.constant(loc, tf.float32)), data, SEED)
    predicted = np.array(found.predicted)
    stderr = np.sqrt(predicted * (1 - predicted) / 32000)
    assert bool(np.all(np.abs(predicted - found.observed) < 4 * stderr)) == is_calibrated
    assert found.kind == "coverage" and found.weight is None


def test_a_likelihood_without_either_is_left_out(make_vae):
    class Silent:
        latent, encode = make_vae().latent, staticmethod(make_vae().encode)
        likelihood = Likelihood((4, 4, 1))

        def decode(self, z):
            return object()

    assert measure_calibration(Silent(), [(tf.zeros([2, 4, 4, 1]), None)], SEED) is None
