"""Every lesson's code runs, from top to bottom, as it does when the site is made."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LESSONS = Path(__file__).parents[2] / "docs/lessons"
PAGES = sorted(LESSONS.glob("[0-9]*.md"))


def cells(text):
    """Return the code of a page's cells, without their options."""
    found = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"\A(:\w[^\n]*\n)+", "", cell) for cell in found]


@pytest.fixture
def as_on_the_page(monkeypatch):
    """Run where the page's kernel does, beside the lessons."""
    monkeypatch.chdir(LESSONS)
    monkeypatch.syspath_prepend(str(LESSONS))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_lesson_runs(page, as_on_the_page, capsys):
    code, names = cells(page.read_text("utf-8")), {}
    for number, cell in enumerate(code, 1):
        exec(compile(cell, f"{page.name}, cell {number}", "exec"), names)  # noqa: S102 - the project's own pages
    import pictures

    assert [one for one in names.values() if isinstance(one, pictures.Picture)]
    assert all(one._repr_html_().startswith("<figure") for one in names.values() if isinstance(one, pictures.Picture))
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_lesson_has_what_lessons_have(page):
    text = page.read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["The formula", "The lines that do it", "The experiment", "Try", "The papers"]
    assert "| in the code |" in text and "{literalinclude}" in text and ":::{dropdown} Answer" in text


def test_options_of_a_cell_are_no_code():
    assert cells("```{code-cell}\n:tags: [hide-input]\nx = 1\n```\n\n```{code-cell}\ny = x\n```\n") == ["x = 1\n", "y = x\n"]


def test_a_film_has_every_frame_and_can_be_held(as_on_the_page):
    import pictures

    @pictures.film("A point & its way.", (1.0, 0.5), [0.1, 0.5, 0.9], "place")
    def way(axis, place):
        axis.plot([place], [0.5], "o")

    page = way._repr_html_()
    (strip,) = re.findall(r"base64,([^']*)", page)
    with Image.open(io.BytesIO(base64.b64decode(strip))) as picture:
        shown = np.asarray(picture.convert("RGBA"), int)
    assert shown.shape == (50, 300, 4)
    first, second, third = np.split(shown, 3, axis=1)
    assert np.abs(first - second).max() > 50 and np.abs(second - third).max() > 50
    assert 'aria-label="A point &amp; its way."' in page and 'max="2"' in page and "place 0.1|place 0.5|place 0.9" in page
