"""Where a run starts: its directory and its configuration, before TensorFlow is there."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from vae_tf.artifacts import RunDirectory
from vae_tf.config import MEMORY, RunConfig, check_path
from vae_tf.config.validation import join_path
from vae_tf.config_sources import say_over, with_value
from vae_tf.errors import UserValueError
from vae_tf.program import command_line

__all__ = ["default_directory", "differences", "start_again"]

_EPOCHS = "training.epochs"
_OPEN = ("auto", {"kind": "auto"})
"""What is left to the data."""
_MOST_LETTERS = 80


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


def start_again(run_dir: str | Path | None, **said: Any) -> tuple[RunDirectory, RunConfig]:
    """Return the run to go on with and its own configuration, its epochs changed if asked.

    Args:
        run_dir: the run.
        **said: arguments of `say_over`: what the run has as well, or what is left to the data, says nothing new.

    Raises:
        UserValueError: settings differ from the run's, or no run was given.
        UserFileError: there is no such run, its configuration is damaged, or its data are not where they were.
    """
    if run_dir is None:
        listed = command_line("runs")
        raise UserValueError(f"To resume needs the run to go on with: --run-dir, in Python run_dir. See `{listed}`.")
    run = RunDirectory.open(run_dir)
    run.check_config()
    check_path(run.read_config(with_parts=False).data.dataset)  # before TensorFlow is imported for the rest
    config = run.read_config()
    asked = say_over(config, **said)
    differ = [
        told for path, told in differences(config.model_dump(mode="json"), asked.model_dump(mode="json")) if path != _EPOCHS
    ]
    if differ:
        raise UserValueError(
            "A resumed run keeps its settings; only --epochs (in Python training.epochs) may change. "
            f"Differ: {'; '.join(differ)}. Leave them out, or train another run."
        )
    epochs = asked.training.epochs
    return run, config if epochs == "auto" else with_value(config, _EPOCHS, epochs)


def differences(own: Any, asked: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give the path of every setting that differs, and how; what is left to the data agrees with what they decided."""
    if own == asked or asked in _OPEN:
        return
    if isinstance(own, dict) and isinstance(asked, dict) and own.get("kind") == asked.get("kind"):
        for key in (*own, *(key for key in asked if key not in own)):
            yield from differences(own.get(key), asked.get(key), join_path(path, key))
    elif isinstance(own, list) and isinstance(asked, list) and len(own) == len(asked):
        for index, (one, other) in enumerate(zip(own, asked, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    else:
        yield path, f"{path} is {_short(own)}, not {_short(asked)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."
