"""The door: TLS, API keys, CORS, HEAD, slow clients, gRPC's own services, and who may be let in."""

import http.client
import json
import logging
import os
import socket
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone

import grpc
import pytest
import trustme
from conftest import Rest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from typer.testing import CliRunner

from vae_tf.errors import UserFileError, UserValueError
from vae_tf.serving import Client, Code, ServingError
from vae_tf.serving.core import Limits
from vae_tf.serving.cors import Cors
from vae_tf.serving.exposure import check_exposure
from vae_tf.serving.keys import Keys
from vae_tf.serving.model_config import ModelConfig
from vae_tf.serving.tls import Certificate

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused
STATUS = "/v1/models/conformance"
METRICS = "/monitoring/prometheus/metrics"
KEY, OTHER = "0123456789abcdef-first", "0123456789abcdef-second"
GOOD = {"instances": [[1.0, 2.0]]}
SERVING, ASKED = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckRequest()


@pytest.fixture
def model(conformance_folder):
    return [ModelConfig("conformance", conformance_folder)]


class Authority:
    """Issues certificates for 127.0.0.1, and writes them as a renewal does."""

    def __init__(self, folder):
        self.ca = trustme.CA()
        self.cert, self.key, self.trusted = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.trusted))
        self.renew()

    def renew(self, **settings):
        issued = self.ca.issue_cert("127.0.0.1", "localhost", **settings)
        issued.private_key_pem.write_to_path(str(self.key))
        chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
        self.cert.write_bytes(chain)

    def certificate(self):
        return Certificate(self.cert, self.key, look_seconds=0.0)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# who may ask\nfirst: {KEY}\n\n{OTHER}  # no name\n")
    return path


def serial(port, trusted, server_name="127.0.0.1"):
    """Return the serial number of the certificate that a port shows."""
    context = ssl.create_default_context(cafile=trusted)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as connection,
    ):
        return connection.getpeercert()["serialNumber"]


class TestTls:
    def test_both_doors_and_a_renewal(self, model, start_server, authority):
        with start_server(model, certificate=authority.certificate()) as server:
            servers = [f"https://127.0.0.1:{server.rest_port}", f"grpcs://127.0.0.1:{server.grpc_port}"]
            ports = [server.rest_port, server.grpc_port]
            seen = [[serial(port, authority.trusted) for port in ports]]
            with Client(servers[0], "conformance", ca_file=authority.trusted) as kept:
                for address in servers:
                    with Client(address, "conformance", ca_file=authority.trusted) as client:
                        assert client.predict("total", {"x": [1, 2]})["y"] == 3
                authority.renew()
                seen.append([serial(port, authority.trusted) for port in ports])
                authority.key.write_text("half written")
                seen.append([serial(port, authority.trusted) for port in ports])
                assert kept.predict("total", {"x": [1, 2]})["y"] == 3
            for address in servers:
                with Client(address, "conformance", timeout=2, num_retries=0) as client, pytest.raises(ServingError) as error:
                    client.states()
                assert error.value.code is Code.UNAVAILABLE
        assert all(one == two for one, two in seen)
        assert seen[0] != seen[1] and seen[1] == seen[2]

    def test_wrong_files_are_told(self, authority, tmp_path):
        with pytest.raises(UserFileError, match=r"Cannot read --tls-cert .*none\.pem: No such file"):
            Certificate(tmp_path / "none.pem", authority.key)
        with pytest.raises(UserValueError, match="--tls-key must be a private key in PEM form"):
            Certificate(authority.cert, authority.cert)
        with pytest.raises(UserValueError, match="--tls-cert must be a certificate in PEM form"):
            Certificate(authority.key, authority.key)
        other = tmp_path / "other"
        other.mkdir()
        with pytest.raises(UserValueError, match=r"must belong together.*KEY_VALUES_MISMATCH"):
            Certificate(authority.cert, Authority(other).key)

    def test_an_expired_one_is_warned_of(self, authority, caplog):
        with caplog.at_level(logging.WARNING, "vae_tf"):
            authority.certificate()
            assert not caplog.messages
            past = datetime.now(timezone.utc) - timedelta(days=1)
            authority.renew(not_after=past)
            authority.certificate()
        assert len(caplog.messages) == 1 and "has expired" in caplog.messages[0]


class TestKeys:
    def test_over_rest(self, model, start_server, keys, caplog):
        caplog.set_level(logging.INFO, "vae_tf.serving")
        with start_server(model, keys=Keys(keys, look_seconds=0.0), access_log=True) as server:
            rest = Rest(f"http://127.0.0.1:{server.rest_port}")

            def ask(method, path, headers=None):
                body = json.dumps(GOOD).encode() if method == "POST" else None
                return rest.ask(method, path, body, headers)

            status, headers, body = ask("POST", f"{STATUS}:predict")
            assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="vae_tf"')
            assert "API key is needed" in json.loads(body)["error"]
            for wrong in ({"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}, {"X-API-Key": KEY[:-1]}):
                assert ask("POST", f"{STATUS}:predict", wrong)[0] == 401
            for right in ({"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {OTHER}"}, {"X-API-Key": KEY}):
                assert ask("POST", f"{STATUS}:predict", right)[0] == 200
            assert [ask("GET", path)[0] for path in (STATUS, f"{STATUS}/versions/1")] == [200, 200]
            assert [ask("GET", path)[0] for path in (f"{STATUS}/metadata", METRICS, "/", "/v1/models")] == [401] * 4
            assert [ask("GET", path)[0] for path in ("/v2/health/ready", "/v2/models/conformance/ready")] == [200, 200]
            assert [ask("GET", path)[0] for path in ("/v2", "/v2/models/conformance")] == [401, 401]
            assert ask("POST", "/v2/models/conformance/infer")[0] == 401
            assert ask("HEAD", STATUS)[0] == 200 and ask("OPTIONS", STATUS, {"Origin": "http://a.b"})[0] == 200
            assert ask("GET", METRICS, {"Authorization": f"Bearer {KEY}"})[0] == 200
            keys.write_text(f"{OTHER}\n")
            assert ask("GET", METRICS, {"X-API-Key": KEY})[0] == 401 and ask("GET", METRICS, {"X-API-Key": OTHER})[0] == 200
            keys.write_text("too short\n")
            assert ask("GET", METRICS, {"X-API-Key": OTHER})[0] == 200
        log = [json.loads(message) for message in caplog.messages]
        assert "API keys not taken" in {event["event"] for event in log}
        assert {event.get("key") for event in log if event.get("code") == "OK" and "predict" in event["path"]} == {
            "first",
            "line 4",
        }
        assert "UNAUTHENTICATED" in {event.get("code") for event in log}
        assert KEY not in caplog.text and OTHER not in caplog.text

    def test_over_grpc(self, model, start_server, keys, tmp_path, monkeypatch, caplog):
        caplog.set_level(logging.INFO, "vae_tf.serving")
        with start_server(model, keys=Keys(keys), access_log=True) as server:
            servers = [f"http://127.0.0.1:{server.rest_port}", f"grpc://127.0.0.1:{server.grpc_port}"]
            for address in servers:
                with Client(address, "conformance", num_retries=0) as client:
                    assert client.states() == {1: "AVAILABLE"}
                    with pytest.raises(ServingError, match="API key is needed") as error:
                        client.predict("total", {"x": [1, 2]})
                assert error.value.code is Code.UNAUTHENTICATED
                monkeypatch.setenv("VAE_TF_API_KEY", KEY)
                with Client(address, "conformance") as client:
                    assert client.predict("total", {"x": [1, 2]})["y"] == 3
                monkeypatch.delenv("VAE_TF_API_KEY")
                (tmp_path / "key").write_text(OTHER + "\n")
                with Client(address, "conformance", api_key_file=tmp_path / "key") as client:
                    assert client.predict("total", {"x": [1, 2]})["y"] == 3
            with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
                assert health(channel) == health_pb2.HealthCheckResponse.SERVING
                with pytest.raises(grpc.RpcError) as refused:
                    reflected(channel)
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        log = [json.loads(message) for message in caplog.messages]
        over_grpc = [event for event in log if event.get("protocol") == "GRPC"]
        assert {event.get("key") for event in over_grpc if event["path"] == "PredictionService/Predict"} >= {"first", "line 4"}
        assert "UNAUTHENTICATED" in {event["code"] for event in over_grpc}
        assert KEY not in caplog.text and OTHER not in caplog.text

    @pytest.mark.parametrize("text", ["", "# nothing\n", "short\n", f"a b: {KEY}\n", f"{KEY} more\n"])
    def test_files_that_hold_no_keys(self, tmp_path, text):
        (tmp_path / "keys").write_text(text)
        with pytest.raises(UserValueError) as error:
            Keys(tmp_path / "keys")
        assert KEY not in str(error.value)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(UserFileError, match="Cannot read --api-keys"):
            Keys(tmp_path / "none")
        with pytest.raises(UserFileError, match="Cannot read"):
            Client("http://127.0.0.1:1", "m", api_key_file=tmp_path / "none")
        (tmp_path / "two").write_text(f"{KEY}\n{OTHER}\n")
        with pytest.raises(UserValueError, match="must hold an API key, one word"):
            Client("http://127.0.0.1:1", "m", api_key_file=tmp_path / "two")
        with pytest.raises(UserValueError, match="must hold certificates in PEM form"):
            Client("https://127.0.0.1:1", "m", ca_file=tmp_path / "two")
        with pytest.raises(UserValueError, match="A file of authorities is for https"):
            Client("http://127.0.0.1:1", "m", ca_file=tmp_path / "two")

    def test_a_key_that_can_be_read_on_its_way_is_warned_of(self, monkeypatch, caplog):
        monkeypatch.setenv("VAE_TF_API_KEY", KEY)
        Client("http://127.0.0.1:1", "m").close()
        assert not caplog.messages
        Client("http://192.0.2.1:1", "m").close()
        assert "without TLS" in caplog.text and KEY not in caplog.text


def test_cors(model, start_server):
    def ask(server, method, origin, path=STATUS):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        status, found, body = Rest(f"http://127.0.0.1:{server.rest_port}").ask(method, path, None, headers)
        return status, {key: value for key, value in found.items() if key.startswith("access") or key == "vary"}, body

    with start_server(model, cors=Cors(["https://a.example", "http://b.example:8080"])) as server:
        for origin in ("https://a.example", "http://b.example:8080"):
            assert ask(server, "GET", origin)[:2] == (200, {"access-control-allow-origin": origin, "vary": "Origin"})
        status, headers, body = ask(server, "OPTIONS", "https://a.example", f"{STATUS}:predict")
        assert (status, body) == (200, b"")
        assert "Authorization" in headers["access-control-allow-headers"]
        assert headers["access-control-allow-methods"] == "POST, GET, HEAD"
        assert ask(server, "GET", "https://c.example")[:2] == (200, {"vary": "Origin"})
        assert ask(server, "OPTIONS", "https://c.example")[:2] == (403, {"vary": "Origin"})
        assert ask(server, "GET", "https://a.example", f"{STATUS}x")[1]["access-control-allow-origin"] == "https://a.example"
    with start_server(model, cors=Cors(["*"])) as server:
        assert ask(server, "GET", "https://a.example")[1] == {"access-control-allow-origin": "*"}
    with pytest.raises(UserValueError, match="--cors-origin must be https://HOST"):
        Cors(["a.example"])


def test_head_is_get_without_a_body(rest):
    for path in (STATUS, f"{STATUS}/metadata", f"{STATUS}/versions/9", METRICS, "/index.html", f"{STATUS}:predict"):
        (status, get, body), (head_status, head, nothing) = rest.ask("GET", path), rest.ask("HEAD", path)
        assert (head_status, head["content-type"], nothing) == (status, get["content-type"], b"")
        assert path == METRICS or int(head["content-length"]) == len(body)


class TestSlowClients:
    """Answers come when a time is over; until it is, nothing does."""

    def _read(self, connection):
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)

    def test_heads(self, model, start_server):
        with start_server(model, limits=Limits(head_seconds=0.2)) as server:
            place = ("127.0.0.1", server.rest_port)
            with socket.create_connection(place, timeout=20) as connection:
                connection.sendall(b"GET /v1/models/conf")
                assert b" 408 Request Timeout" in self._read(connection)
            with socket.create_connection(place, timeout=20) as connection:
                assert self._read(connection) == b""  # nothing was asked
            with socket.create_connection(place, timeout=20) as connection:  # the second head on a connection
                connection.sendall(f"GET {STATUS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert b" 200 OK" in connection.recv(65536)
                connection.sendall(b"GET /v1")
                assert b" 408 Request Timeout" in self._read(connection)
            with socket.create_connection(place, timeout=20) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nA: " + b"a" * 100_000)
                assert b" 431 Request Header Fields Too Large" in connection.recv(65536)
            with socket.create_connection(("127.0.0.1", server.grpc_port), timeout=20) as connection:
                self._read(connection)  # is ended

    def test_handshakes(self, model, start_server, authority):
        with start_server(model, limits=Limits(head_seconds=0.2), certificate=authority.certificate()) as server:
            for port in (server.rest_port, server.grpc_port):
                with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                    assert self._read(connection) == b""

    def test_too_many_connections(self, model, start_server):
        with start_server(model, limits=Limits(num_connections=1)) as server:
            rest = Rest(f"http://127.0.0.1:{server.rest_port}")
            held = http.client.HTTPConnection(rest.netloc, timeout=20)
            held.request("GET", STATUS)
            held.getresponse().read()
            status, headers, body = rest.ask("GET", STATUS)
            assert (status, headers["connection"]) == (503, "close")
            assert "More than 1 connections" in json.loads(body)["error"]
            held.request("GET", STATUS)
            assert held.getresponse().status == 200  # whoever is in is not concerned
            held.close()
            deadline = time.monotonic() + 10
            while rest.ask("GET", STATUS)[0] != 200:
                assert time.monotonic() < deadline

    def test_too_many_grpc_connections(self, model, start_server):
        with start_server(model, limits=Limits(num_connections=1)) as server:
            with _channel(server.grpc_port) as first:
                assert health(first) == SERVING
                with _channel(server.grpc_port) as second, pytest.raises(grpc.RpcError) as error:
                    health(second)
                assert error.value.code() is grpc.StatusCode.UNAVAILABLE
                assert health(first) == SERVING  # whoever is in is not concerned
            with _channel(server.grpc_port) as third:  # taken when the first is gone
                assert health_pb2_grpc.HealthStub(third).Check(ASKED, timeout=20, wait_for_ready=True).status == SERVING

    def test_a_slow_message(self, model, start_server):
        arrives = threading.Event()

        def messages():
            arrives.wait(20)
            yield ASKED.SerializeToString()

        with start_server(model, limits=Limits(body_seconds=0.2)) as server, _channel(server.grpc_port) as channel:
            ask = channel.stream_unary("/grpc.health.v1.Health/Check")
            for sent, code in ((messages(), "DEADLINE_EXCEEDED"), (iter(()), "INVALID_ARGUMENT")):
                with pytest.raises(grpc.RpcError) as error:
                    ask(sent, timeout=20)
                assert error.value.code().name == code
            arrives.set()
            assert health(channel) == SERVING

    def test_an_idle_connection(self, model, start_server, monkeypatch):
        monkeypatch.setattr("vae_tf.serving.server.IDLE_SECONDS", 0.2)
        with start_server(model) as server, _channel(server.grpc_port) as channel:
            assert health(channel) == SERVING
            is_closed = threading.Event()
            channel.subscribe(lambda state: is_closed.set() if state is grpc.ChannelConnectivity.IDLE else None)
            assert is_closed.wait(20)
            assert health(channel) == SERVING  # another is opened unnoticed


def _channel(port):
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])


def health(channel, name=""):
    return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name), timeout=20).status


def reflected(channel):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]), timeout=20)
    return {service.name for service in answer.list_services_response.service}


def test_health_and_reflection(channel):
    assert [health(channel, name) for name in ("", "conformance")] == [SERVING, SERVING]
    with pytest.raises(grpc.RpcError) as error:
        health(channel, "none")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert reflected(channel) == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


class TestExposure:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
    def test_this_machine_alone(self, host):
        check_exposure(host, False, False, False)

    @pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", ""])
    def test_others_want_tls_or_keys_or_a_word(self, host, caplog):
        with pytest.raises(UserValueError, match="lets other machines in, without TLS and without keys"):
            check_exposure(host, False, False, False)
        check_exposure(host, True, True, False)
        check_exposure(host, False, False, True)
        assert not caplog.messages
        check_exposure(host, True, False, False)
        check_exposure(host, False, True, False)
        assert [("--api-keys" in text, "--tls-cert" in text) for text in caplog.messages] == [(True, False), (False, True)]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--host", EVERYWHERE], "--insecure where something in front has both"),
            (["--tls-cert", "cert.pem"], "Give --tls-cert and --tls-key, or neither"),
            (["--api-keys", "none"], "Cannot read --api-keys none"),
            (["--cors-origin", "a"], "--cors-origin must be"),
            (["--workers", "2", "--api-keys", "none"], "Cannot read --api-keys none"),
        ],
    )
    def test_the_command_says_it_in_a_line(self, conformance_folder, options, words):
        from vae_tf.cli.app import app

        found = CliRunner().invoke(app, ["serve", str(conformance_folder), "--rest-port", "0", "--grpc-port", "0", *options])
        assert words in str(found.exception)
        assert getattr(found.exception, "exit_code", None) == 2

    def test_what_tensorflow_serving_has_not(self, conformance_folder, keys, tmp_path, monkeypatch):
        from vae_tf.cli.app import app

        program = tmp_path / "tensorflow_model_server"
        program.touch(mode=0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        command = ["serve", str(conformance_folder), "--engine", "model-server", "--api-keys", str(keys), "--workers", "2"]
        assert "--api-keys, --workers need --engine embedded" in str(CliRunner().invoke(app, command).exception)
