"""`run.py predict`, in this process, against a server that runs."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vae_tf.cli.app import app
from vae_tf.errors import MachineError, UserError


@pytest.fixture
def predict(addresses):
    def run(*arguments, server=None):
        common = ["--model", "conformance", "--server", server or addresses[0]]
        return CliRunner().invoke(app, ["predict", *map(str, arguments), *common], catch_exceptions=True)

    return run


def test_arrays_in_and_out(predict, tmp_path):
    np.save(tmp_path / "x.npy", np.float32([[1, 2], [3, 4]]))
    done = predict("serving_default", tmp_path / "x.npy", "-o", tmp_path / "y.npz")
    assert done.exit_code == 0, done.output
    assert np.load(tmp_path / "y.npz")["y"].tolist() == [[2.0, 4.0], [6.0, 8.0]]
    np.savez(tmp_path / "two.npz", a=np.float32([1, 2]), b=np.int32([3, 4]), other=np.zeros(3))
    done = predict("two", tmp_path / "two.npz", "--json")
    assert json.loads(done.stdout) == {"sum": [4.0, 6.0], "product": [3.0, 8.0]}


def test_over_grpc(predict, addresses, tmp_path):
    np.savez(tmp_path / "x.npz", anything=np.int64([41]))
    done = predict("int64", tmp_path / "x.npz", server=f"grpc://{addresses[1]}")
    assert done.stdout.strip() == "y  1 int64: [42.0]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "x.npy"], "no signature 'none'"),
        (["serving_default"], "needs a FILE"),
        (["serving_default", "missing.npy"], "No such file"),
        (["serving_default", "broken.npy"], "must be a NumPy archive"),
        (["serving_default", "x.npy", "x.npy"], "or one file"),
        (["serving_default", "x.doc"], "FILE must be images, or one file of .parquet"),
        (["serving_default", "a.png"], "no signature 'serving_default_encoded'"),
        (["serving_default", "x.npy", "-o", "y.txt"], "must end in .npz or .png"),
        (["serving_default", "x.npy", "-o", "y.png"], "no pictures"),
        (["positive", "negative.npy"], "INVALID_ARGUMENT"),
        (["serving_default", "flat.npy"], "must have shape"),
    ],
)
def test_what_is_wrong_is_a_user_error(predict, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.float32([[1, 2]]))
    np.save("flat.npy", np.float32([1, 2]))
    np.save("negative.npy", np.float32([-1]))
    (tmp_path / "broken.npy").write_bytes(b"nonsense")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save("a.png")
    done = predict(*arguments)
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)
    assert not (tmp_path / "y.png").exists()


def test_nobody_there(predict, tmp_path):
    np.save(tmp_path / "x.npy", np.float32([[1, 2]]))
    done = predict("serving_default", tmp_path / "x.npy", "--timeout", "2", server="http://127.0.0.1:9")
    assert isinstance(done.exception, MachineError)
    assert "http://127.0.0.1:9 says UNAVAILABLE: Cannot reach" in str(done.exception)
    assert str(done.exception).endswith(" serve saved_models/NAME`.")


@pytest.mark.parametrize("door", [0, 1])
def test_no_rows(predict, addresses, tmp_path, door):
    np.save(tmp_path / "none.npy", np.zeros((0, 2), np.float32))
    server = addresses[0] if not door else f"grpc://{addresses[1]}"
    done = predict("serving_default", tmp_path / "none.npy", "-o", tmp_path / "y.npz", server=server)
    assert done.exit_code == 0, done.output
    assert np.load(tmp_path / "y.npz")["y"].shape == (0, 2)
    done = predict("serving_default", tmp_path / "none.npy", "-o", tmp_path / "y.png", server=server)
    assert isinstance(done.exception, UserError)
