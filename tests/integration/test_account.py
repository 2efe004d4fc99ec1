"""The account of the data, over all loaders: told by `data`, before training, in the run, by `show` and `report`.

A new loader fails here until `MADE` has data for it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from PIL import Image

import vae_tf
from vae_tf.files import read_record
from vae_tf.parts import kinds

RNG = np.random.default_rng(0)
TINY = ["--steps", 2, "--set", "model.network={kind: mlp, widths: [4]}", "--latent", "gaussian:2"]


@dataclass(frozen=True)
class Made:
    """Data of a kind, and what must be told of them: what is used, and what is lost with the setting that changes it."""

    dataset: str
    used: tuple[str, ...]
    lost: tuple[str, ...]
    settings: tuple[str, ...] = ()
    columns: tuple[str, ...] = field(default=())

    @property
    def told(self):
        return (*self.used, *self.lost)

    @property
    def options(self):
        return [word for setting in self.settings for word in ("--set", setting)]


def _folder(folder: Path) -> Made:
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(30):
        Image.fromarray(RNG.integers(0, 255, (6, 8), np.uint8)).save(pictures / f"{number}.png")
    Image.fromarray(RNG.integers(0, 255, (300, 200, 4), np.uint8)).save(pictures / "big.png")
    for name in ("layers.psd", "notes.txt"):
        (pictures / name).write_text("no picture")
    used = ("33 files found, 31 pictures used, of 31 .png", "30 6x8, 1 300x200", "30 L, 1 RGBA")
    lost = (
        "left out: 1 .psd, 1 .txt",
        "1 are resized to 6x8 (data.resize)",
        "may be transparent, and lie on white (data.alpha=flatten",
    )
    return Made(f"folder:{pictures}", used, lost, ("data.resize=[6,8]",))


def _text(folder: Path) -> Made:
    lines = [f"line number {number}" for number in range(60)] + ["", "  ", "a" * 300]
    (folder / "lines.txt").write_text("\n".join(lines))
    lost = (
        "2 empty left out",
        "1 of 61 texts are cut to the 16 tokens of data.max_length",
        "data.max_length=301 keeps all whole",
    )
    return Made(f"text:{folder / 'lines.txt'}", ("61 of 63 lines used",), lost, ("data.max_length=16",))


def _csv(folder: Path) -> Made:
    rows = [f"{'' if number % 4 == 0 else number * 0.37},{'xy'[number % 2]},1" for number in range(60)]
    (folder / "rows.csv").write_text("\n".join(["size in $,kind,same", *rows[:30], "", *rows[30:]]))
    lost = ("1 left out", "same (constant)", "data.columns.NAME=real", "1 blank lines are no rows")
    used = ("60 rows of 3 columns: 2 inputs (1 category, 1 real)",)
    return Made(f"csv:{folder / 'rows.csv'}", used, lost, columns=("size in $", "15 empty (25.0%)", "left out: constant"))


def _npz(folder: Path) -> Made:
    np.savez(folder / "a.npz", x=RNG.normal(size=(60, 5)), y=np.repeat([[0.0], [1.0]], 30, axis=0))
    used = ("x [60, 5] float64, read as float32", "y [60, 1] float64, read as [N]", "Values are standardised")
    return Made(f"npz:{folder / 'a.npz'}", used, ("data.limit=40: 40 of 48 examples of train",), ("data.limit=40",))


def _sparse(folder: Path) -> Made:
    scipy.sparse.save_npz(folder / "a.npz", scipy.sparse.csr_array(RNG.poisson(9.0, (60, 5))))
    used = ("60 rows of 5 columns, sparse", "Values are counts")
    return Made(f"sparse:{folder / 'a.npz'}", used, ("data.limit=40: 40 of 48 examples of train",), ("data.limit=40",))


def _built_in(name: str, *used: str, limit: int = 40) -> Made:
    return Made(name, used, (f"data.limit={limit}: {limit} of ",), (f"data.limit={limit}",))


MADE = {
    "folder": _folder,
    "text": _text,
    "csv": _csv,
    "npz": _npz,
    "sparse": _sparse,
    "memory": lambda folder: Made("memory:mine", ("x of train [60, 5] float64, read as float32",), ()),
    "tfds": lambda folder: _built_in("tfds:digits", "train is train[0:1297]", "image and label are used"),
    "digits": lambda folder: _built_in("digits", "train is train[0:1297]", "Classes: 10"),
    "sprites": lambda folder: _built_in("sprites", "Of its features image", "train is train[0:"),
    "topics": lambda folder: _built_in("topics", "4,000 documents of 60 words", "Values are counts"),
    "waves": lambda folder: _built_in("waves", "6,000 rows in time", "windows of 48 rows"),
}
LOSSY = ("folder", "text", "csv")


def test_all_loaders_are_here():
    assert set(MADE) == {kind for kind, source in kinds("source").items() if source.__module__.startswith("vae_tf.")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give data of a kind and a run of them, made when it is first asked for."""
    made = {}

    def get(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = MADE[kind](folder), folder / "run"
        return made[kind]

    return get


@pytest.fixture
def trained(runs, run_cli, capsys):
    """Train on data of a kind, once; give the data, the run and what the training printed."""

    def train(kind):
        made, run = runs(kind)
        log = run.parent / "log.txt"
        if not log.exists() and kind == "memory":
            settings = {"training.steps": 2, "model.network": {"kind": "mlp", "widths": [4]}}
            vae_tf.train(RNG.normal(size=(60, 5)), name="mine", latent="gaussian:2", overrides=settings, run_dir=run)
            log.write_text("".join(capsys.readouterr()))
        elif not log.exists():
            code, out, err = run_cli("train", "--dataset", made.dataset, "--run-dir", run, *made.options, *TINY)
            assert code == 0, err
            log.write_text(out + err)
        return made, run, " ".join(log.read_text().split())

    return train


def _one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", sorted(set(MADE) - {"memory"}))
def test_the_command_gives_the_account_without_training(kind, runs, run_cli, parse, tmp_path):
    made, _ = runs(kind)
    code, out, err = run_cli("data", made.dataset, *made.options, "--json", "-o", tmp_path / "data.png")
    assert code == 0, err
    found = parse(out)
    told = " ".join(note["text"] for note in found["notes"])
    assert [one for one in made.told if one not in told] == []
    assert set(found["splits"]) == {"train", "validation", "test"} and all(found["splits"].values())
    assert found["values"] and all(len(table["headings"]) == len(row) for table in found["values"] for row in table["rows"])
    assert [one for one in made.columns if one not in str(found["columns"])] == []
    assert found["chosen"] and found["picture"]["shows"]
    with Image.open(tmp_path / "data.png") as picture:
        assert min(picture.size) > 100 and np.asarray(picture.convert("L")).std() > 5


@pytest.mark.parametrize("kind", sorted(MADE))
def test_the_account_is_told_before_training_and_kept_with_the_run(kind, trained, run_cli, parse):
    made, run, log = trained(kind)
    kept = read_record(run / "data_notes.json")
    told = " ".join(note["text"] for note in kept["notes"])
    assert [one for one in made.told if one not in told] == []
    assert [one for one in made.told if one not in log] == []
    code, out, _ = run_cli("show", run, "--json")
    assert code == 0 and parse(out)["data"] == kept
    code, out, _ = run_cli("show", run)
    assert code == 0 and [one for one in (*made.told, kept["values"][0]["headings"][0]) if one not in _one_line(out)] == []


@pytest.mark.parametrize("kind", LOSSY)
def test_what_is_lost_is_in_the_report_with_its_setting(kind, trained, run_cli, tmp_path):
    made, run, _ = trained(kind)
    code, _, err = run_cli("report", run, "-o", tmp_path / "r.html", "--num-samples", 2, "--limit", 10)
    assert code == 0, err
    page = _one_line((tmp_path / "r.html").read_text())
    assert "<h3>The data</h3>" in page and [one for one in (*made.told, *made.columns) if one not in page] == []


def test_people_are_shown_what_programs_are_told(runs, run_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    made, _ = runs("csv")
    code, out, err = run_cli("data", made.dataset, "--set", "data.rare=2")
    assert code == 0 and [one for one in made.told if one not in _one_line(out)] == []
    assert (
        "share missing" in _one_line(out) and "Chosen by the data" in out and "--set data.rare=2 -o data.png" in _one_line(err)
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["csv:/nowhere.csv"], "/nowhere.csv"),
        (["digits", "--set", "data.nosuch=1"], "data.nosuch"),
        (["digits", "--set", "data.window=3"], "data.window"),
        (["digits", "-o", "picture.jpg"], ".png"),
    ],
)
def test_mistakes_are_one_line(arguments, said, run_cli):
    code, out, err = run_cli("data", *arguments)
    assert code == 2 and not out and err.startswith("Error: ") and said in err and err.count("\n") == 1


def test_a_run_of_before_has_notes_alone(trained, run_cli, parse, tmp_path):
    _, run, _ = trained("csv")
    kept = (run / "data_notes.json").read_text()
    try:
        (run / "data_notes.json").write_text('[{"text": "As it was.", "is_warning": false}]')
        code, out, _ = run_cli("show", run)
        assert code == 0 and "As it was." in out
        (run / "data_notes.json").write_text('{"notes": []}')
        code, _, err = run_cli("show", run)
        assert code == 2 and "data_notes.json must be the account" in err
        (run / "data_notes.json").unlink()
        code, out, _ = run_cli("show", run, "--json")
        assert code == 0 and parse(out)["data"] is None
    finally:
        (run / "data_notes.json").write_text(kept)
