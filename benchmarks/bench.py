"""The toolkit beside what a user would pick instead: same model, data, batch, optimizer and updates, measured in turn.

    make bench          all cases, into benchmarks/results/bench.json
    make bench-quick    a smaller choice, in under 3 minutes

Every measurement is a process of its own. The sides of a case take turns, so that what else the machine does hits all of them;
what counts is the ratio of medians. Peers run from the environment benchmarks/.venv; without it they are left out.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

PEERS = ROOT / "benchmarks" / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Entry:
    """One measurement of a case: what it is called, which side it is, with what settings."""

    label: str
    side: str
    settings: dict[str, Any]

    @property
    def is_peer(self) -> bool:
        """Whether it runs in the peers' environment."""
        return any(name in self.side for name in ("torch", "pythae", "jax"))


@dataclass(frozen=True)
class Case:
    """What is compared: the times of all entries are divided by the first one's."""

    name: str
    entries: tuple[Entry, ...]


_NAMES = {
    "train_ours": "vae_tf",
    "train_torch": "PyTorch, plain loop",
    "train_torch_loader": "PyTorch, DataLoader",
    "train_torch_compiled": "PyTorch, compiled, fused Adam",
    "train_jax": "JAX, lax.scan",
    "train_pythae": "Pythae",
    "train_keras": "Keras 3, tutorial",
    "floor": "matrix products alone",
    "nll_ours": "vae_tf",
    "nll_pythae": "Pythae",
    "nll_jax": "JAX",
    "bound_ours": "vae_tf",
    "bound_torch": "PyTorch, plain loop",
}


def _sides(name: str, settings: dict[str, Any], *sides: str) -> Case:
    return Case(name, tuple(Entry(_NAMES[side], side, settings) for side in sides))


def cases(quick: bool, data: str, source: dict[str, Any]) -> list[Case]:
    """Return all cases, or few and small ones.

    Args:
        quick: few.
        data: file of the images.
        source: `dataset` and `data_dir` of what the input pipeline reads.
    """
    mlp = {"data": data, "network": "mlp", "latents": "gaussian:20", "epochs": 2 if quick else 4}
    fastest = ("train_jax", "train_torch_compiled")
    peers = (*fastest, "train_torch", "train_torch_loader", "train_pythae", "train_keras")
    chosen = [_sides("784-400-20, batch 128", {**mlp, "batch_size": 128}, "train_ours", "floor", *peers)]
    nll = {"data": data, "num_images": 20 if quick else 100, "num_samples": 1000 if quick else 5000}
    chosen.append(_sides(f"NLL, {nll['num_samples']:,} samples an image", nll, "nll_ours", "nll_jax", "nll_pythae"))
    if quick:
        return chosen
    chosen += [
        _sides(f"784-400-20, batch {size}", {**mlp, "batch_size": size}, "train_ours", "floor", *fastest, "train_torch")
        for size in (64, 512)
    ]
    conv = {**mlp, "network": "conv", "batch_size": 128, "epochs": 2}
    chosen.append(_sides("conv 32-64, batch 128", conv, "train_ours", "train_torch_compiled", "train_torch"))
    categorical = {**mlp, "latents": "categorical:30x10", "batch_size": 128}
    chosen.append(_sides("categorical 30x10, batch 128", categorical, "train_ours", "train_jax"))
    chosen.append(
        _sides(
            "to a test negative ELBO of 108", {"data": data, "batch_size": 128, "target": 108.0}, "bound_ours", "bound_torch"
        )
    )
    return chosen + _own_cases({**mlp, "batch_size": 128}, source)


def _own_cases(train: dict[str, Any], source: dict[str, Any]) -> list[Case]:
    """Return the cases without a peer: what a choice costs, beside the first one."""
    options: dict[str, dict[str, Any]] = {"float32": {}, "mixed_bfloat16": {"precision": "mixed_bfloat16"}}
    options |= {"not compiled": {"jit_compile": False}, "one thread an operation": {"threads": 1}}
    latents = (
        "gaussian:20",
        "gaussian:200",
        "categorical:30x10",
        "categorical:300x10",
        "categorical:30x100",
        "gaussian:10+categorical:1x10",
    )
    flow = {**source, "batch_size": 128}
    inputs = [Entry("in memory", "pipeline", {**flow, "streamed": False})]
    inputs += [Entry(f"streamed, {n} x the data", "pipeline", {**flow, "streamed": True, "copies": n}) for n in (1, 10, 100)]
    bernoulli = {"batch_size": 128, "repeats": 2000}
    formulas = {"vae_tf": "ours", "TensorFlow's cross-entropy": "tensorflow"}
    return [
        Case("latents", tuple(Entry(spec, "train_ours", {**train, "latents": spec}) for spec in latents)),
        Case(
            "precision, compiler, threads", tuple(Entry(name, "train_ours", {**train, **one}) for name, one in options.items())
        ),
        Case("input pipeline alone", tuple(inputs)),
        Case(
            "Bernoulli log-probability, gradient",
            tuple(Entry(name, "log_prob", {**bernoulli, "formula": formula}) for name, formula in formulas.items()),
        ),
        Case("servable", (Entry("load and answer", "load_servable", source), Entry("export", "export_model", source))),
    ]


def measure(entry: Entry) -> dict[str, Any]:
    """Measure one entry in a process of its own."""
    python = str(PEERS) if entry.is_peer else sys.executable
    command = [python, str(ROOT / "benchmarks" / "sides.py"), entry.side, json.dumps(entry.settings)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{entry.side} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def start_times(repeats: int) -> dict[str, float]:
    """Return median seconds from process start to the end of `--help`, of an import of TensorFlow, of a first training step."""
    help_ = [sys.executable, str(ROOT / "run.py"), "--help"]
    load = [sys.executable, "-c", "import tensorflow, tensorflow_probability"]
    found: dict[str, list[float]] = {"help": [], "tensorflow_import": [], "first_step": []}
    for _ in range(repeats):
        for name, command in (("help", help_), ("tensorflow_import", load)):
            before = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
            found[name].append(time.perf_counter() - before)
        with tempfile.TemporaryDirectory() as folder:
            one = ["train", "--run-dir", f"{folder}/run", "--epochs", "1", "--limit", "64", "--batch-size", "64"]
            before, process = (
                time.perf_counter(),
                subprocess.Popen([sys.executable, "run.py", *one], cwd=ROOT, stderr=subprocess.DEVNULL),
            )
            while not Path(folder, "run", "metrics.jsonl").exists() or not Path(folder, "run", "metrics.jsonl").stat().st_size:
                if process.poll() is not None:
                    raise SystemExit("The training ended before its first step.")
                time.sleep(0.01)
            found["first_step"].append(time.perf_counter() - before)
            process.kill()
            process.wait()
    return {name: statistics.median(times) for name, times in found.items()}


def run_case(case: Case, repeats: int) -> list[dict[str, Any]]:
    """Measure the entries of a case in turn; return a row an entry."""
    entries = [entry for entry in case.entries if not entry.is_peer or PEERS.exists()]
    found: dict[str, list[dict[str, Any]]] = {entry.label: [] for entry in entries}
    for repeat in range(repeats):
        for entry in entries:
            print(f"{case.name}: {entry.label}, {repeat + 1} of {repeats}", file=sys.stderr)
            found[entry.label].append(measure(entry))
    # An epoch of one side may be a few steps longer: compare the time of a step.
    cost = {
        label: statistics.median(one["seconds"] / one.get("steps", one.get("samples", 1)) for one in runs)
        for label, runs in found.items()
    }
    return [
        {
            "case": case.name,
            "side": label,
            "seconds": statistics.median(one["seconds"] for one in runs),
            "all_seconds": [one["seconds"] for one in runs],
            "cpu_seconds": statistics.median(one["cpu_seconds"] for one in runs),
            "ratio": cost[label] / cost[entries[0].label],
            "loss": statistics.median(one["loss"] for one in runs) if "loss" in runs[0] else None,
            "epochs": statistics.median(one["epochs"] for one in runs) if "epochs" in runs[0] else None,
            "peak_mb": statistics.median(one["peak_mb"] for one in runs),
            "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        }
        for label, runs in found.items()
    ]


def write_images(folder: str, data_dir: str | None) -> tuple[str, dict[str, Any]]:
    """Write MNIST's images where all sides can read them, or images of noise where it is not there.

    Returns:
        The file, and the data set of the input pipeline: `mnist`, or the embedded digits.
    """
    from vae_tf.config import DataConfig
    from vae_tf.data import load_dataset
    from vae_tf.errors import UserError

    path = str(Path(folder) / "images.npz")
    try:
        dataset = load_dataset(DataConfig(dataset="mnist", data_dir=data_dir, train_on_validation=True))
        np.savez(path, x=dataset.split("train").x, x_test=dataset.split("test").x)
        return path, {"dataset": "mnist", "data_dir": data_dir}
    except UserError:
        noise = np.random.default_rng(0).integers(0, 256, (70_000, 28, 28, 1)).astype(np.uint8)
        np.savez(path, x=noise[:60_000], x_test=noise[60_000:])
        return path, {"dataset": "digits", "data_dir": None}


def processor() -> str:
    """Return the processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows in Markdown."""
    titles = ["case", "side", "seconds", "times the first", "core seconds", "loss after", "peak memory", "measured"]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for row in rows:
        loss = "" if row["loss"] is None else f"{row['loss']:.1f}"
        loss += f", {row['epochs']:.0f} epochs" if row["epochs"] else ""
        computed = f"{row['cpu_seconds']:.2f}" if "cpu_seconds" in row else ""
        times = f"{row['seconds']:.2f} | {row['ratio']:.2f} | {computed}"
        lines.append(f"| {row['case']} | {row['side']} | {times} | {loss} | {row['peak_mb']:.0f} MB | {row.get('date', '')} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int, help="default: 3, quick: 1")
    parser.add_argument("--only", nargs="+", help="cases whose name holds one of these; other rows of the output stay")
    parser.add_argument("--data-dir", help="where TFDS' mnist is prepared")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--show", type=Path, help="only print the table of a file that --output wrote")
    arguments = parser.parse_args()
    if arguments.show:
        print(table(json.loads(arguments.show.read_text("utf-8"))["rows"]))
        return
    repeats = arguments.repeats or (1 if arguments.quick else 3)
    rows: list[dict[str, Any]] = []
    started = None
    if arguments.only and arguments.output and arguments.output.exists():
        before = json.loads(arguments.output.read_text("utf-8"))
        rows, started = before["rows"], before["start"]
    with tempfile.TemporaryDirectory() as folder:
        data, source = write_images(folder, arguments.data_dir)
        for case in cases(arguments.quick, data, source):
            if not arguments.only or any(part in case.name for part in arguments.only):
                found = run_case(case, repeats)
                place = next((index for index, row in enumerate(rows) if row["case"] == case.name), len(rows))
                others = [row for row in rows if row["case"] != case.name]
                rows = [*others[:place], *found, *others[place:]]
                write(arguments.output, rows, repeats, source["dataset"], started)
    if not arguments.only:
        started = start_times(repeats)
        write(arguments.output, rows, repeats, source["dataset"], started)
        print(", ".join(f"{name.replace('_', ' ')} {seconds:.2f} s" for name, seconds in started.items()), end="\n\n")
    print(table(rows))


def write(
    output: Path | None, rows: list[dict[str, Any]], repeats: int, images: str, started: dict[str, float] | None = None
) -> None:
    """Write what is measured so far, with the machine it was measured on."""
    if output is None:
        return
    from vae_tf.files import write_json
    from vae_tf.training import describe_environment

    when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    machine = {**describe_environment(), "processor": processor(), "images": images, "time": when}
    write_json(output, {"rows": rows, "start": started, "repeats": repeats, "machine": machine})


if __name__ == "__main__":
    main()
