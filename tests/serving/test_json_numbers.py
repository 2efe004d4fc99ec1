"""Arrays of numbers are read in one pass, and as the general reader reads them: the same values or the same refusal."""

import json

import numpy as np
import pytest

from vae_tf.serving import predict_request
from vae_tf.serving.codes import ServingError
from vae_tf.serving.json_numbers import Numbers, read_numbers
from vae_tf.serving.predict_request import parse_predict, read_inputs
from vae_tf.serving.tensors import SignatureInfo, TensorInfo

TYPES = {"float": np.float32, "double": np.float64, "int64": np.int64, "uint8": np.uint8, "string": object, "bool": np.bool_}


def _signature(dtype="float", count=1):
    infos = {name: TensorInfo(name, f"{name}:0", dtype, TYPES[dtype], None) for name in ("x", "label")[:count]}
    return SignatureInfo("encode", "tensorflow/serving/predict", infos, {})


def _body(array, key="instances", **more):
    return json.dumps({**more, key: np.asarray(array).tolist()}).encode()


def _outcome(body, signature):
    try:
        document, name = parse_predict(body)
        found = read_inputs(document, signature)
    except ServingError as error:
        return error.code, error.message
    inputs = {alias: (value.dtype, value.shape, value.tobytes()) for alias, value in found.inputs.items()}
    return name, found.is_row, inputs


def _both(body, signature, monkeypatch):
    quick = _outcome(body, signature)
    with monkeypatch.context() as patch:
        patch.setattr(predict_request, "read_numbers", lambda body: None)
        return quick, _outcome(body, signature)


RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(7, 5, 4, 1))
WHOLE = RNG.integers(0, 256, (7, 40))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "body",
    [
        _body(REAL),
        _body(REAL, signature_name="encode"),
        _body(REAL, key="inputs", signature_name="a.e-1"),
        _body(WHOLE, signature_name="encode"),
        _body(WHOLE.ravel()),
        _body(WHOLE * 2**40),
        _body(WHOLE.astype(float) * 2.0**70),
        _body(WHOLE - 300),
    ],
)
def test_what_is_plain_is_read_the_same(body, dtype, count, monkeypatch):
    assert isinstance(next(value for value in read_numbers(body).values() if not isinstance(value, str)), Numbers)
    quick, general = _both(body, _signature(dtype, count), monkeypatch)
    assert quick == general


ROWS = "[1, 2.5, 3]," * 200
STRANGE = [
    f'{{"instances": [{ROWS}[1, 2]]}}',
    f'{{"instances": [{ROWS}[1, 2], [1, 2, 3, 4]]}}',
    f'{{"instances": [{ROWS}[1, [2], 3]]}}',
    f'{{"instances": [{ROWS}[1, [2, 3]]]}}',
    f'{{"instances": [{ROWS}[]]}}',
    f'{{"instances": [{ROWS}]}}',
    f'{{"instances": [{ROWS}[1, "2", 3]]}}',
    f'{{"instances": [{ROWS}[1, null, 3]]}}',
    f'{{"instances": [{ROWS}[1, true, 3]]}}',
    f'{{"instances": [{ROWS}[1, NaN, 3]]}}',
    f'{{"instances": [{ROWS}[1, 1e400, 3]]}}',
    f'{{"instances": [{ROWS}[1, 1e300, 3]]}}',
    f'{{"instances": [{ROWS}[1, 01, 3]]}}',
    f'{{"instances": [{ROWS}[1, -0, 3]]}}',
    f'{{"instances": [{ROWS}[1, 18446744073709551616, 3]]}}',
    f'{{"instances": [{ROWS}[1, 2, 3]], "instances": [[7]]}}',
    f'{{"instances": [{ROWS}[1, 2, 3]], "inputs": [[7]]}}',
    f'{{"instances": [{ROWS}[1, 2, 3]], "signature_name": 3}}',
    f'{{"instances": [{ROWS}[1, 2, 3]], "signature_name": "a,[b]"}}',
    f'{{"instances": [{ROWS}[1, 2, 3]], "other": 3}}',
    f'{{"signature_name": "a", "signature_name": "b", "instances": [{ROWS}[1, 2, 3]]}}',
    f'{{"instances": [{ROWS}[1, 2, 3]]}} and more',
    f'{{"instances": [{ROWS}[1, 2, 3]]',
    f'\ufeff{{"instances": [{ROWS}[1, 2, 3]]}}',
    f'{{"instances": {{"x": [{ROWS}[1, 2, 3]]}}}}',
    f'{{"instances": [{{"x": [{ROWS}[1, 2, 3]]}}]}}',
    f"[{ROWS}[1, 2, 3]]",
    "[" * 2000 + "1" + "]" * 2000,
    f'{{"instances": {"[" * 20}{"1," * 900}1{"]" * 20}}}',
]


@pytest.mark.parametrize("dtype", ["float", "int64"])
@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_what_is_strange_is_read_or_refused_the_same(text, dtype, monkeypatch):
    quick, general = _both(text.encode(), _signature(dtype), monkeypatch)
    assert quick == general


def test_what_was_changed_by_chance_is_read_or_refused_the_same(monkeypatch):
    rng, pieces = np.random.default_rng(1), b'[]{},.:"-0123eE+ \n\x00\xff'
    bodies = [_body(REAL, signature_name="encode"), _body(WHOLE, signature_name="encode"), _body(WHOLE)]
    differ = []
    for round_ in range(1500):
        body = bytearray(bodies[round_ % 3])
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(body)))
            how, byte = rng.integers(3), int(rng.choice(list(pieces)))
            if how == 0:
                body[place] = byte
            elif how == 1:
                body.insert(place, byte)
            else:
                del body[place]
        quick, general = _both(bytes(body), _signature(("float", "int64")[round_ % 2]), monkeypatch)
        differ += [] if quick == general else [(bytes(body), quick, general)]
    assert differ == []


def test_small_requests_go_the_general_way():
    assert read_numbers(_body([[1.0, 2.0]])) is None
