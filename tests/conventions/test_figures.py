"""Figures in the docs are those of their files: blocks that `benchmarks/figures.py` writes are as it would write them."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import figures  # noqa: E402 - found by the line above


def test_every_figure_is_what_its_file_says():
    assert figures.differing() == [], "run python benchmarks/figures.py"


def test_every_block_has_a_function_and_every_function_a_block():
    used = [match[2] for page in figures.PAGES for match in figures.BLOCK.finditer((ROOT / page).read_text("utf-8"))]
    assert sorted(used) == sorted(figures.FIGURES)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Return a folder with the pages and the files, which the script takes for the repository."""
    for folder in ("docs", "benchmarks/results"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("images"))
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    return tmp_path


def test_a_typed_figure_and_a_file_made_anew_are_found(copied):
    page = copied / "docs/tuning.md"
    text = page.read_text("utf-8")
    page.write_text(text.replace("0.41,", "0.06,"), "utf-8")
    assert figures.differing(copied) == ["docs/tuning.md: searched_sizes"]
    page.write_text(figures.written(page.read_text("utf-8")), "utf-8")
    assert page.read_text("utf-8") == text
    file = copied / "docs/results/mnist_mlp.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "nll": 99.0}))
    assert figures.differing(copied) == ["docs/results.md: mnist"]
