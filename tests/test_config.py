"""RunConfig: frozen, validated, the same after a round trip."""

import json

import pytest
import yaml
from pydantic import ValidationError

from vae_tf.config import DataConfig, ModelConfig, RunConfig, TrainingConfig, validate_config
from vae_tf.config_sources import dump_yaml, list_presets, load_preset
from vae_tf.parts import read

EVERYTHING = {
    "seed": 7,
    "data": {"dataset": "mnist", "splits": {"train": "train[:90%]"}, "resize": [14, 14], "limit": 100},
    "model": {
        "network": {"kind": "conv", "widths": [4, 8], "normalization": "batch"},
        "latents": [
            {"kind": "gaussian", "size": 3, "kl_weight": 0.5},
            {"kind": "categorical", "name": "class", "temperature": {"kind": "cosine", "start": 1.0, "stop": 0.3}},
        ],
        "likelihood": {"kind": "gaussian", "scale_kind": "elementwise"},
    },
    "training": {"epochs": 3, "learning_rate": {"kind": "exponential", "start": 0.1, "rate": 0.01, "floor": 0.001}},
}


@pytest.mark.parametrize("name", sorted(list_presets()))
def test_every_preset_survives_yaml_and_json(name):
    config = validate_config(load_preset(name))
    assert config.preset == name
    assert validate_config(yaml.safe_load(dump_yaml(config))) == config
    assert RunConfig.model_validate(json.loads(config.model_dump_json())) == config


@pytest.mark.parametrize("settings", [{}, EVERYTHING], ids=["defaults", "everything set"])
def test_configurations_survive_yaml_and_json(settings):
    config = validate_config(settings)
    assert validate_config(yaml.safe_load(dump_yaml(config))) == config
    assert RunConfig.model_validate(json.loads(config.model_dump_json())) == config


def test_yaml_keeps_the_order_of_the_fields():
    assert list(yaml.safe_load(dump_yaml(RunConfig()))) == list(RunConfig.model_fields)


def test_a_configuration_cannot_be_changed():
    config = RunConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1
    with pytest.raises(ValidationError, match="frozen"):
        config.training.epochs = 1


def test_kl_warm_up_is_the_default_of_both_kinds_of_block():
    for block in (read("latent", "gaussian"), read("latent", "categorical")):
        assert block.kl_weight == read("schedule", {"kind": "linear", "start": 0.0, "stop": 1.0, "steps": "auto"})


@pytest.mark.parametrize("number", [2, 2.0, "2e0", "+2E0", "2.e0"])
def test_a_bare_number_is_a_constant_schedule_and_yaml_text_like_1e3_is_a_number(number):
    assert TrainingConfig(learning_rate=number).learning_rate == read("schedule", 2.0)


@pytest.mark.parametrize(
    ("latents", "names"),
    [
        ([{"kind": "gaussian"}], ["gaussian"]),
        ([{"kind": "gaussian"}, {"kind": "categorical"}], ["gaussian", "categorical"]),
        ([{"kind": "gaussian"}, {"kind": "gaussian"}], ["gaussian_1", "gaussian_2"]),
        ([{"kind": "gaussian", "name": "style"}, {"kind": "gaussian"}], ["style", "gaussian"]),
    ],
)
def test_blocks_without_a_name_are_named_after_their_kind(latents, names):
    config = ModelConfig.model_validate({"latents": latents})
    assert [block.name for block in config.latents] == names
    assert ModelConfig.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("given", "full"),
    [("a/b.CSV", "csv:a/b.CSV"), ("b.csv.gz", "csv:b.csv.gz"), ("b.xlsx", "csv:b.xlsx"), ("x.npz", "npz:x.npz")]
    + [(name, name) for name in ("csv:b.txt", "mnist", "mnist:3.0.1", "folder:a.csv", "b.txt", "b.gz")],
)
def test_a_file_s_name_says_what_reads_it(given, full):
    assert DataConfig(dataset=given).dataset == full
