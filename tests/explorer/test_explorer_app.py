"""What the page is told, and who is told: models described by their signatures, points, files, and doors that stay shut."""

import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vae_tf.cli.app import app
from vae_tf.data import load_dataset
from vae_tf.data.pipeline import to_inputs
from vae_tf.errors import UserValueError
from vae_tf.explorer import ExplorerApp, Subject
from vae_tf.explorer.app import PAGE
from vae_tf.explorer.description import Block
from vae_tf.explorer.dropped import read_dropped
from vae_tf.explorer.points import axis_nats, principal_axes
from vae_tf.explorer.subject import Address
from vae_tf.serving import Client
from vae_tf.training import load_run

ROOT = Path(__file__).parents[2]


def _ask(address, path, body=None, **headers):
    request = urllib.request.Request(address + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def _json(address, path, body=None):
    status, _, content = _ask(address, path, body)
    return status, json.loads(content)


# --- what a model is ---


def test_blocks_of_z_are_found_by_the_signatures_alone(pair):
    digits, classes = (subject.description for subject in pair[0])
    assert (digits.noun, digits.shape, digits.size) == ("picture", (8, 8, 1), 3)
    assert digits.blocks == (Block("", "continuous", 0, 3, 1, "loc", "scale"),)
    assert [(one.values, one.start, one.size, one.num_classes) for one in classes.blocks] == [
        ("continuous", 0, 2, 1),
        ("categorical", 2, 6, 3),
    ]
    assert classes.white == 255.0  # as the manifest says


def test_a_table_is_known_by_its_columns(table):
    description = table[0].description
    assert (description.noun, description.shape) == ("table", ())
    assert list(description.columns.values()) == ["kind", "size (mm)", "count"]
    assert description.words == ("kind",)


def test_texts_are_texts(text):
    subject, address = text
    assert subject.description.noun == "text"
    assert _json(address, "/explorer/text/examples/0")[1]["text"].startswith("the ")
    assert read_dropped(subject, "new.txt", b"the dog 7\n\nthe cat 8\n")["rows"] == [
        {"text": "the dog 7"},
        {"text": "the cat 8"},
    ]


def test_codes_and_scores_are_those_of_the_model(pair, folder):
    subject, run = pair[0][0], load_run(folder / "runs" / "digits")
    x = load_dataset(run.config.data, run.spec).split("test").x
    q = run.vae.encode(to_inputs(run.spec, x))
    np.testing.assert_allclose(subject.points.codes, run.vae.latent.mean(q).numpy(), atol=2e-5)
    assert len(x) == subject.points.num_encoded == subject.points.num_scored
    assert np.isfinite(subject.points.scores).all()


def test_principal_axes_are_those_of_the_covariance():
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))).astype(np.float32)
    found = principal_axes(codes)
    axes = np.array(found["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    singular = np.linalg.svd(codes - codes.mean(0), compute_uv=False) ** 2
    np.testing.assert_allclose(found["shares"], singular[:2] / singular.sum(), rtol=1e-4)


def test_what_an_axis_tells_is_the_information_of_the_channel():
    """Variance 1 seen through noise of variance s²: log(1 + 1/s²)/2 nats. Classes that are told for sure: their entropy."""
    mean = np.random.default_rng(1).normal(size=(200_000, 1))
    told = axis_nats(Block("", "continuous", 0, 1, 1, "loc", "scale"), {"mean": mean, "scale": np.full_like(mean, 0.5)})
    assert told == pytest.approx([0.5 * np.log(1 + 4.0)], abs=0.01)
    sure = axis_nats(Block("", "categorical", 0, 3, 3, "probs"), {"mean": np.eye(3).repeat(5, axis=0)})
    assert sure == pytest.approx([np.log(3)], abs=1e-6)
    bits = axis_nats(Block("", "binary", 0, 2, 1, "probs"), {"mean": np.array([[0.0, 0.3], [1.0, 0.3]])})
    assert bits == pytest.approx([np.log(2), 0.0], abs=1e-6)


def test_without_data_the_map_shows_draws_from_the_prior(pair):
    digits = pair[0][0]
    subject = Subject("drawn", "drawn", None, digits.address)
    subject.start()
    subject.points._thread.join(60)
    assert subject.points.progress()["encoded"] == 500
    assert subject.points.summary["title"] == "500 draws from the prior"
    subject.close()


# --- what the page is told ---


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_inline_script(pair):
    status, headers, body = _ask(pair[1], "/")
    assert status == 200
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert b"<script>" not in body
    assert b"://" not in body
    for file in ("main.js", "vendor/deck.gl.min.js", "style.css"):
        assert _ask(pair[1], f"/{file}")[0] == 200


def test_models_points_and_examples(pair):
    _, models = _json(pair[1], "/explorer/models")
    assert [one["key"] for one in models] == ["digits", "classes"]
    _, points = _json(pair[1], "/explorer/digits/points")
    codes = np.frombuffer(_ask(pair[1], "/explorer/digits/codes")[2], np.float32).reshape(-1, 3)
    labels = np.frombuffer(_ask(pair[1], "/explorer/digits/labels")[2], np.int32)
    assert len(codes) == len(labels) == points["count"]
    assert points["labels"] == [str(digit) for digit in range(10)]
    assert len(points["nats"]) == 3
    _, example = _json(pair[1], "/explorer/digits/examples/5")
    assert np.shape(example["x"]) == (8, 8, 1)
    _, told = _json(
        pair[1], "/v1/models/digits:predict", json.dumps({"signature_name": "encode", "inputs": {"x": [example["x"]]}}).encode()
    )
    np.testing.assert_allclose(told["outputs"]["mean"][0], codes[5], atol=1e-5)


def test_a_tables_gaps_are_null_and_its_columns_can_be_had(table):
    subject, address = table
    _, sizes = _json(address, "/explorer/table/columns/size_mm")
    _, kinds = _json(address, "/explorer/table/columns/kind")
    assert None in sizes
    assert set(kinds) == {"red", "blue"}
    row = sizes.index(None)
    assert _json(address, f"/explorer/table/examples/{row}")[1]["size_mm"] is None
    assert len(kinds) == len(subject.examples)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.js",
        "/../app.py",
        "/%2e%2e/app.py",
        "/vendor/../../app.py",
        "/vendor",
        "/explorer/nobody/points",
        "/explorer/digits/secret",
        "/explorer/digits/examples/999999",
        "/explorer/digits/examples/-1",
    ],
)
def test_there_is_nothing_else(pair, path):
    status, _, body = _ask(pair[1], path)
    assert status == 404
    assert b"import" not in body


def test_other_sites_are_not_answered(pair):
    port = pair[1].rpartition(":")[2]
    assert _ask(pair[1], "/explorer/models", Host=f"evil.example:{port}")[0] == 403
    assert _ask(pair[1], "/v1/models/digits", Origin="http://evil.example")[0] == 403
    assert _ask(pair[1], "/v1/models/digits", Origin=pair[1])[0] == 200
    assert _ask(pair[1], "/explorer/models", Host=f"localhost:{port}")[0] == 200


def test_only_what_is_asked_for_is_done(pair):
    assert _ask(pair[1], "/", b"x")[0] == 405


# --- elsewhere ---


def test_a_model_that_is_served_elsewhere_is_asked_through_the_page(pair, start_server):
    far = Subject("far", "far", None, Address(pair[1], "digits"))
    with start_server([], around=lambda door: ExplorerApp([far], door)) as server:
        here = f"http://127.0.0.1:{server.rest_port}"
        body = json.dumps({"signature_name": "decode", "inputs": {"z": [[0.0, 1.0, -1.0]]}}).encode()
        assert _json(here, "/v1/models/far:predict", body) == _json(pair[1], "/v1/models/digits:predict", body)
        assert _json(here, "/v1/models/far:predict", b"{}")[0] == 400
        assert _ask(here, "/v1/models/far")[0] == 405
        assert _json(here, "/explorer/models")[1][0]["blocks"] == _json(pair[1], "/explorer/models")[1][0]["blocks"]
        far.close()


def test_a_server_that_is_gone_is_told(start_server):
    gone = Subject("gone", "gone", None, Address("http://127.0.0.1:9", "digits"))
    with start_server([], around=lambda door: ExplorerApp([gone], door)) as server:
        status, told = _json(f"http://127.0.0.1:{server.rest_port}", "/v1/models/gone:predict", b"{}")
    assert status == 502
    assert told["error"].startswith("Cannot reach http://127.0.0.1:9/")


# --- what is dropped ---


def test_a_picture_is_read_as_the_model_reads_it(pair, picture):
    subject = pair[0][0]
    read = read_dropped(subject, "own.png", picture.read_bytes())
    assert read["form"] == "_encoded"
    _, again = _json(pair[1], "/explorer/digits/read?name=own.png", picture.read_bytes())
    assert again == read
    with Client(subject.address.server, "digits") as client:
        direct = client.encode([picture])["mean"]
    body = {"signature_name": "encode_encoded", "inputs": {"image": [read["rows"][0]["image"]]}}
    _, told = _json(pair[1], "/v1/models/digits:predict", json.dumps(body).encode())
    np.testing.assert_allclose(told["outputs"]["mean"], direct, atol=1e-6)


def test_rows_are_read_by_their_columns_and_gaps_stay_gaps(table):
    read = read_dropped(table[0], "new.csv", b"count,kind,size (mm)\n3,red,1.5\n4,blue,\n")
    assert read["rows"] == [{"kind": "red", "size_mm": 1.5, "count": 3.0}, {"kind": "blue", "size_mm": None, "count": 4.0}]
    assert read["notes"] == []
    told = read_dropped(table[0], "new.csv", "count,kind,size (mm)\n3,red,1.5\n\n4,größe,\n".encode("latin-1"))
    assert told["rows"][1]["kind"] == "größe"
    assert [note.partition(":")[0] for note in told["notes"]] == ["new.csv is not in UTF-8", "new.csv"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.png", b"no picture", "table takes no pictures. Drop a table with its columns (.csv). Received: 'a.png'."),
        ("a.txt", b"line", "table takes no lines of text."),
        ("a.exe", b"", "Drop a table with its columns (.csv). Received: 'a.exe'."),
        ("a.csv", b"kind\nred\n", "a.csv must have the columns"),
        ("a.csv", b"kind\n", "a.csv has no rows."),
        ("../../a.csv", b"kind,size (mm),count\nred,big,1\n", "Column 'size (mm)' must hold numbers. Received: 'big'."),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(table, name, content, told):
    with pytest.raises(UserValueError) as caught:
        read_dropped(table[0], name, content)
    assert str(caught.value).startswith(told)
    assert "vae_tf-explorer" not in str(caught.value)


# --- the command, and what it brings ---


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["http://127.0.0.1:8501"], "The address must be http://HOST:PORT/v1/models/NAME. Received: http://127.0.0.1:8501."),
        (["a", "b", "c"], "Give one model, or two to stand side by side. Received: 3."),
        (["{empty}"], "is neither a run nor a servable"),
    ],
)
def test_the_command_refuses_before_anything_starts(arguments, told, tmp_path):
    done = CliRunner().invoke(app, ["explore", *[one.format(empty=tmp_path) for one in arguments]])
    assert told in str(done.exception)


def test_the_libraries_are_what_was_fetched():
    libraries = json.loads((PAGE / "vendor" / "libraries.json").read_text("utf-8"))
    files = [file for library in libraries for file in library["files"]]
    for file in files:
        assert hashlib.sha256((ROOT / file["to"]).read_bytes()).hexdigest() == file["sha256"], file["to"]
    here = {str(path.relative_to(ROOT)) for path in (PAGE / "vendor").iterdir()} - {
        str((PAGE / "vendor" / "libraries.json").relative_to(ROOT))
    }
    assert here == {file["to"] for file in files if "vendor" in file["to"]}


def test_text_from_people_is_never_put_in_as_html():
    source = "".join(path.read_text("utf-8") for path in [*PAGE.glob("*.js"), *PAGE.glob("static/*.js")])
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        'setAttribute("style"',
    ):
        assert way not in source
