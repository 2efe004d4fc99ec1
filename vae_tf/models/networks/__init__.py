"""Networks, one file a family; `from vae_tf.models import MlpNetwork` finds a family by its class."""
