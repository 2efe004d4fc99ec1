"""Priors of Gaussian blocks, one file a family; `from vae_tf.models import VampPrior` finds a family by its class."""
