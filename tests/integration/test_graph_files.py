"""Files for other runtimes: what they answer is what the SavedModel answers; draws follow the noise that is given."""

import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.data import load_dataset
from vae_tf.export.graph_check import first_rows
from vae_tf.export.graph_files import GraphFiles
from vae_tf.export.graph_format import NotConvertedError
from vae_tf.export.litert_graph import LiteRt
from vae_tf.export.noise import RowDraws
from vae_tf.export.onnx_graph import Onnx
from vae_tf.export.servable import export_run
from vae_tf.export.signature import Input, Signature
from vae_tf.models.samplers import gumbel_max
from vae_tf.training.runs import load_run

try:
    import onnxruntime
    import tf2onnx
except ImportError:
    onnxruntime = tf2onnx = None

needs_onnx = pytest.mark.skipif(tf2onnx is None, reason="needs requirements-onnx.lock")
FORMATS = {"onnx": Onnx, "litert": LiteRt}
BOTH = [pytest.param("onnx", marks=needs_onnx), "litert"]
CONVERTED = ("reconstruct", "encode", "decode", "sample", "interpolate", "score")


@pytest.fixture(scope="module", params=BOTH)
def exported(request, tiny_runs, tmp_path_factory):
    """Export a model of a Gaussian and a categorical block with files of a format; give its version's folder and its report."""
    loaded = load_run(tiny_runs["joint"])
    files = GraphFiles(FORMATS[request.param](), first_rows(load_dataset(loaded.config.data, loaded.spec)))
    done = export_run(loaded, tmp_path_factory.mktemp("models"), "m", beside=(files,))
    return done.path, done.beside[0]


@pytest.fixture
def ask(exported):
    """Run a file on inputs by name; give its outputs by name."""
    path, report = exported

    def run(name, **inputs):
        form = FORMATS[report.form]()
        return form.open((path / form.name / f"{name}{form.suffix}").read_bytes())(inputs)

    return run


def test_the_files_answer_as_the_servable_does(exported, ask):
    served = tf.saved_model.load(str(exported[0])).signatures
    rng = np.random.default_rng(0)
    x, z = rng.integers(0, 256, (5, 8, 8, 1)).astype(np.float32), rng.standard_normal((3, 11)).astype(np.float32)
    requests = {"reconstruct": {"x": x}, "encode": {"x": x}, "score": {"x": x}, "decode": {"z": z}}
    requests["interpolate"] = {"start": x, "stop": x[::-1], "fraction": np.linspace(0, 1, 5, dtype=np.float32)}
    for name, request in requests.items():
        expected = served[name](**{key: tf.constant(value) for key, value in request.items()})
        answers = ask(name, **{key: np.ascontiguousarray(value) for key, value in request.items()})
        assert set(answers) == set(expected)
        for key, value in expected.items():
            np.testing.assert_allclose(answers[key], value, rtol=1e-4, atol=1e-4)


def test_draws_follow_the_noise_that_is_given(ask):
    rng = np.random.default_rng(1)
    noise = {"normal": rng.standard_normal((200, 3)), "uniform": rng.random((200, 8))}
    noise = {name: value.astype(np.float32) for name, value in noise.items()}
    made = ask("sample", **noise, temperature=np.full(200, 0.5, np.float32))
    np.testing.assert_allclose(made["z"][:, :3], 0.5 * noise["normal"], rtol=1e-5)
    classes = made["z"][:, 3:].reshape(200, 2, 4)
    assert set(np.unique(classes)) == {0.0, 1.0} and np.all(classes.sum(axis=-1) == 1)
    np.testing.assert_allclose(made["x"], ask("decode", z=made["z"])["x"], atol=1e-4)


def test_the_report_tells_what_was_compared_and_what_has_no_file(exported):
    path, report = exported
    assert set(report.files) == set(CONVERTED)
    assert all(file.comparison.num_rows == 16 and file.comparison.milliseconds > 0 for file in report.files.values())
    assert all(file.comparison.largest_difference < 1e-3 for file in report.files.values())
    assert "StatelessRandom" in report.not_converted["impute"]
    manifest = json.loads((path / report.form / "manifest.json").read_text())
    assert manifest["signatures"]["sample"]["inputs"]["normal"]["shape"] == [None, 3]
    assert manifest["not_converted"] == report.not_converted and manifest["dataset"]["event_shape"] == [8, 8, 1]
    for file in report.files.values():
        assert (path / report.form / file.file).stat().st_size == file.num_bytes
        assert f"{report.form}/{file.file}" in (path / "SHA256SUMS").read_text()


def _patch(monkeypatch, form, convert):
    whole = FORMATS[form].convert
    monkeypatch.setattr(FORMATS[form], "convert", lambda self, signature: convert(lambda one: whole(self, one), signature))


@pytest.mark.parametrize("form", BOTH)
def test_a_file_that_answers_otherwise_does_not_appear(tiny_runs, tmp_path, monkeypatch, form):
    def convert(whole, signature):
        if signature.name not in ("decode", "encode"):
            raise NotConvertedError("left out")
        if signature.name == "encode":
            return whole(signature)
        function = signature.function
        return whole(Signature("decode", lambda z: {"x": function(z)["x"] + 0.1}, signature.inputs, signature.output_docs))

    _patch(monkeypatch, form, convert)
    done = export_run(load_run(tiny_runs["gaussian"]), tmp_path, "m", beside=(GraphFiles(FORMATS[form]()),))
    report = done.beside[0]
    assert report.not_converted["decode"] == f"{report.runtime} answers otherwise than the SavedModel: x differs by 1.0e-01"
    assert [path.stem for path in (done.path / form).iterdir() if path.suffix != ".json"] == ["encode"]
    assert report.examples == "16 draws from the prior"


@pytest.mark.parametrize("form", BOTH)
def test_the_command_writes_them_alone(run_cli, parse, tmp_path, tiny_runs, monkeypatch, form):
    def one_alone(whole, signature):
        if signature.name not in ("decode", "sample"):
            raise NotConvertedError("Spin: no such operation")
        return whole(signature)

    _patch(monkeypatch, form, one_alone)
    arguments = ("export", tiny_runs["autoencoder"], "--name", "m", "--output", tmp_path, "--format", form)
    code, out, err = run_cli(*arguments, "--json")
    assert code == 0, err
    told, suffix = parse(out), FORMATS[form].suffix
    assert (told["name"], told["version"]) == (f"m-{form}", 1) and told[form]["files"]["decode"]["num_bytes"] > 0
    files = sorted(path.name for path in (tmp_path / f"m-{form}" / "1").iterdir())
    assert files == ["SHA256SUMS", f"decode{suffix}", "manifest.json", f"sample{suffix}"]
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text("utf-8")
    (block,) = [one for one in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE) if f"sample{suffix}" in one]
    names, place = {}, {"onnx": "digits/1/onnx", "litert": "digits-litert/1"}[form]
    block = block.replace(f"saved_models/{place}", str(tmp_path / f"m-{form}" / "1")).replace("((16, 16)", "((16, 3)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the interpreter's new home
        exec(compile(block, "docs", "exec"), names)  # noqa: S102 - the project's own page
    made = names["x"] if form == "onnx" else names["made"]
    assert made.shape == (16, 8, 8, 1)
    assert not (tmp_path / "m").exists()
    code, out, err = run_cli(*arguments, "--keep", "1")
    assert code == 0 and out.splitlines()[-1].endswith(f"m-{form}/2")
    assert f"decode{suffix}" in out + err and f"No {form} file of encode: Spin: no such operation." in out + err


@pytest.mark.parametrize(("weights", "share", "off"), [("float16", 0.6, 1.5), ("int8", 0.4, 26.0)])
def test_lighter_weights_are_lighter_and_off_by_more(tiny_runs, tmp_path, weights, share, off):
    loaded = load_run(tiny_runs["gaussian"])
    sizes, errors = {}, {}
    for kind in ("float32", weights):
        report = export_run(loaded, tmp_path, kind, beside=(GraphFiles(LiteRt(kind)),)).beside[0]
        sizes[kind], errors[kind] = report.files["decode"].num_bytes, report.files["decode"].comparison.largest_difference
    assert sizes[weights] < share * sizes["float32"] + 5_000  # the graph itself takes a few kB
    assert errors["float32"] < errors[weights] < off


def test_weights_that_are_none_are_refused(run_cli, tiny_run, tmp_path):
    code, _, err = run_cli("export", tiny_run, "--output", tmp_path, "--format", "litert", "--weights", "int4")
    assert code == 2 and "weights must be float32, float16, int8. Received: 'int4'" in err
    code, _, err = run_cli("export", tiny_run, "--output", tmp_path, "--weights", "int8")
    assert code == 2 and "--weights is for --format litert. Received: --weights int8 with --format savedmodel." in err
    assert not [*tmp_path.iterdir()]


def test_what_litert_lacks_is_named():
    inputs = (Input(tf.TensorSpec([None, 2], tf.float32, name="x"), "", np.zeros(2, np.float32)),)
    with pytest.raises(NotConvertedError, match=r"^Digamma: not as LiteRT takes it$"):
        LiteRt().convert(Signature("one", lambda x: {"y": tf.math.digamma(x)}, inputs, {"y": ""}))


@needs_onnx
def test_without_its_packages_it_says_how_to_install_them(run_cli, tmp_path, tiny_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    code, _, err = run_cli("export", tiny_run, "--output", tmp_path, "--format", "all")
    assert code == 2 and "pip install -r requirements-onnx.lock" in err
    assert not [*tmp_path.iterdir()]


def _through_onnx(function, *arrays):
    """Return what a function of TensorFlow, written as ONNX, gives for arrays."""
    names = [f"input_{place}" for place in range(len(arrays))]
    inputs = tuple(
        Input(tf.TensorSpec([None, *array.shape[1:]], tf.as_dtype(array.dtype), name=name), "", array[0])
        for name, array in zip(names, arrays, strict=True)
    )
    content = Onnx().convert(Signature("one", lambda *given: {"y": function(*given)}, inputs, {"y": ""}))
    return onnxruntime.InferenceSession(content).run(None, dict(zip(names, arrays, strict=True)))[0]


@needs_onnx
def test_operations_that_the_converter_lacks():
    x = np.array([[-0.999], [-1e-3], [-1e-7], [0.0], [1e-7], [1e-3], [1.0], [50.0]], np.float32)
    for function, exact in ((tf.math.expm1, np.expm1), (tf.math.log1p, np.log1p)):
        np.testing.assert_allclose(_through_onnx(function, x), exact(x.astype(np.float64)), rtol=1e-6)
    np.testing.assert_allclose(_through_onnx(tf.math.erfc, x), tf.math.erfc(x), atol=1e-6)
    y, infinite = np.array([[0.0], [2.0]], np.float32), np.array([[np.inf], [3.0]], np.float32)
    assert _through_onnx(tf.math.multiply_no_nan, infinite, y).ravel().tolist() == [0.0, 6.0]
    gap = np.array([[np.nan, np.inf, 2.0]], np.float32)
    filled = _through_onnx(lambda a: tf.where(tf.math.is_finite(a), a, tf.zeros_like(a)), gap)
    assert filled.tolist() == [[0.0, 0.0, 2.0]]
    cells = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    picked = _through_onnx(lambda a, b: tf.gather(a, b, axis=-1, batch_dims=1), cells, np.array([[2, 0], [1, 1]]))
    assert picked.tolist() == [[[2.0, 0.0], [5.0, 3.0]], [[7.0, 7.0], [10.0, 10.0]]]
    edges, values = np.array([[0.0, 1.0, 1.0, 2.0]], np.float32), np.array([[-1.0, 1.0, 1.5, 2.0, 9.0]], np.float32)
    for side in ("left", "right"):
        found = _through_onnx(lambda a, b, side=side: tf.searchsorted(a, b, side=side), edges, values)
        assert found[0].tolist() == np.searchsorted(edges[0], values[0], side).tolist()


@needs_onnx
def test_what_onnx_lacks_is_named():
    for function, told in ((tf.math.lgamma, "Lgamma"), (lambda x: x + tf.random.stateless_uniform([2], [1, x.shape[1]]), "")):
        array = np.ones((2, 2), np.float32)
        if told:
            with pytest.raises(NotConvertedError, match=f"^{told}: ONNX has no such operation$"):
                _through_onnx(function, array)
        else:  # a draw by a seed that is known is a constant: the same as TensorFlow's
            np.testing.assert_allclose(_through_onnx(function, array), function(tf.constant(array)), rtol=1e-6)


def test_noise_that_draws_the_same_as_a_seed():
    logits = tf.constant([0.0, 1.0, -1.0, 0.5])

    def row(seed, scale):
        first, second, third = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        picked = tf.random.stateless_categorical(logits[tf.newaxis] * scale, 2, first)[0]
        relaxed = gumbel_max(logits * scale, second)
        return tf.concat([tf.cast(picked, tf.float32), relaxed, scale * tf.random.stateless_normal([3], third)], axis=0)

    draws = RowDraws(row, [tf.TensorSpec([])])
    assert draws.sizes == {"uniform": 6, "normal": 3}
    seeds, scales = tf.constant([[n, 7] for n in range(20)]), tf.linspace(0.1, 2.0, 20)
    expected = np.stack([row(seed, scale) for seed, scale in zip(seeds, scales, strict=True)])
    noise = draws.noise_of(seeds, scales)
    np.testing.assert_allclose(
        draws.of_rows({key: tf.constant(value) for key, value in noise.items()}, scales), expected, rtol=1e-5
    )


def test_picks_by_noise_have_their_chances(assert_mean):
    chances = np.array([0.1, 0.6, 0.3], np.float32)
    logits = tf.constant(np.log(chances))
    draws = RowDraws(lambda seed: tf.one_hot(tf.random.stateless_categorical(logits[tf.newaxis], 1, seed)[0, 0], 3), [])
    noise = np.random.default_rng(0).random((4000, 1)).astype(np.float32)
    assert_mean(draws.of_rows({"uniform": tf.constant(noise)}).numpy(), chances)


def test_draws_that_are_no_function_of_noise_are_named():
    from vae_tf.errors import UserValueError

    with pytest.raises(UserValueError, match=r"^StatelessRandomPoisson: what it draws is no plain function of noise$"):
        RowDraws(lambda seed: tf.random.stateless_poisson([2], seed, 3.0), [])
