"""`run.py launch`: several workers of one training on this machine."""

from typing import Annotated, Any

import typer

from vae_tf.api.starting import default_directory
from vae_tf.cli.common import console, parser
from vae_tf.cli.own_parts import with_parts
from vae_tf.cli.train import train
from vae_tf.errors import UserValueError
from vae_tf.program import command_line

__all__ = ["launch"]


def launch(
    command: Annotated[list[str], typer.Argument(metavar="-- train ...", help="The training, with its own options.")],
    workers: Annotated[int, typer.Option(help="Processes that train together.", min=1)] = 2,
    max_restarts: Annotated[int, typer.Option(help="How often they are started again when one dies.", min=0)] = 3,
) -> None:
    """Train on several processes of this machine, as on several machines: `launch --workers 2 -- train --preset mnist_mlp`.

    Every process gets the TF_CONFIG that machines would get; the batch is cut among them, and the result is that of one.
    When one dies, all go on from the last epoch. On machines of your own, set TF_CONFIG and run `train` there.
    """
    from vae_tf.launcher import Launcher

    if command[0] != "train":
        raise UserValueError(f"launch starts `train` alone. Received: {command[0]}.")
    given = _parse(command[1:])
    arguments, run_dir = list(command), given["run_dir"]
    if run_dir is None:
        run_dir = default_directory(given["preset"] or given["dataset"] or "digits")
        arguments += ["--run-dir", str(run_dir)]
    code = Launcher(arguments, run_dir, workers, max_restarts, console.print).run()
    if code:
        raise typer.Exit(code)


def _parse(arguments: list[str]) -> dict[str, Any]:
    """Return the options of `train`; wrong ones end here, before anything is started."""
    alone = typer.Typer(add_completion=False)
    alone.command()(with_parts(train))
    return dict(parser(alone).make_context(command_line("train"), arguments).params)
