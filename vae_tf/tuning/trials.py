"""Trials: from what the tuner drew to a trained run and its numbers on the validation split."""

import functools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import tensorflow as tf
from rich.console import Console
from tensorboard.plugins.hparams import api as hparams

from vae_tf.artifacts import RunDirectory
from vae_tf.config import DataConfig, RunConfig
from vae_tf.data import Dataset, eval_batches, load_dataset
from vae_tf.errors import UserError, UserValueError
from vae_tf.evaluation.bounds import BoundEstimates, BoundEstimator
from vae_tf.evaluation.latent_statistics import count_active
from vae_tf.failures import system_reason
from vae_tf.files import LOCK, atomic_directory, write_arrays
from vae_tf.models import VAE
from vae_tf.models.build import build_vae
from vae_tf.parts.files import fault_of_own
from vae_tf.quiet import quiet_retracing
from vae_tf.seeding import derive, derive_pair
from vae_tf.sums import SUMS, write_sums
from vae_tf.training import NonFiniteLossError, TrainingOutcome, train
from vae_tf.training.deciding import look_for, plan_run
from vae_tf.training.showing import only_shown
from vae_tf.tuning.oracles import make_oracle
from vae_tf.tuning.search import OBJECTIVES, SearchDirectory, SearchSettings, TrialResult

__all__ = [
    "Report",
    "RunHyperModel",
    "RunTuner",
    "SearchError",
    "SearchStopped",
    "check_objective",
    "copy_run",
    "oracle_of",
    "prepare_run",
]

_OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
_IDLE_SECONDS = 0.2
_OF_A_TRIAL = ("trial.json", "validation.npz", "hparams", LOCK)
Report = Callable[[TrialResult], None]


class SearchStopped(KeyboardInterrupt):
    """A signal ended the training of a trial."""


class SearchError(kt.errors.FatalError):
    """What ends a search: a mistake in the settings, or a fault in the program; the cause is chained."""


def check_objective(settings: SearchSettings, vae: VAE) -> None:
    """Check that a model has the number that a search is for.

    Raises:
        UserValueError: it has not.
    """
    if settings.objective == "val_nll" and not vae.latent.has_density:
        raise UserValueError("val_nll needs a density: an autoencoder (deterministic latent) has none. Use val_negative_elbo.")


def oracle_of(settings: SearchSettings) -> kt.Oracle:
    """Return what proposes the trials of a search, without a state yet.

    Raises:
        UserValueError: the space is too small for the tuner.
    """
    epochs = settings.space.start(settings.config).training.epochs
    if epochs == "auto":
        raise ValueError("training.epochs is open: start_search decides it.")
    return make_oracle(settings.tuner, settings.space, settings.objective, settings.trials, epochs, settings.config.seed)


def prepare_run(config: RunConfig) -> tuple[RunConfig, Dataset]:
    """Load the data of a configuration, and settle what it leaves open.

    Raises:
        UserValueError: the data or the model do not fit.
        UserFileError: the data cannot be read.
    """
    dataset = _load(config.data)
    return plan_run(config, dataset.spec, look=look_for(config.training, dataset))[0], dataset


@functools.lru_cache(maxsize=1)
def _load(config: DataConfig) -> Dataset:
    """Load data once, not for every trial."""
    return load_dataset(config)


class RunHyperModel(kt.HyperModel):
    """Makes run configurations, and models, of what a tuner draws.

    Args:
        settings: of the search.
    """

    def __init__(self, settings: SearchSettings) -> None:
        super().__init__(name="vae")
        self.settings = settings
        self._start = settings.space.start(settings.config)

    def configure(self, hp: kt.HyperParameters, execution: int = 1) -> RunConfig:
        """Return the configuration of one training of a trial; every training has its own seed.

        Raises:
            UserValueError: values do not fit together.
        """
        config = self.settings.space.configure(self._start, self.settings.space.settle(hp.values))
        seed = config.seed if execution == 1 else derive(config.seed, "execution", execution)
        training = config.training
        if "tuner/epochs" in hp.values:
            training = training.model_copy(update={"epochs": int(hp.values["tuner/epochs"])})
        return config.model_copy(update={"seed": seed, "training": training})

    def build(self, hp: kt.HyperParameters) -> VAE:
        """Return the model of a trial, not yet trained."""
        config, dataset = prepare_run(self.configure(hp))
        return build_vae(config.model, dataset.spec, config.seed, config.objective, config.training.precision)


class RunTuner(kt.engine.base_tuner.BaseTuner):
    """Trains every trial into a run directory, and scores it on the validation split.

    A training whose loss is not finite, that runs out of memory, or that fails in a file of somebody's own parts, fails its
    trial; everything else ends the search.

    Args:
        search: the folder; its settings are read from it.
        console: where training shows its progress.
        begin: called when a training begins, or goes on.
        report: called when a training has ended.
    """

    def __init__(self, search: SearchDirectory, console: Console, begin: Report, report: Report) -> None:
        self.files = search
        self.settings = search.read_settings()
        self.console = console
        self.begin = begin
        self.report = report
        super().__init__(
            oracle=oracle_of(self.settings),
            hypermodel=RunHyperModel(self.settings),
            directory=str(search.oracle.parent.absolute()),
            project_name=search.oracle.name,
        )
        self._asked = False

    def num_trainings(self) -> int | None:
        """Return how many trainings the search will have at most; None where the tuner decides."""
        trials = self.oracle.max_trials
        return trials * self.settings.executions if trials else None

    def save(self) -> None:
        """Do nothing: the oracle writes its own state, and a tuner has no other."""

    def pre_create_trial(self) -> None:
        """Wait a moment before asking again where there was nothing to do."""
        if self._asked:
            time.sleep(_IDLE_SECONDS)
        self._asked = True

    def on_trial_begin(self, trial: Any) -> None:
        """Note that there was something to do."""
        self._asked = False

    @quiet_retracing()
    def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
        """Train and measure; a training that has ended already is not run again.

        Returns:
            Means over the trainings.

        Raises:
            FailedTrialError: the loss is not finite, memory ran out, or parts of somebody's own failed.
            SearchError: anything else went wrong.
        """
        executions = range(1, self.settings.executions + 1)
        try:
            results = [self._execute(trial, execution) for execution in executions]
        except Exception as error:
            raise SearchError(f"Trial {trial.trial_id} ended the search: {error}") from error
        failed = next((result.failure for result in results if result.failure), None)
        if failed:
            raise kt.errors.FailedTrialError(failed)
        names = (*OBJECTIVES, "kl", "active", "seconds")
        columns = {name: [getattr(result, name) for result in results] for name in names}
        return {name: float(np.mean(values)) for name, values in columns.items() if None not in values}

    def _execute(self, trial: Any, execution: int) -> TrialResult:
        """Return the result of one training: the one on file, or a new one."""
        result = self.files.read_result(trial.trial_id, execution)
        if result is None:
            values = self.settings.space.settle(trial.hyperparameters.values)
            result = TrialResult(trial=trial.trial_id, execution=execution, values=values)
            self.begin(result)
            try:
                result = self._train(trial, result)
            except Exception as error:
                reason = _failure_of(error)
                if not reason:
                    raise
                result = result.model_copy(update={"failure": reason})
            self.files.write_result(result)
            write_sums(self.files.trial_run(result.trial, execution).path)
        self.report(result)
        return result

    def _train(self, trial: Any, result: TrialResult) -> TrialResult:
        keras.utils.clear_session()
        config, dataset = prepare_run(self.hypermodel.configure(trial.hyperparameters, result.execution))
        run = self.files.trial_run(result.trial, result.execution)
        before = trial.hyperparameters.values.get("tuner/trial_id")
        if before and not run.config_file.exists():
            copy_run(self.files.trial_run(before, result.execution), run)
        resume = run.config_file.exists()
        run.write_config(config, resume)
        outcome = train(config, dataset, run, self.console, resume)
        if outcome.interrupted:
            raise SearchStopped
        check_objective(self.settings, outcome.vae)
        bounds = _measure(outcome.vae, config, dataset, run)
        result = _with_numbers(result, outcome, bounds, dataset)
        with only_shown("TensorBoard's HParams", self.console):
            _write_hparams(run, result)
        return result


def _failure_of(error: Exception) -> str:
    """Return why a trial failed, where the search can go on without it: no other trial need fail by the same."""
    if isinstance(error, NonFiniteLossError):
        return str(error)
    if isinstance(error, _OUT_OF_MEMORY) and system_reason(error) is None:
        return "Out of memory."
    return "" if isinstance(error, UserError) else fault_of_own(error)


def copy_run(source: RunDirectory, target: RunDirectory) -> None:
    """Start a run from another's end: without what is the trial's own, and without its sums, since it goes on."""

    def left(folder: str, names: list[str]) -> set[str]:
        of_run = {SUMS} if Path(folder) == source.path else set()  # parts have sums of their own, which go with them
        return {*names} & {*_OF_A_TRIAL, *of_run}

    with atomic_directory(target.path) as folder:
        shutil.copytree(source.path, folder, dirs_exist_ok=True, ignore=left)


def _measure(vae: VAE, config: RunConfig, dataset: Dataset, run: RunDirectory) -> BoundEstimates:
    """Estimate the bounds on the validation split with the same draws in every trial, and keep them by example."""
    batches = eval_batches(dataset, "validation", config.evaluation.batch_size)
    samples, seed = config.evaluation.num_samples, derive_pair(0, "search", "validation")
    examples = BoundEstimator(vae).per_example(batches, samples, seed)
    write_arrays(run.path / "validation.npz", {"val_negative_elbo": examples.negative_elbo, "val_nll": examples.nll})
    return BoundEstimates.from_examples(examples)


def _with_numbers(result: TrialResult, outcome: TrainingOutcome, bounds: BoundEstimates, dataset: Dataset) -> TrialResult:
    x = np.concatenate([x for x, _ in eval_batches(dataset, "validation", 500).as_numpy_iterator()])
    active, axes = count_active(outcome.vae, x)
    return result.model_copy(
        update={
            "val_negative_elbo": bounds.negative_elbo,
            "val_negative_elbo_stderr": bounds.negative_elbo_stderr,
            "num_examples": bounds.num_examples,
            "val_nll": bounds.nll,
            "val_nll_stderr": bounds.nll_stderr,
            "kl": bounds.kl,
            "active": active,
            "axes": axes,
            "num_parameters": int(sum(np.prod(weight.shape) for weight in outcome.vae.trainable_weights)),
            "epochs": outcome.state.epoch,
            "best_epoch": outcome.state.best_epoch,
            "seconds": round(outcome.seconds, 2),
        }
    )


def _write_hparams(run: RunDirectory, result: TrialResult) -> None:
    """Write what TensorBoard's HParams tab shows of a training."""
    folder = run.tensorboard / "hparams"
    shutil.rmtree(folder, ignore_errors=True)
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        hparams.hparams(result.values, trial_id=run.name)
        for name in (*OBJECTIVES, "kl", "active", "seconds"):
            value = getattr(result, name)
            if value is not None:
                tf.summary.scalar(name, value)
