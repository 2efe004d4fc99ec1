"""`run.py tensorboard`: scalars, pictures, histograms and the latent projection in a browser."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import quiet_tensorflow
from vae_tf.errors import UserFileError

if TYPE_CHECKING:
    from vae_tf.artifacts import RunDirectory

__all__ = ["tensorboard"]


def tensorboard(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="One or more run directories.")],
    port: Annotated[int, typer.Option(help="0 for any free port.", min=0, max=65535)] = 6006,
    host: Annotated[str, typer.Option(help="Who may connect; default: this machine alone.")] = "127.0.0.1",
) -> None:
    """Start TensorBoard on one run or several; the latent space is in the Projector tab (top right menu). Ctrl-C ends it."""
    from vae_tf.artifacts import RunDirectory

    opened = [RunDirectory.open(run) for run in runs]
    for run in opened:
        if not run.tensorboard.is_dir():
            raise UserFileError(f"{run.path} has no TensorBoard logs yet: its first epoch has not ended.")
    quiet_tensorflow()
    from tensorboard import default, program

    with tempfile.TemporaryDirectory(prefix="vae_tf-tensorboard-") as folder:
        server = program.TensorBoard(plugins=default.get_plugins())
        options = {"logdir": _log_folder(opened, Path(folder)), "port": port, "host": host, "reload_multifile": "true"}
        server.configure(argv=["tensorboard", *(f"--{key}={value}" for key, value in options.items())])
        code = server.main()
    raise typer.Exit(1 if code else 0)


def _log_folder(runs: "list[RunDirectory]", folder: Path) -> str:
    """Return one folder for TensorBoard: the run's own, or links to several runs by their names."""
    if len(runs) == 1:
        return str(runs[0].tensorboard)
    for index, run in enumerate(runs):
        link = folder / run.name
        link = link if not link.exists() else folder / f"{run.name}-{index + 1}"
        link.symlink_to(run.tensorboard.resolve(), target_is_directory=True)
    return str(folder)
