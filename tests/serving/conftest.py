"""A running embedded server with the conformance model, and what asks it."""

import http.client
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conformance_model import write

from vae_tf.serving.model_config import ModelConfig


@pytest.fixture(scope="session")
def conformance_folder(tmp_path_factory):
    """Return a folder with version 1 of the conformance model."""
    folder = tmp_path_factory.mktemp("models") / "conformance"
    write(str(folder / "1"))
    return folder


@pytest.fixture(scope="session")
def addresses(conformance_folder, start_server):
    """Give REST and gRPC addresses: of any server that the environment names, else of an embedded one."""
    rest, door = os.environ.get("VAE_SERVING_REST"), os.environ.get("VAE_SERVING_GRPC")
    if rest or door:
        yield rest, door
        return
    with start_server([ModelConfig("conformance", conformance_folder)]) as server:
        yield f"http://127.0.0.1:{server.rest_port}", f"127.0.0.1:{server.grpc_port}"


class Rest:
    """Asks over one connection, and gives status, headers and body as they come."""

    def __init__(self, url):
        self.netloc = urlsplit(url).netloc

    def ask(self, method, path, body=None, headers=None):
        """Send one request."""
        connection = http.client.HTTPConnection(self.netloc, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def post(self, body, model="conformance", path=None):
        """Ask for a prediction; a dict becomes JSON."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, _, answer = self.ask("POST", path or f"/v1/models/{model}:predict", body)
        return status, json.loads(answer) if answer else None

    def get(self, path):
        """Ask for a description."""
        status, _, answer = self.ask("GET", path)
        return status, json.loads(answer) if answer else None


@pytest.fixture(scope="session")
def rest(addresses):
    """Give what asks over REST."""
    if not addresses[0]:
        pytest.skip("VAE_SERVING_REST is not set")
    return Rest(addresses[0])


@pytest.fixture(scope="session")
def channel(addresses):
    """Give a gRPC channel."""
    if not addresses[1]:
        pytest.skip("VAE_SERVING_GRPC is not set")
    with grpc.insecure_channel(addresses[1], options=[("grpc.enable_http_proxy", 0)]) as made:
        yield made
