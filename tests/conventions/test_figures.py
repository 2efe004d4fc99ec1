"""Figures in the docs are those of their files: blocks that `benchmarks/figures.py` writes are as it would write them."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import blocks  # noqa: E402 - found by the line above
import figures  # noqa: E402

PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "CONTRIBUTING.md",
    *(
        path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in {"commands.md", "parts.md"}
    ),  # made of the code
    *sorted((ROOT / "docs/examples").glob("*.md")),
]
MEASURED = re.compile(
    r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?\s?(?:±\s?[\d.]+|%|nats|ms|s|seconds|[MG]i?B|times|bits a \w+|squared error|standard errors"
    r"|requests|examples a second)(?!\w)|(?<![\w.])\d+\.\d{2,}(?!\w|\.\d)"
)
"""What looks measured: a number with its error or a unit, and one of two decimals or more."""
TYPED = {
    "README.md": {r"3\.10 to 3\.13": "versions"},
    "index.md": {r"3\.10 to 3\.13": "versions"},
    "data.md": {
        r"from 344 MB on|from 86 MB on": "limits that follow from data.memory_limit_mb",
        r"20 times as far|\b552 MB": "a setting; a size of the made file",
        r"take 1,254 MB": "bytes of the maps, which the number of cells gives",
        r"(32|16) bits a (pixel|channel)": "forms of files",
    },
    "evaluation.md": {
        r"4s and 7s": "digits",
        r"more than 0\.01": "ACTIVE_VARIANCE: test_said.py",
        r"under 0\.1 nats": "the limit of a collapse",
    },
    "glossary.md": {r"0\.01|0\.1 nats": "limits", r"1\.44 bits": "1 / ln 2"},
    "models.md": {r"at most 5 %": "a limit", r"^Published .*|.*VampPrior of 500.*|.*IWAE with 50; Burda.*": "of papers"},
    "performance.md": {
        r"TensorFlow 2\.21|PyTorch 2\.13": "versions",
        r"25 times as long": "a setting",
        r"100 %": "all",
        r"with 2\.5 GHz|at 2\.5 GHz": "a machine",
    },
    "results.md": {
        r"^Published .*|.*VampPrior 81\.24.*|.*Dupont 2018 shows.*|.*a capacity of 5 nats.*": "of papers",
        r"at temperature 0\.5|held at 0\.001|nats a row": "settings",
    },
    "scaling.md": {
        r"TensorFlow 2\.21": "a version",
        r"fits 4 GB|are 100 ms": "a setting; a sum: 1,998 hops of 50 microseconds",
    },
    "serving.md": {
        r"20 times": "a setting",
        r"idles for 75 s|wait 1 ms": "a limit; a setting",
        r"2\.20's|release 25\.02": "versions",
        r"5 s a line|In 60 s|a second over|5 requests a second": "settings of the load",
    },
    "explorer.md": {
        r"arXiv:\S+": "a paper",
        r"(3\.7|14\.2|2\.1|about 6) MB": "sizes of files: test_explorer_static.py",
        r"Runtime Web 1\.30": "a version",
    },
}
"""By page, patterns of what is typed and not measured here, and what it is."""


def typed(name, text):
    """Return what looks measured on a page, in sentences and tables, and stands in no block and under no listed pattern."""
    text = re.sub(r"^```.*?^```|<!-- figures: .*?<!-- end -->", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)
    for pattern in TYPED.get(name, {}):
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    return MEASURED.findall(text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_measured_figure_is_typed(path):
    assert typed(path.name, path.read_text("utf-8")) == [], "write it by benchmarks/figures.py from its file"


def test_a_typed_pattern_that_nothing_needs_is_taken_out():
    found = {path.name: path.read_text("utf-8") for path in reversed(PAGES)}  # the first README is the project's
    unused = [
        pattern for name, known in TYPED.items() for pattern in known if not re.search(pattern, found[name], re.MULTILINE)
    ]
    assert unused == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_figure_typed_into_any_paragraph_is_found(path):
    paragraphs = [one for one in path.read_text("utf-8").split("\n\n") if re.match(r"[A-Z]", one) and "```" not in one]
    for sentence in (
        "It takes 93 s.",
        "The NLL is 20.08 ± 0.08 nats.",
        "It gave 0.31.",
        "Memory grew by 88 MB.",
        "It was 7 % less.",
    ):
        missed = [one for one in paragraphs if len(typed(path.name, f"{one}\n{sentence}")) <= len(typed(path.name, one))]
        assert missed == [], sentence


def test_every_figure_is_what_its_file_says():
    assert figures.differing() == [], "run python benchmarks/figures.py"


def test_every_block_has_a_function_and_every_function_a_block():
    used = [match[2] for page in figures.PAGES for match in figures.BLOCK.finditer((ROOT / page).read_text("utf-8"))]
    assert sorted(used) == sorted(blocks.FIGURES)


def test_every_file_of_results_is_used(monkeypatch):
    opened = set()
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *rest: opened.add(self) or read(self, *rest))
    for write in blocks.FIGURES.values():
        write()
    text = "".join(read(path, "utf-8") for path in PAGES)
    files = [path for folder in ("docs/results", "benchmarks/results") for path in (ROOT / folder).glob("*.json")]
    assert [path.name for path in files if path not in opened and path.name not in text] == []


@pytest.mark.parametrize("page", figures.PAGES)
def test_any_changed_digit_of_a_block_is_found(page, monkeypatch):
    text = (ROOT / page).read_text("utf-8")
    made = {name: write() for name, write in blocks.FIGURES.items()}
    monkeypatch.setattr(figures, "FIGURES", {name: lambda said=said: said for name, said in made.items()})
    for block in figures.BLOCK.finditer(text):
        for digit in re.finditer(r"\d", block[3]):
            place = block.start(3) + digit.start()
            changed = f"{text[:place]}{(int(digit[0]) + 1) % 10}{text[place + 1 :]}"
            assert figures.written(changed) == text != changed


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Return a folder with the pages and the files, which the script takes for the repository."""
    for folder in ("docs", "benchmarks/results"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("images", "_build"))
    monkeypatch.setattr(blocks, "ROOT", tmp_path)
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
