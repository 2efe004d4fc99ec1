"""The engine of one process: read, ask, write, batch by batch."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import tensorflow as tf

from vae_tf.bulk.plan import Plan
from vae_tf.bulk.rows import read_rows
from vae_tf.data.row_files import Tell
from vae_tf.files import atomic_directory
from vae_tf.paths import plain_path

__all__ = ["run_local"]

_BATCH = 500


def run_local(plan: Plan, output: Path, advance: Callable[[int], None] | None = None, tell: Tell = lambda _: None) -> int:
    """Write the answers to all rows, in order, as one Parquet file in a folder; return how many.

    Args:
        plan: what to do.
        output: the folder; it appears when it is complete.
        advance: called with the rows of every batch.
        tell: is told what there is to be told of how files are read.
    """
    with plain_path(plan.model) as plain:
        function = tf.saved_model.load(plain).signatures[plan.signature]
    total, rows, file = 0, read_rows(plan.pattern, plan.in_time, plan.reading, tell), "part-00000-of-00001.parquet"
    with atomic_directory(output) as folder, pyarrow.parquet.ParquetWriter(folder / file, plan.schema) as writer:
        while batch := list(itertools.islice(rows, _BATCH)):
            answers = plan.ask(function, [plan.request(row) for row in batch])
            table = [plan.answer(row, outputs) for row, outputs in zip(batch, answers, strict=True)]
            writer.write_table(pa.Table.from_pylist(table, plan.schema))
            total += len(batch)
            if advance:
                advance(len(batch))
    return total
