"""Cells hidden at random, filled in by the plain commands, beside scikit-learn: `python benchmarks/imputation.py TABLE.csv`.

`train --dataset csv:FILE` and `impute RUN --data FILE` on the table with holes; IterativeImputer on standardised numbers and on
words as dummies, one of each column dropped; means and the commonest words. Prints one JSON line a share of hidden cells: the
root mean square error of hidden numbers in standard deviations, the accuracy of hidden words, mean over seeds, and of ours less
the others' with the standard error over seeds; of ours also the share of hidden numbers within the range of 20 draws, 19 of 21
if calibrated, and -log p of a hidden cell given the others.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
from sklearn.impute import IterativeImputer

ROOT = Path(__file__).resolve().parents[1]
GAPS = ("", "NA")
DRAWS = 20


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


class Ours(NamedTuple):
    """What the plain commands make of a table with holes.

    Attributes:
        filled: the cells.
        drawn: the cells of several imputations, [M, N, D].
        nats: -log p of what was hidden given the rest, summed over all rows.
    """

    filled: np.ndarray
    drawn: np.ndarray
    nats: float


def ours(header: list[str], cells: np.ndarray, holed: np.ndarray, train: Sequence[str]) -> Ours:
    """Train on the table with holes, fill them in, and score the table with and without them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = {name: str(folder / f"{name}.csv") for name in ("whole", "holed", "filled", "drawn", "a", "b")}
        write(folder / "whole.csv", header, cells)
        write(folder / "holed.csv", header, holed)
        run = str(folder / "run")
        for command in (
            ("train", "--dataset", f"csv:{files['holed']}", "--run-dir", run, *train),
            ("impute", run, "--data", files["holed"], "-o", files["filled"]),
            ("impute", run, "--data", files["holed"], "-o", files["drawn"], "--draws", str(DRAWS)),
            ("score", run, "--data", f"csv:{files['whole']}", "-o", files["a"]),
            ("score", run, "--data", f"csv:{files['holed']}", "-o", files["b"]),
        ):
            subprocess.run([sys.executable, str(ROOT / "run.py"), *command], check=True, capture_output=True)
        drawn = np.stack([read(folder / f"drawn-{number}.csv")[1] for number in range(1, DRAWS + 1)])
        whole, rest = (np.genfromtxt(files[name], delimiter=",", names=True)["nll"].sum() for name in ("a", "b"))
        return Ours(read(folder / "filled.csv")[1], drawn, float(whole - rest))


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


def covered(cells: np.ndarray, drawn: np.ndarray, hidden: np.ndarray, numeric: np.ndarray) -> float:
    """Return the share of hidden numbers between the least and the greatest of their draws."""
    is_wanted = hidden & numeric
    own, draws = cells[is_wanted].astype(float), drawn[:, is_wanted].astype(float)
    return float(np.mean((draws.min(axis=0) <= own) & (own <= draws.max(axis=0))))


def measure(header: list[str], cells: np.ndarray, share: float, asked: argparse.Namespace) -> Mapping[str, object]:
    """Hide a share of the cells, fill them in every way, and return the mean errors."""
    numeric = np.array([is_number(column) for column in cells.T])
    found: dict[str, list[tuple[float, float]]] = {}
    inside, nats = [], []
    settings = [text for one in asked.set for text in ("--set", one)]
    for seed in range(asked.seeds):
        hidden = (np.random.default_rng(seed).random(cells.shape) < share) & (cells != "")
        holed = np.where(hidden, "", cells)
        made = ours(header, cells, holed, ["--seed", str(seed), *settings])
        inside.append(covered(cells, made.drawn, hidden, numeric))
        nats.append(made.nats / hidden.sum())
        for name, filled in {"vae_tf": made.filled, **plain(holed, numeric, seed)}.items():
            found.setdefault(name, []).append(errors(cells, filled, hidden, numeric))
    told = {name: np.round(np.mean(pairs, axis=0), 3).tolist() for name, pairs in found.items()}
    own = np.array(found.pop("vae_tf"))
    for name, pairs in found.items() if asked.seeds > 1 else ():
        differences = own - np.array(pairs)
        stderrs = differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
        means = differences.mean(axis=0)
        told[f"less {name}"] = [f"{mean:.3f} ± {stderr:.3f}" for mean, stderr in zip(means, stderrs, strict=True)]
    return {"hidden": share, **told, "covered": round(float(np.mean(inside)), 3), "nats a cell": round(float(np.mean(nats)), 3)}


def main() -> None:
    """Measure a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV with a header; empty cells and NA are gaps")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.3, 0.5], help="of the cells that are hidden")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="of `train`; also several times")
    asked = parser.parse_args()
    header, cells = read(asked.table)
    for share in asked.shares:
        print(json.dumps(measure(header, cells, share, asked)), flush=True)


if __name__ == "__main__":
    main()
