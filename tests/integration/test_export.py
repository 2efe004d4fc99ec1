"""A servable gives the same answers in a process that cannot import vae_tf, by its signatures alone."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.data.pipeline import gather_examples, to_inputs
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.export.servable import export_run, list_versions
from vae_tf.export.signatures import SCORE_SAMPLES, make_signatures
from vae_tf.seeding import derive_pair
from vae_tf.training.runs import load_run

NAMES = {"serving_default", "reconstruct", "encode", "decode", "sample", "score"}

CLIENT = """
import sys
import numpy as np
import tensorflow as tf

assert not any("main" in path or "vae" in path for path in sys.path if "site-packages" not in path and ".pyenv" not in path)
try:
    import vae_tf
except ImportError:
    pass
else:
    raise SystemExit("vae_tf can be imported")
path, inputs, outputs = sys.argv[1:]
inputs = np.load(inputs)
results = {}
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    meta = tf.compat.v1.saved_model.load(session, ["serve"], path)
    for name in inputs.files:
        signature = meta.signature_def[name]
        (info,) = signature.inputs.values()
        fetched = session.run({key: out.name for key, out in signature.outputs.items()}, {info.name: inputs[name]})
        results.update({f"{name}/{key}": value for key, value in fetched.items()})
np.savez(outputs, **results)
"""


@pytest.fixture(scope="module")
def exported(tiny_runs, tmp_path_factory):
    """Return every tiny run with its exported folder."""
    output = tmp_path_factory.mktemp("saved_models")
    loaded = {name: load_run(path) for name, path in tiny_runs.items()}
    return {name: (run, export_run(run, output, name)) for name, run in loaded.items()}


def _request(signature, loaded, count=5) -> np.ndarray:
    """Make an input of a signature: raw values as a client has them."""
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 256, (count, *loaded.spec.event_shape)).astype(np.float32)
    z = rng.normal(size=(count, loaded.vae.latent.size)).astype(np.float32)
    return {"x": raw, "z": z, "seed": np.array([0, 1, -3, 2**40, 7][:count], np.int64)}[signature.input.name]


@pytest.mark.parametrize("name", ["gaussian", "joint", "autoencoder"])
def test_served_equals_local_without_the_package(exported, tmp_path, name):
    loaded, path = exported[name]
    signatures = make_signatures(loaded.vae, loaded.spec)
    np.savez(tmp_path / "in.npz", **{signature.name: _request(signature, loaded) for signature in signatures})
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    (tmp_path / "client.py").write_text(CLIENT)
    command = [sys.executable, "-I", "client.py", str(path), "in.npz", "out.npz"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    served = np.load(tmp_path / "out.npz")
    for signature in signatures:
        for key, value in signature.function(tf.constant(_request(signature, loaded))).items():
            np.testing.assert_allclose(served[f"{signature.name}/{key}"], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["gaussian", "joint", "autoencoder"])
def test_signatures_are_batchable(exported, name):
    loaded, path = exported[name]
    servable = tf.saved_model.load(str(path))
    assert set(servable.signatures) == (NAMES if loaded.vae.latent.has_density else NAMES - {"score"})
    for signature in make_signatures(loaded.vae, loaded.spec):
        served = servable.signatures[signature.name]
        (spec,) = served.structured_input_signature[1].values()
        assert spec.shape[0] is None and spec.shape.rank >= 1
        assert all(output.shape[0] is None for output in served.structured_outputs.values())
        batch = _request(signature, loaded)
        merged = served(**{signature.input.name: tf.constant(batch)})
        for row in range(len(batch)):
            alone = served(**{signature.input.name: tf.constant(batch[row : row + 1])})
            for key, value in alone.items():
                np.testing.assert_allclose(value[0], merged[key][row], rtol=1e-4, atol=1e-3)


def test_the_first_operation_checks_the_shape(exported):
    loaded, path = exported["gaussian"]
    for name in NAMES:
        function = tf.saved_model.load(str(path)).signatures[name]
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
    z = sample(seed=tf.constant([4, 5, 4], tf.int64))["z"].numpy()
    assert np.array_equal(z[0], z[2]) and not np.array_equal(z[0], z[1])


def test_score_is_the_negative_elbo(exported):
    loaded, path = exported["joint"]
    raw = _request(make_signatures(loaded.vae, loaded.spec)[0], loaded)
    served = tf.saved_model.load(str(path)).signatures["score"](x=tf.constant(raw))["negative_elbo"].numpy()
    inputs = to_inputs(loaded.spec, raw)
    estimates = [BoundEstimator(loaded.vae).per_example([inputs], SCORE_SAMPLES, (9, n)).negative_elbo for n in range(40)]
    assert np.all(np.abs(served - np.mean(estimates, axis=0)) <= 5 * np.std(estimates, axis=0))


def test_reconstructions_are_in_raw_units(exported):
    loaded, path = exported["gaussian"]
    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    raw = _request(make_signatures(loaded.vae, loaded.spec)[0], loaded)
    reconstruction = served(x=tf.constant(raw))["reconstruction"].numpy()
    np.testing.assert_allclose(reconstruction, 255 * loaded.vae.reconstruct(to_inputs(loaded.spec, raw)), rtol=1e-5)


def test_the_manifest_describes_what_is_served(exported):
    loaded, path = exported["gaussian"]
    manifest = json.loads((path / "assets.extra" / "manifest.json").read_text())
    assert set(manifest["signatures"]) == NAMES
    assert manifest["signatures"]["encode"]["inputs"]["x"]["shape"] == [None, 8, 8, 1]
    assert manifest["config"]["seed"] == loaded.config.seed
    assert manifest["metrics"]["negative_elbo"] > 0 and manifest["versions"]["tensorflow"] == tf.__version__


def test_versions_count_up_and_none_is_half_there(run_cli, parse, tmp_path, tiny_run):
    stop, seen = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            for version in list_versions(tmp_path / "m"):
                files = {file.name for file in (tmp_path / "m" / str(version)).iterdir()}
                seen.append({"saved_model.pb", "variables", "assets.extra"} <= files)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        results = [run_cli("export", tiny_run, "--name", "m", "--output", tmp_path, "--json") for _ in range(3)]
    finally:
        stop.set()
        watcher.join()
    assert [parse(out)["version"] for _, out, _ in results] == [1, 2, 3]
    assert seen and all(seen)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "2", "3"]


def test_a_failed_export_leaves_nothing(tmp_path, tiny_run, monkeypatch):
    loaded = load_run(tiny_run)
    monkeypatch.setattr("vae_tf.export.servable.write_json", lambda *_: (_ for _ in ()).throw(RuntimeError("disk")))
    with pytest.raises(RuntimeError, match="disk"):
        export_run(loaded, tmp_path, "m")
    assert list((tmp_path / "m").iterdir()) == []


def test_the_keras_file_opens_without_custom_objects(tiny_runs):
    import keras

    from vae_tf.data import load_dataset

    for path in tiny_runs.values():
        loaded = load_run(path)
        examples, _ = gather_examples(load_dataset(loaded.config.data), "test", 20)
        vae = keras.saving.load_model(path / "model.keras")
        np.testing.assert_allclose(vae.reconstruct(examples), loaded.vae.reconstruct(examples), rtol=1e-6)
        assert derive_pair(0, "x") != derive_pair(1, "x")
