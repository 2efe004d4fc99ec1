"""Families beyond images without labels: what their users do, by the command line."""

import numpy as np
import pytest
import tensorflow as tf

import vae_tf
from vae_tf.cli import main
from vae_tf.export.signatures import make_signatures
from vae_tf.training.runs import load_run

SMALL = ["--epochs", "1", "--limit", "60", "--set", "evaluation.num_samples=2", "--batch-size", "20"]
LINES = [f"the {animal} met the {other}" for animal in ("cat", "dog", "owl") for other in ("fox", "hen", "elk")]


def _train(folder, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--run-dir", str(folder), *SMALL, *map(str, arguments)])
    assert not stopped.value.code
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    latent = "model.latents=[{kind: conditional_gaussian, size: 2}]"
    return _train(tmp_path_factory.mktemp("runs") / "conditional", "--set", latent)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "lines.txt").write_text("\n".join(LINES * 10))
    network = ["--set", "model.network={kind: recurrent, hidden_size: 8, embedding_size: 4}"]
    likelihood = ["--set", "model.likelihood={kind: recurrent_text, hidden_size: 8, embedding_size: 4}"]
    data = ["--dataset", f"text:{folder / 'lines.txt'}", "--set", "data.max_length=24"]
    return _train(folder / "text", *data, *network, *likelihood, "--latent", "gaussian:2")


def test_examples_of_one_label(conditional, run_cli, tmp_path):
    code, _, _ = run_cli("generate", conditional, "-o", tmp_path / "threes.npz", "--label", "3", "--num", 5, "--codes")
    assert code == 0
    z = np.load(tmp_path / "threes.npz")["z"]
    np.testing.assert_array_equal(z[:, :10], np.tile(np.eye(10)[3], (5, 1)))
    code, _, err = run_cli("generate", conditional, "-o", tmp_path / "x.png", "--label", "ten")
    assert code == 2
    assert "--label must be one of 0, 1" in err


def test_a_conditional_model_is_measured_and_drawn(conditional, run_cli, parse, tmp_path):
    code, out, _ = run_cli("evaluate", conditional, "--parts", "latent,representation", "--num-samples", 2, "--json")
    assert code == 0
    assert parse(out)["latent"]["blocks"][0]["name"] == "conditional_gaussian"
    for command in ("interpolate", "traverse", "reconstruct"):
        assert run_cli(command, conditional, "-o", tmp_path / f"{command}.png")[0] == 0


def test_what_is_made_of_counts_is_counts(run_cli, tmp_path):
    np.savez(tmp_path / "counts.npz", x=np.random.default_rng(0).poisson(2.0, (200, 12)))
    run = _train(tmp_path / "run", "--dataset", f"npz:{tmp_path / 'counts.npz'}", "--set", "data.counts=true")
    assert run_cli("generate", run, "--num", 20, "-o", tmp_path / "made.npz")[0] == 0
    served = {one.name: one for one in make_signatures(load_run(run).vae, load_run(run).spec)}["sample"]
    drawn = served(tf.range(20, dtype=tf.int64), tf.ones(20))["x"].numpy()
    for made in (np.load(tmp_path / "made.npz")["x"], vae_tf.Run.open(run).generate(20), drawn):
        assert made.shape == (20, 12) and np.all(made == np.round(made)) and made.min() >= 0 and made.std() > 0.5


def test_labels_are_for_conditional_models(tiny_run, run_cli, tmp_path):
    code, _, err = run_cli("generate", tiny_run, "-o", tmp_path / "x.png", "--label", "3")
    assert code == 2
    assert "--label needs a conditional model" in err


def test_a_density_of_the_codes_as_sampler(tiny_runs, run_cli, tmp_path):
    for name, expected in (("autoencoder", 0), ("gaussian", 0), ("joint", 2)):
        code, _, err = run_cli("generate", tiny_runs[name], "-o", tmp_path / f"{name}.png", "--components", 3, "--num", 4)
        assert code == expected, err
    assert "--components needs continuous codes" in err


def test_texts_are_written_and_shown(text, run_cli, tmp_path):
    for how in ([], ["--top-k", 3], ["--top-p", 0.5], ["--beams", 2]):
        code, out, err = run_cli("generate", text, "-o", tmp_path / "lines.txt", "--num", 3, *how)
        assert code == 0, err
        lines = (tmp_path / "lines.txt").read_text().split("\n")
        assert len(lines) == 4
        assert out.strip().endswith("lines.txt")
    assert run_cli("interpolate", text, "-o", tmp_path / "path.txt", "--pairs", 1, "--steps", 3)[0] == 0
    assert len((tmp_path / "path.txt").read_text().split("\n")) == 7
    assert run_cli("reconstruct", text, "-o", tmp_path / "pairs.png", "--num", 4)[0] == 0


def test_texts_have_a_perplexity_and_no_distances(text, run_cli, parse):
    code, out, _ = run_cli("evaluate", text, "--num-samples", 2, "--json")
    assert code == 0
    found = parse(out)
    assert found["perplexity"] == pytest.approx(2 ** found["bits_per_dim"])
    assert found["generation"] is None


def test_options_of_texts_are_for_texts(tiny_run, run_cli, tmp_path):
    code, _, err = run_cli("generate", tiny_run, "-o", tmp_path / "x.png", "--top-k", 3)
    assert code == 2
    assert "are for texts" in err
    code, _, err = run_cli("generate", tiny_run, "-o", tmp_path / "x.txt")
    assert code == 2
    assert "FILE.txt is for texts" in err


def test_windows_of_a_series_are_scored(run_cli, tmp_path):
    rows = np.stack([np.sin(np.arange(300) / 5.0), np.cos(np.arange(300) / 7.0)], axis=1)
    np.savetxt(tmp_path / "series.csv", rows, delimiter=",", header="a,b", comments="")
    network = ["--set", "data.window=6", "--set", "model.network={kind: recurrent, hidden_size: 4}", "--latent", "gaussian:2"]
    run = _train(tmp_path / "run", "--dataset", f"csv:{tmp_path / 'series.csv'}", *network)
    assert run_cli("score", run, "-o", tmp_path / "scores.csv", "--num-samples", 2)[0] == 0
    assert (tmp_path / "scores.csv").read_text().startswith("split,row")
    assert run_cli("generate", run, "-o", tmp_path / "x.png", "--num", 2)[0] == 0
