"""A run from start to end: train, select, measure on the test split, draw; and how to open one again."""

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from filelock import FileLock, Timeout
from pydantic import ValidationError
from rich.console import Console

from vae_tf import __version__
from vae_tf.artifacts import RunDirectory, atomic_file, read_json, write_json
from vae_tf.cluster import Cluster
from vae_tf.config import RunConfig
from vae_tf.data.pipeline import Dataset, eval_batches, gather_examples, labelled_examples, random_examples, train_batches
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import Share
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.evaluation.pictures import reconstruction_grid, sample_grid, save_grid, traversal_grid
from vae_tf.evaluation.projector import write_projector
from vae_tf.models.build import build_schedule, build_vae
from vae_tf.models.priors import VampPrior
from vae_tf.models.vae import VAE
from vae_tf.objectives.semi_supervised import LabelledSet
from vae_tf.seeding import derive_pair
from vae_tf.training.callbacks import Checkpointing, FiniteGuard, GracefulStop, MetricsLog, ProgressBar
from vae_tf.training.checkpoints import CheckpointStore, TrainingState
from vae_tf.training.distribution import Distribution, start_distribution
from vae_tf.training.optimizers import FusedAdam
from vae_tf.training.tensorboard import TensorBoardLog

__all__ = [
    "LoadedRun",
    "TrainingOutcome",
    "check_same_data",
    "choose_steps_per_execution",
    "describe_environment",
    "finish_run",
    "load_run",
    "read_spec",
    "train",
]

_PICTURES_A_RUN = 10
_PICTURE_EXAMPLES = 500
_LONGEST_EXECUTION = 64


@dataclass(frozen=True)
class TrainingOutcome:
    """How training ended.

    Attributes:
        vae: the model with the weights of the best epoch.
        state: epochs done, best epoch, best value.
        interrupted: whether a signal ended it before its time.
        seconds: time spent in this process.
    """

    vae: VAE
    state: TrainingState
    interrupted: bool
    seconds: float


@dataclass(frozen=True)
class LoadedRun:
    """A run opened again: its configuration, data description, and the model with its best weights."""

    run: RunDirectory
    config: RunConfig
    spec: DatasetSpec
    vae: VAE
    state: TrainingState


def choose_steps_per_execution(steps: int) -> int:
    """Choose how many steps run between two returns to Python: at most 64, dropping as few of an epoch's steps as can be.

    Example:
        >>> choose_steps_per_execution(468), choose_steps_per_execution(20), choose_steps_per_execution(67)
        (52, 20, 33)
    """
    candidates = range(1, min(steps, _LONGEST_EXECUTION) + 1)
    if steps <= _LONGEST_EXECUTION:
        return steps
    return max((n for n in candidates if n > _LONGEST_EXECUTION // 2), key=lambda n: (-(steps % n), n))


def train(
    config: RunConfig,
    dataset: Dataset,
    run: RunDirectory,
    console: Console,
    resume: bool = False,
    distribution: Distribution | None = None,
) -> TrainingOutcome:
    """Train the model of a run directory that `RunDirectory.write_config` made, from the start or from its newest checkpoint.

    Args:
        config: the resolved configuration.
        dataset: the data.
        run: where everything is written.
        console: where progress is shown.
        resume: go on from the newest checkpoint, with bit-identical results.
        distribution: over which replicas; default: one. Of several workers, only the chief writes.

    Raises:
        UserFileError: another process trains this run, or its files are damaged or cannot be written.
        UserValueError: the data are not those that the run was started with.
        NonFiniteLossError: the loss blew up.
    """
    distribution = distribution or start_distribution("none", Cluster())
    if not distribution.cluster.is_chief:
        return _train_locked(config, dataset, run, console, resume, distribution)
    lock = FileLock(run.path / ".lock", timeout=0)
    try:
        with lock:
            return _train_locked(config, dataset, run, console, resume, distribution)
    except Timeout as error:
        raise UserFileError(f"Another process is training {run.path}. Wait for it, or choose another --run-dir.") from error


def _train_locked(
    config: RunConfig, dataset: Dataset, run: RunDirectory, console: Console, resume: bool, distribution: Distribution
) -> TrainingOutcome:
    started, is_chief = time.perf_counter(), distribution.cluster.is_chief
    store = CheckpointStore(run.checkpoints)
    with distribution.strategy.scope():
        vae, steps, batches_from = _prepare(config, dataset, distribution)
        state = store.restore(vae) if resume and store.epochs() else TrainingState()
    if is_chief:
        _record(run, dataset.spec, resume)
        run.write_metrics([record for record in run.read_metrics() if record["epoch"] <= state.epoch])
    checkpointing = Checkpointing(store, state, config.training.patience, is_chief)
    stop = GracefulStop(distribution.any)
    if state.epoch < config.training.epochs and not checkpointing.is_out_of_patience():
        callbacks = _callbacks(config, dataset, run, steps, checkpointing)
        progress = ProgressBar(console, state.epoch, config.training.epochs)
        fit = {
            "steps_per_epoch": steps,
            "initial_epoch": state.epoch,
            "epochs": config.training.epochs,
            "verbose": 0,
            "shuffle": False,
        }

        def validation(share: Share) -> Any:
            batches = eval_batches(dataset, "validation", config.evaluation.batch_size, share=share)
            return batches.map(lambda x, labels: ((x, labels),) if vae.latent.num_labels else x)

        data = {
            "x": distribution.spread(lambda share: batches_from(state.epoch, share)),
            "validation_data": distribution.spread(validation),
        }
        try:
            vae.fit(**data, callbacks=[*callbacks, progress, stop], **fit)
            distribution.check_agreement(vae)
        finally:
            progress.close()
            stop.restore()
    if distribution.num_replicas > 1:  # what follows is for one process: a model of its own
        vae = build_vae(config.model, dataset.spec, config.seed, config.objective, config.training.precision)
    store.restore(vae, checkpointing.state.selected(config.training.select), with_optimizer=False)
    interrupted = stop.requested and checkpointing.state.epoch < config.training.epochs
    return TrainingOutcome(vae, checkpointing.state, interrupted, time.perf_counter() - started)


def _prepare(config: RunConfig, dataset: Dataset, distribution: Distribution) -> tuple[VAE, int, Callable[[int, Share], Any]]:
    """Return the compiled model, the steps of an epoch, and the function (epoch, share) -> batches from there on."""
    training = config.training
    batch_size = min(training.batch_size, dataset.split("train").num_examples)
    distribution.check_batch(batch_size)
    available = dataset.split("train").num_examples // batch_size
    per_execution = min(training.steps_per_execution or choose_steps_per_execution(available), available)
    steps = available // per_execution * per_execution
    vae = build_vae(config.model, dataset.spec, config.seed, config.objective, training.precision)
    if isinstance(vae.objective_state, LabelledSet):
        examples = labelled_examples(dataset, vae.objective_state.num_labels, config.seed)
        vae.objective_state.set_examples(*examples, is_drawn=dataset.spec.binarization == "dynamic")
    _start_priors(vae, dataset, config.seed)
    optimizer = FusedAdam(build_schedule(training.learning_rate), global_clipnorm=training.clip_norm)
    # TensorFlow's loop over steps cannot hold reductions over replicas.
    in_one_go = per_execution if distribution.num_replicas == 1 else 1
    vae.compile(optimizer=optimizer, steps_per_execution=in_one_go, jit_compile=training.jit_compile)
    optimizer.build(vae.trainable_variables)

    def batches_from(epoch: int, share: Share) -> Any:
        with_labels = vae.latent.num_labels > 0
        return train_batches(dataset, training.batch_size, config.seed, epoch, steps, with_labels, share)

    return vae, steps, batches_from


def _start_priors(vae: VAE, dataset: Dataset, seed: int) -> None:
    """Let priors that are made of examples start from training examples."""
    for block in vae.latent.blocks():
        prior = getattr(block, "prior_layer", None)
        if isinstance(prior, VampPrior):
            examples, _ = random_examples(dataset, "train", prior.num_components, derive_pair(seed, block.name, "prior"))
            prior.set_examples(np.resize(examples, (prior.num_components, *examples.shape[1:])))


def _callbacks(
    config: RunConfig, dataset: Dataset, run: RunDirectory, steps: int, checkpointing: Checkpointing
) -> list[keras.callbacks.Callback]:
    """Guard first, then record, then save: a file never holds what was not checked, nor metrics lag behind a checkpoint."""
    if not checkpointing.is_chief:
        return [FiniteGuard(steps), checkpointing]
    examples = gather_examples(dataset, "validation", _PICTURE_EXAMPLES)
    every = config.training.pictures_every or max(1, config.training.epochs // _PICTURES_A_RUN)
    batch_size = min(config.training.batch_size, dataset.split("train").num_examples)
    return [
        FiniteGuard(steps),
        MetricsLog(run, steps * batch_size),
        checkpointing,
        TensorBoardLog(run.tensorboard, dataset.spec, examples, every, config.seed),
    ]


def _record(run: RunDirectory, spec: DatasetSpec, resume: bool) -> None:
    """Write what the data and the machine are; a resumed run must find the data it was started with."""
    if resume and run.dataset_file.exists():
        check_same_data(run, spec)
    write_json(run.dataset_file, spec.model_dump(mode="json"))
    write_json(run.environment_file, describe_environment())


def check_same_data(run: RunDirectory, spec: DatasetSpec) -> None:
    """Compare the data at hand with those that a run was trained on.

    Raises:
        UserValueError: they differ.
    """
    before = read_spec(run)
    if before != spec:
        fields = [name for name in DatasetSpec.model_fields if getattr(before, name) != getattr(spec, name)]
        raise UserValueError(
            f"The data are not those that {run.path} was trained on: {', '.join(fields)} differ. "
            "Put the old data back, or start a new run."
        )


def read_spec(run: RunDirectory) -> DatasetSpec:
    """Return the description of the data that a run was trained on.

    Raises:
        UserFileError: the file is missing or damaged.
    """
    try:
        return DatasetSpec.model_validate(read_json(run.dataset_file))
    except ValidationError as error:
        raise UserFileError(f"{run.dataset_file} is damaged: {error.errors()[0]['msg']}.") from error


def describe_environment() -> dict[str, Any]:
    """Return versions and machine, for the record."""
    packages = ("tensorflow", "keras", "tensorflow-probability", "tensorflow-datasets", "numpy", "vae_tf")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": {name: _version(name) for name in packages},
        "command": sys.argv,
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return __version__ if name == "vae_tf" else "unknown"


def finish_run(outcome: TrainingOutcome, config: RunConfig, dataset: Dataset, run: RunDirectory) -> dict[str, Any]:
    """Measure the selected epoch's model on the test split, draw, write the projection, and save `model.keras`.

    Returns:
        The final numbers, as written to `results.json`: nats an example, seconds.
    """
    vae, settings = outcome.vae, config.evaluation
    with atomic_file(run.model_file) as temporary:
        vae.save(temporary)
    seed = derive_pair(config.seed, "evaluate", "test")
    bounds = BoundEstimator(vae).means(eval_batches(dataset, "test", settings.batch_size), settings.num_samples, seed)
    examples, labels = gather_examples(dataset, "test", settings.num_projected)
    _write_pictures(vae, config, dataset.spec, (examples, labels), run)
    write_projector(vae, dataset.spec, examples, labels, run.tensorboard / "validation")
    results = {
        "split": "test",
        **asdict(bounds),
        "epochs": outcome.state.epoch,
        "best_epoch": outcome.state.best_epoch,
        "model_epoch": outcome.state.selected(config.training.select),
        "best_val_negative_elbo": outcome.state.best_value,
        "seconds": round(outcome.seconds, 1),
    }
    write_json(run.results_file, results)
    return results


def _write_pictures(vae: VAE, config: RunConfig, spec: DatasetSpec, examples: tuple[Any, Any], run: RunDirectory) -> None:
    x, labels = examples
    save_grid(spec, reconstruction_grid(vae, x[:32], labels=labels), run.pictures / "reconstructions.png")
    save_grid(spec, sample_grid(vae, 64, derive_pair(config.seed, "pictures")), run.pictures / "samples.png")
    save_grid(spec, traversal_grid(vae, x[:500], labels=labels[:500])[0], run.pictures / "traversal.png")


def load_run(path: str | Path) -> LoadedRun:
    """Open a run: rebuild its model from the configuration and set the weights of the selected epoch.

    Works on finished, interrupted and still running trainings.

    Raises:
        UserFileError: the run, its configuration or its checkpoint is missing or damaged.
        UserValueError: the configuration is not this version's.
    """
    run = RunDirectory.open(path)
    config, spec, store = run.read_config(), read_spec(run), CheckpointStore(run.checkpoints)
    state = store.read_state()
    vae = build_vae(config.model, spec, config.seed, config.objective, config.training.precision)
    store.restore(vae, state.selected(config.training.select), with_optimizer=False)
    return LoadedRun(run, config, spec, vae, state)
