"""From a run to a servable: signatures, version folders, warm-up, and the check that others can run it."""

from vae_tf.evaluation.row_scores import SCORE_SAMPLES
from vae_tf.export.check import ServableMismatchError, SignatureCheck, check_servable, compare_answers, random_request
from vae_tf.export.functions import IMPUTE_STEPS
from vae_tf.export.servable import Exported, export_run, export_vae, list_versions, prune_versions
from vae_tf.export.signature import Input, Signature, example_request
from vae_tf.export.signatures import make_signatures
from vae_tf.export.warmup import write_warmup

__all__ = [
    "IMPUTE_STEPS",
    "SCORE_SAMPLES",
    "Exported",
    "Input",
    "ServableMismatchError",
    "Signature",
    "SignatureCheck",
    "check_servable",
    "compare_answers",
    "example_request",
    "export_run",
    "export_vae",
    "list_versions",
    "make_signatures",
    "prune_versions",
    "random_request",
    "write_warmup",
]
