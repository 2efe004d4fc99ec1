"""Training: from the newest checkpoint or from the start to the best epoch, on one replica or many."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import keras
from filelock import FileLock, Timeout
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.config import RunConfig
from vae_tf.data.pipeline import Dataset, Examples, eval_batches, gather_examples, train_batches
from vae_tf.data.splits import Share
from vae_tf.errors import UserFileError
from vae_tf.models.build import build_vae
from vae_tf.models.vae import VAE
from vae_tf.parts.settings import build
from vae_tf.training.callbacks import Checkpointing, FiniteGuard, GracefulStop, MetricsLog, ProgressBar
from vae_tf.training.checkpoints import CheckpointStore, TrainingState
from vae_tf.training.distribution import Distribution, start_distribution
from vae_tf.training.optimizers import FusedAdam, WeightAverage
from vae_tf.training.plan import Plan, plan_of
from vae_tf.training.profiling import Profile
from vae_tf.training.runs import TrainingOutcome, record
from vae_tf.training.showing import Shown
from vae_tf.training.tensorboard import TensorBoardLog
from vae_tf.training.transfer import init_from

__all__ = ["batches_of", "check_start", "prepare", "train"]

_PICTURES_A_RUN = 10
_PICTURE_EXAMPLES = 500


def check_start(
    config: RunConfig,
    dataset: Dataset,
    distribution: Distribution | None = None,
    console: Console | None = None,
    is_new: bool = True,
) -> VAE:
    """Check all that can be known before the first step: what is refused here has written nothing.

    Args:
        config: the resolved configuration.
        dataset: the data.
        distribution: over which replicas; default: one.
        console: where it is said what another run's weights gave; default: nowhere.
        is_new: whether there is no checkpoint yet, whose weights will be taken instead of another run's.

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
        vae.start(Examples(dataset, config.seed))
        if config.training.init_from and is_new:
            told = init_from(vae, config.training.init_from)
            if console:
                console.print(told, highlight=False, markup=False, soft_wrap=True)
    return vae


def train(  # noqa: PLR0913 - one training, said in full
    config: RunConfig,
    dataset: Dataset,
    run: RunDirectory,
    console: Console,
    resume: bool = False,
    distribution: Distribution | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    vae: VAE | None = None,
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

    Raises:
        UserFileError: another process trains this run, or its files are damaged or cannot be written.
        UserValueError: the data are not those that the run was started with.
        NonFiniteLossError: the loss blew up.
    """
    distribution = distribution or start_distribution("none", Cluster())
    lock = FileLock(run.path / ".lock", timeout=0) if distribution.cluster.is_chief else contextlib.nullcontext()
    try:
        with lock:
            return _train_locked(config, dataset, run, console, resume, distribution, callbacks, vae)
    except Timeout as error:
        raise UserFileError(f"Another process is training {run.path}. Wait for it, or choose another --run-dir.") from error


def _train_locked(  # noqa: PLR0913 - as `train`
    config: RunConfig,
    dataset: Dataset,
    run: RunDirectory,
    console: Console,
    resume: bool,
    distribution: Distribution,
    own: Sequence[keras.callbacks.Callback],
    vae: VAE | None,
) -> TrainingOutcome:
    started, is_chief = time.perf_counter(), distribution.cluster.is_chief
    store = CheckpointStore(run.checkpoints)
    is_new = not (resume and store.epochs())
    vae = vae or check_start(config, dataset, distribution, console, is_new)
    with distribution.strategy.scope():
        plan = prepare(vae, config, dataset, distribution)
        state = TrainingState() if is_new else store.restore(vae)
    if is_chief:
        record(run, dataset.spec, resume)
        run.write_metrics([line for line in run.read_metrics() if line["epoch"] <= state.epoch])
    checkpointing = Checkpointing(store, state, plan.patience, is_chief, plan.every)
    stop = GracefulStop(distribution.any)
    if state.epoch < plan.epochs and not checkpointing.is_out_of_patience():
        callbacks = _callbacks(run, plan, checkpointing)
        shown = _shown(config, dataset, run, plan, state, console) if is_chief else []
        fit = {"steps_per_epoch": plan.round_steps, "initial_epoch": state.epoch // plan.every, "epochs": plan.rounds}
        data = batches_of(config, dataset, vae, plan, state.epoch, distribution)
        if vae.starts_trained and is_new:
            checkpointing.keep_start(vae, _measure_start(config, dataset, vae, data, distribution), run)
        try:
            vae.fit(**data, **fit, callbacks=[*callbacks, *shown, stop, *own], verbose=0, shuffle=False)
            distribution.check_agreement(vae)
        finally:
            stop.restore()
            for callback in shown:
                callback.call("close")
    if distribution.num_replicas > 1:  # what follows is for one process: a model of its own
        vae = build_vae(config.model, dataset.spec, config.seed, config.objective, config.training.precision)
    store.restore(vae, checkpointing.state.selected(config.training.select), with_optimizer=False)
    interrupted = stop.requested and checkpointing.state.epoch < plan.epochs
    return TrainingOutcome(vae, checkpointing.state, interrupted, time.perf_counter() - started)


def batches_of(
    config: RunConfig, dataset: Dataset, vae: VAE, plan: Plan, epoch: int, distribution: Distribution
) -> dict[str, Any]:
    """Return what `fit` trains and validates on, from an epoch on."""
    with_labels = vae.latent.num_labels > 0
    augment = _augmentations(config, dataset)

    def training(share: Share) -> Any:
        return train_batches(dataset, plan.batch_size, config.seed, epoch, plan.steps_per_epoch, with_labels, share, augment)

    def validation(share: Share) -> Any:
        batches = eval_batches(dataset, "validation", config.evaluation.batch_size, share=share)
        batches = batches.repeat(plan.validation_draws) if plan.validation_draws > 1 else batches
        return batches.map(lambda x, labels: ((x, labels),) if with_labels else x)

    return {"x": distribution.spread(training), "validation_data": distribution.spread(validation)}


def _measure_start(
    config: RunConfig, dataset: Dataset, vae: VAE, data: dict[str, Any], distribution: Distribution
) -> dict[str, float]:
    """Return what a model that starts trained gives before the first step, on as many training examples as are validated on."""
    size, count = config.evaluation.batch_size, dataset.split("validation").num_examples
    with_labels = vae.latent.num_labels > 0

    def training(share: Share) -> Any:
        batches = eval_batches(dataset, "train", size, limit=count, share=share)
        return batches.map(lambda x, labels: ((x, labels),) if with_labels else x)

    on_training = vae.evaluate(distribution.spread(training), verbose=0, return_dict=True)
    on_validation = vae.evaluate(data["validation_data"], verbose=0, return_dict=True)
    return {**on_training, **{f"val_{name}": value for name, value in on_validation.items()}}


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
    vae.compile(optimizer=optimizer, steps_per_execution=in_one_go, jit_compile=training.jit_compile)
    optimizer.build(vae.trainable_variables)
    return plan


def _callbacks(run: RunDirectory, plan: Plan, checkpointing: Checkpointing) -> list[keras.callbacks.Callback]:
    """Guard first, then record, then save: a file never holds what was not checked, nor metrics lag behind a checkpoint."""
    averaging = [WeightAverage(is_in_model=checkpointing.state.epoch > 0)] if plan.average else []
    if not checkpointing.is_chief:
        return [*averaging, FiniteGuard(plan), checkpointing]
    return [*averaging, FiniteGuard(plan), MetricsLog(run, plan), checkpointing]


def _shown(
    config: RunConfig, dataset: Dataset, run: RunDirectory, plan: Plan, state: TrainingState, console: Console
) -> list[Shown]:
    """Return the callbacks that only show, so that none of them can end the training."""
    training = config.training
    examples = gather_examples(dataset, "validation", _PICTURE_EXAMPLES)
    wanted = training.pictures_every or max(1, plan.epochs // _PICTURES_A_RUN)
    every = max(1, round(wanted / plan.every))
    log = TensorBoardLog(run.tensorboard, dataset.spec, examples, every, config.seed)
    shown = [Shown(log, "TensorBoard's log", console)]
    if training.profile:
        shown.append(Shown(Profile(run.tensorboard / "train"), "the profile", console))
    return [*shown, Shown(ProgressBar(console, plan, state), "the progress bar", console)]
