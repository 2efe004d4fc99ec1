"""vae_tf: from data to a served variational autoencoder."""

__version__ = "0.1.0"
