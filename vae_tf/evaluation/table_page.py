"""What the report says of a table of mixed columns."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from vae_tf.data.pipeline import random_examples
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.assessment import Assessment, AssessmentSettings, Subject
from vae_tf.evaluation.column_nats import ColumnNats, least_learned, measure_column_nats
from vae_tf.evaluation.findings import Finding
from vae_tf.evaluation.gaps import gap_rates, miss_together, with_gaps
from vae_tf.evaluation.generation import generate_examples
from vae_tf.evaluation.made_rows import within_range
from vae_tf.evaluation.quality import quality_rows
from vae_tf.evaluation.table_figures import (
    MOST_ASSOCIATED,
    MOST_DRAWN,
    association,
    association_figure,
    association_rows,
    columns_figure,
    gains_figure,
)
from vae_tf.evaluation.tables import Rows
from vae_tf.evaluation.uncertainty import with_error
from vae_tf.seeding import derive, derive_pair

__all__ = ["TablePage", "make_table_page"]

_NUM_TRAIN, _NUM_ROWS, _NUM_MADE = 20_000, 5000, 2000
_MOST_SHOWN = 20


@dataclass(frozen=True)
class TablePage:
    """Parts of a page.

    Attributes:
        figures: with their captions.
        tables: titles and rows.
        findings: what the numbers mean.
    """

    figures: tuple[tuple[Figure, str], ...] = ()
    tables: tuple[tuple[str, Rows], ...] = ()
    findings: tuple[Finding, ...] = ()


def make_table_page(subject: Subject, assessment: Assessment, settings: AssessmentSettings) -> TablePage:
    """Measure and draw what there is to say of a table beside what is said of all data.

    Args:
        subject: a model of mixed columns and its data.
        assessment: its numbers.
        settings: which split, and how many of its examples.
    """
    spec = subject.dataset.spec
    train, _ = random_examples(subject.dataset, "train", _NUM_TRAIN, derive_pair(0, "table"))
    real = train[:_NUM_ROWS]
    z = subject.vae.latent.draw(max(_NUM_MADE, len(real)), derive_pair(subject.seed, "generate"))
    written = within_range(spec, spec.to_raw(generate_examples(subject.vae, spec, z, derive(subject.seed, "generation"))))
    made = spec.to_model(written)
    test, _ = random_examples(subject.dataset, "test", _NUM_MADE, derive_pair(0, "table"))
    associations = [association(spec, rows) for rows in (real, made)]
    together = association_rows(spec, *associations)
    which = "Every column" if len(spec.columns) <= MOST_DRAWN else f"The first {MOST_DRAWN} columns"
    nats = sorted(measure_column_nats(subject, settings), key=lambda column: -column.gain)
    title = f"Nats of a cell on the {settings.split} split, given z and by its column alone"
    return TablePage(
        figures=(
            (
                columns_figure(spec.columns, {"real": spec.to_raw(real), "made": written}),
                f"{which}, {len(real):,} training rows beside {len(made):,} made ones.",
            ),
            (
                association_figure(spec, *associations),
                _told({"Which columns go together": "canonical correlations", **together}),
            ),
            *_gains(nats, assessment),
        ),
        tables=(
            (title, {column.name: _nats_text(column) for column in nats}),
            *_gaps(spec, train),
            *_associations(spec, together),
            *_quality(spec, real, test, made),
        ),
        findings=(Finding("note", least_learned(nats)),) if nats else (),
    )


def _gaps(spec: DatasetSpec, train: np.ndarray) -> list[tuple[str, Rows]]:
    """Return tables of what is missing, and of what misses together; none where nothing does."""
    tables = {
        "Missing in training rows": gap_rates(spec.columns),
        "Missing together, in training rows": miss_together(spec.feature_names, np.isnan(train)),
    }
    return [(title, rows) for title, rows in tables.items() if rows]


def _quality(spec: DatasetSpec, real: np.ndarray, test: np.ndarray, made: np.ndarray) -> list[tuple[str, Rows]]:
    """Return SDMetrics' table, where that library is installed."""
    seen = with_gaps(made, np.resize(np.isnan(test), made.shape))
    rows = quality_rows(spec, *(spec.to_raw(x) for x in (real, test, seen)))
    return [("SDMetrics' quality report of made rows; 100% is best", rows)] if rows else []


def _associations(spec: DatasetSpec, rows: Rows) -> list[tuple[str, Rows]]:
    """Return a table of how alike columns go together; none for one column."""
    title = "Which columns go together: canonical correlations, of numbers the size of the correlation"
    title += f" (the first {MOST_ASSOCIATED:,} columns)" if len(spec.columns) > MOST_ASSOCIATED else ""
    return [(title, rows)] if rows else []


def _told(rows: Rows) -> str:
    """Return rows as sentences."""
    return " ".join(f"{name[0].upper()}{name[1:]}: {value}." for name, value in rows.items())


def _gains(nats: list[ColumnNats], assessment: Assessment) -> list[tuple[Figure, str]]:
    """Draw the columns of which most and of which least is learned."""
    if not nats:
        return []
    shown, said = nats, "Every column: "
    if len(nats) > 2 * _MOST_SHOWN:
        shown, said = nats[:_MOST_SHOWN] + nats[-_MOST_SHOWN:], f"The {_MOST_SHOWN} highest and {_MOST_SHOWN} lowest columns: "
    paid = f"What z tells is paid once for all columns, the KL of {assessment.bounds.kl:.2f} nats a row."
    orange = " Orange: no gain that can be told from none." if any(column.is_drowned for column in shown) else ""
    caption = f"{said}how much likelier a cell is given z than by its column alone, ± two standard errors.{orange} {paid}"
    return [(gains_figure(shown), caption)]


def _nats_text(column: ColumnNats) -> str:
    given, alone, gain = (
        with_error(getattr(column, key), getattr(column, f"{key}_stderr"), column.num_cells)
        for key in ("given", "alone", "gain")
    )
    return f"{given}, alone {alone}: {gain} gained ({column.num_cells:,} cells)"
