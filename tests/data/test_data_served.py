"""What a table's names and cells become at the door of a servable."""

import datetime
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_tf.data.csv_files import read_csv_rows
from vae_tf.data.served import own_names, served_cell, served_names
from vae_tf.errors import UserFileError, UserValueError


@given(st.lists(st.text(max_size=12), max_size=8))
def test_names_are_plain_words_and_different_with_all_that_belongs_to_them(names):
    served = served_names(names)
    assert len(served) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in served)
    outputs = [f"{start}{name}{end}".lower() for name in served for start, end in (("", ""), ("", "_nats"), ("", "_spread"))]
    assert len(set(outputs)) == len(outputs)


def test_plain_names_stay_and_answers_find_their_columns_again():
    names = ["a", "a_spread", "größe", "z"]
    served = served_names(names)
    assert served == ["a", "a_spread_2", "groe", "z_2"]
    own = own_names(["z", "z_2", "a_nats", "a_spread_2_nats", "a_spread", "groe"], dict(zip(served, names, strict=True)))
    assert own == {
        "z": "z",
        "a_nats": "a_nats",
        "a_spread": "a_spread",
        "a_spread_2_nats": "a_spread_nats",
        "groe": "größe",
        "z_2": "z",
    }


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ("39.1", "float64", 39.1),
        (3, "float64", 3.0),
        (Decimal("1.5"), "float64", 1.5),
        (12, "string", b"12"),
        (12.0, "string", b"12"),
        (False, "string", b"False"),
        (" red ", "string", b"red"),
        ("NA", "string", b""),
        (None, "string", b""),
        (float("nan"), "string", b""),
        (datetime.date(2020, 2, 3), "string", b"03.02.2020"),
        (datetime.datetime(2020, 2, 4, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))), "string", b"04.02.2020"),
    ],
)
def test_cells_of_files_become_what_a_signature_takes(value, dtype, expected):
    assert served_cell("a", value, dtype, form="%d.%m.%Y") == expected


@pytest.mark.parametrize("value", [None, "", "NA", "?", float("nan"), -999, "-999"])
def test_gaps_are_nan(value):
    from vae_tf.data.raw_column import GAPS

    assert np.isnan(served_cell("a", value, "float64", GAPS | {"-999"}))


@pytest.mark.parametrize("value", ["tall", True, [1.0]])
def test_what_is_no_number_is_named(value):
    with pytest.raises(UserValueError, match=r"Column 'a' must hold numbers. Received"):
        served_cell("a", value, "float64")


def test_rows_of_a_large_file_are_read_one_at_a_time_as_the_table_is_written(tmp_path):
    (tmp_path / "a.csv").write_text('size;"a word"\n1,5;"x;\ny"\n\n-2,25;3,5 kg\n', "utf-8-sig")
    assert list(read_csv_rows(tmp_path / "a.csv")) == [
        {"size": "1.5", "a word": "x;\ny"},
        {"size": "-2.25", "a word": "3,5 kg"},
    ]
    (tmp_path / "b.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(UserFileError, match="Expected 2 columns, got 1 on line 3"):
        list(read_csv_rows(tmp_path / "b.csv"))
    with pytest.raises(UserFileError, match=r"none\.csv"):
        list(read_csv_rows(tmp_path / "none.csv"))
