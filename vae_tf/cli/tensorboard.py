"""`run.py tensorboard`: scalars, pictures, histograms and the latent projection in a browser."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from vae_tf.cli.common import quiet_tensorflow
from vae_tf.errors import UserFileError

__all__ = ["tensorboard"]


def tensorboard(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run directories, or one search.")],
    port: Annotated[int, typer.Option(help="0 for any free port.", min=0, max=65535)] = 6006,
    host: Annotated[str, typer.Option(help="Who may connect; default: this machine alone.")] = "127.0.0.1",
) -> None:
    """Start TensorBoard on one run or several; the latent space is in the Projector tab (top right menu). Ctrl-C ends it.

    Of a search (`{program} tune`) it shows all trials: the HParams tab has their table and the parallel coordinates.
    """
    logs = _logs(runs)
    quiet_tensorflow()
    from tensorboard import default, program

    with tempfile.TemporaryDirectory(prefix="vae_tf-tensorboard-") as folder:
        server = program.TensorBoard(plugins=default.get_plugins())
        options = {"logdir": _log_folder(logs, Path(folder)), "port": port, "host": host, "reload_multifile": "true"}
        server.configure(argv=["tensorboard", *(f"--{key}={value}" for key, value in options.items())])
        code = server.main()
    raise typer.Exit(1 if code else 0)


def _logs(runs: list[str]) -> list[tuple[str, Path]]:
    """Return the name and log folder of every run, of every trial of a search.

    Raises:
        UserFileError: one is no run, or has no logs yet.
    """
    from vae_tf.artifacts import RunDirectory
    from vae_tf.tuning.search import SearchDirectory

    if len(runs) == 1 and SearchDirectory.is_search(runs[0]):
        search = SearchDirectory.open(runs[0])
        trials = [(run.name, run.tensorboard) for run in search.trial_runs() if run.tensorboard.is_dir()]
        return [("search", search.tensorboard), *trials]
    opened = [RunDirectory.open(run) for run in runs]
    for run in opened:
        if not run.tensorboard.is_dir():
            raise UserFileError(f"{run.path} has no TensorBoard logs yet: its first epoch has not ended.")
    return [(run.name, run.tensorboard) for run in opened]


def _log_folder(logs: list[tuple[str, Path]], folder: Path) -> str:
    """Return one folder for TensorBoard: the run's own, or links to several by their names."""
    if len(logs) == 1:
        return str(logs[0][1])
    for index, (name, path) in enumerate(logs):
        link = folder / name
        link = link if not link.exists() else folder / f"{name}-{index + 1}"
        link.symlink_to(path.resolve(), target_is_directory=True)
    return str(folder)
