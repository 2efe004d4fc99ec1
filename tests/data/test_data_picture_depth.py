"""Levels of pictures, whatever way a file keeps them: all of them, or it is said that there were more."""

import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.picture_depth import stored_bits
from vae_tf.data.pictures import Refused, read_headers, read_pixels

RNG = np.random.default_rng(0)
WIDE = RNG.integers(0, 65536, (6, 8, 4)).astype(np.uint16)
SHORT, LONG = 3, 4


def write_tiff(path, x, order="<", packed=False, **tags_of):
    """Write a TIFF file of two strips a plane, by hand: Pillow writes no 16 bits of colour."""
    height, width, channels = x.shape
    raw = x.astype(x.dtype.newbyteorder(order))
    planes = [raw] if tags_of.get("planar", 1) == 1 else [raw[..., one : one + 1] for one in range(channels)]
    strips = [plane[row : row + 3].tobytes() for plane in planes for row in (0, 3)]
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    kind = tags_of.get("photometric", 2 if channels > 2 else 1)
    tags = {256: [width], 257: [height], 258: [x.itemsize * 8] * channels, 259: [8 if packed else 1], 262: [kind]}
    tags |= {
        273: [0] * len(strips),
        277: [channels],
        278: [3],
        279: [len(strip) for strip in strips],
        284: [tags_of.get("planar", 1)],
    }
    tags |= {338: [tags_of["extra"]]} if "extra" in tags_of else {}
    sizes = {tag: len(values) * (4 if tag in (273, 279) else 2) for tag, values in tags.items()}
    behind = 8 + 2 + 12 * len(tags) + 4
    start = behind + sum(size for size in sizes.values() if size > 4)
    tags[273] = [start + sum(map(len, strips[:number])) for number in range(len(strips))]
    entries, long = b"", b""
    for tag, values in sorted(tags.items()):
        kind = LONG if tag in (273, 279) else SHORT
        packed_values = struct.pack(f"{order}{len(values)}{'I' if kind == LONG else 'H'}", *values)
        entries += struct.pack(f"{order}HHI", tag, kind, len(values))
        entries += packed_values.ljust(4, b"\0") if sizes[tag] <= 4 else struct.pack(f"{order}I", behind + len(long))
        long += packed_values if sizes[tag] > 4 else b""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    path.write_bytes(head + entries + struct.pack(f"{order}I", 0) + long + b"".join(strips))
    return path


def write_keyed_png(path, x, bits, key):
    """Write a PNG file in which one colour is transparent."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width, channels = x.shape
    if bits == 16:
        lines = x.astype(">u2").reshape(height, -1)
    else:
        lines = np.packbits(
            np.unpackbits(x.astype(np.uint8)[..., 0][..., None], axis=2)[..., 8 - bits :].reshape(height, -1), 1
        )
    header = struct.pack(">IIBBBBB", width, height, bits, 2 if channels == 3 else 0, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
    key = struct.pack(f">{channels}H", *key)
    parts = chunk(b"IHDR", header) + chunk(b"tRNS", key) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


def _read(path):
    (header,) = read_headers([path])
    assert not isinstance(header, Refused), header
    return header, read_pixels(path, header)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_16_bits_keeps_all_levels(tmp_path, order, channels, packed):
    x = WIDE[..., :channels]
    header, found = _read(write_tiff(tmp_path / "a.tif", x, order, packed=packed, **({"extra": 2} if channels == 4 else {})))
    assert header.bits == 16
    np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("packed", [False, True])
def test_greys_whose_white_is_zero_are_no_negatives(tmp_path, dtype, packed):
    x = (WIDE[..., :1] >> (8 if dtype == np.uint8 else 0)).astype(dtype)
    _, found = _read(write_tiff(tmp_path / "a.tif", x, photometric=0, packed=packed))
    np.testing.assert_array_equal(found, np.iinfo(dtype).max - x)


@pytest.mark.parametrize("packed", [False, True])
def test_planes_of_16_bits_are_refused_and_of_8_are_read(tmp_path, packed):
    (found,) = read_headers([write_tiff(tmp_path / "a.tif", WIDE[..., :3], planar=2, packed=packed)])
    assert isinstance(found, Refused) and "planes of their own: save it as PNG" in found.reason
    narrow = (WIDE[..., :3] >> 8).astype(np.uint8)
    np.testing.assert_array_equal(_read(write_tiff(tmp_path / "b.tif", narrow, planar=2, packed=packed))[1], narrow)


@pytest.mark.parametrize("greatest", [1023, 65535])
def test_netpbm_of_16_bits_is_grey_from_black_to_white(tmp_path, greatest):
    x = np.minimum(WIDE[..., 0], greatest)
    x[0, :2] = 0, greatest
    (tmp_path / "a.pgm").write_bytes(b"P5\n8 6\n%d\n" % greatest + x.astype(">u2").tobytes())
    header, found = _read(tmp_path / "a.pgm")
    assert (header.mode, header.bits) == ("I;16", 16)
    np.testing.assert_allclose(found[..., 0], x * (65535 / greatest), atol=1)


@pytest.mark.parametrize(("bits", "channels"), [(2, 1), (4, 1), (16, 1), (16, 3)])
def test_the_one_transparent_colour_is_transparent_at_every_depth(tmp_path, bits, channels):
    x = WIDE[..., :channels] >> (16 - bits)
    header, found = _read(write_keyed_png(tmp_path / "a.png", x, bits, x[2, 3].tolist()))
    top = 255 if bits < 16 else 65535
    assert header.has_alpha
    np.testing.assert_array_equal(found[..., :-1], x * (top // (2**bits - 1)))
    np.testing.assert_array_equal(found[..., -1], np.where((x == x[2, 3]).all(axis=-1), 0, top))


def _forms_with_more(folder):
    write_tiff(folder / "cmyk.tif", WIDE, photometric=5)
    write_tiff(folder / "unused.tif", WIDE, extra=0)
    (folder / "a.ppm").write_bytes(b"P6\n8 6\n65535\n" + WIDE[..., :3].astype(">u2").tobytes())


def test_levels_that_a_decoder_does_not_give_are_told(tmp_path):
    _forms_with_more(tmp_path)
    for number in range(9):
        Image.fromarray((WIDE[..., :3] >> 8).astype(np.uint8) + np.uint8(number)).save(tmp_path / f"{number}.png")
    told = [note for note in load_dataset(DataConfig(dataset=f"folder:{tmp_path}")).notes if note.is_warning]
    assert any(note.text.startswith("3 have 16 bits a channel, of which their decoder gives 8.") for note in told)


@pytest.mark.parametrize(("flags", "bits"), [(0x0C, 8), (0x4C, 10), (0x6C, 12)])
def test_the_depth_of_avif_is_in_its_configuration(tmp_path, flags, bits):
    path = tmp_path / "a.avif"
    path.write_bytes(b"\0\0\0\x20ftypavif" + bytes(60) + b"av1C\x81\x04" + bytes([flags]) + bytes(40))
    with path.open("rb") as file:
        image = Image.new("L", (1, 1))
        image.format, image.fp = "AVIF", file
        assert stored_bits(image) == bits


def test_a_form_of_tiff_that_is_not_read_and_a_bomb_say_what_helps(tmp_path):
    write_tiff(tmp_path / "a.tif", WIDE[..., :2], extra=2)
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    content = b"\0\0\0\x0dIHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "b.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + content + tf.io.encode_png(np.zeros((1, 1, 3), np.uint8)).numpy()[33:]
    )
    tiff, bomb = read_headers([tmp_path / "a.tif", tmp_path / "b.png"])
    assert "save it as PNG" in tiff.reason and bomb.reason.endswith("make it smaller")
