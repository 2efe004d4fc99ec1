"""Near-equal examples: planted ones are found in every kind of source, distinct ones are not; what is told and done."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from sklearn import datasets

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset, probe
from vae_tf.data import similar as similar_module
from vae_tf.data.copies import groups_of_rows
from vae_tf.data.memory import in_memory
from vae_tf.data.similar import groups_of_similar, nearest_training, thumbnails
from vae_tf.data.tfds_builders import quiet
from vae_tf.errors import UserValueError

SIDE = 64


def _scenes(num, seed=0, side=SIDE):
    """Pictures in colour with soft and hard edges, each another: uint8 [num, side, side, 3]."""
    rng, place = np.random.default_rng(seed), np.mgrid[:side, :side] / side
    scenes = np.zeros((num, side, side, 3))
    for number in range(num):
        for _ in range(6):
            (y, x), size, colour = rng.uniform(0.1, 0.9, 2), rng.uniform(0.05, 0.25), rng.uniform(-160, 160, 3)
            distance = np.hypot(place[0] - y, place[1] - x)
            shape = np.exp(-np.square(distance / size)) if rng.random() < 0.5 else distance < size
            scenes[number] += shape[..., None] * colour
    return np.clip(scenes + 120, 5, 250).astype(np.uint8)


def _brighter(picture):
    return np.clip(picture.astype(int) + 2, 0, 255).astype(np.uint8)


def _recompressed(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=80)
    return np.asarray(Image.open(buffer))


def _resized(picture):
    large = Image.fromarray(picture).resize((SIDE * 3 // 2, SIDE * 3 // 2), Image.Resampling.BILINEAR)
    return np.asarray(large.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


CHANGES = [_brighter, _recompressed, _resized]
SCENES = _scenes(90)


def _near(x, num_train):
    return nearest_training(x, num_train, groups_of_rows(x))


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES)
def test_changed_pictures_are_found_and_no_others(change):
    changed = np.stack([change(picture) for picture in SCENES[:20]])
    assert _near(np.concatenate([SCENES, changed, _scenes(20, 1)]), 90).tolist() == [*range(20), *[-1] * 20]


def test_distinct_pictures_are_not():
    digits = np.rint(datasets.load_digits().images * (255 / 16)).astype(np.uint8)[..., None]
    for x in (SCENES, digits, (digits > 127).astype(np.uint8)):
        assert (_near(x, len(x) // 2) == -1).all()
        equal = groups_of_rows(x)
        assert len(set(groups_of_similar(x, equal).tolist())) == len(set(equal.tolist()))


def test_blank_and_smooth_pictures_are_not_all_alike():
    rng = np.random.default_rng(0)
    blank = np.repeat(rng.integers(0, 250, 40), SIDE * SIDE).reshape(40, SIDE, SIDE, 1) + rng.integers(
        0, 2, (40, SIDE, SIDE, 1)
    )
    slopes = rng.uniform(-1, 1, (40, 2)) @ np.mgrid[:SIDE, :SIDE].reshape(2, -1)
    smooth = 128 + slopes.reshape(40, SIDE, SIDE, 1)
    x = np.concatenate([blank, smooth]).astype(np.uint8)[rng.permutation(80)]
    assert (_near(x, 60) >= 0).sum() <= 4


def test_the_same_shape_in_another_colour_brightness_or_contrast_is_another_picture():
    one = SCENES[:20]
    turned, bright = one[..., ::-1], np.clip(one.astype(int) + 40, 0, 255).astype(np.uint8)
    faint = (one // 2 + 60).astype(np.uint8)
    for other in (turned, bright, faint):
        assert (_near(np.concatenate([SCENES, other]), 90) == -1).all()


def test_a_thumbnail_is_the_mean_of_areas():
    x = np.arange(48 * 64, dtype=np.float32).reshape(1, 48, 64, 1)
    small = thumbnails(x)
    assert small.shape == (1, 32, 32, 1) and small.dtype == np.float32
    np.testing.assert_allclose(small.mean(), x.mean(), rtol=1e-5)
    np.testing.assert_allclose(small[0, 0, 0, 0], (x[0, 0, :2].mean() * 2 + x[0, 1, :2].mean()) / 3, rtol=1e-5)


# --- rows -------------------------------------------------------------------------------------------------------------

TABLES = {
    "iris": datasets.load_iris().data,
    "wine": datasets.load_wine().data,
    "breast cancer": datasets.load_breast_cancer().data,
    "diabetes": datasets.load_diabetes().data,
    "linnerud": datasets.load_linnerud().data,
}
RNG = np.random.default_rng(0)
TABLES |= {
    "a line": RNG.normal(size=(3000, 1)),
    "a plane": RNG.normal(size=(3000, 2)),
    "a curve": np.stack([np.sin(t := RNG.uniform(0, 3, 3000)), np.cos(t), t, t**2], axis=1),
    "whole numbers": RNG.integers(0, 20, (3000, 3)),
    "repeated rows and one number": np.c_[RNG.integers(0, 3, (3000, 4)), RNG.normal(size=3000)],
    "repeated rows and a counter": np.c_[RNG.integers(0, 20, (3000, 3)), np.arange(3000)],
    "heavy tails": RNG.lognormal(0, 3, (3000, 4)),
    "one value": np.ones((50, 3)),
}


@pytest.mark.parametrize("name", TABLES)
def test_distinct_rows_are_not_near_equal(name):
    x = TABLES[name].astype(np.float32)[np.random.default_rng(1).permutation(len(TABLES[name]))]
    assert (_near(x, len(x) * 4 // 5) == -1).all()
    equal = groups_of_rows(x)
    assert len(set(groups_of_similar(x, equal).tolist())) == len(set(equal.tolist()))


@pytest.mark.parametrize("name", ["wine", "breast cancer", "diabetes"])
def test_rows_that_differ_by_rounding_are_found(name):
    x = TABLES[name].astype(np.float32)
    rounded = (x[:20] * (1 + 1e-5 * np.random.default_rng(2).uniform(0.5, 1, x[:20].shape))).astype(np.float32)
    assert _near(np.concatenate([x, rounded]), len(x)).tolist() == list(range(20))
    groups = groups_of_similar(both := np.concatenate([x, rounded]), groups_of_rows(both))
    assert (groups[: len(x)][:20] == groups[len(x) :]).all()


def test_what_is_equal_is_no_question():
    x = TABLES["wine"].astype(np.float32)
    assert (_near(np.concatenate([x, x[:5]]), len(x)) == -1).all()


def test_too_many_to_look_at_by_the_way_are_not_looked_at(monkeypatch):
    x = np.concatenate([SCENES, SCENES[:5] + 1])
    assert (_near(x, 90) >= 0).all()
    monkeypatch.setattr(similar_module, "_MAX_IN_PICTURES", x.size - 1)
    assert (_near(x, 90) == -1).all()


def test_too_many_pairs_are_refused(monkeypatch):
    x = np.concatenate([SCENES[:30], *(SCENES[:30] + step for step in (1, 2))])
    assert len(set(groups_of_similar(x, np.arange(90)).tolist())) == 30
    monkeypatch.setattr(similar_module, "_MAX_PAIRS", 80)
    with pytest.raises(UserValueError, match=r"compares at most 80 pairs. Received: 90 examples, of which 90 pairs may be"):
        groups_of_similar(x, np.arange(90))


# --- in every kind of source ------------------------------------------------------------------------------------------

PICTURES = np.concatenate([SCENES, *(np.stack([change(one) for one in SCENES[:15]]) for change in CHANGES[:2])])
OWN = np.array([*range(90), *range(15), *range(15)])
ROWS = np.concatenate([base := RNG.normal(size=(150, 6)), base[:40] + 1e-6])


def _npz(folder):
    np.savez(folder / "x.npz", x=PICTURES)
    return f"npz:{folder / 'x.npz'}", None


def _folder(folder):
    for n, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(folder / f"{n:03d}.png")
    return f"folder:{folder}", None


def _memory(folder):
    return "memory:pictures", PICTURES


def _csv(folder):
    np.savetxt(folder / "x.csv", ROWS, delimiter=",", header="a,b,c,d,e,f", comments="", fmt="%.9g")
    return f"csv:{folder / 'x.csv'}", None


def _rows(folder):
    return "memory:rows", ROWS


SOURCES = [_npz, _folder, _memory, _csv, _rows]


def _load(make, folder, **more):
    dataset, lent = make(folder)
    config = DataConfig(dataset=dataset, **more)
    with in_memory(lent):
        return load_dataset(config), config


def _notes(dataset):
    """What is told beside what was read."""
    return [note for note in dataset.notes if "nearly equal" in note.text or "data.group=" in note.text]


def _told(dataset, config):
    return [text for text in probe(dataset, "gaussian", config) if "nearly equal" in text]


@pytest.mark.parametrize("make", SOURCES)
def test_by_default_they_are_counted_told_and_left(make, tmp_path):
    dataset, config = _load(make, tmp_path)
    (told,) = _told(dataset, config)
    assert "are nearly equal to training examples" in told and "data.copies=similar keeps them on one side" in told
    assert (" ~ " in told) == (make is _folder)
    apart, _ = _load(make, tmp_path, copies="apart")
    assert dataset.spec.fingerprint == apart.spec.fingerprint


@pytest.mark.parametrize("make", SOURCES)
def test_similar_keeps_them_on_one_side(make, tmp_path):
    dataset, config = _load(make, tmp_path, copies="similar")
    assert _told(dataset, config) == []
    (note,) = _notes(dataset)
    expected = "45 of 120" if make in (_npz, _folder, _memory) else "80 of 190"
    assert note.text.startswith(f"{expected} examples are nearly equal to others (data.copies=similar): they are on one side")
    assert sum(split.num_examples for split in dataset.splits.values()) == (120 if "120" in expected else 190)
    assert min(split.num_examples for split in dataset.splits.values()) >= 4


def test_streamed_pictures_are_not_looked_at_but_kept_together_where_that_is_asked_for(tmp_path):
    dataset, config = _load(_folder, tmp_path, memory_limit_mb=1)
    assert _told(dataset, config) == []
    dataset, _ = _load(_folder, tmp_path, memory_limit_mb=1, copies="similar")
    sides = [{OWN[int(path.stem)] for path in split.paths} for split in dataset.splits.values()]
    assert sum(map(len, sides)) == 90


def test_near_copies_of_one_picture_alone_are_split_and_told(tmp_path):
    x = np.concatenate([SCENES[:1] + step for step in range(3)] * 10)
    for arrays in ({}, {"y": np.arange(30) % 2}):
        np.savez(tmp_path / "x.npz", x=x, **arrays)
        config = DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}", copies="similar")
        dataset = load_dataset(config)
        assert _notes(dataset) == [] and min(split.num_examples for split in dataset.splits.values()) == 3
        assert any("Together they would leave a split empty" in text for text in probe(dataset, "gaussian", config))


def test_near_copies_join_groups(tmp_path):
    np.savez(tmp_path / "x.npz", x=PICTURES, y=OWN % 3, who=np.arange(120) // 2)
    dataset = load_dataset(DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}", group="who", copies="similar"))
    first = {picture.tobytes(): row for row, picture in enumerate(PICTURES)}
    sides = [{first[x.tobytes()] for x in split.x} for split in dataset.splits.values()]
    for side in sides:
        assert all(row ^ 1 in side and OWN[row] in side for row in side)
    assert len(_notes(dataset)) == 2


def test_splits_that_were_given_are_left_and_the_cure_is_the_person_s(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=SCENES[:60], x_validation=SCENES[60:], x_test=PICTURES[90:])
    for copies in ("together", "similar"):
        config = DataConfig(dataset=f"npz:{tmp_path / 'x.npz'}", copies=copies)
        (told,) = _told(load_dataset(config), config)
        assert told.startswith("30 of 30 test examples are nearly equal") and "take them out of one of them" in told


def test_validation_that_is_trained_on_is_no_copy(tmp_path):
    dataset, config = _load(_npz, tmp_path, train_on_validation=True, copies="similar")
    assert not [text for text in probe(dataset, "gaussian", config) if "training examples" in text and "equal" in text]


def test_files_of_one_picture_that_differ_in_their_bytes_are_told_and_similar_keeps_them(tmp_path):
    for n, picture in enumerate(np.concatenate([SCENES, SCENES[:40]])):
        Image.fromarray(picture).save(tmp_path / f"{n:03d}.png", compress_level=1 if n < 90 else 9)
    config = DataConfig(dataset=f"folder:{tmp_path}")
    told = probe(load_dataset(config), "gaussian", config)
    assert len(told) == 1 and "are copies of training examples" in told[0] and "data.copies=similar keeps" in told[0]
    config = DataConfig(dataset=f"folder:{tmp_path}", copies="similar")
    assert "they are on one side of the splits" in probe(load_dataset(config), "gaussian", config)[0]


@pytest.mark.parametrize("name", ["text:a.txt", "digits", "mnist", "waves", "topics"])
def test_similar_is_refused_where_nothing_can_be_compared(name):
    with pytest.raises(UserValueError, match=f"data.copies=similar does not go with {name}: .* Received: 'similar'"):
        load_dataset(DataConfig(dataset=name, copies="similar"))


def test_similar_is_refused_for_texts_and_windows(tmp_path):
    with in_memory(["a", "b"] * 9), pytest.raises(UserValueError, match=r"data.copies does not go with texts"):
        load_dataset(DataConfig(dataset="memory:x", copies="similar"))
    with pytest.raises(UserValueError, match=r"data.copies=similar does not go with data.window"):
        _load(_csv, tmp_path, copies="similar", window=5)


# --- data sets of TFDS ------------------------------------------------------------------------------------------------


class Scenes(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"image": tfds.features.Image(shape=(SIDE, SIDE, 3), encoding_format="png")}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        del dl_manager
        parts = {"train": SCENES, "validation": _scenes(5, 1), "test": [*SCENES[:6], _brighter(SCENES[7])]}
        return {name: self._generate_examples(pictures) for name, pictures in parts.items()}

    def _generate_examples(self, pictures):
        yield from ((number, {"image": picture}) for number, picture in enumerate(pictures))


def test_tfds_sets_in_memory_are_looked_at_streamed_ones_are_not(tmp_path):
    with quiet():
        tfds.disable_progress_bar()
        Scenes(data_dir=str(tmp_path)).download_and_prepare()
    config = DataConfig(dataset="scenes", data_dir=str(tmp_path))
    told = [text for text in probe(load_dataset(config), "gaussian", config) if "equal" in text or "copies" in text]
    assert [text.split(" examples")[0] for text in told] == ["6 of 7 test", "1 of 7 test"]
    assert all("take them out" in text and "data.copies" not in text for text in told)
    streamed = config.model_copy(update={"memory_limit_mb": 1})
    assert not [
        text for text in probe(load_dataset(streamed), "gaussian", streamed) if "training examples" in text and "equal" in text
    ]


def test_built_in_digits_and_sprites_are_no_copies(digits_dir, tmp_path):
    for name, folder in (("digits", digits_dir), ("sprites", tmp_path)):
        config = DataConfig(dataset=name, data_dir=str(folder), binarization="threshold")
        assert probe(load_dataset(config), "bernoulli", config) == []
