"""The contract: what every part promises, checked on parts of the package and on those of a user's own alike."""

from vae_tf.contract.check import check_made, check_part
from vae_tf.contract.finding import Finding

__all__ = ["Finding", "check_made", "check_part"]
