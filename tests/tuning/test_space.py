"""Search spaces: what is a mistake, what a trial's configuration is, and that the shipped ones fit."""

import pytest
import yaml

from vae_tf.config import RunConfig
from vae_tf.config_sources import resolve_config
from vae_tf.errors import UserError, UserValueError
from vae_tf.tuning import ChoiceParameter, FloatParameter, IntParameter, SearchSpace, load_space
from vae_tf.tuning.space import list_spaces

SIZE = {"path": "model.latents[0].size", "name": "size", "kind": "int", "min": 1, "max": 9}
NETWORK = {"path": "model.network.kind", "name": "network", "kind": "choice", "values": ["mlp", "conv"]}
WIDTHS = {
    "path": "model.network.widths",
    "name": "widths",
    "kind": "choice",
    "values": [[8], [16, 8]],
    "when": {"network": ["mlp"]},
}


def _space(*parameters, **rest):
    return SearchSpace.model_validate({"parameters": list(parameters), **rest})


@pytest.mark.parametrize("name", list_spaces())
def test_every_shipped_space_fits_the_default_preset(name):
    space = load_space(name)
    space.check(space.start(resolve_config("digits")))
    assert space.description.endswith(".")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([{**SIZE, "path": "model.latents[0].sise"}], "sise is not a known key; did you mean 'size'"),
        ([{**SIZE, "path": "model.latents[3].size"}], "has entries 0 to 0"),
        ([{**SIZE, "min": 0}], "must be >= 1. Received: 0"),
        ([{"path": "model.latents[0].size", "kind": "choice", "values": ["many"]}], "must be a valid integer"),
        ([{"path": "latent", "kind": "choice", "values": ["gaussian:x"]}], "--latent takes blocks"),
        ([{"path": "training.learning_rate", "kind": "float", "min": -1, "max": 1}], "training.learning_rate"),
        ([{**WIDTHS, "values": [[8], [0]]}, NETWORK][::-1], "must be >= 1"),
    ],
)
def test_what_does_not_fit_is_said_before_the_first_trial(parameters, message):
    with pytest.raises(UserValueError, match="Search space, ") as caught:
        _space(*parameters).check(RunConfig())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "parameters"),
        ([SIZE, SIZE], "distinct names. Received: size twice"),
        ([{**SIZE, "max": 1}], "max > min. Received: min 1, max 1"),
        ([{**SIZE, "min": 0, "sampling": "log"}], "min > 0 where sampling is log"),
        ([{**SIZE, "kind": "integer"}], "parameters.0"),
        ([{**SIZE, "maximum": 3}], "parameters.0.int.maximum"),
        ([WIDTHS, NETWORK], "widths.when must name an earlier choice. Received: network"),
        ([{**NETWORK, "values": ["conv"]}, WIDTHS], "widths.when must use values of network. Received: ['mlp']"),
    ],
)
def test_a_file_that_is_no_space_is_said_with_its_place(parameters, message, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump({"parameters": parameters}))
    with pytest.raises(UserValueError) as caught:
        load_space(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_space_names_those_there_are():
    with pytest.raises(UserError, match="latent_size"):
        load_space("latent_sizes")


def test_a_space_of_one_s_own_is_found_and_taken_before_a_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = list_spaces()
    assert {"latent_size", "categorical", "joint", "architecture", "full"} == set(shipped)
    (tmp_path / "tuning").mkdir()
    for name in ("latent_size", "mine"):
        (tmp_path / f"tuning/{name}.yaml").write_text(yaml.safe_dump({"description": "Own.", "parameters": [SIZE]}))
    assert load_space("latent_size").description == load_space("mine").description == "Own."
    assert load_space("joint") == load_space(shipped["joint"])
    with pytest.raises(UserError, match="architecture, categorical, full, joint, latent_size, mine"):
        load_space("other")


def test_conditions_decide_what_is_set():
    space = _space(NETWORK, WIDTHS, SIZE)
    dense = space.configure(RunConfig(), space.settle({"network": "mlp", "widths": "[16, 8]", "size": 3}))
    assert dense.model.network.widths == (16, 8) and dense.model.latents[0].size == 3
    drawn = space.settle({"network": "conv", "widths": "[16, 8]", "size": 3})
    assert drawn == {"network": "conv", "size": 3}
    assert space.configure(RunConfig(), drawn).model.network.kind == "conv"


def test_combinations_observe_conditions():
    grids = {"network": ["mlp", "conv"], "widths": ["[8]", "[16, 8]"], "size": [1, 2]}
    combinations = _space(NETWORK, WIDTHS, SIZE).combinations(grids, 100)
    assert len(combinations) == 6 and combinations[0] == {"network": "mlp", "widths": "[8]", "size": 1}
    assert [c for c in combinations if c["network"] == "conv"] == [
        {"network": "conv", "size": 1},
        {"network": "conv", "size": 2},
    ]
    assert len(_space(NETWORK, WIDTHS, SIZE).combinations(grids, 4)) == 4


def test_values_are_settled_as_single_precision_would_leave_them():
    import numpy as np

    rate = FloatParameter(path="training.learning_rate", min=1e-4, max=1e-2, sampling="log")
    choice = ChoiceParameter(path="training.learning_rate", values=(0.1, 0.3))
    assert rate.settle(0.00123456789) == rate.settle(float(np.float32(0.00123456789))) == 0.0012346
    assert choice.settle(float(np.float32(0.1))) == 0.1 and choice.value(0.1) == 0.1
    assert ChoiceParameter(path="x", values=(True, False)).labels() == ["true", "false"]
    assert ChoiceParameter(path="x", values=(None, 3)).value("null") is None


def test_the_base_is_laid_over_the_preset_and_the_specification_is_a_path():
    space = _space({"path": "latent", "kind": "choice", "values": ["gaussian:3", "categorical:4x5"]}, base={"seed": 7})
    start = space.start(resolve_config("digits"))
    config = space.configure(start, {"latent": "categorical:4x5"})
    assert start.seed == 7 and config.model.latents[0].num_classes == 5


def test_a_space_written_in_python_is_the_same_as_one_from_a_file():
    size = IntParameter(path="model.latents[0].size", name="size", min=1, max=9)
    assert SearchSpace(parameters=(size,)) == _space(SIZE)
