"""`run.py pull`: a run that was pushed, from the Hugging Face Hub, a folder, or any URL."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import JsonOption, console, emit, quiet_tensorflow
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.hub import Pulled

__all__ = ["pull"]


def pull(
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="hf://USER/NAME, hf://USER/NAME@REVISION, a folder, or a URL as push took.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where to; default: runs/NAME-STATE.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a run that `{program} push` gave: a run directory as any other, which every command opens.

    Nothing of it is executed: files other than a push has are refused, each is compared with its SHA-256, arrays of objects and
    graphs that read files or call programs are refused, and code of its own waits until you say --parts. The folder appears
    when all is there; an interrupted pull goes on where it was.
    """
    with console.status("Starting TensorFlow"):
        quiet_tensorflow()
        from vae_tf.hub import open_place, pull_run
    source = open_place(place)
    with console.status(f"Pulling from {source.url}"):
        pulled = pull_run(source, output)
    result = {"from": source.url, "revision": pulled.revision, "path": str(pulled.path), "files": list(pulled.files)}
    more = {"servables": list(map(str, pulled.servables)), "code": list(map(str, pulled.code))}
    emit({**result, **more}, as_json, lambda: _show(pulled))


def _show(pulled: "Pulled") -> None:
    typer.echo(str(pulled.path))
    for path in pulled.code:
        told = f"It needs code of its own, which is not executed unasked. Look at {path}, then add --parts {pulled.path}"
        console.print(told, soft_wrap=True)
    console.print(f"Next: {command_line('generate', pulled.path, '-o', 'made.npz')}", soft_wrap=True)
    for folder in pulled.servables:
        console.print(f"      {command_line('serve', folder)}", soft_wrap=True)
