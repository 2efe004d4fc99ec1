"""BentoML: a service with a method a signature, and what a bento of it has in it."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from vae_tf.data.spec import DatasetSpec
from vae_tf.files import read_record
from vae_tf.models.vae import VAE

__all__ = ["BentomlService"]

_SERVICE, _BENTO = "service.py", "bentofile.yaml"
_FILES = ["saved_model.pb", "fingerprint.pb", "variables/*", "assets/*", "assets.extra/*"]
_BEGINNING = '''"""BentoML's service of a servable, a method a signature, as export wrote it. It needs TensorFlow alone."""

from pathlib import Path
from typing import Any

import bentoml
import numpy as np
from bentoml.exceptions import InvalidArgument

FOLDER = Path(__file__).parent


@bentoml.service(name="{name}", traffic={{"timeout": 60}})
class Servable:
    """Inputs are arrays of rows, outputs lists of rows by name."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._tensorflow = tf
        self._model = tf.saved_model.load(str(FOLDER))

    def _run(self, signature: str, **rows: tuple[Any, str]) -> dict[str, Any]:
        tf = self._tensorflow
        try:
            inputs = {{name: tf.constant(_cast(value, kind), kind) for name, (value, kind) in rows.items()}}
            outputs = self._model.signatures[signature](**inputs)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            raise InvalidArgument(getattr(error, "message", str(error))) from error
        return {{name: _plain(value.numpy()) for name, value in outputs.items()}}
'''
_METHOD = '''
    @bentoml.api
    def {name}(self, {arguments}) -> dict[str, Any]:
        """Answer by the signature of this name."""
        return self._run("{name}", {rows})
'''
_END = """

def _cast(value: Any, kind: str) -> Any:
    if kind != "string" and not np.can_cast(np.asarray(value).dtype, kind, "same_kind"):
        raise TypeError(f"{np.asarray(value).dtype} is no {kind}")
    return value


def _plain(array: np.ndarray) -> list[Any]:
    return np.char.decode(array.astype(np.bytes_)).tolist() if array.dtype == object else array.tolist()
"""


class BentomlService:
    """Writes `service.py` and `bentofile.yaml` beside a SavedModel, for `bentoml serve` and `bentoml build`.

    Signatures that take bytes are left out: JSON has none.
    """

    def __call__(self, path: Path, vae: VAE, spec: DatasetSpec) -> str:
        """Write the files, and return what they are called.

        Args:
            path: of a complete SavedModel, in the servable's folder.
            vae: the model.
            spec: how raw values become model inputs and back.
        """
        signatures = read_record(path / "assets.extra" / "manifest.json")["signatures"]
        left_out = ("serving_default", *(name for name in signatures if name.endswith(("_encoded", "_uint8"))))
        methods = [_method(name, fields["inputs"]) for name, fields in signatures.items() if name not in left_out]
        name = re.sub(r"[^a-z0-9_-]+", "-", path.parent.name.lower()).strip("-_") or "model"
        (path / _SERVICE).write_text(_BEGINNING.format(name=name) + "".join(methods) + _END, "utf-8")
        (path / _BENTO).write_text(yaml.safe_dump(_bento(), sort_keys=False), "utf-8")
        return f"{_SERVICE}, {_BENTO}"


def _bento() -> dict[str, Any]:
    packages = [f"{package}=={version(package)}" for package in ("tensorflow", "numpy")]
    python = {"packages": packages, "lock_packages": False}  # two are pinned; to ask an index for the rest takes minutes
    return {"service": "service:Servable", "include": [_SERVICE, *_FILES], "python": python}


def _method(name: str, inputs: dict[str, Any]) -> str:
    kinds = {alias: ("list[str]" if one["dtype"] == "string" else "np.ndarray") for alias, one in inputs.items()}
    arguments = ", ".join(f"{alias}: {kind}" for alias, kind in kinds.items())
    rows = ", ".join(f'{alias}=({alias}, "{one["dtype"]}")' for alias, one in inputs.items())
    return _METHOD.format(name=name, arguments=arguments, rows=rows)
