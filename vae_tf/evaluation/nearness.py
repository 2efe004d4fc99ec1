"""How near examples come to training examples: of tables, whether made rows give training rows away."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from vae_tf.data.cells import cells
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.bounds import stderr
from vae_tf.evaluation.features import row_map
from vae_tf.evaluation.uncertainty import errors_apart

__all__ = ["Nearness", "measure_nearness", "nearest_training"]

_MOST_TRAIN, _MOST_VALUES = 100_000, 2**25

_Row = tuple[str, ...]


@dataclass(frozen=True)
class Nearness:
    """Made rows and test rows beside training rows, as many of either.

    Attributes:
        made: mean distance of made rows to the nearest training row; copies are not counted. 0 where all are copies.
        made_stderr: its standard error.
        held_out: the same of test rows.
        held_out_stderr: its standard error.
        made_copies: share of made rows that read as a training row does, cell by cell.
        held_out_copies: the same of test rows.
        train_copies: share of training rows that read as another does: where equal rows are held out together, test rows are no
            copies, and this stands beside made rows.
        num_rows: made rows, and test rows.
        num_train: training rows among which the nearest was sought.
    """

    made: float
    made_stderr: float
    held_out: float
    held_out_stderr: float
    made_copies: float
    held_out_copies: float
    train_copies: float
    num_rows: int
    num_train: int

    @property
    def nearer(self) -> float:
        """By how many standard errors made rows are nearer than test rows; 0 where there are only copies of either."""
        if 1.0 in (self.made_copies, self.held_out_copies):
            return 0.0
        return (self.held_out - self.made) / max(float(np.hypot(self.made_stderr, self.held_out_stderr)), 1e-12)

    @property
    def real_copies(self) -> float:
        """Share of copies among real rows: the greater of the test rows' and the training rows' own."""
        return max(self.held_out_copies, self.train_copies)

    @property
    def more_copies(self) -> float:
        """By how many standard errors more made rows than real ones are copies; one of either more for these (Laplace)."""
        return errors_apart(self.made_copies, self.real_copies, self.num_rows)


def nearest_training(x: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Euclidean distance of every example to its nearest training example, [N], and that one's row, [N]."""
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train.reshape(len(train), -1))
    distances, rows = index.kneighbors(x.reshape(len(x), -1))
    return distances[:, 0], rows[:, 0]


def measure_nearness(spec: DatasetSpec, train: np.ndarray, test: np.ndarray, made: np.ndarray) -> Nearness:
    """Measure how near made rows are to training rows.

    The distance is that of `row_map`.

    Args:
        spec: of a table of mixed columns.
        train: training rows in the model's units, [N, D], NaN in gaps; the first 100,000 are used, of wide tables fewer.
        test: rows that the model has not seen, [M, D].
        made: rows that it made, with the gaps of test rows, or the two are not seen alike, [M, D] or more.
    """
    coded = row_map(spec, train)
    train = train[: max(1, min(_MOST_TRAIN, _MOST_VALUES // coded(train[:1]).shape[1]))]
    count = min(len(test), len(made))
    seen, known = coded(train), Counter(_texts(spec, train))
    repeated = sum(times for times in known.values() if times > 1) / len(train)
    found: dict[str, float] = {"train_copies": repeated}
    for name, rows in (("made", made[:count]), ("held_out", test[:count])):
        is_copy = np.array([row in known for row in _texts(spec, rows)])
        away = np.zeros(0) if is_copy.all() else nearest_training(coded(rows[~is_copy]), seen)[0]
        found[name], found[f"{name}_stderr"] = float(away.mean()) if len(away) else 0.0, stderr(away)
        found[f"{name}_copies"] = float(is_copy.mean())
    return Nearness(num_rows=count, num_train=len(train), **found)


def _texts(spec: DatasetSpec, rows: np.ndarray) -> list[_Row]:
    """Return rows as they are written."""
    raw = spec.to_raw(rows)
    return list(zip(*(cells(column, raw[:, place]) for place, column in enumerate(spec.columns)), strict=True))
