"""The client, against the embedded server, and its protocol buffers against the official ones."""

import http.server
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from vae_tf.errors import UserFileError, UserValueError
from vae_tf.serving import Client, Code, ServingError
from vae_tf.serving.model_config import ModelConfig
from vae_tf.serving.wire import DTYPES, Wire, read_tensor, write_tensor


@pytest.fixture(params=["http", "grpc"])
def client(request, addresses):
    rest, door = addresses
    with Client(rest if request.param == "http" else f"grpc://{door}", "conformance", timeout=20) as made:
        yield made


def test_the_client_imports_no_tensorflow():
    code = "import sys, vae_tf.serving, vae_tf.cli.predict; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_kind_of_value(client):
    x = np.float32([[0.1, 1e-30], [3.0, 4.0]])
    np.testing.assert_array_equal(client.predict("serving_default", {"x": x})["y"], x * 2)
    answer = client.predict("two", {"a": [1.5], "b": [2]})
    assert {key: value.tolist() for key, value in answer.items()} == {"sum": [3.5], "product": [3.0]}
    assert client.predict("two", {"a": [1.5], "b": [2]}, ["sum"]).keys() == {"sum"}
    assert client.predict("int64", {"x": [2**62]})["y"].tolist() == [2**62 + 1]
    assert client.predict("bool", {"x": [True]})["y"].tolist() == [False]
    assert client.predict("double", {"x": [0.3]})["y"].tolist() == [0.3 * 0.1]
    assert client.predict("text", {"x": [b"a"]})["y"].tolist() == [b"a!"]
    assert client.predict("bytes", {"x": [b"\xff\x00"]})["y_bytes"].tolist() == [b"\xff\x00"]
    assert np.isnan(client.predict("log", {"x": [np.nan]})["y"]).all()
    assert client.predict("scalar", {"x": 7})["y"] == 14
    assert client.predict("total", {"x": [1, 2]})["y"].shape == ()


NO_ROWS = {"half", "half_input"}
"""Signatures of a type that JSON and the client have no form of."""


def test_no_rows_are_answered_alike_by_rest_and_grpc(addresses):
    """Whatever the signature: the same names, types and shapes, or a refusal by both."""

    def ask(server):
        answers = {}
        with Client(server, "conformance", timeout=20) as client:
            rows = {name: fields for name, fields in client.signatures().items() if name not in NO_ROWS}
            for name, fields in rows.items():
                empty = {
                    key: np.empty([length or 0 for length in field.shape], field.dtype) for key, field in fields.inputs.items()
                }
                try:
                    found = client.predict(name, empty)
                    answers[name] = {key: (value.dtype, value.shape) for key, value in found.items()}
                except ServingError as error:
                    answers[name] = error.code
        return answers

    rest, door = ask(addresses[0]), ask(f"grpc://{addresses[1]}")
    assert rest["serving_default"] == {"y": (np.float32, (0, 2))}
    assert rest == door


def test_what_is_wrong_is_said_before_anything_is_sent(client):
    with pytest.raises(UserValueError, match="no signature 'none'; it has bool, bytes"):
        client.predict("none", {})
    with pytest.raises(UserValueError, match=r"two takes a, b\. Received: a"):
        client.predict("two", {"a": [1]})
    with pytest.raises(UserValueError, match=r"serving_default: x must have shape \(N, 2\). Received: \(3,\)"):
        client.predict("serving_default", {"x": [1, 2, 3]})
    with pytest.raises(UserValueError, match=r"has outputs y\. Received: z"):
        client.predict("serving_default", {"x": [[1, 2]]}, ["z"])
    with pytest.raises(UserValueError, match="two: b must be int32"):
        client.predict("two", {"a": [1], "b": ["text"]})


def test_the_servers_errors_keep_their_codes(client):
    with pytest.raises(ServingError) as error:
        client.predict("positive", {"x": [-1.0]})
    assert error.value.code is Code.INVALID_ARGUMENT
    assert client.wait_until_ready(5) == 1
    assert client.states() == {1: "AVAILABLE"}


@pytest.mark.parametrize(("settings", "code"), [({"version": 9}, Code.NOT_FOUND), ({"label": "x"}, Code.INVALID_ARGUMENT)])
def test_versions_and_labels(addresses, settings, code):
    for server in (addresses[0], f"grpc://{addresses[1]}"):
        with Client(server, "conformance", **settings) as client, pytest.raises(ServingError) as error:
            client.signatures()
        assert error.value.code is code


@pytest.mark.parametrize("server", ["http://127.0.0.1:9", "grpc://127.0.0.1:9"])
def test_nobody_there(server):
    with Client(server, "m", timeout=5, num_retries=1) as client, pytest.raises(ServingError) as error:
        client.states()
    assert error.value.code is Code.UNAVAILABLE
    assert "127.0.0.1:9" in error.value.message


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_comes_later_is_waited_for(conformance_folder, start_server, scheme):
    ports = [_free_port(), _free_port()]
    told, answers = [], []
    address = f"http://127.0.0.1:{ports[0]}" if scheme == "http" else f"grpc://127.0.0.1:{ports[1]}"

    def ask():
        with Client(address, "conformance", timeout=60) as client:
            client.wait_for_server(60, lambda: told.append(1))
            answers.append(client.predict("serving_default", {"x": [[1.0, 2.0]]})["y"].tolist())

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(2.5)  # longer than the retries of one call
    options = {"rest_port": ports[0], "grpc_port": ports[1]}
    with start_server([ModelConfig("conformance", conformance_folder)], **options):
        thread.join(60)
    assert answers == [[[2.0, 4.0]]]
    assert told == [1]


@pytest.mark.parametrize(
    ("states", "waits"), [(["START", "LOADING", "AVAILABLE"], True), (["END"], False), (["AVAILABLE"], False)]
)
def test_a_model_that_is_being_loaded_is_waited_for(states, waits):
    told, left = [], list(states)
    with Client("http://127.0.0.1:9", "m") as client:
        client._transport.states = lambda _: {1: left.pop(0)}
        client.wait_for_server(20, lambda: told.append(1))
    assert (not left, bool(told)) == (True, waits)


@pytest.mark.parametrize("server", ["http://127.0.0.1:9", "grpc://127.0.0.1:9"])
def test_waiting_ends_with_the_timeout_and_says_who_was_not_there(server):
    began = time.monotonic()
    with Client(server, "m", num_retries=0) as client, pytest.raises(ServingError) as error:
        client.wait_for_server(1.0)
    assert error.value.code is Code.UNAVAILABLE
    assert 0.9 < time.monotonic() - began < 5


def test_another_answer_than_nobody_there_is_not_waited_out(addresses):
    with Client(addresses[0], "none") as client, pytest.raises(ServingError) as error:
        client.wait_for_server(30, lambda: pytest.fail("there is nothing to wait for"))
    assert error.value.code is Code.NOT_FOUND


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as made:
        return made.getsockname()[1]


def test_bad_arguments(tmp_path):
    with pytest.raises(UserValueError, match="must be one of http://HOST:PORT"):
        Client("localhost:8501", "m")
    with pytest.raises(UserValueError, match="not both"):
        Client("http://a", "m", version=1, label="b")
    with Client("http://127.0.0.1:9", "m") as client:
        with pytest.raises(UserFileError, match="Cannot read"):
            client.encode([tmp_path / "none.png"])
        with pytest.raises(UserValueError, match="list of images"):
            client.encode("one.png")


def test_retries_wait_for_a_busy_server():
    answers = [503, 503, 200]
    times = []

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            times.append(self.path)
            body = (
                b'{"model_version_status": [{"version": "4", "state": "AVAILABLE"}]}'
                if len(times) == 3
                else b'{"error": "busy"}'
            )
            self.send_response(answers[len(times) - 1])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with Client(f"http://127.0.0.1:{server.server_port}", "m") as client:
            assert client.states() == {4: "AVAILABLE"}
        server.shutdown()
        thread.join()
    assert len(times) == 3


class TestWire:
    """Bytes written by one side are read by the other: numbers and types of all fields agree."""

    @pytest.mark.parametrize("number", sorted(DTYPES))
    def test_tensors(self, number):
        _, dtype, _ = DTYPES[number]
        value = np.array([[b"a", b""]], object) if dtype is object else np.array([[1, 0]], dtype)
        mine = Wire.Tensor()
        write_tensor(mine, value)
        official = TensorProto.FromString(mine.SerializeToString())
        np.testing.assert_array_equal(tf.make_ndarray(official), value)
        for made in (tf.make_tensor_proto(value), tf.make_tensor_proto(value[0, :1], shape=[2, 1])):
            read = read_tensor(Wire.Tensor.FromString(made.SerializeToString()))
            np.testing.assert_array_equal(read, tf.make_ndarray(made))

    @pytest.mark.parametrize(
        ("mine", "official"),
        [
            ("PredictRequest", predict_pb2.PredictRequest),
            ("PredictResponse", predict_pb2.PredictResponse),
            ("MetadataRequest", get_model_metadata_pb2.GetModelMetadataRequest),
            ("MetadataResponse", get_model_metadata_pb2.GetModelMetadataResponse),
            ("SignatureMap", get_model_metadata_pb2.SignatureDefMap),
            ("StatusRequest", get_model_status_pb2.GetModelStatusRequest),
            ("StatusResponse", get_model_status_pb2.GetModelStatusResponse),
        ],
    )
    def test_every_field_has_its_official_number_and_type(self, mine, official):
        _compare(getattr(Wire, mine).DESCRIPTOR, official.DESCRIPTOR)


def _compare(mine, official):
    for field in mine.fields:
        other = official.fields_by_number[field.number]
        assert field.name == other.name
        enums = field.type == field.TYPE_INT32 and other.type == other.TYPE_ENUM  # equal on the wire
        assert enums or field.type == other.type
        assert field.is_repeated == other.is_repeated
        if field.message_type:
            _compare(field.message_type, other.message_type)
