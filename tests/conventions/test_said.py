"""What pages say of the code is what the code does: names, limits and files that they speak of."""

import re
from pathlib import Path

import pytest

from vae_tf.cli.app import app
from vae_tf.cli.common import parser
from vae_tf.evaluation.laboratory import estimator_grid
from vae_tf.evaluation.latent_statistics import ACTIVE_VARIANCE
from vae_tf.export import signatures
from vae_tf.parts.known import kinds

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "saved_models/README.md"]
PLACE = re.compile(r"`((?:vae_tf|tests|docs|benchmarks|deploy|tuning|saved_models)/[\w./-]+|[\w-]+\.py)`")
NAMES = {path.name for path in ROOT.glob("*.py")} | {
    path.name for folder in ("vae_tf", "tests", "docs", "benchmarks") for path in (ROOT / folder).rglob("*.py")
}
OF_THE_READER = {
    "own_parts.md": re.compile(r"`[\w-]+\.py`"),
    "CONTRIBUTING.md": re.compile(r"Whole, `.*?`"),
    "serving.md": re.compile(r"`service\.py`"),
}
"""What stands for files of one's own, by page."""


def _text(page):
    return (ROOT / page).read_text("utf-8")


def estimators(text):
    """Return the kinds of the gradient estimators that the README's sentence names."""
    (listed,) = re.findall(r"a gradient estimator is one word \(.*?\):\s(.*?)\. ", text, re.DOTALL)
    return {re.sub(r"[\s-]+", "_", one.strip().lower()) for one in listed.split(",")}


def test_the_readme_names_every_gradient_estimator_and_no_other():
    measured = {point.name.partition(",")[0] for point in estimator_grid([1.0], [2])} | {"exact"}
    assert measured <= {*kinds("objective")}
    assert estimators(_text("README.md")) | {"st_gumbel_softmax"} == measured  # of the two that it joins
    assert estimators(_text("README.md").replace("REBAR", "RELAX")) != estimators(_text("README.md"))


@pytest.mark.parametrize("page", ["docs/glossary.md", "docs/evaluation.md"])
def test_an_axis_is_active_by_its_variance_as_the_code_has_it(page):
    (said,) = re.findall(
        r"variance (?:of its posterior mean over the examples is|of) more than ([\d.]+?)(?: |\.\s)", _text(page)
    )
    assert float(said) == ACTIVE_VARIANCE


def test_how_many_examples_a_report_takes_is_said():
    options = {name: {one.name: one for one in parser(app).commands[name].params} for name in ("report", "evaluate")}
    (said,) = re.findall(r"run\.py report RUN .*# of the first ([\d,]+) examples", _text("README.md"))
    assert int(said.replace(",", "")) == options["report"]["limit"].default
    assert options["evaluate"]["limit"].default is None


def missing(text):
    """Return the files of the project that a page names and that are not there; of a name alone, anywhere in it."""
    found = {path.rstrip(".") for path in PLACE.findall(text)}
    return {path for path in found if not ((ROOT / path).exists() if "/" in path else path in NAMES)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(path):
    of_the_reader = OF_THE_READER.get(path.name, re.compile("(?!)"))
    assert missing(of_the_reader.sub("", path.read_text("utf-8"))) == set()


def test_a_file_that_became_a_package_is_found():
    assert missing("See `vae_tf/config.py`, `vae_tf/config/data.py`, `confg.py`.") == {"vae_tf/config.py", "confg.py"}


def test_every_signature_is_on_the_page_that_the_folder_of_servables_names():
    assert "docs/serving.md#export" in _text("saved_models/README.md")
    source = Path(signatures.__file__).parent
    names = {name for path in source.glob("*.py") for name in re.findall(r'Signature\(\s*"(\w+)"', path.read_text("utf-8"))}
    assert len(names) > 8
    assert [name for name in sorted(names) if f"`{name}`" not in _text("docs/serving.md")] == []
