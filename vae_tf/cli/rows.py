"""New rows of a table, as `generate` writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_tf.cli.common import console, open_data, warn
from vae_tf.errors import UserFileError, UserValueError

if TYPE_CHECKING:
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.training.runs import LoadedRun

__all__ = ["check_rows", "leave_gaps", "make_rows", "write_rows"]

_MOST_PATTERNS = 100_000
"""Training rows that gaps are taken from."""


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
    from vae_tf.evaluation.asked_rows import ask_rows

    check_rows(loaded)
    asked = ask_rows(loaded.vae, loaded.spec, z, dict(_named(text) for text in given), seed, beyond)
    if asked.warning:
        warn(asked.warning)
    return asked.raw


def check_rows(loaded: "LoadedRun", asked: str = "FILE.csv or FILE.parquet") -> None:
    """Check that a run has rows to write, for which `asked` is.

    Raises:
        UserValueError: its data are no table.
    """
    if not loaded.spec.is_table:
        raise UserValueError(f"{asked} is for tables. {loaded.run.path} was trained on {loaded.spec.noun}.")


def leave_gaps(loaded: "LoadedRun", raw: Any, given: Sequence[str], seed: int) -> Any:
    """Return raw rows [N, D] with cells empty as they are in the training rows, and say how.

    Every row takes the gaps of one training row, so that columns miss together as they do there; where the training data cannot
    be read, every column has gaps at its own rate. Cells that are given stay.

    Args:
        loaded: a run on a table.
        raw: rows that were made.
        given: cells that all rows have, `NAME=VALUE`.
        seed: of the draws.

    Raises:
        UserValueError: the training rows have no gaps.
    """
    from vae_tf.evaluation.gaps import draw_gaps, with_gaps
    from vae_tf.seeding import derive

    columns = loaded.spec.columns
    if not any(column.missing for column in columns):
        raise UserValueError(f"--gaps is for tables with gaps. The training rows of {loaded.run.path} have none.")
    known, said = _gaps_of_training(loaded)
    is_gap = draw_gaps(columns, known, len(raw), derive(seed, "gaps"))
    kept = {_named(text)[0] for text in given}
    is_gap[:, [column.name in kept for column in columns]] = False
    console.print(f"{is_gap.mean():.1%} of all cells are left empty: {said}.", soft_wrap=True)
    return with_gaps(raw, is_gap)


def _gaps_of_training(loaded: "LoadedRun") -> tuple[Any, str]:
    """Return where training rows have gaps, bool [N, D], or None if they cannot be read; and how gaps are drawn by that."""
    import numpy as np

    from vae_tf.data.pipeline import random_examples
    from vae_tf.seeding import derive_pair

    try:
        dataset = open_data(loaded)
    except (UserValueError, UserFileError) as error:
        return None, f"every column by itself, at its rate in the training rows, for these cannot be read ({error})"
    x, _ = random_examples(dataset, "train", _MOST_PATTERNS, derive_pair(0, "gaps"))
    return np.isnan(x), f"every row has the gaps of one of {len(x):,} training rows"


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserValueError(f"--given must be NAME=VALUE. Received: {text}.")
    return name, value


def write_rows(loaded: "LoadedRun", raw: Any, output: Path) -> None:
    """Write raw rows [N, D] as a table with the columns of the training data, in their own way of writing or types."""
    from vae_tf.data.kept import write_table
    from vae_tf.data.table_arrow import ARROW_SUFFIXES, ArrowTable, made_columns

    if output.suffix.lower() in ARROW_SUFFIXES:
        columns = made_columns(loaded.spec.columns, raw) if loaded.spec.columns else _plain_columns(loaded, raw)
        write_table(ArrowTable(columns), output)
        return
    from vae_tf.data.examples import cell_columns
    from vae_tf.data.table_text import TextTable, write_texts

    texts = cell_columns(loaded.spec, raw)
    write_texts(TextTable([*texts], [list(row) for row in zip(*texts.values(), strict=True)]), output)


def _plain_columns(loaded: "LoadedRun", raw: Any) -> Any:
    """Return rows of numbers as typed columns."""
    import pyarrow as pa

    return pa.Table.from_arrays([pa.array(column, pa.float64()) for column in raw.T], _names(loaded.spec, raw))


def _names(spec: "DatasetSpec", raw: Any) -> list[str]:
    return [*spec.feature_names] or [f"x{place}" for place in range(raw.shape[1])]
