"""TensorFlow Serving's REST contract; any server can be held to it by VAE_SERVING_REST."""

import gzip
import json
import math
import socket

import numpy as np
import pytest

MODEL = "/v1/models/conformance"
PREDICT = f"{MODEL}:predict"
GOOD = {"instances": [[1.0, 2.0]]}


def message(answer):
    """Return the one key of an error."""
    status, body = answer
    assert status >= 400
    assert set(body) == {"error"}
    return body["error"]


class TestPaths:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", PREDICT),
            ("POST", MODEL),
            ("POST", f"{MODEL}/metadata"),
            ("PUT", PREDICT),
            ("DELETE", MODEL),
            ("PATCH", PREDICT),
            ("POST", f"{MODEL}:explain"),
            ("POST", f"{MODEL}:PREDICT"),
            ("GET", f"{MODEL}/"),
            ("GET", f"{MODEL}/versions/abc"),
            ("GET", f"{MODEL}/versions/-1"),
            ("POST", f"{PREDICT}?x=1"),
            ("GET", f"{MODEL}/metadata?x=1"),
            ("POST", f"{MODEL}/versions/1/labels/a:predict"),
            ("GET", "/v1/models/"),
            ("GET", "/v1/"),
            ("GET", "/v1/models/../conformance"),
        ],
    )
    def test_what_does_not_match_is_malformed(self, rest, method, path):
        status, headers, body = rest.ask(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None)
        assert (status, headers["content-type"]) == (400, "application/json")
        assert json.loads(body)["error"].startswith(f"Malformed request: {method} {path}")

    def test_a_missing_name(self, rest):
        assert message(rest.get("/v1/models")) == "Missing model name in request."

    def test_the_path_is_case_insensitive(self, rest):
        assert rest.post(GOOD, path="/V1/MODELS/conformance:predict")[0] == 200
        assert rest.get("/V1/Models/conformance/Versions/1")[0] == 200

    def test_metadata_in_capitals_is_the_status(self, rest):
        assert "model_version_status" in rest.get(f"{MODEL}/METADATA")[1]

    def test_names_are_percent_decoded_after_the_match(self, rest):
        assert rest.get("/v1/models/%63onformance")[0] == 200
        assert message(rest.get("/v1/models/a%2Fb")) == "Could not find any versions of model a/b"
        assert "a+b" in message(rest.get("/v1/models/a+b"))
        assert "..%2F".replace("%2F", "/") in message(rest.get("/v1/models/..%2F"))

    def test_a_query_is_part_of_the_name(self, rest):
        assert message(rest.get(f"{MODEL}?x=1")) == "Could not find any versions of model conformance?x=1"

    @pytest.mark.parametrize("version", ["9223372036854775808", "9" * 40])
    def test_a_version_beyond_64_bits_is_400_with_an_empty_body(self, rest, version):
        assert rest.ask("GET", f"{MODEL}/versions/{version}")[::2] == (400, b"")

    def test_leading_zeros(self, rest):
        assert rest.post(GOOD, path=f"{MODEL}/versions/0001:predict")[0] == 200

    def test_outside_v1_is_an_html_404(self, rest):
        status, headers, body = rest.ask("GET", "/index.html")
        assert status == 404
        assert headers["content-type"].startswith("text/html")
        assert b"404" in body

    def test_options(self, rest):
        assert rest.ask("OPTIONS", PREDICT, headers={"Origin": "http://a.b"})[::2] == (200, b"")
        assert rest.ask("OPTIONS", PREDICT, headers={"Origin": "a.b"})[::2] == (400, b"")
        assert rest.ask("OPTIONS", PREDICT)[0] == 400


class TestHttp:
    def test_answers_are_json_without_a_charset(self, rest):
        status, headers, body = rest.ask("POST", PREDICT, json.dumps(GOOD).encode())
        assert (status, headers["content-type"]) == (200, "application/json")
        assert int(headers["content-length"]) == len(body)

    def test_the_content_type_of_a_request_does_not_matter(self, rest):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert rest.ask("POST", PREDICT, json.dumps(GOOD).encode(), headers)[0] == 200

    def test_gzip_requests(self, rest):
        packed = gzip.compress(json.dumps(GOOD).encode())
        assert rest.ask("POST", PREDICT, packed, {"Content-Encoding": "gzip"})[0] == 200

    @pytest.mark.parametrize("broken", [b"nonsense", gzip.compress(b"{}")[:-9]], ids=["nonsense", "cut"])
    def test_what_does_not_unpack_is_empty(self, rest, broken):
        status, _, body = rest.ask("POST", PREDICT, broken, {"Content-Encoding": "gzip"})
        assert status == 400
        assert "The document is empty" in json.loads(body)["error"]

    def test_errors_keep_the_connection(self, rest):
        host, port = rest.netloc.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            for path, status in (("/v1/models/none", b"404"), (MODEL, b"200")):
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                assert status in head.split(b"\r\n")[0]
                length = int(
                    next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1]
                )
                rest_of_body = head.split(b"\r\n\r\n", 1)[1]
                while len(rest_of_body) < length:
                    rest_of_body += connection.recv(65536)

    def test_chunked_bodies_and_expect(self, rest):
        host, port = rest.netloc.split(":")
        body = json.dumps(GOOD).encode()
        request = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(request.encode() + b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in connection.recv(65536)
            for piece in (body[:7], body[7:]):
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            assert b"200 OK" in connection.recv(65536)

    def test_a_connection_closed_in_the_middle_harms_nobody(self, rest):
        host, port = rest.netloc.split(":")
        for _ in range(5):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert rest.post(GOOD)[0] == 200


class TestRows:
    def test_bare_values(self, rest):
        assert rest.post({"instances": [[1, 2.5], [3, 4]]}) == (200, {"predictions": [[2.0, 5.0], [6.0, 8.0]]})

    def test_objects(self, rest):
        assert rest.post({"instances": [{"x": [1, 2]}]}) == (200, {"predictions": [[2.0, 4.0]]})

    def test_several_inputs_and_outputs(self, rest):
        body = {"signature_name": "two", "instances": [{"a": 1.5, "b": 2}, {"b": 4, "a": 2}]}
        assert rest.post(body) == (200, {"predictions": [{"sum": 3.5, "product": 3.0}, {"sum": 6.0, "product": 8.0}]})

    def test_by_version_and_empty_signature(self, rest):
        assert rest.post({"signature_name": "", **GOOD}, path=f"{MODEL}/versions/1:predict")[0] == 200

    def test_unknown_keys_are_ignored(self, rest):
        assert rest.post({"other": {"a": [1]}, **GOOD})[0] == 200

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ({"instances": {}}, "Expecting 'instances' to be an list/array"),
            ({"instances": []}, "No values in 'instances' array"),
            ({"instances": [[1, 2], {"x": [1, 2]}]}, "Expecting value/list but got object at item 1"),
            ({"instances": [{"x": [1, 2]}, [1, 2]]}, "Expecting object but got list at item 1 of input list"),
            ({"instances": [[1, 2], [1, 2, 3]]}, "Expecting tensor size: 2 but got: 3"),
            ({"instances": [[1, 2], [[1, 2]]]}, "Expecting shape [2] but got: [1,2]"),
            ({"instances": [["a", 1]]}, 'JSON Value: "a" Type: String is not of expected type: float'),
            ({"instances": [[True, 1]]}, "is not of expected type: float"),
            ({"instances": [[None, 1]]}, "Type: Null is not of expected type: float"),
            ({"instances": [{"x": [1, 2], "z": 1}]}, "JSON object: does not have named input: z"),
            ({"instances": [{"z": [1, 2]}]}, "does not have named input: z"),
            ({"instances": [{}]}, "keys must be equal to: x"),
            ({"signature_name": "two", "instances": [1, 2]}, "instances is a plain list, but expecting list of objects"),
            ({"signature_name": "two", "instances": [{"a": 1}]}, "keys must be equal to: a,b"),
            (
                {"signature_name": "two", "instances": [{"a": 1, "b": 1.0}]},
                "Failed to process element: 0 key: b of 'instances'",
            ),
            ({"signature_name": "half_input", "instances": [1]}, "Conversion of JSON Value"),
        ],
    )
    def test_what_is_wrong_is_named(self, rest, body, text):
        answer = rest.post(body)
        assert answer[0] == 400
        assert text in message(answer)


class TestColumns:
    def test_bare_and_named(self, rest):
        assert rest.post({"inputs": [[1, 2]]}) == (200, {"outputs": [[2.0, 4.0]]})
        assert rest.post({"inputs": {"x": [[1, 2]]}}) == (200, {"outputs": [[2.0, 4.0]]})

    def test_several(self, rest):
        body = {"signature_name": "two", "inputs": {"a": [1.0], "b": [2], "ignored": 1}}
        assert rest.post(body) == (200, {"outputs": {"sum": [3.0], "product": [2.0]}})

    def test_scalars(self, rest):
        assert rest.post({"signature_name": "scalar", "inputs": 7}) == (200, {"outputs": 14})
        assert rest.post({"signature_name": "total", "inputs": [1, 2, 3]}) == (200, {"outputs": 6.0})

    def test_a_scalar_output_has_no_rows(self, rest):
        assert "has no shape information" in message(rest.post({"signature_name": "total", "instances": [1, 2]}))

    @pytest.mark.parametrize(
        ("body", "status", "text"),
        [
            ({"signature_name": "two", "inputs": [1]}, 400, "inputs is a plain value/list, but expecting an object"),
            ({"signature_name": "two", "inputs": {"a": [1]}}, 400, "Missing named input: b in 'inputs' object."),
            ({"inputs": [[1, 2], [3]]}, 400, "Encountered list at unexpected size"),
            ({"inputs": [[1, 2], 3]}, 400, "found at incorrect level"),
            ({"inputs": [1, [2]]}, 400, "Encountered list at"),
            ({"signature_name": "half_input", "inputs": [1]}, 501, "Conversion of JSON Value"),
            ({"inputs": [[1, 2]], **GOOD}, 400, "expecting only one of 'inputs' or 'instances' keys to exist"),
            ({}, 400, "Missing 'inputs' or 'instances' key"),
            ({"signature_name": 1, **GOOD}, 400, "'signature_name' key must be a string value"),
            ({"signature_name": "none", **GOOD}, 400, 'Serving signature name: "none" not found in signature def'),
            ({"signature_name": "constant", **GOOD}, 400, "Failed to get input map for signature: constant"),
            ({"signature_name": "__saved_model_init_op", **GOOD}, 400, "Failed to get input map for signature"),
        ],
    )
    def test_what_is_wrong_is_named(self, rest, body, status, text):
        answer = rest.post(body)
        assert answer[0] == status
        assert text in message(answer)


class TestValues:
    def test_floats_keep_their_bits(self, rest):
        values = (
            np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32) * np.float32(10.0) ** np.arange(-25, 25)[:, None]
        )
        status, body = rest.post({"instances": values.astype(np.float64).tolist()})
        assert status == 200
        np.testing.assert_array_equal(np.array(body["predictions"], np.float32), values.astype(np.float32) * np.float32(2))

    def test_doubles_keep_their_bits(self, rest):
        values = np.random.default_rng(1).normal(size=20)
        assert (
            rest.post({"signature_name": "double", "instances": values.tolist()})[1]["predictions"] == (values * 0.1).tolist()
        )

    def test_floats_look_like_decimals(self, rest):
        _, _, body = rest.ask("POST", PREDICT, b'{"instances": [[1, 4500000]]}')
        assert body.split(b"[")[-1].strip().startswith(b"2.0")
        assert json.loads(body)["predictions"] == [[2.0, 9e6]]
        assert isinstance(json.loads(body)["predictions"][0][1], float)

    def test_what_is_not_finite(self, rest):
        _, _, body = rest.ask("POST", PREDICT, b'{"signature_name": "log", "instances": [0, -1, Infinity, NaN, Inf]}')
        first, second, third, fourth, fifth = json.loads(body)["predictions"]
        assert first == -math.inf and math.isnan(second) and third == math.inf and math.isnan(fourth) and fifth == math.inf
        assert b"NaN" in body and b"-Infinity" in body

    def test_too_large_for_a_float_is_infinite(self, rest):
        assert rest.post(b'{"instances": [[1e300, 1]]}')[1]["predictions"] == [[math.inf, 2.0]]

    def test_integers(self, rest):
        body = {"signature_name": "int64", "instances": [2**62, -5]}
        assert rest.post(body) == (200, {"predictions": [2**62 + 1, -4]})
        assert rest.post({"signature_name": "int64", "instances": [1.0]})[0] == 400
        assert rest.post({"signature_name": "int64", "instances": [2**63]})[0] == 400
        assert rest.post({"signature_name": "two", "inputs": {"a": [1.0], "b": [2**31]}})[0] == 400
        assert rest.post({"signature_name": "uint8", "instances": [0, 255]}) == (200, {"predictions": [0, 255]})
        assert rest.post({"instances": [[2**70, 10**30]]})[0] == 200

    def test_bools(self, rest):
        assert rest.post({"signature_name": "bool", "instances": [True, False]}) == (200, {"predictions": [False, True]})
        assert rest.post({"signature_name": "bool", "instances": [1]})[0] == 400

    def test_strings(self, rest):
        body = {"signature_name": "text", "instances": ["é", {"b64": "YWI"}, {"b64": " YW I= "}]}
        assert rest.post(body) == (200, {"predictions": ["é!", "ab!", "ab!"]})
        body = {"signature_name": "bytes", "instances": [{"b64": "/wD+"}]}
        assert rest.post(body) == (200, {"predictions": [{"b64": "/wD+"}]})
        assert "Unable to base64 decode" in message(rest.post({"signature_name": "text", "instances": [{"b64": "_-"}]}))
        named = {"signature_name": "text", "inputs": {"x": [{"b65": "a"}]}}
        assert "not formatted correctly for base64 data" in message(rest.post(named))
        assert rest.post({"instances": [[{"b64": "aa"}, 1]]})[0] == 400

    def test_half_outputs_cannot_be_written(self, rest):
        answer = rest.post({"signature_name": "half", "instances": [1]})
        assert message(answer) == "Failed to write JSON value for tensor type: half"

    def test_a_wrong_shape(self, rest):
        for value in ([[1, 2, 3]], [1, 2], [[[1, 2]]], 1):
            assert rest.post({"inputs": value})[0] == 400
        assert rest.post(GOOD)[0] == 200

    def test_a_kernels_own_error(self, rest):
        answer = rest.post({"signature_name": "positive", "instances": [-1.0]})
        assert answer[0] == 400
        assert message(answer)


class TestParser:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"instances": [[1, 2]]} trailing',
            b'\xef\xbb\xbf{"instances": [[1, 2]]}',
            b'{"instances": [[1, 2]], "instances": "second"}',
            b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b', "instances": [[1, 2]]}',
            b'{"instances": [[1, 2]], "bad utf-8": "\xff\xfe"}',
            b'{"instances": [[1, 2]]}\x00{',
            b'{"instances": [[1, 2]], "big": ' + b"9" * 300 + b"}",
        ],
        ids=["trailing", "bom", "first key", "deep", "utf-8", "nul", "big"],
    )
    def test_accepted(self, rest, body):
        assert rest.post(body) == (200, {"predictions": [[2.0, 4.0]]})

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"   ",
            b"{",
            b'{"instances": [[1, 2]]',
            b'{"instances": [[1, 1e400]]}',
            b'{"instances": [[1, ' + b"9" * 5000 + b"]]}",
            b'{"instances": [[nan, 1]]}',
            b'{"instances": [[+1, 1]]}',
            b'{"instances": [[.5, 1]]}',
            b'{"instances": [[1., 1]]}',
            b'{"instances": [[01, 1]]}',
            b'{"instances": [[1, 2],]}',
            b"{'instances': [[1, 2]]}",
            b'{"instances": [["\\ud800", 1]]}',
            b'{"instances": [["\x01", 1]]}',
            b"[" * 100_000,
            b'{"a": "unfinished',
            b'{"a" 1}',
            b"{1: 2}",
            b'{"a": tru}',
            b'{"a": "\\x"}',
            b'{"a": "\\u12"}',
        ],
        ids=lambda body: f"{len(body)} bytes {body[:12]!r}",
    )
    def test_refused(self, rest, body):
        answer = rest.post(body)
        assert answer[0] == 400
        assert message(answer).startswith("JSON Parse error: ")
        assert rest.post(GOOD)[0] == 200

    def test_words_and_offset(self, rest):
        assert message(rest.post(b"")).startswith("JSON Parse error: The document is empty")
        assert message(rest.post(b'{"a": 1]')).endswith("at offset: 7")

    @pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null"])
    def test_only_objects(self, rest, body):
        assert message(rest.post(body)).endswith("Is not object")


class TestModels:
    def test_the_order_of_checks(self, rest):
        assert rest.post(b"", model="none")[0] == 400
        assert rest.post({"signature_name": 1}, model="none")[0] == 400
        assert rest.post({"signature_name": "none"}, model="none")[0] == 404
        assert message(rest.post({}, model="none")) == "Servable not found for request: Latest(none)"

    def test_unknown_versions_and_labels(self, rest):
        assert rest.post(GOOD, path=f"{MODEL}/versions/9:predict")[0] == 404
        text = message(rest.post(GOOD, path=f"{MODEL}/versions/9:predict"))
        assert text == "Servable not found for request: Specific(conformance, 9)"
        answer = rest.post(GOOD, path=f"{MODEL}/labels/stable:predict")
        assert answer[0] == 400
        assert message(answer) == "Unrecognized servable version label: stable"

    def test_status(self, rest):
        entry = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        for path in (MODEL, f"{MODEL}/versions/1", f"{MODEL}/labels/whatever"):
            assert rest.get(path) == (200, {"model_version_status": [entry]})
        assert message(rest.get(f"{MODEL}/versions/9")) == "Could not find version 9 of model conformance"
        assert rest.get("/v1/models/none")[0] == 404

    def test_metadata(self, rest):
        status, body = rest.get(f"{MODEL}/metadata")
        assert status == 200
        assert body["model_spec"] == {"name": "conformance", "signature_name": "", "version": "1"}
        signatures = body["metadata"]["signature_def"]["signature_def"]
        tensor = signatures["serving_default"]["inputs"]["x"]
        assert tensor["dtype"] == "DT_FLOAT"
        sizes = [{"size": "-1", "name": ""}, {"size": "2", "name": ""}]
        assert tensor["tensor_shape"] == {"dim": sizes, "unknown_rank": False}
        assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
        assert signatures["__saved_model_init_op"]["method_name"] == ""
        assert rest.get("/v1/models/none/metadata")[0] == 404
        assert rest.get(f"{MODEL}/labels/none/metadata")[0] == 400

    @pytest.mark.parametrize("verb", ["classify", "regress"])
    def test_classify_and_regress(self, rest, verb):
        path = f"{MODEL}:{verb}"
        assert f"When method is {verb}, key 'examples' is expected" in message(rest.post({}, path=path))
        assert rest.post({"examples": [{"x": 1.0}]}, path=path)[0] == 400
        assert rest.post({}, path=f"/v1/models/none:{verb}")[0] == 404
