"""The ELBO as a loss: reconstruction plus the losses that the latent added."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.objectives import Elbo, Objective, TermMean


class _Likelihood:
    def log_prob(self, params, x):
        return -tf.reduce_sum((params - x) ** 2, axis=-1)


class _Model:
    def __init__(self, losses):
        self.likelihood = _Likelihood()
        self.losses = losses
        self.reconstruction_nll = TermMean("reconstruction_nll")


@pytest.mark.parametrize("losses", [[], [0.5], [tf.constant(0.5), tf.constant(2.0)]])
def test_the_loss_is_the_mean_reconstruction_plus_the_added_losses(losses):
    model = _Model(losses)
    x, params = np.zeros([2, 3], np.float32), np.array([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0]], np.float32)
    loss = Elbo().loss(model, tf.constant(x), tf.constant(params))
    assert float(loss) == pytest.approx(3.0 + float(sum(losses)))
    assert float(model.reconstruction_nll.result()) == pytest.approx(3.0)


def test_the_base_class_has_no_loss():
    with pytest.raises(NotImplementedError):
        Objective().loss(None, None, None)
