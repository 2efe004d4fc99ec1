"""What is refused, or may be other than it was taken for, is said with what helps."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.errors import UserError

NUMBERS = np.random.default_rng(0).normal(size=40)


def _rows(write):
    return "".join(f"{write(row)},{value:.3f}\n" for row, value in enumerate(NUMBERS))


CSV = {
    "one row is longer": ("a,b\n" + _rows(lambda row: "1,2" if row == 30 else "1"), "Give every row as many cells"),
    "a comment above": ("# by a program\na,b\n" + _rows(str), "remove lines that are no rows"),
    "marks between thousands": ("a,b\n" + _rows(lambda row: f"${row + 1},000.5"), "quote cells that hold the separator"),
    "infinite": ("a,b\n" + _rows(lambda row: "inf" if row == 7 else row), "leave the cell empty"),
}


@pytest.mark.parametrize("case", CSV)
def test_tables_that_are_refused(case, tmp_path):
    content, advice = CSV[case]
    (tmp_path / "t.csv").write_text(content, "utf-8")
    with pytest.raises(UserError, match=advice) as raised:
        load_dataset(DataConfig(dataset=f"csv:{tmp_path / 't.csv'}"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "cells",
    [[[1, 2]] * 40, [{"x": 1}] * 40, [b"\xff"] * 40, [datetime.timedelta(seconds=1)] * 40],
    ids=lambda c: type(c[0]).__name__,
)
def test_a_column_of_another_type_can_be_left_out_as_told(cells, tmp_path):
    pq.write_table(pa.table({"a": cells, "b": NUMBERS}), tmp_path / "t.parquet")
    config = DataConfig(dataset=f"csv:{tmp_path / 't.parquet'}")
    with pytest.raises(UserError, match=r"data\.columns\.a=drop"):
        load_dataset(config)
    assert load_dataset(config.model_copy(update={"columns": {"a": "drop"}})).spec.event_shape == (1,)


@pytest.mark.parametrize(("forms", "is_told"), [(2, True), (1, False)])
def test_dates_in_several_forms_are_pointed_out(forms, is_told, tmp_path):
    days = [(f"{1 + row % 4:02d}.03.2020", f"2020-03-{1 + row % 4:02d}")[row % forms] for row in range(40)]
    (tmp_path / "t.csv").write_text("day,b\n" + _rows(days.__getitem__), "utf-8")
    notes = load_dataset(DataConfig(dataset=f"csv:{tmp_path / 't.csv'}")).notes
    assert any("dates in several forms" in note.text and note.is_warning for note in notes) is is_told
