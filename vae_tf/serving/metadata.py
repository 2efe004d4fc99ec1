"""The metadata answer: a version's signatures, as protocol buffers and as TensorFlow Serving writes these in JSON."""

from typing import Any

import orjson
from google.protobuf import json_format

from vae_tf.serving.versions import Version

__all__ = ["metadata_json", "metadata_response", "signature_map"]


def signature_map(version: Version) -> Any:
    """Return the version's SignatureDefMap message."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    message = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in version.loaded().signature_defs.items():
        message.signature_def[name].CopyFrom(signature)
    return message


def metadata_response(version: Version) -> Any:
    """Return the GetModelMetadataResponse message."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = version.name
    response.model_spec.version.value = version.number
    response.metadata["signature_def"].Pack(signature_map(version))
    return response


def metadata_json(version: Version) -> bytes:
    """Return the REST answer's body; empty fields are written, and `signature_def` is doubled, as the contract has it."""
    signatures = json_format.MessageToDict(
        signature_map(version), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for signature in signatures["signature_def"].values():
        for tensor in [*signature.get("inputs", {}).values(), *signature.get("outputs", {}).values()]:
            tensor.setdefault("tensor_shape", {"dim": [], "unknown_rank": False})
    document = {
        "model_spec": {"name": version.name, "signature_name": "", "version": str(version.number)},
        "metadata": {"signature_def": signatures},
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)
