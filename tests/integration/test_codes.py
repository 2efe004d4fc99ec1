"""Models of codes by the command line: trained, measured, reported, exported, and asked for codes and their pictures."""

import json

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.export.signatures import make_signatures
from vae_tf.training.runs import load_run

SMALL = ["--epochs", "1", "--limit", "200", "--batch-size", "20", "--set", "evaluation.num_samples=5"]
BLOCKS = {
    "vq": "{kind: vq, num_variables: 3, num_classes: 6, code_size: 2, num_stages: 2, prior_size: 8}",
    "fsq": "{kind: fsq, num_variables: 3, levels: [3, 2], prior_size: 8}",
    "grid": "{kind: vq, num_variables: 4, num_classes: 6, code_size: 2, prior: uniform}",
    "company": "{kind: fsq, num_variables: 2, levels: [3], prior_size: 8}, {kind: gaussian, size: 2}",
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory, request):
    """Train and export every kind once, compared with the live model by a process of its own."""
    from typer.testing import CliRunner

    from vae_tf.cli.app import app

    found, runner = {}, CliRunner()
    folder = tmp_path_factory.mktemp("codes")
    for name, block in BLOCKS.items():
        network = ["--set", "model.network={kind: grid, widths: [4, 4], depth: 1}"] if name == "grid" else []
        run = folder / name
        train = ["train", "--dataset", "digits", "--set", f"model.latents=[{block}]", *network, *SMALL]
        for command in ([*train, "--run-dir", str(run)], ["export", str(run), "--output", str(folder / "m"), "--check"]):
            done = runner.invoke(app, command, catch_exceptions=False)
            assert done.exit_code == 0, done.output
        found[name] = run, folder / "m" / name / "1"
    return found


@pytest.mark.parametrize("name", ["vq", "fsq", "grid"])
def test_codes_are_served_and_taken_back(exported, name):
    run, path = exported[name]
    served, loaded = tf.saved_model.load(str(path)).signatures, load_run(run)
    x = tf.constant(np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1)).astype(np.float32))
    told = served["encode"](x=x)
    length, num_classes = loaded.vae.latent.code_shape
    codes = told["codes"].numpy()
    assert codes.dtype == np.int32 and codes.shape == (5, length) and codes.min() >= 0 and codes.max() < num_classes
    back = served["decode_codes"](codes=tf.constant(codes, tf.int64))
    np.testing.assert_allclose(back["z"], told["mean"], atol=1e-5)
    np.testing.assert_allclose(back["x"], served["reconstruct"](x=x)["reconstruction"], rtol=1e-4, atol=1e-3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"codes must be a whole number from 0 to {num_classes - 1}"):
        served["decode_codes"](codes=tf.constant(codes + num_classes, tf.int64))


@pytest.mark.parametrize("name", ["vq", "fsq", "grid", "company"])
def test_the_score_is_the_bound_and_rows_do_not_depend_on_each_other(exported, name):
    run, path = exported[name]
    served, loaded = tf.saved_model.load(str(path)).signatures, load_run(run)
    x = tf.constant(np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1)).astype(np.float32))
    nats = served["score"](x=x)["negative_elbo"].numpy()
    np.testing.assert_allclose(nats[2:3], served["score"](x=x[2:3])["negative_elbo"], rtol=1e-5)
    if name != "company":
        signature = next(one for one in make_signatures(loaded.vae, loaded.spec) if one.name == "score")
        assert "samples" not in signature.output_docs["negative_elbo"]
        vae, inputs = loaded.vae, x / 16.0
        if loaded.spec.is_binary:
            inputs = tf.cast(inputs > 0.5, tf.float32)
        q = vae.encode(inputs)
        expected = -vae.decode(vae.latent.mean(q)).log_prob(inputs) - vae.latent.log_prior(vae.latent.codes(q))
        np.testing.assert_allclose(nats, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["vq", "fsq"])
def test_draws_are_of_codes_of_the_prior_and_follow_their_seed(exported, name):
    served = tf.saved_model.load(str(exported[name][1])).signatures["sample"]
    made = served(seed=tf.constant([3, 4, 3], tf.int64), temperature=tf.constant([1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(made["z"][0], made["z"][2])
    assert np.any(made["z"][0].numpy() != made["z"][1].numpy())
    cold = served(seed=tf.range(20, dtype=tf.int64), temperature=tf.fill([20], 1e-6))["z"].numpy()
    assert len(np.unique(cold, axis=0)) == 1  # only the likeliest number is left, at every place


def test_they_are_measured_at_the_code_and_reported(exported, run_cli, parse, tmp_path):
    run, _ = exported["vq"]
    code, out, err = run_cli("evaluate", run, "--num-samples", 50, "--json")
    assert code == 0, err
    found = parse(out)
    assert found["num_samples"] == 1 and found["nll"] == pytest.approx(found["negative_elbo"], abs=1e-4)
    (block,) = found["latent"]["blocks"]
    assert [sum(use["counts"]) for use in block["code_use"]] == [3 * found["num_examples"]] * 2
    code, out, err = run_cli("evaluate", run, "--num-samples", 5)
    assert code == 0, err
    words = " ".join(out.split())
    assert "perplexity of the codes, codebook 2" in words and "as many, used equally often, would be as hard to guess" in words
    assert "1 sample)" in words
    code, _, err = run_cli("report", run, "-o", tmp_path / "report.html", "--num-samples", 2, "--limit", 50)
    assert code == 0, err
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "How often each code is used over the whole split." in page and "vq, codebook 2: " in page


def test_pictures_and_files_of_codes(exported, run_cli, tmp_path):
    for name in ("vq", "fsq"):
        run, _ = exported[name]
        for command in ("interpolate", "traverse", "reconstruct"):
            assert run_cli(command, run, "-o", tmp_path / f"{command}.png")[0] == 0
        assert run_cli("generate", run, "-o", tmp_path / "drawn.png", "--temperature", "0.7")[0] == 0
        assert run_cli("encode", run, "-o", tmp_path / "codes.npz", "--limit", 7)[0] == 0
        length, num_classes = load_run(run).vae.latent.code_shape
        codes = np.load(tmp_path / "codes.npz")["codes"]
        assert codes.shape == (7, length) and codes.dtype == np.int32 and codes.max() < num_classes
        code, _, err = run_cli("generate", run, "-o", tmp_path / "x.png", "--components", 3)
        assert code == 2 and "--components needs continuous codes" in err


def test_the_use_of_codes_is_in_tensorboard_s_log(exported):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(exported["vq"][0] / "tensorboard" / "validation"))
    found.Reload()
    tags = found.Tags()
    assert "codes/vq" in tags["tensors"]
    assert {"codes/perplexity_vq", "codes/commitment_vq"} <= {*tags["tensors"], *tags["scalars"]}


def test_a_grid_that_does_not_fit_is_refused(run_cli, tmp_path):
    settings = ["--set", "model.network=grid", "--set", "model.latents=[{kind: vq, num_variables: 5}]"]
    code, _, err = run_cli("train", "--dataset", "digits", "--run-dir", tmp_path / "run", *SMALL, *settings)
    assert code == 2 and "2 x 2 = 4 places of 8 x 8 pixels: num_variables of vq must be a multiple" in err
    assert not (tmp_path / "run").exists()
    assert json.dumps(err).count("Traceback") == 0
