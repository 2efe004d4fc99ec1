"""Training: fit, checkpoints, records, and opening a run again."""

from vae_tf.training.callbacks import NonFiniteLossError
from vae_tf.training.checkpoints import CheckpointStore, TrainingState
from vae_tf.training.distribution import STRATEGIES, Distribution, start_distribution
from vae_tf.training.fitting import check_start, train
from vae_tf.training.optimizers import WeightAverage
from vae_tf.training.plan import Plan, choose_steps_per_execution, plan_of, plan_run
from vae_tf.training.profiling import Profile
from vae_tf.training.runs import (
    LoadedRun,
    TrainingOutcome,
    as_recorded,
    check_same_data,
    describe_environment,
    finish_run,
    load_run,
    open_data,
    read_spec,
    record,
)
from vae_tf.training.sessions import TrainedRun, train_and_measure
from vae_tf.training.showing import Shown, only_shown
from vae_tf.training.tensorboard import TensorBoardLog, describe_model

__all__ = [
    "STRATEGIES",
    "CheckpointStore",
    "Distribution",
    "LoadedRun",
    "NonFiniteLossError",
    "Plan",
    "Profile",
    "Shown",
    "TensorBoardLog",
    "TrainedRun",
    "TrainingOutcome",
    "TrainingState",
    "WeightAverage",
    "as_recorded",
    "check_same_data",
    "check_start",
    "choose_steps_per_execution",
    "describe_environment",
    "describe_model",
    "finish_run",
    "load_run",
    "only_shown",
    "open_data",
    "plan_of",
    "plan_run",
    "read_spec",
    "record",
    "start_distribution",
    "train",
    "train_and_measure",
]
