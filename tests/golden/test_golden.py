"""Kept artefacts of released versions open for ever, with the numbers that the version that made them gave.

Every folder v*/NAME is one run; `make.py` makes them, README.md says how. Nothing but the kept files is needed to open one.
"""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from answers import answer_bounds, answer_model, answer_objective, answer_signatures

from vae_tf.artifacts import RunDirectory
from vae_tf.cli import main
from vae_tf.config import RunConfig
from vae_tf.config_sources import dump_yaml
from vae_tf.training import load_run

HERE = Path(__file__).parent
RUNS = {f"{path.parent.parent.name}/{path.parent.name}": path.parent for path in sorted(HERE.glob("v*/*/config.yaml"))}
SERVED = {f"{path.parent.parent.name}/{path.parent.name}": path.parent for path in sorted(HERE.glob("v*/*/servable.zip"))}
RESUMED = {f"{path.parent.parent.name}/{path.parent.name}": path.parent for path in sorted(HERE.glob("v*/*/resumed.json"))}
FIRST = {"autoencoder", "autoregressive", "bfloat16", "bits", "conditional", "counts", "flow_gaussian", "full_gaussian"}
FIRST |= {"gaussian", "joint", "ladder", "learned_temperature", "mixture_prior", "semi_supervised", "series", "text"}
FIRST |= {"text_transformer", "total_correlation", "vamp_prior"}
RELATIVE, ABSOLUTE = 1e-5, 1e-5
"""Other processors sum in another order: float32 keeps 7 digits, and some numbers are differences of larger ones."""
EIGHT_BITS = 2e-2
"""bfloat16 keeps 8 bits: a rounding that falls the other way moves a number by 2 to the power of -8."""
TRAINED = 1e-3
"""An epoch of steps multiplies differences in the last bits."""


def _read(file):
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _assert_same(answers, expected, relative=RELATIVE, absolute=ABSOLUTE):
    assert set(answers) == set(expected)
    for name, value in expected.items():
        if value.dtype.kind in "SU":
            assert answers[name].tolist() == value.tolist(), name
        else:
            np.testing.assert_allclose(answers[name], value, relative, absolute, err_msg=name)


@pytest.fixture(params=RUNS)
def kept(request):
    return RUNS[request.param]


def _contained(stored, now):
    """Leave out of a mapping the keys that a later version has added."""
    if isinstance(stored, dict) and isinstance(now, dict):
        return {key: _contained(stored.get(key), value) for key, value in now.items() if key in stored}
    if isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        return [_contained(*pair) for pair in zip(stored, now, strict=True)]
    return now


def test_a_run_opens_with_its_numbers(kept):
    loaded = load_run(kept)
    inputs, expected = _read(kept / "inputs.npz"), _read(kept / "expected.npz")
    answers = answer_model(loaded.vae, inputs) | answer_bounds(loaded.vae, inputs) | answer_objective(loaded.vae, inputs)
    is_exact = loaded.config.training.precision == "float32"
    _assert_same(answers, expected, *((RELATIVE, ABSOLUTE) if is_exact else (EIGHT_BITS, EIGHT_BITS)))


def test_a_configuration_reads_as_it_was_written(kept):
    stored = yaml.safe_load((kept / "config.yaml").read_text("utf-8"))
    config = RunDirectory.open(kept).read_config()
    now = yaml.safe_load(dump_yaml(config))
    assert RunConfig.model_validate(now) == config
    assert _contained(stored, now) == stored  # what has come since stands beside it


def test_the_keras_file_is_the_same_model(kept):
    vae = keras.models.load_model(kept / "model.keras")
    answers, expected = answer_model(vae, _read(kept / "inputs.npz")), _read(kept / "expected.npz")
    is_exact = RunDirectory.open(kept).read_config().training.precision == "float32"
    tolerances = (RELATIVE, ABSOLUTE) if is_exact else (EIGHT_BITS, EIGHT_BITS)
    _assert_same(answers, {name: expected[name] for name in expected if name in answers}, *tolerances)
    assert {"encode/mean", "decode/mean", "generate"} <= set(answers)


@pytest.mark.parametrize("name", SERVED)
def test_a_servable_answers_as_it_did(name, tmp_path):
    kept = SERVED[name]
    shutil.unpack_archive(kept / "servable.zip", tmp_path)
    servable, requests = tf.saved_model.load(str(tmp_path)), _read(kept / "requests.npz")
    assert {key.partition("/")[0] for key in requests} == set(servable.signatures)
    _assert_same(answer_signatures(servable, requests), _read(kept / "served.npz"), 1e-4, 1e-3)


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_goes_on(name, tmp_path, monkeypatch):
    """Its second epoch is the one that the version that made it would have had."""
    run = tmp_path / "run"
    shutil.copytree(RESUMED[name], run)
    monkeypatch.chdir(HERE.parents[1])
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--resume", "--run-dir", str(run), "--epochs", "2"])
    assert not stopped.value.code
    first, second = RunDirectory.open(run).read_metrics()
    expected = json.loads((run / "resumed.json").read_text("utf-8"))
    assert (first["epoch"], set(second)) == (1, set(expected))
    for key in set(expected) - {"examples_per_second"}:
        assert second[key] == pytest.approx(expected[key], rel=TRAINED), key


def test_the_first_version_s_runs_are_all_here():
    """A run that no longer opens is a bug of the code, not a file to remove."""
    kept = {name.removeprefix("v0.1/") for name in RUNS if name.startswith("v0.1/")}
    assert kept >= FIRST
    assert {"v0.1/joint", "v0.1/text"} <= set(SERVED) and "v0.1/gaussian" in RESUMED


def test_keys_that_a_later_version_adds_are_no_difference_and_others_are():
    stored = {"model": {"latents": [{"kind": "gaussian", "size": 2}]}}
    later = {"model": {"latents": [{"kind": "gaussian", "size": 2, "new": 1}]}, "new": {}}
    assert _contained(stored, later) == stored
    for other in ({"model": {"latents": []}}, {"model": {"latents": [{"kind": "gaussian", "size": 3}]}}, {"new": 1}):
        assert _contained(stored, other) != stored
