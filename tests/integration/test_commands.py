"""Every command of the command line, on tiny data."""

import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae_tf.artifacts import RunDirectory
from vae_tf.config_sources import list_presets

RUN_FILES = {
    "SHA256SUMS",
    "config.yaml",
    "data_notes.json",
    "dataset.json",
    "environment.json",
    "metrics.jsonl",
    "results.json",
    "model.keras",
    "checkpoints",
    "pictures",
    "tensorboard",
}
NUMBERS = {"negative_elbo", "nll", "nll_stderr", "kl", "kl_blocks", "reconstruction_nll", "bits_per_dim", "num_examples"}
TRAIN = ["--epochs", 1, "--set", "data.limit=80", "--set", "model.network={kind: mlp, widths: [8]}", "--latent", "gaussian:2"]


def test_a_run_holds_the_documented_files(tiny_run):
    assert {path.name for path in tiny_run.iterdir()} - {".lock"} == RUN_FILES
    assert {path.name for path in (tiny_run / "pictures").iterdir()} == {
        "reconstructions.png",
        "samples.png",
        "traversal.png",
    }


def test_train_prints_one_json_object(run_cli, parse, tmp_path):
    code, out, _ = run_cli("train", "--run-dir", tmp_path / "r", *TRAIN, "--json")
    assert code == 0
    assert set(parse(out)) >= {*NUMBERS, "run", "best_epoch", "epochs", "seconds"}


def test_train_names_the_next_commands(run_cli, tmp_path):
    code, out, err = run_cli("train", "--run-dir", tmp_path / "r", *TRAIN)
    assert code == 0
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["tensorboard", "generate", "export"]
    assert "test negative ELBO" in err and "±" in err


def test_train_repeats_a_run_from_its_config(run_cli, parse, tmp_path, tiny_run):
    code, out, _ = run_cli("train", "--config", tiny_run / "config.yaml", "--run-dir", tmp_path / "again", "--json")
    first = json.loads((tiny_run / "results.json").read_text())
    assert code == 0
    assert parse(out)["negative_elbo"] == first["negative_elbo"]


@pytest.mark.parametrize("name", ["gaussian", "joint", "autoencoder"])
def test_evaluate_gives_the_documented_numbers(run_cli, parse, tiny_runs, name):
    code, out, _ = run_cli("evaluate", tiny_runs[name], "--num-samples", 20, "--limit", 50, "--json")
    numbers = parse(out)
    assert code == 0
    assert set(numbers) >= NUMBERS
    assert numbers["num_examples"] == 50
    assert numbers["negative_elbo"] == pytest.approx(numbers["reconstruction_nll"] + numbers["kl"], rel=1e-6)
    assert (numbers["nll"] is None) == (name == "autoencoder")
    if name != "autoencoder":
        assert numbers["nll"] < numbers["negative_elbo"]
        assert numbers["bits_per_dim"] == pytest.approx(numbers["nll"] / math.log(2) / 64)
    assert (numbers["relaxed"] is not None) == (name == "joint")


def test_evaluate_gives_equal_numbers_twice(run_cli, tiny_run, own_classifier):
    first, second = (run_cli("evaluate", tiny_run, "--num-samples", 5, "--json")[1] for _ in range(2))
    assert first == second


def test_evaluate_shows_a_table_to_people(run_cli, tiny_run):
    code, _, err = run_cli("evaluate", tiny_run, "--num-samples", 2)
    assert code == 0
    assert re.search(r"NLL \(2 samples\)", err)


@pytest.mark.parametrize("name", ["gaussian", "joint", "autoencoder"])
@pytest.mark.parametrize("command", ["generate", "reconstruct", "interpolate", "traverse"])
def test_picture_commands_write_pictures(run_cli, tmp_path, tiny_runs, name, command):
    code, out, _ = run_cli(command, tiny_runs[name], "-o", tmp_path / "p.png")
    assert code == 0
    assert out.strip() == str(tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as image:
        pixels = np.asarray(image)
    assert min(pixels.shape) > 100
    assert pixels.std() > 5


def test_generate_writes_arrays_in_raw_units(run_cli, tmp_path, tiny_runs):
    code, _, _ = run_cli("generate", tiny_runs["joint"], "--num", 5, "--seed", 3, "-o", tmp_path / "a.npz", "--codes")
    assert code == 0
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    assert arrays["x"].shape == (5, 8, 8, 1) and arrays["z"].shape == (5, 11)
    assert 1 < arrays["x"].max() <= 255


def test_generate_depends_on_the_seed_alone(run_cli, tmp_path, tiny_run):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run_cli("generate", tiny_run, "--seed", seed, "-o", tmp_path / f"{name}.npz")
    a, b, c = (np.load(tmp_path / f"{name}.npz")["x"] for name in "abc")
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_a_low_temperature_narrows_the_samples(run_cli, tmp_path, tiny_run):
    for temperature in (0.1, 1.0):
        run_cli("generate", tiny_run, "--temperature", temperature, "--codes", "-o", tmp_path / f"{temperature}.npz")
    narrow, wide = (np.load(tmp_path / f"{temperature}.npz")["z"] for temperature in (0.1, 1.0))
    np.testing.assert_allclose(narrow, 0.1 * wide, rtol=1e-5)


def test_manifold_of_a_two_dimensional_run(run_cli, tmp_path, tiny_run):
    code, _, _ = run_cli("manifold", tiny_run, "--steps", 4, "-o", tmp_path / "m.png")
    assert code == 0 and (tmp_path / "m.png").stat().st_size > 500


def test_encode_writes_npz_and_tsv_that_agree(run_cli, tmp_path, tiny_runs):
    for suffix in ("npz", "tsv"):
        code, _, _ = run_cli("encode", tiny_runs["joint"], "--limit", 30, "-o", tmp_path / f"e.{suffix}")
        assert code == 0
    with np.load(tmp_path / "e.npz") as file:
        arrays = dict(file)
    assert arrays["gaussian_loc"].shape == (30, 3) and arrays["categorical_probs"].shape == (30, 2, 4)
    with (tmp_path / "e.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    np.testing.assert_allclose([float(row["gaussian_loc_1"]) for row in rows], arrays["gaussian_loc"][:, 1], rtol=1e-4)
    assert [int(row["label"]) for row in rows] == arrays["label"].tolist()


def test_runs_lists_runs_with_their_numbers(run_cli, parse, tiny_runs):
    code, out, _ = run_cli("runs", "--folder", tiny_runs["gaussian"].parent, "--json")
    rows = {row["run"].rsplit("/", 1)[1]: row for row in parse(out)["runs"]}
    assert code == 0
    assert set(rows) == set(tiny_runs)
    assert rows["joint"]["latent"] == "gaussian+categorical" and rows["joint"]["finished"]
    assert rows["gaussian"]["nll"] > 0 and rows["autoencoder"]["nll"] is None
    assert run_cli("runs", "--folder", tiny_runs["gaussian"].parent)[0] == 0


def test_a_run_that_may_not_be_looked_into_hides_no_other(run_cli, parse, tiny_runs, monkeypatch):
    looks = Path.stat

    def refuse(self, **settings):
        if self.parent == tiny_runs["joint"]:
            raise PermissionError(13, "Permission denied", str(self))
        return looks(self, **settings)

    monkeypatch.setattr(Path, "stat", refuse)
    code, out, _ = run_cli("runs", "--folder", tiny_runs["joint"].parent, "--json")
    errors = {row["run"].rsplit("/", 1)[1]: row.get("error", "") for row in parse(out)["runs"]}
    assert code == 0 and set(errors) == set(tiny_runs)
    assert "Permission denied" in errors.pop("joint") and not any(errors.values())


def test_show_prints_configuration_and_model(run_cli, parse, tiny_run):
    code, out, _ = run_cli("show", tiny_run)
    assert code == 0
    assert "latents:" in out and "Trainable parameters" in out and "decoder" in out
    parameters = parse(run_cli("show", tiny_run, "--json")[1])["parameters"]
    assert parameters["encoder"] == 64 * 16 + 16 + 16 * 4 + 4


def test_presets_and_datasets_are_listed(run_cli, parse):
    code, out, _ = run_cli("presets", "--json")
    assert code == 0 and set(parse(out)["presets"]) == set(list_presets())
    code, out, _ = run_cli("datasets", "--json")
    assert code == 0 and any(name.startswith("csv:") for name in parse(out)["datasets"])
    assert run_cli("presets")[0] == run_cli("datasets")[0] == 0


COMMANDS = ["train", "evaluate", "generate", "reconstruct", "interpolate", "traverse", "manifold", "encode", "tensorboard"]


@pytest.mark.parametrize("command", [*COMMANDS, "export", "runs", "show", "presets", "datasets"])
def test_every_command_explains_itself(run_cli, command):
    code, out, _ = run_cli(command, "--help")
    assert code == 0 and "Usage" in out


def test_more_epochs_go_on_from_a_finished_run(run_cli, parse, tmp_path):
    run_cli("train", "--run-dir", tmp_path / "r", *TRAIN)
    code, out, _ = run_cli("train", "--resume", "--run-dir", tmp_path / "r", "--epochs", 3, "--json")
    assert code == 0 and parse(out)["epochs"] == 3
    assert [record["epoch"] for record in RunDirectory(tmp_path / "r").read_metrics()] == [1, 2, 3]


def test_csv_and_images_train_too(run_cli, parse, tmp_path):
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "t.csv", rng.normal(5.0, 3.0, (200, 4)), delimiter=",", header="a,b,c,d", comments="")
    np.savez(tmp_path / "i.npz", x=rng.integers(0, 256, (150, 20, 28, 3), dtype=np.uint8))
    small = ["--epochs", 1, "--set", "training.batch_size=32", "--preset", "digits", "--set", "data.binarization=none"]
    for dataset, kind in (("csv", "mlp"), ("npz", "conv")):
        path = tmp_path / ("t.csv" if dataset == "csv" else "i.npz")
        network = f"model.network={{kind: {kind}, widths: [8]}}"
        code, out, err = run_cli(
            "train", "--dataset", f"{dataset}:{path}", "--run-dir", tmp_path / dataset, *small, "--set", network, "--json"
        )
        assert code == 0, err
        assert np.isfinite(parse(out)["nll"])
        assert run_cli("generate", tmp_path / dataset, "-o", tmp_path / f"{dataset}.png")[0] == 0
