"""One measurement in one process: `python benchmarks/sides.py NAME '{"setting": 1}'` prints a JSON object on its last line.

The sides of a comparison get the same images, network, batch, optimizer and number of updates, and give the loss afterwards.
Libraries are imported where they are used: the peers have an environment of their own.
"""

import json
import resource
import sys
from pathlib import Path

import jax_sides  # noqa: F401 - registers JAX's sides
import own_sides  # noqa: F401 - registers our sides
import peer_sides  # noqa: F401 - registers the peers' sides
from measuring import SIDES


def _peak_mb() -> float:
    """Return the most memory this process had: Linux' ru_maxrss would count what the process was forked from."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure one side, and print what was found and how much memory it took."""
    found = SIDES[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps({**found, "peak_mb": _peak_mb()}))


if __name__ == "__main__":
    main()
