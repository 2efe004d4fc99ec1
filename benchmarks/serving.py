"""Load a model server, and print throughput, latencies and errors beside the floor: the same signature called in process.

Any server with TensorFlow Serving's API (`--no-bytes` where it has not the Open Inference Protocol's):

    python benchmarks/serving.py --rest http://127.0.0.1:8501 --grpc 127.0.0.1:8500 --model mnist --signature reconstruct

Or a servable, for which the embedded server is started, with batching and without, beside the call in process:

    python benchmarks/serving.py --servable saved_models/mnist

Closed loop: every client asks again when it has its answer. Open loop (`--rate`): requests arrive at random times at that rate,
whether or not earlier ones are answered, and waiting counts as latency.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from vae_tf.serving import Client
from vae_tf.serving.binary_tensors import HEADER, datatype_of, write_bytes
from vae_tf.serving.wire import Wire, unary, write_tensor

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Result:
    """One measurement; times in milliseconds, throughput in requests a second."""

    server: str
    protocol: str
    clients: int
    batch: int
    rate: float | None
    requests: int
    errors: int
    throughput: float
    p50: float
    p95: float
    p99: float
    memory_before_mb: float | None = None
    memory_after_mb: float | None = None


def make_inputs(client: Client, signature: str, batch: int) -> dict[str, np.ndarray]:
    """Return inputs of the declared shapes and types: numbers from 0 to 255."""
    rng = np.random.default_rng(0)
    fields = client.signatures()[signature].inputs
    return {
        name: rng.integers(0, 256, [batch, *[length or 1 for length in field.shape[1:]]]).astype(field.dtype)
        for name, field in fields.items()
    }


class RestCaller:
    """One connection, one request made beforehand: the load generator itself costs as little as may be."""

    def __init__(self, url: str, model: str, signature: str, inputs: dict[str, np.ndarray]) -> None:
        names = list(inputs)
        rows = (
            inputs[names[0]]
            if len(names) == 1
            else [dict(zip(names, row, strict=True)) for row in zip(*inputs.values(), strict=True)]
        )
        document = {"signature_name": signature, "instances": rows}
        body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY, default=lambda value: value.tolist())
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port
        head = f"POST /v1/models/{model}:predict HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request = head.encode() + body

    async def open(self) -> None:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=2**24)

    async def call(self) -> bool:
        """Ask once; whether the answer is good."""
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        await self.reader.readexactly(length)
        return b" 200 " in head[:20]

    async def close(self) -> None:
        """Disconnect."""
        self.writer.close()


class BytesCaller(RestCaller):
    """The same with tensors as bytes behind the JSON, there and back."""

    def __init__(self, url: str, model: str, signature: str, inputs: dict[str, np.ndarray]) -> None:
        tensors = {name: write_bytes(value) for name, value in inputs.items()}
        entries = [
            {
                "name": name,
                "shape": value.shape,
                "datatype": datatype_of(value),
                "parameters": {"binary_data_size": len(tensors[name])},
            }
            for name, value in inputs.items()
        ]
        told = orjson.dumps({"parameters": {"signature_name": signature, "binary_data_output": True}, "inputs": entries})
        body = told + b"".join(tensors.values())
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port
        head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {self.host}\r\n{HEADER}: {len(told)}\r\n"
        self.request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class GrpcCaller:
    """One channel, one request made beforehand."""

    def __init__(self, address: str, model: str, signature: str, inputs: dict[str, np.ndarray]) -> None:
        self.address = address
        self.request = Wire.PredictRequest()
        self.request.model_spec.name = model
        self.request.model_spec.signature_name = signature
        for name, value in inputs.items():
            write_tensor(self.request.inputs.add(key=name).value, value)

    async def open(self) -> None:
        """Connect."""
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self.channel = grpc.aio.insecure_channel(self.address, options=options)
        self.predict = unary(self.channel, "predict")

    async def call(self) -> bool:
        """Ask once; whether there is an answer."""
        try:
            await self.predict(self.request, timeout=30)
        except grpc.RpcError:
            return False
        return True

    async def close(self) -> None:
        """Disconnect."""
        await self.channel.close()


async def closed_loop(callers: list[Any], seconds: float) -> tuple[list[float], int, float]:
    """Let every caller ask again and again; return latencies, errors, and the time it took."""
    latencies: list[float] = []
    errors = 0

    async def work(caller: Any) -> None:
        nonlocal errors
        while time.perf_counter() < end:
            began = time.perf_counter()
            errors += not await caller.call()
            latencies.append(time.perf_counter() - began)

    began = time.perf_counter()
    end = began + seconds
    await asyncio.gather(*[work(caller) for caller in callers])
    return latencies, errors, time.perf_counter() - began


async def open_loop(callers: list[Any], seconds: float, rate: float) -> tuple[list[float], int, float]:
    """Let requests arrive at random times; latency counts from the time of arrival."""
    latencies: list[float] = []
    errors = 0
    free: asyncio.Queue[Any] = asyncio.Queue()
    for caller in callers:
        free.put_nowait(caller)

    async def one(arrival: float) -> None:
        nonlocal errors
        caller = await free.get()
        errors += not await caller.call()
        latencies.append(time.perf_counter() - arrival)
        free.put_nowait(caller)

    rng = random.Random(0)
    began = arrival = time.perf_counter()
    tasks = []
    while arrival < began + seconds:
        await asyncio.sleep(max(0.0, arrival - time.perf_counter()))
        tasks.append(asyncio.ensure_future(one(arrival)))
        arrival += rng.expovariate(rate)
    await asyncio.gather(*tasks)
    return latencies, errors, time.perf_counter() - began


async def measure(make: Any, clients: int, seconds: float, rate: float | None) -> tuple[list[float], int, float]:
    """Open the callers, warm up, measure, close."""
    callers = [make() for _ in range(clients)]
    for caller in callers:
        await caller.open()
        await caller.call()
    try:
        return await (open_loop(callers, seconds, rate) if rate else closed_loop(callers, seconds))
    finally:
        for caller in callers:
            await caller.close()


def summarize(name: str, protocol: str, clients: int, batch: int, rate: float | None, measured: Any, **more: Any) -> Result:
    """Return throughput and percentiles."""
    latencies, errors, seconds = measured
    p50, p95, p99 = (float(value) for value in np.percentile(np.array(latencies) * 1e3, [50, 95, 99]))
    throughput = (len(latencies) - errors) / seconds
    return Result(name, protocol, clients, batch, rate, len(latencies), errors, throughput, p50, p95, p99, **more)


def resident_mb(pid: int | None) -> float | None:
    """Return a process' resident memory."""
    if pid is None:
        return None
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def load(name: str, rest: str | None, door: str | None, options: argparse.Namespace, pid: int | None = None) -> list[Result]:
    """Measure one server in every combination asked for."""
    results = []
    server = rest or f"grpc://{door}"
    with Client(server, options.model) as client:
        client.wait_until_ready()
        for batch in options.batch:
            inputs = make_inputs(client, options.signature, batch)
            for clients in options.clients:
                for protocol, address, caller in (
                    ("REST", rest, RestCaller),
                    ("REST, bytes", rest if options.bytes else None, BytesCaller),
                    ("gRPC", door, GrpcCaller),
                ):
                    if address is None:
                        continue

                    def make(caller: Any = caller, address: str = address, inputs: Any = inputs) -> Any:
                        return caller(address, options.model, options.signature, inputs)

                    before = resident_mb(pid)
                    measured = asyncio.run(measure(make, clients, options.seconds, options.rate))
                    memory = {"memory_before_mb": before, "memory_after_mb": resident_mb(pid)}
                    results.append(summarize(name, protocol, clients, batch, options.rate, measured, **memory))
                    show(results[-1])
    return results


def start_server(servable: Path, *arguments: str) -> tuple[subprocess.Popen[str], str, str]:
    """Start the embedded server on free ports; return the process and both addresses."""
    command = [sys.executable, "run.py", "serve", str(servable), "--engine", "embedded", "--no-access-log"]
    process = subprocess.Popen(
        [*command, "--rest-port", "0", "--grpc-port", "0", *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    for line in process.stderr:
        found = re.search(r"REST (http://[^/]+)/\S+\s+gRPC (\S+)", line)
        if found:
            return process, found[1], found[2]
    raise SystemExit("the server did not start")


def in_process(servable: Path, options: argparse.Namespace) -> list[Result]:
    """Call the signature in a session of this process, one call after the other: the floor."""
    code = (
        "import json, sys, time, numpy as np\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path\n"
        "from vae_tf.serving.loaded_model import LoadedModel\n"
        "path, name, batch, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])\n"
        "model = LoadedModel(Path(path))\n"
        "signature = model.find(name)\n"
        "rng = np.random.default_rng(0)\n"
        "inputs = {alias: rng.integers(0, 256, [batch, *[n or 1 for n in info.shape[1:]]]).astype(info.numpy_dtype)"
        " for alias, info in signature.inputs.items()}\n"
        "for _ in range(20): model.run(signature, inputs)\n"
        "times, end = [], time.perf_counter() + seconds\n"
        "while time.perf_counter() < end:\n"
        "    began = time.perf_counter(); model.run(signature, inputs); times.append(time.perf_counter() - began)\n"
        "print(json.dumps(times))\n"
    )
    version = max((path for path in servable.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    results = []
    for batch in options.batch:
        command = [sys.executable, "-c", code, str(version), options.signature, str(batch), str(options.seconds)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        )
        times = json.loads(done.stdout)
        results.append(summarize("in process", "-", 1, batch, None, (times, 0, sum(times))))
        show(results[-1])
    return results


def show(result: Result) -> None:
    """Print a row."""
    memory = f"{result.memory_after_mb:8.0f}" if result.memory_after_mb else " " * 8
    print(
        f"| {result.server:22} | {result.protocol:11} | {result.clients:3} | {result.batch:3} | {result.throughput:8.0f} | "
        f"{result.p50:7.2f} | {result.p95:7.2f} | {result.p99:7.2f} | {result.errors:3} | {memory} |",
        flush=True,
    )


def numbers(text: str) -> list[int]:
    """Read `1,8,32`."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rest", help="a running server's REST address")
    parser.add_argument("--grpc", help="a running server's gRPC address")
    parser.add_argument("--servable", type=Path, help="start the embedded server for this folder of versions")
    parser.add_argument("--model", help="the model's name; default: the servable's")
    parser.add_argument("--signature", default="reconstruct")
    parser.add_argument("--clients", type=numbers, default=[1, 8, 32])
    parser.add_argument("--batch", type=numbers, default=[1, 32])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row")
    parser.add_argument("--bytes", action=argparse.BooleanOptionalAction, default=True, help="also REST with tensors as bytes")
    parser.add_argument("--rate", type=float, help="requests a second: an open loop")
    parser.add_argument("--output", type=Path, help="write the results as JSON")
    options = parser.parse_args()
    if not (options.servable or options.rest or options.grpc):
        parser.error("give --servable, or --rest and --grpc of a running server")
    options.model = options.model or (options.servable.resolve().name if options.servable else parser.error("give --model"))
    print(
        "| server                 | over        | clients | rows | requests/s | p50 ms | p95 ms | p99 ms | errors | memory MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    results = []
    if options.servable:
        results += in_process(options.servable, options)
        for name, arguments in (("embedded", ()), ("embedded, no batching", ("--no-batching",))):
            process, rest, door = start_server(options.servable, *arguments)
            try:
                results += load(name, rest, door, options, process.pid)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
    else:
        results += load("server", options.rest, options.grpc, options)
    if options.output:
        machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        document = {
            "command": sys.argv,
            "signature": options.signature,
            "machine": machine,
            "results": [asdict(r) for r in results],
        }
        options.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
