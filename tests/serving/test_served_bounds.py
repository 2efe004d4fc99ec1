"""Values that an input cannot have are refused in the graph, by name, rule and row: whatever server runs it says the same."""

import base64
import re

import numpy as np
import pytest
import tensorflow as tf
from conftest import Rest
from typer.testing import CliRunner

from vae_tf.cli.app import app
from vae_tf.contract.case import model_of
from vae_tf.contract.made import SPECS
from vae_tf.export import export_run
from vae_tf.export.bounds import ValueBounds, bounds_of_raw
from vae_tf.export.check import random_request
from vae_tf.export.signatures import make_signatures
from vae_tf.serving.model_config import ModelConfig
from vae_tf.training import load_run

ROW = 2
TOKENS = {"vocabulary": ("", "\ufffd", "a", "b", "c")}
KINDS = [
    spec.model_copy(update=TOKENS if spec.is_text else {"feature_names": tuple(column.name for column in spec.columns)})
    for spec in SPECS
]


@pytest.fixture(scope="module", params=KINDS, ids=[spec.name for spec in KINDS])
def signatures(request):
    """Return the signatures of a model of every kind of data."""
    return make_signatures(model_of(request.param), request.param)


def _wrong(bounds, is_gap_right):
    """Give values that break bounds, one of every sort."""
    yield np.inf
    if not is_gap_right:
        yield np.nan
    if bounds.low is not None:
        yield bounds.low if bounds.is_open else bounds.low - 1
    if bounds.high is not None:
        yield bounds.high + 1
    if bounds.is_whole:
        yield bounds.low + 0.5


def test_every_input_refuses_what_it_cannot_be_and_says_which_and_where(signatures):
    num_refused = 0
    for signature in signatures:
        request = random_request(signature)
        for field in signature.inputs:
            if field.bounds is None or field.checks_itself:
                continue
            for value in _wrong(field.bounds, field.gap is not None):
                dtype = field.spec.dtype.as_numpy_dtype
                if np.issubdtype(dtype, np.integer) and not (value % 1 == 0 and value >= np.iinfo(dtype).min):
                    continue
                wrong = request[field.name].copy()
                wrong[(ROW, *[-1] * (wrong.ndim - 1))] = value
                with pytest.raises(tf.errors.InvalidArgumentError) as raised:
                    signature(*[tf.constant({**request, field.name: wrong}[one.name]) for one in signature.inputs])
                told = " ".join(raised.value.message.split())
                assert f"{field.name} must {field.bounds.must}" in told, told
                assert re.search(rf"in row'? {ROW}", told), told
                num_refused += 1
    assert num_refused > 4


def test_numbers_that_have_no_bounds_are_few():
    """Inputs of numbers are bounded, but for seeds and a table's own columns, which check their cells themselves."""
    for spec in KINDS:
        for signature in make_signatures(model_of(spec), spec):
            for field in signature.inputs:
                is_number = field.spec.dtype not in {tf.string, tf.bool}
                if is_number and field.bounds is None and not field.column:
                    assert field.name == "seed"


def test_what_is_masked_is_not_looked_at():
    spec = next(spec for spec in KINDS if spec.name == "levels")
    masked = next(one for one in make_signatures(model_of(spec), spec) if one.name == "impute_masked")
    request = {**random_request(masked), "observed": np.ones((4, 5), bool)}
    request["x"][1, 3] = -500.0
    hidden = request["observed"].copy()
    hidden[1, 3] = False
    masked(*[tf.constant({**request, "observed": hidden}[field.name]) for field in masked.inputs])
    with pytest.raises(tf.errors.InvalidArgumentError, match="from 0 to 3"):
        masked(*[tf.constant(request[field.name]) for field in masked.inputs])


def test_rounding_beyond_an_end_is_no_fault():
    bounds = ValueBounds(0.0, 1.0)
    bounds.check("x", tf.constant([1.000001, -0.000001]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        bounds.check("x", tf.constant([1.001]))


def test_bounds_follow_from_the_data():
    found = {spec.name: bounds_of_raw(spec).must for spec in KINDS if not spec.is_mixed}
    assert found == {
        "bits": "be from 0 to 1",
        "levels": "be from 0 to 3",
        "numbers": "be finite",
        "counts": "be a whole number from 0 on",
        "small image": "be from 0 to 3",
        "colour image": "be from 0 to 3",
        "series": "be finite",
        "text": "be a whole number from 0 to 4",
    }


def _told(status, answer):
    return status, answer.get("error", answer)


class TestAtTheDoor:
    @pytest.fixture(scope="class")
    @classmethod
    def ask(cls, tmp_path_factory, start_server):
        folder = tmp_path_factory.mktemp("digits")
        small = ["--set", "model.network={kind: mlp, widths: [16]}", "--latent", "gaussian:2", "--limit", "200"]
        command = ["train", "--dataset", "digits", "--run-dir", str(folder / "run"), "--steps", "5", *small]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        path = export_run(load_run(folder / "run"), folder / "models", "digits").path

        with start_server([ModelConfig("digits", path.parent)]) as server:
            rest = Rest(f"http://127.0.0.1:{server.rest_port}")
            yield lambda **body: _told(*rest.post(body, model="digits"))

    def test_a_pixel(self, ask):
        good, bad = [[[0]] * 8] * 8, [[[300]] * 8] * 8
        assert ask(signature_name="reconstruct", instances=[good])[0] == 200
        told = "x must be from 0 to 255. Received: 300 in row 1"
        assert ask(signature_name="reconstruct", instances=[good, bad]) == (400, told)

    def test_a_byte(self, ask):
        good = [[[0]] * 8] * 8
        status, told = ask(signature_name="reconstruct_uint8", instances=[good, [[[300]] * 8] * 8])
        assert status == 400 and "300" in told and "element: 1" in told and "uint8" in told
        status, told = ask(signature_name="reconstruct_uint8", inputs={"x": [good, [[[300]] * 8] * 8]})
        assert status == 400 and "300" in told and "input x" in told

    def test_draws(self, ask):
        assert ask(signature_name="sample", instances=[{"seed": 1, "temperature": 0.5}])[0] == 200
        told = "temperature must be above 0. Received: -1 in row 1"
        rows = [{"seed": 1, "temperature": 1.0}, {"seed": 1, "temperature": -1.0}]
        assert ask(signature_name="sample", instances=rows) == (400, told)

    @pytest.mark.parametrize(
        ("file", "rule"),
        [
            (b"\x89PNG\r\n\x1a\n" + b"0" * 40, "PNG"),
            (b"no picture", "Unknown image file format"),
            (b"", "empty"),
        ],
    )
    def test_a_picture_that_cannot_be_read(self, ask, file, rule):
        good = tf.io.encode_png(np.zeros((8, 8, 1), np.uint8)).numpy()
        rows = [{"b64": base64.b64encode(one).decode()} for one in (good, good, file)]
        status, told = ask(signature_name="reconstruct_encoded", instances=rows)
        assert status == 400
        assert rule in told and told.endswith("(input image, row 2)"), told
