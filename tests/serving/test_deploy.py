"""The deployment files are what their programs read: schemas for YAML, the official messages for configuration."""

import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from compose_pydantic import ComposeSpecification
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from vae_tf.cluster import Cluster
from vae_tf.serving.model_config import from_message, read_model_config

DEPLOY = Path(__file__).parents[2] / "deploy"
MANIFESTS = [
    (path.name, document["kind"], document)
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


@pytest.mark.parametrize("document", [m[2] for m in MANIFESTS], ids=[f"{m[0]}-{m[1]}" for m in MANIFESTS])
def test_kubernetes_manifests(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_a_wrong_manifest_is_found():
    document = yaml.safe_load(yaml.safe_dump(MANIFESTS[2][2]))
    document["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_manifests_fit_together():
    kinds = _kinds("serving.yaml")
    pod = kinds["Deployment"]["spec"]["template"]
    assert kinds["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == kinds["Deployment"]["metadata"]["name"]
    files = {
        f"--{flag}=/config/{name}"
        for flag, name in (
            ("model_config_file", "models.config"),
            ("batching_parameters_file", "batching.config"),
            ("monitoring_config_file", "monitoring.config"),
        )
    }
    assert files <= set(pod["spec"]["containers"][0]["args"])
    data = kinds["ConfigMap"]["data"]
    config = text_format.Parse(data["models.config"], model_server_config_pb2.ModelServerConfig())
    assert [model.name for model in from_message(config)] == ["digits"]
    for name in ("batching.config", "models.config", "monitoring.config"):
        assert _settings(data[name]) == _settings((DEPLOY / "serving" / name).read_text())


def _kinds(file):
    return {kind: document for name, kind, document in MANIFESTS if name == file}


def _second_pod(file):
    """Return what the second pod of a job runs, and its TF_CONFIG, tuner and oracle, as its shell makes them."""
    (container,) = _kinds(file)["Job"]["spec"]["template"]["spec"]["containers"]
    show = 'echo "$@"; echo $TF_CONFIG; echo $KERASTUNER_TUNER_ID $KERASTUNER_ORACLE_IP:$KERASTUNER_ORACLE_PORT; exit'
    script = container["args"][0].replace("exec python run.py", "run").replace("/runs/first/config.yaml", "/nowhere")
    command = ["/bin/sh", "-c", f"run() {{ {show}; }}\n{script}"]
    done = subprocess.run(command, env={"JOB_COMPLETION_INDEX": "1"}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("file", ["training.yaml", "tuning.yaml"])
def test_the_jobs_fit_together(file):
    kinds = _kinds(file)
    job = kinds["Job"]["spec"]
    pod = job["template"]
    assert job["completionMode"] == "Indexed" and job["completions"] == job["parallelism"]
    assert pod["spec"]["subdomain"] == kinds["Service"]["metadata"]["name"] == kinds["Job"]["metadata"]["name"]
    assert kinds["Service"]["spec"]["selector"] == pod["metadata"]["labels"]
    volumes = (volume for volume in pod["spec"]["volumes"] if "emptyDir" not in volume)
    (claim,) = (volume["persistentVolumeClaim"]["claimName"] for volume in volumes)
    assert claim == _kinds("training.yaml")["PersistentVolumeClaim"]["metadata"]["name"]


def test_a_training_pod_is_a_worker_of_its_cluster():
    command, tf_config, _ = _second_pod("training.yaml")
    kinds = _kinds("training.yaml")
    name, port = kinds["Job"]["metadata"]["name"], kinds["Service"]["spec"]["ports"][0]["port"]
    addresses = tuple(f"{name}-{number}.{name}:{port}" for number in range(kinds["Job"]["spec"]["completions"]))
    assert Cluster.read({"TF_CONFIG": tf_config}) == Cluster(addresses, 1)
    assert command.startswith("train --preset mnist_mlp")


def test_a_tuning_pod_is_a_worker_of_its_chief():
    command, _, tuner = _second_pod("tuning.yaml")
    assert tuner == "tuner0 vae-tuning-0.vae-tuning:8000"
    assert command.startswith("tune --output /runs")


def test_the_compose_file():
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert set(ComposeSpecification.model_validate(document).services) == {"serving", "prometheus"}
    for service in document["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists()
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_scrape_configuration():
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/monitoring/prometheus/metrics"
    assert job["static_configs"] == [{"targets": ["serving:8501"]}]


def test_the_model_configuration():
    (model,) = read_model_config(DEPLOY / "serving" / "models.config")
    assert (model.name, str(model.base_path), model.num_latest) == ("digits", "/models/digits", 1)
    readme = (DEPLOY.parent / "README.md").read_text("utf-8")
    assert "export RUN --name digits" in readme and "--name digits" in (DEPLOY / "compose.yaml").read_text()


def test_the_last_allowed_batch_size_is_the_largest():
    settings = _settings((DEPLOY / "serving" / "batching.config").read_text())
    sizes = [int(part) for part in settings.split("allowed_batch_sizes:")[1:]]
    assert sizes == sorted(sizes)
    assert f"max_batch_size{{value:{sizes[-1]}}}" in settings


def _settings(text):
    """Return a text-form message without comments and spaces."""
    return "".join("".join(line.partition("#")[0].split()) for line in text.splitlines())


@pytest.mark.parametrize(
    "document", [m[2] for m in MANIFESTS if m[1] in {"Job", "Deployment"}], ids=["serving", "training", "tuning"]
)
def test_pods_have_no_rights_that_they_do_not_need(document):
    pod = document["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert set(container["resources"]) == {"requests", "limits"}
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted & {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}


@pytest.mark.parametrize("path", sorted(DEPLOY.parent.glob("requirements*.lock")), ids=lambda path: path.name)
def test_every_pin_has_its_hashes(path):
    pins = re.split(r"\n(?=\S)", path.read_text().strip())
    assert len(pins) > (0 if path.name == "requirements-uv.lock" else 100)
    assert [
        pin.splitlines()[0]
        for pin in pins
        if not re.fullmatch(r"[^=\s][^=\n]*==\S+.*?(\s+--hash=sha256:[0-9a-f]{64})+", pin.replace("\\\n", ""), re.S)
    ] == []
