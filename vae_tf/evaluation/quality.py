"""SDMetrics' quality report of made rows, where that library is installed: `pip install sdmetrics`."""

import importlib
import importlib.util
import warnings
from typing import Any

import numpy as np

from vae_tf.data.cells import as_cells
from vae_tf.data.spec import DatasetSpec

__all__ = ["quality_rows"]

_MOST_COLUMNS = 24


def quality_rows(spec: DatasetSpec, train: np.ndarray, test: np.ndarray, made: np.ndarray) -> dict[str, str]:
    """Return the scores of made rows and of as many test rows beside them, both against training rows; 1 is best.

    Args:
        spec: of a table of mixed columns, the first 24 of which are compared.
        train: raw training rows, [N, D], NaN in gaps.
        test: raw rows that the model has not seen, [M, D].
        made: raw rows that it made, with the gaps of test rows, [M, D] or more.

    Returns:
        Empty where SDMetrics is not installed.
    """
    if not importlib.util.find_spec("sdmetrics"):
        return {}
    count = min(len(test), len(made))
    real, *others = (_frame(spec, rows) for rows in (train, made[:count], test[:count]))
    made_scores, test_scores = (_scores(spec, real, other) for other in others)
    return {name: f"{score:.1%} (test rows: {test_scores[name]:.1%})" for name, score in made_scores.items()}


def _frame(spec: DatasetSpec, rows: np.ndarray) -> Any:
    """Return rows as a DataFrame; dates as numbers."""
    columns = spec.columns[:_MOST_COLUMNS]
    values = {one.name: rows[:, place] if one.is_date else as_cells(one, rows[:, place]) for place, one in enumerate(columns)}
    return importlib.import_module("pandas").DataFrame(values)


def _scores(spec: DatasetSpec, real: Any, other: Any) -> dict[str, float]:
    kinds = {one.name: {"sdtype": "categorical" if one.is_category else "numerical"} for one in spec.columns[:_MOST_COLUMNS]}
    with warnings.catch_warnings():  # of its next version, and of columns that it cannot correlate
        warnings.simplefilter("ignore")
        report = importlib.import_module("sdmetrics.reports.single_table").QualityReport()
        report.generate(real, other, {"columns": kinds}, verbose=False)
    properties = report.get_properties()
    named = zip(properties["Property"], properties["Score"], strict=True)
    return {**{name.lower(): float(score) for name, score in named}, "quality": float(report.get_score())}
