"""Numbers as people write them: told from codes, read, and written again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.number_forms import NumberForm, find_number_form, main_numbers

RNG = np.random.default_rng(0)
FORMS = [
    NumberForm(before, after, thousands, point)
    for before, after in [("$", ""), ("", " €"), ("", "%"), ("", " km"), ("US$ ", ""), ("", "kg"), ("", "")]
    for thousands, point in [(",", "."), (".", ","), ("'", "."), ("\u202f", ","), ("", "."), ("", ",")]
]


@given(st.sampled_from(FORMS), st.lists(st.integers(-(10**9), 10**9), min_size=1), st.integers(0, 3))
def test_what_is_written_is_read_again(form, numbers, decimals):
    texts = [f"{number / 10**decimals:.{decimals}f}" for number in numbers]
    written = [form.write(text) for text in texts]
    assert [form.read(text) for text in written] == [float(text) for text in texts]
    found = find_number_form(written, form.point)
    assert found is not None
    assert [found.read(text) for text in written] == [float(text) for text in texts]
    assert NumberForm.of(form.example) == form


@pytest.mark.parametrize(
    ("texts", "example", "numbers"),
    [
        (["$1,200.50", "-$3", "($0.5)"], "$1,234.5", [1200.5, -3, -0.5]),
        (["1.234,56 €", "5,00 €"], "1.234,5 €", [1234.56, 5]),
        (["80,000 km", "900 km"], "1,234.5 km", [80000, 900]),
        (["12 %", "12.5 %"], "1234.5 %", [12, 12.5]),
        (["1 234,50", "99,00"], "1 234,5", [1234.5, 99]),
        (["0,123", "1,234"], "1234,5", [0.123, 1.234]),
        (["36 months", "60 months"], "1234.5 months", [36, 60]),
    ],
)
def test_numbers_with_units_and_marks_are_numbers(texts, example, numbers):
    form = find_number_form(texts)
    assert form is not None
    assert (form.example, [form.read(text) for text in texts]) == (example, numbers)


@pytest.mark.parametrize(
    "texts",
    [
        ["A11", "A12"],
        ["4-door", "5-door"],
        ["1st", "1st"],
        ["10th", "11th"],
        ["18-24", "25-34"],
        ["02139", "10001"],
        ["5 km", "5 mi"],
        ["12:30"],
        ["+49 912345678"],
        ["555 123 456"],
        ["1,3", "1,2,5"],
        ["2022-01"],
        ["1.2.3"],
        ["<5"],
        ["3A"],
        ["7h 16m"],
        ["--5"],
        ["(5"],
        ["$"],
        ["%"],
        [],
    ],
)
def test_codes_dates_and_ranges_are_none(texts):
    assert find_number_form(texts) is None


def test_a_comma_is_what_the_table_has_it_for():
    assert [find_number_form(["1,234"], point).read("1,234") for point in ".,"] == [1234, 1.234]
    assert find_number_form(["1.200"], ",").read("1.200") == 1200


def test_numbers_are_found_among_what_is_none():
    assert main_numbers(["$1", "$2", "3", "free"]) == {"$1", "$2"}
    assert main_numbers(["1e5", "2.5", "none"]) == {"1e5", "2.5"}


def test_a_form_reads_no_other():
    form = NumberForm.of("$1,234.5")
    assert [form.read(text) for text in ("€5", "5", "$1.200,5", "$")] == [None] * 4
    assert np.isnan(np.array([form.read("5")], np.float64)).all()


_NUMBERS = RNG.normal(50, 20, 60).round(2)
_WAYS = {
    "two currencies": [f"{'$€'[n % 2]}{abs(one)}" for n, one in enumerate(_NUMBERS)],
    "two units": [f"{one} {('kg', 'g')[n % 2]}" for n, one in enumerate(_NUMBERS)],
    "points and commas": [str(one).replace(".", ".,"[n % 2]) for n, one in enumerate(_NUMBERS)],
    "quotes": [f"'{one}'" for one in _NUMBERS],
    "spaces between thousands": [f"{abs(one) * 1e4:,.0f}".replace(",", " ") for one in _NUMBERS],
    "gaps of many kinds": [str(one) if n % 3 else "-.x"[n // 3 % 3] for n, one in enumerate(_NUMBERS)],
    "exponents with commas": [f"{one:.3e}".replace(".", ",") for one in _NUMBERS],
}


@pytest.mark.parametrize("cells", _WAYS.values(), ids=_WAYS)
def test_numbers_that_were_taken_for_words_are_pointed_out(cells, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "".join(f"{cell};{'xy'[n % 2]}\n" for n, cell in enumerate(cells)))
    warned = [note.text for note in load_dataset(DataConfig(dataset=f"csv:{path}")).notes if note.is_warning]
    assert any("of column 'a'" in text and "are numbers (" in text and "Write all in one way" in text for text in warned)


@pytest.mark.parametrize(
    "cells", [[f"A{n}" for n in range(60)], [f"0{n:04}" for n in range(60)], [f"N{n % 20}" for n in range(60)]]
)
def test_names_are_no_numbers_that_were_taken_for_words(cells, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "".join(f"{cell};{'xy'[n % 2]}\n" for n, cell in enumerate(cells)))
    assert "are numbers (" not in " ".join(note.text for note in load_dataset(DataConfig(dataset=f"csv:{path}")).notes)
