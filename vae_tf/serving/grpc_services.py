"""The gRPC door: PredictionService and ModelService, with TensorFlow Serving's own protocol buffers."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from vae_tf.errors import UserError
from vae_tf.serving.codes import Code, ServingError, invalid
from vae_tf.serving.core import Request, ServingCore
from vae_tf.serving.keys import key_name
from vae_tf.serving.metadata import metadata_response
from vae_tf.serving.model_config import from_message
from vae_tf.serving.tensors import SignatureInfo, dtype_name

__all__ = ["SERVICES", "MessagesInterceptor", "add_services"]

_VALUE_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "uint64": "uint64_val",
    "uint32": "uint32_val",
    "bool": "bool_val",
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
}
SERVICES = [
    file.DESCRIPTOR.services_by_name[name].full_name
    for file, name in ((prediction_service_pb2, "PredictionService"), (model_service_pb2, "ModelService"))
]
"""Their full names."""
_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}


def add_services(server: Any, core: ServingCore, can_reload: bool = True) -> None:
    """Register both services with a `grpc.aio` server.

    Args:
        server: answers.
        core: computes.
        can_reload: whether a new configuration is taken; not where it would reach one of several processes alone.
    """
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(core), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(core, can_reload), server)


class MessagesInterceptor(grpc.aio.ServerInterceptor):
    """Refuses bytes that are no message of a method, and messages that do not arrive in time.

    gRPC's own library takes the first for a fault of the server (UNKNOWN), and waits for the second for ever.

    Args:
        core: limits, counts and logs.
    """

    def __init__(self, core: ServingCore) -> None:
        self._core = core

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Return the method, its message read with care."""
        method = await continuation(details)
        if method is None or method.unary_unary is None:
            return method
        path = details.method.removeprefix("/tensorflow.serving.")

        async def refuse(context: Any, code: Code, message: str, num_bytes: int = 0) -> None:
            self._core.record(Request("GRPC", "", path, context.peer(), num_bytes=num_bytes), code)
            await context.abort(_GRPC_CODES[code], message)

        async def answer(_: Any, context: Any) -> Any:
            try:
                data = await asyncio.wait_for(context.read(), self._core.limits.body_seconds)
            except asyncio.TimeoutError:  # another class than TimeoutError in Python 3.10
                return await refuse(context, Code.DEADLINE_EXCEEDED, "The message did not arrive in time")
            if data is grpc.aio.EOF:
                return await refuse(context, Code.INVALID_ARGUMENT, "The call brings no message")
            try:
                message = method.request_deserializer(data)
            except DecodeError as error:
                return await refuse(context, Code.INVALID_ARGUMENT, f"The message cannot be read: {error}", len(data))
            return await method.unary_unary(message, context)

        # Of any method: this form alone calls before the message is there.
        return grpc.stream_unary_rpc_method_handler(answer, None, method.response_serializer)


class _Service:
    def __init__(self, core: ServingCore) -> None:
        self._core = core

    async def _answer(self, api: str, spec: Any, context: Any, work: Callable[[Request], Awaitable[Any]]) -> Any:
        """Do the work; turn what is wrong into a status."""
        path = f"{type(self).__name__[1:]}Service/{api}"
        request = Request("GRPC", api, path, context.peer(), model=spec.name, key=key_name.get())
        try:
            with self._core.admit(request):
                try:
                    return await work(request)
                except ServingError as error:
                    request.code = error.code
                    raise
        except ServingError as error:
            await context.abort(_GRPC_CODES[error.code], error.message)


class _Prediction(_Service):
    """PredictionService."""

    async def Predict(self, message: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        """Run a signature."""

        async def work(request: Request) -> Any:
            request.num_bytes = message.ByteSize()
            number, label = _check_spec(message.model_spec)
            with self._core.manager.use(message.model_spec.name, number, label) as version:
                name = message.model_spec.signature_name
                signature = version.loaded().find(name)
                if signature is None:
                    text = f'Serving signature key "{name or "serving_default"}" not found.'
                    raise ServingError(Code.FAILED_PRECONDITION, text)
                inputs = _read_inputs(message, signature, self._core.limits.request_bytes)
                wanted = _check_filter(message.output_filter, signature)
                outputs = await self._core.compute(version, signature, inputs, wanted, context.time_remaining())
            response = predict_pb2.PredictResponse()
            response.model_spec.name = version.name
            response.model_spec.version.value = version.number
            response.model_spec.signature_name = signature.name
            for alias, value in outputs.items():
                _write_tensor(response.outputs[alias], value, signature.outputs[alias].dtype)
            return response

        return await self._answer("Predict", message.model_spec, context, work)

    async def GetModelMetadata(self, message: Any, context: Any) -> Any:  # noqa: N802
        """Describe the signatures."""

        async def work(_: Request) -> Any:
            number, label = _check_spec(message.model_spec)
            if not message.metadata_field:
                raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
            for name in message.metadata_field:
                if name != "signature_def":
                    raise invalid(f"Metadata field {name} is not supported")
            with self._core.manager.use(message.model_spec.name, number, label) as version:
                return metadata_response(version)

        return await self._answer("GetModelMetadata", message.model_spec, context, work)

    async def Classify(self, message: Any, context: Any) -> Any:  # noqa: N802
        """Refuse: signatures here are for predict."""
        return await self._answer("Classify", message.model_spec, context, self._refuser(message.model_spec))

    async def Regress(self, message: Any, context: Any) -> Any:  # noqa: N802
        """Refuse: signatures here are for predict."""
        return await self._answer("Regress", message.model_spec, context, self._refuser(message.model_spec))

    async def MultiInference(self, message: Any, context: Any) -> Any:  # noqa: N802
        """Refuse: signatures here are for predict."""
        spec = message.tasks[0].model_spec if message.tasks else predict_pb2.PredictRequest().model_spec
        return await self._answer("MultiInference", spec, context, self._refuser(spec))

    def _refuser(self, spec: Any) -> Callable[[Request], Awaitable[NoReturn]]:
        async def work(_: Request) -> NoReturn:
            number, label = _check_spec(spec)
            with self._core.manager.use(spec.name, number, label):
                raise invalid("Expected classification or regression signature method_name. Was: tensorflow/serving/predict")

        return work


class _Model(_Service):
    """ModelService."""

    def __init__(self, core: ServingCore, can_reload: bool) -> None:
        super().__init__(core)
        self._can_reload = can_reload

    async def GetModelStatus(self, message: Any, context: Any) -> Any:  # noqa: N802
        """Say which versions there are, and in what state."""

        async def work(_: Request) -> Any:
            if not message.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            number = message.model_spec.version.value if message.model_spec.HasField("version") else None
            response = get_model_status_pb2.GetModelStatusResponse()
            for version in self._core.manager.status(message.model_spec.name, number):
                entry = response.model_version_status.add(version=version.number, state=int(version.state))
                if version.error:
                    entry.status.error_code = int(version.error.code)
                    entry.status.error_message = version.error.message
            return response

        return await self._answer("GetModelStatus", message.model_spec, context, work)

    async def HandleReloadConfigRequest(self, message: Any, context: Any) -> Any:  # noqa: N802
        """Replace the model configuration."""

        async def work(_: Request) -> Any:
            if not self._can_reload:
                raise ServingError(
                    Code.UNIMPLEMENTED,
                    "One of several workers would take the configuration, the others not. Start the server with --config-file, "
                    "and change the file: all of them read it.",
                )
            if message.config.WhichOneof("config") != "model_config_list":
                raise invalid(
                    "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                    "Only ModelConfigList is currently supported"
                )
            try:
                self._core.manager.apply(from_message(message.config))
            except UserError as error:
                raise invalid(str(error)) from error
            return model_management_pb2.ReloadConfigResponse()

        empty = predict_pb2.PredictRequest().model_spec
        return await self._answer("HandleReloadConfigRequest", empty, context, work)


def _check_spec(spec: Any) -> tuple[int | None, str | None]:
    """Return version and label of a ModelSpec.

    Raises:
        ServingError: it is missing or has no name.
    """
    if not spec.ByteSize():
        raise invalid("Missing ModelSpec")
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    return (spec.version.value if choice == "version" else None), (spec.version_label if choice == "version_label" else None)


def _read_inputs(message: Any, signature: SignatureInfo, most: int) -> dict[str, np.ndarray]:
    sent, wanted = set(message.inputs), set(signature.inputs)
    if len(sent) != len(wanted):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{_joined(sent)}}}) != "
            f"len({{{_joined(wanted)}}}). Sent extra: {{{_joined(sent - wanted)}}}. "
            f"Missing but required: {{{_joined(wanted - sent)}}}."
        )
    arrays = {}
    for index, (alias, info) in enumerate(signature.inputs.items()):
        if alias not in sent:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {info.tensor}) not found in request and no default value provided. "
                f"Inputs expected to be in the set {{{_joined(wanted)}}}."
            )
        arrays[alias] = _read_tensor(alias, index, message.inputs[alias], info.dtype, most)
    return arrays


def _joined(names: set[str]) -> str:
    return ",".join(sorted(names))


def _read_tensor(alias: str, index: int, proto: Any, dtype: str, most: int) -> np.ndarray:
    """Return an array of at most so many elements: one value may stand for all, and a few bytes ask for all memory."""
    try:
        sent = tf.as_dtype(proto.dtype)
        lengths = [dim.size for dim in proto.tensor_shape.dim]
        if proto.tensor_shape.unknown_rank or min(lengths, default=0) < 0 or math.prod(lengths) > most:
            raise ValueError(alias)
        array: np.ndarray = tf.make_ndarray(proto)
    except (TypeError, ValueError, KeyError, OverflowError, MemoryError) as error:
        raise invalid(f"tensor parsing error: {alias}") from error
    name = dtype_name(sent.name)
    if name != dtype:
        raise invalid(f"Expects arg[{index}] to be {dtype} but {name} is provided")
    return array


def _check_filter(output_filter: Any, signature: SignatureInfo) -> list[str] | None:
    seen: list[str] = []
    for alias in output_filter:
        if alias not in signature.outputs:
            expected = _joined(set(signature.outputs))
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set {{{expected}}}."
            )
        if alias in seen:
            raise invalid(f"duplicate output tensor alias: {alias}")
        seen.append(alias)
    return seen or None


def _write_tensor(proto: Any, value: np.ndarray, dtype: str) -> None:
    """Write an array into the typed fields, as TensorFlow Serving does unless told otherwise."""
    field = _VALUE_FIELDS.get(value.dtype.name)
    if field is None:
        proto.CopyFrom(tf.make_tensor_proto(value, dtype=tf.string if dtype == "string" else None))
        return
    proto.dtype = tf.as_dtype(value.dtype).as_datatype_enum
    for length in value.shape:
        proto.tensor_shape.dim.add(size=length)
    getattr(proto, field).extend(value.ravel().tolist())
