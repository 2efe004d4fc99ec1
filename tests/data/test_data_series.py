"""Series as people have them: steps that are not even, windows that do not fit, columns without spread, gaps."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset, probe
from vae_tf.data.loading import load_examples
from vae_tf.data.memory import in_memory
from vae_tf.errors import UserValueError

TIMES = np.arange(200) * 0.5
WAVE = np.sin(np.arange(200) / 3)


def _csv(columns, folder, **settings):
    lines = [",".join(columns), *(",".join(f"{value:.6g}" for value in row) for row in zip(*columns.values(), strict=True))]
    (folder / "s.csv").write_text("\n".join(lines) + "\n")
    return DataConfig(dataset=f"csv:{folder / 's.csv'}", window=8, **settings)


def _npz(columns, folder, **settings):
    np.savez(folder / "s.npz", x=np.stack([*columns.values()], axis=1))
    return DataConfig(dataset=f"npz:{folder / 's.npz'}", window=8, **settings)


def _memory(columns, folder, **settings):
    return DataConfig(dataset="memory:series", window=8, **settings)


LOADERS = pytest.mark.parametrize("write", [_csv, _npz, _memory])


def _load(write, columns, folder, **settings):
    config = write(columns, folder, **settings)
    with in_memory(np.stack([*columns.values()], axis=1)):
        return load_dataset(config), config


def _told(write, columns, folder, **settings):
    dataset, config = _load(write, columns, folder, **settings)
    return [text for text in probe(dataset, "gaussian", config) if "rises all along" in text or "never change" in text]


@LOADERS
def test_steps_that_are_not_even_are_told(write, tmp_path):
    uneven = TIMES + np.where(np.arange(200) >= 120, 30.0, 0.0)
    (text,) = _told(write, {"pressure": uneven, "value": WAVE}, tmp_path)
    assert "mostly 0.5, from 0.5 to 30.5 (after row 119)" in text
    assert ("pressure" if write is _csv else "number 0") in text
    assert _told(write, {"pressure": TIMES, "value": WAVE}, tmp_path) == []


_DAYS = [float(f"{date(2023, 11, 1) + timedelta(days=day):%Y%m%d}") for day in range(200)]
CLOCKS = {
    "even steps": ("row", TIMES, "0 to 99.5, in steps of 0.5"),
    "the newest first": ("row", TIMES[::-1], "0 to 99.5, in steps of 0.5"),
    "a name": ("elapsed time (s)", np.cumsum(np.linspace(1.0, 1.2, 200)), "in steps of 1.1"),
    "days as numbers": ("day", np.array(_DAYS), "20231101 to 20240518, one every 1 days"),
    "days in any order": ("x", np.random.default_rng(0).permutation(_DAYS), "20231101 to 20240518, one every 1 days"),
    "years": ("YEAR", 1700.0 + np.arange(200), "1700 to 1899, one every 365 days"),
}


@pytest.mark.parametrize("case", CLOCKS)
def test_numbers_that_are_the_time_of_rows_are_no_input(tmp_path, case):
    name, values, said = CLOCKS[case]
    lines = [f"{name},value", *(f"{when:.10g},{value:.6g}" for when, value in zip(values, WAVE, strict=True))]
    (tmp_path / "s.csv").write_text("\n".join(lines) + "\n")
    config = DataConfig(dataset=f"csv:{tmp_path / 's.csv'}", window=8)
    dataset = load_dataset(config)
    assert dataset.spec.feature_names == ("value",)
    told = [note.text for note in dataset.notes if "rows in time by column" in note.text]
    assert len(told) == 1 and said in told[0] and f"data.columns.{name}=real makes it one" in told[0]
    first = WAVE[np.argsort(values)][:8]
    np.testing.assert_allclose(dataset.split("train").x[0, :, 0], first, atol=1e-5)
    asked = load_dataset(config.model_copy(update={"columns": {name: "real"}}))
    assert asked.spec.feature_names == (name, "value")


def test_a_column_named_after_time_goes_before_an_index_and_other_clocks(tmp_path):
    lines = [",beat,time,value", *(f"{row + 1},{3 * row},{1749 + row / 12:.12g},{WAVE[row]:.6g}" for row in range(200))]
    (tmp_path / "s.csv").write_text("\n".join(lines) + "\n")
    dataset = load_dataset(DataConfig(dataset=f"csv:{tmp_path / 's.csv'}", window=8))
    told = " ".join(note.text for note in dataset.notes)
    assert "rows in time by column 'time', 1749 to " in told and "Columns left out: the first, without a name (index)" in told
    assert dataset.spec.feature_names == ("beat", "value")


def test_new_rows_are_in_the_order_of_what_the_run_does_not_learn(tmp_path):
    (tmp_path / "s.csv").write_text("\n".join(["step,value", *(f"{row},{WAVE[row]:.6g}" for row in range(200))]) + "\n")
    config = DataConfig(dataset=f"csv:{tmp_path / 's.csv'}", window=8)
    spec = load_dataset(config).spec
    rows = [row for row in range(40) if row != 20]
    (tmp_path / "s.csv").write_text("\n".join(["step,value", *(f"{row},{WAVE[row]:.6g}" for row in rows)]) + "\n")
    found = load_examples(config, spec)
    assert found.split("train").num_examples == 13 + 12 and found.split("train").names[0] == "0/7"


@pytest.mark.parametrize("columns", [{"ramp": TIMES}, {"up": np.cumsum(1.0 + WAVE**2), "value": WAVE}])
def test_numbers_that_may_be_a_signal_stay_one(tmp_path, columns):
    assert load_dataset(_csv(columns, tmp_path)).spec.feature_names == tuple(columns)


@LOADERS
def test_columns_without_spread_are_named(write, tmp_path):
    columns = {"value": WAVE, "unit": np.full(200, 4.5)}
    config = write(columns, tmp_path)
    with in_memory(np.stack([*columns.values()], axis=1)):
        dataset = load_dataset(config)
    told = " ".join([*(note.text for note in dataset.notes), *probe(dataset, "gaussian", config)])
    assert ("unit" if write is _csv else "number 1") in told


@LOADERS
def test_windows_longer_than_a_split_name_it(write, tmp_path):
    config = write({"value": WAVE}, tmp_path).model_copy(update={"window": 30})
    with (
        in_memory(WAVE[:, None]),
        pytest.raises(UserValueError, match=r"Received: 30, for 20 rows of validation \(200 in all\)\. Make it"),
    ):
        load_dataset(config)


@pytest.mark.parametrize("write", [_csv, _npz])
def test_all_of_a_new_series_is_in_windows(write, tmp_path):
    examples = load_examples(write({"value": WAVE}, tmp_path))
    assert {name: split.num_examples for name, split in examples.splits.items()} == {"train": 193, "validation": 0, "test": 0}


@LOADERS
@pytest.mark.parametrize("gaps", ["cut", "interpolate"])
def test_gaps_in_a_series_are_counted_and_cut_out_or_filled_in(write, gaps, tmp_path):
    gap = WAVE.copy()
    gap[[57, 58, 70]] = np.nan
    dataset, _ = _load(write, {"value": gap, "other": WAVE}, tmp_path, gaps=gaps)
    train, told = dataset.split("train"), " ".join(note.text for note in dataset.notes if note.is_warning)
    assert "3 of 400 cells are empty" in told and "data.gaps=interpolate" in told
    lost = len({start for hole in (57, 58, 70) for start in range(hole - 7, hole + 1)})
    assert train.num_examples == 153 - (lost if gaps == "cut" else 0)
    assert not np.isnan(train.x).any()
    if gaps == "interpolate":
        found = train.x[51, :, 0]
        np.testing.assert_allclose(found[6:8], WAVE[56] + (WAVE[59] - WAVE[56]) * np.array([1, 2]) / 3, atol=1e-5)


def _dated(folder, moments, values, form="%Y-%m-%d %H:%M", **settings):
    lines = ["value,when", *(f"{value:.6g},{moment.strftime(form)}" for value, moment in zip(values, moments, strict=True))]
    (folder / "s.csv").write_text("\n".join(lines) + "\n")
    return DataConfig(dataset=f"csv:{folder / 's.csv'}", window=8, **settings)


def _hours(count):
    return [datetime(2024, 1, 1) + timedelta(hours=hour) for hour in range(count)]


def test_a_column_of_dates_is_the_time_of_rows_and_names_the_windows(tmp_path):
    dataset = load_dataset(_dated(tmp_path, _hours(200), WAVE))
    assert dataset.spec.feature_names == ("value",)
    told = [note.text for note in dataset.notes]
    assert any("by column 'when', 2024-01-01 00:00 to 2024-01-09 07:00, one every 1 hours." in text for text in told)
    assert dataset.split("train").names[5] == "2024-01-01 05:00/2024-01-01 12:00"
    assert dataset.split("test").names[-1].endswith("/2024-01-09 07:00")


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%m/%d/%Y %H:%M"])
def test_rows_are_put_in_order_whatever_the_form_of_their_dates(tmp_path, form):
    order = np.random.default_rng(0).permutation(200)
    hours = _hours(200)
    dataset = load_dataset(_dated(tmp_path, [hours[row] for row in order], WAVE[order], form))
    np.testing.assert_allclose(dataset.split("train").x[20, :, 0], WAVE[20:28], atol=1e-5)
    assert any("were not in the order of 'when'" in note.text for note in dataset.notes)


def test_no_window_goes_over_a_break_in_time(tmp_path):
    moments = [moment + timedelta(days=3) * (hour >= 60) for hour, moment in enumerate(_hours(200))]
    dataset = load_dataset(_dated(tmp_path, moments, np.arange(200.0)))
    train = dataset.split("train")
    assert train.num_examples == 153 - 7
    np.testing.assert_allclose(np.diff(train.x[..., 0], axis=1), 1.0)
    assert not any(float(window[0, 0]) < 60 <= float(window[-1, 0]) for window in train.x)
    told = " ".join(note.text for note in dataset.notes)
    assert "1 breaks in time, between 2024-01-03 11:00 and 2024-01-06 12:00: no window goes over one." in told


def test_months_and_leap_days_are_no_breaks(tmp_path):
    months = [datetime(2000 + month // 12, month % 12 + 1, 1) for month in range(200)]
    dataset = load_dataset(_dated(tmp_path, months, WAVE, "%Y-%m-%d"))
    assert dataset.split("train").num_examples == 153
    assert not any("break" in note.text for note in dataset.notes)


def test_an_empty_date_and_a_column_that_is_not_there_are_refused(tmp_path):
    config = _dated(tmp_path, _hours(200), WAVE)
    with pytest.raises(UserValueError, match=r"data\.time_column must be a column of .*: value, when\. Received: 'x'"):
        load_dataset(config.model_copy(update={"time_column": "x"}))
    path = tmp_path / "s.csv"
    path.write_text(path.read_text().replace("2024-01-01 05:00", ""))
    with pytest.raises(
        UserValueError, match=r"'when' must say of every row when it was measured\. Received: an empty cell on line 7"
    ):
        load_dataset(config)


def test_windows_without_a_whole_one_are_refused(tmp_path):
    holes = np.where(np.arange(200) % 5 == 0, np.nan, WAVE)
    with pytest.raises(UserValueError, match=r"data\.window=8 leaves no window .*data\.gaps=interpolate"):
        _load(_npz, {"value": holes}, tmp_path)


def test_windows_of_what_has_no_rows_in_time_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(40, 5, 2)))
    with pytest.raises(UserValueError, match=r"data\.window is for rows in time, \[T, D\]\. Received: shape \[40, 5, 2\]"):
        load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}", window=8))


def _several(folder, lengths, with_dates=True, **settings):
    """Rows of several series, one of each in turn as loggers write them; series k has values from 1,000 k on."""
    hours, lines = _hours(max(lengths)), []
    for row in range(max(lengths)):
        for series, length in enumerate(lengths):
            if row < length:
                lines.append(f"m{series},{hours[row]:%Y-%m-%d %H:%M},{1000 * series + row}")
    header = "machine,when,value"
    if not with_dates:
        header, lines = "machine,value", [",".join(line.split(",")[::2]) for line in lines]
    (folder / "s.csv").write_text("\n".join([header, *lines]) + "\n")
    return DataConfig(dataset=f"csv:{folder / 's.csv'}", window=8, **settings)


@pytest.mark.parametrize("with_dates", [True, False])
def test_no_window_mixes_two_series_and_the_end_of_each_is_held_out(tmp_path, with_dates):
    config = _several(tmp_path, [100, 200], with_dates, series_column="machine")
    dataset = load_dataset(config)
    assert dataset.spec.feature_names == ("value",)
    for split, expected in (("train", 73 + 153), ("validation", 3 + 13), ("test", 3 + 13)):
        x = dataset.split(split).x[..., 0]
        np.testing.assert_allclose(np.diff(x, axis=1), 1.0)
        assert len(x) == expected
    ends = {float(window[-1]) for window in dataset.split("test").x[..., 0]}
    assert {99.0, 1199.0} < ends
    first, last = dataset.split("train").names[0], dataset.split("test").names[-1]
    assert first == ("m0: 2024-01-01 00:00/2024-01-01 07:00" if with_dates else "m0: 0/7")
    assert last.startswith("m1: ")
    told = " ".join(note.text for note in dataset.notes)
    assert "2 series by column 'machine', of 100 to 200 rows: no window mixes two, and the end of each is held out." in told
    assert "break" not in told.replace("an empty cell or a break", "")
    assert "were put in order" not in told


def test_gaps_are_filled_in_within_a_series(tmp_path):
    config = _several(
        tmp_path, [40, 40], series_column="machine", gaps="interpolate", validation_fraction=0.25, test_fraction=0.25
    )
    path = tmp_path / "s.csv"
    path.write_text(path.read_text().replace("2024-01-02 15:00,39", "2024-01-02 15:00,").replace("00:00,1000", "00:00,"))
    x = np.concatenate([split.x[..., 0] for split in load_dataset(config).splits.values()])
    assert {38.0, 1001.0} <= set(x.ravel().tolist())
    assert not ((x > 40) & (x < 1000)).any()


def test_series_that_are_too_short_are_told(tmp_path):
    dataset = load_dataset(_several(tmp_path, [5, 12, 100], series_column="machine"))
    (told,) = [note for note in dataset.notes if "series by column" in note.text]
    assert told.is_warning
    assert told.text.endswith("1 have fewer than a window, and give none.")
    assert {float(one) // 1000 for one in dataset.split("train").x[:, 0, 0]} == {1.0, 2.0}
    assert {float(one) // 1000 for one in dataset.split("test").x[:, 0, 0]} == {2.0}


def test_new_rows_without_the_column_are_of_one_series_and_other_mistakes_are_refused(tmp_path):
    config = _several(tmp_path, [100, 100], series_column="machine")
    known = load_dataset(config).spec
    new = _dated(tmp_path, _hours(20), WAVE[:20], series_column="machine")
    dataset = load_examples(new, known)
    assert dataset.split("train").num_examples == 13
    assert any("no column 'machine' (data.series_column): all rows are of one series" in note.text for note in dataset.notes)
    with pytest.raises(UserValueError, match=r"data\.series_column must be a column of .*: value, when\. Received: 'machine'"):
        load_dataset(new)
    with pytest.raises(UserValueError, match=r"data\.series_column goes with data\.window"):
        load_dataset(new.model_copy(update={"window": None}))
    config = _several(tmp_path, [100, 100])
    with pytest.raises(
        UserValueError, match=r"'machine' must hold numbers.*of which series a row is, data\.series_column=machine"
    ):
        load_dataset(config)
    with pytest.raises(UserValueError, match=r"leaves no window .* Many rows are of the same moment: if they are of several"):
        load_dataset(config.model_copy(update={"columns": {"machine": "drop"}}))
    path = tmp_path / "s.csv"
    path.write_text(path.read_text().replace("m1,2024-01-01 05:00", ",2024-01-01 05:00"))
    with pytest.raises(UserValueError, match=r"must say of every row of which series it is\. Received: an empty cell on line"):
        load_dataset(config.model_copy(update={"series_column": "machine"}))
