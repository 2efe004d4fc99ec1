"""Cells hidden at random, filled in by the plain commands, beside scikit-learn: `python benchmarks/imputation.py TABLE.csv`.

`train --dataset csv:FILE` and `impute RUN --data FILE` on the table with holes; IterativeImputer on standardised numbers and on
words as dummies, one of each column dropped; means and the commonest words. Prints one JSON line a share of hidden cells: the
root mean square error of hidden numbers in standard deviations, the accuracy of hidden words, mean over seeds.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
from sklearn.impute import IterativeImputer

ROOT = Path(__file__).resolve().parents[1]
GAPS = ("", "NA")


def read(path: Path) -> tuple[list[str], np.ndarray]:
    """Return the header and the cells, text [N, D]."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    cells = np.array(rows, object)
    return header, np.where(np.isin(cells, GAPS), "", cells)


def write(path: Path, header: list[str], cells: np.ndarray) -> None:
    """Write a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *cells.tolist()])


def is_number(column: np.ndarray) -> bool:
    """Return whether all cells that are there are numbers."""
    try:
        column[column != ""].astype(float)
    except ValueError:
        return False
    return True


def ours(header: list[str], holed: np.ndarray, seed: int) -> np.ndarray:
    """Return the cells that the plain commands fill in."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(folder / "holed.csv", header, holed)
        train = ("train", "--dataset", f"csv:{folder / 'holed.csv'}", "--run-dir", str(folder / "run"), "--seed", str(seed))
        fill = ("impute", str(folder / "run"), "--data", str(folder / "holed.csv"), "-o", str(folder / "filled.csv"))
        for command in (train, fill):
            subprocess.run([sys.executable, str(ROOT / "run.py"), *command], check=True, capture_output=True)
        return read(folder / "filled.csv")[1]


def plain(holed: np.ndarray, numeric: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return the cells that scikit-learn and the means and commonest words fill in."""
    blocks, modes = [], holed.copy()
    for place, column in enumerate(holed.T):
        there = column != ""
        if numeric[place]:
            values = np.full(len(column), np.nan)
            values[there] = column[there].astype(float)
            modes[~there, place] = str(np.nanmean(values))
            blocks.append(((values - np.nanmean(values)) / np.nanstd(values))[:, np.newaxis])
            continue
        words, counts = np.unique(column[there].astype(str), return_counts=True)
        modes[~there, place] = words[np.argmax(counts)]
        blocks.append(np.where(there[:, np.newaxis], column[:, np.newaxis] == words[1:], np.nan).astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filled = IterativeImputer(max_iter=20, random_state=seed).fit_transform(np.concatenate(blocks, axis=1))
    parts = np.split(filled, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
    iterative = holed.copy()
    for place, part in enumerate(parts):
        gone = holed[:, place] == ""
        there = holed[~gone, place]
        if numeric[place]:
            values = there.astype(float)
            found = (part[:, 0] * values.std() + values.mean()).astype(str)
        else:
            words = np.unique(there.astype(str))
            found = words[np.concatenate([1.0 - part.sum(axis=1, keepdims=True), part], axis=1).argmax(axis=1)]
        iterative[gone, place] = found[gone]
    return {"IterativeImputer": iterative, "mean and commonest word": modes}


def errors(cells: np.ndarray, filled: np.ndarray, hidden: np.ndarray, numeric: np.ndarray) -> tuple[float, float]:
    """Return the error of numbers and the accuracy of words over hidden cells."""
    squares, right = [], []
    for place in range(cells.shape[1]):
        own, gone = cells[:, place], hidden[:, place]
        if numeric[place]:
            spread = own[own != ""].astype(float).std()
            squares.append(((filled[gone, place].astype(float) - own[gone].astype(float)) / spread) ** 2)
        else:
            right.append(filled[gone, place] == own[gone])
    return float(np.sqrt(np.mean(np.concatenate(squares)))), float(np.mean(np.concatenate(right)))


def measure(header: list[str], cells: np.ndarray, share: float, seeds: int) -> Mapping[str, object]:
    """Hide a share of the cells, fill them in every way, and return the mean errors."""
    numeric = np.array([is_number(column) for column in cells.T])
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        hidden = (np.random.default_rng(seed).random(cells.shape) < share) & (cells != "")
        holed = np.where(hidden, "", cells)
        for name, filled in {"vae_tf": ours(header, holed, seed), **plain(holed, numeric, seed)}.items():
            found.setdefault(name, []).append(errors(cells, filled, hidden, numeric))
    return {"hidden": share, **{name: np.round(np.mean(pairs, axis=0), 3).tolist() for name, pairs in found.items()}}


def main() -> None:
    """Measure a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV with a header; empty cells and NA are gaps")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.3, 0.5], help="of the cells that are hidden")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    header, cells = read(asked.table)
    for share in asked.shares:
        print(json.dumps(measure(header, cells, share, asked.seeds)), flush=True)


if __name__ == "__main__":
    main()
