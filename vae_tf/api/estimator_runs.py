"""Runs of estimators: trained and not measured, in folders that go with them, and packed into what pickle keeps."""

import shutil
import tempfile
import time
import weakref
from collections.abc import Mapping
from pathlib import Path

from vae_tf.api.run import Run
from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.config import RunConfig
from vae_tf.consoles import PeopleConsole
from vae_tf.data.pipeline import Dataset
from vae_tf.training.deciding import look_for, plan_run
from vae_tf.training.distribution import start_distribution
from vae_tf.training.fitting import train
from vae_tf.training.runs import LoadedRun

__all__ = ["pack_run", "train_rows", "unpack_run"]


def train_rows(config: RunConfig, dataset: Dataset, folder: str | Path | None, verbose: bool) -> Run:
    """Train a model and return its run, which nothing was measured of: scikit-learn has rows of its own for that.

    Args:
        config: what is open in it the data decide.
        dataset: rows to train on and rows to select by.
        folder: where the run is left; None: it goes with the last who has it.
        verbose: show progress.

    Raises:
        UserValueError: data and configuration do not fit each other.
        UserFileError: the folder cannot be written.
        NonFiniteLossError: the loss blew up.
        KeyboardInterrupt: a signal ended the training; what is done is kept where there is a folder.
    """
    distribution = start_distribution("auto", Cluster())
    config, _ = plan_run(config, dataset.spec, look=look_for(config.training, dataset), num_replicas=distribution.num_replicas)
    run = RunDirectory(_new_folder(folder))
    try:
        run.write_config(config)
        console = PeopleConsole(stderr=True, quiet=not verbose)
        outcome = train(config, dataset, run, console, distribution=distribution)
        if outcome.interrupted:
            raise KeyboardInterrupt
    except BaseException:
        if folder is None:
            shutil.rmtree(run.path, ignore_errors=True)
        raise
    trained = Run(LoadedRun(run, config, dataset.spec, outcome.vae, outcome.state), dataset)
    return trained if folder else _going_with(trained)


def pack_run(run: Run) -> dict[str, bytes]:
    """Return the files that a run is opened from, by their path in its folder: settings, data's description, weights, curves.

    Raises:
        OSError: the folder was removed meanwhile.
    """
    files = RunDirectory(run.path)
    paths = (files.config_file, files.dataset_file, files.metrics_file, *files.checkpoints.glob("epoch-*.npz"))
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in paths}


def unpack_run(files: Mapping[str, bytes]) -> Run:
    """Open a run from its files, in a folder that goes with it.

    Raises:
        UserFileError: the files are damaged.
        UserValueError: they are not of this version.
    """
    folder = _new_folder(None)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return _going_with(Run.open(folder))


def _new_folder(parent: str | Path | None) -> Path:
    """Return a folder that is new, also where several processes fit at once."""
    if parent is None:
        return Path(tempfile.mkdtemp(prefix="vae_tf-"))
    Path(parent).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{time.strftime('%Y%m%d-%H%M%S')}-", dir=parent))
    folder.chmod(0o755)
    return folder


def _going_with(run: Run) -> Run:
    """Let a run's folder be removed as soon as nobody has the run any more."""
    weakref.finalize(run, shutil.rmtree, run.path, ignore_errors=True)
    return run
