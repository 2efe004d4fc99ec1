"""Tables and findings in the terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vae_tf.cli.common import numbers_table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from vae_tf.evaluation.assessment import Assessment
    from vae_tf.evaluation.findings import Finding

__all__ = ["assessment_lines", "finding_lines", "obvious_lines", "table"]

_NARROW = 17
"""Longest cell of a column that is never wrapped, such as `1.2345 ± 0.0123`."""
_MARKS = {"good": ("✓", "green"), "note": ("•", "cyan"), "warning": ("!", "yellow")}


def assessment_lines(title: str, assessment: "Assessment") -> "Iterator[Table | Text]":
    """Give a title, one table a part that was measured, and the findings."""
    from rich.text import Text

    from vae_tf.escaping import visible
    from vae_tf.evaluation.tables import assessment_tables, convergence_rows

    yield Text(visible(title), style="bold")
    for name, rows in assessment_tables(assessment):
        yield numbers_table(name, rows)
        if name.startswith("Bounds") and assessment.bounds.nll_at:
            yield table("NLL by the number of samples", ["samples", "nats"], convergence_rows(assessment.bounds))
    yield from finding_lines(assessment.findings)


def finding_lines(findings: "Iterable[Finding]") -> "Iterator[Text]":
    """Give each finding and its advice as lines."""
    from rich.text import Text

    from vae_tf.escaping import visible

    for finding in findings:
        yield Text.assemble(_MARKS[finding.level], " ", visible(finding.text))
        if finding.advice:
            yield Text(f"  → {visible(finding.advice)}", style="dim")


def obvious_lines(results: Mapping[str, Any]) -> dict[str, str]:
    """Return a row for every plain model in a run's results; none where the run is older than they."""
    from vae_tf.evaluation.obvious import read_obvious
    from vae_tf.evaluation.tables import obvious_brief

    return {f"beside {row.obvious.name}": obvious_brief(row) for row in read_obvious(results)}


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """Return a table with a header; all but the first column right-aligned. Where there is too little room, words are wrapped.

    A number is never cut: a column of short cells without room to spare keeps its width, and the first one gives way.
    """
    from rich.table import Table

    rows = list(rows)
    made = Table(title=title, title_justify="left")
    for index, name in enumerate(header):
        cells = [row[index] for row in rows]
        is_narrow = all(len(cell) <= _NARROW for cell in cells)
        is_one_word = not any(" " in cell for cell in cells)
        made.add_column(name, justify="right" if index else "left", no_wrap=is_narrow if index else is_one_word)
    for row in rows:
        made.add_row(*row)
    return made
