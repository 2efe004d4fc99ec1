"""Planted anomalies in series, found by `alarms` and by plain models: `python benchmarks/alarms.py`.

A year of a town's temperatures by the hour and of a made pair of sensors; the last third gets three stretches of each of four
kinds: spikes, a level that is off, a sensor that stands still, and the hours in another order. The models learn from the rest
by the plain commands. Scores are of single hours; prints a JSON line a set: average precision of each way, mean over seeds of
where the stretches are, with the standard error, and the share of hours that are in one, which is chance.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from first_run import MissingError, _packaged
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score

ROOT = Path(__file__).resolve().parents[1]
WINDOW, ORDER, NUM_STRETCHES, LEAST, MOST = 48, 24, 3, 6, 24
START = datetime(2023, 1, 1)


def temperatures() -> np.ndarray:
    """Return 8,759 hours of one temperature."""
    with _packaged("vega_datasets", "_data", "sf-temps.csv").open(encoding="utf-8") as file:
        return np.array([[float(row["temp"])] for row in csv.DictReader(file)])


def sensors() -> np.ndarray:
    """Return 8,760 hours of a flow with a day and a week in it, and of a pressure that follows it late."""
    rng, hours = np.random.default_rng(0), np.arange(8_760)
    flow = 30 + 8 * np.sin(hours / 24 * 2 * np.pi) + 4 * np.sin(hours / 168 * 2 * np.pi) + rng.normal(0, 0.8, len(hours))
    pressure = 5 - 0.06 * np.roll(flow, 3) + rng.normal(0, 0.04, len(hours))
    return np.stack([flow, pressure], axis=1)


SETS: dict[str, Callable[[], np.ndarray]] = {"temperatures": temperatures, "sensors": sensors}


def planted(rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with stretches that are not as the rest, and where these are, bool [T]."""
    rng, rows, marked = np.random.default_rng(seed), rows.copy(), np.zeros(len(rows), bool)
    spread = rows.std(axis=0)
    for number in range(4 * NUM_STRETCHES):
        length = int(rng.integers(LEAST, MOST + 1)) if number % 4 else 1
        first = int(rng.integers(WINDOW, len(rows) - length - WINDOW))
        while marked[max(0, first - 2 * WINDOW) : first + length + 2 * WINDOW].any():
            first = int(rng.integers(WINDOW, len(rows) - length - WINDOW))
        part, channel = slice(first, first + length), int(rng.integers(rows.shape[1]))
        own = rows[part, channel]
        sign = rng.choice([-1.0, 1.0])
        rows[part, channel] = (
            own + sign * 2.5 * spread[channel],
            own + sign * 1.5 * spread[channel],
            np.full(length, own[0]),
            rng.permutation(own),
        )[number % 4]
        marked[part] = True
    return rows, marked


def ours(train: np.ndarray, tests: list[np.ndarray], settings: list[str]) -> list[np.ndarray]:
    """Return the nats of the hours of each test series, by the plain commands."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def run(*command: str) -> None:
            subprocess.run([sys.executable, str(ROOT / "run.py"), *command], check=True, capture_output=True)

        def write(name: str, rows: np.ndarray) -> str:
            with (folder / name).open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["time", *(f"channel_{number}" for number in range(rows.shape[1]))])
                for hour, row in enumerate(rows):
                    writer.writerow([f"{START + timedelta(hours=hour):%Y-%m-%d %H:%M}", *(f"{value:.6g}" for value in row)])
            return f"csv:{folder / name}"

        chosen = [text for one in (f"data.window={WINDOW}", *settings) for text in ("--set", one)]
        run("train", "--dataset", write("train.csv", train), "--run-dir", str(folder / "run"), *chosen)
        found = []
        for rows in tests:
            run("alarms", str(folder / "run"), "--data", write("test.csv", rows), "-o", str(folder / "a.csv"), "--rate", "0.01")
            with (folder / "a.csv").open(encoding="utf-8") as file:
                found.append(np.array([float(row["nats"]) for row in csv.DictReader(file)]))
        return found


def autoregression(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the square of what a linear autoregression of order 24 did not tell, in deviations, summed over channels."""

    def design(series: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(series[:-1], ORDER, axis=0).reshape(len(series) - ORDER, -1)
        return np.concatenate([windows, np.ones([len(windows), 1])], axis=1)

    weights, *_ = np.linalg.lstsq(design(train), train[ORDER:], rcond=None)
    spread = (train[ORDER:] - design(train) @ weights).std(axis=0)
    away = np.square((rows[ORDER:] - design(rows) @ weights) / spread).sum(axis=1)
    return np.concatenate([np.zeros(ORDER), away])


def forest(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return how odd an isolation forest finds the least odd window that holds each hour."""

    def windows(series: np.ndarray) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(series, WINDOW, axis=0).reshape(len(series) - WINDOW + 1, -1)

    odd = -IsolationForest(n_estimators=200, random_state=0).fit(windows(train)).score_samples(windows(rows))
    least = np.full(len(rows), np.inf)
    np.minimum.at(least, np.arange(len(odd))[:, np.newaxis] + np.arange(WINDOW), np.repeat(odd[:, np.newaxis], WINDOW, axis=1))
    return least


def measure(name: str, seeds: int, settings: list[str]) -> dict[str, Any]:
    """Measure all ways on a set."""
    rows = SETS[name]()
    cut = 2 * len(rows) // 3
    train, made = rows[:cut], [planted(rows[cut:], seed) for seed in range(seeds)]
    found = {
        "vae_tf": ours(train, [series for series, _ in made], settings),
        "linear autoregression": [autoregression(train, series) for series, _ in made],
        "isolation forest": [forest(train, series) for series, _ in made],
    }
    told: dict[str, Any] = {"set": name, "chance": round(float(np.mean([marked.mean() for _, marked in made])), 3)}
    for way, scores in found.items():
        values = [average_precision_score(marked, score) for score, (_, marked) in zip(scores, made, strict=True)]
        told[way] = f"{np.mean(values):.3f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.3f}"
    return told


def main() -> None:
    """Measure the sets that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET", help=f"default: all of {', '.join(SETS)}")
    parser.add_argument("--seeds", type=int, default=5, help="of where the stretches are; at least 2")
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="of `train`; also several times")
    asked = parser.parse_args()
    for name in asked.sets:
        try:
            print(json.dumps(measure(name, asked.seeds, asked.set), ensure_ascii=False), flush=True)
        except MissingError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
