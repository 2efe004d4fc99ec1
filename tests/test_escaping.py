"""Ways out: whatever a name is, what reads a text gets one text, and the same one."""

import csv
import io
import json
import re
import string

import orjson
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from prometheus_client.parser import text_string_to_metric_families
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vae_tf.consoles import PeopleConsole, progress_on, warn_on
from vae_tf.data.table_text import TextTable, read_texts, write_texts
from vae_tf.errors import readable
from vae_tf.escaping import html_value, json_ready, one_line, prometheus_label, tsv_cell, visible

NASTY = [
    *("", " ", "[red]", "[/]", "[/red]", "\\[bold]", "a\\", "[link=file:///etc/passwd]x[/link]", ":smile:", "[@click=a]b"),
    *("a\tb", "a\nb", "a\r\nb", "\x1b[2J\x1b[31mred", "\x07", "\x00", "a\u2028b", "a\x85b", "\u202egnp.exe"),
    *("caf\udce9", "\ud800", "<script>alert(1)</script>", '" onload="x', "&amp;", "{{ 7 * 7 }}"),
    *("=1+1", "+1", "-1", "@SUM(A1)", '"', "'", ",", ";", "$\\frac$"),
]
ANY = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(blacklist_categories=())),
    st.lists(st.sampled_from([*NASTY, *"[]\\/:=\t\n\r\x1b\"'"])).map("".join),
)
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def each(function):
    """Try every nasty text, and what Hypothesis makes of them."""
    for text in NASTY:
        function = example(text)(function)
    return settings(deadline=None)(given(ANY)(function))


@each
def test_what_cannot_be_seen_is_written_out(text):
    assert not UNSEEN.search(visible(text)) and len(visible(text).splitlines()) <= 1
    visible(text).encode()


@each
def test_a_log_line_is_one_line(text):
    assert not UNSEEN.search(one_line(text)) and one_line(text) == one_line(text).strip(" ")


@given(st.text(string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", "")))
def test_plain_texts_stay_as_they_are(text):
    assert visible(text, keep_lines=True) == text


def _printed(make, *things):
    out = io.StringIO()
    console = make(file=out, width=100_000, color_system=None)
    for thing in things:
        console.print(thing)
    return out.getvalue()


@each
def test_a_title_of_progress_is_shown_literally(text):
    assume(cell_len(visible(text)) or not visible(text))  # Rich leaves out what has no width: a tone of skin alone
    console = PeopleConsole(file=io.StringIO(), width=100_000, force_terminal=True, color_system=None)
    with progress_on(console, text, 10) as advance:
        advance(3)
    assert visible(text).rstrip() in console.file.getvalue()


@each
def test_the_console_shows_a_text_literally(text):
    shown = visible(text, keep_lines=True)
    assert _printed(PeopleConsole, text).splitlines() == _printed(Console, Text(shown)).splitlines()
    for line in _printed(PeopleConsole, text).splitlines():
        assert not UNSEEN.search(line)


@each
def test_tables_titles_and_warnings_show_a_text_literally(text):
    table = Table(text, title=text)
    table.add_row(text)
    warn_on(PeopleConsole(file=io.StringIO()), text)
    word = visible(text).strip() if "\n" not in text and "\t" not in text else ""
    assert _printed(PeopleConsole, table).count(word) >= (3 if word else 0)


@each
def test_a_status_is_shown_literally(text):
    assert PeopleConsole(file=io.StringIO()).status(text).renderable.text.plain == visible(text)


@each
def test_a_cell_between_tabs(text):
    line = f"{tsv_cell(text)}\t7\n"
    assert line.count("\t") == 1 and len(line.splitlines()) == 1 and line.encode().split(b"\t")[1] == b"7\n"


@given(ANY, ANY)
def test_different_labels_stay_different_between_tabs(one, other):
    written_out = re.compile(r"\\[tnrxu]")
    if one != other and not written_out.search(one + other) and one.strip() and other.strip():
        assert tsv_cell(one) != tsv_cell(other)


@each
def test_html_is_text(text):
    page = Environment(autoescape=True, finalize=html_value).from_string('<p title="{{ x }}">{{ x }}</p>').render(x=text)
    page.encode()
    inner = page.removeprefix('<p title="').removesuffix("</p>")
    assert "<" not in inner.replace('">', "", 1) and inner.count('"') == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)


@each
def test_a_label_of_prometheus(text):
    line = f'a{{name="{prometheus_label(text)}"}} 1\n'
    (family,) = text_string_to_metric_families(line)
    assert [sample.labels["name"] for sample in family.samples] == [readable(text)]


@each
def test_any_reader_of_json_takes_a_name(text):
    value = json_ready({text: [text, 1, None], "nested": {"a": (text,)}})
    for read in (json.loads, orjson.loads):
        found = read(json.dumps(value))
        assert found["nested"]["a"] == [readable(text)] and found[readable(text)] == [readable(text), 1, None]


@each
def test_a_cell_of_a_csv_comes_back_byte_for_byte(text):
    """Also one that a spreadsheet takes for a formula: files are for programs; see docs/reliability.md."""
    import tempfile
    from pathlib import Path

    if "\x00" in text:
        return  # no reader takes it
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        write_texts(TextTable(["name", "next"], [[text, "1"], ["plain", "2"]]), path)
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    assert rows == [["name", "next"], [readable(text), "1"], ["plain", "2"]]


def test_a_table_with_lone_carriage_returns_is_read_again(tmp_path):
    write_texts(TextTable(["a", "b"], [["x\ry", "1"], ["z", "2"]]), tmp_path / "a.csv")
    assert read_texts(tmp_path / "a.csv").rows == [["x\ry", "1"], ["z", "2"]]


@pytest.mark.parametrize("text", ["caf\udce9", "\ud800", "a\udfffb"])
def test_no_name_fails_to_be_printed(text):
    readable(text).encode()
