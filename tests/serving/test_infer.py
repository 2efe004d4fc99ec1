"""The Open Inference Protocol: tensors as bytes, and as JSON, give what TensorFlow Serving's own REST gives."""

import json
import os
import struct

import ml_dtypes
import numpy as np
import pytest

from vae_tf.errors import UserValueError
from vae_tf.serving import Client, Code, ServingError
from vae_tf.serving.binary_tensors import DATATYPES, datatype_of, read_bytes, write_bytes
from vae_tf.serving.tensors import object_array

pytestmark = pytest.mark.skipif("VAE_SERVING_REST" in os.environ, reason="the embedded server's own protocol")
PATH, HEADER = "/v2/models/conformance/infer", "inference-header-content-length"


def tensor(name, shape, datatype, size=None, **more):
    return {"name": name, "shape": shape, "datatype": datatype, **more} | (
        {} if size is None else {"parameters": {"binary_data_size": size}}
    )


def packed(document, *tails, header=None):
    """Return a body and its headers."""
    head = json.dumps(document).encode()
    return head + b"".join(tails), {"Inference-Header-Content-Length": str(len(head)) if header is None else header}


def unpacked(headers, body):
    """Return the JSON of an answer, and its outputs' bytes by name."""
    length = int(headers[HEADER])
    document, tails = json.loads(body[:length]), {}
    for output in document["outputs"]:
        size = output["parameters"]["binary_data_size"]
        tails[output["name"]] = body[length : length + size]
        length += size
    assert length == len(body)
    return document, tails


def binary_request(signature, inputs, **more):
    tails = [write_bytes(value) for value in inputs.values()]
    entries = [
        tensor(name, list(value.shape), datatype_of(value), len(tail))
        for (name, value), tail in zip(inputs.items(), tails, strict=True)
    ]
    parameters = {"signature_name": signature, "binary_data_output": True}
    return packed({"parameters": parameters, "inputs": entries, **more}, *tails)


class TestAnswers:
    def test_bytes_are_the_json_s_floats_bit_for_bit(self, rest):
        x = np.random.default_rng(0).lognormal(0.0, 20.0, [64]).astype(np.float32)
        x[:3] = [0.0, np.float32(1e-45), 3.4e38]
        _, answer = rest.post({"signature_name": "log", "instances": x.tolist()})
        status, headers, body = rest.ask("POST", PATH, *binary_request("log", {"x": x}))
        document, tails = unpacked(headers, body)
        assert (status, headers["content-type"]) == (200, "application/octet-stream")
        assert document["outputs"][0] == tensor("y", [64], "FP32", 256)
        assert tails["y"] == np.float32(answer["predictions"]).tobytes()

    def test_json_in_and_out_without_the_header(self, rest):
        asked = {"id": "7", "inputs": [tensor("x", [2, 2], "FP32", data=[1.0, 2.5, 3.0, 0.1])]}
        status, headers, body = rest.ask("POST", PATH, json.dumps(asked))
        assert status == 200 and HEADER not in headers
        expected = {"name": "y", "shape": [2, 2], "datatype": "FP32", "data": [2.0, 5.0, 6.0, 0.2]}
        assert json.loads(body) == {"model_name": "conformance", "model_version": "1", "id": "7", "outputs": [expected]}
        nested = {"inputs": [tensor("x", [1, 2], "FP32", data=[[float("nan"), 1.0]])]}
        assert b'"data":[NaN,2.0]' in rest.ask("POST", PATH, json.dumps(nested))[2]

    def test_some_outputs_as_bytes_some_as_json_none_else(self, rest):
        a, b = np.float32([1, 2]), np.int32([3, 4])
        outputs = [{"name": "product", "parameters": {"binary_data": False}}, {"name": "sum"}]
        body = binary_request("two", {"b": b, "a": a}, outputs=outputs)
        _, headers, answer = rest.ask("POST", PATH, *body)
        length = int(headers[HEADER])
        product, total = json.loads(answer[:length])["outputs"]
        assert product["data"] == [3.0, 8.0] and answer[length:] == np.float32([4, 6]).tobytes() and total["shape"] == [2]
        only = binary_request("two", {"a": a, "b": b}, outputs=[{"name": "sum"}])
        assert list(unpacked(*rest.ask("POST", PATH, *only)[1:])[1]) == ["sum"]

    def test_every_type_that_the_model_has(self, rest, addresses):
        cases = {
            "int64": np.int64([2**62]),
            "uint8": np.uint8([200, 3]),
            "bool": np.array([True, False]),
            "double": np.float64([0.1]),
            "text": object_array(["שלום".encode(), b""]),
            "bytes": object_array([b"\xff\x00", b"a"]),
            "scalar": np.int32(4),
            "half_input": np.float16([0.5]),
        }
        for signature, x in cases.items():
            status, headers, body = rest.ask("POST", PATH, *binary_request(signature, {"x": x}))
            assert status == 200, body
            (output,) = unpacked(headers, body)[0]["outputs"]
            assert output["shape"] == list(x.shape)
        with Client(addresses[0], "conformance", binary=True) as binary, Client(addresses[0], "conformance") as plain:
            for signature in ("int64", "uint8", "bool", "double", "text", "bytes", "two"):
                inputs = {"a": [1.5], "b": [2]} if signature == "two" else {"x": cases[signature]}
                left, right = binary.predict(signature, inputs), plain.predict(signature, inputs)
                assert left.keys() == right.keys()
                for name, value in left.items():
                    assert value.dtype == right[name].dtype and value.tolist() == right[name].tolist()
            assert binary.predict("log", {"x": np.empty(0, np.float32)})["y"].shape == (0,)
            assert binary.predict("two", {"a": [1.5], "b": [2]}, ["sum"])["sum"].tolist() == [3.5]
            with pytest.raises(ServingError) as error:
                binary.predict("positive", {"x": [-1.0]})
            assert error.value.code is Code.INVALID_ARGUMENT

    def test_what_a_server_and_a_model_are(self, rest):
        assert rest.get("/v2")[1]["extensions"] == ["binary_tensor_data"]
        assert rest.get("/v2/health/live") == (200, {"live": True})
        assert rest.get("/v2/health/ready") == (200, {"ready": True})
        assert rest.get("/v2/models/conformance/versions/1/ready") == (200, {"name": "conformance", "ready": True})
        _, model = rest.get("/v2/models/conformance")
        assert model["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}] and model["versions"] == ["1"]
        assert rest.get("/v2/models/none/ready")[0] == 404 and rest.get("/v2/else")[0] == 400


X = np.float32([[1, 2]])
GOOD = tensor("x", [1, 2], "FP32", 8)
MALFORMED = {
    "a header that is no number": (packed({"inputs": [GOOD]}, X.tobytes(), header="abc"), "must be the number of bytes"),
    "a negative one": (packed({"inputs": [GOOD]}, X.tobytes(), header="-1"), "must be the number of bytes"),
    "an empty one": (packed({"inputs": [GOOD]}, X.tobytes(), header=""), "must be the number of bytes"),
    "more than there is": (packed({"inputs": [GOOD]}, X.tobytes(), header="9999"), "Received: '9999'"),
    "thousands of digits": (packed({"inputs": [GOOD]}, X.tobytes(), header="9" * 5000), "must be the number of bytes"),
    "less than the JSON": (packed({"inputs": [GOOD]}, X.tobytes(), header="5"), "JSON Parse error"),
    "no header": ((packed({"inputs": [GOOD]})[0], {}), "must have the header Inference-Header-Content-Length"),
    "no object": (packed([1]), "must be a JSON object"),
    "no inputs": (packed({}), "inputs must be a list of objects"),
    "unknown": (packed({"inputs": [tensor("z", [1], "FP32", 4)]}, b"0000"), "takes x, each once. Received: 'z'"),
    "twice": (packed({"inputs": [GOOD, GOOD]}, X.tobytes(), X.tobytes()), "takes x, each once"),
    "missing": (packed({"inputs": []}), "Missing: x"),
    "another type": (packed({"inputs": [tensor("x", [1, 1], "FP64", 8)]}, b"0" * 8), "datatype must be FP32. Received: 'FP64'"),
    "a shape of words": (
        packed({"inputs": [tensor("x", ["1", 2], "FP32", 8)]}, X.tobytes()),
        "must be a list of whole numbers",
    ),
    "a negative length": (
        packed({"inputs": [tensor("x", [-1, 2], "FP32", 8)]}, X.tobytes()),
        "must be a list of whole numbers",
    ),
    "a huge shape": (packed({"inputs": [tensor("x", [2**30] * 4, "FP32", 8)]}, X.tobytes()), "Received: 8"),
    "another shape": (packed({"inputs": [tensor("x", [2, 2], "FP32", 8)]}, X.tobytes()), "must have 16 bytes. Received: 8"),
    "fewer bytes": (packed({"inputs": [GOOD]}, b"1234"), "at most the 4 bytes that are left. Received: 8"),
    "bytes left over": (packed({"inputs": [GOOD]}, X.tobytes(), b"!"), "must have all bytes behind the JSON, 9"),
    "a size that is no number": (packed({"inputs": [tensor("x", [1, 2], "FP32", "8")]}, X.tobytes()), "must be of type int"),
    "a size that is true": (packed({"inputs": [tensor("x", [1, 2], "FP32", True)]}, X.tobytes()), "must be of type int"),
    "no data": (packed({"inputs": [tensor("x", [1, 2], "FP32")]}), "must have data"),
    "fewer values": (packed({"inputs": [tensor("x", [1, 2], "FP32", data=[1.0])]}), "must have 2 values. Received: 1"),
    "a word": (packed({"inputs": [tensor("x", [1, 2], "FP32", data=["a\n", 1])]}), "is not of expected type: float (input x)"),
    "no such output": (packed({"inputs": [GOOD], "outputs": [{"name": "q"}]}, X.tobytes()), "has outputs y"),
    "no such signature": (packed({"parameters": {"signature_name": "q"}, "inputs": [GOOD]}, X.tobytes()), "has no signature q"),
    "a wrong signature": (packed({"parameters": {"signature_name": 1}, "inputs": [GOOD]}, X.tobytes()), "of type str"),
    "parameters of words": (packed({"parameters": "p", "inputs": [GOOD]}, X.tobytes()), "parameters must be an object"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_malformed_is_400_in_one_line(rest, case):
    (body, headers), message = MALFORMED[case]
    status, _, answer = rest.ask("POST", PATH, body, headers)
    told = json.loads(answer)["error"]
    assert status == 400 and message in told and "\n" not in told and len(told) < 400


def test_outputs_that_json_does_not_hold_say_how_to_ask(rest):
    for signature, x in (("half", np.float32([1])), ("bytes", object_array([b"\xff"]))):
        body, headers = binary_request(signature, {"x": x})
        status, _, answer = rest.ask(
            "POST", PATH, body.replace(b'"binary_data_output": true', b'"binary_data_output":false'), headers
        )
        assert status == 400 and "binary_data" in json.loads(answer)["error"]
        assert rest.ask("POST", PATH, body, headers)[0] == 200


@pytest.mark.parametrize("name", DATATYPES)
def test_bytes_read_back_whatever_the_type(name):
    dtype = {"half": np.float16, "float": np.float32, "double": np.float64, "bfloat16": ml_dtypes.bfloat16}.get(name, name)
    array = object_array([b"", b"a\0b"], (2, 1)) if name == "string" else np.array([[0], [1]]).astype(dtype)
    again = read_bytes(write_bytes(array), array.shape, object if name == "string" else dtype)
    assert again.dtype == array.dtype and again.tolist() == array.tolist() and datatype_of(array) == DATATYPES[name]


@pytest.mark.parametrize(
    ("data", "dtype", "message"),
    [
        (b"\2", np.bool_, "0 and 1 alone"),
        (struct.pack("<I", 5) + b"a", object, "must have 1 strings"),
        (struct.pack("<I", 1) + b"ab", object, "must have 1 strings"),
        (b"\1\0", object, "must have 1 strings"),
        (b"", object, "must have 1 strings"),
    ],
)
def test_bytes_that_do_not_fit(data, dtype, message):
    with pytest.raises(ValueError, match=message):
        read_bytes(data, [1], dtype)


def test_a_client_of_bytes_is_for_rest_and_versions():
    with pytest.raises(UserValueError, match="gRPC's tensors are bytes always"):
        Client("grpc://127.0.0.1:1", "m", binary=True)
    with pytest.raises(UserValueError, match="by version, not by label"):
        Client("http://127.0.0.1:1", "m", label="stable", binary=True)
