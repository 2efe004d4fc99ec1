"""Groups stay on one side in every kind of source, and are told; classes give their shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_tf.artifacts import RunDirectory
from vae_tf.config import DataConfig
from vae_tf.data import load_dataset, load_examples, probe
from vae_tf.data.arrays import load_arrays
from vae_tf.data.memory import in_memory
from vae_tf.errors import UserValueError

RNG = np.random.default_rng(0)
NUM = 120
WHO = np.array([f"p{k}" for k in RNG.integers(0, 25, NUM)])
KIND = np.where(np.arange(NUM) % 3, "ill", "well")
NUMBERS = np.arange(NUM)
"""The first value of every example, which tells it from others; in tables a quarter more, as numbers of rows are left out."""


class Frame:
    """The least that makes a DataFrame."""

    def __init__(self, **columns):
        self._columns = {name: np.asarray(values) for name, values in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]

    def to_numpy(self):
        return np.stack(list(self._columns.values()), axis=1)


def _csv(folder):
    lines = ["number,noise,patient,kind"]
    lines += [
        f"{n + 0.25},{noise:.6f},{who},{kind}"
        for n, noise, who, kind in zip(NUMBERS, RNG.normal(size=NUM), WHO, KIND, strict=True)
    ]
    (folder / "x.csv").write_text("\n".join(lines), "utf-8")
    return {"dataset": f"csv:{folder / 'x.csv'}", "group": "patient", "label_column": "kind"}, None


def _frame(folder):
    frame = Frame(number=NUMBERS + 0.25, noise=RNG.normal(size=NUM), patient=WHO, kind=KIND)
    return {"dataset": "memory:x", "group": "patient", "label_column": "kind"}, frame


def _npz(folder):
    x = np.stack([NUMBERS, RNG.integers(0, 99, NUM)], axis=1).astype(np.uint8)
    np.savez(folder / "x.npz", x=x, y=KIND, patient=WHO)
    return {"dataset": f"npz:{folder / 'x.npz'}", "group": "patient"}, None


def _folder(folder):
    for n, who, kind in zip(NUMBERS, WHO, KIND, strict=True):
        path = folder / kind / f"{who}_{n:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), n, np.uint8)).save(path)
    return {"dataset": f"folder:{folder}", "group": r"(p\d+)_"}, None


SOURCES = [_csv, _frame, _npz, _folder]


def _load(make, folder, **more):
    settings, lent = make(folder)
    config = DataConfig(**{**settings, **more})
    with in_memory(lent):
        return load_dataset(config), config


def _numbers(dataset):
    """Return the number of every example, by split."""
    x = {name: dataset.spec.to_raw(dataset.spec.to_model(split.x)) for name, split in dataset.splits.items()}
    return {name: np.rint(part.reshape(len(part), -1)[:, 0]).astype(int) for name, part in x.items()}


def _told(dataset, config, word="data.group"):
    return [text for text in probe(dataset, "gaussian", config) if word in text]


@pytest.mark.parametrize("make", SOURCES)
def test_a_group_is_on_one_side_shares_are_kept_and_it_is_told(make, tmp_path):
    dataset, config = _load(make, tmp_path)
    parts = _numbers(dataset)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(NUM))
    sides = [set(WHO[part]) for part in parts.values()]
    assert sum(map(len, sides)) == len(set(WHO))
    assert np.abs(np.array([len(part) for part in parts.values()]) - [96, 12, 12]).max() <= 3
    for part in parts.values():
        assert abs((KIND[part] == "ill").mean() - 2 / 3) < 0.2
    (note,) = [note for note in dataset.notes if "groups" in note.text]
    largest = np.unique(WHO, return_counts=True)[1].max()
    assert f"{len(set(WHO))} groups, the largest with {largest} examples; {len(sides[0])} are in train" in note.text
    assert not note.is_warning and ("no input" in note.text) == ("column" in note.text)
    assert _told(dataset, config) == []


@pytest.mark.parametrize("make", SOURCES)
def test_the_same_data_are_split_the_same(make, tmp_path):
    first, _ = _load(make, tmp_path)
    again, _ = _load(make, tmp_path)
    assert all(np.array_equal(part, _numbers(again)[name]) for name, part in _numbers(first).items())


@pytest.mark.parametrize("make", [_csv, _frame])
def test_the_group_s_column_is_no_input(make, tmp_path):
    assert _load(make, tmp_path)[0].spec.feature_names == ("number", "noise")


def test_folders_of_classes_give_their_shares(tmp_path):
    dataset, _ = _load(_folder, tmp_path, group=None)
    found = {name: np.bincount(split.labels).tolist() for name, split in dataset.splits.items()}
    assert found == {"train": [64, 32], "validation": [8, 4], "test": [8, 4]}
    unstratified, _ = _load(_folder, tmp_path, group=None, stratify=False)
    assert dataset.spec.fingerprint != unstratified.spec.fingerprint


@given(st.lists(st.integers(0, 4), min_size=12, max_size=90), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_classes_of_arrays_are_within_one_of_their_shares(labels, stratify):
    labels = np.array(labels)
    x = np.stack([np.arange(len(labels)), np.arange(len(labels)) % 7], axis=1).astype(np.uint8)
    dataset = load_arrays({"x": x, "y": labels}, DataConfig(dataset="npz:x", stratify=stratify), "x")
    whole = np.bincount(labels[np.concatenate([part.x[:, 0] for part in dataset.splits.values()])], minlength=5)
    assert whole.tolist() == np.bincount(labels, minlength=5).tolist()
    for split in dataset.splits.values():
        wanted = whole * split.num_examples / len(labels)
        if stratify:
            assert (np.abs(np.bincount(labels[split.x[:, 0]], minlength=5) - wanted) < 1).all()


def test_classes_that_are_too_small_are_told():
    y = np.array(["many"] * 40 + ["few"] * 2)
    dataset = load_arrays({"x": np.arange(84, dtype=np.uint8).reshape(42, 2), "y": y}, DataConfig(dataset="npz:x"), "x")
    (told,) = [text for text in probe(dataset, "gaussian") if "class" in text]
    assert told.startswith("Not every class is in every split: of 2 there lack 1 in ") and "(few)" in told


# --- splits that were given -------------------------------------------------------------------------------------------


def test_groups_on_both_sides_of_given_splits_are_told_and_nothing_is_moved(tmp_path):
    x = RNG.integers(0, 255, (60, 3)).astype(np.uint8)
    who = np.array(list("abcde") * 8 + list("deffgghhii") * 2)
    arrays = {"x_train": x[:40], "x_test": x[40:], "who_train": who[:40], "who_test": who[40:]}
    np.savez(tmp_path / "x.npz", **arrays)
    config = DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}", group="who")
    dataset = load_dataset(config)
    assert np.array_equal(dataset.splits["test"].x, x[40:])
    group_of = {row.tobytes(): name for row, name in zip(x[:40], who[:40], strict=True)}
    validation = [group_of[row.tobytes()] for row in dataset.splits["validation"].x]
    assert len(set(validation)) == 1 and len(validation) == 8  # one group of eight, whole
    shared = sorted({"d", "e"} - set(validation))
    (told,) = _told(dataset, config)
    assert told.startswith(
        f"Groups of test that are in train too (data.group=who): {len(shared)} of 6 ({', '.join(shared)}), "
        f"with {2 * len(shared)} of 20 examples"
    )


def test_groups_over_the_folders_of_splits(tmp_path, write_image):
    for number in range(40):
        split = "test" if number >= 30 else "train"
        write_image(tmp_path / split / f"p{number % 20}_{number}.png", number)
    dataset = load_dataset(config := DataConfig(dataset=f"folder:{tmp_path}", group=r"p\d+"))
    (told,) = _told(dataset, config)
    trained = {name.split("/")[-1].split("_")[0] for name in dataset.splits["train"].names}
    assert f"{len(trained & {f'p{k}' for k in range(10, 20)})} of 10 (p1" in told and "The splits" not in told


# --- folders ----------------------------------------------------------------------------------------------------------


def test_files_that_do_not_match_are_groups_of_their_own_and_counted(tmp_path, write_image):
    for number in range(30):
        write_image(tmp_path / (f"p{number // 3}_{number}.png" if number < 24 else f"{number}.png"), number)
    dataset = load_dataset(config := DataConfig(dataset=f"folder:{tmp_path}", group=r"^(p\d+)_"))
    assert "14 groups, the largest with 3 examples" in " ".join(note.text for note in dataset.notes)
    assert _told(dataset, config) == [
        r"6 of 30 files do not match data.group=^(p\d+)_ and are groups of their own: 24.png, 25.png, 26.png, ...."
    ]


@pytest.mark.parametrize(("group", "num"), [(r"p\d+", 10), (r"(p\d+)(_x)?", 10), (r"^(p[0-4])?", 20)])
def test_a_whole_match_counts_where_no_part_is_marked_and_a_part_may_be_missing(tmp_path, write_image, group, num):
    for number in range(30):
        write_image(tmp_path / f"p{number // 3}_{number}.png", number)
    dataset = load_dataset(DataConfig(dataset=f"folder:{tmp_path}", group=group))
    assert f": {num} groups" in " ".join(note.text for note in dataset.notes)


def test_streamed_files_are_grouped_too(tmp_path, write_image):
    for number in range(30):
        write_image(tmp_path / f"p{number // 3}_{number}.png", number, size=(240, 240))
    dataset = load_dataset(DataConfig(dataset=f"folder:{tmp_path}", group=r"p\d+", memory_limit_mb=1))
    sides = [{name.split("/")[-1].split("_")[0] for name in split.names} for split in dataset.splits.values()]
    assert sum(map(len, sides)) == 10


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("(", r"data.group must be a regular expression. Received: '\('"),
        ("q", "data.group must match the path of a file in .* Received: 'q', and files such as 0.png"),
        ("png", "data.group=png must leave a group for each of train, test, validation. Received: 1 group of 20 examples"),
    ],
)
def test_expressions_that_make_no_groups_are_refused(tmp_path, write_image, group, message):
    for number in range(20):
        write_image(tmp_path / f"{number}.png", number)
    with pytest.raises(UserValueError, match=message):
        load_dataset(DataConfig(dataset=f"folder:{tmp_path}", group=group))


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["text:a.txt", "digits", "mnist", "sprites", "waves", "topics"])
def test_sources_that_cannot_group_refuse_it(name):
    with pytest.raises(UserValueError, match=f"data.group does not go with {name}: leave it out. Received: 'who'"):
        load_dataset(DataConfig(dataset=name, group="who"))


@pytest.mark.parametrize(("data", "what"), [(np.eye(20), "arrays"), (["a", "b"] * 9, "texts")])
def test_what_is_in_memory_without_names_cannot_be_grouped(data, what):
    with in_memory(data), pytest.raises(UserValueError, match=f"data.group does not go with {what}"):
        load_dataset(DataConfig(dataset="memory:x", group="who"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"group": "who"}, r"data.group must be a column of .*: number, noise, patient, kind. Received: 'who'"),
        ({"group": "kind"}, r"data.group must be another column than the label: .* Received: 'kind' for both"),
        ({"window": 5}, "data.group does not go with data.window: .* Received: data.window=5"),
        ({"group": "noise", "label_column": None, "counts": True}, "column 'patient' must hold numbers"),
    ],
)
def test_columns_that_say_no_groups_are_refused(tmp_path, settings, message):
    with pytest.raises(UserValueError, match=message):
        _load(_csv, tmp_path, **settings)


def test_a_row_without_a_group_is_refused(write_csv):
    dataset = write_csv("a,who\n" + "1,x\n2,\n" * 20)
    with pytest.raises(UserValueError, match=r"column 'who' must have a value in every row"):
        load_dataset(DataConfig(dataset=dataset, group="who"))


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("y", "data.group must be another array than the label"),
        ("x", "data.group=x must name arrays of .*: x. Received: none of them"),
        ("who", "data.group=who must name arrays of .*, one name an example: who. Received: none of them"),
        ("short", r"short must hold one whole number or text for each of 120 examples. Received: .* of shape \[3\]"),
    ],
)
def test_arrays_that_say_no_groups_are_refused(tmp_path, group, message):
    np.savez(tmp_path / "x.npz", x=np.eye(NUM), y=KIND, **({"short": np.arange(3)} if group == "short" else {}))
    with pytest.raises(UserValueError, match=message):
        load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}", group=group))


def test_an_array_that_no_setting_names_is_refused_and_the_setting_is_said(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.eye(NUM), who=WHO)
    with pytest.raises(UserValueError, match=r"and what data.group names. Received: who \[120\], x \[120, 120\]"):
        load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}"))


# --- what else goes with it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [_csv, _npz, _folder])
def test_scoring_takes_all_examples_with_the_groups_or_without(make, tmp_path):
    settings, _ = make(tmp_path)
    assert load_examples(DataConfig(**settings)).spec.num_train == NUM


def test_scoring_takes_tables_and_arrays_without_the_groups_too(tmp_path, write_csv):
    np.savez(tmp_path / "x.npz", x=np.eye(20))
    for dataset in (f"npz:{tmp_path / 'x.npz'}", write_csv("a,b\n" + "1,2\n3,4\n" * 10)):
        assert load_examples(DataConfig(dataset=dataset, group="patient")).spec.num_train == 20


def test_a_run_that_was_written_before_splits_as_it_did(tmp_path):
    (tmp_path / "config.yaml").write_text("data: {dataset: topics}", "utf-8")
    data = RunDirectory(tmp_path).read_config().data
    assert (data.stratify, data.copies, data.group) == (False, "apart", None)
    (tmp_path / "config.yaml").write_text("data: {dataset: topics, stratify: true, copies: similar}", "utf-8")
    data = RunDirectory(tmp_path).read_config().data
    assert (data.stratify, data.copies) == (True, "similar")


def test_topics_are_split_as_ever():
    assert load_dataset(DataConfig(dataset="topics")).spec == load_dataset(DataConfig(dataset="topics", stratify=False)).spec
