"""Limits of size, time and number; the metrics page; the log; a clean end."""

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Rest

from vae_tf.errors import UserValueError
from vae_tf.serving.core import Limits
from vae_tf.serving.model_config import ModelConfig

GOOD = {"instances": [[1.0, 2.0]]}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(conformance_folder):
    return [ModelConfig("conformance", conformance_folder)]


def test_large_requests(model, start_server):
    with start_server(model, limits=Limits(request_bytes=10_000)) as server:
        rest = Rest(f"http://127.0.0.1:{server.rest_port}")
        status, body = rest.post({"instances": [[1.0, 2.0]] * 2000})
        assert status == 413
        assert "larger than 10000 bytes" in body["error"]
        host, port = rest.netloc.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:  # without a declared length
            connection.sendall(b"POST /v1/models/conformance:predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
            assert b"413" in connection.recv(65536)
        assert rest.post(GOOD)[0] == 200


def test_a_slow_body_is_given_up(model, start_server):
    with start_server(model, limits=Limits(body_seconds=0.3)) as server:
        with socket.create_connection(("127.0.0.1", server.rest_port), timeout=20) as connection:
            connection.sendall(b"POST /v1/models/conformance:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
            assert b"408" in connection.recv(65536)
        assert Rest(f"http://127.0.0.1:{server.rest_port}").post(GOOD)[0] == 200


def test_a_computation_has_a_deadline(model, start_server):
    with start_server(model, limits=Limits(timeout=1e-6)) as server:
        status, _ = Rest(f"http://127.0.0.1:{server.rest_port}").post(GOOD)
    assert status == 504


def test_too_many_requests_at_once(model, start_server):
    with start_server(model, limits=Limits(num_requests=1)) as server:
        with socket.create_connection(("127.0.0.1", server.rest_port), timeout=20) as held:
            held.sendall(b"POST /v1/models/conformance:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
            rest, deadline = Rest(f"http://127.0.0.1:{server.rest_port}"), time.monotonic() + 10
            while rest.post(GOOD)[0] != 503:
                assert time.monotonic() < deadline
        deadline = time.monotonic() + 10
        while rest.post(GOOD)[0] != 200:
            assert time.monotonic() < deadline


def test_log_handlers_of_the_process_are_left_open(model, start_server):
    """A server that is started in a notebook or a test is not the only one that logs there."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    closed = []
    handler.close = lambda: closed.append(True)
    try:
        with start_server(model) as server:
            assert Rest(f"http://127.0.0.1:{server.rest_port}").post(GOOD)[0] == 200
        assert not closed
    finally:
        del handler.close
        handler.close()


def test_the_metrics_page(model, start_server):
    with start_server(model) as server:
        rest = Rest(f"http://127.0.0.1:{server.rest_port}")
        for _ in range(3):
            rest.post(GOOD)
        rest.post({})
        rest.post(GOOD, model="none")
        status, headers, body = rest.ask("GET", "/monitoring/prometheus/metrics")
        assert (status, headers["content-type"]) == (200, "text/plain")
        text = body.decode()
        assert "# TYPE :tensorflow:serving:request_count counter" in text
        assert ':tensorflow:serving:request_count{model_name="conformance",status="OK"} 3' in text
        assert ':tensorflow:serving:request_count{model_name="conformance",status="INVALID_ARGUMENT"} 1' in text
        assert ':tensorflow:serving:request_count{model_name="none",status="NOT_FOUND"} 1' in text
        labels = 'model_name="conformance",API="predict",entrypoint="REST"'
        buckets = re.findall(rf'request_latency_bucket{{{labels},le="([^"]+)"}} (\d+)', text)
        assert (buckets[0][0], buckets[-1]) == ("10.0", ("+Inf", "3"))
        assert [int(count) for _, count in buckets] == sorted(int(count) for _, count in buckets)
        assert f":tensorflow:serving:request_latency_count{{{labels}}} 3" in text
        assert rest.ask("GET", "/monitoring/prometheus/metrics?x=1")[0] == 400
    with start_server(model, metrics=False) as server:
        assert Rest(f"http://127.0.0.1:{server.rest_port}").ask("GET", "/monitoring/prometheus/metrics")[0] == 404


def test_taken_ports_are_said(model, start_server):
    with start_server(model) as server:
        for option in ("rest_port", "grpc_port"):
            with (
                pytest.raises(UserValueError, match="another program has it"),
                start_server(model, **{option: getattr(server, option)}),
            ):
                pass


class TestProcess:
    """`run.py serve` as a process."""

    def _start(self, *arguments):
        command = [sys.executable, "run.py", "serve", *map(str, arguments), "--rest-port", "0", "--grpc-port", "0"]
        environment = {**os.environ, "PATH": "/usr/bin:/bin", "COLUMNS": "200"}
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment)

    def _wait(self, process):
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("REST"):
                return lines, int(re.search(r":(\d+)/v1", line)[1])
        raise AssertionError("".join(lines))

    def test_sigterm_lets_running_requests_end(self, conformance_folder):
        process = self._start(conformance_folder, "--engine", "embedded")
        try:
            _, port = self._wait(process)
            answers = []
            big = np.ones([20_000, 2]).tolist()
            rest = Rest(f"http://127.0.0.1:{port}")
            together = [threading.Thread(target=lambda: answers.append(rest.post(GOOD)[0])) for _ in range(32)]
            for thread in together:
                thread.start()
            for thread in together:
                thread.join()
            assert answers == [200] * 32  # many at once wait for each other, and nobody is refused
            answers.clear()
            threads = [threading.Thread(target=lambda: answers.append(rest.post({"inputs": big})[0])) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=60)
            for thread in threads:
                thread.join()
        finally:
            process.kill()
        assert process.returncode == 0
        assert answers.count(200) >= 1
        events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        assert [event["event"] for event in events][-1] == "stopped"
        requests = [event for event in events if event["event"] == "request"]
        assert {"time", "protocol", "path", "client", "code", "ms", "bytes", "status"} <= set(requests[0])

    def test_the_server_never_imports_model_code(self, conformance_folder):
        code = (
            "import sys, vae_tf.serving.server\n"
            "kept = ('vae_tf.models', 'vae_tf.training', 'vae_tf.export', 'vae_tf.evaluation', 'vae_tf.data')\n"
            "sys.exit(any(name.startswith(kept) for name in sys.modules))"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
