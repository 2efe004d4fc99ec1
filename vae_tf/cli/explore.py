"""`run.py explore`: look into a model in the browser."""

import asyncio
import re
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import typer

from vae_tf.cli.common import DataDirOption, console, open_run, quiet_tensorflow, tell
from vae_tf.cli.export import files_of
from vae_tf.cli.other_data import OtherSplitOption
from vae_tf.errors import UserError, UserFileError, UserValueError
from vae_tf.paths import list_versions
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.explorer.examples import Examples
    from vae_tf.explorer.subject import Subject
    from vae_tf.serving.server import EmbeddedServer

__all__ = ["explore"]

_MOST_MODELS = 2


def explore(  # noqa: PLR0913 - one argument an option
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="A run, a servable (saved_models/NAME) or http://HOST:PORT/v1/models/NAME; or two."
        ),
    ],
    *,
    data: Annotated[
        str | None, typer.Option(help="What is on the map: as --dataset of train; default: the run's own test split.")
    ] = None,
    data_dir: DataDirOption = None,
    split: OtherSplitOption = None,
    port: Annotated[int, typer.Option(help="Of the page; 0 takes a free one.", min=0, max=65535)] = 8600,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    static: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the page there, for any web host: models run in the browser, as ONNX."),
    ] = None,
) -> None:
    """Open a page that shows a model's data as a map, and decodes every point of it as you drag.

    Pan, zoom, hover; sliders for the axes, buttons for the classes; paths as films; drop a picture, rows or lines of your own.
    Two models stand side by side. The page asks the served signatures alone, so that any TensorFlow Serving does: a run is
    exported to a temporary folder first. Only this machine is let in; Ctrl-C ends it.

    With --static the page needs no server of ours: it is a folder of files, with the models as ONNX (see `{program} export`).
    """
    if len(models) > _MOST_MODELS:
        raise UserValueError(f"Give one model, or two to stand side by side. Received: {len(models)}.")
    _check(models)
    if static:
        _check_static(models, static)
    wanted = _Wanted(data, data_dir, split, static is not None)
    with tempfile.TemporaryDirectory(prefix="vae_tf-explorer-") as folder:
        quiet_tensorflow()
        subjects: list[Subject] = []
        for place, name in enumerate(models):
            subjects.append(_open(name, _key(name, [one.key for one in subjects]), Path(folder) / str(place), wanted))
        if static:
            from vae_tf.explorer.static import check_static

            for subject in subjects:
                check_static(subject)
            _serve(subjects, 0, lambda _: _write(subjects, static))
        else:
            _serve(subjects, port, lambda server: _open_page(server, browser))


class _Wanted(NamedTuple):
    """What is to be on the map; None where nothing is said."""

    data: str | None
    data_dir: Path | None
    split: str | None
    is_static: bool = False


def _check(models: Sequence[str]) -> None:
    """Find out what cannot be opened before anything is started."""
    from vae_tf.artifacts import RunDirectory

    for name in models:
        if _is_url(name):
            if not re.fullmatch(r"/v1/models/[^/:]+", urlsplit(name).path):
                raise UserValueError(f"The address must be http://HOST:PORT/v1/models/NAME. Received: {name}.")
        elif not _versions(Path(name)):
            if Path(name).is_dir() and not (Path(name) / "config.yaml").is_file():
                raise UserFileError(
                    f"{name} is neither a run nor a servable, a folder of versions. "
                    f"Write one with `{command_line('export', 'RUN')}`."
                )
            RunDirectory.open(name)


def _check_static(models: Sequence[str], folder: Path) -> None:
    """Refuse what cannot be written before anything is started."""
    from vae_tf.export.onnx_graph import Onnx

    if any(map(_is_url, models)):
        raise UserValueError(
            "--static takes runs and servables: a model that is served elsewhere cannot be run in the browser."
        )
    if folder.exists():
        raise UserFileError(f"{folder} exists already: --static writes a new folder.")
    if any(not _versions(Path(name)) for name in models):
        Onnx().check_installed()


def _is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _versions(folder: Path) -> list[int]:
    """Return the versions that a servable has; none where the folder is none."""
    return [number for number in list_versions(folder) if (folder / str(number) / "saved_model.pb").is_file()]


def _key(name: str, taken: Sequence[str]) -> str:
    """Return a name fit for a URL, different from those that are taken."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(name if _is_url(name) else Path(name).resolve()).name).strip("_.-") or "model"
    return plain if plain not in taken else f"{plain}-{len(taken) + 1}"


def _open(name: str, key: str, folder: Path, wanted: _Wanted) -> "Subject":
    """Return a model that can be served, or asked where it is, with its examples."""
    from vae_tf.explorer.static import MOST_STATIC
    from vae_tf.explorer.subject import Address, Subject
    from vae_tf.files import read_json

    if _is_url(name):
        parts = urlsplit(name)
        address = Address(f"{parts.scheme}://{parts.netloc}", unquote(parts.path.rpartition("/")[2]))
        examples, note = _examples({}, wanted)
        return Subject(key, address.model, None, address, examples, {}, note)
    path = Path(name).resolve()
    versions = _versions(path)
    if not versions:
        with console.status(f"Exporting {name} to a temporary folder"):
            from vae_tf.export.servable import export_run

            loaded = open_run(name)
            beside = (files_of(loaded, "onnx"),) if wanted.is_static else ()
            path = export_run(loaded, folder, key, beside=beside).path.parent
        versions = _versions(path)
    manifest_file = path / str(versions[-1]) / "assets.extra" / "manifest.json"
    manifest = read_json(manifest_file) if manifest_file.is_file() else {}
    with console.status("Reading the examples"):
        examples, note = _examples(manifest, wanted)
    if wanted.is_static and examples is not None and len(examples) > MOST_STATIC:
        examples = replace(examples.first(MOST_STATIC), title=f"{examples.title}, the first {MOST_STATIC:,}")
    return Subject(key, Path(name).resolve().name, path, None, examples, manifest, note)


def _examples(manifest: dict[str, Any], wanted: _Wanted) -> "tuple[Examples | None, str]":
    """Return what the map shows, and what is to be told of it; nothing where its own data are wanted and not there."""
    from vae_tf.config import DataConfig, full_name
    from vae_tf.data import load_dataset
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.explorer.examples import examples_of

    config = DataConfig.model_validate(manifest["config"]["data"]) if manifest.get("config") else None
    spec = DatasetSpec.model_validate(manifest["dataset"]) if manifest.get("dataset") else None
    if wanted.data is not None:
        if config and spec:
            examples = _like(config, spec, wanted)
        else:
            place = str(wanted.data_dir) if wanted.data_dir else None
            examples = load_dataset(DataConfig(dataset=full_name(wanted.data), data_dir=place))
        return examples_of(examples, wanted.split, _title(wanted.data, wanted.split)), ""
    if config is None:
        return None, "No data were named (--data): the map shows draws from the prior."
    own = config.model_copy(update={"data_dir": str(wanted.data_dir)}) if wanted.data_dir else config
    try:
        split = wanted.split or "test"
        return examples_of(load_dataset(own, spec), split, _title(config.dataset, split)), ""
    except UserError as error:
        if wanted.split:
            raise
        console.print(f"Its own data cannot be read: {error}", soft_wrap=True)
        return None, "Its own data cannot be read; name others with --data. The map shows draws from the prior."


def _title(dataset: str, split: str | None) -> str:
    """Return what examples are called: of a file or folder, its own name."""
    name = Path(dataset.partition(":")[2] or dataset).name
    return f"{name}, {split}" if split else name


def _like(config: Any, spec: Any, wanted: _Wanted) -> Any:
    """Load other data as the model's own were."""
    from vae_tf.cli.score import load_as

    examples = load_as(config, spec, wanted.data or "", wanted.data_dir)
    for note in examples.notes:
        tell(note)
    return examples


def _serve(subjects: "list[Subject]", port: int, work: "Callable[[EmbeddedServer], bool]") -> None:
    """Serve models and page; once the models are known, do the work, and go on where it says so until a signal ends it."""
    from vae_tf.explorer.app import ExplorerApp
    from vae_tf.explorer.subject import Address
    from vae_tf.serving.codes import ServingError
    from vae_tf.serving.manager import ManagerOptions
    from vae_tf.serving.model_config import ModelConfig
    from vae_tf.serving.server import EmbeddedServer, ServerOptions
    from vae_tf.serving.server import serve as run_server

    here = [ModelConfig(one.key, one.folder) for one in subjects if one.folder]
    # One version, whose points are on the map; no signature is run before its time.
    as_it_is = ManagerOptions(poll_seconds=0.0, warm_up=False)
    options = ServerOptions(rest_port=port, grpc_port=0, manager=as_it_is, access_log=False, metrics=False, drain_seconds=2.0)
    server = EmbeddedServer(here, options, around=lambda door: ExplorerApp(subjects, door))
    failures: list[Exception] = []

    def begin(loop: asyncio.AbstractEventLoop) -> None:
        if not _done(subjects, lambda: work(server), failures):
            loop.call_soon_threadsafe(server.stop)

    def announce() -> None:
        for subject in subjects:
            subject.address = subject.address or Address(f"grpc://127.0.0.1:{server.grpc_port}", subject.key)
        threading.Thread(target=begin, args=(asyncio.get_running_loop(),), daemon=True).start()

    try:
        run_server(server, announce, is_logged=False)
    except ServingError as error:
        raise UserFileError(f"Cannot load the model: {error.message}") from error
    finally:
        for subject in subjects:
            subject.close()
    if failures:
        raise failures[0]


def _done(subjects: "list[Subject]", work: Callable[[], bool], failures: list[Exception]) -> bool:
    """Find out what the models are, begin to encode their examples, and do the work; return whether to go on serving."""
    from vae_tf.serving.codes import ServingError

    try:
        for subject in subjects:
            subject.start()
        return work()
    except (UserError, ServingError) as error:
        told = error if isinstance(error, UserError) else UserValueError(f"The model does not answer: {error}")
        failures.append(told)
        return False


def _open_page(server: "EmbeddedServer", browser: bool) -> bool:
    address = f"http://127.0.0.1:{server.rest_port}/"
    typer.echo(address)
    console.print("Ctrl-C ends it.")
    if browser:
        webbrowser.open(address)
    return True


def _write(subjects: "list[Subject]", folder: Path) -> bool:
    """Write the page as a folder, once all examples are encoded and scored."""
    from vae_tf.explorer.static import write_static

    for subject in subjects:
        with console.status(f"Encoding the examples of {subject.title}"):
            subject.wait()
    write_static(subjects, folder)
    typer.echo(str(folder))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    console.print(
        f"{size:.1f} MB for any web host; here: python -m http.server --bind 127.0.0.1 --directory {folder}", soft_wrap=True
    )
    return False
