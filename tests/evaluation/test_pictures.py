"""Pictures: shapes, pixel ranges, and that every tile shows what it says."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_tf.errors import UserFileError
from vae_tf.evaluation import (
    grid_pixels,
    interpolation_grid,
    manifold_grid,
    reconstruction_grid,
    sample_grid,
    save_grid,
    to_pixels,
    traversal_grid,
)

GAUSSIAN = {"kind": "gaussian", "size": 2}
CATEGORICAL = {"kind": "categorical", "num_variables": 3, "num_classes": 4}
X = (np.random.default_rng(0).random((20, 4, 4, 1)) < 0.5).astype(np.float32)
SEED = (1, 2)


@pytest.fixture(scope="module")
def vae(make_vae):
    return make_vae(GAUSSIAN, CATEGORICAL)


def _decoded(vae, z):
    return vae.decode(tf.constant(z)).mean().numpy()


@pytest.mark.parametrize(
    ("shape", "support", "x", "pixel"),
    [
        ((2, 3, 1), "unit", 0.0, 0),
        ((2, 3, 1), "unit", 1.0, 255),
        ((2, 3, 3), "unit", 0.5, 128),
        ((2, 3, 3), "binary", 1.0, 255),
        ((2, 3, 1), "unit", 7.0, 255),
        ((2, 3, 1), "unit", -1.0, 0),
        ((2, 3, 1), "real", 0.0, 128),
        ((2, 3, 1), "real", -2.0, 0),
        ((2, 3, 1), "real", 2.0, 255),
    ],
)
def test_values_become_bytes_within_range(shape, support, x, pixel, make_spec):
    pixels = to_pixels(make_spec(shape, support), np.full((4, *shape), x))
    assert (pixels.shape, pixels.dtype) == ((4, *shape), np.uint8)
    assert np.unique(pixels).tolist() == [pixel]


def test_flat_examples_are_one_row_of_pixels(make_spec):
    assert to_pixels(make_spec((7,), "real"), np.zeros([3, 5, 7])).shape == (3, 5, 1, 7, 1)


@pytest.mark.parametrize(
    ("shape", "tile"), [((8, 8, 1), (56, 56)), ((28, 28, 1), (56, 56)), ((64, 32, 3), (64, 32)), ((5,), (12, 60))]
)
def test_a_sheet_has_a_tile_for_every_example_with_gaps_of_2_pixels(shape, tile, make_spec):
    pixels = grid_pixels(make_spec(shape), np.ones([2, 3, *shape]))
    height, width = tile
    assert pixels.shape == (2 * (height + 2) + 2, 3 * (width + 2) + 2, shape[2] if len(shape) == 3 else 1)
    assert np.all(pixels[2 : 2 + height, 2 : 2 + width] == 255)
    assert np.all(pixels[:2] == 200)


def test_tiles_stand_where_their_example_does(make_spec):
    grid = np.zeros([2, 3, 8, 8, 1])
    grid[1, 2] = 1.0
    pixels = grid_pixels(make_spec((8, 8, 1)), grid)
    assert np.all(pixels[60:116, 118:174] == 255)
    assert np.sum(pixels == 255) == 56 * 56


@pytest.mark.parametrize(("shape", "mode"), [((8, 8, 1), "L"), ((8, 8, 3), "RGB"), ((5,), "L")])
def test_a_saved_picture_is_a_readable_png_of_the_right_size(shape, mode, tmp_path, make_spec):
    grid = np.random.default_rng(0).random((2, 3, *shape))
    path = tmp_path / "new folder" / "a.png"
    save_grid(make_spec(shape), grid, path)
    expected = grid_pixels(make_spec(shape), grid)
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", mode)
        np.testing.assert_array_equal(np.asarray(image).reshape(expected.shape), expected)
    assert [item.name for item in path.parent.iterdir()] == ["a.png"]


def test_a_picture_that_cannot_be_encoded_leaves_the_old_one(tmp_path, make_spec, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(MemoryError):
        save_grid(make_spec(), np.zeros([1, 1, 4, 4, 1]), path)
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("a.png", b"old")]


def test_a_folder_that_cannot_be_written_is_the_user_s_to_mend(tmp_path, make_spec):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserFileError, match="Cannot write"):
        save_grid(make_spec(), np.zeros([1, 1, 4, 4, 1]), tmp_path / "file" / "a.png")


@pytest.mark.parametrize(
    ("num", "columns", "shape"), [(20, 8, (4, 8)), (16, 8, (4, 8)), (5, 8, (2, 5)), (1, 8, (2, 1)), (9, 3, (6, 3))]
)
def test_reconstructions_stand_below_their_examples(vae, num, columns, shape):
    grid = reconstruction_grid(vae, X[:num], columns)
    assert grid.shape == (*shape, 4, 4, 1)
    count = shape[0] * shape[1] // 2
    np.testing.assert_array_equal(grid[0::2].reshape(count, 4, 4, 1), X[:count])
    np.testing.assert_allclose(grid[1::2].reshape(count, 4, 4, 1), vae.reconstruct(X[:count]), rtol=1e-5)


@pytest.mark.parametrize(("num", "shape"), [(1, (1, 1)), (5, (2, 3)), (6, (2, 3)), (9, (3, 3)), (10, (3, 4))])
def test_samples_fill_a_square_and_the_rest_is_blank(vae, num, shape):
    grid = sample_grid(vae, num, SEED)
    assert grid.shape == (*shape, 4, 4, 1)
    tiles = grid.reshape(-1, 4, 4, 1)
    np.testing.assert_array_equal(tiles[:num], vae.generate(num, SEED))
    assert np.all(tiles[num:] == 0.0)
    assert np.all((tiles[:num] > 0.0) & (tiles[:num] < 1.0))


def test_samples_depend_on_the_seed(vae):
    assert np.any(sample_grid(vae, 4, SEED) != sample_grid(vae, 4, (1, 3)))


@pytest.mark.parametrize("blocks", [[GAUSSIAN], [CATEGORICAL], [GAUSSIAN, CATEGORICAL], [{"kind": "deterministic", "size": 2}]])
def test_paths_begin_and_end_with_the_reconstructions(blocks, make_vae):
    model = make_vae(*blocks)
    grid = interpolation_grid(model, X[:3], X[3:6], num_steps=5)
    assert grid.shape == (6, 5, 4, 4, 1)
    starts, stops = model.reconstruct(X[:3]).numpy(), model.reconstruct(X[3:6]).numpy()
    for kind in (0, 1):
        np.testing.assert_allclose(grid[kind::2, 0], starts, atol=1e-5)
        np.testing.assert_allclose(grid[kind::2, -1], stops, atol=1e-5)


def test_the_rows_of_a_pair_are_straight_and_spherical(make_vae):
    model = make_vae(GAUSSIAN)
    start, stop = (model.latent.mode(model.encode(x)) for x in (X[:1], X[1:2]))
    grid = interpolation_grid(model, X[:1], X[1:2], num_steps=3)
    np.testing.assert_allclose(grid[0, 1], _decoded(model, (start + stop) / 2.0)[0], atol=1e-5)
    middle = model.latent.interpolate(start, stop, 3, spherical=True)[1]
    np.testing.assert_allclose(grid[1, 1], _decoded(model, middle)[0], atol=1e-5)


def test_a_traversal_has_a_row_for_every_axis_and_every_row_varies_just_its_axis(vae):
    grid, labels = traversal_grid(vae, X, num_steps=5)
    assert grid.shape == (5, 5, 4, 4, 1)
    assert sorted(labels) == ["categorical[0]", "categorical[1]", "categorical[2]", "gaussian[0]", "gaussian[1]"]
    base = vae.latent.mode(vae.encode(X[:1]))[0]
    paths = dict(vae.latent.traverse(base, 5))
    for row, label in zip(grid, labels, strict=True):
        path = paths[label]
        np.testing.assert_allclose(row[: len(path)], _decoded(vae, path), atol=1e-5)
        assert np.all(row[len(path) :] == 0.0)
    assert {label: len(path) for label, path in paths.items() if "cat" in label} == dict.fromkeys(
        ["categorical[0]", "categorical[1]", "categorical[2]"], 4
    )


def test_the_axes_that_are_used_most_come_first_and_the_rest_is_cut(make_vae):
    model = make_vae({"kind": "gaussian", "size": 3})
    kernel = model.encoder.trainable_weights[-2]
    kernel.assign(kernel * np.array([0.01, 3.0, 0.3, 0, 0, 0]))
    assert traversal_grid(model, X)[1] == ["gaussian[1]", "gaussian[2]", "gaussian[0]"]
    grid, labels = traversal_grid(model, X, max_rows=2)
    assert (len(grid), labels) == (2, ["gaussian[1]", "gaussian[2]"])


@pytest.mark.parametrize("kind", ["gaussian", "deterministic"])
def test_the_manifold_is_a_square_of_prior_quantiles(kind, make_vae):
    from scipy import stats

    model = make_vae({"kind": kind, "size": 2})
    grid = manifold_grid(model, num_steps=4)
    assert grid.shape == (4, 4, 4, 4, 1)
    quantiles = stats.norm.ppf([0.125, 0.375, 0.625, 0.875]).astype(np.float32)
    np.testing.assert_allclose(grid[0, 0], _decoded(model, [[quantiles[0], quantiles[3]]])[0], atol=1e-5)
    np.testing.assert_allclose(grid[3, 1], _decoded(model, [[quantiles[1], quantiles[0]]])[0], atol=1e-5)


@pytest.mark.parametrize(
    "blocks",
    [
        [{"kind": "gaussian", "size": 3}],
        [{"kind": "gaussian", "size": 1}],
        [CATEGORICAL],
        [{"kind": "categorical", "num_variables": 1, "num_classes": 2}],
        [GAUSSIAN, CATEGORICAL],
    ],
)
def test_the_manifold_of_any_other_latent_is_refused(blocks, make_vae):
    with pytest.raises(ValueError, match="A manifold needs a two-dimensional Gaussian latent"):
        manifold_grid(make_vae(*blocks))


def test_pictures_leave_the_model_s_counters_alone(vae):
    before = [int(block.num_evaluations.value) for block in vae.latent.blocks()]
    reconstruction_grid(vae, X)
    traversal_grid(vae, X)
    interpolation_grid(vae, X[:1], X[1:2], 3)
    sample_grid(vae, 2, SEED)
    assert [int(block.num_evaluations.value) for block in vae.latent.blocks()] == before
