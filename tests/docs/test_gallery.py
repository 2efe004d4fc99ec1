"""Every picture of the gallery is small, says what there is to see, and stands under the command that writes it."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "gallery.md").read_text("utf-8")
PICTURES = re.findall(r"^!\[([^\]]*)\]\((\S+)\)$", TEXT, re.MULTILINE)
WRITTEN = {
    "report.png": "report.html",
    "table.png": "table.html",
    "explorer.png": "explore runs",
    "bias_variance.png": "figures",
}
"""What stands in the command of a picture that has another name: docs/make_gallery.py takes it of a page."""


def unmade(text):
    """Return the pictures whose nearest commands above do not write them."""
    parts = re.split(r"^```sh\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)  # text, commands, text, ...
    missing = []
    for commands, after in zip(parts[1::2], parts[2::2], strict=True):
        names = [Path(path).name for path in re.findall(r"^!\[[^\]]*\]\((\S+)\)$", after, re.MULTILINE)]
        missing += [name for name in names if WRITTEN.get(name, name) not in commands]
    return missing


def test_a_picture_stands_under_its_command():
    assert len(PICTURES) > 12
    assert unmade(TEXT) == []
    assert unmade(TEXT.replace("-o pairs.png", "-o others.png")) == ["pairs.png"]


@pytest.mark.parametrize(("alt", "path"), PICTURES, ids=[Path(path).stem for _, path in PICTURES])
def test_a_picture_is_small_and_told(alt, path):
    assert (DOCS / path).stat().st_size <= 150_000
    assert len(alt) > 20


def test_no_picture_of_the_gallery_is_left_over():
    assert {path.name for path in (DOCS / "images/gallery").iterdir()} == set(re.findall(r"images/gallery/([\w.]+)", TEXT))
