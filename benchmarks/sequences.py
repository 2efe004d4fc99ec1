"""Networks over the steps of series, and Student's t: `python benchmarks/sequences.py --keep runs/steps`.

A year of a town's temperature by the hour (as it is, and with one hour in a hundred thirty degrees off) and three coupled
oscillators, from `first_run.py`. All have the same batches, steps and size of code. Runs that are kept are not trained again;
writes benchmarks/results/sequences.json.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import first_run
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
COMMON = ["--steps", "600", "--batch-size", "64", "--latent", "gaussian:8"]
SETTINGS = ("evaluation.num_samples=20", "model.latents[0].prior.kind=standard", "training.jit_compile=false")
FEW = 4000
WIDTHS = {"mlp": "model.network.widths=[128,128]"}
SMALL = "model.network.hidden_size=32"


class Case(NamedTuple):
    """One training: of what data, by which network, with a straight way or on few windows without, and which likelihood."""

    data: str
    network: str
    linear: str
    likelihood: str = "gaussian"

    @property
    def command(self) -> list[str]:
        """What `train` is told beside the data."""
        chosen = [f"model.network.kind={self.network}", f"model.network.linear={self.linear}"]
        chosen += [WIDTHS.get(self.network, SMALL), f"model.likelihood.kind={self.likelihood}"]
        few = ["--limit", str(FEW)] if self.linear == "none" else []
        return [*COMMON, *few, *(word for one in (*SETTINGS, *chosen) for word in ("--set", one))]


NETWORKS = ("mlp", "causal_conv", "transformer", "recurrent")
CASES = [
    *(Case("temperatures", network, linear) for linear in ("none", "trained") for network in NETWORKS),
    *(Case("oscillators", network, "trained") for network in NETWORKS),
    Case("temperatures", "mlp", "trained", "student_t"),
    *(Case("spiked", "mlp", "trained", likelihood) for likelihood in ("gaussian", "student_t")),
]


def written(folder: Path) -> dict[str, str]:
    """Write the sets, and return what `--dataset` takes."""
    sets = {name: first_run.SETS[name](folder) for name in ("temperatures", "oscillators")}
    values = np.loadtxt(folder / "temperatures.csv", skiprows=1)
    rng = np.random.default_rng(0)
    is_hit = rng.random(len(values)) < 0.01
    values[is_hit] += rng.choice([-30, 30], is_hit.sum())
    np.savetxt(folder / "spiked.csv", values, header="temperature", comments="", fmt="%.6g")
    return sets | {"spiked": sets["temperatures"].replace("temperatures.csv", "spiked.csv")}


def measure(case: Case, dataset: str, run: Path) -> dict[str, Any]:
    """Train, if the run is not there, and return what it found."""
    if not (run / "results.json").exists():
        command = [sys.executable, str(ROOT / "run.py"), "train", "--dataset", *dataset.split(" "), "--run-dir", str(run)]
        subprocess.run([*command, *case.command], check=True)
    results = json.loads((run / "results.json").read_text("utf-8"))
    spec = json.loads((run / "dataset.json").read_text("utf-8"))
    found = {key: results[key] for key in ("nll", "nll_stderr", "negative_elbo", "epochs", "best_epoch")}
    counts = {"num_train": spec["num_train"], "num_test": spec["num_test"]}
    return {**case._asdict(), **found, **counts, "seconds": round(results["seconds"], 1)}


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="where the sets and the runs are kept")
    folder = parser.parse_args().keep
    folder.mkdir(parents=True, exist_ok=True)
    sets = written(folder)
    found = [measure(case, sets[case.data], folder / "-".join(case)) for case in CASES]
    (ROOT / "benchmarks/results/sequences.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
