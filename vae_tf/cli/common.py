"""What commands share: options, quiet TensorFlow, output for people and for programs."""

import json
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.consoles import PeopleConsole, progress_on, warn_on
from vae_tf.errors import UserValueError
from vae_tf.escaping import json_ready
from vae_tf.program import PLACEHOLDER, moved_to, program
from vae_tf.quiet import keep_imports, quiet_imports

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from vae_tf.config import RunConfig
    from vae_tf.data.notes import Note
    from vae_tf.data.pipeline import Dataset
    from vae_tf.evaluation.assessment import Subject
    from vae_tf.training.runs import LoadedRun

__all__ = [
    "ConfigOption",
    "ConfigSource",
    "DataDirOption",
    "DatasetOption",
    "JsonOption",
    "LimitOption",
    "NumSamplesOption",
    "PngOption",
    "PresetOption",
    "RunArgument",
    "SeedOption",
    "SetOption",
    "SplitOption",
    "TrackOption",
    "check_suffix",
    "console",
    "emit",
    "numbers_table",
    "open_data",
    "open_run",
    "open_subject",
    "own_config",
    "parser",
    "print_lines",
    "progress",
    "quiet_tensorflow",
    "tell",
    "warn",
]

_LEAST_COLUMNS = 80
"""A terminal with fewer gets help without frames: in these, names of options would be cut."""

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, e.g. runs/digits-20260101-120000.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, everything else on stderr.")]
SeedOption = Annotated[int, typer.Option(help="Root of the random draws.", min=0)]
SplitOption = Annotated[str, typer.Option(help="train, validation or test.")]
LimitOption = Annotated[int | None, typer.Option(help="Use only the first N examples.", min=1)]
NumSamplesOption = Annotated[int, typer.Option(help="Importance samples an example.", min=1)]
PngOption = Annotated[Path, typer.Option("-o", "--output", help="FILE.png")]

PresetOption = Annotated[str | None, typer.Option(help="Where to start from; see `{program} presets`.")]
ConfigOption = Annotated[Path | None, typer.Option(metavar="FILE", help="YAML with any part of a configuration.")]
DatasetOption = Annotated[str | None, typer.Option(help="digits, a TFDS name, folder:, npz:, sparse:, csv: or text:PATH.")]
DataDirOption = Annotated[Path | None, typer.Option(help="Where TFDS data sets and large tables are prepared.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Any key, e.g. training.batch_size=64.")
]
TrackOption = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="Tell mlflow:URI (a server, sqlite:///FILE, or nothing) or wandb:PROJECT too."),
]

console = PeopleConsole(stderr=True)
"""Where people are told things; stdout is for results."""


@dataclass(frozen=True)
class ConfigSource:
    """Where a command's configuration comes from, as the command line says it; None where it says nothing.

    Attributes:
        preset: a shipped preset.
        file: a YAML file.
        options: settings that have an option of their own, by dotted path.
        latent: a specification that replaces the latent's blocks.
        overrides: `path=value` texts.

    Example:
        >>> ConfigSource("digits", options={"seed": 3, "data.limit": None}).given()
        {'preset': 'digits', 'seed': 3}
    """

    preset: str | None = None
    file: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    latent: str | None = None
    overrides: Sequence[str] | None = None

    def given(self) -> dict[str, Any]:
        """Return what was said, by the names that messages use."""
        said = {"preset": self.preset, "config": self.file, "latent": self.latent, "set": self.overrides, **self.options}
        return {name: value for name, value in said.items() if value is not None}

    def resolve(self) -> "RunConfig":
        """Return the configuration.

        Raises:
            UserValueError: a key, value or name is wrong.
            UserFileError: the file cannot be read.
        """
        from vae_tf.config_sources import resolve_config

        return resolve_config(**self.said())

    def said(self) -> dict[str, Any]:
        """Return what was said, as arguments of `vae_tf.config_sources.resolve_config` and `say_over`."""
        options = {path: str(value) if isinstance(value, Path) else value for path, value in self.options.items()}
        more = {"latent": self.latent, "overrides": self.overrides or ()}
        return {"preset": self.preset, "file": self.file, "options": options, **more}


def parser(application: typer.Typer) -> Any:
    """Return what parses and runs an application's commands, their help with the program's name as it was started."""
    command: Any = typer.main.get_command(application)
    columns, name = shutil.get_terminal_size().columns, program()  # which looks for files: once
    for one in _with_those_below(command):
        for shown in (one, *one.params):
            if getattr(shown, "help", None):
                shown.help = shown.help.replace(PLACEHOLDER, name)
        if columns < _LEAST_COLUMNS:
            one.rich_markup_mode = None
            one.context_settings = {**one.context_settings, "terminal_width": columns}
    return command


def _with_those_below(command: Any) -> Iterator[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _with_those_below(below)


def quiet_tensorflow(start: "Callable[[], Any] | None" = None) -> Any:
    """Import TensorFlow without its start-up messages; errors still show.

    Args:
        start: what is to happen before any other TensorFlow, such as meeting other workers.

    Returns:
        What `start` gave.
    """
    warnings.filterwarnings("ignore", module=r"(keras|tensorflow|tensorflow_probability|tensorflow_datasets|tf_keras)\b.*")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    with quiet_imports():
        import tensorflow as tf

        started = start() if start else None
        tf.constant(0)  # starts the devices, which have messages of their own
        import tensorflow_probability  # noqa: F401 - it warns at import
    tf.get_logger().setLevel("ERROR")
    keep_imports()
    return started


def emit(result: dict[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    """Print a result: for programs as JSON on stdout, for people by `show`."""
    if as_json:
        print(json.dumps(json_ready(result), indent=2))  # noqa: T201 - stdout is the interface
    else:
        show()


def print_lines(lines: "Iterable[Table | Text]") -> None:
    """Print lines and tables on stdout."""
    out = PeopleConsole()
    for line in lines:
        out.print(line, soft_wrap=not hasattr(line, "columns"))


def warn(message: str) -> None:
    """Print a warning on stderr."""
    warn_on(console, message)


def tell(note: "Note") -> None:
    """Print what is to be told of data on stderr, as a warning where it is one."""
    if note.is_warning:
        warn(note.text)
    else:
        console.print(note.text, soft_wrap=True)


def open_run(path: str) -> "LoadedRun":
    """Open a run with its model."""
    quiet_tensorflow()
    from vae_tf.training.runs import load_run

    return load_run(path)


def own_config(config: "RunConfig") -> "RunConfig":
    """Return a run's configuration, its data where they are now."""
    place = moved_to()
    return config.model_copy(update={"data": config.data.moved(place)}) if place else config


def open_data(loaded: "LoadedRun") -> "Dataset":
    """Load the data a run was trained on, from where they are now; see `vae_tf.training.open_data`."""
    from vae_tf.training.runs import open_data

    return open_data(loaded, moved_to())


def open_subject(path: str, name: str | None = None) -> "Subject":
    """Open a run with its model and the data it was trained on, to be measured."""
    loaded = open_run(path)
    from vae_tf.evaluation.assessment import Subject

    dataset = open_data(loaded)
    return Subject(name or loaded.run.name, loaded.vae, dataset, loaded.config.seed, loaded.run.read_metrics())


def check_suffix(path: Path, *suffixes: str) -> None:
    """Check an output file before any work is done.

    Raises:
        UserValueError: it is none of the types.
        UserFileError: it is a pipe or a device.
    """
    from vae_tf.files import check_target

    if path.suffix.lower() not in suffixes:
        raise UserValueError(f"The output file must end in {' or '.join(dict.fromkeys(suffixes))}. Received: {path}.")
    check_target(path)


def numbers_table(title: str, rows: dict[str, str]) -> "Table":
    """Return a table of names and values."""
    from rich.table import Table

    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def progress(title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    """Show a progress bar on stderr, or that work goes on where no total is known; give the function that advances it."""
    return progress_on(console, title, total)
