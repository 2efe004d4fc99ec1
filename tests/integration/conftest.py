"""Tiny runs, trained once a session by the command line itself."""

import json
import re
import signal
import socket
from pathlib import Path

import pytest

from vae_tf.cli import main

TINY = ["--epochs", "2", "--set", "data.limit=120", "--set", "model.network={kind: mlp, widths: [16]}", "--batch-size", "32"]
LATENTS = {"gaussian": "gaussian:2", "joint": "gaussian:3+categorical:2x4", "autoencoder": "deterministic:3"}


@pytest.fixture
def run_cli(capsys):
    """Call the command line in this process; give its exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def ask_and_end():
    """Wait until a process started by `serve` answers, ask it for two draws by a command line, and end it in order."""

    def ask(server, call, model: str) -> None:
        try:
            lines = []
            for line in server.stderr:
                lines.append(line)
                if line.startswith("REST"):
                    break
            found = re.search(r"http://\S+?:\d+", lines[-1])
            assert found, "".join(lines)
            out = call("predict", "sample", "-m", model, "--num", "2", "--server", found[0], "--json")
            assert len(next(iter(json.loads(out).values()))) == 2
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)
        finally:
            server.kill()
        assert server.returncode == 0

    return ask


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory) -> dict[str, Path]:
    """Return the run directories of a Gaussian, a joint and a deterministic model."""
    folder = tmp_path_factory.mktemp("runs")
    for name, latent in LATENTS.items():
        with pytest.raises(SystemExit) as stopped:
            main(["train", "--run-dir", str(folder / name), "--latent", latent, *TINY])
        assert not stopped.value.code
    return {name: folder / name for name in LATENTS}


@pytest.fixture
def tiny_run(tiny_runs) -> Path:
    """Return the Gaussian run."""
    return tiny_runs["gaussian"]


@pytest.fixture
def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def parse():
    """Parse a command's standard output, which must be one JSON object and nothing else."""
    return json.loads
