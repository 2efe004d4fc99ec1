"""Keep a server busy for long: mixed signatures by four clients, new versions and broken ones while they ask.

    python benchmarks/soak.py --servable saved_models/digits --minutes 30 --output soak.json

The embedded server runs with TLS off and API keys on, over a copy of the newest version. Every two minutes a further version is
put beside it (the oldest are removed), every five a broken one. Counted are requests and those that failed, by what was said;
the server's resident memory and open descriptors are read twice a minute.
"""

import argparse
import json
import os
import platform
import random
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from serving import resident_mb, start_server

from vae_tf.serving import Client

_KEPT = 3
_RANGES = {
    "fraction": (0.0, 1.0),
    "temperature": (0.5, 1.0),
    "z": (-2.0, 2.0),
    "label": (-1, 0),
    "seed": (0, 10**6),
    "number": (0, 0),
}


def make_inputs(fields: dict[str, Any], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return one to four rows of fitting random values."""
    rows = int(rng.integers(1, 5))
    inputs = {}
    for name, field in fields.items():
        shape = [rows, *[length or 1 for length in field.shape[1:]]]
        low, high = _RANGES.get(name, (0, 2 if field.dtype is np.bool_ else 16))
        inputs[name] = rng.uniform(low, high, shape).astype(field.dtype)
    return inputs


class Asking(threading.Thread):
    """One client: a random signature, a pause, the next.

    Args:
        server: address.
        model: name.
        key_file: holds the API key.
        rate: requests a second.
        number: of the client.
    """

    def __init__(self, server: str, model: str, key_file: Path, rate: float, number: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(server, model, timeout=30.0, num_retries=0, api_key_file=key_file)
        self.rate = rate
        self.random = random.Random(number)
        self.rng = np.random.default_rng(number)
        self.asked: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.ends = threading.Event()

    def run(self) -> None:
        """Ask until told to end."""
        signatures = self.client.signatures()
        names = [name for name, s in signatures.items() if all(f.dtype is not object for f in s.inputs.values())]
        while not self.ends.wait(self.random.expovariate(self.rate)):
            name = self.random.choice(names)
            inputs = make_inputs(dict(signatures[name].inputs), self.rng)
            began = time.perf_counter()
            self.asked[name] += 1
            try:
                self.client.predict(name, inputs)
            except Exception as error:
                self.failed[f"{name}: {str(error)[:120]}"] += 1
            self.latencies.append(time.perf_counter() - began)


class Publishing(threading.Thread):
    """Puts versions into a folder as an export does, by a rename; old ones are removed."""

    def __init__(self, source: Path, folder: Path, good_seconds: float, broken_seconds: float) -> None:
        super().__init__(daemon=True)
        self.source, self.folder = source, folder
        self.seconds = {"good": good_seconds, "broken": broken_seconds}
        self.published: Counter[str] = Counter()
        self.number = 1
        self.ends = threading.Event()

    def run(self) -> None:
        """Publish until told to end."""
        began = time.monotonic()
        due = {kind: began + seconds for kind, seconds in self.seconds.items()}
        while not self.ends.wait(0.5):
            for kind, moment in due.items():
                if time.monotonic() >= moment:
                    due[kind] += self.seconds[kind]
                    self.publish(kind)

    def publish(self, kind: str) -> None:
        """Put the next version there."""
        self.number += 1
        hidden = self.folder / f".{self.number}"
        shutil.copytree(self.source, hidden)
        if kind == "broken":
            graph = hidden / "saved_model.pb"
            graph.write_bytes(graph.read_bytes()[:1000])
        hidden.rename(self.folder / str(self.number))
        self.published[kind] += 1
        versions = sorted((path for path in self.folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
        for path in versions[:-_KEPT]:
            shutil.rmtree(path)


def soak(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run it, and return what was counted."""
    versions = [path for path in options.servable.iterdir() if path.name.isdecimal()]
    source = max(versions, key=lambda path: int(path.name))
    served = folder / options.servable.resolve().name
    shutil.copytree(source, served / "1")
    key_file = folder / "key"
    key_file.write_text(f"soak: {secrets.token_urlsafe(32)}\n")
    client_key = folder / "client_key"
    client_key.write_text(key_file.read_text().partition(": ")[2])
    process, rest, door = start_server(served, "--api-keys", str(key_file))
    threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True).start()
    servers = [rest, f"grpc://{door}"] * (options.clients // 2)
    asking = [Asking(server, served.name, client_key, options.rate, n) for n, server in enumerate(servers)]
    publishing = Publishing(source, served, options.good_seconds, options.broken_seconds)
    began, samples = time.monotonic(), []
    try:
        for thread in (*asking, publishing):
            thread.start()
        while (passed := time.monotonic() - began) < options.minutes * 60 and process.poll() is None:
            descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            samples.append(
                {
                    "minute": round(passed / 60, 2),
                    "memory_mb": round(resident_mb(process.pid) or 0.0, 1),
                    "descriptors": descriptors,
                    "requests": sum(len(one.latencies) for one in asking),
                    "failed": sum(sum(one.failed.values()) for one in asking),
                    "version": max(asking[0].client.states()),
                }
            )
            print(json.dumps(samples[-1]), flush=True)
            time.sleep(min(30.0, max(0.0, began + options.minutes * 60 - time.monotonic())))
        for thread in (*asking, publishing):
            thread.ends.set()
            thread.join(60)
        alive = process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    latencies = np.array([value for one in asking for value in one.latencies]) * 1e3
    return {
        "command": sys.argv,
        "machine": {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()},
        "minutes": round((time.monotonic() - began) / 60, 1),
        "requests": sum((one.asked for one in asking), Counter()),
        "failed": sum((one.failed for one in asking), Counter()),
        "published": publishing.published,
        "latency_ms": {f"p{p}": round(float(np.percentile(latencies, p)), 2) for p in (50, 95, 99)},
        "server": {"lived_until_told": alive, "exit_code": code},
        "samples": samples,
    }


def main() -> None:
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servable", type=Path, required=True, help="a folder of versions")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=4, help="half over REST, half over gRPC")
    parser.add_argument("--rate", type=float, default=5.0, help="requests a second of each client")
    parser.add_argument("--good-seconds", type=float, default=120.0, help="between new versions")
    parser.add_argument("--broken-seconds", type=float, default=300.0, help="between broken ones")
    parser.add_argument("--output", type=Path, help="write what was counted as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vae_tf-soak-") as folder:
        counted = soak(options, Path(folder))
    print(json.dumps({name: value for name, value in counted.items() if name not in ("samples", "command")}, indent=1))
    if options.output:
        options.output.write_text(json.dumps(counted, indent=1) + "\n")


if __name__ == "__main__":
    main()
