"""Models of codes by the command line: trained, measured, reported, exported, and asked for codes and their pictures."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_tf.cli import main
from vae_tf.data.pipeline import to_inputs
from vae_tf.export.signatures import make_signatures
from vae_tf.training.runs import load_run

SMALL = ["--epochs", "1", "--limit", "200", "--batch-size", "20", "--set", "evaluation.num_samples=5"]
VQ = {"kind": "vq", "num_variables": 3, "num_classes": 6, "code_size": 2, "num_stages": 2, "prior_size": 8}
FSQ = {"kind": "fsq", "num_variables": 3, "levels": [3, 2], "prior_size": 8}
GRID = {"kind": "vq", "num_variables": 4, "num_classes": 6, "code_size": 2, "prior": "uniform"}
NETWORKS = {"grid": {"network": {"kind": "grid", "widths": [4, 4], "depth": 1}}}
MODELS = {"vq": [VQ], "fsq": [FSQ], "grid": [GRID], "company": [FSQ, {"kind": "gaussian", "size": 2}]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codes") / "run"
    latent = "{kind: vq, num_variables: 3, num_classes: 6, code_size: 2, num_stages: 2, prior_size: 8}"
    given = ["--dataset", "digits", "--set", f"model.latents=[{latent}]", "--set", "model.network={kind: mlp, widths: [8]}"]
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--run-dir", str(folder), *given, *SMALL])
    assert not stopped.value.code
    return folder


@pytest.fixture(scope="module")
def served(make_vae, make_spec):
    """Give the signatures of every kind of model, by name."""
    spec = make_spec((8, 8, 1), scale=(16.0,), raw_range=(0.0, 16.0))
    models = {name: make_vae(*blocks, event_shape=(8, 8, 1), **NETWORKS.get(name, {})) for name, blocks in MODELS.items()}
    return {name: (vae, {one.name: one for one in make_signatures(vae, spec)}) for name, vae in models.items()}


X = np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1)).astype(np.float32)


@pytest.mark.parametrize("name", ["vq", "fsq", "grid"])
def test_codes_are_served_and_taken_back(served, name):
    vae, signatures = served[name]
    told = signatures["encode"](tf.constant(X))
    length, num_classes = vae.latent.code_shape
    codes = told["codes"].numpy()
    assert codes.dtype == np.int32 and codes.shape == (5, length) and codes.min() >= 0 and codes.max() < num_classes
    back = signatures["decode_codes"](tf.constant(codes, tf.int64))
    np.testing.assert_allclose(back["z"], told["mean"], atol=1e-5)
    expected = signatures["reconstruct"](tf.constant(X))["reconstruction"]
    np.testing.assert_allclose(back["x"], expected, rtol=1e-4, atol=1e-3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"codes must be a whole number from 0 to {num_classes - 1}"):
        signatures["decode_codes"](tf.constant(codes + num_classes, tf.int64))


@pytest.mark.parametrize("name", ["vq", "fsq", "grid"])
def test_the_score_is_the_bound_at_the_code(served, name):
    vae, signatures = served[name]
    x, q = X / 16.0, vae.encode(X / 16.0)
    nats = signatures["score"](tf.constant(X))["negative_elbo"]
    expected = -vae.decode(vae.latent.mean(q)).log_prob(x) - vae.latent.log_prior(vae.latent.codes(q))
    np.testing.assert_allclose(nats, expected, rtol=1e-4)
    assert "samples" not in signatures["score"].output_docs["negative_elbo"]


def test_beside_another_block_codes_are_told_but_not_taken(served):
    _, signatures = served["company"]
    assert "decode_codes" not in signatures
    assert signatures["encode"](tf.constant(X))["fsq_codes"].shape == (5, 3)
    nats = signatures["score"](tf.constant(X))["negative_elbo"].numpy()
    np.testing.assert_allclose(nats[2:3], signatures["score"](tf.constant(X[2:3]))["negative_elbo"], rtol=1e-5)


@pytest.mark.parametrize("name", ["vq", "fsq"])
def test_draws_are_of_codes_of_the_prior_and_follow_their_seed(served, name):
    vae, signatures = served[name]
    for weight in vae.latent.prior_layer.trainable_variables:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    sample = tf.function(signatures["sample"].__call__, autograph=False)
    made = sample(tf.constant([3, 4, 3], tf.int64), tf.constant([1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(made["z"][0], made["z"][2])
    cold = sample(tf.range(20, dtype=tf.int64), tf.fill([20], 1e-6))["z"].numpy()
    assert len(np.unique(cold, axis=0)) == 1  # only the likeliest number is left, at every place
    warm = sample(tf.range(20, dtype=tf.int64), tf.fill([20], 5.0))["z"].numpy()
    assert len(np.unique(warm, axis=0)) > 5


def test_a_servable_answers_as_the_model_does(run, run_cli, tmp_path):
    code, _, err = run_cli("export", run, "--output", tmp_path, "--name", "codes", "--check")
    assert code == 0, err
    found = tf.saved_model.load(str(tmp_path / "codes" / "1")).signatures
    assert {"encode", "decode", "decode_codes", "reconstruct", "sample", "score"} <= set(found)
    loaded = load_run(run)
    q = loaded.vae.encode(to_inputs(loaded.spec, tf.constant(X)))
    np.testing.assert_array_equal(found["encode"](x=tf.constant(X))["codes"], loaded.vae.latent.codes(q))


def test_it_is_measured_at_the_code(run, run_cli, parse):
    measured = ("--num-samples", 50, "--limit", 60, "--measures", "latent")
    code, out, err = run_cli("evaluate", run, *measured, "--json")
    assert code == 0, err
    found = parse(out)
    assert found["num_samples"] == 1 and found["nll"] == pytest.approx(found["negative_elbo"], abs=1e-4)
    (block,) = found["latent"]["blocks"]
    assert [sum(use["counts"]) for use in block["code_use"]] == [3 * 60] * 2
    code, out, err = run_cli("evaluate", run, *measured)
    assert code == 0, err
    words = " ".join((out + err).split())
    assert "perplexity of the codes, codebook 2" in words and "used equally often, would be as hard to guess" in words


def test_pictures_and_files_of_codes(run, run_cli, tmp_path):
    for command in ("interpolate", "traverse", "reconstruct"):
        assert run_cli(command, run, "-o", tmp_path / f"{command}.png")[0] == 0
    assert run_cli("generate", run, "-o", tmp_path / "drawn.png", "--temperature", "0.7")[0] == 0
    assert run_cli("encode", run, "-o", tmp_path / "codes.npz", "--limit", 7)[0] == 0
    codes = np.load(tmp_path / "codes.npz")["codes"]
    assert codes.shape == (7, 6) and codes.dtype == np.int32 and codes.max() < 6
    code, _, err = run_cli("generate", run, "-o", tmp_path / "x.png", "--components", 3)
    assert code == 2 and "--components needs continuous codes" in err


def test_the_use_of_codes_is_in_tensorboard_s_log(run):
    found = EventAccumulator(str(run / "tensorboard" / "validation"))
    found.Reload()
    tags = found.Tags()
    assert "codes/vq" in tags["tensors"]
    assert {"codes/perplexity_vq", "codes/commitment_vq"} <= {*tags["tensors"], *tags["scalars"]}


def test_a_grid_that_does_not_fit_is_refused(run_cli, tmp_path):
    settings = ["--set", "model.network=grid", "--set", "model.latents=[{kind: vq, num_variables: 5}]"]
    code, _, err = run_cli("train", "--dataset", "digits", "--run-dir", tmp_path / "run", *SMALL, *settings)
    assert code == 2 and "2 x 2 = 4 places of 8 x 8 pixels: num_variables of vq must be a multiple" in err
    assert not (tmp_path / "run").exists()
