"""Preset < file < options < --latent < --set, and messages a person can act on."""

import re

import pytest

from vae_tf.config import validate_config
from vae_tf.config_sources import (
    DEFAULT_PRESET,
    list_presets,
    load_config_file,
    load_preset,
    merge,
    parse_latents,
    parse_override,
    resolve_config,
    with_value,
)
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.parts import kinds, read, settings_of
from vae_tf.program import command_line

GAUSSIAN = {"kind": "gaussian"}
CATEGORICAL = {"kind": "categorical"}
LATENT_FORM = (
    "--latent takes blocks gaussian:SIZE, categorical:NxK or deterministic:SIZE joined by +, "
    "e.g. gaussian:10+categorical:1x10. Received: "
)
SET_FORM = "--set takes PATH=VALUE, e.g. --set training.epochs=5. Received: "
BAD_SETTINGS = [
    ({"trainin": {}}, "trainin is not a known key; did you mean 'training'?"),
    ({"xyz": 1}, "xyz is not a known key; known: preset, seed, data, model, objective, training, evaluation."),
    ({"data": {"datset": "a"}}, "data.datset is not a known key; did you mean 'dataset'?"),
    ({"evaluation": {"num_sample": 3}}, "evaluation.num_sample is not a known key; did you mean 'num_samples'?"),
    (
        {"model": {"latents": [{**GAUSSIAN, "siz": 3}]}},
        "model.latents[0].siz is not a known key; did you mean 'size'?",
    ),
    (
        {"model": {"latents": [GAUSSIAN, {**CATEGORICAL, "temprature": 3}]}},
        "model.latents[1].temprature is not a known key; did you mean 'temperature'?",
    ),
    (
        {"model": {"latents": [{**GAUSSIAN, "kl_weight": {"kind": "linear", "stp": 1}}]}},
        "model.latents[0].kl_weight.stp is not a known key; did you mean 'stop'?",
    ),
    (
        {"model": {"likelihood": {"kind": "gaussian", "scal": 1}}},
        "model.likelihood.scal is not a known key; did you mean 'scale'?",
    ),
    (
        {"model": {"network": {"kind": "mlp", "hidden_size": 1}}},
        "model.network.hidden_size is no key of kind 'mlp', but of causal_conv, conv, recurrent, transformer: set "
        "model.network.kind=causal_conv first.",
    ),
    ({"trainning": {}, "seed": -1}, "trainning is not a known key; did you mean 'training'?"),
    (
        {"model": {"latents": [{**GAUSSIAN, "kl_weight": {"kind": "constant"}}]}},
        "model.latents[0].kl_weight.value is missing.",
    ),
    (
        {"model": {"network": {"kind": "auto", "widht": [3]}}},
        "model.network.widht is not a known key; did you mean 'widths'?",
    ),
    ({"data": {"resize": [3]}}, "data.resize[1] is missing."),
    ({"data": {"resize": [3, 0]}}, "data.resize[1] must be >= 1. Received: 0."),
    ({"data": {"validation_fraction": 1.5}}, "data.validation_fraction must be < 1.0. Received: 1.5."),
    ({"data": {"validation_fraction": 0}}, "data.validation_fraction must be > 0.0. Received: 0."),
    ({"data": {"dataset": ""}}, "data.dataset must have at least 1 character. Received: ''."),
    (
        {"data": {"binarization": "on"}},
        "data.binarization must be 'none', 'threshold', 'dynamic' or 'static'. Received: 'on'.",
    ),
    (
        {"data": {"splits": {"dev": "train"}}},
        "data.splits.dev must be 'train', 'validation' or 'test'. Received: 'dev'.",
    ),
    ({"data": 3}, "data must be a mapping of keys to values. Received: 3."),
    ({"training": {"epochs": 0}}, "training.epochs must be >= 1. Received: 0."),
    ({"training": {"epochs": None}}, "training.epochs must be a valid integer. Received: None."),
    ({"training": {"clip_norm": -1}}, "training.clip_norm must be > 0.0. Received: -1."),
    ({"training": {"learning_rate": 0}}, "training.learning_rate must be > 0 at some step. Received: 0."),
    (
        {"training": {"learning_rate": {"start": 1}}},
        "training.learning_rate must say its kind, one of 'constant', 'cosine', 'cyclical', 'exponential', "
        "'linear', 'stepwise'. Received: {'start': 1}.",
    ),
    ({"training": {"learning_rate": float("nan")}}, "training.learning_rate.value must be a finite number. Received: nan."),
    (
        {"training": {"precision": "float16"}},
        "training.precision must be 'float32' or 'mixed_bfloat16'. Received: 'float16'.",
    ),
    ({"seed": -1}, "seed must be >= 0. Received: -1."),
    ({"seed": 2**31}, "seed must be < 2147483648. Received: 2147483648."),
    (
        {"model": {"network": {"kind": "cnn"}}},
        "model.network must have one of the kinds 'auto', 'causal_conv', 'conv', 'grid', 'mlp', 'recurrent', 'residual', "
        "'transformer'. Received: 'cnn'.",
    ),
    ({"model": {"network": {"kind": "mlp", "widths": []}}}, "model.network.widths must have at least 1 item. Received: []."),
    ({"model": {"latents": []}}, "model.latents must have at least 1 item. Received: []."),
    (
        {"model": {"latents": [{**GAUSSIAN, "name": "a b"}]}},
        "model.latents[0].name must match pattern '^[a-z][a-z0-9_]*$'. Received: 'a b'.",
    ),
    (
        {"model": {"latents": [{**GAUSSIAN, "name": "a"}, {**CATEGORICAL, "name": "a"}]}},
        "model.latents must have distinct block names. Received: ['a', 'a'].",
    ),
    (
        {"model": {"latents": [GAUSSIAN, {"kind": "deterministic"}]}},
        "model.latents must hold a deterministic block alone: it has no density. Received: ['gaussian', 'deterministic'].",
    ),
    ({"model": {"latents": [{**CATEGORICAL, "num_classes": 1}]}}, "model.latents[0].num_classes must be >= 2. Received: 1."),
    (
        {"model": {"latents": [{**CATEGORICAL, "temperature": 0}]}},
        "model.latents[0].temperature must be > 0 at every step. Received: 0.0.",
    ),
    (
        {"model": {"latents": [{**CATEGORICAL, "temperature": {"kind": "linear", "start": 1, "stop": 0}}]}},
        "model.latents[0].temperature must be > 0 at every step. Received: 0.0.",
    ),
    (
        {"model": {"latents": [{**CATEGORICAL, "temperature": -0.5}]}},
        "model.latents[0].temperature.value must be >= 0.0. Received: -0.5.",
    ),
]
BAD_OVERRIDES = [
    ("training.epochs", f"{SET_FORM}'training.epochs'."),
    ("=3", f"{SET_FORM}'=3'."),
    ("..=3", f"{SET_FORM}'..=3'."),
    ("", f"{SET_FORM}''."),
    ("training.epochs=[1", "--set training.epochs: the value is not valid YAML. Received: '[1'."),
    ("training.epoch=3", "training.epoch is not a known key; did you mean 'epochs'?"),
    ("training.epochs.x=3", "training.epochs is a single value and has no key 'x'."),
    (
        "training.epochs=many",
        "training.epochs must be a valid integer, unable to parse string as an integer. Received: 'many'.",
    ),
    ("data.dataset.name=a", "data.dataset must be a valid string. Received: {'name': 'a'}."),
    ("model.latents[1].size=3", "model.latents has entries 0 to 0. Received: 1."),
    ("model.latents.size=3", "model.latents has entries 0 to 0. Received: size."),
    ("model.latents[0]=3", "model.latents[0] must be a mapping of keys to values. Received: 3."),
    ("model=3", "model must be a mapping of keys to values. Received: 3."),
]


@pytest.mark.parametrize(("settings", "message"), BAD_SETTINGS, ids=[message[:50] for _, message in BAD_SETTINGS])
def test_a_bad_setting_is_one_line_with_path_rule_and_value(settings, message):
    with pytest.raises(UserValueError) as error:
        validate_config(settings)
    assert str(error.value) == message


OF_OTHERS = [
    (f"model.{slot}", key)
    for slot in ("network", "likelihood")
    for key in sorted({key for part in kinds(slot).values() for key in settings_of(part).model_fields} - {"kind"})
]


@pytest.mark.parametrize(("path", "key"), OF_OTHERS)
def test_a_key_of_another_kind_says_whose_it_is_and_what_to_set_first(path, key):
    part = path.removeprefix("model.")
    value = next(one.get_default() for other in kinds(part).values() if (one := settings_of(other).model_fields.get(key)))
    override = {f"{path}.{key}": value}
    with pytest.raises(UserValueError, match=rf"{path}\.{key} is no key of kind 'auto', but of ") as error:
        resolve_config(config := "digits", overrides={f"{path}.kind": "auto", **override})
    advice = re.search(rf"set ({path}\.kind)=(\w+) first\.", str(error.value))
    assert resolve_config(config, overrides={advice[1]: advice[2], **override}).model


@pytest.mark.parametrize(("override", "message"), BAD_OVERRIDES)
def test_a_bad_override_says_what_is_wrong(override, message):
    with pytest.raises(UserValueError) as error:
        resolve_config(overrides=[override])
    assert str(error.value) == message


@pytest.mark.parametrize(
    "text",
    [
        *("gaussian", "gaussian:", "gaussian:0", "gaussian:-1", "gaussian:2x3", "gaussian:²", "gaussian: 2"),
        *("categorical:3", "categorical:3x", "categorical:0x3", "cat:3x4", "gaussian:2+", "+", "gaussian:2,categorical:3x4"),
    ],
)
def test_a_bad_latent_specification_is_answered_with_the_form(text):
    with pytest.raises(UserValueError) as error:
        parse_latents(text)
    assert str(error.value) == f"{LATENT_FORM}{text!r}."


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("digit", f"; did you mean 'digits'? See `{command_line('presets')}`."),
        ("zzz", f"; known: {', '.join(sorted(list_presets()))}. See"),
    ],
)
def test_an_unknown_preset_names_the_nearest(name, ending):
    with pytest.raises(UserValueError) as error:
        resolve_config(preset=name)
    assert str(error.value).startswith(f"There is no preset {name!r}{ending}")


def test_every_preset_has_a_description_and_the_default_is_one():
    presets = list_presets()
    assert DEFAULT_PRESET in presets
    assert all(len(text) > 20 for text in presets.values())


def test_with_nothing_said_the_default_preset_holds():
    assert resolve_config() == validate_config(load_preset(DEFAULT_PRESET))


def test_a_file_may_name_the_preset_it_starts_from(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("preset: mnist_conv\ntraining: {epochs: 7}\n")
    config = resolve_config(file=file)
    assert (config.preset, config.training.epochs) == ("mnist_conv", 7)
    assert config.model.network.kind == "conv"
    assert resolve_config(preset="digits", file=file).model.network == resolve_config(preset="digits").model.network
    file.write_text("preset: mnist_con\n")
    with pytest.raises(UserValueError, match="did you mean 'mnist_conv'"):
        resolve_config(file=file)


def test_a_file_alone_starts_from_defaults_not_from_the_preset(tmp_path):
    (tmp_path / "a.yaml").write_text("training: {epochs: 3}")
    config = resolve_config(file=tmp_path / "a.yaml")
    assert config == validate_config({"training": {"epochs": 3}})


def test_later_sources_win_over_earlier_ones(tmp_path):
    preset = resolve_config(preset="digits").training
    (tmp_path / "a.yaml").write_text("seed: 5\ntraining: {epochs: 3, batch_size: 9, clip_norm: 1}")
    file = {"preset": "digits", "file": tmp_path / "a.yaml"}
    options = {"training.epochs": 4, "training.batch_size": 10, "data.limit": None}
    config = resolve_config(**file, options=options, overrides=["training.batch_size=11", "training.batch_size=12"])
    training = config.training
    assert (config.seed, training.clip_norm) == (5, 1.0)  # from the file
    assert (training.epochs, training.batch_size) == (4, 12)  # from options and the last override
    assert training.patience == preset.patience  # from the preset


def test_a_run_s_own_configuration_repeats_it(tmp_path):
    from vae_tf.config_sources import dump_yaml

    config = resolve_config(preset="digits", latent="gaussian:2+categorical:3x4", overrides=["seed=9"])
    (tmp_path / "config.yaml").write_text(dump_yaml(config))
    assert resolve_config(file=tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("override", "path", "expected"),
    [
        ("training.learning_rate=3e-4", ("training", "learning_rate"), read("schedule", 0.0003)),
        ("training.epochs=1e2", ("training", "epochs"), 100),
        (
            "training.learning_rate.value=0.5",
            ("training", "learning_rate"),
            read("schedule", 0.5),
        ),
        ("data.resize=[8, 9]", ("data", "resize"), (8, 9)),
        ("data.splits.train=train[:5]", ("data", "splits"), {"train": "train[:5]"}),
        ("data.label_column=null", ("data", "label_column"), None),
        ("data.dataset=memory:a=b", ("data", "dataset"), "memory:a=b"),
        (" seed =4", ("seed",), 4),
    ],
)
def test_an_override_sets_the_value_at_its_path(override, path, expected):
    value = resolve_config(overrides=[override])
    for part in path:
        value = getattr(value, part)
    assert value == expected


def test_an_override_of_one_block_leaves_the_others_and_its_other_settings():
    config = resolve_config(
        latent="gaussian:2+categorical:3x4",
        overrides=["model.latents[1].temperature=0.5", "model.latents[1].num_classes=7"],
    )
    first, second = config.model.latents
    assert (first.size, second.num_variables, second.num_classes) == (2, 3, 7)
    assert second.temperature == read("schedule", 0.5)


def test_an_override_of_a_block_s_kind_drops_the_old_kind_s_settings():
    (block,) = resolve_config(overrides=["model.latents[0].kind=categorical"]).model.latents
    assert (block.kind, block.num_variables) == ("categorical", 30)


def test_an_override_of_the_network_s_kind_drops_the_old_kind_s_settings():
    assert resolve_config(overrides=["model.network.kind=conv"]).model.network.kind == "conv"


def test_names_of_columns_may_hold_any_characters():
    overrides = ["data.columns.Length (mm)=real", "data.columns.a.b[1]=c=category", "data.columns.when=date"]
    config = resolve_config(overrides=overrides)
    assert config.data.columns == {"Length (mm)": "real", "a.b[1]=c": "category", "when": "date"}
    assert with_value(config, "data.columns.other", "drop").data.columns == {**config.data.columns, "other": "drop"}
    assert isinstance(hash(config.data), int)
    with pytest.raises(UserValueError, match=r"data.columns.a must be 'real', .* Received: 'word'"):
        resolve_config(overrides=["data.columns.a=word"])


def test_parse_override_splits_dots_and_brackets():
    assert parse_override("a.b[1].c={x: [1, 2]}") == (("a", "b", "1", "c"), {"x": [1, 2]})


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": {"kind": "x", "b": 1}}, {"a": {"kind": "x", "c": 2}}, {"a": {"kind": "x", "b": 1, "c": 2}}),
        ({"a": {"kind": "x", "b": 1}}, {"a": {"kind": "y"}}, {"a": {"kind": "y"}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 3}, {"a": 3}),
        ({"a": 3}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_merge_lays_mappings_over_each_other(base, over, expected):
    before = repr(base)
    assert merge(base, over) == expected
    assert repr(base) == before


def test_latents_are_read_with_sizes():
    assert parse_latents("gaussian:10 + categorical:1x12+gaussian:3") == [
        {"kind": "gaussian", "size": 10},
        {"kind": "categorical", "num_variables": 1, "num_classes": 12},
        {"kind": "gaussian", "size": 3},
    ]
    assert parse_latents("deterministic:4") == [{"kind": "deterministic", "size": 4}]


def test_latents_take_over_settings_of_the_same_kind_but_not_the_name():
    like = [{"kind": "gaussian", "name": "style", "size": 3, "kl_weight": 0.5}, {"kind": "categorical", "temperature": 2}]
    assert parse_latents("gaussian:8+deterministic:2", like) == [
        {"kind": "gaussian", "size": 8, "kl_weight": 0.5},
        {"kind": "deterministic", "size": 2},
    ]


def test_the_latent_option_keeps_the_kl_weight_of_the_file(tmp_path):
    (tmp_path / "a.yaml").write_text("model: {latents: [{kind: gaussian, size: 3, kl_weight: 0.25}]}")
    config = resolve_config(file=tmp_path / "a.yaml", latent="gaussian:8+categorical:2x3")
    gaussian, categorical = config.model.latents
    assert (gaussian.size, gaussian.kl_weight) == (8, read("schedule", 0.25))
    assert categorical.num_classes == 3


def test_a_missing_configuration_file_is_named(tmp_path):
    with pytest.raises(UserFileError, match=r"Cannot read the configuration file .*no\.yaml"):
        load_config_file(tmp_path / "no.yaml")


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"a: [1", UserFileError, "is not valid YAML"),
        (b"a: !!python/object/apply:os.getcwd []", UserFileError, "is not valid YAML"),
        (b"\xff\xfe\x00", UserFileError, "Cannot read"),
        (b"- 1\n- 2", UserValueError, "must be a mapping"),
        (b"", UserValueError, "must be a mapping"),
    ],
)
def test_a_damaged_configuration_file_is_named_in_one_line(tmp_path, content, kind, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(kind, match=message) as error:
        load_config_file(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_json_is_read_as_yaml(tmp_path):
    (tmp_path / "a.json").write_text('{"training": {"learning_rate": 1e-3, "epochs": 2}}')
    config = resolve_config(file=tmp_path / "a.json")
    assert config.training.learning_rate == read("schedule", 0.001)
