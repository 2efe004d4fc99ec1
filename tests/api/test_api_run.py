"""A run answers as its servable and as the commands do, in the form and the units of what it is given."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

import vae_tf
from vae_tf.data.text import decode_text, encode_text


@pytest.fixture(scope="module")
def served(picture_run, told_run, table_run, text_run, tmp_path_factory):
    """Export every run; give the signatures of each."""
    output = tmp_path_factory.mktemp("saved_models")
    runs = {"pictures": picture_run, "told": told_run, "table": table_run, "text": text_run}
    return {name: (run, tf.saved_model.load(str(run.export(output, name, check=False)))) for name, run in runs.items()}


def _ask(model, signature, **inputs):
    return {key: value.numpy() for key, value in model.signatures[signature](**inputs).items()}


def _floats(x):
    return tf.constant(np.asarray(x), tf.float32)


CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def test_a_run_answers_as_its_servable(served, pictures):
    run, model = served["pictures"]
    x, z = pictures[0][:7], np.random.default_rng(1).normal(size=(7, 2))
    np.testing.assert_allclose(run.encode(x), _ask(model, "encode", x=_floats(x))["mean"], **CLOSE)
    np.testing.assert_allclose(run.decode(z), _ask(model, "decode", z=_floats(z))["x"], **CLOSE)
    np.testing.assert_allclose(run.reconstruct(x), _ask(model, "reconstruct", x=_floats(x))["reconstruction"], **CLOSE)
    assert 30 < run.reconstruct(x).mean() < 230  # bytes, as they were given
    request = {"start": _floats(x[:1]).numpy().repeat(4, 0), "stop": _floats(x[1:2]).numpy().repeat(4, 0)}
    way = _ask(model, "interpolate", **request, fraction=tf.linspace(0.0, 1.0, 4))["x"]
    np.testing.assert_allclose(run.interpolate(x[0], x[1], 4), way, **CLOSE)
    np.testing.assert_allclose(run.interpolate(x[:2], x[1:3], 4)[0], way, **CLOSE)
    np.testing.assert_allclose(way[0], run.reconstruct(x[:1])[0], **CLOSE)


def test_pictures_of_one_channel_need_no_axis_for_it(picture_run, pictures):
    x = pictures[0][:3]
    np.testing.assert_array_equal(picture_run.encode(x[..., 0]), picture_run.encode(x))
    np.testing.assert_array_equal(
        picture_run.interpolate(x[0, ..., 0], x[1, ..., 0], 3), picture_run.interpolate(x[0], x[1], 3)
    )
    np.testing.assert_array_equal(picture_run.interpolate(x[:2, ..., 0], x[1:], 3)[0], picture_run.interpolate(x[0], x[1], 3))


def test_a_run_scores_as_its_servable(served, pictures):
    run, model = served["pictures"]
    x = pictures[0][:10]
    answer = _ask(model, "score", x=_floats(x))["negative_elbo"]
    for seed in range(2):
        np.testing.assert_allclose(run.score(x, num_samples=3, seed=seed)["negative_elbo"], answer, **CLOSE)
    np.testing.assert_array_equal(run.score(x, 5)["nll"], run.score(x, 5)["nll"])
    assert not np.array_equal(run.score(x, 5)["nll"], run.score(x, 5, seed=1)["nll"])


def test_more_rows_than_a_batch_answer_the_same(picture_run, pictures):
    from vae_tf.api.answers import Answers

    answers = Answers(picture_run.vae, picture_run.spec, batch_size=7)
    np.testing.assert_allclose(answers.ask("encode", "mean", {"x": pictures[0]}), picture_run.encode(pictures[0]), **CLOSE)


def test_a_told_model_takes_labels(served, pictures):
    run, model = served["told"]
    x = pictures[0][:4]
    assert run.spec.label_names == ("dark", "light")
    expected = _ask(model, "encode", x=_floats(x), label=tf.constant([1, 0, 1, 1], tf.int64))["mean"]
    np.testing.assert_allclose(run.encode(x, ["light", "dark", "light", "light"]), expected, **CLOSE)
    np.testing.assert_allclose(run.encode(x, [1, 0, 1, 1]), expected, **CLOSE)
    unknown = _ask(model, "reconstruct", x=_floats(x), label=tf.fill([4], tf.constant(-1, tf.int64)))["reconstruction"]
    np.testing.assert_allclose(run.reconstruct(x), unknown, **CLOSE)
    assert run.interpolate(x[0], x[1], 3, labels=("dark", "light")).shape == (3, 4, 4, 1)
    np.testing.assert_array_equal(run.encode(run.generate(3, labels="dark"), "dark")[:, :2], [[1.0, 0.0]] * 3)
    scores = [run.score(x, 5, labels=labels)["nll"] for labels in ("dark", "light", None)]
    assert not np.array_equal(scores[0], scores[1]) and np.isfinite(scores).all()


def test_a_data_frame_in_a_data_frame_out(served, table, make_frame):
    run, model = served["table"]
    rows = {name: values[:6] for name, values in table.items()}  # the label's column is left out by itself
    frame = make_frame(rows, index=np.arange(10, 16))
    x = _floats(np.stack([rows["width"], rows["height"]], axis=1))
    codes = run.encode(frame)
    assert type(codes) is type(frame) and list(codes.columns) == ["z0", "z1"] and list(codes.index) == list(frame.index)
    np.testing.assert_allclose(codes.to_numpy(), _ask(model, "encode", x=x)["mean"], **CLOSE)
    seen = run.reconstruct(frame)
    assert list(seen.columns) == ["width", "height"]
    np.testing.assert_allclose(seen.to_numpy(), _ask(model, "reconstruct", x=x)["reconstruction"], rtol=1e-5)
    np.testing.assert_allclose(run.decode(codes).to_numpy(), _ask(model, "decode", z=_floats(codes.to_numpy()))["x"], rtol=1e-5)
    assert list(run.score(frame, 5).columns) == ["negative_elbo", "nll", "reconstruction_nll", "kl"]
    turned = make_frame({"height": rows["height"], "width": rows["width"]})
    np.testing.assert_array_equal(run.encode(turned).to_numpy(), codes.to_numpy())
    way = run.interpolate(make_frame({k: v[:2] for k, v in rows.items()}), make_frame({k: v[2:4] for k, v in rows.items()}), 3)
    assert list(way.columns) == ["width", "height"] and way.to_numpy().shape == (6, 2)
    np.testing.assert_allclose(way.to_numpy()[[0, 3]], seen.to_numpy()[:2], rtol=1e-4)
    with pytest.raises(
        vae_tf.UserValueError, match=r"columns of the training data: width, height. Received: one without height"
    ):
        run.encode(make_frame({"width": rows["width"]}))
    with pytest.raises(vae_tf.UserValueError, match="Column 'height' must hold numbers"):
        run.encode(make_frame({"width": rows["width"], "height": rows["kind"]}))
    assert isinstance(run.generate(3), np.ndarray) and run.generate(3)[:, 1].mean() > 900


def test_a_data_frame_for_a_run_of_arrays(table, make_frame, train_small):
    x = np.stack([table["width"], table["height"]], axis=1)
    run = train_small(x, {"training.epochs": 1})
    frame = make_frame({"a": table["width"][:3], "b": table["height"][:3]})
    np.testing.assert_array_equal(run.reconstruct(frame).to_numpy(), run.reconstruct(x[:3]))
    assert list(run.reconstruct(frame).columns) == ["a", "b"]


def test_texts_in_texts_out(served):
    run, model = served["text"]
    texts = ["the cat met the fox", "the owl met"]
    tokens = encode_text(run.spec, texts)
    expected = _ask(model, "encode_text", text=tf.constant(texts))["mean"]
    np.testing.assert_allclose(run.encode(texts), expected, **CLOSE)
    np.testing.assert_allclose(run.encode(tokens), expected, **CLOSE)
    answer = _ask(model, "reconstruct_text", text=tf.constant(texts))
    assert run.reconstruct(texts) == [text.decode() for text in answer["reconstruction_text"].tolist()]
    assert run.reconstruct(np.array(texts)) == decode_text(run.spec, answer["reconstruction"])
    way = run.interpolate(*texts, num_steps=3)
    assert len(way) == 3 and [way[0], way[2]] == run.reconstruct(texts)
    assert len(run.generate(5)) == 5 and all(isinstance(text, str) for text in run.generate(5))
    assert run.score(texts, 2)["nll"].shape == (2,)


def test_a_run_generates_and_measures_as_the_commands(picture_run, pictures, run_cli, train_small, tmp_path):
    np.savez(tmp_path / "pictures.npz", x=pictures[0], y=pictures[1])
    run = train_small(f"npz:{tmp_path / 'pictures.npz'}")
    assert run_cli("generate", run.path, "-o", tmp_path / "x.npz", "--num", 6, "--seed", 3, "--temperature", 0.5).code == 0
    np.testing.assert_array_equal(run.generate(6, seed=3, temperature=0.5), np.load(tmp_path / "x.npz")["x"])
    done = run_cli(
        "score", run.path, "-o", tmp_path / "s.csv", "--data", f"npz:{tmp_path / 'pictures.npz'}", "--num-samples", 5
    )
    assert done.code == 0
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    for name, values in run.score(pictures[0], 5).items():
        np.testing.assert_allclose([float(row[name]) for row in rows], values, rtol=1e-5, atol=1e-6)
    settings = ("--num-samples", 5, "--parts", "latent", "--limit", 8)
    done = run_cli("evaluate", run.path, *settings, "--json")
    expected = {key: value for key, value in json.loads(done.out).items() if key != "run"}
    assert json.loads(json.dumps(run.evaluate(num_samples=5, parts=["latent"], limit=8))) == expected
    assert done.code == 0
    with pytest.raises(vae_tf.UserValueError, match="data= is for runs of data in memory"):
        run.evaluate(data=pictures)


def test_a_run_of_data_in_memory_asks_for_them_when_it_is_opened_again(picture_run, pictures):
    opened = vae_tf.Run.open(picture_run.path)
    with pytest.raises(vae_tf.UserValueError, match=r"memory:pictures are data of a Python.*evaluate\(data=") as caught:
        opened.evaluate()
    assert "\n" not in str(caught.value)
    expected = picture_run.evaluate(num_samples=5, parts=["bounds"])
    for other in (pictures[0], (pictures[0][::-1], pictures[1]), {"train": pictures, "test": pictures}):
        with pytest.raises(vae_tf.UserValueError, match=r"The data are not those that .*: .*fingerprint"):
            opened.evaluate(data=other)
    assert opened.evaluate(data=pictures, num_samples=5, parts=["bounds"]) == expected
    assert opened.evaluate(num_samples=5, parts=["bounds"]) == expected  # given once, kept


@pytest.mark.parametrize("command", ["evaluate", "report", "reconstruct", "encode", "score", "compare"])
def test_commands_say_that_they_cannot_load_what_was_in_memory(command, picture_run, table_run, run_cli, tmp_path):
    suffix = {"report": "html", "reconstruct": "png", "encode": "npz", "score": "csv", "compare": "png"}.get(command)
    output = ["-o", tmp_path / f"x.{suffix}"] if suffix else []
    runs = [picture_run.path, table_run.path][: 2 if command == "compare" else 1]
    done = run_cli(command, *runs, *output)
    assert done.code == 2
    assert [line for line in done.err.splitlines() if line.startswith("Error")] == [
        "Error: memory:pictures are data of a Python program, given in memory; they cannot be loaded again. Give them: "
        "data=... in Python, e.g. vae_tf.Run.open(RUN).evaluate(data=...)."
    ]


def test_commands_that_need_no_data_work(picture_run, run_cli, tmp_path):
    assert run_cli("generate", picture_run.path, "-o", tmp_path / "x.png", "--num", 4).code == 0
    assert run_cli("export", picture_run.path, "--output", tmp_path).code == 0
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["1"]


def test_a_report(picture_run, pictures, tmp_path):
    path = vae_tf.Run.open(picture_run.path).report(tmp_path / "a.html", data=pictures, num_samples=5, limit=12)
    page = path.read_text()
    assert path == tmp_path / "a.html" and "memory:pictures" in page and "<svg" in page


def test_an_export_is_checked_and_kept(table_run, tmp_path):
    first, second = table_run.export(tmp_path, "mine"), table_run.export(tmp_path, "mine", check=False, keep=1)
    assert (first, second) == (tmp_path / "mine" / "1", tmp_path / "mine" / "2")
    assert not first.exists() and (second / "saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda run: run.encode(np.zeros([3, 5])), r"x must have the shape \[N, 4, 4, 1\]. Received: \[3, 5\]"),
        (lambda run: run.encode(np.zeros([0, 4, 4, 1])), r"Received: \[0, 4, 4, 1\]"),
        (lambda run: run.reconstruct(np.full([1, 4, 4, 1], np.nan)), "finite"),
        (lambda run: run.encode([["a"]]), "Values must be numbers"),
        (lambda run: run.encode([[1], [1, 2]]), "Values must be numbers, in rows of one length"),
        (lambda run: run.decode(np.zeros([3, 3])), r"z must have the shape \[N, 2\]. Received: \[3, 3\]"),
        (lambda run: run.generate(0), "num >= 1"),
        (lambda run: run.generate(2, temperature=0.0), "temperature > 0"),
        (lambda run: run.generate(2, labels="dark"), "labels are for models that are told them"),
        (lambda run: run.interpolate(np.zeros([2, 4, 4, 1]), np.zeros([1, 4, 4, 1])), "as many stops as starts"),
        (lambda run: run.interpolate(np.zeros([4, 4, 1]), np.zeros([4, 4, 1]), 1), "num_steps >= 2"),
        (lambda run: run.evaluate("tset"), "There is no split 'tset'"),
        (lambda run: run.evaluate(parts=["bound"]), "parts must be among"),
        (lambda run: run.export(name="a b"), r"name\) takes letters"),
    ],
)
def test_wrong_questions_are_one_line(picture_run, ask, message):
    with pytest.raises(vae_tf.UserValueError, match=message) as caught:
        ask(picture_run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", ["grey", 2, [0, 1, 0], 0.5])
def test_wrong_labels_are_one_line(told_run, pictures, labels):
    with pytest.raises(vae_tf.UserValueError, match="labels must be"):
        told_run.encode(pictures[0][:2], labels)


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(vae_tf.UserFileError, match="There is no run"):
        vae_tf.Run.open(tmp_path / "none")
