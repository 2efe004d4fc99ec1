"""KServe: an InferenceService that lets its own TensorFlow Serving answer for the servable."""

import re
from pathlib import Path
from typing import Any

import yaml

from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.files import read_record
from vae_tf.models.vae import VAE

__all__ = ["KserveManifest", "label_of"]

_FILE = "kserve.yaml"
_RUNTIME = "2.20.0"
"""The version of TensorFlow Serving that deploy/ has too."""
_MOST_LETTERS = 63


class KserveManifest:
    """Writes `kserve.yaml` beside a SavedModel, for `kubectl apply`.

    Args:
        storage: where the cluster has the folder with the versions; None: on the volume of deploy/kubernetes.

    Raises:
        UserValueError: the storage is no URI.
    """

    def __init__(self, storage: str | None = None) -> None:
        if storage is not None and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s@]+", storage):
            raise UserValueError(
                f"--storage takes a URI such as pvc://vae-models/digits or s3://BUCKET/digits. Received: {storage!r}."
            )
        self.storage = storage

    def __call__(self, path: Path, vae: VAE, spec: DatasetSpec) -> str:
        """Write the file, and return what it is called.

        Args:
            path: of a complete SavedModel, in the servable's folder.
            vae: the model.
            spec: how raw values become model inputs and back.
        """
        name = path.parent.name
        signatures = read_record(path / "assets.extra" / "manifest.json")["signatures"]
        service = _service(name, self.storage or f"pvc://vae-models/{name}", list(signatures))
        (path / _FILE).write_text(yaml.safe_dump(service, sort_keys=False), "utf-8")
        return _FILE


def _service(name: str, storage: str, signatures: list[str]) -> dict[str, Any]:
    model = {
        "modelFormat": {"name": "tensorflow", "version": "2"},
        "protocolVersion": "v1",
        "runtimeVersion": _RUNTIME,
        "storageUri": storage,
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": label_of(name), "annotations": {"signatures": ",".join(signatures)}},
        "spec": {"predictor": {"minReplicas": 1, "model": model}},
    }


def label_of(name: str) -> str:
    """Return a servable's name as Kubernetes has names of services: small letters, digits and hyphens, a letter first.

    Example:
        >>> label_of("Penguins_v2.1"), label_of("9")
        ('penguins-v2-1', 'model-9')
    """
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    label = label if label[:1].isalpha() else f"model-{label}"
    return label[:_MOST_LETTERS].strip("-")
