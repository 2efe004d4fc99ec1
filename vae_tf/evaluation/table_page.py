"""What the report says of a table of mixed columns."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from vae_tf.data.pipeline import gather_examples
from vae_tf.evaluation.assessment import Assessment, AssessmentSettings, Subject
from vae_tf.evaluation.column_nats import ColumnNats, least_learned, measure_column_nats
from vae_tf.evaluation.findings import Finding
from vae_tf.evaluation.generation import generate_examples
from vae_tf.evaluation.table_figures import association_figure, columns_figure, gains_figure
from vae_tf.evaluation.tables import Rows
from vae_tf.seeding import derive, derive_pair

__all__ = ["TablePage", "make_table_page"]

_NUM_ROWS, _NUM_MADE = 5000, 2000
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
    real, _ = gather_examples(subject.dataset, "train", _NUM_ROWS)
    z = subject.vae.latent.draw(max(_NUM_MADE, len(real)), derive_pair(subject.seed, "generate"))
    made = generate_examples(subject.vae, spec, z, derive(subject.seed, "generation"))
    nats = sorted(measure_column_nats(subject, settings), key=lambda column: -column.gain)
    title = f"Nats of a cell on the {settings.split} split, given z and by its column alone"
    return TablePage(
        figures=(
            (
                columns_figure(spec, spec.to_raw(real), spec.to_raw(made)),
                f"Every column, {len(real):,} training rows beside {len(made):,} made ones.",
            ),
            (association_figure(spec, real, made), "Which columns go together: canonical correlations."),
            *_gains(nats, assessment),
        ),
        tables=((title, {column.name: _nats_text(column) for column in nats}),),
        findings=(Finding("note", least_learned(nats)),),
    )


def _gains(nats: list[ColumnNats], assessment: Assessment) -> list[tuple[Figure, str]]:
    """Draw the columns of which most and of which least is learned."""
    shown, said = nats, "Every column: "
    if len(nats) > 2 * _MOST_SHOWN:
        shown, said = nats[:_MOST_SHOWN] + nats[-_MOST_SHOWN:], f"The {_MOST_SHOWN} highest and {_MOST_SHOWN} lowest columns: "
    paid = f"What z tells is paid once for all columns, the KL of {assessment.bounds.kl:.2f} nats a row."
    orange = " Orange: no gain that can be told from none." if any(column.is_drowned for column in shown) else ""
    caption = f"{said}how much likelier a cell is given z than by its column alone, ± two standard errors.{orange} {paid}"
    return [(gains_figure(shown), caption)]


def _nats_text(column: ColumnNats) -> str:
    given, alone = f"{column.given:.2f} ± {column.given_stderr:.2f}", f"{column.alone:.2f} ± {column.alone_stderr:.2f}"
    return f"{given}, alone {alone}: {column.gain:.2f} ± {column.gain_stderr:.2f} gained ({column.num_cells:,} cells)"
