"""How good made rows of a table are: `python benchmarks/made_rows.py TABLE.csv`, in the environment of `make bench-peers`.

43,000 rows of the table (seed 0) are learned by the plain commands, `train --dataset csv:FILE` and `generate RUN --num 43000`,
in the project's own environment; made rows are measured on the others: SDMetrics' quality report, and R2 of one column by
gradient-boosted trees that learn from made rows. With --made, rows that something else made are measured.
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


def make(train: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return as many rows as were learned, and the seconds of the commands."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, program = Path(temporary), (str(ROOT / ".venv" / "bin" / "python"), str(ROOT / "run.py"))
        train.to_csv(folder / "train.csv", index=False)
        started = time.perf_counter()
        for command in (
            ("train", "--dataset", f"csv:{folder / 'train.csv'}", "--run-dir", str(folder / "run")),
            ("generate", str(folder / "run"), "--num", str(len(train)), "-o", str(folder / "made.csv")),
        ):
            subprocess.run([*program, *command], check=True, capture_output=True)
        return pd.read_csv(folder / "made.csv"), time.perf_counter() - started


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
    return {**scores, f"R2 of {target}": learner.score(z.drop(columns=target), z[target])}


def main() -> None:
    """Measure a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV; a first column without a name is left out")
    parser.add_argument("--target", default="price", help="the column that is told from the others")
    parser.add_argument("--made", type=Path, help="CSV of made rows; default: the plain commands make them")
    asked = parser.parse_args()
    table = pd.read_csv(asked.table)
    table = table.drop(columns=[name for name in table.columns[:1] if name.startswith("Unnamed")])
    order = np.random.default_rng(0).permutation(len(table))
    train, test = table.iloc[order[:NUM_LEARNED]], table.iloc[order[NUM_LEARNED:]]
    made, seconds = (pd.read_csv(asked.made), 0.0) if asked.made else make(train)
    print(json.dumps({**quality(made, test, asked.target), "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
