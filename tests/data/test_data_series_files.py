"""The files of the UCR and UEA archives: what is read, as what, and what is refused in one line."""

import numpy as np
import pytest

from vae_tf.config import DataConfig, full_name
from vae_tf.data import load_dataset
from vae_tf.errors import UserFileError, UserValueError

RNG = np.random.default_rng(0)
SERIES = np.round(RNG.normal(size=(20, 7, 2)), 3)
WORDS = ["still", "walking"] * 10
HEADER = "# made\n@problemName made\n@timestamps false\n@univariate {}\n@classLabel true still walking\n@data\n"


def _ts(series=SERIES, words=WORDS, header=HEADER):
    lines = [
        ":".join([*(",".join(map(str, channel)) for channel in one.T), word]) for one, word in zip(series, words, strict=True)
    ]
    return header.format(str(series.shape[-1] == 1).lower()) + "\n".join(lines) + "\n"


def _arff(series=SERIES[..., :1], words=WORDS):
    steps = "".join(f"@attribute att{step} numeric\n" for step in range(series.shape[1]))
    lines = "\n".join(",".join([*map(str, one[:, 0]), word]) for one, word in zip(series, words, strict=True))
    return f"% made\n@relation made\n{steps}@attribute target {{still,walking}}\n@data\n{lines}\n"


def _tsv(series=SERIES[..., :1], words=WORDS):
    return "\n".join(
        "\t".join([str(1 + (word == "walking")), *map(str, one[:, 0])]) for one, word in zip(series, words, strict=True)
    )


def _write(tmp_path, text, name):
    path = tmp_path / name
    path.write_text(text)
    return f"npz:{path}"


def _all(loaded):
    raw = np.concatenate([split.x for split in loaded.splits.values()])
    return raw[np.lexsort(raw.reshape(len(raw), -1).T)]


@pytest.mark.parametrize(
    ("text", "name", "channels", "labels"),
    [
        (_ts(), "made.ts", 2, ("still", "walking")),
        (_ts(SERIES[..., :1]), "made.TS", 1, ("still", "walking")),
        (_arff(), "made.arff", 1, ("still", "walking")),
        (_tsv(), "made.tsv", 1, ("1", "2")),
    ],
    ids=["ts", "ts of one channel", "arff", "tsv"],
)
def test_series_and_their_classes_are_read(text, name, channels, labels, tmp_path):
    loaded = load_dataset(DataConfig(dataset=_write(tmp_path, text, name)))
    expected = SERIES[..., :channels]
    assert loaded.spec.is_series and loaded.spec.event_shape == (7, channels) and loaded.spec.label_names == labels
    np.testing.assert_allclose(_all(loaded), expected[np.lexsort(expected.reshape(20, -1).T)], atol=1e-5)
    train = loaded.splits["train"]
    assert np.abs(loaded.spec.to_model(train.x).mean(axis=(0, 1))).max() < 1e-5  # standardised, channel by channel
    names = dict(zip(("still", "walking"), labels, strict=True))
    for x, label in zip(train.x, train.labels, strict=True):
        nearest = np.abs(expected - x).sum(axis=(1, 2)).argmin()
        assert labels[label] == names[WORDS[nearest]]


def test_values_between_0_and_1_are_series_too_and_a_file_s_name_says_what_it_is(tmp_path):
    dataset = _write(tmp_path, _ts(RNG.random((20, 7, 2)).round(3)), "made.ts").removeprefix("npz:")
    loaded = load_dataset(DataConfig(dataset=full_name(dataset)))
    assert loaded.spec.is_series and loaded.spec.value_support == "unit"


def test_the_file_of_tests_beside_one_to_train_on_is_the_test_split_and_new_data_are_one_file(tmp_path):
    dataset = _write(tmp_path, _ts(), "Made_TRAIN.ts")
    _write(tmp_path, _ts(SERIES[:4] + 50.0, WORDS[:4]), "Made_TEST.ts")
    loaded = load_dataset(DataConfig(dataset=dataset))
    np.testing.assert_allclose(loaded.splits["test"].x, SERIES[:4] + 50.0, rtol=1e-5)
    assert "Made_TEST.ts beside it is the test split" in loaded.notes[0].text
    assert loaded.splits["train"].num_examples + loaded.splits["validation"].num_examples == 20
    config = DataConfig(dataset=dataset, validation_fraction=0.1)
    assert sum(split.num_examples for split in load_dataset(config, loaded.spec).splits.values()) == 20


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (_ts().replace("@data", "@date"), "it.ts", "no line @data"),
        (_ts() + "1,2,3:1,2,3:still\n", "it.ts", r"series of 3 to 7 steps\. Cut or resample .*data\.series_column"),
        (_ts() + "1,2,3,4,5,6,7:still\n", "it.ts", "series of 1 to 2 channels"),
        (_ts() + "1,x,3:1,2,3:still\n", "it.ts", "line 27: could not convert string to float: 'x'"),
        (_ts().replace("@timestamps false", "@timestamps true"), "it.ts", "@timestamps true: a moment for every step"),
        (HEADER, "it.ts", "no series"),
        ("const x = 3;\n", "it.ts", "no line @data"),
        (_arff().replace("att3 numeric", "att3 {1,2}"), "it.arff", "attributes that are no steps: a table|value not in"),
        ("@relation a\n@attribute b relational\n@attribute c numeric\n@end b\n@data\n", "it.arff", r"relational.*\.ts file"),
        ("@relation a\n@attribute a string\n@attribute c numeric\n@data\nx,1\n", "it.arff", "String attributes not supported"),
        ("no header\n", "it.arff", "."),
        (_tsv() + "\n1\tx" + "\t2" * 6, "it.tsv", "could not convert string .x. to float64 at row 20, column 2"),
        (_tsv() + "\n1\t2\t3" + "\tNaN" * 5, "it.tsv", "series of 2 to 7 steps"),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line(text, name, said, tmp_path):
    with pytest.raises(UserFileError, match=rf"{name} must be an? .*Received: .*({said})") as raised:
        load_dataset(DataConfig(dataset=_write(tmp_path, text, name)))
    assert "\n" not in str(raised.value)


def test_steps_that_are_missing_are_refused_with_their_place(tmp_path):
    text = _ts().replace(f"{SERIES[3, 2, 0]},", "?,", 1)
    with pytest.raises(UserValueError, match=r"must hold finite numbers\. Received: nan in example 3 at \[2, 0\]"):
        load_dataset(DataConfig(dataset=_write(tmp_path, text, "it.ts")))


def test_other_kinds_of_files_are_named(tmp_path):
    path = tmp_path / "film.ts"
    path.write_bytes(b"\x47\x40\x00" + RNG.integers(0, 256, 4000).astype(np.uint8).tobytes())
    with pytest.raises(UserFileError, match=r"film\.ts must be a \.ts file of series in UTF-8"):
        load_dataset(DataConfig(dataset=f"npz:{path}"))


def test_numbers_to_predict_are_left_out_and_told(tmp_path):
    text = _ts(words=[f"{0.5 * row:.1f}" for row in range(len(SERIES))]).replace(
        "@classLabel true still walking", "@targetLabel true"
    )
    loaded = load_dataset(DataConfig(dataset=_write(tmp_path, text, "it.ts")))
    np.testing.assert_allclose(_all(loaded), SERIES[np.lexsort(SERIES.reshape(len(SERIES), -1).T)], rtol=1e-6)
    (note,) = [note for note in loaded.notes if "@targetlabel" in note.text]
    assert (
        note.is_warning and f"the {len(SERIES):,} numbers to predict (@targetlabel) are no classes, and left out" in note.text
    )
    assert loaded.spec.label_names == ()
