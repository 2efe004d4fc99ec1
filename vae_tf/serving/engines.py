"""Which program serves: tensorflow_model_server, Docker's tensorflow/serving image, or the embedded server."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vae_tf.errors import UserValueError
from vae_tf.files import write_text
from vae_tf.serving.metrics import METRICS_PATH
from vae_tf.serving.model_config import ModelConfig, to_text

__all__ = ["ENGINES", "IMAGE", "Launch", "choose_engine", "docker_command", "model_server_command", "write_server_files"]

ENGINES = ("auto", "model-server", "docker", "embedded")
IMAGE = "tensorflow/serving:2.20.0"
_DOCKER_SECONDS = 5.0


@dataclass(frozen=True)
class Launch:
    """What a server is started with, whichever it is.

    Attributes:
        models: what to serve.
        host: the interface.
        rest_port: the REST port.
        grpc_port: the gRPC port.
        max_batch_size: rows in one computation; 0 turns merging off.
        batch_timeout_micros: how long the first request waits for others.
        num_threads: computations at the same time.
    """

    models: Sequence[ModelConfig]
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    max_batch_size: int = 64
    batch_timeout_micros: int = 0
    num_threads: int = 2


def choose_engine(wanted: str) -> tuple[str, str]:
    """Return the engine and, in a few words, why.

    Raises:
        UserValueError: the engine asked for is not here.
    """
    if wanted in ("auto", "model-server"):
        found = shutil.which("tensorflow_model_server")
        if found:
            return "model-server", f"{found} is on the PATH"
        if wanted == "model-server":
            raise UserValueError(
                "--engine model-server needs tensorflow_model_server on the PATH. Install it, or use embedded."
            )
    if wanted in ("auto", "docker"):
        if _docker_answers():
            return "docker", "a Docker daemon answers"
        if wanted == "docker":
            raise UserValueError(
                "--engine docker needs a Docker daemon that answers `docker version`. Start it, or use embedded."
            )
    if wanted not in ENGINES:
        raise UserValueError(f"--engine must be one of {', '.join(ENGINES)}. Received: {wanted!r}.")
    why = "as asked" if wanted == "embedded" else "there is neither tensorflow_model_server nor a Docker daemon here"
    return "embedded", why


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        command = [docker, "version"]
        done = subprocess.run(command, capture_output=True, timeout=_DOCKER_SECONDS, check=False)  # noqa: S603 - docker itself
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def write_server_files(folder: Path, launch: Launch) -> None:
    """Write `models.config`, `batching.config` and `monitoring.config` as TensorFlow Serving reads them."""
    write_text(folder / "models.config", to_text(launch.models))
    write_text(
        folder / "batching.config",
        f"max_batch_size {{ value: {max(1, launch.max_batch_size)} }}\n"
        f"batch_timeout_micros {{ value: {launch.batch_timeout_micros} }}\n"
        f"max_enqueued_batches {{ value: 100 }}\n"
        f"num_batch_threads {{ value: {launch.num_threads} }}\n",
    )
    write_text(folder / "monitoring.config", f'prometheus_config {{\n  enable: true\n  path: "{METRICS_PATH}"\n}}\n')


def _flags(folder: str, launch: Launch, rest_port: int, grpc_port: int) -> list[str]:
    batching = (
        ["--enable_batching=true", f"--batching_parameters_file={folder}/batching.config"] if launch.max_batch_size else []
    )
    return [
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_config_file={folder}/models.config",
        f"--monitoring_config_file={folder}/monitoring.config",
        *batching,
    ]


def model_server_command(folder: Path, launch: Launch) -> list[str]:
    """Write the configuration files, and return the command that runs tensorflow_model_server with them.

    It listens on every interface, for REST whatever it is told (its own choice): keep it behind a firewall.
    """
    write_server_files(folder, launch)
    return ["tensorflow_model_server", *_flags(str(folder), launch, launch.rest_port, launch.grpc_port)]


def docker_command(folder: Path, launch: Launch) -> list[str]:
    """Write the configuration files, and return the command that runs TensorFlow Serving's image with them.

    The ports are published on `launch.host` alone; models and configuration are mounted read-only.
    """
    inside = replace(launch, models=[replace(model, base_path=Path("/models") / model.name) for model in launch.models])
    write_server_files(folder, inside)
    mounts = [f"{model.base_path}:/models/{model.name}:ro" for model in launch.models] + [f"{folder}:/config:ro"]
    return [
        "docker",
        "run",
        "--rm",
        "--init",
        "-p",
        f"{launch.host}:{launch.rest_port}:8501",
        "-p",
        f"{launch.host}:{launch.grpc_port}:8500",
        *[part for mount in mounts for part in ("-v", mount)],
        "--entrypoint",
        "tensorflow_model_server",
        IMAGE,
        *_flags("/config", inside, 8501, 8500),
    ]
