"""Starting from another run's weights."""

import io
from ast import literal_eval

import numpy as np
import pytest
from rich.console import Console

from vae_tf.config_sources import with_value
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.training import check_start, load_run, take_weights


@pytest.fixture(scope="module")
def source(make_config, start, tmp_path_factory):
    """A run of two epochs."""
    return start(make_config("gaussian", epochs=2), tmp_path_factory.mktemp("runs") / "source", eager=True)[0]


def _floats(model):
    return [weight.numpy() for weight in model.weights if "float" in str(weight.dtype)]


def test_a_model_of_the_same_shape_takes_all_and_begins_where_the_other_was(source, make_config, make_dataset):
    out = io.StringIO()
    config = make_config("gaussian", seed=5, init_from=str(source.path))
    vae = check_start(config, make_dataset(), console=Console(file=out, width=200))
    theirs = load_run(source.path).vae
    for mine, other in zip(vae.trainable_weights, theirs.trainable_weights, strict=True):
        np.testing.assert_array_equal(mine, other)
    total = sum(weight.size for weight in _floats(theirs))
    assert f"Starts from {source.path}" in out.getvalue() and f"{total:,} of {total:,} weights." in out.getvalue()


def test_another_shape_takes_what_agrees_and_names_the_rest(make_vae):
    source, target = make_vae({"kind": "gaussian", "size": 2}), make_vae({"kind": "gaussian", "size": 3}, seed=4)
    before = [weight.numpy() for weight in target.decoder.trainable_weights]
    found = take_weights(target, source)
    np.testing.assert_array_equal(target.encoder.layers[2].kernel, source.encoder.layers[2].kernel)
    assert {name.split(":")[0] for name in found.left} == {"encoder", "decoder"}
    assert found.taken + sum(np.prod(literal_eval(name.split(" ", 2)[2])) for name in found.left) == found.total
    np.testing.assert_array_equal(target.decoder.trainable_weights[0], before[0])
    np.testing.assert_array_equal(target.decoder.trainable_weights[2], source.decoder.trainable_weights[2])


def test_a_wider_network_takes_nothing_of_the_layers_that_grew(make_vae):
    source = make_vae({"kind": "gaussian", "size": 2})
    target = make_vae({"kind": "gaussian", "size": 2}, network={"kind": "mlp", "widths": [9]})
    found = take_weights(target, source)
    assert found.taken == sum(weight.size for weight in _floats(target)) - sum(
        int(np.prod(weight.shape)) for weight in target.trainable_weights if 9 in weight.shape
    )


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_run_that_is_none_is_refused(name, make_config, make_dataset, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserFileError):
        check_start(make_config("gaussian", init_from=str(tmp_path / name)), make_dataset())


def test_a_run_of_which_nothing_fits_is_refused(source, make_config, make_dataset):
    config = with_value(make_config([{"kind": "gaussian", "size": 3}]), "model.network.widths", [9])
    config = with_value(config, "training.init_from", str(source.path))
    with pytest.raises(UserValueError, match="no weight of which fits"):
        check_start(config, make_dataset((5, 5, 1)))


def test_a_run_goes_on_when_the_one_it_started_from_is_gone(source, make_config, start, tmp_path):
    import shutil

    copied = tmp_path / "copied"
    shutil.copytree(source.path, copied)
    config = make_config("gaussian", epochs=1, init_from=str(copied))
    run, _ = start(config, tmp_path / "a", eager=True)
    shutil.rmtree(copied)
    longer = make_config("gaussian", epochs=2, init_from=str(copied))
    _, outcome = start(longer, run.path, resume=True, eager=True)
    assert outcome.state.epoch == 2
