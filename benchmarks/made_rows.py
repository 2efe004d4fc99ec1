"""How good made rows of a table are: `python benchmarks/made_rows.py TABLE.csv`, in the environment of `make bench-peers`.

43,000 rows of the table (seed 0) are learned by the plain commands, `train --dataset csv:FILE` and `generate RUN --num 43000`,
in the project's own environment; made rows are measured on the others: SDMetrics' quality report, R2 of one column by
gradient-boosted trees that learn from made rows, and the mean absolute correlation of pairs of numbers. Scores are the mean,
the least and the greatest over seeds and draws; the rows that were learned stand beside, as made rows no model can beat. With
--made, rows that something else made are measured.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sdmetrics.reports.single_table import QualityReport
from sklearn.ensemble import HistGradientBoostingRegressor

ROOT = Path(__file__).resolve().parents[1]
NUM_LEARNED = 43_000


def run(*arguments: str) -> None:
    """Run a command of the project, in its own environment."""
    program = (str(ROOT / ".venv" / "bin" / "python"), str(ROOT / "run.py"))
    subprocess.run([*program, *arguments], check=True, capture_output=True)


def make(train: pd.DataFrame, seed: int, draws: int) -> tuple[list[pd.DataFrame], float]:
    """Return draws of as many rows as were learned, and the seconds of training and of the first draw."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, made, seconds = Path(temporary), [], 0.0
        train.to_csv(folder / "train.csv", index=False)
        started = time.perf_counter()
        run("train", "--dataset", f"csv:{folder / 'train.csv'}", "--run-dir", str(folder / "run"), "--seed", str(seed))
        for draw in range(draws):
            file = folder / f"made-{draw}.csv"
            run("generate", str(folder / "run"), "--num", str(len(train)), "--seed", str(draw), "-o", str(file))
            seconds = time.perf_counter() - started if draw == 0 else seconds
            made.append(pd.read_csv(file))
        return made, seconds


def quality(made: pd.DataFrame, test: pd.DataFrame, target: str) -> dict[str, float]:
    """Return the report's scores of made rows, and R2 of the target."""
    words = [name for name in test if not pd.api.types.is_numeric_dtype(test[name])]
    kinds = {name: {"sdtype": "categorical" if name in words else "numerical"} for name in test}
    report = QualityReport()
    report.generate(test, made[list(test)], {"columns": kinds}, verbose=False)
    known = {name: sorted(test[name].dropna().unique()) for name in words}
    x, z = (rows.assign(**{name: pd.Categorical(rows[name], known[name]).codes for name in words}) for rows in (made, test))
    learner = HistGradientBoostingRegressor(random_state=0).fit(x[list(test)].drop(columns=target), x[target])
    scores = report.get_properties().set_index("Property")["Score"].to_dict()
    numbers = [name for name in test if name not in words]
    r2 = learner.score(z.drop(columns=target), z[target])
    return {**scores, f"R2 of {target}": r2, "mean correlation": mean_correlation(made[numbers])}


def mean_correlation(numbers: pd.DataFrame) -> float:
    """Return the mean absolute correlation of pairs of columns: pair trends are moved by one odd row, this is not."""
    found = np.abs(numbers.corr().to_numpy())
    return float(found[np.triu_indices(len(found), 1)].mean())


def told(found: list[dict[str, float]]) -> dict[str, list[float]]:
    """Return mean, least and greatest of every score."""
    return {name: np.round([f([one[name] for one in found]) for f in (np.mean, min, max)], 4).tolist() for name in found[0]}


def main() -> None:
    """Measure a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV; a first column without a name is left out")
    parser.add_argument("--target", default="price", help="the column that is told from the others")
    parser.add_argument("--seeds", type=int, default=3, help="models that are trained")
    parser.add_argument("--draws", type=int, default=3, help="draws of rows of every model")
    parser.add_argument("--made", type=Path, help="CSV of made rows; default: the plain commands make them")
    asked = parser.parse_args()
    table = pd.read_csv(asked.table)
    table = table.drop(columns=[name for name in table.columns[:1] if name.startswith("Unnamed")])
    order = np.random.default_rng(0).permutation(len(table))
    train, test = table.iloc[order[:NUM_LEARNED]], table.iloc[order[NUM_LEARNED:]]
    print(json.dumps({"real rows": quality(train, test, asked.target)}), flush=True)
    if asked.made:
        print(json.dumps({str(asked.made): quality(pd.read_csv(asked.made), test, asked.target)}))
        return
    found = []
    for seed in range(asked.seeds):
        made, seconds = make(train, seed, asked.draws)
        scores = [quality(rows, test, asked.target) for rows in made]
        print(json.dumps({"seed": seed, **told(scores), "seconds": round(seconds, 1)}), flush=True)
        found += scores
    print(json.dumps({"vae_tf": told(found)}))


if __name__ == "__main__":
    main()
