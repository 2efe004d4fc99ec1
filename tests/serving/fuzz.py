"""Mutated requests: bodies over REST, messages over gRPC; what is malformed is refused, and nothing breaks.

    python tests/serving/fuzz.py --cases 10000

The server is an embedded one with the conformance model, in this process. Counted are the answers by their codes. Wrong are
a 5xx or a code that says the server is to blame (INTERNAL, UNKNOWN, DATA_LOSS), an answer that does not come, and a server that
does not answer a good request at the end.
"""

import argparse
import asyncio
import http.client
import json
import random
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import grpc

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from tensorflow_serving.apis import predict_pb2  # noqa: E402 - after the path

MODEL = "conformance"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
BLAMED = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}
GOOD = [
    {"instances": [[1.0, 2.0], [3.0, 4.0]]},
    {"signature_name": "two", "instances": [{"a": 1.5, "b": 2}]},
    {"signature_name": "two", "inputs": {"a": [1.5], "b": [2]}},
    {"signature_name": "text", "instances": ["a", {"b64": "YQ=="}]},
    {"signature_name": "int64", "inputs": [4611686018427387904]},
    {"signature_name": "bool", "inputs": [True]},
    {"signature_name": "scalar", "inputs": 7},
]
ODD = [None, True, -1, 2**63, 1e308, "", "\u0000", [], {}, [[]], {"b64": "?"}, [[1.0]], {"x": {}}, "NaN", [None], 1e-320]
TOKENS = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"\xff\xfe",
    b"\\ud800",
    b"{",
    b"]",
    b'"',
    b"null",
    b"[" * 2000,
    b"9" * 400,
    b"\x00",
    b",",
]

PATHS = ["%00", "%ff", ":x", "/versions/99999999999999999999:predict", "/labels/%ff:predict"]


def mutated_value(value, rng):
    """Return a JSON value with one part replaced, removed or doubled."""
    if rng.random() < 0.3 or not isinstance(value, (dict, list)) or not value:
        return rng.choice(ODD)
    if isinstance(value, list):
        place = rng.randrange(len(value))
        changed = list(value)
        changed[place : place + 1] = rng.choice([[], changed[place : place + 1] * 2, [mutated_value(changed[place], rng)]])
        return changed
    key = rng.choice(list(value))
    rest = {name: one for name, one in value.items() if name != key}
    return rest | rng.choice([{}, {key: mutated_value(value[key], rng)}, {rng.choice(["", "x", "é" * 50]): value[key]}])


def mutated_bytes(data, rng, tokens=()):
    """Return bytes with one to four places changed."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(data) + 1)
        stop = min(len(data), start + rng.choice([0, 0, 1, 1, 4, 30]))
        more = rng.choice([b"", rng.randbytes(rng.choice([1, 1, 2, 8])), *([rng.choice(tokens)] if tokens else [])])
        data[start:stop] = more
    return bytes(data)


def rest_case(rng):
    """Return a body, its headers and a path."""
    document = rng.choice(GOOD)
    if rng.random() < 0.5:
        for _ in range(rng.randint(1, 3)):
            document = mutated_value(document, rng)
        body = json.dumps(document).encode()
    else:
        body = mutated_bytes(json.dumps(document).encode(), rng, TOKENS)
    headers = {"Content-Encoding": "gzip"} if rng.random() < 0.05 else {}
    path = f"/v1/models/{MODEL}{':predict' if rng.random() < 0.9 else rng.choice(PATHS)}"
    return body, headers, path


def grpc_seeds():
    """Return good messages, each as bytes."""
    import numpy as np
    import tensorflow as tf

    found = []
    for signature, inputs in (
        ("", {"x": np.float32([[1, 2], [3, 4]])}),
        ("two", {"a": np.float32([1.5]), "b": np.int32([2])}),
        ("text", {"x": np.array([b"a", b"bc"], object)}),
        ("int64", {"x": np.int64([2**62])}),
        ("bool", {"x": np.array([True])}),
    ):
        message = predict_pb2.PredictRequest()
        message.model_spec.name, message.model_spec.signature_name = MODEL, signature
        for name, value in inputs.items():
            message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        found.append(message)
    return found


def grpc_case(seeds, rng):
    """Return a message's bytes: half of them with fields changed, half with bytes."""
    message = predict_pb2.PredictRequest()
    message.CopyFrom(rng.choice(seeds))
    if rng.random() < 0.5:
        return mutated_bytes(message.SerializeToString(), rng)
    tensor = message.inputs[rng.choice([*message.inputs, "more"])]
    for change in rng.sample(
        [
            lambda: setattr(tensor, "dtype", rng.choice([0, 1, 3, 7, 9, 14, 19, 20, 21, 23, 101, 127, -1, 2**31 - 1])),
            lambda: tensor.tensor_shape.dim.add(size=rng.choice([0, 1, 2, 10**6, 2**40, 2**62, -1, -(2**63)])),
            lambda: setattr(tensor, "tensor_content", rng.randbytes(rng.choice([1, 7, 8, 16]))),
            lambda: tensor.float_val.append(rng.choice([0.0, float("nan"), 3e38])),
            lambda: tensor.string_val.append(rng.randbytes(3)),
            lambda: tensor.tensor_shape.ClearField("dim"),
            lambda: setattr(tensor.tensor_shape, "unknown_rank", True),
            lambda: setattr(message.model_spec.version, "value", rng.choice([0, 1, -1, 2**63 - 1])),
            lambda: setattr(message.model_spec, "version_label", rng.choice(["", "é"])),
            lambda: setattr(message.model_spec, "signature_name", rng.choice(["half", "log", "\x00", "x" * 5000])),
            lambda: message.output_filter.append(rng.choice(["y", "", "sum"])),
        ],
        rng.randint(1, 3),
    ):
        change()
    return message.SerializeToString()


def attack(rest_url, grpc_address, cases, seed=0):
    """Send mutated requests, half over REST; return the answers by code, and what was wrong."""
    rng, counts, wrong = random.Random(seed), Counter(), []  # noqa: S311 - cases, no secrets
    connection = http.client.HTTPConnection(urlsplit(rest_url).netloc, timeout=60)
    seeds = grpc_seeds()
    with grpc.insecure_channel(grpc_address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        predict = channel.unary_unary(PREDICT)
        for number in range(cases):
            if number % 2:
                body, headers, path = rest_case(rng)
                try:
                    connection.request("POST", path, body, headers)
                    response = connection.getresponse()
                    response.read()
                    answer, is_wrong = f"REST {response.status}", response.status >= 500 and response.status != 501
                except (OSError, http.client.HTTPException) as error:
                    answer, is_wrong = f"REST {type(error).__name__}", True
                    connection.close()
            else:
                body, path = grpc_case(seeds, rng), PREDICT
                try:
                    predict(body, timeout=60)
                    answer, is_wrong = "gRPC OK", False
                except grpc.RpcError as error:
                    answer, is_wrong = f"gRPC {error.code().name}: {error.details()}", error.code() in BLAMED
            counts[answer.partition(":")[0]] += 1
            if is_wrong:
                wrong.append((answer, path, body[:2000]))
        connection.request("POST", f"/v1/models/{MODEL}:predict", json.dumps(GOOD[0]))
        if connection.getresponse().status != 200:
            wrong.append(("REST is gone", "", b""))
        predict(seeds[0].SerializeToString(), timeout=60)
    connection.close()
    return counts, wrong


def main():
    """Attack an embedded server."""
    from conformance_model import write

    from vae_tf.serving.model_config import ModelConfig
    from vae_tf.serving.server import EmbeddedServer, ServerOptions

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="a JSON file of the counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vae_tf-fuzz-") as folder:
        write(f"{folder}/{MODEL}/1")
        server = EmbeddedServer([ModelConfig(MODEL, Path(folder) / MODEL)], ServerOptions(rest_port=0, grpc_port=0))
        ready, loops = threading.Event(), []

        async def serve():
            loops.append(asyncio.get_running_loop())
            await server.run(ready.set)

        thread = threading.Thread(target=asyncio.run, args=[serve()])
        thread.start()
        ready.wait()
        try:
            addresses = f"http://127.0.0.1:{server.rest_port}", f"127.0.0.1:{server.grpc_port}"
            counts, wrong = attack(*addresses, options.cases, options.seed)
        finally:
            loops[0].call_soon_threadsafe(server.stop)
            thread.join()
    for answer, count in sorted(counts.items()):
        print(f"{count:6}  {answer}")  # noqa: T201 - its output
    for answer, path, body in wrong[:20]:
        print(answer, path, body[:300])  # noqa: T201
    print(f"{len(wrong)} of {options.cases} wrong")  # noqa: T201
    if options.output:
        found = {"cases": options.cases, "seed": options.seed, "wrong": len(wrong), "answers": dict(sorted(counts.items()))}
        options.output.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
