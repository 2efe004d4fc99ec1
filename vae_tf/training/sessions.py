"""A whole training, as the command line and Python have it: load, probe, fit, measure, and say what is odd."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import keras
from rich.console import Console
from rich.text import Text

from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.config import RunConfig
from vae_tf.consoles import warn_on
from vae_tf.data.account import Account
from vae_tf.data.loading import load_dataset
from vae_tf.data.pipeline import Dataset
from vae_tf.data.probing import probe
from vae_tf.escaping import visible
from vae_tf.evaluation.curve import AGAIN, CurveVerdict
from vae_tf.evaluation.findings import collapse_findings, diagnose_curve, diagnose_obvious, steps_of
from vae_tf.evaluation.obvious import read_obvious
from vae_tf.files import kept_folder, write_record
from vae_tf.models.vae import VAE
from vae_tf.parts.choices import Choice
from vae_tf.parts.describe import describe
from vae_tf.program import command_line
from vae_tf.quiet import quiet_retracing
from vae_tf.stopwatch import Stopwatch
from vae_tf.training.accounts import choices_table, columns_table
from vae_tf.training.checkpoints import CheckpointStore
from vae_tf.training.deciding import look_for, plan_run
from vae_tf.training.distribution import Distribution, start_distribution
from vae_tf.training.fitting import check_start, train
from vae_tf.training.plan import plan_of
from vae_tf.training.runs import LoadedRun, TrainingOutcome, as_recorded, finish_run, read_spec
from vae_tf.training.showing import timing_table
from vae_tf.training.timing import measure_length
from vae_tf.training.tracking import Tracked, Tracker
from vae_tf.training.trying import is_worth_trying, try_others, with_tried
from vae_tf.training.unfinished import unfinished_schedules

__all__ = ["TrainedRun", "train_and_measure"]


@dataclass(frozen=True)
class TrainedRun:
    """A run that was trained in this process.

    Attributes:
        run: its files.
        config: its configuration, of which nothing is open any more.
        dataset: its data.
        outcome: its model, and how training ended.
        results: the numbers on the test split; None where a signal ended training or measuring before its time, and for
            workers but the chief.
    """

    run: RunDirectory
    config: RunConfig
    dataset: Dataset
    outcome: TrainingOutcome
    results: dict[str, Any] | None

    @property
    def stopped(self) -> str:
        """When a signal stopped it, for people."""
        if self.outcome.interrupted:
            return f"after epoch {self.outcome.state.epoch}"
        return "while the test split was measured: the training is done, what is left takes no epoch"

    def as_loaded(self) -> LoadedRun:
        """Return the run as `load_run` would."""
        return LoadedRun(self.run, self.config, self.dataset.spec, self.outcome.vae, self.outcome.state)


@quiet_retracing()
def train_and_measure(  # noqa: PLR0913 - one training, said in full
    config: RunConfig,
    run: RunDirectory,
    console: Console,
    resume: bool = False,
    distribution: Distribution | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    stopwatch: Stopwatch | None = None,
    tracker: Tracker | None = None,
) -> TrainedRun:
    """Load the data, train the model and measure it on the test split.

    Args:
        config: the resolved configuration.
        run: where everything is written; a folder that is free, or the run to resume.
        console: where progress and warnings are shown.
        resume: go on from the newest checkpoint.
        distribution: over which replicas; default: one.
        callbacks: of the caller's own.
        stopwatch: where the seconds are counted; default: one that starts now.
        tracker: who is told of the training; default: nobody.

    Raises:
        UserValueError: data, configuration and model do not fit each other.
        UserFileError: data cannot be read, or the run not be written.
        NonFiniteLossError: the loss blew up.
    """
    distribution = distribution or start_distribution("none", Cluster())
    stopwatch, is_chief = stopwatch or Stopwatch(), distribution.cluster.is_chief
    with console.status(f"Loading {config.data.dataset}") as status, stopwatch.phase("start"):
        begun = run if resume else None
        dataset, config, account, choices, vae = _load(
            config, console, distribution, stopwatch, begun, status.update if console.is_terminal else console.print
        )
    if is_chief:
        with stopwatch.phase("write"), run.alone() if resume else nullcontext():
            run.write_config(config, resume)
            if not (resume and run.notes_file.exists()):  # a run's data are read again by its own columns: less is told
                write_record(run.notes_file, account.as_json())
    _announce(config, account, run, console)
    if account.columns:
        console.print(columns_table(account), highlight=False)
    if choices:
        console.print(choices_table(choices), highlight=False)
    tracked = Tracked(tracker if is_chief else None, run, console, stopwatch)
    with kept_folder(run.config_file) if is_chief else nullcontext(), tracked:
        own = (*tracked.callbacks, *callbacks)
        outcome = train(config, dataset, run, console, resume, distribution, own, vae, stopwatch=stopwatch)
        is_done = is_chief and not outcome.interrupted
        tracked.results = results = _measure(outcome, config, dataset, run, console) if is_done else None
    if config.training.profile:
        console.print(timing_table(results["timing"] if results else stopwatch.read()), highlight=False)
    return TrainedRun(run, config, dataset, outcome, results)


def _measure(
    outcome: TrainingOutcome, config: RunConfig, dataset: Dataset, run: RunDirectory, console: Console
) -> dict[str, Any] | None:
    """Measure on the test split, and warn of what is odd; None where a signal ended that before its time."""
    try:
        with console.status("Measuring on the test split"):
            results = finish_run(outcome, config, dataset, run, console)
    except KeyboardInterrupt:
        return None
    found = collapse_findings(results["kl_blocks"], results["nll"] is not None, steps_of(run.read_metrics()))
    behind = diagnose_obvious(read_obvious(results))
    curve = CurveVerdict(**results["curve"])
    if not any(curve.text in finding.advice for finding in behind):
        again = command_line("train", "--resume", "--run-dir", run.path)
        found += diagnose_curve(replace(curve, advice=curve.advice.replace(AGAIN, again)))
    for finding in [*found, *behind]:
        if finding.level == "warning":
            warn_on(console, f"{finding.text} {finding.advice}".strip())
    return results


def _load(
    config: RunConfig,
    console: Console,
    distribution: Distribution,
    stopwatch: Stopwatch,
    begun: RunDirectory | None,
    tell: Callable[[str], None],
) -> tuple[Dataset, RunConfig, Account, list[Choice], VAE]:
    """Load and probe the data, settle what the configuration leaves open, and check the rest before anything is written.

    Returns:
        The data, the configuration of which nothing is open any more, the account of the data, what was chosen, and the model
        before its first step.
    """
    started = time.perf_counter()
    goes_on = begun is not None and CheckpointStore(begun.checkpoints).check()
    with stopwatch.phase("read"):
        if begun and begun.dataset_file.exists():
            dataset = as_recorded(begun, load_dataset(config.data, read_spec(begun)))
        else:
            dataset = load_dataset(config.data)
        look = look_for(config.training, dataset)
    planned, choices = plan_run(config, dataset.spec, None, look, distribution.num_replicas)
    is_tried = is_worth_trying(config.training, distribution.num_replicas)
    tried = try_others(planned, choices, dataset, distribution, tell) if is_tried else []
    if config.training.minutes and config.training.epochs == "auto":
        measured, _ = with_tried(planned, choices, tried)
        length = measure_length(measured, dataset, config.training.minutes, distribution, started)
        planned, choices = plan_run(config, dataset.spec, length, look, distribution.num_replicas)
    config, choices = with_tried(planned, choices, tried)
    with stopwatch.phase("read"):
        noticed = probe(dataset, config.model.likelihood.kind, config.data)
        account = Account.of(dataset, config.data, noticed)
    late = unfinished_schedules(config, plan_of(config.training, dataset.spec.num_train).total)
    alone = distribution.of_one_replica(bool(config.training.jit_compile), begun is not None)
    for message in (*noticed, *late, *_homeless(config), *alone):
        warn_on(console, message)
    return dataset, config, account, choices, check_start(config, dataset, distribution, console, goes_on)


def _homeless(config: RunConfig) -> Iterator[str]:
    """Name the parts that no file of parts and no package has: a cell or a script registered them."""
    chosen = (config.model.network, *config.model.latents, config.model.likelihood, config.objective)
    for part in (settings.part for settings in chosen):
        if describe(part).owner == part.__module__:
            yield (
                f"The {part.slot} {part.kind} is defined in this program ({part.__module__}), in no file of parts: the run "
                "cannot be opened without it. Put it into a file, and give that by --parts FILE, in Python parts=."
            )


def _announce(config: RunConfig, account: Account, run: RunDirectory, console: Console) -> None:
    blocks = " + ".join(str(block.name) for block in config.model.latents)
    how = f". {config.model.network.kind}, {visible(blocks)}, {config.model.likelihood.kind}. Writing to "
    console.print(Text.assemble((visible(account.headline), "bold"), how, (visible(run.path), "bold")), highlight=False)
    for note in account.notes:
        if not note.is_warning:
            console.print(note.text, markup=False, highlight=False)
