"""MLflow's model format: what makes a version of a servable one that `mlflow models serve` answers by, without vae_tf.

MLflow's own TensorFlow flavor loads the SavedModel and answers by one signature: nothing is pickled, and no code is kept.
"""

import json
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import yaml

from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.export.signature import Signature, example_request
from vae_tf.export.signatures import make_signatures
from vae_tf.models.vae import VAE
from vae_tf.paths import plain_path

__all__ = ["MlflowModel"]

_EXAMPLE = "input_example.json"
_REQUEST = "serving_input_example.json"
_NEEDED = ("mlflow-skinny", "tensorflow", "numpy", "pandas", "fastapi", "uvicorn")
"""What loads and serves it."""


class MlflowModel:
    """Writes MLflow's files beside a SavedModel: `MLmodel` with the signature, an example, and the versions that are needed.

    Args:
        signature: the one by which it answers.

    Raises:
        UserValueError: MLflow, or pandas, which its models need, is not installed.
    """

    def __init__(self, signature: str = "serving_default") -> None:
        if not all(map(find_spec, ("mlflow", "pandas"))):
            raise UserValueError(
                "MLflow's models need MLflow and pandas: pip install --require-hashes -r requirements-mlflow.lock, or "
                "vae_tf[mlflow]."
            )
        self.signature = signature

    def __call__(self, path: Path, vae: VAE, spec: DatasetSpec) -> str:
        """Write the files, and return the signature's name.

        Args:
            path: of a complete SavedModel.
            vae: the model.
            spec: how raw values become model inputs and back.

        Raises:
            UserValueError: the servable has no such signature.
        """
        signatures = {one.name: one for one in make_signatures(vae, spec)}
        if self.signature not in signatures:
            raise UserValueError(f"--signature must be one of {', '.join(signatures)}. Received: {self.signature!r}.")
        signature = signatures[self.signature]
        example = {name: value.tolist() for name, value in example_request(signature).items()}
        (path / _EXAMPLE).write_text(json.dumps(_as_text(example)), "utf-8")
        (path / _REQUEST).write_text(json.dumps({"inputs": _as_text(example)}), "utf-8")
        needed = [f"{name}=={version(name)}" for name in _NEEDED]
        (path / "requirements.txt").write_text("\n".join(needed) + "\n", "utf-8")
        environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
        (path / "python_env.yaml").write_text(yaml.safe_dump(environment), "utf-8")
        _description(path, signature).save(str(path / "MLmodel"))
        return self.signature


def _as_text(value: Any) -> Any:
    """Return nested lists with texts in place of bytes, as JSON has them."""
    if isinstance(value, dict):
        return {name: _as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


def _description(path: Path, signature: Signature) -> Any:
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(specs: dict[str, tf.TensorSpec]) -> Any:
        return Schema([TensorSpec(_dtype(spec), _shape(spec), name) for name, spec in specs.items()])

    with plain_path(path) as plain:
        outputs = tf.saved_model.load(plain).signatures[signature.name].structured_outputs
    inputs = {field.name: field.spec for field in signature.inputs}
    example = {"artifact_path": _EXAMPLE, "serving_input_path": _REQUEST, "type": "ndarray", "format": "tf-serving"}
    model = Model(signature=ModelSignature(schema(inputs), schema(outputs)), saved_input_example_info=example)
    loading = {"model_type": "tf1-estimator", "saved_model_dir": ".", "meta_graph_tags": ["serve"]}
    model.add_flavor("tensorflow", **loading, signature_def_key=signature.name, code=None)
    environment = {"virtualenv": "python_env.yaml"}
    python = platform.python_version()
    return model.add_flavor("python_function", loader_module="mlflow.tensorflow", python_version=python, env=environment)


def _shape(spec: tf.TensorSpec) -> tuple[int, ...]:
    return tuple(-1 if length is None else int(length) for length in spec.shape)


def _dtype(spec: tf.TensorSpec) -> Any:
    return np.dtype(object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype)
