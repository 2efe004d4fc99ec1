"""Likelihoods, one file a family; `from vae_tf.models import GaussianLikelihood` finds a family by its class."""
