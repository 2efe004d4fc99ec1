"""`vae_tf.train`: from data, wherever they are, to a trained, measured run."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_tf.api.starting import default_directory, start_again
from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.config import MEMORY, RunConfig
from vae_tf.config_sources import resolve_config
from vae_tf.errors import UserValueError
from vae_tf.parts.files import load_parts

if TYPE_CHECKING:
    import keras

    from vae_tf.api.run import Run
    from vae_tf.training.tracking import Tracker

__all__ = ["train"]


def train(  # noqa: PLR0913 - the options of the command line
    data: Any = None,
    *,
    preset: str | None = None,
    config: Mapping[str, Any] | RunConfig | str | Path | None = None,
    latent: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    label_column: str | None = None,
    name: str | None = None,
    run_dir: str | Path | None = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    parts: str | Path | None = None,
    resume: bool = False,
    track: "str | Tracker | None" = None,
    quiet: bool = False,
) -> "Run":
    """Train a model, measure it on the test split, and return the run: what the command `train` does, with the same result.

    Settings come from the preset, then `config`, then data and latent, then `overrides`. Data in memory are treated as files
    with the same content are: what is not split is split (always the same way), real numbers are standardised.

    Args:
        data: x [N, ...]; (x, labels [N]); a `tf.data.Dataset` of x or (x, label), in batches or not; a DataFrame of numbers; a
            list of texts; or a mapping of `train` and, if wanted, `validation` and `test` to such. Or, as `--dataset` has it,
            a text: `digits`, the name of a TFDS data set, `npz:PATH`, `csv:PATH`, `folder:PATH`, `text:PATH`. Default: what
            the settings say.
        preset: where settings start from; see the command `presets`.
        config: any part of a configuration: a mapping, a RunConfig, or the path of a YAML file.
        latent: `gaussian:20`, `categorical:30x10`, `gaussian:10+categorical:1x10`.
        overrides: any settings by path, such as `{"training.epochs": 3, "model.latents[0].size": 8}`.
        label_column: the column of a table that is a label, not an input.
        name: what data in memory are called, in letters, digits, `_` and `-`; default: `data`.
        run_dir: where to write; default: `runs/<preset or dataset>-<time>`.
        callbacks: Keras callbacks of one's own. They are called after the built-in ones, and what they raise is not caught.
        parts: a Python file of your own parts (see `vae_tf.parts`), which is executed; or a run that was trained with one.
        resume: go on with the run in `run_dir`, bit for bit; of the settings only `training.epochs` may change. Data in memory
            must be given again.
        track: tell MLflow or Weights & Biases too: `mlflow:URI` or `wandb:PROJECT`, as `--track` has it; or a
            `vae_tf.training.Tracker` of one's own.
        quiet: show no progress and no warnings.

    Returns:
        The run. Its `results` are None if Ctrl-C ended training or measuring before its time: what is done is kept, and
        `resume` goes on.

    Raises:
        UserValueError: settings, data and model do not fit each other; the message says what to change.
        UserFileError: a file is missing or damaged, or the run cannot be written.
        NonFiniteLossError: the loss blew up; the last good epoch is kept, if there is one.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> x = np.random.default_rng(0).random((100, 4))
        >>> settings = {"training.epochs": 1, "evaluation.num_samples": 5}
        >>> run = train(x, latent="gaussian:2", overrides=settings, run_dir=tempfile.mkdtemp() + "/run", quiet=True)
        >>> run.results["num_examples"], run.config.data.dataset
        (10, 'memory:data')
    """
    _check_callbacks(callbacks)
    if parts is not None:
        load_parts(parts)
    options = {"data.dataset": _dataset(data, name), "data.label_column": label_column}
    content = config.model_dump(mode="json") if isinstance(config, RunConfig) else config
    if resume:
        if name is None and not isinstance(data, str):
            options.pop("data.dataset")  # lent data need no name again
        said = {"preset": preset, "file": content, "options": options, "latent": latent, "overrides": overrides or ()}
        run, settings = start_again(run_dir, **said)
        _check_lent(data, settings, run)
    else:
        settings = resolve_config(preset, content, options, latent, overrides or ())
        run = RunDirectory(Path(run_dir) if run_dir else default_directory(settings.preset or settings.data.dataset))
        run.check_free()
    return _train(data, settings, run, callbacks, resume, track, quiet)


def _train(  # noqa: PLR0913 - what `train` was given
    data: Any,
    settings: RunConfig,
    run: RunDirectory,
    callbacks: "Sequence[keras.callbacks.Callback]",
    resume: bool,
    track: "str | Tracker | None",
    quiet: bool,
) -> "Run":
    """Do what needs TensorFlow."""
    from vae_tf.api.run import Run
    from vae_tf.consoles import PeopleConsole
    from vae_tf.data.memory import in_memory
    from vae_tf.training.distribution import start_distribution
    from vae_tf.training.sessions import train_and_measure
    from vae_tf.training.tracking import open_tracker

    tracker = open_tracker(track)
    console, distribution = PeopleConsole(stderr=True, quiet=quiet), start_distribution("auto", Cluster())
    with in_memory(None if isinstance(data, str) else data):
        trained = train_and_measure(settings, run, console, resume, distribution, callbacks, tracker=tracker)
    if trained.results is None:
        console.print(f"Stopped {trained.stopped}. Go on with: resume=True, run_dir={str(run.path)!r}")
    return Run(trained.as_loaded(), trained.dataset)


def _dataset(data: Any, name: str | None) -> str | None:
    """Return what the configuration calls the data."""
    if isinstance(data, Path):
        raise UserValueError(f"A file is given as a text: 'csv:{data}', 'npz:', 'folder:' or 'text:'. Received: a path.")
    if data is None or isinstance(data, str):
        if name is not None:
            raise UserValueError(f"name is for data in memory. Received: {name!r} for {data or 'no data'}.")
        return data
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name or "data"):
        raise UserValueError(f"name takes letters, digits, '_' and '-'. Received: {name!r}.")
    return f"{MEMORY}:{name or 'data'}"


def _check_callbacks(callbacks: Sequence[Any]) -> None:
    if isinstance(callbacks, (list, tuple)) and not callbacks:
        return
    import keras

    if isinstance(callbacks, keras.callbacks.Callback):
        raise UserValueError("callbacks must be a list. Received: one callback. Put it in [].")
    wrong = [type(one).__name__ for one in callbacks if not isinstance(one, keras.callbacks.Callback)]
    if wrong:
        raise UserValueError(f"callbacks must be Keras callbacks. Received: {', '.join(wrong)}.")


def _check_lent(data: Any, settings: RunConfig, run: RunDirectory) -> None:
    if data is not None and not settings.data.dataset.startswith(f"{MEMORY}:"):
        raise UserValueError(f"{run.path} loads its data itself ({settings.data.dataset}): resume it without data.")
