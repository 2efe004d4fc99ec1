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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

PEERS = ROOT / "benchmarks" / ".venv" / "bin" / "python"
OURS = ("train_ours", "train_keras", "floor", "nll_ours")


@dataclass(frozen=True)
class Case:
    """What is compared: the first side is ours, the others' times are divided by it."""

    name: str
    sides: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def cases(quick: bool) -> list[Case]:
    """Return all cases, or few and small ones."""
    epochs = 2 if quick else 4
    mlp = {"network": "mlp", "latents": "gaussian", "epochs": epochs}
    peers = ("train_torch", "train_torch_loader", "train_pythae", "train_keras")
    chosen = [Case("784-400-20, batch 128", ("train_ours", "floor", *peers), {**mlp, "batch_size": 128})]
    nll = {"num_images": 20 if quick else 100, "num_samples": 1000 if quick else 5000}
    chosen.append(Case(f"NLL, {nll['num_samples']:,} samples an image", ("nll_ours", "nll_pythae"), nll))
    if quick:
        return chosen
    chosen += [
        Case(f"784-400-20, batch {size}", ("train_ours", "floor", "train_torch"), {**mlp, "batch_size": size})
        for size in (64, 512)
    ]
    conv = {**mlp, "network": "conv", "batch_size": 128, "epochs": 2}
    chosen.append(Case("conv 32-64, batch 128", ("train_ours", "train_torch"), conv))
    for latents in ("categorical", "joint"):
        chosen.append(Case(f"{latents}, batch 128", ("train_ours",), {**mlp, "latents": latents, "batch_size": 128}))
    return chosen


def measure(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Measure one side in a process of its own."""
    python = sys.executable if name in OURS else str(PEERS)
    command = [python, str(ROOT / "benchmarks" / "sides.py"), name, json.dumps(settings)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
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


def run_case(case: Case, repeats: int, data: str) -> list[dict[str, Any]]:
    """Measure the sides of a case in turn; return a row a side."""
    sides = [side for side in case.sides if side in OURS or PEERS.exists()]
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for repeat in range(repeats):
        for side in sides:
            print(f"{case.name}: {side}, {repeat + 1} of {repeats}", file=sys.stderr)
            found[side].append(measure(side, {"data": data, **case.settings}))
    # An epoch of one side may be a few steps longer: compare the time of a step.
    cost = {
        side: statistics.median(one["seconds"] / one.get("steps", one.get("samples")) for one in runs)
        for side, runs in found.items()
    }
    return [
        {
            "case": case.name,
            "side": side,
            "seconds": statistics.median(one["seconds"] for one in runs),
            "all_seconds": [one["seconds"] for one in runs],
            "ratio": cost[side] / cost[case.sides[0]],
            "loss": statistics.median(one["loss"] for one in runs) if "loss" in runs[0] else None,
            "peak_mb": statistics.median(one["peak_mb"] for one in runs),
        }
        for side, runs in found.items()
    ]


def write_images(folder: str, data_dir: str | None) -> tuple[str, str]:
    """Write MNIST's training images where all sides can read them, or images of noise where it is not there."""
    from vae_tf.config import DataConfig
    from vae_tf.data import load_dataset
    from vae_tf.errors import UserError

    path = str(Path(folder) / "images.npz")
    try:
        dataset = load_dataset(DataConfig(dataset="mnist", data_dir=data_dir, train_on_validation=True))
        np.savez(path, x=dataset.split("train").x)
        return path, "mnist"
    except UserError:
        noise = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28, 1))
        np.savez(path, x=noise.astype(np.uint8))
        return path, "noise"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows in Markdown."""
    lines = ["| case | side | seconds | times ours | loss after | peak memory |", "|---|---|---|---|---|---|"]
    for row in rows:
        loss = "" if row["loss"] is None else f"{row['loss']:.1f}"
        lines.append(
            f"| {row['case']} | `{row['side']}` | {row['seconds']:.2f} | {row['ratio']:.2f} | {loss} "
            f"| {row['peak_mb']:.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int, help="default: 3, quick: 1")
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--data-dir", help="where TFDS' mnist is prepared")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    repeats = arguments.repeats or (1 if arguments.quick else 3)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        data, source = write_images(folder, arguments.data_dir)
        for case in cases(arguments.quick):
            if not arguments.only or arguments.only in case.name:
                rows += run_case(case, repeats, data)
    started = None if arguments.only else start_times(repeats)
    print(table(rows))
    if started:
        print("\n" + ", ".join(f"{name.replace('_', ' ')} {seconds:.2f} s" for name, seconds in started.items()))
    if arguments.output:
        from vae_tf.artifacts import write_json
        from vae_tf.training import describe_environment

        when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        machine = {**describe_environment(), "processor": platform.processor(), "images": source, "time": when}
        write_json(arguments.output, {"rows": rows, "start": started, "repeats": repeats, "machine": machine})


if __name__ == "__main__":
    main()
