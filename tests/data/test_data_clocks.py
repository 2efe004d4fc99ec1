"""Rows in time that are learned one by one are said to be in time, with the setting that makes windows of them."""

import re

import numpy as np
import pyarrow as pa
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.raw_table import Table
from vae_tf.data.table import make_table_dataset

RNG = np.random.default_rng(0)
HOURS = [f"{hour}:00".replace("T", " ") for hour in np.arange("2024-01-01T00", "2024-02-19T00", dtype="datetime64[h]")]
"""1,176 hours on end."""


def _told(table, **settings):
    dataset = make_table_dataset({"train": Table(pa.table(table), "toy", str)}, DataConfig(dataset="csv:toy.csv", **settings))
    return [note.text for note in dataset.notes if "rows in time?" in note.text]


def _numbers(count=1176):
    return RNG.normal(size=count)


@pytest.mark.parametrize(
    ("clock", "window"),
    [
        (HOURS, 24),
        ([hour[:10] for hour in HOURS[::24]] * 24, None),  # 24 rows of every day, and nothing says whose
        (np.arange("2024-01-01", "2027-03-22", dtype="datetime64[D]"), 28),
        ([f"{1950 + row // 12}-{1 + row % 12:02d}-01" for row in range(1176)], 12),
        (1749 + np.arange(1176) / 12, 12),
        ([f"{1950 + row // 12}-{1 + row % 12:02d}" for row in range(1176)], 12),
        ([f"{1950 + row // 4} Q{1 + row % 4}" for row in range(1176)], 8),
        ([(1950 + row // 12) * 100 + 1 + row % 12 for row in range(1176)], 12),
        (np.arange(1176), 16),
        (RNG.permutation(np.arange("2024-01-01", "2027-03-22", dtype="datetime64[D]")), None),
        (np.cumsum(RNG.exponential(size=1176)), None),
    ],
    ids=[
        "hours",
        "days that come again",
        "days",
        "months",
        "parts of years",
        "years and months",
        "quarters",
        "months as numbers",
        "numbered",
        "in no order",
        "at random",
    ],
)
def test_a_clock_is_found_by_its_steps(clock, window):
    told = _told({"time": clock, "load": _numbers(), "heat": _numbers()})
    assert [re.findall(r"data\.window=(\d+)", text) for text in told] == ([] if window is None else [[str(window)]])


def test_what_it_advises_is_what_makes_windows(tmp_path):
    names, words = np.repeat(["pump 1", "pump 2"], 588), np.where(_numbers() > 0, "on", "off")
    rows = zip(HOURS[:588] * 2, names, words, _numbers(), strict=True)
    (tmp_path / "a.csv").write_text("when,machine,state,load\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
    config = DataConfig(dataset=f"csv:{tmp_path / 'a.csv'}")
    (note,) = [note.text for note in load_dataset(config).notes if "rows in time?" in note.text]
    assert note == (
        f"{tmp_path / 'a.csv'}: 'when' rises by the same step from row to row in every 'machine': rows in time? Each is "
        "learned by itself. data.window=24 with data.series_column=machine learns windows of 24 rows on end, for forecasts and "
        "alarms. "
        "Windows have no words: data.columns.state=drop."
    )
    windows = load_dataset(config.model_copy(update={"window": 24, "series_column": "machine", "columns": {"state": "drop"}}))
    assert windows.spec.event_shape == (24, 1)
    assert not any("rows in time?" in note.text for note in windows.notes)


@pytest.mark.parametrize("settings", [{"window": 24}, {"columns": {"time": "drop"}}])
def test_who_has_said_it_is_not_asked(settings):
    assert _told({"time": HOURS, "load": _numbers(), "heat": _numbers()}, **settings) == []


def test_too_few_rows_for_windows_are_passed_over():
    assert _told({"year": range(1950, 1980), "load": _numbers(30)}) == []
    assert len(_told({"year": range(1950, 1990), "load": _numbers(40)})) == 1


def test_where_nothing_is_held_out_a_window_is_a_period():
    table = Table(pa.table({"year": range(1950, 1990), "load": _numbers(40)}), "toy", str)
    config = DataConfig(dataset="csv:toy.csv").model_copy(update={"validation_fraction": 0.0, "test_fraction": 0.0})
    assert any("data.window=16 " in note.text for note in make_table_dataset({"train": table}, config).notes)


def test_numbers_may_be_dates():
    days = [int(day.replace("-", "")) for day in map(str, np.arange("2024-01-01", "2024-12-31", dtype="datetime64[D]"))]
    (told,) = _told({"date": days, "load": _numbers(365)})
    assert "data.window=28 " in told
