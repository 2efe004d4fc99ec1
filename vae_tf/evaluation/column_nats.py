"""What a model learned of every column of a table: nats of its cells given z, beside the column alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vae_tf.data.pipeline import eval_batches, gather_examples
from vae_tf.evaluation.assessment import AssessmentSettings, Subject
from vae_tf.evaluation.bounds import stderr
from vae_tf.evaluation.obvious import ObviousSettings, independent_nats
from vae_tf.evaluation.row_scores import RowScorer
from vae_tf.evaluation.uncertainty import with_error
from vae_tf.seeding import derive

__all__ = ["ColumnNats", "least_learned", "measure_column_nats", "summarize"]

_NUM_STDERR = 2.0


@dataclass(frozen=True)
class ColumnNats:
    """A column's cells, over those that are there.

    Attributes:
        name: of the column.
        given: mean -log p of a cell given z, in nats.
        given_stderr: its standard error.
        alone: what the column's own distribution gives the same cells: the plain model `independent columns`.
        alone_stderr: its standard error.
        gain: `alone` minus `given`: what the model knows of a cell by the rest of its row, and by z of the cell itself.
        gain_stderr: its standard error, paired by cell.
        num_cells: cells that were measured.
    """

    name: str
    given: float
    given_stderr: float
    alone: float
    alone_stderr: float
    gain: float
    gain_stderr: float
    num_cells: int

    @property
    def is_drowned(self) -> bool:
        """Whether the gain is less than two standard errors above 0: nothing that can be told is learned."""
        return self.gain <= _NUM_STDERR * self.gain_stderr


def measure_column_nats(subject: Subject, settings: AssessmentSettings) -> tuple[ColumnNats, ...]:
    """Measure every column of a table of mixed columns that has a cell in the split.

    z is drawn from q(z|x), which has seen the row: what it tells is paid once for all columns, by the KL.

    Args:
        subject: the model and its data.
        settings: which split, and how many of its examples.
    """
    available = subject.dataset.split(settings.split).num_examples
    count = min(settings.limit or available, available)
    batches = eval_batches(subject.dataset, settings.split, settings.batch_size, count)
    given = RowScorer(subject.vae).measure(batches, with_cells=True)["cells"]
    x, _ = gather_examples(subject.dataset, settings.split, count)
    asked = ObviousSettings(settings.split, derive(subject.seed, "obvious"))
    return summarize(subject.dataset.spec.feature_names, x, given, independent_nats(subject.vae, subject.dataset, x, asked))


def summarize(names: Sequence[str], x: np.ndarray, given: np.ndarray, alone: np.ndarray) -> tuple[ColumnNats, ...]:
    """Return the means of columns over the cells that are there.

    Args:
        names: D of them.
        x: rows [N, D], NaN in gaps.
        given: nats of every cell given z, [N, D].
        alone: nats of every cell by its column alone, [N, D].

    Example:
        >>> x = np.array([[0.0], [1.0], [np.nan]])
        >>> (column,) = summarize(("a",), x, np.array([[1.0], [2.0], [0.0]]), np.array([[2.0], [3.0], [0.0]]))
        >>> column.given, column.alone, column.gain, column.gain_stderr, column.num_cells
        (1.5, 2.5, 1.0, 0.0, 2)
    """
    found = []
    for place, name in enumerate(names):
        there = np.isfinite(x[:, place])
        if there.any():
            ours, plain = given[there, place].astype(np.float64), alone[there, place]
            means = {"given": ours, "alone": plain, "gain": plain - ours}
            measured = {key: float(values.mean()) for key, values in means.items()}
            errors = {f"{key}_stderr": stderr(values) for key, values in means.items()}
            found.append(ColumnNats(name, num_cells=int(there.sum()), **measured, **errors))
    return tuple(found)


def least_learned(columns: Sequence[ColumnNats]) -> str:
    """Say which column the model has learned least of, and which it has learned nothing of.

    No gain of two standard errors is none.

    Args:
        columns: one at least.

    Example:
        >>> known = ColumnNats("known", 0.1, 0.1, 1.1, 0.1, 1.0, 0.1, num_cells=90)
        >>> least_learned([known, ColumnNats("noise", 2.0, 0.1, 2.0, 0.1, 0.0, 0.1, num_cells=90)])
        "Least is learned of 'noise': 0.00 ± 0.10 nats a cell. 1 of 2 columns is no better known given z than by itself."
    """
    worst = min(columns, key=lambda column: column.gain)
    said = f"Least is learned of {worst.name!r}: {with_error(worst.gain, worst.gain_stderr, worst.num_cells)} nats a cell"
    drowned = sum(column.is_drowned for column in columns)
    if not drowned:
        return f"{said}. All {len(columns)} columns are better known given z than by themselves."
    verb, own = ("is", "itself") if drowned == 1 else ("are", "themselves")
    return f"{said}. {drowned} of {len(columns)} columns {verb} no better known given z than by {own}."
