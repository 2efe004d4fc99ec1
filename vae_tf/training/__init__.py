"""Training: fit, checkpoints, records, and opening a run again.

Names are imported when they are first used, so that checkpoints are looked at without TensorFlow.
"""

from typing import TYPE_CHECKING

from vae_tf.lazy import lazy_names

if TYPE_CHECKING:
    from vae_tf.training.callbacks import NonFiniteLossError
    from vae_tf.training.checkpoints import CheckpointStore, TrainingState
    from vae_tf.training.deciding import plan_run
    from vae_tf.training.distribution import STRATEGIES, Distribution, start_distribution
    from vae_tf.training.executions import choose_steps_per_execution
    from vae_tf.training.fitting import check_start, train
    from vae_tf.training.folds import CrossValidation, cross_validate, fold_config, pool
    from vae_tf.training.plan import Plan, plan_of
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
    from vae_tf.training.tracking import Tracker, open_tracker
    from vae_tf.training.transfer import Taken, init_from, take_weights

__all__ = [
    "STRATEGIES",
    "CheckpointStore",
    "CrossValidation",
    "Distribution",
    "LoadedRun",
    "NonFiniteLossError",
    "Plan",
    "Profile",
    "Shown",
    "Taken",
    "TensorBoardLog",
    "Tracker",
    "TrainedRun",
    "TrainingOutcome",
    "TrainingState",
    "as_recorded",
    "check_same_data",
    "check_start",
    "choose_steps_per_execution",
    "cross_validate",
    "describe_environment",
    "describe_model",
    "finish_run",
    "fold_config",
    "init_from",
    "load_run",
    "only_shown",
    "open_data",
    "open_tracker",
    "plan_of",
    "plan_run",
    "pool",
    "read_spec",
    "record",
    "start_distribution",
    "take_weights",
    "train",
    "train_and_measure",
]
_MODULES = {
    "NonFiniteLossError": "callbacks",
    "CheckpointStore": "checkpoints",
    "TrainingState": "checkpoints",
    "plan_run": "deciding",
    "STRATEGIES": "distribution",
    "Distribution": "distribution",
    "start_distribution": "distribution",
    "choose_steps_per_execution": "executions",
    "check_start": "fitting",
    "train": "fitting",
    "CrossValidation": "folds",
    "cross_validate": "folds",
    "fold_config": "folds",
    "pool": "folds",
    "Plan": "plan",
    "plan_of": "plan",
    "Profile": "profiling",
    "LoadedRun": "runs",
    "TrainingOutcome": "runs",
    "as_recorded": "runs",
    "check_same_data": "runs",
    "describe_environment": "runs",
    "finish_run": "runs",
    "load_run": "runs",
    "open_data": "runs",
    "read_spec": "runs",
    "record": "runs",
    "TrainedRun": "sessions",
    "train_and_measure": "sessions",
    "Shown": "showing",
    "only_shown": "showing",
    "TensorBoardLog": "tensorboard",
    "describe_model": "tensorboard",
    "Tracker": "tracking",
    "open_tracker": "tracking",
    "Taken": "transfer",
    "init_from": "transfer",
    "take_weights": "transfer",
}

__getattr__ = lazy_names(__name__, _MODULES)
