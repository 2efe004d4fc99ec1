"""A third way to ask a model server: REST whose tensors are bytes, as the Open Inference Protocol's extension has them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson

from vae_tf.errors import UserValueError
from vae_tf.serving.access import Access
from vae_tf.serving.binary_tensors import HEADER, datatype_of, read_bytes, write_bytes
from vae_tf.serving.transports import ModelVersion, RestTransport, SignatureFields

__all__ = ["BinaryRestTransport"]


class BinaryRestTransport(RestTransport):
    """REST over pooled connections, predictions as bytes: a third of the traffic of JSON, and no number read or written.

    Args:
        url: scheme, host and port, of a server that has the protocol: the embedded one, not TensorFlow Serving.
        model: which model; the protocol has no labels.
        num_retries: as of `RestTransport`.
        access: key and trust.

    Raises:
        UserValueError: a label is given.
    """

    def __init__(self, url: str, model: ModelVersion, num_retries: int, access: Access) -> None:
        if model.label is not None:
            raise UserValueError(f"Tensors as bytes are asked for by version, not by label. Received: {model.label!r}.")
        super().__init__(url, model, num_retries, access)
        version = "" if model.version is None else f"/versions/{model.version}"
        self._infer_url = f"{url.rstrip('/')}/v2/models/{quote(model.name, '')}{version}/infer"

    def predict(
        self, signature: str, fields: SignatureFields, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], timeout: float
    ) -> dict[str, np.ndarray]:
        """Run a signature; only the outputs wanted are computed."""
        tensors = {name: write_bytes(value) for name, value in inputs.items()}
        document: dict[str, Any] = {
            "parameters": {"signature_name": signature, "binary_data_output": True},
            "inputs": [
                {
                    "name": name,
                    "shape": value.shape,
                    "datatype": datatype_of(value),
                    "parameters": {"binary_data_size": len(tensors[name])},
                }
                for name, value in inputs.items()
            ],
            "outputs": [{"name": name} for name in outputs],
        }
        head = orjson.dumps(document)
        headers = {HEADER: str(len(head)), "Content-Type": "application/octet-stream"}
        response = self._send("POST", self._infer_url, timeout, b"".join([head, *tensors.values()]), headers)
        return _read(response.data, int(response.headers[HEADER]), fields)


def _read(body: bytes, length: int, fields: SignatureFields) -> dict[str, np.ndarray]:
    found, offset = {}, length
    for entry in orjson.loads(body[:length])["outputs"]:
        end = offset + entry["parameters"]["binary_data_size"]
        found[entry["name"]] = read_bytes(body[offset:end], entry["shape"], fields.outputs[entry["name"]].dtype)
        offset = end
    return found
