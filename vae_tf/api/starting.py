"""Where a run starts: its directory and its configuration, before TensorFlow is there."""

from datetime import datetime
from pathlib import Path

from vae_tf.artifacts import RunDirectory
from vae_tf.config import MEMORY, RunConfig, check_path
from vae_tf.config_sources import with_value
from vae_tf.errors import UserValueError
from vae_tf.program import command_line

__all__ = ["default_directory", "start_again"]


def default_directory(name: str) -> Path:
    """Return runs/<preset or dataset>-<time>, with a number where that is taken.

    Args:
        name: of the preset or the dataset; of `npz:PATH` and the like what is before the colon, of `memory:NAME` the name.

    Example:
        >>> default_directory("csv:table.csv").name[:4], default_directory("memory:mine").name[:5]
        ('csv-', 'mine-')
    """
    form, _, rest = name.partition(":")
    base = Path("runs") / f"{rest if form == MEMORY else form}-{datetime.now():%Y%m%d-%H%M%S}"
    numbered = (base.with_name(f"{base.name}-{number}") for number in range(2, 1000))
    return next(path for path in (base, *numbered) if not path.exists())


def start_again(run_dir: str | Path | None, epochs: int | None, refused: list[str]) -> tuple[RunDirectory, RunConfig]:
    """Return the run to go on with and its own configuration, its epochs changed if asked.

    Args:
        run_dir: the run.
        epochs: of the whole training; default: as before.
        refused: other settings that were given.

    Raises:
        UserValueError: settings were given, or no run.
        UserFileError: there is no such run, or its data are not where they were.
    """
    if run_dir is None:
        listed = command_line("runs")
        raise UserValueError(f"To resume needs the run to go on with: --run-dir, in Python run_dir. See `{listed}`.")
    if refused:
        raise UserValueError(
            "A resumed run keeps its settings; only --epochs (in Python training.epochs) may change. "
            f"Received: {', '.join(refused)}."
        )
    run = RunDirectory.open(run_dir)
    check_path(run.read_config(with_parts=False).data.dataset)  # before TensorFlow is imported for the rest
    config = run.read_config()
    return run, config if epochs is None else with_value(config, "training.epochs", epochs)
