"""The records of a run: what it was trained on, its measures on the test split, its pictures; and how to open one again."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.config import RunConfig, check_path
from vae_tf.consoles import PeopleConsole
from vae_tf.data.loading import load_dataset
from vae_tf.data.pipeline import Dataset, eval_batches, gather_examples
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import DamagedFileError, UserFileError, UserValueError
from vae_tf.evaluation.bounds import BoundEstimates, ExampleBounds
from vae_tf.evaluation.curve import read_curve
from vae_tf.evaluation.obvious import ObviousSettings, measure_obvious
from vae_tf.evaluation.pictures import save_grid
from vae_tf.evaluation.projector import write_projector
from vae_tf.evaluation.viewer import Viewer
from vae_tf.files import atomic_file, read_record, write_record
from vae_tf.models.build import build_vae
from vae_tf.models.vae import VAE
from vae_tf.program import command_line
from vae_tf.seeding import derive, derive_pair
from vae_tf.stopwatch import Stopwatch
from vae_tf.sums import write_sums
from vae_tf.training.checkpoints import CheckpointStore, TrainingState
from vae_tf.training.showing import only_shown
from vae_tf.version import VERSION

__all__ = [
    "LoadedRun",
    "TrainingOutcome",
    "as_recorded",
    "check_same_data",
    "describe_environment",
    "finish_run",
    "load_run",
    "open_data",
    "read_spec",
    "record",
]


@dataclass(frozen=True)
class TrainingOutcome:
    """How training ended.

    Attributes:
        vae: the model with the weights of the best epoch.
        state: epochs done, best epoch, best value.
        interrupted: whether a signal ended it before its time.
        seconds: time spent in this process.
        stopwatch: where the seconds of the process went, and will go.
        viewer: of the model; default: a new one.
    """

    vae: VAE
    state: TrainingState
    interrupted: bool
    seconds: float
    stopwatch: Stopwatch = field(default_factory=Stopwatch, compare=False)
    viewer: Viewer | None = field(default=None, compare=False)


@dataclass(frozen=True)
class LoadedRun:
    """A run opened again: its configuration, data description, and the model with its best weights."""

    run: RunDirectory
    config: RunConfig
    spec: DatasetSpec
    vae: VAE
    state: TrainingState


def record(run: RunDirectory, spec: DatasetSpec, resume: bool) -> None:
    """Write what the data and the machine are; a resumed run must find the data it was started with."""
    if resume and run.dataset_file.exists():
        check_same_data(run, spec)
    write_record(run.dataset_file, spec.model_dump(mode="json"))
    write_record(run.environment_file, describe_environment())


def check_same_data(run: RunDirectory, spec: DatasetSpec) -> None:
    """Compare the data at hand with those that a run was trained on; what they are called, and where they are, is no matter.

    Raises:
        UserValueError: they differ.
    """
    before = read_spec(run)
    if (before.value_support, spec.value_support) == ("unit", "binary") and before.raw_range == spec.raw_range:
        spec = spec.model_copy(update={"value_support": "unit"})  # bytes of 0 and 255 alone were once read as all others
    fields = [name for name in DatasetSpec.model_fields if name != "name" and getattr(before, name) != getattr(spec, name)]
    if fields:
        raise UserValueError(
            f"The data are not those that {run.path} was trained on: {', '.join(fields)} differ. "
            "Put the old data back, or start a new run."
        )


def as_recorded(run: RunDirectory, dataset: Dataset) -> Dataset:
    """Return data under the description that a run has of them: how values are read may have changed since it was made.

    Raises:
        UserValueError: they are not those that the run was trained on.
    """
    check_same_data(run, dataset.spec)
    return replace(dataset, spec=read_spec(run))


def read_spec(run: RunDirectory) -> DatasetSpec:
    """Return the description of the data that a run was trained on.

    Raises:
        UserFileError: the file is missing, or cannot be read.
        DamagedFileError: it is damaged.
    """
    again = command_line("train", "--resume", "--run-dir", run.path)
    remedy = f"Put it back from a copy, or move it away: `{again}` then writes it anew from the same data."
    try:
        recorded = read_record(run.dataset_file, remedy)
        if recorded.get("columns") and "missing" not in recorded:  # written before it was kept there
            recorded["missing"] = run.read_config().data.missing
        return DatasetSpec.model_validate(recorded)
    except ValidationError as error:
        raise DamagedFileError(f"{run.dataset_file} is damaged: {error.errors()[0]['msg']}. {remedy}") from error


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
        return VERSION if name == "vae_tf" else "unknown"


def finish_run(
    outcome: TrainingOutcome, config: RunConfig, dataset: Dataset, run: RunDirectory, console: Console | None = None
) -> dict[str, Any]:
    """Measure the selected epoch's model on the test split, draw, write the projection, and save `model.keras`.

    Pictures and projection only show: where they fail, that is a warning on the console (default: standard error).

    Returns:
        The final numbers, as written to `results.json`: nats an example, seconds; by `timing` the seconds of the process.
    """
    vae, settings, phase = outcome.vae, config.evaluation, outcome.stopwatch.phase
    viewer = outcome.viewer or Viewer(vae)
    with phase("write"), atomic_file(run.model_file) as temporary:
        vae.save(temporary)
    seed = derive_pair(config.seed, "evaluate", "test")
    with phase("evaluate"):
        batches = eval_batches(dataset, "test", settings.batch_size)
        bounds = viewer.bounds.per_example(batches, settings.num_samples, seed)
    with phase("pictures"):
        _show_model(viewer, config, dataset, run, console or PeopleConsole(stderr=True))
    records = () if config.data.train_on_validation else run.read_metrics()  # that split tells nothing if it was trained on
    with phase("plain_models"):
        obvious = _obvious(vae, config, dataset, bounds, records)
    results = {
        "split": "test",
        **asdict(BoundEstimates.from_examples(bounds)),
        "epochs": outcome.state.epoch,
        "best_epoch": outcome.state.best_epoch,
        "model_epoch": outcome.state.selected(config.training.select),
        "best_val_negative_elbo": outcome.state.best_value,
        "seconds": round(outcome.seconds, 1),
        "curve": asdict(read_curve(records)),
        "obvious": obvious,
        "timing": outcome.stopwatch.read(),
    }
    write_record(run.results_file, results)
    write_sums(run.path)
    return results


def _obvious(
    vae: VAE, config: RunConfig, dataset: Dataset, bounds: ExampleBounds, records: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what plain models of the data give beside the model's numbers."""
    asked = ObviousSettings("test", derive(config.seed, "obvious"), records=records)
    return [asdict(row) for row in measure_obvious(vae, dataset, bounds, asked)]


def _show_model(viewer: Viewer, config: RunConfig, dataset: Dataset, run: RunDirectory, console: Console) -> None:
    examples, labels = gather_examples(dataset, "test", config.evaluation.num_projected)
    with only_shown("pictures", console):
        _write_pictures(viewer, config, dataset.spec, (examples, labels), run)
    with only_shown("TensorBoard's projection", console):
        write_projector(viewer.vae, dataset.spec, examples, labels, run.tensorboard / "validation")


def _write_pictures(viewer: Viewer, config: RunConfig, spec: DatasetSpec, examples: tuple[Any, Any], run: RunDirectory) -> None:
    for name, grid in viewer.look(*examples, derive_pair(config.seed, "pictures")).grids.items():
        save_grid(spec, grid, run.pictures / f"{name}.png")


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


def open_data(loaded: LoadedRun, dataset: str | None = None) -> Dataset:
    """Load the data a run was trained on.

    Args:
        loaded: the run.
        dataset: where its files are now, with or without the source before the path; default: where they were.

    Raises:
        UserValueError: they have changed since, or were given in memory.
        UserFileError: they are not where they were.
    """
    config = loaded.config.data.moved(dataset) if dataset else loaded.config.data
    try:
        check_path(config.dataset)
    except UserFileError as error:
        raise UserFileError(
            f"{error} If the data of {loaded.run.path} went elsewhere, say where: --dataset PATH, in Python data=PATH."
        ) from error
    return as_recorded(loaded.run, load_dataset(config, loaded.spec))
