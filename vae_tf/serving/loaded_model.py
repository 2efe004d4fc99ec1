"""A SavedModel in a session of its own, run by its SignatureDefs: nothing of the package that made it is needed."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from vae_tf.errors import UserFileError, graph_reason
from vae_tf.files import read_json
from vae_tf.paths import plain_path
from vae_tf.serving.codes import Code, ServingError
from vae_tf.serving.tensors import SignatureInfo, TensorInfo, dtype_name

__all__ = ["LoadedModel", "replay_warmup"]

_v1 = tf.compat.v1
_MOST_WARMUP_RECORDS = 1000
_DEFAULT = "serving_default"


class LoadedModel:
    """One version in memory; `run` may be called from many threads at once.

    Args:
        path: the version's folder.
        session_config: thread counts and the like.

    Raises:
        ServingError: the folder holds no SavedModel that can be loaded.
    """

    def __init__(self, path: Path, session_config: Any = None) -> None:
        self.path = path
        if not (path / "saved_model.pb").is_file():
            raise ServingError(Code.NOT_FOUND, f"Could not find SavedModel .pb at supplied export directory path: {path}")
        self._session = _v1.Session(graph=tf.Graph(), config=session_config)
        try:
            with self._session.graph.as_default(), plain_path(path) as plain:
                meta = _v1.saved_model.load(self._session, ["serve"], plain)
        except tf.errors.OpError as error:
            self._session.close()
            raise ServingError(Code(error.error_code), error.message) from error
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            self._session.close()
            raise ServingError(Code.INTERNAL, f"{path}: {error}") from error
        self.signature_defs = dict(meta.signature_def)
        missing = _may_be_missing(path / "assets.extra" / "manifest.json")
        self.signatures = {name: _signature_info(name, one, missing.get(name, ())) for name, one in self.signature_defs.items()}
        self._callables: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> SignatureInfo | None:
        """Return a signature; the default one for an empty name."""
        return self.signatures.get(name or _DEFAULT)

    def run(
        self, signature: SignatureInfo, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Compute outputs (default: all) of a signature; only what they need is computed.

        Raises:
            ServingError: TensorFlow's own error, with its code.
        """
        aliases = tuple(outputs or signature.outputs)
        call = self._callables.get((signature.name, aliases)) or self._make(signature, aliases)
        try:
            values = call(*[inputs[alias] for alias in signature.inputs])
        except tf.errors.OpError as error:
            raise ServingError(Code(error.error_code), graph_reason(error.message)) from error
        return dict(zip(aliases, (np.asarray(value) for value in values), strict=True))

    def _make(self, signature: SignatureInfo, aliases: tuple[str, ...]) -> Any:
        with self._lock, self._session.graph.as_default():
            fetches = [signature.outputs[alias].tensor for alias in aliases]
            feeds = [info.tensor for info in signature.inputs.values()]
            return self._callables.setdefault((signature.name, aliases), self._session.make_callable(fetches, feeds))

    def close(self) -> None:
        """Free the memory."""
        self._session.close()
        self._callables.clear()


def _may_be_missing(manifest: Path) -> dict[str, list[str]]:
    """Return the inputs whose values may be missing, by signature, as the manifest of a servable of ours says."""
    try:
        signatures = read_json(manifest)["signatures"]
        return {
            name: [alias for alias, one in fields["inputs"].items() if "missing" in one] for name, fields in signatures.items()
        }
    except (UserFileError, KeyError, TypeError, AttributeError):
        return {}


def _signature_info(name: str, signature: Any, missing: Sequence[str]) -> SignatureInfo:
    return SignatureInfo(name, signature.method_name, _infos(signature.inputs, missing), _infos(signature.outputs))


def _infos(tensors: Any, missing: Sequence[str] = ()) -> dict[str, TensorInfo]:
    """Return the tensors by alias, in the order of their names; the initialisation's, which has no type, is left out."""
    infos = {}
    for alias in sorted(tensors):
        info = tensors[alias]
        if info.dtype:
            dtype = tf.as_dtype(info.dtype)
            dims = (
                None if info.tensor_shape.unknown_rank else tuple(None if d.size < 0 else d.size for d in info.tensor_shape.dim)
            )
            infos[alias] = TensorInfo(alias, info.name, dtype_name(dtype.name), dtype.as_numpy_dtype, dims, alias in missing)
    return infos


def replay_warmup(model: LoadedModel) -> int:
    """Run the requests that the model brings along, and return how many there were.

    Raises:
        ServingError: a record is broken, or a request fails: the version must then not be announced.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    path = model.path / "assets.extra" / "tf_serving_warmup_requests"
    if not path.is_file():
        return 0
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            count += 1
            if count > _MOST_WARMUP_RECORDS:
                raise ServingError(
                    Code.INVALID_ARGUMENT, f"Number of warmup records exceeds the maximum: {_MOST_WARMUP_RECORDS}"
                )
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise ServingError(Code.UNIMPLEMENTED, "Only predict_log warm-up records are supported")
            _replay(model, log.predict_log.request)
    except (tf.errors.DataLossError, DecodeError) as error:
        raise ServingError(Code.DATA_LOSS, f"{path} is not a file of warm-up requests: {error}") from error
    return count


def _replay(model: LoadedModel, request: Any) -> None:
    signature = model.find(request.model_spec.signature_name)
    if signature is None:
        raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{request.model_spec.signature_name}" not found.')
    inputs = {alias: tf.make_ndarray(value) for alias, value in request.inputs.items()}
    if set(inputs) != set(signature.inputs):
        raise ServingError(Code.INVALID_ARGUMENT, f"input size does not match signature: {sorted(inputs)}")
    try:
        model.run(signature, inputs)
    except ServingError as error:
        raise ServingError(error.code, f"The signature {signature.name} fails: {error.message}") from error
