"""Series as people have them: steps that are not even, windows that do not fit, columns without spread, gaps."""

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
    (text,) = _told(write, {"time": uneven, "value": WAVE}, tmp_path)
    assert "mostly 0.5, from 0.5 to 30.5 (after row 119)" in text
    assert ("time" if write is _csv else "number 0") in text
    assert _told(write, {"time": TIMES, "value": WAVE}, tmp_path) == []


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
def test_gaps_in_a_series_are_refused_with_their_place(write, tmp_path):
    gap = WAVE.copy()
    gap[57] = np.nan
    with pytest.raises(UserValueError, match=r"line 59|example 57"):
        _load(write, {"value": gap, "other": WAVE}, tmp_path)


def test_windows_of_what_has_no_rows_in_time_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(40, 5, 2)))
    with pytest.raises(UserValueError, match=r"data\.window is for rows in time, \[T, D\]\. Received: shape \[40, 5, 2\]"):
        load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}", window=8))
