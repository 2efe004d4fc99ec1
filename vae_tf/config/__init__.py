"""RunConfig: the whole experiment as one frozen, validated value that goes to YAML and back unchanged.

Every key of a configuration file is a field here. Unknown keys are errors that name the nearest known one, and every message
has the form `path rule. Received: value.`
"""

from vae_tf.config.data import DataConfig
from vae_tf.config.model import (
    AutoLikelihoodConfig,
    AutoNetworkConfig,
    BernoulliLatentConfig,
    BernoulliLikelihoodConfig,
    CategoricalLatentConfig,
    ConvConfig,
    DeterministicLatentConfig,
    GaussianLatentConfig,
    GaussianLikelihoodConfig,
    LatentConfig,
    LikelihoodConfig,
    MlpConfig,
    ModelConfig,
    NetworkConfig,
)
from vae_tf.config.objective import (
    CapacityConfig,
    ElboConfig,
    ExactConfig,
    GumbelSoftmaxConfig,
    ObjectiveConfig,
    RebarConfig,
    ScoreFunctionConfig,
    SemiSupervisedConfig,
    StGumbelSoftmaxConfig,
    StraightThroughConfig,
    VimcoConfig,
)
from vae_tf.config.run import EvaluationConfig, RunConfig, TrainingConfig
from vae_tf.config.schedules import (
    ConstantConfig,
    CosineConfig,
    ExponentialConfig,
    LearnedConfig,
    LinearConfig,
    ScheduleConfig,
    StepwiseConfig,
    TemperatureConfig,
)

__all__ = [
    "AutoLikelihoodConfig",
    "AutoNetworkConfig",
    "BernoulliLatentConfig",
    "BernoulliLikelihoodConfig",
    "CapacityConfig",
    "CategoricalLatentConfig",
    "ConstantConfig",
    "ConvConfig",
    "CosineConfig",
    "DataConfig",
    "DeterministicLatentConfig",
    "ElboConfig",
    "EvaluationConfig",
    "ExactConfig",
    "ExponentialConfig",
    "GaussianLatentConfig",
    "GaussianLikelihoodConfig",
    "GumbelSoftmaxConfig",
    "LatentConfig",
    "LearnedConfig",
    "LikelihoodConfig",
    "LinearConfig",
    "MlpConfig",
    "ModelConfig",
    "NetworkConfig",
    "ObjectiveConfig",
    "RebarConfig",
    "RunConfig",
    "ScheduleConfig",
    "ScoreFunctionConfig",
    "SemiSupervisedConfig",
    "StGumbelSoftmaxConfig",
    "StepwiseConfig",
    "StraightThroughConfig",
    "TemperatureConfig",
    "TrainingConfig",
    "VimcoConfig",
]
