"""Pictures as people have them, through every source that reads such files: what is seen, what is told, what is refused."""

import json
import os
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from vae_tf.config import RECORDED, DataConfig
from vae_tf.data import load_dataset, load_examples
from vae_tf.data.images import fit_image
from vae_tf.data.pictures import Header, as_servable, read_headers, read_pixels, turned
from vae_tf.data.reading import Reading
from vae_tf.data.tfds_builders import quiet
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.evaluation.anomaly import as_model_inputs
from vae_tf.export.signatures import make_signatures
from vae_tf.parts import kinds

NUM = 12
ENCODE = {"png": {}, "webp": {"lossless": True, "exact": True}, "tif": {}, "bmp": {}, "gif": {}}


def whole(dataset):
    """Return all examples by name, or in their order where they have none."""
    splits = dataset.splits.values()
    x = np.concatenate([x for split in splits if split.num_examples for x, _ in split.batches(5).as_numpy_iterator()])
    names = [name.rpartition("/")[2] for split in splits for name in getattr(split, "names", ())]
    return dict(zip(names, x, strict=True)) if names else x


def said(dataset):
    return " ".join(note.text for note in dataset.notes)


def warned(dataset):
    return " ".join(note.text for note in dataset.notes if note.is_warning)


def as_folder(folder, pictures):
    """Write pictures uint8 [h, w, 4] as PNG files."""
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number:02}.png")
    return {"dataset": f"folder:{folder}"}


def as_tfds(folder, pictures):
    """Prepare a TFDS set of pictures uint8 [h, w, 4]."""

    class TransparentPictures(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"image": tfds.features.Image(shape=(None, None, 4), encoding_format="png")}
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            del dl_manager
            return {"train": enumerate({"image": picture} for picture in pictures)}

        def _generate_examples(self):
            raise NotImplementedError

    with quiet():
        tfds.disable_progress_bar()
        TransparentPictures(data_dir=str(folder)).download_and_prepare()
    return {"dataset": "transparent_pictures", "data_dir": str(folder)}


SOURCES = {"folder": as_folder, "tfds": as_tfds}
"""How pictures are written for every source that reads picture files."""


def test_every_source_that_reads_picture_files_is_tested_here():
    assert {name for name, source in kinds("source").items() if "alpha" in source.heeds} == set(SOURCES)


def clear_pictures(seed, size=(6, 6), num=NUM):
    """Return pictures with a hole in each, and noise that nobody sees under it."""
    pictures = np.random.default_rng(7).integers(0, 256, (num, *size, 4), np.uint8)
    pictures[..., 3] = 255
    pictures[:, 2:4, 1:5, 3] = 0
    pictures[:, 4, 4, 3] = 128
    pictures[:, 2:4, 1:5, :3] = np.random.default_rng(seed).integers(0, 256, (num, 2, 4, 3), np.uint8)
    return pictures


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("how", [{}, {"alpha": "keep"}, {"background": "#336699"}, {"memory_limit_mb": 1}])
def test_what_is_hidden_reaches_no_model(tmp_path, source, how):
    loaded = []
    for seed in (0, 1):
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        dataset = load_dataset(DataConfig(**SOURCES[source](folder, clear_pictures(seed)), resize=(6, 6), **how))
        x = whole(dataset)
        loaded.append(np.stack([x[name] for name in sorted(x)]) if isinstance(x, dict) else x)
    np.testing.assert_array_equal(*loaded)
    hole = loaded[0][:, 2:4, 1:5]
    assert loaded[0].shape[-1] == (4 if "alpha" in how else 3)
    assert (hole == (0 if "alpha" in how else (0x33, 0x66, 0x99) if "background" in how else 255)).all()


@pytest.mark.parametrize("source", SOURCES)
def test_flattened_is_what_pillow_composes(tmp_path, source):
    pictures = clear_pictures(0)
    x = whole(load_dataset(DataConfig(**SOURCES[source](tmp_path, pictures), resize=(6, 6))))
    seen = np.stack(list(x.values()) if isinstance(x, dict) else list(x)).astype(int)
    white = Image.new("RGBA", (6, 6), "white")
    expected = {
        np.asarray(Image.alpha_composite(white, Image.fromarray(p)).convert("RGB")).astype(int).tobytes() for p in pictures
    }
    near = [min(np.abs(np.frombuffer(e, int).reshape(6, 6, 3) - one).max() for e in expected) for one in seen]
    assert max(near) <= 1


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_lying_and_standing_pictures_are_fitted(tmp_path, source, fit):
    pictures = [np.full((6, 12, 4) if n % 2 else (12, 6, 4), 255, np.uint8) * np.uint8([0, 0, 1, 1]) for n in range(NUM)]
    dataset = load_dataset(DataConfig(**SOURCES[source](tmp_path, pictures), resize=(6, 6), fit=fit))
    x = whole(dataset)
    share = np.mean([(one == (0, 0, 255)).all(axis=-1).mean() for one in (x.values() if isinstance(x, dict) else x)])
    assert share == (0.5 if fit == "pad" else 1.0)
    if source == "folder":
        assert ("data.fit=crop" in warned(dataset), "data.fit=stretch" in warned(dataset)) == (fit == "crop", fit == "stretch")


# --- what is done to one picture --------------------------------------------------------------------------------------


FITS = st.sampled_from(["pad", "crop", "stretch"])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), FITS, st.sampled_from([1, 3, 4]))
def test_any_size_becomes_any_other_and_a_plain_picture_stays_plain(height, width, tall, wide, fit, channels):
    reading = Reading(fit=fit, alpha="keep" if channels == 4 else "flatten", background="#646464", turn=True)
    image = tf.fill([height, width, channels], tf.constant(100, tf.uint8))
    fitted = fit_image(image, (tall, wide, channels), reading).numpy()
    colours = fitted[..., :3][fitted[..., -1] > 0] if channels == 4 else fitted
    assert fitted.shape == (tall, wide, channels)
    assert np.abs(colours.astype(int) - 100).max() <= (1 if channels == 4 else 0)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), FITS, st.integers(0, 99))
def test_equal_proportions_are_resized_as_ever(height, width, times, fit, seed):
    image = tf.constant(np.random.default_rng(seed).integers(0, 256, (height * times, width * times, 3), np.uint8))
    reading = Reading(fit=fit, alpha="flatten", background="white", turn=True)
    expected = tf.saturate_cast(tf.round(tf.image.resize(image, (height, width), antialias=True)), tf.uint8)
    np.testing.assert_array_equal(fit_image(image, (height, width, 3), reading), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_orientations_are_those_of_pillow(tmp_path, orientation, suffix):
    exif, path = Image.Exif(), tmp_path / f"a.{suffix}"
    exif[0x0112] = orientation
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 8), np.uint8))
    picture.convert("RGB").save(path, exif=exif)
    (header,) = read_headers([path])
    seen = read_pixels(path, header)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(seen, expected)
    assert header.size(turn=True) == seen.shape[:2]


def test_turned_pictures_are_counted_and_the_setting_leaves_them(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(NUM):
        Image.new("L", (8, 4), 5 * number).save(tmp_path / f"{number}.jpg", **({"exif": exif} if number % 3 else {}))
    with pytest.raises(UserValueError, match=r"2 sizes"):
        load_dataset(DataConfig(dataset=f"folder:{tmp_path}"))
    dataset = load_dataset(DataConfig(dataset=f"folder:{tmp_path}", resize=(8, 8)))
    assert "8 are turned as their EXIF orientation says" in said(dataset)
    left = load_dataset(DataConfig(dataset=f"folder:{tmp_path}", turn=False))
    assert left.spec.event_shape == (4, 8, 1) and "8 are not turned" in warned(left)


@pytest.mark.parametrize("suffix", ENCODE)
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_formats_without_loss_are_read_exactly_in_memory_and_streamed(tmp_path, suffix, mode):
    expected = {}
    for number in range(NUM):
        pixels = np.random.default_rng(number).integers(0, 256, (200, 160, 3), np.uint8)
        image = Image.fromarray(pixels).quantize(16)
        image = image if mode == "P" and suffix != "webp" else image.convert("RGB")
        path = tmp_path / f"{number:02}.{suffix}"
        image.save(path, **ENCODE[suffix])
        with Image.open(path) as written:
            expected[path.name] = np.asarray(written.convert("RGB"))
    for limit in (4096, 1):
        x = whole(load_dataset(DataConfig(dataset=f"folder:{tmp_path}", memory_limit_mb=limit)))
        for name, picture in expected.items():
            np.testing.assert_array_equal(x[name], picture)


def tiff_of_16_bits(x, packed):
    """Return a TIFF file of colours of 16 bits, which Pillow does not write."""
    height, width, channels = x.shape
    data = zlib.compress(x.astype("<u2").tobytes()) if packed else x.astype("<u2").tobytes()
    data += b"\0" * (len(data) % 2)
    fields = {
        256: width,
        257: height,
        258: 0,
        259: 8 if packed else 1,
        262: 2,
        273: 8,
        277: channels,
        278: height,
        279: len(data),
    }
    start = 8 + len(data)
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value)
        if tag != 258
        else struct.pack("<HHII", tag, 3, channels, start + 6 + 12 * len(fields))
        for tag, value in fields.items()
    )
    tail = struct.pack("<H", len(fields)) + entries + struct.pack("<I", 0) + struct.pack("<H", 16) * channels
    return b"II*\0" + struct.pack("<I", start) + data + tail


def write_16_bits(path, x):
    if path.suffix == ".png":
        path.write_bytes(tf.io.encode_png(x).numpy())
    elif x.shape[-1] == 1:
        Image.fromarray(x[..., 0]).save(path)
    else:
        path.write_bytes(tiff_of_16_bits(x, packed=int(path.stem) % 2 == 0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("limit", [4096, 1])
def test_16_bits_keep_their_levels_and_the_range_is_that_of_the_mode(tmp_path, channels, suffix, limit):
    x = np.random.default_rng(0).integers(0, 900, (NUM, 200, 200, channels)).astype(np.uint16)
    for number in range(NUM):
        write_16_bits(tmp_path / f"{number:02}{suffix}", x[number])
    dataset = load_dataset(DataConfig(dataset=f"folder:{tmp_path}", memory_limit_mb=limit))
    seen = whole(dataset)
    for number in range(NUM):
        np.testing.assert_array_equal(seen[f"{number:02}{suffix}"], x[number])
    assert (dataset.spec.raw_range, dataset.spec.pixel_bits, dataset.spec.num_levels) == ((0.0, 65535.0), 16, 65536)
    assert "of 16 bits" in said(dataset)


def test_8_bits_among_16_go_as_far(tmp_path):
    for number in range(NUM):
        if number % 2:
            Image.new("L", (6, 6), 200).save(tmp_path / f"{number:02}.jpg" if number % 3 else tmp_path / f"{number:02}.png")
        else:
            write_16_bits(tmp_path / f"{number:02}.png", np.full((6, 6, 1), 300, np.uint16))
    dataset = load_dataset(DataConfig(dataset=f"folder:{tmp_path}"))
    assert {int(one[0, 0, 0]) for one in whole(dataset).values()} == {300, 200 * 257}
    assert "6 have 8 bits a channel" in said(dataset)


def test_animations_and_printing_colours_are_counted(tmp_path):
    frames = [Image.new("RGB", (6, 6), (n, 0, 0)) for n in (10, 200)]
    for number in range(NUM):
        path = tmp_path / f"{number:02}.{('gif', 'webp', 'jpg')[number % 3]}"
        if number % 3 < 2:
            frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if number % 3 else {}))
        else:
            Image.new("CMYK", (6, 6), (0, 255, 255, 0)).save(path)
    dataset = load_dataset(DataConfig(dataset=f"folder:{tmp_path}"))
    reds = {name: int(one[0, 0, 0]) for name, one in whole(dataset).items()}
    assert all(red > 240 if name.endswith("jpg") else red == 10 for name, red in reds.items())
    assert "8 hold several pictures" in warned(dataset) and "4 are of printing colours" in warned(dataset)


# --- files ------------------------------------------------------------------------------------------------------------


def some(folder, num=NUM, suffix="png", size=(6, 6), start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + num):
        Image.new("L", size, number).save(folder / f"{number:02}.{suffix}")
    return folder


def test_all_files_are_accounted_for(tmp_path):
    pictures = some(tmp_path / "p")
    some(pictures / ".trash", 2)
    some(pictures / "__MACOSX" / "deep", 3)
    for name in ("Thumbs.db", ".DS_Store", "notes.txt", "README", "desktop.ini"):
        (pictures / name).touch()
    (pictures / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(pictures / "pipe.png")
    dataset = load_dataset(DataConfig(dataset=f"folder:{pictures}"))
    text = said(dataset)
    assert len(whole(dataset)) == NUM
    assert f"{NUM + 12} files found, {NUM} pictures used, of {NUM} .png" in text
    for part in ("6 of the system", "2 hidden", "1 .txt", "1 without a suffix", "1 links to nothing", "1 pipes or devices"):
        assert part in text


def test_linked_folders_are_read_once_and_not_in_a_circle(tmp_path):
    elsewhere, pictures = some(tmp_path / "disk", 3, start=20), some(tmp_path / "p")
    (pictures / "more").symlink_to(elsewhere)
    (pictures / "round").symlink_to(tmp_path)
    (pictures / "again").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(pictures)
    dataset = load_dataset(DataConfig(dataset=f"folder:{pictures}"))
    assert len(whole(dataset)) == NUM + 3 and "3 linked folders that are read already" in said(dataset)
    assert len(whole(load_dataset(DataConfig(dataset=f"folder:{pictures}", links=False)))) == NUM


def test_pictures_outside_of_the_folders_of_splits_are_counted(tmp_path):
    some(tmp_path / "train")
    some(tmp_path / "test", 4)
    some(tmp_path / "drafts", 2)
    some(tmp_path, 1)
    assert "3 outside of the folders of splits" in said(load_dataset(DataConfig(dataset=f"folder:{tmp_path}")))


@pytest.mark.parametrize("limit", [4096, 1])
def test_unreadable_pictures_stop_or_are_left_out(tmp_path, limit):
    pictures = some(tmp_path / "p", 20, size=(300, 300))
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8))
    noisy.save(pictures / "cut.png")
    noisy.save(pictures / "cut.webp")
    for name in ("cut.png", "cut.webp"):
        (pictures / name).write_bytes((pictures / name).read_bytes()[:3000])
    (pictures / "empty.jpg").touch()
    (pictures / "text.gif").write_text("no picture")
    Image.new("F", (300, 300)).save(pictures / "float.tif")
    (pictures / "apple.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    config = DataConfig(dataset=f"folder:{pictures}", memory_limit_mb=limit)
    with pytest.raises(
        UserFileError, match=r"^5 of 26 pictures in .*apple.heic \(.*pip install.*in all .*data.unreadable=skip\.$"
    ):
        load_dataset(config)
    dataset = load_dataset(config.model_copy(update={"unreadable": "skip"}))
    assert len(whole(dataset)) == 20
    assert "6 of 26 pictures in" in warned(dataset) and "20 pictures used" in said(dataset)


def test_names_that_are_no_text_break_nothing(tmp_path):
    folder = tmp_path / "p"
    for kind in (b"caf\xe9", "日本".encode(), b"b\tc"):
        inside = folder / os.fsdecode(kind)
        inside.mkdir(parents=True)
        for number in range(8):
            Image.new("L", (300, 300), number * 9).save(inside / os.fsdecode(b"\xff%d.png" % number))
    for limit in (4096, 1):
        dataset = load_dataset(DataConfig(dataset=f"folder:{folder}", memory_limit_mb=limit))
        for text in (said(dataset), *dataset.spec.label_names, *dataset.splits["train"].names, dataset.spec.model_dump_json()):
            text.encode("utf-8")
        assert len(whole(dataset)) == 8 and "caf\\xe9" in dataset.spec.label_names
    os.truncate(folder / os.fsdecode(b"caf\xe9/\xff3.png"), 60)
    for limit in (4096, 1):
        with pytest.raises((UserFileError, tf.errors.OpError)) as raised:
            whole(load_dataset(DataConfig(dataset=f"folder:{folder}", memory_limit_mb=limit)))
        str(raised.value).encode("utf-8")
        assert "xff3.png" in str(raised.value)


# --- new pictures, and old runs ---------------------------------------------------------------------------------------


def test_new_pictures_are_read_by_the_shape_and_range_of_the_run(tmp_path):
    trained = load_dataset(DataConfig(dataset=f"folder:{some(tmp_path / 'old')}"))
    new = some(tmp_path / "new", 3, suffix="bmp", size=(20, 10))
    Image.new("RGBA", (6, 6), (1, 2, 3, 0)).save(new / "clear.png")
    write_16_bits(new / "77.png", np.full((6, 6, 1), 257, np.uint16))
    dataset = as_model_inputs(trained.spec, load_examples(DataConfig(dataset=f"folder:{new}"), trained.spec))
    x = whole(dataset)
    assert dataset.spec.event_shape == (6, 6, 1) and dataset.spec.scale == trained.spec.scale
    assert (x["clear.png"] == 255).all() and (x["77.png"] == 1).all()
    assert sorted(set(x["02.bmp"].ravel().tolist())) == [2, 255]
    assert "1 have 16 bits a channel, of which 8 are kept" in warned(dataset)


def test_runs_that_were_written_before_read_as_they_did(tmp_path):
    pictures = clear_pictures(0)
    as_folder(tmp_path, pictures)
    Image.new("RGB", (6, 6)).save(tmp_path / "new.webp")
    (tmp_path / "link").symlink_to(some(tmp_path.parent / "others", 2))
    dataset = load_dataset(DataConfig.model_validate({**RECORDED["data"], "dataset": f"folder:{tmp_path}"}))
    x = whole(dataset)
    assert len(x) == NUM
    for number, picture in enumerate(pictures):
        np.testing.assert_array_equal(x[f"{number:02}.png"], picture[..., :3])


def test_files_are_served_as_the_run_reads_them(tmp_path, make_vae):
    folder = tmp_path / "p"
    folder.mkdir()
    as_folder(folder, [picture[: 4 + n % 2 * 2] for n, picture in enumerate(clear_pictures(0))])
    for reading in ({}, {"fit": "crop", "background": "black"}, {"alpha": "drop", "fit": "stretch"}):
        dataset = load_dataset(DataConfig(dataset=f"folder:{folder}", resize=(6, 6), **reading))
        spec = dataset.spec
        encode = {one.name: one for one in make_signatures(make_vae(event_shape=spec.event_shape), spec)}
        for name, x in whole(dataset).items():
            served = encode["encode_encoded"](tf.constant([(folder / name).read_bytes()]))["mean"]
            np.testing.assert_allclose(served, encode["encode_uint8"](tf.constant(x[np.newaxis]))["mean"], atol=1e-5)


def test_the_reading_is_part_of_what_is_saved(tmp_path):
    spec = load_dataset(DataConfig(dataset=f"folder:{some(tmp_path)}", background="black")).spec
    assert type(spec).model_validate(json.loads(spec.model_dump_json())) == spec
    assert spec.reading.colour == (0, 0, 0)


@pytest.mark.parametrize("background", ["whitish", "#12345678", ""])
def test_a_background_is_a_colour(background):
    with pytest.raises(ValueError, match="must be a colour"):
        DataConfig(background=background)


def test_turned_is_its_own_inverse_for_mirrors():
    pixels = np.arange(24).reshape(2, 4, 3)
    for orientation in (2, 3, 4, 5, 7):
        np.testing.assert_array_equal(turned(turned(pixels, orientation), orientation), pixels)
    assert Header(2, 4, "RGB", orientation=5).size(turn=False) == (2, 4)


@pytest.mark.parametrize("suffix", ["webp", "tif", "gif", "jpg", "png"])
def test_files_that_a_servable_cannot_read_are_made_such(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (8, 4), (200, 0, 0)).save(path, **({} if suffix == "gif" else {"exif": exif}))
    (header,) = read_headers([path])
    decoded = tf.io.decode_image(as_servable(path.read_bytes(), "a"), expand_animations=False).numpy()
    np.testing.assert_allclose(decoded, read_pixels(path, header), atol=8)
    with pytest.raises(UserFileError, match=r"a\.x must be a whole picture. Received: .*Repair or remove it"):
        as_servable(path.read_bytes()[:20], "a.x")
