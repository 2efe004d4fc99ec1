"""TensorFlow Serving's gRPC contract, asked with its own protocol buffers; any server by VAE_SERVING_GRPC."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

X = np.float32([[1.0, 2.0]])


@pytest.fixture
def predictions(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def request(signature="", name="conformance", output_filter=(), **inputs):
    """Make a PredictRequest."""
    made = predict_pb2.PredictRequest(output_filter=output_filter)
    made.model_spec.name = name
    made.model_spec.signature_name = signature
    for key, value in inputs.items():
        made.inputs[key].CopyFrom(value if isinstance(value, TensorProto) else tf.make_tensor_proto(value))
    return made


def refused(call, message):
    """Return the code and details of a refusal."""
    with pytest.raises(grpc.RpcError) as error:
        call(message, timeout=30)
    return error.value.code(), error.value.details()


INVALID = grpc.StatusCode.INVALID_ARGUMENT


def test_an_answer_names_what_answered(predictions):
    answer = predictions.Predict(request(x=X), timeout=30)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("conformance", 1)
    assert answer.model_spec.signature_name == "serving_default"
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["y"]), 2 * X)
    assert list(answer.outputs["y"].float_val) == [2.0, 4.0]
    assert not answer.outputs["y"].tensor_content


@pytest.mark.parametrize(
    ("signature", "value", "field"),
    [
        ("int64", np.int64([1]), "int64_val"),
        ("uint8", np.uint8([1]), "int_val"),
        ("bool", np.array([True]), "bool_val"),
        ("double", np.float64([1.0]), "double_val"),
        ("text", np.array([b"a"], object), "string_val"),
        ("half", np.float32([1.0]), "half_val"),
    ],
)
def test_answers_come_in_typed_fields(predictions, signature, value, field):
    answer = predictions.Predict(request(signature, x=value), timeout=30)
    assert len(getattr(answer.outputs["y"], field)) == 1


def test_one_value_fills_a_tensor(predictions):
    proto = TensorProto(dtype=1, float_val=[3.0])
    for size in (2, 2):
        proto.tensor_shape.dim.add(size=size)
    answer = predictions.Predict(request(x=proto), timeout=30)
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["y"]), np.full([2, 2], 6.0))


def test_zero_rows_run(predictions):
    answer = predictions.Predict(request(x=np.zeros([0, 2], np.float32)), timeout=30)
    assert tf.make_ndarray(answer.outputs["y"]).shape == (0, 2)


def test_signatures_without_inputs_can_be_called(predictions):
    assert list(predictions.Predict(request("constant"), timeout=30).outputs["y"].float_val) == [1.0]


def test_the_filter(predictions):
    inputs = {"a": np.float32([1]), "b": np.int32([2])}
    answer = predictions.Predict(request("two", output_filter=["sum"], **inputs), timeout=30)
    assert list(answer.outputs) == ["sum"]
    code, text = refused(predictions.Predict, request("two", output_filter=["none"], **inputs))
    assert (code, text.startswith("output tensor alias not found in signature: none Outputs expected")) == (INVALID, True)
    code, text = refused(predictions.Predict, request("two", output_filter=["sum", "sum"], **inputs))
    assert (code, text) == (INVALID, "duplicate output tensor alias: sum")


def test_model_specs(predictions):
    assert refused(predictions.Predict, predict_pb2.PredictRequest()) == (INVALID, "Missing ModelSpec")
    unnamed = predict_pb2.PredictRequest()
    unnamed.model_spec.version.value = 1
    assert refused(predictions.Predict, unnamed) == (INVALID, "ModelSpec has no name specified.")
    missing = (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(none)")
    assert refused(predictions.Predict, request(name="none", x=X)) == missing
    numbered = request(x=X)
    numbered.model_spec.version.value = 9
    missing = (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(conformance, 9)")
    assert refused(predictions.Predict, numbered) == missing
    numbered.model_spec.version.value = 1
    assert predictions.Predict(numbered, timeout=30)
    labelled = request(x=X)
    labelled.model_spec.version_label = "stable"
    assert refused(predictions.Predict, labelled) == (INVALID, "Unrecognized servable version label: stable")


def test_signatures_and_inputs(predictions):
    code, text = refused(predictions.Predict, request("none", x=X))
    assert (code, text) == (grpc.StatusCode.FAILED_PRECONDITION, 'Serving signature key "none" not found.')
    code, text = refused(predictions.Predict, request("two", a=np.float32([1])))
    assert code == INVALID
    assert text.startswith("input size does not match signature: 1!=2 len({a}) != len({a,b})")
    assert "Missing but required: {b}." in text
    code, text = refused(predictions.Predict, request(z=X))
    assert (code, text.startswith("Signature input alias: x(feed name: ")) == (INVALID, True)


def test_tensors_that_are_wrong(predictions):
    negative = TensorProto(dtype=1)
    negative.tensor_shape.dim.add(size=-1)
    short = TensorProto(dtype=1, tensor_content=b"123")
    short.tensor_shape.dim.add(size=2)
    for proto in (negative, short, TensorProto()):
        assert refused(predictions.Predict, request(x=proto)) == (INVALID, "tensor parsing error: x")
    code, text = refused(predictions.Predict, request(x=np.float64([[1, 2]])))
    assert code == INVALID
    assert "to be float but double is provided" in text
    for shape in ((2,), (1, 3), ()):
        assert refused(predictions.Predict, request(x=np.zeros(shape, np.float32)))[0] == INVALID
    assert predictions.Predict(request(x=X), timeout=30)


def test_a_deadline(predictions):
    with pytest.raises(grpc.RpcError) as error:
        predictions.Predict(request(x=np.zeros([200_000, 2], np.float32)), timeout=1e-4)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert predictions.Predict(request(x=X), timeout=30)


def test_metadata(predictions):
    ask = get_model_metadata_pb2.GetModelMetadataRequest()
    ask.model_spec.name = "none"
    code, text = refused(predictions.GetModelMetadata, ask)
    assert (code, text) == (INVALID, "GetModelMetadataRequest must specify at least one metadata_field")
    ask.metadata_field.append("other")
    assert refused(predictions.GetModelMetadata, ask) == (INVALID, "Metadata field other is not supported")
    ask.metadata_field[0] = "signature_def"
    assert refused(predictions.GetModelMetadata, ask)[0] == grpc.StatusCode.NOT_FOUND
    ask.model_spec.name = "conformance"
    answer = predictions.GetModelMetadata(ask, timeout=30)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("conformance", 1)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def["two"].inputs) == {"a", "b"}


def test_status(models):
    ask = get_model_status_pb2.GetModelStatusRequest()
    assert refused(models.GetModelStatus, ask) == (INVALID, "Missing ModelSpec")
    ask.model_spec.name = "none"
    missing = (grpc.StatusCode.NOT_FOUND, "Could not find any versions of model none")
    assert refused(models.GetModelStatus, ask) == missing
    ask.model_spec.name = "conformance"
    (entry,) = models.GetModelStatus(ask, timeout=30).model_version_status
    assert (entry.version, entry.state, entry.status.error_code) == (1, 30, 0)
    ask.model_spec.version.value = 9
    assert refused(models.GetModelStatus, ask)[0] == grpc.StatusCode.NOT_FOUND


def test_the_other_calls_refuse_predict_signatures(predictions):
    for call, kind in (
        (predictions.Classify, classification_pb2.ClassificationRequest),
        (predictions.Regress, regression_pb2.RegressionRequest),
    ):
        ask = kind()
        ask.model_spec.name = "conformance"
        ask.input.example_list.examples.add()
        assert refused(call, ask)[0] == INVALID
    ask = inference_pb2.MultiInferenceRequest()
    ask.tasks.add().model_spec.name = "conformance"
    assert refused(predictions.MultiInference, ask)[0] == INVALID


def test_reloading_takes_only_lists(models):
    code, text = refused(models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest())
    assert code == INVALID
    assert text.startswith("ServerModelConfig type not supported by HandleReloadConfigRequest")


def test_an_unknown_method(channel):
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Nothing")
    assert refused(call, b"")[0] == grpc.StatusCode.UNIMPLEMENTED
