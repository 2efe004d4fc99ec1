"""Memory and time of loading a large table: `python benchmarks/large_table.py`, some minutes and 3 GB of disk.

Makes a CSV file of rows of 8 columns (four of numbers, a count, two of words, a date; gaps in two), and loads it with the
limit of memory that is the default, from the disk, twice, and then with a limit beyond it, in memory. Prints a JSON line each:
the greatest resident memory, how much of it cannot be read again from files (anonymous), the seconds, of the clock and of
the processor, and the fingerprint of the data.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CODE = """
import sys
from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
settings = {"memory_limit_mb": int(sys.argv[3])} if int(sys.argv[3]) else {}
print(load_dataset(DataConfig(dataset=f"csv:{sys.argv[1]}", data_dir=sys.argv[2], **settings)).spec.fingerprint)
"""
WORDS, PLACES = ("red", "green", "blue", "grey"), tuple(f"place {number}" for number in range(200))
BLOCK = 100_000


def make(path: Path, num_rows: int) -> None:
    """Write the file."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "count", "colour", "place", "day"])
        for start in range(0, num_rows, BLOCK):
            count = min(BLOCK, num_rows - start)
            numbers = [np.round(rng.normal(size=count), 4).astype(str) for _ in range(4)]
            whole, colour = rng.poisson(30, count).astype(str), rng.choice(WORDS, count)
            day = np.datetime64("2015-01-01") + rng.integers(0, 3000, count)
            columns = [*numbers, whole, colour, rng.choice(PLACES, count), day.astype(str)]
            for place in (1, 5):
                columns[place] = np.where(rng.random(count) < 0.1, "", columns[place])
            writer.writerows(zip(*columns, strict=True))


def watch(path: Path, folder: Path, limit: int) -> dict[str, object]:
    """Load the file in a process of its own, and return what it took."""
    started = time.perf_counter()
    command = [sys.executable, "-c", CODE, str(path), str(folder), str(limit)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    greatest = {"VmHWM": 0, "RssAnon": 0}
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith(tuple(greatest))}
        greatest = {name: max(size, found.get(name, 0)) for name, size in greatest.items()}
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    fingerprint = process.stdout.read().strip() if process.stdout else ""
    return {
        "resident MB": greatest["VmHWM"] // 1024,
        "anonymous MB": greatest["RssAnon"] // 1024,
        "seconds": round(seconds, 1),
        "fingerprint": fingerprint,
    }


def main() -> None:
    """Measure all ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder / "big.csv", asked.rows)
        print(json.dumps({"rows": asked.rows, "file MB": (folder / "big.csv").stat().st_size // 2**20}), flush=True)
        for name, limit in (("disk, first time", 0), ("disk, files there", 0), ("whole in memory", 2**20)):
            before = os.times()
            found = watch(folder / "big.csv", folder, limit)
            after = os.times()
            used = after.children_user + after.children_system - before.children_user - before.children_system
            print(json.dumps({name: {**found, "processor seconds": round(used, 1)}}), flush=True)
        stored = sum(file.stat().st_size for file in (folder / "tables").rglob("*") if file.is_file())
        print(json.dumps({"stored MB": stored // 2**20}))


if __name__ == "__main__":
    main()
