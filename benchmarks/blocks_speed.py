"""Figures of the pages: how fast it is, alone and beside others, and what a server carries."""

from statistics import median
from typing import Any

import bench
from blocks import figure, listed, read, table


@figure
def load() -> str:
    """The server under load."""
    rows = []
    for one in read("serving_mnist_mlp")["results"]:
        numbers = [f"{one['throughput']:.0f}", *(f"{one[key]:.2f}" for key in ("p50", "p95", "p99")), str(one["errors"])]
        rows.append([one["server"], one["protocol"], str(one["clients"]), str(one["batch"]), *numbers])
    return table(["server", "over", "clients", "rows", "requests/s", "p50 ms", "p95 ms", "p99 ms", "errors"], rows)


def _as_code(reason: str) -> str:
    """Return names of operations as code, and sentences as they are."""
    return reason if " " in reason and "," not in reason else ", ".join(f"`{name}`" for name in reason.split(", "))


@figure
def onnx() -> str:
    """ONNX files of every preset."""
    return _files("onnx")


@figure
def litert() -> str:
    """LiteRT files of every preset."""
    return _files("litert")


def _power(value: float | None) -> str:
    return "-" if value is None else f"{value:.0e}"


def _files(form: str) -> str:
    rows = []
    for one in read(form)["rows"]:
        times = [", ".join(f"{pair[place]:.2f}" for pair in one["milliseconds"].values()) for place in (0, 1)]
        left = "; ".join(f"`{name}`: {_as_code(reason.partition(':')[0])}" for name, reason in one["not_converted"].items())
        size = f"{one['num_bytes'] / 1000:,.0f}"
        rows.append(
            [f"`{one['preset']}`", str(len(one["files"])), _power(one["largest_difference"]), size, *times, left or "-"]
        )
    header = ["preset", "files", "largest difference", "kB", "ms a row: `encode`, `decode`", "SavedModel's", "no file, for"]
    return table(header, rows)


@figure
def beside() -> str:
    """This toolkit beside others."""
    return bench.table(read("bench")["rows"])


def _ratios(name: str) -> dict[tuple[str, str], float]:
    return {(one["case"], one["side"]): one["ratio"] for one in read(name)["rows"]}


_MLP = "784-400-20, batch {}"
_SIDES = {"JAX": "JAX, lax.scan", "torch": "PyTorch, compiled, fused Adam", "plain": "PyTorch, plain loop"}


@figure
def beside_in_words() -> str:
    """What the table of other libraries says."""
    found = _ratios("bench")
    jax, torch, plain = (
        listed(f"{found[_MLP.format(size), side]:.{digits}f}" for size in (64, 128, 512))
        for side, digits in zip(_SIDES.values(), (2, 1, 1), strict=True)
    )
    shares = listed(f"{100 * found[_MLP.format(size), 'matrix products alone']:.0f}" for size in (64, 128, 512))
    seconds = {(one["case"], one["side"]): one["seconds"] for one in read("bench")["rows"]}
    discrete, normal = "categorical 30x10, batch 128", _MLP.format(128)
    dearer = [seconds[discrete, side] / seconds[normal, side] for side in ("vae_tf", _SIDES["JAX"])]
    latents = {side: ratio for (case, side), ratio in found.items() if case == "latents"}
    wide, many = latents["gaussian:200"], latents["categorical:300x10"] / latents["categorical:30x10"]
    streamed = [
        ratio for (case, side), ratio in found.items() if case == "input pipeline alone" and side.startswith("streamed")
    ]
    return (
        "What it says. In times of what an epoch of the mlp takes here, at batch 64, 128 and 512: JAX with the whole "
        "epoch in one\n"
        f"`lax.scan` takes {jax}, `torch.compile` with Adam in one kernel {torch}, a plain PyTorch loop {plain};\n"
        f"Pythae, at batch 128, {found[normal, 'Pythae']:.1f}. Ours and JAX's are programs of the same compiler, with the same "
        "products. Thirty categorical variables of\n"
        f"10 classes take {dearer[0]:.1f} times as long as a Gaussian of 20 (in JAX {dearer[1]:.1f}). Importance "
        "sampling takes "
        f"{found['NLL, 5,000 samples an image', 'Pythae']:.1f} times as long in Pythae;\n"
        f"convolutions, which are not compiled, {found['conv 32-64, batch 128', _SIDES['plain']]:.1f} times in PyTorch. Matrix "
        f"products alone, by oneDNN, are {shares} % of an\nepoch at batch 64, 128 and 512. Ten times the Gaussian latents take "
        f"{wide:.2f} times as long, ten times the categorical ones {many:.1f} times.\n"
        f"Streamed data take {min(streamed):.0f} to {max(streamed):.0f} times as long to read as data in memory."
    )


def _spreads(name: str) -> list[float]:
    return [max(one["all_seconds"]) / min(one["all_seconds"]) for one in read(name)["rows"]]


@figure
def trust() -> str:
    """How far two runs of one side differ."""
    here, there = _spreads("bench"), _spreads("xeon")
    return (
        "How far to trust it: the slowest run of a side took, in the median over the rows, "
        f"{median(here):.2f} times what its quickest did, and at worst {max(here):.2f} times\n"
        f"(on the Xeon below {median(there):.2f} and {max(there):.2f}). Core seconds vary with the seconds, and count "
        "waiting in a "
        "loop as work."
    )


@figure
def other_machine() -> str:
    """The same on another machine."""
    kept = (
        ("784-400-20", "matrix products alone"),
        ("784-400-20", "PyTorch, plain loop"),
        ("784-400-20", "Pythae"),
        ("NLL", "Pythae"),
        ("conv", "PyTorch, plain loop"),
        ("to a test", "PyTorch, plain loop"),
        ("precision", ""),
    )
    rows = [
        [case, side, f"{ratio:.2f}"]
        for (case, side), ratio in _ratios("xeon").items()
        if any(case.startswith(start) and side.startswith(who) and ratio != 1 for start, who in kept)
    ]
    return table(["case", "side", "times what vae_tf takes"], rows)


@figure
def start() -> str:
    """How long it takes to begin."""
    here, there = (read(name)["start"] for name in ("bench", "xeon"))
    return (
        f"`run.py --help` takes {here['help']:.2f} s ({there['help']:.2f} on the Xeon). The first epoch of a tiny "
        "training is over "
        f"{here['first_step']:.1f} s after the start, of which importing\nTensorFlow and TensorFlow Probability takes "
        f"{here['tensorflow_import']:.1f} ({there['first_step']:.1f} and {there['tensorflow_import']:.1f} on the Xeon; "
        "the last "
        "line of `make bench`)."
    )


@figure
def on_paper() -> str:
    """What more machines would bring: computing as it was measured, the network reckoned."""
    rows = []
    for name, weights, computing in read("transcribed")["steps_on_one_core"]["rows"]:
        sent = {place: _sending(weights, *place) for place in ((10, 10), (10, 1), (1000, 10))}
        shares = [f"{computing / (computing + time):.0%}" for time in sent.values()]
        cells = [f"{weights:,}", f"{4 * weights / 1e6:.1f} MB", f"{computing:,} ms", f"{sent[10, 10]:.1f} ms", *shares]
        rows.append([f"`{name}`", *cells])
    header = ["preset", "weights", "gradients a step", "computing a step", "sending, N = 10, 10 Gbit/s", "efficiency"]
    return table([*header, "N = 10, 1 Gbit/s", "N = 1,000, 10 Gbit/s"], rows)


def _sending(weights: int, num_workers: int, gigabits: float) -> float:
    """Return the milliseconds of a ring: four bytes a weight on 2 (N - 1) / N times, 50 microseconds a hop."""
    hops = 2 * (num_workers - 1)
    return 1e3 * 8 * 4 * weights * hops / num_workers / (gigabits * 1e9) + 0.05 * hops


def _served(name: str, **asked: Any) -> dict[str, Any]:
    """Return the one line of a load test that was so asked."""
    (found,) = [one for one in read(name)["results"] if all(one[key] == value for key, value in asked.items())]
    return found


@figure
def sustained() -> str:
    """The server under load for a minute, and what merging requests brings."""
    minute = {"name": "serving_mnist_mlp_60s", "clients": 32, "batch": 1}
    rest, grpc = (_served(**minute, server="embedded", protocol=door) for door in ("REST", "gRPC"))
    gains = {}
    for name in (minute["name"], "serving_mnist_mlp"):
        pairs = [
            [
                _served(name, clients=32, batch=1, protocol=door, server=one)["throughput"]
                for one in ("embedded", "embedded, no batching")
            ]
            for door in ("REST", "gRPC")
        ]
        gains[name] = [f"{merged / alone:.1f}" for merged, alone in pairs]
    errors = rest["errors"] + grpc["errors"]
    return (
        f"In 60 s with 32 clients (`--seconds 60 --clients 32 --batch 1 --no-bytes`): {rest['requests']:,} REST requests and "
        f"{grpc['requests']:,} over gRPC, {errors} errors; resident memory\n{rest['memory_before_mb']:.0f} MB before, "
        f"{rest['memory_after_mb']:.0f} after REST, {grpc['memory_after_mb']:.0f} after gRPC. Merging requests gave "
        f"{gains[minute['name']][0]} times the REST throughput and {gains[minute['name']][1]} times gRPC's.\nThe "
        "machine is shared "
        f"and noisy: in the table's 5 s a line the same comparison gives {listed(gains['serving_mnist_mlp'])}."
    )


@figure
def where_time_goes() -> str:
    """What of a request is the model's."""
    name = "serving_mnist_mlp"
    one, many = (_served(name, server="in process", batch=size)["p50"] / size for size in (1, 32))
    asked = {"server": "embedded", "clients": 1, "batch": 32}
    as_bytes, as_json, grpc = (_served(name, **asked, protocol=way)["p50"] for way in ("REST, bytes", "REST", "gRPC"))
    return (
        f"Where the time goes: one row costs the model {one:.1f} ms alone and {many:.2f} ms in a batch of 32, so that "
        "under load the "
        "event loop is what is\nbusy: reading 784 JSON numbers, checking and converting them, and writing as many. "
        "Bulk data should "
        f"go as bytes: 32 rows take\n{as_bytes:.1f} ms over REST so, {as_json:.1f} as JSON, {grpc:.1f} over gRPC."
    )


@figure
def soak() -> str:
    """The server for half an hour, with versions that come and go."""
    found = read("soak")
    samples, failed = found["samples"], sum(found["failed"].values())
    at = {minute: next(one["memory_mb"] for one in samples if one["minute"] == minute) for minute in (0, 10, 20)}
    memory, open_ = [one["memory_mb"] for one in samples], [one["descriptors"] for one in samples]
    good, broken = found["published"]["good"], found["published"]["broken"]
    p50, p95, p99 = (found["latency_ms"][key] for key in ("p50", "p95", "p99"))
    return (
        f"In {found['minutes']:.0f} minutes {sum(found['requests'].values()):,} requests, of which {failed} failed; "
        f"{good} good "
        f"versions and {broken} broken ones were put there. Latency p50 {p50:.2f} ms,\np95 {p95:.2f}, p99 {p99:.2f}. Open "
        f"descriptors between {min(open_)} and {max(open_)}. Resident memory {at[0]:.0f} MB at the start, {at[10]:.0f} "
        "after 10 "
        f"minutes,\n{at[20]:.0f} after 20, {memory[-1]:.0f} at the end, {max(memory):.0f} at most: versions that are "
        "replaced leave it."
    )
