"""Blocks of the latent, one file a family; `from vae_tf.models import GaussianLatent` finds a family by its class."""
