"""A servable gives the same answers in a process that cannot import vae_tf, by its signatures alone."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.cli import main
from vae_tf.data.pipeline import gather_examples, to_inputs
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.export import SCORE_SAMPLES, standalone
from vae_tf.export.check import ServableMismatchError, check_servable, compare_answers, precision_of, random_request
from vae_tf.export.servable import export_run, list_versions
from vae_tf.export.signature import Input, Signature
from vae_tf.export.signatures import make_signatures
from vae_tf.seeding import derive_pair
from vae_tf.training.runs import load_run

OF_X = {"reconstruct", "encode", "score"}
NAMES = {"serving_default", "decode", "sample", "interpolate", "impute", "impute_masked", "reading"} | OF_X
NAMES |= {f"{name}_{form}" for name in OF_X for form in ("uint8", "encoded")}
OF_DENSITIES = {name for name in NAMES if name.startswith(("score", "impute"))}


@pytest.fixture(scope="module")
def exported(tiny_runs, tmp_path_factory):
    """Return every tiny run with its exported folder."""
    output = tmp_path_factory.mktemp("saved_models")
    loaded = {name: load_run(path) for name, path in tiny_runs.items()}
    return {name: (run, export_run(run, output, name).path) for name, run in loaded.items()}


def _raw(loaded, count=5):
    """Return pictures as a client has them."""
    return np.random.default_rng(1).integers(0, 256, (count, *loaded.spec.event_shape)).astype(np.float32)


@pytest.mark.parametrize("name", ["joint", "autoencoder"])
def test_served_equals_local_without_the_package(exported, name):
    loaded, path = exported[name]
    signatures = make_signatures(loaded.vae, loaded.spec)
    checks = check_servable(Path(os.path.relpath(path)), signatures)
    assert [check.name for check in checks] == [signature.name for signature in signatures]
    assert all(check.num_rows == 4 for check in checks)


def test_the_script_refuses_the_package(tmp_path):
    code = f"import runpy, sys; sys.argv = ['x', 'a', 'b', 'c']; runpy.run_path({standalone.__file__!r})\nimport vae_tf"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(standalone.__file__).parents[2], check=False).returncode == 0
    hidden = code.replace("runpy.run_path(", "sys.meta_path.insert(0, runpy.run_path(").replace(
        ")\nimport", ")['_Refuse']())\nimport"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden], cwd=Path(standalone.__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert "a servable must not need vae_tf" in done.stderr


def test_a_servable_of_another_model_is_refused(exported):
    (loaded, path), (other, _) = exported["gaussian"], exported["joint"]
    with pytest.raises(ServableMismatchError, match="does not run in a process of its own"):
        check_servable(path.parent, make_signatures(loaded.vae, loaded.spec))
    reconstruct = make_signatures(other.vae, other.spec)[:1]
    with pytest.raises(ServableMismatchError, match="serving_default answers otherwise"):
        check_servable(path, reconstruct)


@pytest.fixture(scope="module")
def coarse(tmp_path_factory):
    """Return a run whose layers compute in bfloat16."""
    run = tmp_path_factory.mktemp("runs") / "coarse"
    settings = ["--set", "training.precision=mixed_bfloat16", "--set", "data.limit=120", "--batch-size", "32", "--epochs", "1"]
    model = ["--latent", "gaussian:3+categorical:2x4", "--set", "model.network={kind: mlp, widths: [64, 32]}"]
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--run-dir", str(run), *settings, *model])
    assert not stopped.value.code
    return run


def test_a_model_of_mixed_precision_passes_its_check(coarse, run_cli, parse, tmp_path):
    code, out, err = run_cli("export", coarse, "--output", tmp_path, "--name", "a", "--check", "--json")
    assert code == 0, err
    assert {check["name"] for check in parse(out)["checks"]} == NAMES
    loaded = load_run(coarse)
    assert precision_of(loaded.vae) == "bfloat16"
    loaded.vae.decoder.layers[-2].bias.assign_add(tf.ones_like(loaded.vae.decoder.layers[-2].bias))
    with pytest.raises(ServableMismatchError, match="answers otherwise"):
        check_servable(tmp_path / "a" / "1", make_signatures(loaded.vae, loaded.spec), "bfloat16")


@pytest.mark.parametrize(("precision", "passes"), [("float32", 1e-5), ("bfloat16", 5e-3)])
def test_the_tolerance_is_that_of_the_precision(precision, passes):
    live = np.float32([[1.0, -200.0, 0.01]])
    signature = Signature("one", lambda x: {"y": x}, (Input(tf.TensorSpec([None, 3], tf.float32, name="x"), "", live[0]),), {})
    for share, is_fine in ((passes, True), (20 * passes, False)):
        answers = {"y": live * (1.0 + share)}
        if is_fine:
            assert compare_answers(signature, {"x": live}, answers, precision) > 0.0
            continue
        with pytest.raises(ServableMismatchError):
            compare_answers(signature, {"x": live}, answers, precision)


@pytest.mark.parametrize("name", ["joint", "autoencoder"])
def test_signatures_are_batchable(exported, name):
    loaded, path = exported[name]
    servable = tf.saved_model.load(str(path))
    assert set(servable.signatures) == (NAMES if loaded.vae.latent.has_density else NAMES - OF_DENSITIES)
    for signature in make_signatures(loaded.vae, loaded.spec):
        served = servable.signatures[signature.name]
        specs = served.structured_input_signature[1]
        assert set(specs) == {field.name for field in signature.inputs}
        assert all(spec.shape.rank >= 1 and spec.shape[0] is None for spec in specs.values())
        assert all(output.shape[0] is None for output in served.structured_outputs.values())
        request = random_request(signature, 3)
        merged = served(**{key: tf.constant(value) for key, value in request.items()})
        for row in range(3):
            alone = served(**{key: tf.constant(value[row : row + 1]) for key, value in request.items()})
            for key, value in alone.items():
                if value.dtype == tf.string:
                    assert value[0] == merged[key][row]
                else:
                    np.testing.assert_allclose(value[0], merged[key][row], rtol=1e-4, atol=1e-3)


def test_the_first_operation_checks_the_shape(exported):
    loaded, path = exported["gaussian"]
    servable = tf.saved_model.load(str(path))
    for name in NAMES:
        function = servable.signatures[name]
        operations = [node.op for body in function.graph.as_graph_def().library.function for node in body.node_def]
        assert "EnsureShape" in operations
        assert not {"PyFunc", "EagerPyFunc", "PyFuncStateless", "XlaLaunch"} & set(operations)
        assert not [op for op in operations if op.startswith("Assign")], "a request must not write state"
    assert loaded.vae.latent.size == 2


def test_a_wrong_shape_is_refused_by_the_session_itself(exported):
    _, path = exported["gaussian"]
    graph = tf.Graph()
    with tf.compat.v1.Session(graph=graph) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
        signature = meta.signature_def["encode"]
        feed = graph.get_tensor_by_name(signature.inputs["x"].name)._as_tf_output()
        fetch = [graph.get_tensor_by_name(signature.outputs["mean"].name)._as_tf_output()]
        for shape in ((2, 3), (2, 16, 16, 1), (2, 8, 8), ()):
            with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
                session._call_tf_sessionrun(None, {feed: np.zeros(shape, np.float32)}, fetch, [], None)


def test_sample_follows_its_seed(exported):
    _, path = exported["joint"]
    sample = tf.saved_model.load(str(path)).signatures["sample"]
    z = sample(seed=tf.constant([4, 5, 4, 4], tf.int64), temperature=tf.constant([1.0, 1.0, 1.0, 0.1]))["z"].numpy()
    assert np.array_equal(z[0], z[2]) and not np.array_equal(z[0], z[1])
    assert np.linalg.norm(z[3, :2]) < np.linalg.norm(z[0, :2])


def test_forms_of_the_same_picture_have_the_same_answers(exported):
    loaded, path = exported["gaussian"]
    served = tf.saved_model.load(str(path)).signatures
    raw = _raw(loaded, 2)
    files = [tf.io.encode_png(picture.astype(np.uint8)).numpy() for picture in raw]
    expected = served["encode"](x=tf.constant(raw))["mean"].numpy()
    np.testing.assert_allclose(served["encode_uint8"](x=tf.constant(raw, tf.uint8))["mean"], expected, rtol=1e-5)
    np.testing.assert_allclose(served["encode_encoded"](image=tf.constant(files))["mean"], expected, rtol=1e-5)
    large = tf.io.encode_jpeg(np.zeros([30, 50, 3], np.uint8)).numpy()
    assert served["encode_encoded"](image=tf.constant([large]))["mean"].shape == (1, 2)


def test_interpolation_begins_and_ends_where_it_should(exported):
    for name in ("gaussian", "joint", "autoencoder"):
        loaded, path = exported[name]
        served = tf.saved_model.load(str(path)).signatures
        start, stop = (tf.constant(_raw(loaded, 2)[index : index + 1]) for index in (0, 1))
        walk = served["interpolate"](
            start=tf.repeat(start, 2, 0), stop=tf.repeat(stop, 2, 0), fraction=tf.constant([0.0, 1.0])
        )["x"].numpy()
        for index, end in enumerate((start, stop)):
            np.testing.assert_allclose(walk[index], served["reconstruct"](x=end)["reconstruction"][0], rtol=1e-4, atol=1e-3)


def test_imputation_keeps_what_is_observed_and_fills_the_rest(exported):
    loaded, path = exported["gaussian"]
    served = tf.saved_model.load(str(path)).signatures
    raw, seed = _raw(loaded, 3), tf.constant([1, 2, 1], tf.int64)
    observed = np.random.default_rng(2).random(raw.shape) < 0.5
    holes = tf.constant(np.where(observed, raw, np.float32("nan")))
    filled = served["impute"](x=holes, seed=seed)["x"].numpy()
    np.testing.assert_array_equal(filled[observed], raw[observed])
    assert np.isfinite(filled).all() and (filled[~observed] >= 0).all() and (filled[~observed] <= 255).all()
    masked = served["impute_masked"](x=tf.constant(raw), observed=tf.constant(observed), seed=seed)["x"].numpy()
    np.testing.assert_allclose(masked, filled, rtol=1e-5)
    everything = served["impute"](x=tf.constant(raw), seed=seed)["x"].numpy()
    np.testing.assert_array_equal(everything, raw)


def test_warm_up_requests_are_one_a_signature(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    _, path = exported["gaussian"]
    file = path / "assets.extra" / "tf_serving_warmup_requests"
    records = [prediction_log_pb2.PredictionLog.FromString(r) for r in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()]
    assert {record.predict_log.request.model_spec.signature_name for record in records} == NAMES


def test_score_is_the_negative_elbo(exported):
    loaded, path = exported["joint"]
    raw = _raw(loaded)
    served = tf.saved_model.load(str(path)).signatures["score"](x=tf.constant(raw))["negative_elbo"].numpy()
    inputs = to_inputs(loaded.spec, raw)
    estimates = [BoundEstimator(loaded.vae).per_example([inputs], SCORE_SAMPLES, (9, n)).negative_elbo for n in range(40)]
    assert np.all(np.abs(served - np.mean(estimates, axis=0)) <= 5 * np.std(estimates, axis=0))


def test_reconstructions_are_in_raw_units(exported):
    loaded, path = exported["gaussian"]
    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    raw = _raw(loaded)
    reconstruction = served(x=tf.constant(raw))["reconstruction"].numpy()
    np.testing.assert_allclose(reconstruction, 255 * loaded.vae.reconstruct(to_inputs(loaded.spec, raw)), rtol=1e-5)


def test_the_manifest_describes_what_is_served(exported):
    loaded, path = exported["gaussian"]
    manifest = json.loads((path / "assets.extra" / "manifest.json").read_text())
    assert set(manifest["signatures"]) == NAMES
    assert manifest["signatures"]["encode"]["inputs"]["x"]["shape"] == [None, 8, 8, 1]
    assert manifest["config"]["seed"] == loaded.config.seed
    assert manifest["metrics"]["negative_elbo"] > 0 and manifest["versions"]["tensorflow"] == tf.__version__


def test_who_opens_it_is_not_warned(exported, caplog):
    """Its gradients are not saved, and no operation names one, of which TensorFlow would warn."""
    with caplog.at_level("WARNING"):
        logger = tf.get_logger()
        logger.addHandler(caplog.handler)
        try:
            found = tf.saved_model.load(str(exported["joint"][1])).signatures
        finally:
            logger.removeHandler(caplog.handler)
    assert {*found} >= NAMES
    assert "gradient" not in caplog.text


def test_versions_count_up_and_none_is_half_there(run_cli, parse, tmp_path, tiny_run):
    stop, seen = threading.Event(), []

    def watch() -> None:
        while not stop.wait(0.01):  # it would take half the time of what it watches
            for version in list_versions(tmp_path / "m"):
                path = tmp_path / "m" / str(version)
                with suppress(FileNotFoundError):  # pruned meanwhile: gone whole, which is allowed
                    files = {file.name for file in path.iterdir()}
                    path.stat()  # still there: what was listed is the whole of it
                    seen.append({"saved_model.pb", "variables", "assets.extra"} <= files)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        options = ([], ["--check"], ["--keep", "2"])
        results = [run_cli("export", tiny_run, "--name", "m", "--output", tmp_path, "--json", *more) for more in options]
    finally:
        stop.set()
        watcher.join()
    assert [parse(out)["version"] for _, out, _ in results] == [1, 2, 3]
    assert seen and all(seen)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["2", "3"]
    assert [len(parse(out)["checks"]) > 0 for _, out, _ in results] == [False, True, False]
    assert parse(results[2][1])["removed_versions"] == [1]


def test_killing_an_export_leaves_only_whole_versions(tmp_path, tiny_run):
    folder = tmp_path / "m"
    command = [sys.executable, "run.py", "export", str(tiny_run), "--name", "m", "--output", str(tmp_path)]
    for delay in (0.0, 0.3):
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = set(folder.glob(".*.partial"))
        while set(folder.glob(".*.partial")) == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(delay)
        process.kill()
        process.wait()
    assert list(folder.glob(".*.partial"))  # what a server ignores
    assert all((folder / str(version) / "assets.extra" / "manifest.json").exists() for version in list_versions(folder))
    two_days_ago = time.time() - 2 * 86400
    for remains in folder.glob(".*.partial"):
        os.utime(remains, (two_days_ago, two_days_ago))
    assert export_run(load_run(tiny_run), tmp_path, "m").path.is_dir()
    assert not list(folder.glob(".*.partial"))


def test_a_failed_export_leaves_nothing(tmp_path, tiny_run, monkeypatch):
    loaded = load_run(tiny_run)
    monkeypatch.setattr("vae_tf.export.servable.write_record", lambda *_: (_ for _ in ()).throw(RuntimeError("disk")))
    with pytest.raises(RuntimeError, match="disk"):
        export_run(loaded, tmp_path, "m")
    assert not (tmp_path / "m").exists()


def test_the_keras_file_opens_without_custom_objects(tiny_runs):
    import keras

    from vae_tf.data import load_dataset

    for path in tiny_runs.values():
        loaded = load_run(path)
        examples, _ = gather_examples(load_dataset(loaded.config.data), "test", 20)
        vae = keras.saving.load_model(path / "model.keras")
        np.testing.assert_allclose(vae.reconstruct(examples), loaded.vae.reconstruct(examples), rtol=1e-6)
        assert derive_pair(0, "x") != derive_pair(1, "x")
