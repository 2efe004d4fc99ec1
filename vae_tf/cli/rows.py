"""New rows of a table, as `generate` writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_tf.cli.common import console
from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.training.runs import LoadedRun

__all__ = ["make_rows", "write_rows"]

_FEW = 50
"""Effective candidates below which rows that were asked for given some cells repeat each other."""


def make_rows(loaded: "LoadedRun", z: Any, given: Sequence[str], seed: tuple[int, int], beyond: bool) -> Any:
    """Draw rows of a table, raw [N, D].

    Args:
        loaded: a run on a table.
        z: one for every row, [N, size].
        given: cells that all rows have, `NAME=VALUE`.
        seed: a stateless seed.
        beyond: whether numbers may leave the range of the training rows.

    Raises:
        UserValueError: the run's data are no table, or `given` names no column or no cell of it.
    """
    from vae_tf.evaluation.made_rows import draw_given, draw_rows, given_row, within_range

    spec = loaded.spec
    if not spec.is_table:
        raise UserValueError(f"FILE.csv is for tables. {loaded.run.path} was trained on {spec.noun}.")
    if not given:
        x = draw_rows(loaded.vae, z, seed)
    else:
        if not spec.columns:
            raise UserValueError("--given needs a run on a table with words or gaps. Received: one of numbers.")
        row = given_row(spec, dict(_named(text) for text in given))
        x, effective = draw_given(loaded.vae, row, len(z), seed)
        if effective < min(_FEW, len(z)):
            console.print(
                f"Warning: such rows are rare under the model: these were drawn from about {effective:.0f} different ones.",
                style="yellow",
                highlight=False,
                soft_wrap=True,
            )
    raw = spec.to_raw(x)
    return raw if beyond or not spec.columns else within_range(spec, raw)


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserValueError(f"--given must be NAME=VALUE. Received: {text}.")
    return name, value


def write_rows(loaded: "LoadedRun", raw: Any, output: Path) -> None:
    """Write raw rows [N, D] as a table with the columns of the training data, each in its own way of writing."""
    from vae_tf.data.cells import cells
    from vae_tf.data.table_text import TextTable, write_texts

    spec = loaded.spec
    if spec.columns:
        names = [column.name for column in spec.columns]
        texts = [cells(column, raw[:, place]) for place, column in enumerate(spec.columns)]
    else:
        names = [*spec.feature_names] or [f"x{place}" for place in range(raw.shape[1])]
        texts = [[f"{value:.6g}" for value in column] for column in raw.T]
    write_texts(TextTable(names, [list(row) for row in zip(*texts, strict=True)]), output)
