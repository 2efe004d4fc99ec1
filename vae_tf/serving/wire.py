"""The protocol buffers a client needs, by their numbers alone, so that asking a server does not import TensorFlow.

Names and package are this file's own: on the wire only numbers and types count. A test holds every field to the official ones.
"""

from typing import Any

import grpc
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["DTYPES", "METHODS", "Wire", "read_tensor", "unary", "write_tensor"]

DTYPES = {
    1: ("float", np.float32, "float_val"),
    2: ("double", np.float64, "double_val"),
    3: ("int32", np.int32, "int_val"),
    4: ("uint8", np.uint8, "int_val"),
    5: ("int16", np.int16, "int_val"),
    6: ("int8", np.int8, "int_val"),
    7: ("string", object, "string_val"),
    9: ("int64", np.int64, "int64_val"),
    10: ("bool", np.bool_, "bool_val"),
}
"""DataType number to TensorFlow's name, NumPy's type, and the field of a tensor's values."""
_NUMBERS = {np.dtype(dtype): number for number, (_, dtype, _) in DTYPES.items()}

_PACKAGE = "vae_tf.wire"
_SCALARS = {"int64": 3, "int32": 5, "bool": 8, "string": 9, "bytes": 12, "float": 2, "double": 1}
_MESSAGES: dict[str, str] = {
    "Dim": "int64 size 1",
    "Shape": "Dim* dim 2, bool unknown_rank 3",
    "Tensor": "int32 dtype 1, Shape tensor_shape 2, bytes tensor_content 4, float* float_val 5, double* double_val 6, "
    "int32* int_val 7, bytes* string_val 8, int64* int64_val 10, bool* bool_val 11",
    "Version": "int64 value 1",
    "ModelSpec": "string name 1, Version version 2, string signature_name 3, string version_label 4",
    "InputsEntry": "string key 1, Tensor value 2",
    "PredictRequest": "ModelSpec model_spec 1, InputsEntry* inputs 2, string* output_filter 3",
    "PredictResponse": "InputsEntry* outputs 1, ModelSpec model_spec 2",
    "MetadataRequest": "ModelSpec model_spec 1, string* metadata_field 2",
    "Any": "string type_url 1, bytes value 2",
    "MetadataEntry": "string key 1, Any value 2",
    "MetadataResponse": "ModelSpec model_spec 1, MetadataEntry* metadata 2",
    "TensorInfo": "string name 1, int32 dtype 2, Shape tensor_shape 3",
    "TensorInfoEntry": "string key 1, TensorInfo value 2",
    "SignatureDef": "TensorInfoEntry* inputs 1, TensorInfoEntry* outputs 2, string method_name 3",
    "SignatureEntry": "string key 1, SignatureDef value 2",
    "SignatureMap": "SignatureEntry* signature_def 1",
    "StatusRequest": "ModelSpec model_spec 1",
    "Status": "int32 error_code 1, string error_message 2",
    "VersionStatus": "int64 version 1, int32 state 2, Status status 3",
    "StatusResponse": "VersionStatus* model_version_status 1",
}
"""Message name to its fields, `type name number`; a star repeats. A map is its entries, which is what it is on the wire."""


class _Wire:
    """The message classes, as attributes."""

    def __init__(self) -> None:
        file = descriptor_pb2.FileDescriptorProto(name="vae_tf/serving/wire.proto", package=_PACKAGE, syntax="proto3")
        for name, fields in _MESSAGES.items():
            message = file.message_type.add(name=name)
            for text in fields.split(", "):
                kind, field, number = text.split()
                scalar = _SCALARS.get(kind.rstrip("*"))
                message.field.add(
                    name=field,
                    number=int(number),
                    label=3 if kind.endswith("*") else 1,
                    type=scalar or 11,
                    type_name=None if scalar else f".{_PACKAGE}.{kind.rstrip('*')}",
                )
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self._classes = {
            name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
        }

    def __getattr__(self, name: str) -> Any:
        try:
            return self._classes[name]
        except KeyError:
            raise AttributeError(name) from None


Wire = _Wire()
METHODS = {
    "predict": ("/tensorflow.serving.PredictionService/Predict", "PredictRequest", "PredictResponse"),
    "metadata": ("/tensorflow.serving.PredictionService/GetModelMetadata", "MetadataRequest", "MetadataResponse"),
    "status": ("/tensorflow.serving.ModelService/GetModelStatus", "StatusRequest", "StatusResponse"),
}
"""What a client calls: method, request, response."""


def write_tensor(proto: Any, value: np.ndarray) -> None:
    """Write an array into a `Tensor` message.

    Example:
        >>> tensor = Wire.Tensor()
        >>> write_tensor(tensor, np.float32([[1.0, 2.0]]))
        >>> read_tensor(tensor).tolist()
        [[1.0, 2.0]]
    """
    proto.dtype = 7 if value.dtype.kind in "OSU" else _NUMBERS[value.dtype]
    for length in value.shape:
        proto.tensor_shape.dim.add(size=length)
    if proto.dtype == 7:
        flat = value.ravel().tolist()
        proto.string_val.extend(item.encode() if isinstance(item, str) else bytes(item) for item in flat)
    else:
        proto.tensor_content = np.ascontiguousarray(value).tobytes()


def read_tensor(proto: Any) -> np.ndarray:
    """Read an array from a `Tensor` message, whichever of its fields holds the values; one value may stand for all."""
    _, dtype, field = DTYPES[proto.dtype]
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape).copy()
    values: np.ndarray = np.array(getattr(proto, field), dtype)
    size = int(np.prod(shape))
    if 0 < len(values) < size:
        values = np.concatenate([values, np.repeat(values[-1:], size - len(values))])
    return values.reshape(shape)


def unary(channel: grpc.Channel, method: str) -> Any:
    """Return the callable of one of `METHODS` on a channel."""
    path, request, response = METHODS[method]
    return channel.unary_unary(
        path,
        request_serializer=getattr(Wire, request).SerializeToString,
        response_deserializer=getattr(Wire, response).FromString,
    )
