"""From a run to a servable: signatures and version folders."""

from vae_tf.export.servable import export_run, list_versions
from vae_tf.export.signatures import SCORE_SAMPLES, Signature, make_signatures

__all__ = ["SCORE_SAMPLES", "Signature", "export_run", "list_versions", "make_signatures"]
