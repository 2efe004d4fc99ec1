"""`run.py push`: a run, its servable and a model card to the Hugging Face Hub, a folder, or any URL."""

from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import JsonOption, RunArgument, console, emit, open_run
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.hub import Pushed

__all__ = ["push"]


def push(  # noqa: PLR0913 - one argument an option
    run: RunArgument,
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="hf://USER/NAME, a new folder, or a URL such as s3://BUCKET/NAME.")
    ],
    *,
    licence: Annotated[
        str | None,
        typer.Option("--license", metavar="NAME", help="For others' use: apache-2.0, mit, ...; none. Never guessed."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's; default: the last part of PLACE.")] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Everybody can see it. Default: a new repository is private.")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="With pictures: on some are examples of the data.")] = True,
    servable: Annotated[bool, typer.Option(help="With a SavedModel.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Give a run to others: weights, settings, numbers, a SavedModel, and a model card made of the run's own records.

    Of the data go along what the model must know (names of columns, words, ranges) and the pictures; no rows, and no paths
    of this machine. Look at it first in a folder: {program} push RUN FOLDER --license none. A push to the Hub is one commit, to
    a folder all or nothing; an interrupted one is given again, and what is there already is not sent twice.

    The Hub's token comes from `hf auth login` or HF_TOKEN, its address from HF_ENDPOINT; those of s3:// and gs:// from the
    environment variables of their own clients.
    """
    from vae_tf.artifacts import RunDirectory

    directory = RunDirectory.open(run)
    with console.status("Starting TensorFlow"):
        from vae_tf.cli.common import quiet_tensorflow

        quiet_tensorflow()
        from vae_tf.hub import Parcel, prepare_push, push_run
    target, parcel = prepare_push(directory, place, Parcel(licence or "", name or "", pictures, servable), public)
    with console.status("Opening the run"):
        loaded = open_run(run)
    with console.status(f"Pushing to {target.url}"):
        done = push_run(loaded, target, parcel, public)
    sent = done.sent
    result = {"run": run, "to": target.url, "where": sent.where, "revision": sent.revision, "private": sent.is_private}
    emit({**result, "files": list(done.files), "bytes": done.num_bytes}, as_json, lambda: _show(done, target.url))


def _show(done: "Pushed", url: str) -> None:
    seen = {True: ", private", False: ", public", None: ""}[done.sent.is_private]
    told = f" ({done.sent.revision[:8]}{seen})" if done.sent.revision else ""
    console.print(f"{len(done.files)} files, {done.num_bytes / 1e6:.1f} MB{told}.", soft_wrap=True)
    typer.echo(done.sent.where)
    console.print(f"Others get it with: {command_line('pull', url)}", soft_wrap=True)
