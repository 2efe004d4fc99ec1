"""`run.py serve`: answer requests for a servable."""

import os
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from vae_tf.cli.common import console, quiet_tensorflow
from vae_tf.cli.serve_workers import serve_as_worker, serve_by_workers
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.paths import list_versions
from vae_tf.processes import num_threads
from vae_tf.program import command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from vae_tf.serving.engines import Launch
    from vae_tf.serving.model_config import ModelConfig
    from vae_tf.serving.server import ServerOptions
    from vae_tf.serving.workers import WorkerPlace

__all__ = ["serve"]


def serve(  # noqa: PLR0913 - options of the command line
    context: typer.Context,
    servables: Annotated[
        list[Path] | None, typer.Argument(metavar="[SERVABLE]...", help="Folders of versions, e.g. saved_models/mnist.")
    ] = None,
    *,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config-file",
            help="TensorFlow Serving's own configuration of models, in text form, instead: labels, version policies.",
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, model-server, docker or embedded.")] = "auto",
    host: Annotated[str, typer.Option(help="The interface; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    insecure: Annotated[bool, typer.Option("--insecure", help="Let other machines in without TLS and keys.")] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM; read again when renewed (embedded).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM (embedded).")] = None,
    api_keys: Annotated[
        Path | None, typer.Option(help="File of who may ask, a KEY or NAME: KEY a line; read again (embedded).")
    ] = None,
    rest_port: Annotated[int, typer.Option(help="REST; 0 takes a free port (embedded only).", min=0, max=65535)] = 8501,
    grpc_port: Annotated[int, typer.Option(help="gRPC; 0 takes a free port (embedded only).", min=0, max=65535)] = 8500,
    workers: Annotated[
        int, typer.Option(help="Processes that answer on the same ports, each with models of its own (embedded).", min=1)
    ] = 1,
    batching: Annotated[bool, typer.Option(help="Merge requests that wait at the same time.")] = True,
    max_batch_size: Annotated[int, typer.Option(help="Rows in one computation.", min=1)] = 64,
    batch_timeout: Annotated[int, typer.Option(help="Microseconds that a request waits for others.", min=0)] = 0,
    max_request_mb: Annotated[int, typer.Option(help="Largest request, MiB (embedded).", min=1, max=2047)] = 64,
    max_requests: Annotated[int, typer.Option(help="Requests at the same time; more get 503 (embedded).", min=1)] = 512,
    max_connections: Annotated[
        int, typer.Option(help="Open connections to either door; more are refused (embedded).", min=1)
    ] = 1024,
    timeout: Annotated[float, typer.Option(help="Seconds for one REST computation (embedded).", min=0.001)] = 30.0,
    head_timeout: Annotated[float, typer.Option(help="Seconds for a request's head to arrive (embedded).", min=0.001)] = 10.0,
    body_timeout: Annotated[
        float, typer.Option(help="Seconds for a request's body or message to arrive (embedded).", min=0.001)
    ] = 30.0,
    poll: Annotated[float, typer.Option(help="Seconds between looks for new versions (embedded).", min=0.05)] = 1.0,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let web pages of https://HOST ask; repeatable, * for all (embedded)."),
    ] = None,
    access_log: Annotated[bool, typer.Option(help="One JSON line a request on stderr (embedded).")] = True,
) -> None:
    """Serve SavedModels by REST and gRPC, as TensorFlow Serving does; new versions are picked up as they appear.

    `auto` takes tensorflow_model_server if it is on the PATH, else Docker's tensorflow/serving if a daemon answers, else the
    embedded server, which keeps the same contract. SIGTERM or Ctrl-C ends it when running requests are answered.

    Ask it: `curl -d '{"signature_name": "sample", "instances": [{"seed": 1, "temperature": 1.0}]}'
    http://127.0.0.1:8501/v1/models/NAME:predict`, or use `{program} predict`.
    """
    from vae_tf.serving.engines import Launch, choose_engine
    from vae_tf.serving.workers import WorkerPlace

    models = _models(servables or [], config_file)
    door = _Door(tls_cert, tls_key, api_keys, cors_origin or [])
    place = WorkerPlace.here()
    if place is None:  # what is warned of is said once
        door.check(host, insecure)
    own = [*door.given(), *(["--workers"] if workers > 1 else [])]
    kind, why = choose_engine("embedded" if engine == "auto" and own else engine)
    if kind != "embedded" and own:
        raise UserValueError(f"{', '.join(own)} need --engine embedded: TensorFlow Serving's REST has no such thing.")
    if place is None:
        console.print(f"Serving {', '.join(model.name for model in models)} with the {kind} engine: {why}.")
    merged = max_batch_size if batching else 0
    launch = Launch(models, host, rest_port, grpc_port, merged, batch_timeout, num_threads(workers))
    if kind == "embedded":
        limits = _Limits(max_request_mb, max_requests, max_connections, timeout, head_timeout, body_timeout)
        embedded = _Embedded(config_file, limits, door, poll, access_log, place)
        if workers == 1:
            _serve_here(launch, embedded)
        elif place:
            serve_as_worker(place, lambda tell: _serve_here(launch, embedded, tell))
        else:
            door.options()  # files that cannot be read are told once
            serve_by_workers(context, workers, launch, lambda *ports: _announce(launch, embedded, *ports))
    else:
        _hand_over(launch, kind)


@dataclass(frozen=True)
class _Door:
    """Who is let in, and how."""

    tls_cert: Path | None
    tls_key: Path | None
    api_keys: Path | None
    cors_origins: list[str]

    def given(self) -> list[str]:
        """Return the options that only the embedded server has."""
        options = {"--tls-cert": self.tls_cert, "--api-keys": self.api_keys, "--cors-origin": self.cors_origins}
        return [name for name, value in options.items() if value]

    def check(self, host: str, insecure: bool) -> None:
        """Refuse what does not go together."""
        from vae_tf.serving.exposure import check_exposure

        if bool(self.tls_cert) != bool(self.tls_key):
            raise UserValueError("Give --tls-cert and --tls-key, or neither of the two.")
        check_exposure(host, bool(self.tls_cert), bool(self.api_keys), insecure)

    def options(self) -> dict[str, Any]:
        """Return the server's own options; the files are read."""
        from vae_tf.serving.cors import Cors
        from vae_tf.serving.keys import Keys
        from vae_tf.serving.tls import Certificate

        return {
            "certificate": Certificate(self.tls_cert, self.tls_key) if self.tls_cert and self.tls_key else None,
            "keys": Keys(self.api_keys) if self.api_keys else None,
            "cors": Cors(self.cors_origins),
        }


class _Limits(NamedTuple):
    """What clients may ask for."""

    max_request_mb: int
    max_requests: int
    max_connections: int
    timeout: float
    head_timeout: float
    body_timeout: float


@dataclass(frozen=True)
class _Embedded:
    """What the embedded server is told beside what every server is."""

    config_file: Path | None
    limits: _Limits
    door: _Door
    poll: float
    access_log: bool
    place: "WorkerPlace | None"

    def options(self, launch: "Launch") -> "ServerOptions":
        """Return the server's own options."""
        from vae_tf.serving.batching import BatchingOptions
        from vae_tf.serving.core import Limits
        from vae_tf.serving.manager import ManagerOptions
        from vae_tf.serving.server import ServerOptions

        merges = launch.max_batch_size > 0
        return ServerOptions(
            host=launch.host,
            rest_port=launch.rest_port,
            grpc_port=launch.grpc_port,
            batching=BatchingOptions(
                max_batch_size=max(1, launch.max_batch_size),
                batch_timeout=launch.batch_timeout_micros / 1e6,
                # With merging, fewer computations at once make larger batches: 1.4 times the gRPC throughput on two cores.
                num_threads=max(1, launch.num_threads // 2) if merges else launch.num_threads,
                enabled=merges,
            ),
            limits=Limits(
                request_bytes=self.limits.max_request_mb * 2**20,
                num_requests=self.limits.max_requests,
                timeout=self.limits.timeout,
                num_connections=self.limits.max_connections,
                head_seconds=self.limits.head_timeout,
                body_seconds=self.limits.body_timeout,
            ),
            manager=ManagerOptions(poll_seconds=self.poll, config_poll_seconds=self.poll if self.config_file else 0.0),
            access_log=self.access_log,
            is_one_of_several=self.place is not None,
            **self.door.options(),
        )


def _hand_over(launch: "Launch", kind: str) -> None:
    """Let TensorFlow Serving take this process' place, and its signals."""
    from vae_tf.serving.engines import docker_command, model_server_command

    folder = Path(tempfile.mkdtemp(prefix="vae_tf-serving-"))
    command = (model_server_command if kind == "model-server" else docker_command)(folder, launch)
    console.print(" ".join(command), soft_wrap=True)
    os.execvp(command[0], command)  # noqa: S606 - the server takes this process' place


def _serve_here(launch: "Launch", embedded: _Embedded, announce: "Callable[[], None] | None" = None) -> None:
    """Serve in this process until a signal ends it."""
    quiet_tensorflow()
    from vae_tf.serving.codes import ServingError
    from vae_tf.serving.server import EmbeddedServer
    from vae_tf.serving.server import serve as run_server

    server = EmbeddedServer(launch.models, embedded.options(launch), embedded.config_file)
    announce = announce or (lambda: _announce(launch, embedded, server.rest_port, server.grpc_port))
    try:
        run_server(server, announce, worker=embedded.place.number if embedded.place else None)
    except ServingError as error:
        raise UserFileError(f"Cannot load the model: {error.message}") from error


def _announce(launch: "Launch", embedded: _Embedded, rest_port: int, grpc_port: int) -> None:
    base = f"http{'s' if embedded.door.tls_cert else ''}://{launch.host}:{rest_port}/v1/models"
    for model in launch.models:
        console.print(f"REST {base}/{model.name}   gRPC {launch.host}:{grpc_port}", soft_wrap=True)


def _models(servables: list[Path], config_file: Path | None) -> "list[ModelConfig]":
    """Return what to serve, checked before anything is started."""
    from vae_tf.serving.model_config import ModelConfig, read_model_config

    if bool(servables) == bool(config_file):
        raise UserValueError("Give servables, e.g. saved_models/mnist, or --config-file; one of the two.")
    if config_file:
        return read_model_config(config_file)
    for path in servables:
        if not path.is_dir():
            raise UserFileError(f"There is no servable {path}. Write one with `{command_line('export', 'RUN')}`.")
        if not list_versions(path):
            raise UserFileError(f"{path} must hold versions, folders with numbers for names. {_hint(path)}")
    models = [ModelConfig(path.resolve().name, path.resolve()) for path in servables]
    if len({model.name for model in models}) < len(models):
        raise UserValueError("Servables must have different names, the names of their folders.")
    return models


def _hint(path: Path) -> str:
    """Say what to do with a folder that holds no versions, by what it holds."""
    path = path if path.name not in ("", "..") else path.resolve()
    if (path / "saved_model.pb").exists():
        return f"Did you mean {path.parent}?" if path.name.isdecimal() else _renaming(path)
    if (path / "config.yaml").is_file():
        return f"It is a run: write a servable of it with `{command_line('export', path)}`, and serve that."
    inner = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    misnamed = [child for child in inner if (child / "saved_model.pb").exists()]
    if misnamed:
        return _renaming(misnamed[0])
    servables = [child for child in inner if list_versions(child)]
    runs = [child for child in inner if (child / "config.yaml").is_file()]
    if servables and not runs:
        return f"Did you mean {servables[0]}?"
    return f"Write one with `{command_line('export', runs[-1] if runs else 'RUN')}`."


def _renaming(path: Path) -> str:
    """Say how to make a version of a SavedModel whose name is no number."""
    folder = path.parent
    moved = shlex.join(["mv", str(path), str(folder / str(max(list_versions(folder), default=0) + 1))])
    return f"{path.name} is a SavedModel, but no whole number: `{moved}`, then serve {folder}."
