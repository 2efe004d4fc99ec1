"""Cross-validation: one training a fold, so that every example is a test example once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.config import RunConfig
from vae_tf.errors import UserValueError
from vae_tf.evaluation.obvious import ObviousComparison, judge, read_obvious
from vae_tf.files import write_record
from vae_tf.training.sessions import train_and_measure

__all__ = ["CrossValidation", "cross_validate", "fold_config", "pool"]

_MEASURES = ("negative_elbo", "nll")


@dataclass(frozen=True)
class CrossValidation:
    """What the folds give together.

    Attributes:
        folds: each one's `results.json`.
        num_examples: of all folds' test splits: all there are.
        means: over all examples, by measure, nats; none of those that a model has not.
        stderrs: their standard errors over examples.
        spreads: standard deviations of the folds' means: what another split or start changes.
        obvious: beside the plain models, which every fold fits anew.
    """

    folds: tuple[Mapping[str, Any], ...]
    num_examples: int
    means: dict[str, float]
    stderrs: dict[str, float]
    spreads: dict[str, float]
    obvious: tuple[ObviousComparison, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        rows = [asdict(row) for row in self.obvious]
        numbers = {"means": self.means, "stderrs": self.stderrs, "spreads": self.spreads}
        return {"num_examples": self.num_examples, **numbers, "obvious": rows, "folds": list(self.folds)}


def fold_config(config: RunConfig, number: int, total: int) -> RunConfig:
    """Return a run's configuration with one of equal parts of all examples as its test split.

    Raises:
        UserValueError: there are too few folds.
    """
    if total < 2:
        raise UserValueError(f"--folds must be at least 2. Received: {total}.")
    data = config.data.model_copy(update={"fold": (number, total), "train_on_validation": False})
    return config.model_copy(update={"data": data})


def cross_validate(config: RunConfig, folder: Path, total: int, console: Console) -> CrossValidation | None:
    """Train a configuration once a fold, each in a run of its own, and put the numbers together.

    Folds that are done already are not trained again, one that was stopped goes on.

    Args:
        config: a run's, of which nothing is open.
        folder: where the folds' runs are, `1-of-N` and so on.
        total: N, how many folds.
        console: where progress is shown.

    Returns:
        None where a signal ended it before its time.

    Raises:
        UserValueError: the data have a test split of their own, or fewer examples or groups than folds.
    """
    found = []
    for number in range(1, total + 1):
        run = RunDirectory(folder / f"{number}-of-{total}")
        results = run.read_results()
        if results is None:
            console.print(f"Fold {number} of {total}", highlight=False, style="bold")
            has_begun = run.config_file.exists()
            results = train_and_measure(fold_config(config, number, total), run, console, resume=has_begun).results
        if results is None:
            return None
        found.append(results)
    together = _together(found)
    write_record(folder / f"folds-{total}.json", together.to_json())
    return together


def pool(counts: Sequence[int], means: Sequence[float], stderrs: Sequence[float]) -> tuple[float, float]:
    """Return the mean over the examples of several samples, and its standard error, from those of each.

    Args:
        counts: examples of each sample.
        means: of each.
        stderrs: of each mean.

    Example:
        >>> mean, stderr = pool([2, 2], [1.5, 3.5], [0.5, 0.5])  # of 1, 2 and 3, 4
        >>> mean, round(stderr, 4), round(float(np.std([1, 2, 3, 4], ddof=1) / 2), 4)
        (2.5, 0.6455, 0.6455)
    """
    sizes, centers, errors = (np.asarray(values, np.float64) for values in (counts, means, stderrs))
    total = sizes.sum()
    mean = float(sizes @ centers / total)
    squares = float(((sizes - 1) * sizes * errors**2).sum() + sizes @ (centers - mean) ** 2)
    return mean, math.sqrt(squares / max(total - 1, 1) / total)


def _together(found: Sequence[Mapping[str, Any]]) -> CrossValidation:
    counts = [int(one["num_examples"]) for one in found]
    measures = [name for name in _MEASURES if all(one[name] is not None for one in found)]
    pooled = {name: pool(counts, [one[name] for one in found], [one[f"{name}_stderr"] for one in found]) for name in measures}
    return CrossValidation(
        tuple(found),
        sum(counts),
        {name: mean for name, (mean, _) in pooled.items()},
        {name: stderr for name, (_, stderr) in pooled.items()},
        {name: float(np.std([one[name] for one in found], ddof=1)) for name in measures},
        tuple(_beside(rows, counts) for rows in zip(*(read_obvious(one) for one in found), strict=False)),
    )


def _beside(rows: Sequence[ObviousComparison], counts: Sequence[int]) -> ObviousComparison:
    """Return one comparison of those of all folds."""
    own = float(np.average([row.ours for row in rows], weights=counts))
    errors = [row.stderr for row in rows]
    difference, stderr = pool(counts, [row.difference for row in rows], [error or 0.0 for error in errors])
    value, error = pool(counts, [row.obvious.value for row in rows], [row.obvious.stderr or 0.0 for row in rows])
    name = " ".join(map(_common, zip(*(row.obvious.name.split() for row in rows), strict=False)))
    obvious = replace(rows[0].obvious, name=name, value=value, stderr=error, note="")
    return judge(obvious, own, difference, None if None in errors else stderr)


def _common(words: Sequence[str]) -> str:
    """Return a word that all folds have; of numbers that differ, from the least to the greatest.

    Example:
        >>> _common(("of", "of")), _common(("2", "4", "2"))
        ('of', '2 to 4')
    """
    numbers = sorted({int(word) for word in words if word.isdigit()})
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else words[0]
