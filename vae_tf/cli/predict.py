"""`run.py predict`: ask a model server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import check_suffix, console, emit, tell
from vae_tf.errors import MachineError, UserError, UserValueError
from vae_tf.program import command_line
from vae_tf.serving.tables import Asked, ask_columns, read_columns, read_texts, write_answers

if TYPE_CHECKING:
    import numpy as np

    from vae_tf.serving import Client, ServingError
    from vae_tf.serving.transports import Field

__all__ = ["predict"]

_SHOWN = 8
_NOT_OF_ROWS = ("seed", "label")


def predict(  # noqa: PLR0913 - options of the command line
    signature: Annotated[
        str, typer.Argument(metavar="SIGNATURE", help="encode, decode, reconstruct, sample, score, interpolate, impute, ...")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Images; or one .npz/.npy with the inputs by name, a table (.csv, .parquet, .xlsx), texts (.txt, .jsonl).",
        ),
    ] = None,
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="The model's name: its folder's below saved_models.")],
    server: Annotated[
        str, typer.Option(help="http://HOST:PORT or grpc://HOST:PORT; https and grpcs with TLS.")
    ] = "http://127.0.0.1:8501",
    api_key_file: Annotated[Path | None, typer.Option(help="File with the API key; default: $VAE_TF_API_KEY.")] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates of trusted authorities, PEM; default: the system's.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="A version; default: the newest.")] = None,
    label: Annotated[str | None, typer.Option(help="A version's label.")] = None,
    num: Annotated[int, typer.Option(help="Draws of `sample`.", min=1)] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the first row of `sample` and `impute`; the next rows count on.")] = 0,
    temperature: Annotated[float, typer.Option(help="Of `sample`: below 1 keeps to the more probable.", min=0.0)] = 1.0,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the server, and for one answer.", min=0.001)] = 30.0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write answers to .npz or .csv, or pictures to .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object on stdout.")] = False,
) -> None:
    """Ask a running server; start one with `{program} serve saved_models/NAME`.

    Examples: `predict reconstruct a.png b.png -o seen.png`, `predict sample --num 64 -o draws.png`,
    `predict encode data.npz -o codes.npz`, `predict impute gaps.csv -o filled.csv`, `predict score a.png --json`. Nothing here
    needs TensorFlow.
    """
    from vae_tf.files import check_file
    from vae_tf.serving import Client, ServingError

    if output:
        check_suffix(output, ".npz", ".png", ".csv")
    for path in files or []:
        check_file(path)
    with Client(server, model, version, label, timeout, api_key_file=api_key_file, ca_file=ca_file) as client:
        try:
            client.wait_for_server(timeout, lambda: console.print(f"Waiting for {server}, {timeout:g} s"))
            answers, asked = _ask(client, signature, files or [], num, seed, temperature)
        except ServingError as error:
            raise _told(server, error) from error
    if output:
        _write(output, answers, asked)
    result = {name: _plain(value) for name, value in answers.items()} if as_json else {}
    emit(result, as_json, lambda: _show(answers, output))


def _told(server: str, error: "ServingError") -> UserError:
    """Return what a server said, or that it says nothing, as the caller's fault or the machine's."""
    from vae_tf.serving.codes import Code

    lost = {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS, Code.RESOURCE_EXHAUSTED}
    start = f" Start one with `{command_line('serve', 'saved_models/NAME')}`." if error.code == Code.UNAVAILABLE else ""
    return (MachineError if error.code in lost else UserValueError)(f"{server} says {error}{start}")


def _ask(
    client: "Client", signature: str, files: list[Path], num: int, seed: int, temperature: float
) -> "tuple[dict[str, np.ndarray], Asked]":
    """Return the answers, and what was asked."""
    import numpy as np

    from vae_tf.data.pictures import SUFFIXES
    from vae_tf.data.row_files import ROW_FILES, row_form

    if signature == "sample" and not files:
        asked = Asked({"seed": np.arange(seed, seed + num), "temperature": np.full(num, temperature)})
        return client.predict("sample", asked.inputs), asked
    if not files:
        raise UserValueError(f"{signature} needs a FILE: images, .npz/.npy with its inputs, a table or texts.")
    if all(path.suffix.lower() in SUFFIXES for path in files):
        return client.of_images(signature.removesuffix("_encoded"), files), Asked({})
    path, form = files[0], row_form(files[0].name)
    if len(files) > 1 or not form:
        ends = ", ".join(end for one in ROW_FILES.values() for end in one)
        raise UserValueError(f"FILE must be images, or one file of {ends}. Received: {', '.join(map(str, files))}.")
    if form == "text":
        asked = read_texts(path, client.reading(), tell)
        return client.of_texts(signature.removesuffix("_text"), asked.inputs["text"]), asked
    wanted = client.fields(signature).inputs
    of_rows = {name: field for name, field in wanted.items() if name not in _NOT_OF_ROWS}
    if form in {"csv", "parquet", "table"}:
        asked = read_columns(path, of_rows, ask_columns(client, of_rows), client.reading(), tell)
    else:
        asked = _load(path, of_rows)
    count = len(next(iter(asked.inputs.values())))
    inputs = {**({"seed": np.arange(seed, seed + count)} if "seed" in wanted else {}), **asked.inputs}
    if "label" in wanted and (labels := asked.inputs.get("label", asked.others.get("label"))) is not None:
        inputs["label"] = client.reading().labels(labels)
    return client.predict(signature, inputs), asked


def _load(path: Path, wanted: "Mapping[str, Field]") -> Asked:
    """Return a file's arrays by input name; an array alone is the only input wanted, and examples may be called otherwise."""
    from vae_tf.data.array_files import read_arrays
    from vae_tf.data.row_files import examples_of_arrays

    arrays = read_arrays(path)
    given = {name: value for name, value in arrays.items() if name in _NOT_OF_ROWS}
    if set(wanted) == {"x"}:
        seeds = {name: value for name, value in given.items() if name == "seed"}
        rest = {name: value for name, value in arrays.items() if name not in seeds}
        x, labels = examples_of_arrays(rest, str(path), wanted["x"].shape, tell)
        return Asked({"x": x, **seeds}, others={"label": labels} if len(labels) == len(x) else {})
    if len(arrays) == 1 and len(wanted) == 1:
        return Asked({next(iter(wanted)): next(iter(arrays.values()))})
    return Asked({name: value for name, value in arrays.items() if name in (*wanted, *given)} or arrays)


def _write(path: Path, answers: "dict[str, np.ndarray]", asked: Asked) -> None:
    import numpy as np

    from vae_tf.files import atomic_file, write_arrays

    if path.suffix == ".csv":
        write_answers(path, answers, asked)
        return
    if path.suffix == ".npz":
        write_arrays(path, {name: value for name, value in answers.items() if value.dtype != object})
        return
    pictures = next((value for value in answers.values() if value.ndim == 4 and value.shape[-1] in (1, 3)), None)
    if pictures is None or not len(pictures):
        raise UserValueError("The answer holds no pictures; write it to .npz.")
    from PIL import Image

    gap = 0 if len(pictures) == 1 else 1
    columns = int(np.ceil(np.sqrt(len(pictures))))
    height, width, channels = (pictures.shape[1] + gap, pictures.shape[2] + gap, pictures.shape[3])
    rows = -(-len(pictures) // columns)
    grid = np.full((rows * height - gap, columns * width - gap, channels), pictures.max() / 2, np.float32)
    for index, picture in enumerate(pictures):
        top, left = index // columns * height, index % columns * width
        grid[top : top + height - gap, left : left + width - gap] = picture
    white = 255.0 if grid.max() > 1.0 else 1.0
    pixels = np.clip(grid * (255.0 / white), 0.0, 255.0).round().astype(np.uint8)
    with atomic_file(path) as temporary:
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(temporary, format="PNG")


def _plain(value: "np.ndarray") -> Any:
    if value.dtype != object:
        return value.tolist()
    return [item.decode("utf-8", "replace") for item in value.ravel().tolist()]


def _few(value: "np.ndarray") -> list[Any]:
    return _plain(value) if value.dtype == object else [round(float(number), 4) for number in value]


def _show(answers: "dict[str, np.ndarray]", output: Path | None) -> None:
    for name, value in answers.items():
        shape = " x ".join(map(str, value.shape))
        few = f": {json.dumps(_few(value))}" if value.ndim == 1 and len(value) <= _SHOWN else ""
        typer.echo(f"{name}  {shape} {value.dtype}{few}")
    if output:
        console.print(f"Wrote {output}")
