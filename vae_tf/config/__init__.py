"""RunConfig: the whole experiment as one frozen, validated value that goes to YAML and back unchanged.

Every key of a configuration file is a field here, or an argument of a part's constructor (see `vae_tf.parts`). Unknown keys are
errors that name the nearest known one, and every message has the form `path rule. Received: value.`
"""

from vae_tf.config.data import MEMORY, DataConfig, check_path, existing_path, full_name, refuse_bare_path, without_folder
from vae_tf.config.decoding import Decoding, read_decoding
from vae_tf.config.model import ModelConfig
from vae_tf.config.run import PUBLISHED, RECORDED, EvaluationConfig, RunConfig, TrainingConfig
from vae_tf.config.validation import read_yaml, validate_config

__all__ = [
    "MEMORY",
    "PUBLISHED",
    "RECORDED",
    "DataConfig",
    "Decoding",
    "EvaluationConfig",
    "ModelConfig",
    "RunConfig",
    "TrainingConfig",
    "check_path",
    "existing_path",
    "full_name",
    "read_decoding",
    "read_yaml",
    "refuse_bare_path",
    "validate_config",
    "without_folder",
]
