"""Shell blocks of docs/*.md run in their order, on tiny data: what is left out is listed with the reason."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from vae_tf.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md") if "```sh" in path.read_text("utf-8"))
TINY = ["--epochs", "1", "--limit", "80", "--latent", "gaussian:2", "--set", "model.network={kind: mlp, widths: [8]}"]
FEW = ["--num-samples", "2", "--limit", "60"]
LESS = {
    "train": [*TINY, "--set", "evaluation.num_samples=2"],
    "evaluate": FEW,
    "score": FEW[:2],
}
LEFT_OUT = {
    "explorer.md": {r"run\.py explore": "goes on until Ctrl-C: the explorer's own tests"},
    "index.md": {r"^make ": "installs, or runs this suite"},
    "estimators.md": {r"run\.py estimators": "a minute: test_estimators_command.py runs it small"},
    "evaluation.md": {r"run\.py (compare|report)": "seconds each: test_measure.py, test_moved_runs.py"},
    "own_parts.md": {
        r"run\.py train --parts": "the page's files go with them: tests/parts/test_own_parts_page.py",
        r"run\.py (parts|evaluate|tune)": "likewise: test_own_parts.py",
    },
    "tuning.md": {r"run\.py|KERASTUNER": "searches take minutes, or several machines: test_tune.py, test_distributed.py"},
    "serving.md": {
        r"run\.py serve": "goes on until Ctrl-C",
        r"^curl|run\.py predict": "a server: test_readme_walk.py starts one, tests/serving asks one in every form",
        r"models\.example|VAE_TF_API_KEY": "another machine, keys, certificates: tests/serving/test_door.py",
        r"conformance": "another server: tests/serving/test_grpc_conformance.py",
        r"impute saved_models/penguins": "a table's servable takes long to write: test_bulk.py",
        r"benchmarks/": "a benchmark",
    },
}
"""By page: patterns of lines that are not run, and why."""
CHANGED = {
    "data.md": [("gaps.xlsx", "gaps.parquet")]  # spreadsheets: tests/data/test_data_spreadsheets.py
    + [("run.py train --dataset csv:visits.csv --set data.group", "run.py data csv:visits.csv --set data.group")]
    + [(f"run.py train --dataset {kind}:scans", f"run.py data {kind}:scans") for kind in ("folder", "npz")],  # without training
    "evaluation.md": [
        ("--preset mnist_mlp", "--preset mnist_mlp --dataset digits"),
        ("[RUN ...]", ""),
    ],
}
"""What stands for what is long or must be downloaded."""


def lines_of(page):
    """Return the lines of a page's shell blocks, those that go on joined, with what stands for some."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = []
    for block in blocks:
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            lines[-1:] = [f"{lines[-1]} {line.strip()}"] if lines and _is_open(lines[-1]) else [*lines[-1:], line]
    for old, new in CHANGED.get(page, ()):
        lines = [line.replace(old, new) for line in lines]
    return [line for line in lines if line.strip() and not is_left_out(page, line)]


def _is_open(line):
    """Tell whether a quotation goes on in the next line."""
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return True
    return False


def is_left_out(page, line):
    """Tell whether a line is listed as not run."""
    return any(re.search(pattern, line) for pattern in LEFT_OUT.get(page, {}))


def _with_gaps(table, column):
    cells = table.column(column).to_pylist()[:12]
    return table.slice(0, 12).set_column(
        table.column_names.index(column), column, [[None if row % 3 == 0 else cell for row, cell in enumerate(cells)]]
    )


def _write_tables():
    rng = np.random.default_rng(0)
    num = 160
    days = rng.choice(np.arange("2024-01-01", "2024-02-15", dtype="datetime64[D]"), num)
    visits = pa.table(
        {
            "patient": rng.integers(0, 40, num),
            "diagnosis": rng.choice(["flu", "cold"], num),
            "zip": rng.choice([10115, 10117, 20095], num),
            "Length (mm)": rng.normal(30, 4, num).round(1),
            "note": [f"seen {number}" for number in range(num)],
            "ward": rng.choice(["north", "south"], num),
            "day": days.astype(str),
        }
    )
    pa.csv.write_csv(visits, "visits.csv")
    pa.parquet.write_table(_with_gaps(visits, "Length (mm)"), "gaps.parquet")


def _write_pictures():
    rng = np.random.default_rng(0)
    for folder in ("scans", "new_images"):
        Path(folder).mkdir()
        for number in range(40):
            Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(f"{folder}/patient{number // 2}_{number}.png")
    np.savez("scans.npz", x=rng.random((40, 4, 4)), patient=np.arange(40) // 2)


def _call(*words):
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    assert not stopped.value.code


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the pages speak of, and a run of pictures."""
    folder = tmp_path_factory.mktemp("walk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _write_tables()
        _write_pictures()
        _call("train", "--run-dir", "runs/NAME", *LESS["train"])
    return folder


def _own(line, last):
    """Return the words of a line that starts the program, on few examples; `last` is the run that was trained last."""
    command, *rest = shlex.split(line, comments=True)[2:]
    rest = [last if word == "RUN" else word for word in rest]
    rest = ["60" if before == "--num" and word == "1000" else word for before, word in zip(["", *rest], rest, strict=False)]
    return [command, *rest, *LESS.get(command, [])]


def _shell(line):
    """Run a line that is no command of the program."""
    line = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", line)
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - the pages' own
    assert done.returncode == 0, (line, done.stderr)


@pytest.mark.parametrize("page", [page for page in PAGES if lines_of(page)])
def test_the_commands_of_a_page_run(page, place, run_cli, monkeypatch):
    monkeypatch.chdir(place)
    last = "runs/NAME"
    for line in lines_of(page):
        if "run.py" not in line:
            assert line.startswith("python -c "), f"{line!r} is neither run nor left out: add it to LEFT_OUT, with the reason"
            _shell(line)
            continue
        words = _own(line, last)
        if words[0] == "train":
            last = words[words.index("--run-dir") + 1] if "--run-dir" in words else f"runs/of-{page}"
            words += [] if "--run-dir" in words else ["--run-dir", last]
        assert words[0] not in {"serve", "explore", "tensorboard"}, f"{line!r} goes on until Ctrl-C: add it to LEFT_OUT"
        code, out, err = run_cli(*words)
        assert code == 0, (words, out, err)


def test_what_is_left_out_is_there():
    """A reason that no line needs any more is taken out."""
    for page, reasons in LEFT_OUT.items():
        text = re.sub(r"\\\n\s*", "", (ROOT / "docs" / page).read_text("utf-8"))
        assert [pattern for pattern in reasons if not re.search(pattern, text, re.MULTILINE)] == []
    assert sum(len(lines_of(page)) for page in PAGES) > 20
