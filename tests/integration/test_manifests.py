"""What `export --manifest` writes for KServe, Triton and BentoML: as the servable is, and as these servers read it."""

import importlib.util
import json
import re
import signal
import subprocess
import sys
import sysconfig
import time
import types
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import yaml

from vae_tf.export.kserve_manifest import KserveManifest, label_of
from vae_tf.serving.engines import IMAGE

ROOT = Path(__file__).parents[2]
OWN = ROOT / ".venv-manifests" / "bin" / "python"
NEEDS_OWN = (
    "needs `python -m venv .venv-manifests; .venv-manifests/bin/pip install -r tests/integration/requirements-manifests.txt`"
)
ALL = [word for name in ("kserve", "triton", "bentoml") for word in ("--manifest", name)]
TYPES = {"FP32": "tensor(float)", "INT64": "tensor(int64)", "BOOL": "tensor(bool)", "STRING": "tensor(string)"}


@pytest.fixture(scope="module")
def exported(tiny_runs, tmp_path_factory):
    """A version with all manifests: its folder."""
    pytest.importorskip("tf2onnx", reason="needs requirements-onnx.lock")
    from vae_tf.cli import main

    folder = tmp_path_factory.mktemp("models")
    with pytest.raises(SystemExit) as stopped:
        main(["export", str(tiny_runs["gaussian"]), "--name", "Digits_2", "--output", str(folder), *ALL])
    assert not stopped.value.code
    return folder / "Digits_2" / "1"


@pytest.fixture(scope="module")
def manifest(exported):
    return json.loads((exported / "assets.extra" / "manifest.json").read_text())["signatures"]


def test_kserve_gets_the_servable_by_the_name_and_the_version_that_deploy_has(exported, manifest):
    service = yaml.safe_load((exported / "kserve.yaml").read_text())
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", service["metadata"]["name"])
    assert service["metadata"]["annotations"]["signatures"].split(",") == list(manifest)
    model = service["spec"]["predictor"]["model"]
    deployed = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/serving.yaml").read_text()))
    (volume,) = (one["metadata"]["name"] for one in deployed if one["kind"] == "PersistentVolumeClaim")
    (pod,) = (one["spec"]["template"]["spec"] for one in deployed if one["kind"] == "Deployment")
    assert model["storageUri"] == f"pvc://{volume}/Digits_2" and model["resources"] == pod["containers"][0]["resources"]
    assert IMAGE.endswith(f":{model['runtimeVersion']}")


def test_triton_s_models_have_the_inputs_and_outputs_of_their_files(exported):
    import onnxruntime

    folders = sorted((exported / "triton").iterdir())
    assert [one.name for one in folders] == [f"Digits_2_{file.stem}" for file in sorted((exported / "onnx").glob("*.onnx"))]
    for folder in folders:
        config = (folder / "config.pbtxt").read_text()
        assert f'name: "{folder.name}"' in config and 'backend: "onnxruntime"' in config and "max_batch_size: 64" in config
        session = onnxruntime.InferenceSession(str(folder / "1" / "model.onnx"))
        for field, tensors in (("input", session.get_inputs()), ("output", session.get_outputs())):
            told = re.findall(rf"^{field} {{\n(.*?)^}}", config, re.DOTALL | re.MULTILINE)
            assert [_told(one) for one in told] == [(one.name, one.type, one.shape[1:]) for one in tensors]


def _told(text):
    """Return name, type and shape of a row of a tensor in a configuration."""
    name, kind, dims = re.search(r'name: "(\w+)"\s+data_type: TYPE_(\w+)\s+dims: \[ (.*?) \]', text).groups()
    dims = [] if "reshape { shape: [ ] }" in text else [int(one) for one in dims.split(", ")]
    return name, TYPES[kind], dims


@pytest.fixture
def servable_of(monkeypatch):
    """Give what makes the service of a version, as a plain class: of BentoML there is as much as it takes."""
    bentoml, exceptions = types.ModuleType("bentoml"), types.ModuleType("bentoml.exceptions")
    bentoml.service = lambda **_: lambda one: one
    bentoml.api = lambda one: one
    exceptions.InvalidArgument = type("InvalidArgument", (ValueError,), {})
    monkeypatch.setitem(sys.modules, "bentoml", bentoml)
    monkeypatch.setitem(sys.modules, "bentoml.exceptions", exceptions)

    def make(version):
        spec = importlib.util.spec_from_file_location("service_of_test", version / "service.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.Servable()

    return make


def test_bentoml_s_service_answers_by_every_signature_that_takes_no_bytes(exported, manifest, servable_of):
    import tensorflow as tf

    servable = servable_of(exported)
    served = tf.saved_model.load(str(exported)).signatures
    methods = {name for name in vars(type(servable)) if not name.startswith("_")}
    left_out = {name for name in manifest if name == "serving_default" or name.endswith(("_uint8", "_encoded"))}
    assert methods == {*manifest} - left_out
    rows = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 1))
    for name in ("reconstruct", "encode", "score"):
        expected = served[name](x=tf.constant(rows, tf.float32))
        got = getattr(servable, name)(x=rows)
        assert {*got} == {*expected}
        for key, value in expected.items():
            np.testing.assert_allclose(np.asarray(got[key]), value, rtol=1e-6)
    drawn = servable.sample(seed=np.array([7]), temperature=np.array([0.8]))
    expected = served["sample"](seed=tf.constant([7], tf.int64), temperature=tf.constant([0.8]))
    np.testing.assert_allclose(drawn["z"], expected["z"], rtol=1e-6)
    told = servable.reading(number=np.array([0]))["reading"][0]
    assert isinstance(json.loads(told), dict)
    with pytest.raises(ValueError, match="temperature must be above 0"):
        servable.sample(seed=np.array([7]), temperature=np.array([-1.0]))
    with pytest.raises(ValueError, match="float64 is no int64"):
        servable.sample(seed=np.array([7.5]), temperature=np.array([1.0]))


def test_a_bento_has_all_that_the_service_opens(exported):
    bento = yaml.safe_load((exported / "bentofile.yaml").read_text())
    assert bento["service"] == "service:Servable" and any(one.startswith("tensorflow==") for one in bento["python"]["packages"])
    included = {str(path.relative_to(exported)) for pattern in bento["include"] for path in exported.glob(pattern)}
    assert included >= {"service.py", "saved_model.pb", "variables/variables.index", "assets.extra/manifest.json"}


def test_check_knows_the_files_and_what_they_cost(exported, run_cli):
    assert run_cli("check", exported)[0] == 0
    text = (exported / "service.py").read_text()
    (exported / "service.py").write_text(f"{text}\n")
    code, out, err = run_cli("check", exported)
    (exported / "service.py").write_text(text)
    assert code == 1 and "export anew with --manifest" in " ".join((out + err).replace("│", " ").split())


def test_a_table_s_words_are_texts(run_cli, tmp_path, servable_of):
    rows = [f"{number % 7}.5,{'red' if number % 2 else 'blue'}" for number in range(80)]
    (tmp_path / "t.csv").write_text("\n".join(["size of it,colour", *rows]) + "\n")
    less = ["--epochs", 1, "--set", "model.network={kind: mlp, widths: [8]}", "--set", "evaluation.num_samples=2"]
    code, _, err = run_cli("train", "--dataset", tmp_path / "t.csv", "--run-dir", tmp_path / "run", *less)
    assert code == 0, err
    code, _, err = run_cli("export", tmp_path / "run", "--name", "t", "--output", tmp_path / "m", "--manifest", "bentoml")
    assert code == 0, err
    one = servable_of(tmp_path / "m" / "t" / "1")
    inputs = json.loads((tmp_path / "m/t/1/assets.extra/manifest.json").read_text())["signatures"]["score"]["inputs"]
    row = {name: ["red"] if field["dtype"] == "string" else np.array([2.5]) for name, field in inputs.items()}
    assert np.isfinite(one.score(**row)["negative_elbo"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--manifest", "seldon"], "--manifest must be kserve, triton or bentoml. Received: 'seldon'"),
        (["--manifest", "kserve", "--format", "onnx"], "--manifest needs the SavedModel"),
        (["--storage", "s3://a/b"], "--storage is for --manifest kserve"),
        (["--manifest", "kserve", "--storage", "here"], "--storage takes a URI"),
    ],
)
def test_what_does_not_go_together(run_cli, tiny_run, tmp_path, arguments, message):
    code, _, err = run_cli("export", tiny_run, "--output", tmp_path / "m", *arguments)
    assert code == 2 and err.count("Error: ") == 1 and message in err
    assert not (tmp_path / "m").exists()


def test_storage_and_names():
    assert KserveManifest("s3://bucket/digits").storage == "s3://bucket/digits"
    assert [label_of(name) for name in ("A__b", "x" * 80, "2.0")] == ["a-b", "x" * 63, "model-2-0"]


@pytest.mark.skipif(not OWN.exists(), reason=NEEDS_OWN)
@pytest.mark.parametrize("server", ["kserve", "triton", "bentoml"])
def test_the_servers_own_packages_take_them(exported, server):
    script = Path(__file__).with_name("manifest_schemas.py")
    done = subprocess.run([OWN, script, server, exported], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not OWN.exists(), reason=NEEDS_OWN)
def test_bentoml_itself_serves_it(exported, tmp_path, monkeypatch, free_port):
    places = subprocess.run(
        [OWN, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, check=True
    )
    borrowed = Path(places.stdout.decode().strip()) / "zz_borrowed.pth"  # after its own: TensorFlow is this environment's
    borrowed.write_text(sysconfig.get_path("purelib") + "\n")
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    monkeypatch.setenv("BENTOML_DO_NOT_TRACK", "True")
    command = [OWN, "-m", "bentoml", "serve", str(exported), "--port", str(free_port)]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        asked = json.dumps({"seed": [7], "temperature": [0.8]}).encode()
        answer = json.loads(_ask(f"http://127.0.0.1:{free_port}/sample", asked, tmp_path / "log"))
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
    import tensorflow as tf

    sample = tf.saved_model.load(str(exported)).signatures["sample"]
    expected = sample(seed=tf.constant([7], tf.int64), temperature=tf.constant([0.8]))
    np.testing.assert_allclose(answer["z"], expected["z"], rtol=1e-6)


def _ask(url, body, log):
    """Ask until the server is there."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    for _ in range(120):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())
