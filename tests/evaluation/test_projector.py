"""The files that TensorBoard's Projector tab reads."""

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import projector_config_pb2

from vae_tf.evaluation import label_texts, projector, write_projector


@pytest.fixture
def write(make_vae, make_spec, tmp_path):
    """Write the projection of random examples, labelled -1, 0, 1 in turn; return the model and the examples."""

    def run(num=10, shape=(8, 8, 1), **spec):
        vae = make_vae(event_shape=shape)
        x = np.random.default_rng(0).random((num, *shape)).astype(np.float32)
        write_projector(vae, make_spec(shape, **spec), x, np.arange(num) % 3 - 1, tmp_path)
        return vae, x

    return run


def _config(folder):
    config = projector_config_pb2.ProjectorConfig()
    text_format.Parse((folder / "projector_config.pbtxt").read_text(), config)
    (embedding,) = config.embeddings
    return embedding


def test_vectors_are_the_posterior_means_row_by_row(tmp_path, write):
    vae, x = write()
    vectors = np.loadtxt(tmp_path / "latent_means.tsv", delimiter="\t")
    np.testing.assert_allclose(vectors, vae.latent.mean(vae.encode(x)), atol=1e-5)


def test_metadata_has_a_header_and_a_row_an_example(tmp_path, write):
    write(label_names=("zero", "one"))
    lines = (tmp_path / "latent_labels.tsv").read_text().splitlines()
    assert lines[:4] == ["label\texample", "-\t0", "zero\t1", "one\t2"]
    assert len(lines) == 11


def test_the_configuration_names_files_that_are_there(tmp_path, write):
    write()
    embedding = _config(tmp_path)
    named = {embedding.tensor_path, embedding.metadata_path, embedding.sprite.image_path, "projector_config.pbtxt"}
    assert named == {path.name for path in tmp_path.iterdir()}
    assert embedding.tensor_name


@pytest.mark.parametrize(("num", "side"), [(1, 1), (10, 4), (16, 4), (17, 5)])
@pytest.mark.parametrize(("shape", "tile"), [((8, 8, 1), (24, 24)), ((28, 20, 3), (28, 20))])
def test_the_sprite_is_a_square_of_thumbnails_as_large_as_the_configuration_says(num, side, shape, tile, tmp_path, write):
    _, x = write(num=num, shape=shape)
    height, width = tile
    assert list(_config(tmp_path).sprite.single_image_dim) == [width, height]
    with Image.open(tmp_path / "latent_sprite.png") as image:
        assert image.size == (side * width, side * height)
        pixels = np.asarray(image).reshape(side * height, side * width, shape[2])
    factor = height // shape[0]
    row, column = divmod(num - 1, side)
    last = pixels[row * height : (row + 1) * height : factor, column * width : (column + 1) * width : factor]
    np.testing.assert_array_equal(last, np.round(255 * x[-1]).astype(np.uint8))


def test_thumbnails_shrink_until_the_sprite_fits_a_browser_s_texture(tmp_path, write, monkeypatch):
    monkeypatch.setattr(projector, "_MAX_SPRITE_SIDE", 64)
    write(num=16, shape=(28, 28, 1))
    with Image.open(tmp_path / "latent_sprite.png") as image:
        assert max(image.size) <= 64


def test_flat_data_have_no_sprite(tmp_path, write):
    write(shape=(5,))
    assert not (tmp_path / "latent_sprite.png").exists()
    assert not _config(tmp_path).HasField("sprite")


def test_labels_are_named_where_there_are_names(make_spec):
    labels = np.array([-1, 0, 1, 2])
    assert label_texts(make_spec(label_names=("zero", "one")), labels) == ["-", "zero", "one", "2"]
    assert label_texts(make_spec(), labels) == ["-", "0", "1", "2"]
