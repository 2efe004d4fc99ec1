"""Training: from the newest checkpoint or from the start to the best epoch, on one replica or many."""

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.config import RunConfig
from vae_tf.consoles import warn_on
from vae_tf.data.pipeline import Dataset, Examples, eval_batches, gather_examples
from vae_tf.data.splits import Share
from vae_tf.data.training_batches import Preparation, train_batches
from vae_tf.evaluation.viewer import Viewer
from vae_tf.models.build import build_vae
from vae_tf.models.vae import VAE
from vae_tf.optimizers import FusedAdam, WeightAverage
from vae_tf.parts.settings import build
from vae_tf.quiet import quiet_retracing
from vae_tf.stopwatch import Stopwatch
from vae_tf.sums import drop_sums
from vae_tf.training.callbacks import Checkpointing, FiniteGuard, GracefulStop, MetricsLog, ProgressBar
from vae_tf.training.checkpoints import CheckpointStore, TrainingState
from vae_tf.training.compiling import compile_steps, stack_size
from vae_tf.training.distribution import Distribution, start_distribution
from vae_tf.training.phases import PhaseClock
from vae_tf.training.plan import Plan, plan_of
from vae_tf.training.profiling import Profile
from vae_tf.training.runs import TrainingOutcome, record
from vae_tf.training.showing import Shown
from vae_tf.training.tensorboard import Pace, TensorBoardLog
from vae_tf.training.transfer import init_from

__all__ = ["batches_of", "check_start", "prepare", "set_up", "train"]

_PICTURE_EXAMPLES = 500


def check_start(
    config: RunConfig,
    dataset: Dataset,
    distribution: Distribution | None = None,
    console: Console | None = None,
    goes_on: bool = False,
) -> VAE:
    """Check all that can be known before the first step: what is refused here has written nothing.

    Args:
        config: the resolved configuration.
        dataset: the data.
        distribution: over which replicas; default: one.
        console: where it is said what another run's weights gave; default: nowhere.
        goes_on: whether a checkpoint will be restored, so that nothing needs to be fitted; see `VAE.start`.

    Returns:
        The model before its first step, for `train`.

    Raises:
        UserValueError: data, configuration, model and replicas do not fit each other.
        UserFileError: the run to start from is not there, or damaged.
    """
    distribution = distribution or start_distribution("none", Cluster())
    _augmentations(config, dataset)
    distribution.check_batch(plan_of(config.training, dataset.split("train").num_examples).batch_size)
    with distribution.strategy.scope():
        vae = build_vae(config.model, dataset.spec, config.seed, config.objective, config.training.precision)
        vae.start(Examples(dataset, config.seed), goes_on)
        if config.training.init_from and not goes_on:
            told = init_from(vae, config.training.init_from)
            if console:
                console.print(told, highlight=False, markup=False, soft_wrap=True)
    return vae


def set_up(config: RunConfig, dataset: Dataset, distribution: Distribution, goes_on: bool = False) -> tuple[VAE, Plan, Any]:
    """Return a model, its plan and what `fit` takes, for steps that are made, looked at and thrown away; see `check_start`."""
    vae = check_start(config, dataset, distribution, goes_on=goes_on)
    with distribution.strategy.scope():
        plan = prepare(vae, config, dataset, distribution)
    return vae, plan, batches_of(config, dataset, vae, plan, 0, distribution)


@quiet_retracing()
def train(  # noqa: PLR0913 - one training, said in full
    config: RunConfig,
    dataset: Dataset,
    run: RunDirectory,
    console: Console,
    resume: bool = False,
    distribution: Distribution | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    vae: VAE | None = None,
    *,
    stopwatch: Stopwatch | None = None,
) -> TrainingOutcome:
    """Train the model of a run directory that `RunDirectory.write_config` made, from the start or from its newest checkpoint.

    Args:
        config: the resolved configuration.
        dataset: the data.
        run: where everything is written.
        console: where progress is shown.
        resume: go on from the newest checkpoint, with bit-identical results.
        distribution: over which replicas; default: one. Of several workers, only the chief writes.
        callbacks: of the caller's own; they come after all others, and what they raise is not caught.
        vae: what `check_start` returned for the same configuration, data and replicas, so that it is not made again.
        stopwatch: where the seconds are counted; default: one that starts now.

    Raises:
        UserFileError: another process trains this run, or its files are damaged or cannot be written.
        UserValueError: the data are not those that the run was started with.
        NonFiniteLossError: the loss blew up.
    """
    distribution = distribution or start_distribution("none", Cluster())
    with run.alone() if distribution.cluster.is_chief else contextlib.nullcontext():
        job = _Job(config, dataset, run, console, distribution, stopwatch or Stopwatch())
        return _train_locked(job, resume, callbacks, vae)


@dataclass(frozen=True)
class _Job:
    """What a training is of, and where: see `train`."""

    config: RunConfig
    dataset: Dataset
    run: RunDirectory
    console: Console
    distribution: Distribution
    stopwatch: Stopwatch

    @property
    def is_chief(self) -> bool:
        """Whether this process writes."""
        return self.distribution.cluster.is_chief


def _train_locked(job: _Job, resume: bool, own: Sequence[keras.callbacks.Callback], vae: VAE | None) -> TrainingOutcome:
    started, config, dataset = time.perf_counter(), job.config, job.dataset
    store, phase = CheckpointStore(job.run.checkpoints), job.stopwatch.phase
    goes_on = resume and bool(store.epochs())
    with phase("start"):
        vae = vae or check_start(config, dataset, job.distribution, job.console, goes_on)
        with job.distribution.strategy.scope():
            plan = prepare(vae, config, dataset, job.distribution)
            with phase("checkpoint"):
                state = store.restore(vae) if goes_on else TrainingState()
    if job.is_chief:
        with phase("write"):
            drop_sums(job.run.path)
            record(job.run, dataset.spec, resume)
            job.run.write_metrics([line for line in job.run.read_metrics() if line["epoch"] <= state.epoch])
    checkpointing = Checkpointing(store, state, plan, job.is_chief, job.stopwatch)
    stop, viewer = GracefulStop(job.distribution.any), Viewer(vae)
    if goes_on and job.is_chief:
        _tell_where(job, state, plan, checkpointing.is_out_of_patience())
    if state.epoch < plan.epochs and not checkpointing.is_out_of_patience():
        _fit(job, viewer, plan, checkpointing, stop, own)
    if job.distribution.num_replicas > 1:  # what follows is for one process: a model of its own
        vae = build_vae(config.model, dataset.spec, config.seed, config.objective, config.training.precision)
        viewer = Viewer(vae)
    with phase("checkpoint"):
        store.restore(vae, checkpointing.state.selected(config.training.select), with_optimizer=False)
    interrupted = stop.requested and checkpointing.state.epoch < plan.epochs
    return TrainingOutcome(vae, checkpointing.state, interrupted, time.perf_counter() - started, job.stopwatch, viewer)


def _tell_where(job: _Job, state: TrainingState, plan: Plan, is_out_of_patience: bool) -> None:
    """Say where a resumed training stands."""
    if state.epoch >= plan.epochs or is_out_of_patience:
        told = f"The run is complete: {plan.unit} {state.epoch} of {plan.epochs} is done. Its numbers are measured again."
    else:
        told = f"Going on after {plan.unit} {state.epoch} of {plan.epochs}."
    job.console.print(told, highlight=False, markup=False, soft_wrap=True)
    if state.epoch not in {line["epoch"] for line in job.run.read_metrics()}:
        told = f"{job.run.metrics_file} lacks {plan.unit} {state.epoch}, of which there is a checkpoint: lines were lost."
        warn_on(job.console, f"{told} Curves have a gap there; the model does not.")


def _fit(
    job: _Job,
    viewer: Viewer,
    plan: Plan,
    checkpointing: Checkpointing,
    stop: GracefulStop,
    own: Sequence[keras.callbacks.Callback],
) -> None:
    """Train until the plan, the patience or a signal ends it."""
    vae, state, callbacks = viewer.vae, checkpointing.state, _callbacks(job, plan, checkpointing)
    shown = _shown(job, viewer, plan, state) if job.is_chief else []
    fit = {"steps_per_epoch": plan.round_steps, "initial_epoch": state.epoch // plan.every, "epochs": plan.rounds}
    with job.stopwatch.phase("start"):
        data = batches_of(job.config, job.dataset, vae, plan, state.epoch, job.distribution)
        if vae.starts_trained and not checkpointing.store.epochs():
            with job.stopwatch.phase("validate"):
                logs = _measure_start(job.config, job.dataset, vae, data, job.distribution)
            checkpointing.keep_start(vae, logs, job.run)
    try:
        with job.stopwatch.phase("train"):
            vae.fit(**data, **fit, callbacks=[*callbacks, *shown, stop, *own], verbose=0, shuffle=False)
            job.distribution.check_agreement(vae)
    finally:
        stop.restore()
        checkpointing.settle()
        for callback in shown:
            callback.call("close")


def batches_of(
    config: RunConfig, dataset: Dataset, vae: VAE, plan: Plan, epoch: int, distribution: Distribution
) -> dict[str, Any]:
    """Return what `fit` trains and validates on, from an epoch on."""
    with_labels = vae.latent.num_labels > 0
    augment = _augmentations(config, dataset)
    first, done = divmod(epoch, plan.parts)
    steps, stacked = plan.steps_per_epoch, _stacked(config, vae, plan, distribution)

    def training(share: Share) -> Any:
        whole = dataset, plan.batch_size, config.seed, first, steps * plan.parts
        return train_batches(*whole, with_labels, share, augment=augment, skipped=steps * done, stacked=stacked)

    def validation(share: Share) -> Any:
        batches = _measured(config, dataset, vae, "validation", share)
        return batches.repeat(plan.validation_draws) if plan.validation_draws > 1 else batches

    return {"x": distribution.spread(training), "validation_data": distribution.spread(validation)}


def _measure_start(
    config: RunConfig, dataset: Dataset, vae: VAE, data: dict[str, Any], distribution: Distribution
) -> dict[str, float]:
    """Return what a model that starts trained gives before the first step, on as many training examples as are validated on."""
    count = dataset.split("validation").num_examples

    def training(share: Share) -> Any:
        return _measured(config, dataset, vae, "train", share, count)

    on_training = vae.evaluate(distribution.spread(training), verbose=0, return_dict=True)
    on_validation = vae.evaluate(data["validation_data"], verbose=0, return_dict=True)
    return {**on_training, **{f"val_{name}": value for name, value in on_validation.items()}}


def _measured(
    config: RunConfig, dataset: Dataset, vae: VAE, split: str, share: Share, limit: int | None = None
) -> tf.data.Dataset:
    """Return a pass over a split, or over its first examples, as Keras takes it for the model's input."""
    batches, with_labels = eval_batches(dataset, split, config.evaluation.batch_size, limit, share), vae.latent.num_labels > 0
    return batches.map(lambda x, labels: ((x, labels),) if with_labels else x)


def _augmentations(config: RunConfig, dataset: Dataset) -> list[Any]:
    """Return the changes of training examples that a configuration asks for.

    Raises:
        UserValueError: the data cannot be changed so.
    """
    return [build("augmentation", one, dataset.spec) for one in config.training.augment]


def prepare(vae: VAE, config: RunConfig, dataset: Dataset, distribution: Distribution) -> Plan:
    """Compile the model, and return the training in steps."""
    training = config.training
    plan = plan_of(training, dataset.split("train").num_examples)
    optimizer = FusedAdam(
        build("schedule", training.learning_rate),
        global_clipnorm=plan.clip_norm,
        weight_decay=training.weight_decay or None,
        use_ema=plan.average > 0,
        ema_momentum=plan.average,
    )
    # TensorFlow's loop over steps cannot hold reductions over replicas.
    in_one_go = plan.steps_per_execution if distribution.num_replicas == 1 else 1
    vae.compile(optimizer=optimizer, steps_per_execution=in_one_go, jit_compile=False)
    optimizer.build(vae.trainable_variables)
    stacked = _stacked(config, vae, plan, distribution)
    if stacked:
        with_labels, augment = vae.latent.num_labels > 0, tuple(_augmentations(config, dataset))
        making = Preparation(dataset.spec, plan.batch_size, config.seed, with_labels, augment=augment)
        compile_steps(vae, plan.steps_per_execution, stacked, making.in_loop)
    return plan


def _stacked(config: RunConfig, vae: VAE, plan: Plan, distribution: Distribution) -> int | None:
    """Return how many batches go into the compiled loop at once; None where there is none, as with several replicas."""
    if not config.training.jit_compile or distribution.num_replicas > 1:
        return None
    return stack_size(plan.steps_per_execution, 4 * plan.batch_size * math.prod(vae.event_shape))


def _callbacks(job: _Job, plan: Plan, checkpointing: Checkpointing) -> list[keras.callbacks.Callback]:
    """Guard first, then record, then save: a file never holds what was not checked, nor metrics lag behind a checkpoint."""
    averaging = [WeightAverage(is_in_model=checkpointing.state.epoch > 0)] if plan.average else []
    recording = [MetricsLog(job.run, plan, job.stopwatch)] if job.is_chief else []
    return [PhaseClock(job.stopwatch), *averaging, FiniteGuard(plan, checkpointing.store), *recording, checkpointing]


def _shown(job: _Job, viewer: Viewer, plan: Plan, state: TrainingState) -> list[Shown]:
    """Return the callbacks that only show, so that none of them can end the training."""
    training, run, stopwatch = job.config.training, job.run, job.stopwatch
    with stopwatch.phase("pictures"):
        examples = gather_examples(job.dataset, "validation", _PICTURE_EXAMPLES)
    every = max(1, round(training.pictures_every / plan.every)) if training.pictures_every else None
    log = TensorBoardLog(run.tensorboard, job.dataset.spec, examples, Pace(stopwatch, every), job.config.seed, viewer)
    bar = ProgressBar(job.console, plan, state)
    profile = [(Profile(run.tensorboard / "train"), "the profile", "profiler")] if training.profile else []
    showing = [(log, "TensorBoard's log", "pictures"), *profile, (bar, "the progress bar", "pictures")]
    return [Shown(shown, what, job.console, stopwatch, phase) for shown, what, phase in showing]
