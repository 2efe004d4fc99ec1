"""Families beyond images without labels: what their users do, by the command line."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import vae_tf
from vae_tf.cli import main
from vae_tf.data import decode_text, load_dataset
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
    for how in ("top_k=3", "top_p=0.5,temperature=0.8", "no_repeat=2", "num_beams=2", "temperature=1"):
        code, out, err = run_cli("generate", text, "-o", tmp_path / "lines.txt", "--num", 3, "--decoding", how)
        assert code == 0, err
        lines = (tmp_path / "lines.txt").read_text().split("\n")
        assert len(lines) == 4
        assert out.strip().endswith("lines.txt")
    assert run_cli("interpolate", text, "-o", tmp_path / "path.txt", "--pairs", 1, "--steps", 3)[0] == 0
    assert len((tmp_path / "path.txt").read_text().split("\n")) == 7
    assert run_cli("reconstruct", text, "-o", tmp_path / "pairs.png", "--num", 4)[0] == 0


def _table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_made_texts_are_objects_and_tables_too(text, run_cli, tmp_path):
    made = []
    for name in ("made.txt", "made.jsonl", "made.csv"):
        assert run_cli("generate", text, "-o", tmp_path / name, "--num", 5, "--seed", 3)[0] == 0
    made.append((tmp_path / "made.txt").read_text("utf-8").split("\n")[:-1])
    made.append([json.loads(line)["text"] for line in (tmp_path / "made.jsonl").read_text("utf-8").split("\n")[:-1]])
    made.append([row["text"] for row in _table(tmp_path / "made.csv")])
    assert made[0] == made[1] == made[2] and len(made[0]) == 5
    run = vae_tf.Run.open(text)
    assert run.generate(5, seed=3) == made[0]
    assert run.generate(5, seed=3, decoding={"temperature": 1.0}) == made[0]
    greedy = run.decode(run.encode(LINES[:2]), decoding="top_k=1")
    assert greedy == run.reconstruct(LINES[:2])
    for wrong in ("generate", "interpolate", "reconstruct"):
        code, _, err = run_cli(wrong, text, "-o", tmp_path / "x.csv", "--decoding", "top_p=2")
        assert code == 2 and "top_p must be <= 1" in err


def test_texts_are_reconstructed_beside_what_was_read(text, run_cli, tmp_path):
    (tmp_path / "new.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES[:3]))
    data = ["--data", f"text:{tmp_path / 'new.jsonl'}"]
    assert run_cli("reconstruct", text, "-o", tmp_path / "seen.csv", *data)[0] == 0
    seen = _table(tmp_path / "seen.csv")
    assert [row["text"] for row in seen] == LINES[:3]
    assert [row["reconstruction"] for row in seen] == vae_tf.Run.open(text).reconstruct(LINES[:3])
    drawn = ["--decoding", "temperature=2", "--seed"]
    for seed in (1, 1, 2):
        assert run_cli("reconstruct", text, "-o", tmp_path / f"{seed}.txt", *data, *drawn, seed)[0] == 0
    assert (tmp_path / "1.txt").read_text() != (tmp_path / "2.txt").read_text()


def test_a_way_between_texts_of_ones_own(text, run_cli, tmp_path):
    ends = ["--from", LINES[0], "--to", f"  {LINES[5]}"]
    assert run_cli("interpolate", text, "-o", tmp_path / "way.csv", *ends, "--steps", 4)[0] == 0
    way = _table(tmp_path / "way.csv")
    assert [(row["pair"], row["path"], row["step"]) for row in way[3:5]] == [("1", "straight", "4"), ("1", "spherical", "1")]
    run = vae_tf.Run.open(text)
    assert [row["text"] for row in way[:4]] == run.interpolate(LINES[0], LINES[5], 4)
    same = ["--from", LINES[0], "--to", LINES[0], "--decoding", "temperature=1.5"]
    assert run_cli("interpolate", text, "-o", tmp_path / "same.jsonl", *same)[0] == 0
    steps = [json.loads(line) for line in (tmp_path / "same.jsonl").read_text().splitlines()]
    for path in ("straight", "spherical"):  # the same random numbers at every step
        assert len({step["text"] for step in steps if step["path"] == path}) == 1
    for wrong in (["--from", "a"], [*ends, "--pairs", 2]):
        code, _, err = run_cli("interpolate", text, "-o", tmp_path / "x.txt", *wrong)
        assert code == 2 and "--from and --to go together" in err


def test_neighbours_of_texts_of_ones_own(text, run_cli, parse, tmp_path):
    own = ["the cat met the owl", LINES[7]]
    code, out, _ = run_cli("neighbours", text, *own, "--num", 3, "--json", "-o", tmp_path / "near.csv")
    assert code == 0
    found = parse(out)["neighbours"]
    assert [{key: str(value) for key, value in row.items()} for row in found] == _table(tmp_path / "near.csv")
    run = vae_tf.Run.open(text)
    train = decode_text(run.spec, load_dataset(run.config.data).split("train").x)
    distances = np.linalg.norm(run.encode(own)[:, None] - run.encode(train)[None], axis=-1)
    np.testing.assert_allclose([row["distance"] for row in found], np.sort(distances)[:, :3].ravel(), atol=1e-4)
    assert all(train[row["row"]] == row["text"] for row in found)
    code, _, err = run_cli("neighbours", text, "\u2603 " * 20, "-o", tmp_path / "near.png")
    assert code == 0 and "not in the vocabulary" in err
    code, _, err = run_cli("neighbours", text, " ")
    assert code == 2 and "A text must have letters" in err


def test_neighbours_of_a_picture_of_ones_own(tiny_run, run_cli, parse, tmp_path):
    digits = load_dataset(vae_tf.Run.open(tiny_run).config.data).split("train")
    Image.fromarray((digits.x[4, ..., 0] * (255 / digits.x.max())).astype(np.uint8)).save(tmp_path / "own.png")
    code, out, _ = run_cli("neighbours", tiny_run, tmp_path / "own.png", "--num", 2, "--json")
    assert code == 0
    first = parse(out)["neighbours"][0]
    assert first["label"] == str(digits.labels[first["row"]]) and first["example"].endswith("own.png")
    own = ["--from", tmp_path / "own.png", "--to", tmp_path / "own.png"]
    assert run_cli("interpolate", tiny_run, "-o", tmp_path / "way.png", *own)[0] == 0
    code, _, err = run_cli("neighbours", tiny_run, tmp_path / "none.png")
    assert code == 2 and "none.png" in err
    (tmp_path / "bad.png").write_text("no picture")
    code, _, err = run_cli("neighbours", tiny_run, tmp_path / "bad.png")
    assert code == 2 and "vae_tf-given" not in err


def test_neighbours_of_rows_have_their_cells(run_cli, tmp_path):
    rows = ["rank,kind", *(f"{number % 7},{'ab'[number % 2]}" for number in range(80))]
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    run = _train(tmp_path / "run", "--dataset", f"csv:{tmp_path / 'rows.csv'}")
    (tmp_path / "new.csv").write_text("kind,rank\na,2\nb,5\n")
    assert run_cli("neighbours", run, tmp_path / "new.csv", "--num", 1, "-o", tmp_path / "near.csv")[0] == 0
    found = _table(tmp_path / "near.csv")
    assert [row["kind"] for row in found] == ["a", "b"] and [row["rank of it"] for row in found] == ["2", "5"]


def test_texts_have_a_perplexity_and_no_distances_but_copies(text, run_cli, parse, tmp_path):
    code, out, _ = run_cli("evaluate", text, "--num-samples", 2, "--json")
    assert code == 0
    found = parse(out)
    assert found["perplexity"] == pytest.approx(2 ** found["bits_per_dim"])
    assert found["generation"] is None
    copies = found["text_copies"]
    assert 0.0 <= copies["made_copies"] <= copies["made_near"] <= 1.0 and copies["num_texts"] > 0
    assert any("copies or near copies of training texts" in finding["text"] for finding in found["findings"])
    assert run_cli("report", text, "-o", tmp_path / "report.html", "--num-samples", 2, "--limit", 6)[0] == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Made texts against the training texts" in page and "trigrams in common" in page
    assert "likeliest token after token" in page and f'<th scope="row">{LINES[0][:4]}' in page
    assert "shuffled draws" in page


def test_options_of_texts_are_for_texts(tiny_run, run_cli, tmp_path):
    code, _, err = run_cli("generate", tiny_run, "-o", tmp_path / "x.png", "--decoding", "top_k=3")
    assert code == 2
    assert "--decoding is for texts" in err
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
