"""The embedded server beside BentoML and FastAPI: the same SavedModel, rows and clients, every side in turn, round after round.

    python benchmarks/serving_sides.py --servable saved_models/mnist --peer-python benchmarks/.venv-serving/bin/python

All servers run from the beginning and idle while one is measured; what a side gets in a round is set against what the embedded
server with one worker gets over REST in the same round, so that a machine which others use too moves both. Every side's first
answer is compared with the signature's in process. The embedded server gets rows in the model's own shape, BentoML
as flat lists, which it reads faster, FastAPI both. Peers are left out without `--peer-python`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from serving import BytesCaller, GrpcCaller, RestCaller, measure, start_server

PEERS = Path(__file__).parent / "serving_peers"
SIGNATURE, OUTPUT = "reconstruct", "reconstruction"
LOADS = {"throughput": {"rows": 32, "clients": 8}, "latency": {"rows": 1, "clients": 1}}
FLOOR = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
from vae_tf.serving.loaded_model import LoadedModel
model = LoadedModel(Path(sys.argv[2]))
signature = model.find(sys.argv[3])
for line in sys.stdin:
    rows, seconds = json.loads(line)
    x = np.random.default_rng(0).integers(0, 256, (rows, 28, 28, 1)).astype(np.float32)
    answer = model.run(signature, {"x": x})
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        model.run(signature, {"x": x})
        times.append(time.perf_counter() - began)
    print(json.dumps([times, answer[sys.argv[4]].ravel()[:784].tolist()]), flush=True)
"""
"""Calls the signature in a process of its own, one call after the other, whenever it is told to."""


class Posted(RestCaller):
    """One connection, one request made beforehand, to any path."""

    def __init__(self, url: str, path: str, body: bytes) -> None:
        self.host, self.port = url.removeprefix("http://").split(":")
        head = f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
        self.request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Side:
    """A server and a way to ask it: makes callers for rows, and reads the numbers of an answer's first row."""

    name: str
    workers: int
    make: Callable[[np.ndarray], Any]
    read: Callable[[bytes], np.ndarray] | None = None


def rows_of(count: int) -> np.ndarray:
    """Return rows of whole numbers from 0 to 255."""
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1)).astype(np.float32)


def in_json(**document: Any) -> bytes:
    """Write JSON that holds an array."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def our_sides(workers: int, rest: str, door: str, model: str) -> list[Side]:
    """Return three ways to ask the embedded server."""
    name = f"embedded, {told(workers)}"
    return [
        Side(
            f"{name}, REST",
            workers,
            lambda x: Posted(rest, f"/v1/models/{model}:predict", in_json(signature_name=SIGNATURE, instances=x)),
            lambda body: np.ravel(json.loads(body)["predictions"][0]),
        ),
        Side(
            f"{name}, REST with bytes",
            workers,
            lambda x: BytesCaller(rest, model, SIGNATURE, {"x": x}),
            lambda body: np.frombuffer(body[-4 * 784 :], "<f4"),
        ),
        Side(f"{name}, gRPC", workers, lambda x: GrpcCaller(door, model, SIGNATURE, {"x": x})),
    ]


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def peer(python: Path, servable: Path, workers: int, *command: str) -> Iterator[str]:
    """Run a peer until the block ends; give its address."""
    port = free_port()
    environment = {**os.environ, "PEER_SAVED_MODEL": str(newest(servable).resolve()), "PEER_WORKERS": str(workers)}
    environment |= {"BENTOML_DO_NOT_TRACK": "True", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    environment |= {
        "PATH": f"{python.parent.resolve()}:{os.environ['PATH']}",
        "BENTOML_HOME": tempfile.mkdtemp(prefix="bentoml-"),
    }
    process = subprocess.Popen(
        [str(python.absolute()), "-m", *[part.format(port=port, workers=workers) for part in command]],
        cwd=PEERS,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise SystemExit(f"nobody listens on port {port}")


def newest(servable: Path) -> Path:
    """Return the folder of the newest version."""
    return max((path for path in servable.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))


def start_all(stack: contextlib.ExitStack, options: argparse.Namespace) -> list[Side]:
    """Start every server; return the sides."""
    sides = []
    for workers in options.workers:
        process, rest, door = start_server(options.servable, "--workers", str(workers))
        stack.callback(process.wait, 60)
        stack.callback(process.send_signal, signal.SIGTERM)
        sides += our_sides(workers, rest, door, options.servable.resolve().name)
        if options.peer_python is None:
            continue
        bento = ["bentoml", "serve", "bento_service:Reconstruct", "--host", "127.0.0.1", "-p", "{port}"]
        url = stack.enter_context(peer(options.peer_python, options.servable, workers, *bento))
        for way in ("alone", "merged"):
            sides.append(
                Side(
                    f"BentoML, {told(workers)}, {way}",
                    workers,
                    lambda x, url=url, way=way: Posted(url, f"/{way}", in_json(x=x.reshape(len(x), -1))),
                    lambda body: np.ravel(json.loads(body)[0]),
                )
            )
        uvicorn = ["uvicorn", "fastapi_service:app", "--port", "{port}", "--workers", "{workers}", "--no-access-log"]
        url = stack.enter_context(peer(options.peer_python, options.servable, workers, *uvicorn))
        for way, shape in (("flat rows", (-1,)), ("rows in the model's shape", (28, 28, 1))):
            sides.append(
                Side(
                    f"FastAPI, {told(workers)}, {way}",
                    workers,
                    lambda x, url=url, shape=shape: Posted(url, "/predict", in_json(instances=x.reshape(len(x), *shape))),
                    lambda body: np.ravel(json.loads(body)["predictions"][0]),
                )
            )
    return sides


def told(workers: int) -> str:
    """Return a number of workers in words."""
    return f"{workers} worker{'s' if workers > 1 else ''}"


async def first_answer(caller: Any) -> bytes:
    """Return the body of an answer; a server that is starting is asked again."""
    for _ in range(600):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await caller.open()
            caller.writer.write(caller.request)
            head = await caller.reader.readuntil(b"\r\n\r\n")
            if b" 200 " in head[:20]:
                length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:])
                return await caller.reader.readexactly(length)
        await asyncio.sleep(0.2)
    raise SystemExit("a side does not answer")


class Floor:
    """The signature in process, called when it is asked."""

    def __init__(self, servable: Path) -> None:
        command = [sys.executable, "-c", FLOOR, str(PEERS.parents[1]), str(newest(servable)), SIGNATURE, OUTPUT]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def call(self, rows: int, seconds: float) -> tuple[list[float], list[float]]:
        """Return the seconds of calls, and the first row's answer."""
        self.process.stdin.write(json.dumps([rows, seconds]) + "\n")
        self.process.stdin.flush()
        times, answer = json.loads(self.process.stdout.readline())
        return times, answer


def one_round(sides: list[Side], floor: Floor, options: argparse.Namespace, number: int) -> list[dict[str, Any]]:
    """Measure every side once under every load, in an order that turns with the rounds."""
    found = []
    for load, asked in LOADS.items():
        x = rows_of(asked["rows"])
        turned = sides[number % len(sides) :] + sides[: number % len(sides)]
        for side in turned:
            if load == "latency" and side.workers > 1:  # one client is answered by one worker
                continue
            latencies, errors, seconds = asyncio.run(
                measure(lambda side=side, x=x: side.make(x), asked["clients"], options.seconds, None)
            )
            found.append(entry(number, load, side.name, latencies, errors, seconds))
        times, _ = floor.call(asked["rows"], options.seconds)
        found.append(entry(number, load, "in process", times, 0, sum(times)))
    return found


def entry(number: int, load: str, side: str, latencies: list[float], errors: int, seconds: float) -> dict[str, Any]:
    """Return a measurement, printed."""
    p50, p99 = (float(value) for value in np.percentile(np.array(latencies) * 1e3, [50, 99]))
    rate = (len(latencies) - errors) / seconds
    print(f"| {number} | {load:10} | {side:32} | {rate:7.0f} | {p50:7.2f} | {p99:7.2f} | {errors} |", flush=True)
    return {"round": number, "load": load, "side": side, "throughput": rate, "p50": p50, "p99": p99, "errors": errors}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servable", type=Path, required=True, help="folder of versions of a model of 28 x 28 images")
    parser.add_argument("--peer-python", type=Path, help="of the environment of requirements-serving.txt")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each measurement")
    parser.add_argument("--output", type=Path, help="write the results as JSON")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        floor = Floor(options.servable)
        stack.callback(floor.process.kill)
        sides = start_all(stack, options)
        _, expected = floor.call(1, 0.5)
        for side in sides:
            if side.read:
                answer = side.read(asyncio.run(first_answer(side.make(rows_of(1)))))
                np.testing.assert_allclose(answer, expected, rtol=1e-3, atol=1e-2, err_msg=side.name)
        print("| round | load | side | requests/s | p50 ms | p99 ms | errors |\n|---|---|---|---|---|---|---|")
        found = [one for number in range(options.rounds) for one in one_round(sides, floor, options, number)]
    if options.output:
        machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        loads = {"seconds": options.seconds, "rounds": options.rounds, **LOADS}
        document = {"command": sys.argv, "signature": SIGNATURE, "machine": machine, "loads": loads, "results": found}
        options.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
