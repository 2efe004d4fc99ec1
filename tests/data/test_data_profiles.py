"""Pictures with a colour profile of their own, against the closed form of the colour spaces."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.colour_profiles import profile_of
from vae_tf.data.pictures import as_servable

ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
"""From linear red, green, blue to XYZ of the white D50."""
GAMMA = 2.19921875


def _fixed(*numbers):
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _profile(space, name, gamma, **colours):
    """Write an ICC profile (version 2) of a gamma and primaries."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = name.encode() + b"\0"
    told = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": told + bytes(-len(told) % 4), b"wtpt": b"XYZ " + bytes(4) + _fixed(0.9642, 1.0, 0.8249)}
    tags |= {key.encode(): b"XYZ " + bytes(4) + _fixed(*column) for key, column in colours.items()}
    tags |= dict.fromkeys((b"kTRC",) if space == b"GRAY" else (b"rTRC", b"gTRC", b"bTRC"), curve)
    start, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for key, content in tags.items():
        table += key + struct.pack(">II", start + len(data), len(content))
        data += content
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", space, b"XYZ ") + bytes(12) + b"acsp" + bytes(28)
    header += _fixed(0.9642, 1.0, 0.8249)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + data


WIDE = _profile(b"RGB ", "Wide", GAMMA, rXYZ=ADOBE[:, 0], gXYZ=ADOBE[:, 1], bXYZ=ADOBE[:, 2])
DIM = _profile(b"GRAY", "Dim", 1.0)


def _of_srgb(linear):
    linear = np.clip(linear, 0.0, 1.0)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _colours():
    return np.random.default_rng(0).integers(60, 200, (4, 4, 3), np.uint8)


@pytest.fixture
def write(tmp_path):
    def write(pixels, profile, name="{number:02d}.png", num=12, **settings):
        for number in range(num):
            image = Image.fromarray(np.roll(pixels, number, axis=0))
            image.save(tmp_path / name.format(number=number), icc_profile=profile, **settings)
        return f"folder:{tmp_path}"

    return write


def _read(dataset, **settings):
    loaded = load_dataset(DataConfig(dataset=dataset, copies="apart", **settings))
    x = {split.names[row].rpartition("/")[2]: split.x[row] for split in loaded.splits.values() for row in range(len(split.x))}
    return x["00.png"].astype(float), " ".join(note.text for note in loaded.notes)


def test_colours_are_those_of_srgb(write):
    x, told = _read(write(_colours(), WIDE))
    linear = (_colours() / 255.0) ** GAMMA @ ADOBE.T @ np.linalg.inv(SRGB).T
    np.testing.assert_allclose(x, _of_srgb(linear), atol=1.5)
    assert np.abs(x - _colours()).max() > 5
    assert "12 have a colour profile of their own (12 Wide) and become sRGB (data.profile=srgb)" in told


def test_a_profile_may_be_ignored(write):
    x, told = _read(write(_colours(), WIDE), profile="ignore")
    np.testing.assert_array_equal(x, _colours())
    assert "12 have a colour profile of their own, and are read as if in sRGB: data.profile=srgb heeds it" in told


def test_srgb_itself_is_left_alone(write):
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    x, told = _read(write(_colours(), own))
    np.testing.assert_array_equal(x, _colours())
    assert "colour profile" not in told


def test_greys_stay_grey_and_what_is_transparent_stays_so(write):
    grey = np.stack([_colours()[..., 0], np.full((4, 4), 255, np.uint8)], axis=-1)
    grey[0, :, 1] = 0
    x, _ = _read(write(grey, DIM), alpha="keep")
    assert x.shape == (4, 4, 4)
    np.testing.assert_allclose(x[1:, :, 0], _of_srgb(grey[1:, :, 0] / 255.0), atol=1.5)
    np.testing.assert_array_equal(x[..., 3], grey[..., 1])
    assert not x[0, :, :3].any()


def test_a_damaged_profile_is_none(write):
    x, told = _read(write(_colours(), b"no profile"))
    np.testing.assert_array_equal(x, _colours())
    assert "colour profile" not in told


def test_a_servable_gets_what_the_run_reads():
    buffer = io.BytesIO()
    Image.fromarray(_colours()).save(buffer, "PNG", icc_profile=WIDE)
    with Image.open(io.BytesIO(as_servable(buffer.getvalue(), "a.png"))) as image:
        assert np.abs(np.asarray(image).astype(int) - _colours()).max() > 5
        assert not profile_of(image)
    assert as_servable(buffer.getvalue(), "a.png", in_srgb=False) == buffer.getvalue()
