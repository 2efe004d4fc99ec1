"""New data are read with the run's own scale, words and shape, whichever way they come in; and get one score by all ways."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from PIL import Image, ImageCms

import vae_tf
from vae_tf.cli import main
from vae_tf.data import decode_text, encode_text
from vae_tf.data.text_files import clean_text
from vae_tf.parts import kinds
from vae_tf.serving import Client
from vae_tf.serving.model_config import ModelConfig

ROOT = Path(__file__).parents[2]
OWN = ROOT / ".venv-beam" / "bin" / "python"
BEAM = sys.executable if find_spec("apache_beam") else str(OWN) if OWN.exists() else None
TINY = {"training.epochs": 1, "model.network": {"kind": "mlp", "widths": [8]}, "training.batch_size": 16}
TINY |= {"model.latents": [{"kind": "gaussian", "size": 2}], "evaluation.num_samples": 2, "evaluation.num_projected": 10}
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
MADE = {"digits", "sprites", "tfds", "topics", "waves"}
"""Sources that are data sets of their own: nobody has new files of them."""


@dataclass(frozen=True)
class Case:
    """Data to train on, and others that differ in all that a file's own statistics say.

    Attributes:
        train: what is trained on, as `--dataset`, or data in memory.
        new: what is scored, as `--data`.
        file: what `predict` and the bulk engines take, of the same examples; more than one where it is pictures.
        settings: of the training.
        memory: the new examples as Python has them.
        alone: gives the same new examples without their last ones, as `--data`, and how many are left.
    """

    train: Any
    new: str
    file: str
    alone: Callable[[], tuple[str, int]]
    settings: dict[str, Any] = field(default_factory=dict)
    memory: Any = None


def _rng(seed=0):
    return np.random.default_rng(seed)


def _npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def _csv(path, header, rows, separator=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows([header, *rows])
    return path


def _of_arrays(folder, old, new, memory=True, **settings):
    """New arrays, and the first few of them alone."""
    _npz(folder / "old.npz", **old)
    _npz(folder / "new.npz", **new)
    part = {name: array[: len(array) - 5] for name, array in new.items()}
    _npz(folder / "part.npz", **part)
    whole = (f"npz:{folder / 'old.npz'}", f"npz:{folder / 'new.npz'}", str(folder / "new.npz"))
    num = len(part["x"]) - settings.get("data.window", 1) + 1 if part["x"].ndim < 3 else len(part["x"])
    return Case(*whole, lambda: (f"npz:{folder / 'part.npz'}", num), settings, new["x"] if memory else None)


def rows_of_numbers(folder):
    """One column is seconds since 1970: float32 would round them."""
    old = np.column_stack([_rng().normal([5, 0.1], [1, 0.01], (80, 2)), 1.7e9 + 0.25 * np.arange(80)])
    return _of_arrays(folder, {"x": old}, {"x": old[20:33] * [0.3, 2.0, 1.0] + 4.0})


def counts(folder):
    old = _rng().poisson(6.0, (80, 4))
    return _of_arrays(folder, {"x": old}, {"x": _rng(1).poisson(1.0, (13, 4))}, **{"data.counts": True})


def sparse_counts(folder):
    """No new count is more than one."""
    old, new = _rng().poisson(0.7, (80, 6)), _rng(1).integers(0, 2, (13, 6))
    for name, part in (("old", old), ("new", new), ("part", new[:-5])):
        scipy.sparse.save_npz(folder / f"{name}.npz", scipy.sparse.csr_array(part))
    names = [f"sparse:{folder / name}.npz" for name in ("old", "new", "part")]
    return Case(*names[:2], str(folder / "new.npz"), lambda: (names[2], 8), memory=new)


def series(folder):
    old = np.cumsum(_rng().normal(2.0, 3.0, (60, 6, 2)), axis=1).astype(np.float32)
    return _of_arrays(folder, {"x": old}, {"x": np.abs(old[:13]) % 1})  # in [0, 1], and not standardised therefore


def labelled_pictures(folder):
    """New pictures have values of 0 and 1 alone, which are dark, and no mask; no channel; and not all the classes."""
    old, labels = _rng().integers(0, 256, (60, 5, 5, 1), np.uint8), np.array(["ape", "bee", "cat"])[np.arange(60) % 3]
    new = {"x": (old[:13, ..., 0] > 99).astype(np.uint8), "y": np.array(["cat", "bee"])[np.arange(13) % 2]}
    latents = [{"kind": "conditional_gaussian", "size": 2}]
    return _of_arrays(folder, {"x": old, "y": labels}, new, **{"model.latents": latents})


def drawn_greys(folder):
    old = _rng().random((60, 6)).astype(np.float32)
    return _of_arrays(folder, {"x": old}, {"x": old[:13] * 0.7}, **{"data.binarization": "dynamic"})


def in_memory(folder):
    old = _rng().normal(3, 2, (80, 3)).astype(np.float32)
    case = _of_arrays(folder, {"x": old}, {"x": old[:13] * 0.1})
    return Case(old, case.new, case.file, case.alone, memory=case.memory)


def _of_rows(folder, header, old, new_header, new, **settings):
    _csv(folder / "old.csv", header, old)
    _csv(folder / "new.csv", new_header, new)
    _csv(folder / "part.csv", new_header, new[:-5])
    num = len(new) - 5 - settings.get("data.window", 1) + 1
    names = [f"csv:{folder / name}" for name in ("old.csv", "new.csv")]
    return Case(*names, str(folder / "new.csv"), lambda: (f"csv:{folder / 'part.csv'}", num), settings)


def columns_of_numbers(folder):
    """In another order, with another column."""
    old = [[f"{value:.4f}" for value in row] for row in _rng().normal([5, -200], [1, 30], (80, 2))]
    new = [[f"{b}", f"n{row}", f"{float(a) / 7:.4f}"] for row, (a, b) in enumerate(old[:13])]
    return _of_rows(folder, ["a (mm)", "b"], old, ["b", "note", "a (mm)"], new)


def rows_in_time(folder):
    old = [[f"{np.sin(row / 3):.4f}", f"{100 + row % 7}"] for row in range(120)]
    new = [[f"{100 + row % 3}", f"{np.cos(row / 2):.4f}"] for row in range(17)]
    return _of_rows(folder, ["a", "b"], old, ["b", "a"], new, **{"data.window": 4})


def mixed_columns(folder):
    """Fewer and unseen words, gaps by a mark of the run's own, prices that could be read otherwise, dates."""
    rng, old = _rng(), []
    for row in range(120):
        size = "n.a." if row % 9 == 0 else f"{rng.normal(30, 9):.1f}"
        word = "-" if row % 11 == 0 else ("red", "blue", "green")[row % 3]
        old.append([word, f"${rng.integers(1000, 90000):,}", f"{1 + row % 28:02d}.0{1 + row % 9}.2015", size, row % 25])
    new = [[f"${7 + row},000", size, "01.02.2016", 3, word] for row, (word, _, _, size, _) in enumerate(old[:13])]
    new[3][-1], new[4][1] = "violet", ""
    header, other = ["colour", "price", "born", "size (mm)", "visits"], ["price", "size (mm)", "born", "visits", "colour"]
    return _of_rows(folder, header, old, other, new, **{"data.missing": ["n.a.", "-"]})


def _texts(folder, seed, letters, num):
    rng = _rng(seed)
    return ["".join(rng.choice(list(letters), rng.integers(3, 9))) for _ in range(num)]


def lines_of_text(folder):
    """Trained on objects of two fields; new lines have other letters, more than the model knows, and such as are rewritten."""
    old = [json.dumps({"title": "no", "body": f"a{text}"}) + "\n" for text in _texts(folder, 0, "abcdefgh éfi1", 60)]
    (folder / "old.jsonl").write_text("".join(old), "utf-8")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abc"
    lines = ["zz", "hé he\u0301 u\u0308", "a\tb  c", "", "\ufb01b\u2460\x0cgh", *_texts(folder, 1, letters, 9), "bad " * 5]
    for name, part in (("new", lines), ("part", lines[:-5])):
        (folder / f"{name}.txt").write_text("\n".join(part) + "\n", "utf-8")
    new, part = (f"text:{folder / name}.txt" for name in ("new", "part"))
    whole = [line for text in lines if text for line in text.splitlines()]
    settings = {"data.max_length": 8, "data.normalization": "NFKC", "data.line_ends": "any", "data.text_field": "body"}
    return Case(f"text:{folder / 'old.jsonl'}", new, str(folder / "new.txt"), lambda: (part, len(whole) - 5), settings, whole)


def _pictures(folder, pictures, kept):
    for name, part in (("new", pictures), ("part", dict(list(pictures.items())[:kept]))):
        (folder / name).mkdir()
        for file, content in part.items():
            (folder / name / file).write_bytes(content)


def _encoded(pixels, form, mode=None, **settings):
    buffer = io.BytesIO()
    image = Image.fromarray(pixels, mode) if mode else Image.fromarray(pixels)
    image.save(buffer, form, **settings)
    return buffer.getvalue()


def grey_pictures(folder):
    """New ones are darker, of other sizes and proportions; one is of 16 bits, one is turned."""
    (folder / "old").mkdir()
    for number, pixels in enumerate(_rng().integers(0, 256, (50, 6, 6), np.uint8)):
        (folder / "old" / f"{number:02d}.png").write_bytes(_encoded(pixels, "PNG"))
    small, large = _rng(1).integers(0, 2, (6, 6), np.uint8), _rng(2).integers(0, 90, (12, 10), np.uint8)
    wide = _rng(3).integers(0, 65536, (6, 6)).astype(np.uint16)
    pictures = {"a.png": small, "b.bmp": large, "c.png": wide, "d.jpg": large}
    encoded = {name: _encoded(one, {"png": "PNG", "bmp": "BMP", "jpg": "JPEG"}[name[-3:]]) for name, one in pictures.items()}
    encoded["e.jpg"] = _turned(large)
    _pictures(folder, encoded, 2)
    names = [f"folder:{folder / name}" for name in ("old", "new", "part")]
    return Case(*names[:2], str(folder / "new"), lambda: (names[2], 2), {"data.resize": [6, 6]})


def _turned(pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    return _encoded(pixels, "JPEG", exif=exif, quality=95)


def _swapped_colours():
    """Return a colour profile that is sRGB's with red and green swapped."""
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return own.replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ").replace(b"....", b"gXYZ")


def colour_pictures(folder):
    """Of 16 bits, with alpha, a palette; new ones of eight bits and other sizes, with EXIF and a profile that are ignored."""
    import tensorflow as tf

    (folder / "old").mkdir()
    for number in range(40):
        pixels = _rng(number).integers(0, 65536, (6, 5, 4 if number % 2 else 3)).astype(np.uint16)
        (folder / "old" / f"{number:02d}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    x = _rng(99).integers(0, 120, (9, 8, 4), np.uint8)
    palette = Image.fromarray(x[..., :3]).quantize(8)
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", transparency=2)
    _pictures(
        folder,
        {
            "a.png": _encoded(x, "PNG"),
            "b.jpg": _turned(x[..., :3]),
            "c.webp": _encoded(x, "WEBP", lossless=True),
            "d.png": buffer.getvalue(),
            "e.jpg": _encoded(x[..., :3], "JPEG", quality=95),
            "f.png": _encoded(x[..., 0], "PNG"),
            "g.png": _encoded(x[..., :3], "PNG", icc_profile=_swapped_colours()),
        },
        4,
    )
    names = [f"folder:{folder / name}" for name in ("old", "new", "part")]
    settings = {"data.resize": [6, 5], "data.turn": False, "data.profile": "ignore"}
    return Case(*names[:2], str(folder / "new"), lambda: (names[2], 4), settings)


CASES: dict[str, tuple[Callable[[Path], Case], ...]] = {
    "npz": (rows_of_numbers, counts, series, labelled_pictures, drawn_greys),
    "sparse": (sparse_counts,),
    "csv": (columns_of_numbers, rows_in_time, mixed_columns),
    "text": (lines_of_text,),
    "folder": (grey_pictures, colour_pictures),
    "memory": (in_memory,),
}
OF_FILES = {"grey_pictures", "colour_pictures", "rows_in_time"}
"""What a Run in Python takes in another form only."""
NAMES = [make.__name__ for makes in CASES.values() for make in makes]


def test_every_source_has_a_case():
    assert set(kinds("source")) == set(CASES) | MADE


def _call(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Train all, some seconds each, and export them."""
    folder, made = tmp_path_factory.mktemp("one"), {}
    for makes in CASES.values():
        for make in makes:
            own = folder / make.__name__
            own.mkdir()
            case = make(own)
            given = {**TINY, **case.settings}
            run = vae_tf.train(case.train, overrides=given, run_dir=own / "run", quiet=True)
            run.export(folder / "models", make.__name__, check=False)
            made[make.__name__] = (case, run)
    return folder, made


@pytest.fixture(scope="module")
def doors(cases, start_server):
    folder, made = cases
    with start_server([ModelConfig(name, folder / "models" / name) for name in made]) as server:
        yield {"http": f"http://127.0.0.1:{server.rest_port}", "grpc": f"grpc://127.0.0.1:{server.grpc_port}"}


def _column(path, name="negative_elbo"):
    with path.open(encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def _by_run(run, data, output):
    assert _call("score", run.path, "--data", data, "--num-samples", 1, "-o", output) == 0
    return np.array(_column(output), float)


@pytest.fixture(scope="module")
def expected(cases):
    """What the run's own command gives, by case."""
    folder, made = cases
    return {name: _by_run(run, case.new, folder / name / "run.csv") for name, (case, run) in made.items()}


def _in_bulk(folder, name, case, engine):
    """Score by an engine; in the order of the files' names, or of the rows that the table tells."""
    output = folder / name / engine
    patterns = sorted({f"{case.file}/*{path.suffix}" for path in Path(case.file).iterdir()}) if Path(case.file).is_dir() else []
    tables = []
    for number, pattern in enumerate(patterns or [case.file]):
        command = ["score", folder / "models" / name, "--engine", engine, "--data", pattern, "-o", f"{output}{number}"]
        if engine == "local":
            assert _call(*command) == 0
        else:
            environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
            arguments = [str(argument) for argument in (BEAM, ROOT / "run.py", *command)]
            done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
            assert done.returncode == 0, done.stderr[-3000:]
        tables.append(pq.read_table(f"{output}{number}"))
    rows = [row for table in tables for row in table.to_pylist()]
    key = next((key for key in ("file", "row", "line") if key in rows[0]), None)
    rows = sorted(rows, key=lambda row: row[key]) if key else rows
    return np.array([row["negative_elbo"] for row in rows])


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_its_score_by_itself(name, cases, expected, tmp_path):
    """A file's own statistics would change with what else is in it."""
    case, run = cases[1][name]
    part, num = case.alone()
    found = _by_run(run, part, tmp_path / "part.csv")
    assert len(found) == num < len(expected[name])
    np.testing.assert_allclose(found, expected[name][:num], **CLOSE)


@pytest.mark.parametrize("name", NAMES)
def test_predict_gives_the_run_s_scores(name, cases, expected, doors, tmp_path):
    case, _ = cases[1][name]
    files = sorted(Path(case.file).iterdir()) if Path(case.file).is_dir() else [case.file]
    door = ("http", "grpc")[NAMES.index(name) % 2]
    assert _call("predict", "score", *files, "-m", name, "--server", doors[door], "-o", tmp_path / "s.csv") == 0
    np.testing.assert_allclose(np.array(_column(tmp_path / "s.csv"), float), expected[name], **CLOSE)


@pytest.mark.parametrize("name", NAMES)
def test_the_local_engine_gives_the_run_s_scores(name, cases, expected):
    folder, made = cases
    np.testing.assert_allclose(_in_bulk(folder, name, made[name][0], "local"), expected[name], **CLOSE)


@pytest.mark.skipif(BEAM is None, reason="Apache Beam is not installed; `make beam` installs it beside")
@pytest.mark.parametrize("name", ["rows_in_time", "mixed_columns", "lines_of_text", "colour_pictures", "labelled_pictures"])
def test_beam_gives_the_run_s_scores(name, cases, expected):
    folder, made = cases
    found = _in_bulk(folder, name, made[name][0], "beam")
    want = expected[name]
    if name == "mixed_columns":  # rows without a name of their own, in any order
        found, want = np.sort(found), np.sort(want)
    np.testing.assert_allclose(found, want, **CLOSE)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_FILES])
def test_python_gives_the_run_s_scores(name, cases, expected, make_frame):
    case, run = cases[1][name]
    given, told = case.memory, nullcontext()
    if name in {"columns_of_numbers", "mixed_columns"}:
        header, *rows = _cells(case.file)
        columns = zip(*rows, strict=True)
        if name == "columns_of_numbers":
            columns = [np.array(cells, float) if "n0" not in cells else cells for cells in columns]
        given = make_frame(dict(zip(header, columns, strict=True)))
    elif name == "lines_of_text":
        told = pytest.warns(UserWarning)
    if name == "mixed_columns":
        told = pytest.warns(UserWarning, match="violet")
    labels = np.load(case.file)["y"] if name == "labelled_pictures" else None
    with told:
        found = run.score(given, num_samples=1, labels=labels)
    np.testing.assert_allclose(found["negative_elbo"], expected[name], **CLOSE)


def _cells(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet", ".xlsx"])
def test_every_file_of_a_table_is_read_alike(suffix, cases, expected, doors, tmp_path, capsys):
    folder, made = cases
    case, run = made["mixed_columns"]
    new = _as_file(case.file, tmp_path / f"new{suffix}")
    np.testing.assert_allclose(_by_run(run, f"csv:{new}", tmp_path / "run.csv"), expected["mixed_columns"], **CLOSE)
    assert _call("predict", "score", new, "-m", "mixed_columns", "--server", doors["grpc"], "-o", tmp_path / "s.csv") == 0
    np.testing.assert_allclose(np.array(_column(tmp_path / "s.csv"), float), expected["mixed_columns"], **CLOSE)
    command = ["score", folder / "models" / "mixed_columns", "--engine", "local", "--data", new, "-o", tmp_path / "bulk"]
    assert _call(*command) == 0
    np.testing.assert_allclose(pq.read_table(tmp_path / "bulk")["negative_elbo"], expected["mixed_columns"], **CLOSE)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("1 blank lines are no rows") == (3 if suffix == ".csv.gz" else 0)  # the run, the server's client, bulk


def _as_file(path, new):
    header, *rows = _cells(path)
    if new.suffix == ".gz":
        new.write_bytes(gzip.compress(Path(path).read_bytes() + b"\n"))
    elif new.suffix == ".xlsx":
        _write_sheet(new, [header, *rows])
    else:
        table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(header)})
        pq.write_table(table, new)
    return new


def _write_sheet(path, rows):
    """Write a workbook of one sheet, all cells of it texts."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    sheet = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{escape(str(cell))}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    )
    book = f'<workbook {space} xmlns:r="{office}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_rels/.rels", f'{relation}Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>')
        archive.writestr("xl/workbook.xml", book)
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{relation}Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{sheet}</sheetData></worksheet>")


def test_objects_of_text_are_read_as_lines_are(cases, doors, expected, tmp_path):
    folder, made = cases
    (case, run), want = made["lines_of_text"], expected["lines_of_text"]
    new = tmp_path / "new.jsonl"
    new.write_text("".join(json.dumps({"title": "no", "body": text}) + "\n" for text in case.memory), "utf-8")
    np.testing.assert_allclose(_by_run(run, f"text:{new}", tmp_path / "run.csv"), want, **CLOSE)
    assert _call("predict", "score", new, "-m", "lines_of_text", "--server", doors["http"], "-o", tmp_path / "s.csv") == 0
    np.testing.assert_allclose(np.array(_column(tmp_path / "s.csv"), float), want, **CLOSE)
    assert _call("score", folder / "models" / "lines_of_text", "--engine", "local", "--data", new, "-o", tmp_path / "b") == 0
    table = pq.read_table(tmp_path / "b")
    np.testing.assert_allclose(table["negative_elbo"], want, **CLOSE)
    texts = [clean_text(text, "NFKC") for text in case.memory]
    assert table["text"].to_pylist() == _column(tmp_path / "s.csv", "text") == texts
    assert _column(tmp_path / "run.csv", "text") == decode_text(run.spec, encode_text(run.spec, texts))


def test_a_client_takes_texts(cases, doors, expected):
    lines = cases[1]["lines_of_text"][0].memory
    with Client(doors["grpc"], "lines_of_text") as client:
        np.testing.assert_allclose(client.score(lines), expected["lines_of_text"], **CLOSE)
        assert client.encode(["hello"])["mean"].shape == (1, 2)


def test_windows_of_a_series_are_read_as_windows(cases, expected, tmp_path):
    case, run = cases[1]["rows_in_time"]
    rows = np.array(_cells(case.file)[1:], float)[:, ::-1]
    cut = np.lib.stride_tricks.sliding_window_view(rows, 4, axis=0).swapaxes(1, 2)
    for x in (rows, cut):
        found = _by_run(run, f"npz:{_npz(tmp_path / 'x.npz', x=x)}", tmp_path / "s.csv")
        np.testing.assert_allclose(found, expected["rows_in_time"], **CLOSE)


def test_the_split_of_new_data_is_none(cases, expected):
    folder, _ = cases
    assert set(_column(folder / "rows_of_numbers" / "run.csv", "split")) == {""}
