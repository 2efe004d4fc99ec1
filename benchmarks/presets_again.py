"""Bounds of presets beside those of an earlier training.

    python benchmarks/presets_again.py runs/*/ -o benchmarks/results/presets_compiled.json

Every run is one of `python run.py train --preset NAME --run-dir runs/NAME`; with fixed binarisation, NAME_static. The earlier
numbers are those of docs/results and benchmarks/results.
"""

import argparse
import json
from pathlib import Path

from blocks import read

KEPT = ("negative_elbo", "negative_elbo_stderr", "nll", "nll_stderr", "kl", "epochs", "seconds")


def earlier(name: str) -> dict[str, float]:
    """Return what an earlier run of a preset gave."""
    for file in (name, f"{name}_dynamic", f"{name}_seed0"):
        try:
            return dict(read(file))
        except StopIteration:
            continue
    raise SystemExit(f"There is no earlier run of {name}.")


def main() -> None:
    """Write a row a run; those of other runs stay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    rows = json.loads(arguments.output.read_text("utf-8")) if arguments.output.exists() else {}
    for run in arguments.runs:
        found = json.loads((run / "results.json").read_text("utf-8"))
        rows[run.name] = {
            key: {name: one[name] for name in KEPT if name in one}
            for key, one in (("before", earlier(run.name)), ("now", found))
        }
    arguments.output.write_text(f"{json.dumps(dict(sorted(rows.items())), indent=1)}\n", "utf-8")


if __name__ == "__main__":
    main()
