"""Estimators that go through the draw: the ELBO with another training draw of the discrete blocks."""

import keras

from vae_tf.objectives.elbo import Elbo

__all__ = ["GumbelSoftmax", "StGumbelSoftmax", "StraightThrough"]


@keras.saving.register_keras_serializable("vae_tf")
class GumbelSoftmax(Elbo):
    """Relaxed draws; the gradient is that of the relaxed model (Jang, Gu, Poole 2017; Maddison, Mnih, Teh 2017).

    For the discrete model it is biased, the less the lower the temperature, and then has more variance.
    """

    training_draw = "relaxed"


@keras.saving.register_keras_serializable("vae_tf")
class StGumbelSoftmax(Elbo):
    """The argmax of a relaxed draw, with the relaxed draw's gradient (Jang, Gu, Poole 2017, section 2.2). Biased."""

    training_draw = "st_relaxed"


@keras.saving.register_keras_serializable("vae_tf")
class StraightThrough(Elbo):
    """A hard draw with the gradient of the probabilities (Bengio, Leonard, Courville 2013). Biased at any temperature."""

    training_draw = "st_mean"
