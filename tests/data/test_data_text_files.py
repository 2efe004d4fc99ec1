"""Texts as people have them: line ends, encodings, JSONL, folders, Unicode forms; what is left out is counted."""

import codecs
import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_tf.config import RECORDED, DataConfig
from vae_tf.data import decode_text, encode_text, load_dataset
from vae_tf.data.loading import load_examples
from vae_tf.data.memory import in_memory
from vae_tf.data.text_files import clean_text, split_lines
from vae_tf.errors import UserFileError, UserValueError

WORDS = ["naïve café", "straße", "élan vital", "piñata"]
LINES = [f"{word} {number}" for number in range(15) for word in WORDS]


def _load(path, **settings):
    return load_dataset(DataConfig(dataset=f"text:{path}", max_length=32, **settings))


def _texts(dataset):
    return sorted(text for split in dataset.splits.values() for text in decode_text(dataset.spec, split.x))


def _told(dataset):
    return " ".join(note.text for note in dataset.notes)


@pytest.mark.parametrize("separator", list("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r"))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_newlines_end_a_line(tmp_path, separator, end):
    path = tmp_path / "t.txt"
    path.write_bytes(end.join(f"line {number}{separator}goes on" for number in range(30)).encode())
    dataset = _load(path)
    assert _texts(dataset) == sorted(f"line {number} goes on" for number in range(30))
    assert "in 30 white space became single spaces" in _told(dataset)
    if separator != "\r":
        assert len(_texts(_load(path, line_ends="any"))) == 60


@given(st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"])), min_size=1), st.booleans())
def test_lines_are_what_was_joined(lines, ends):
    text = "\n".join(lines) + "\n" * ends
    expected = lines if ends or lines[-1] else lines[:-1]
    assert split_lines(text) == split_lines(text.replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8", codecs.BOM_UTF8), ("utf-16", b""), ("latin-1", b""), ("cp1252", b"")],
    ids=["utf-8", "utf-8 with a mark", "utf-16", "latin-1", "windows-1252"],
)
def test_texts_of_every_encoding_are_the_same(tmp_path, encoding, mark):
    path = tmp_path / "t.txt"
    path.write_bytes(mark + "\n".join(LINES).encode(encoding))
    dataset = _load(path)
    assert _texts(dataset) == sorted(LINES)
    assert ("Latin-1" in _told(dataset)) is (encoding in ("latin-1", "cp1252"))


def test_a_file_of_utf8_with_damaged_bytes_is_not_read_as_other_letters(tmp_path):
    path = tmp_path / "t.txt"
    content = "\n".join(LINES).encode()
    path.write_bytes(content.replace("straße 2".encode(), b"stra\xdfe 2", 1))
    with pytest.raises(UserFileError, match=r"one encoding\. Received: UTF-8, but for 1 bytes, the first on line 10\b"):
        _load(path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(40), b"a\0b\nc", b"\xff\xfe\x00"])
def test_what_is_no_text_is_one_line(tmp_path, content):
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(UserFileError, match=r"must be a text in UTF-8") as raised:
        _load(path)
    assert "\n" not in str(raised.value)


def test_carriage_returns_alone_are_told(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("\r".join(LINES).encode())
    with pytest.raises(UserFileError, match="carriage returns alone"):
        _load(path)


def test_empty_lines_are_counted(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("\n \n".join(LINES) + "\n\n\n")
    assert f"{len(LINES):,} of {2 * len(LINES) + 1:,} lines used; {len(LINES) + 1:,} empty left out" in _told(_load(path))


@pytest.mark.parametrize("form", ["NFC", "NFKC", "none"])
def test_new_texts_are_read_in_the_unicode_form_of_the_training_texts(tmp_path, form):
    path = tmp_path / "t.txt"
    path.write_text(unicodedata.normalize("NFD", "\n".join(LINES)))
    dataset = _load(path, normalization=form)
    assert dataset.spec.normalization == form
    apart, together = (encode_text(dataset.spec, [unicodedata.normalize(each, "café")]) for each in ("NFD", "NFC"))
    assert np.array_equal(apart, together) is (form != "none")
    assert ("rewritten to" in _told(dataset)) is (form != "none")


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_cleaning_twice_is_cleaning_once(text):
    once = clean_text(text, "NFC")
    assert clean_text(once, "NFC") == once


def _objects(path, objects):
    path.write_text("\n".join(json.dumps(one) if one is not None else "" for one in objects) + "\n")
    return path


def test_objects_have_their_text_in_a_field_and_the_others_are_told(tmp_path):
    ids = range(len(LINES))
    path = _objects(tmp_path / "t.jsonl", [{"id": f"n{n}", "text": line} for n, line in zip(ids, LINES, strict=True)])
    dataset = _load(path)
    assert _texts(dataset) == sorted(LINES)
    assert "the texts are the field 'text' (data.text_field); left out: id (1)" in _told(dataset)
    assert _texts(_load(path, text_field="id")) == sorted(f"n{n}" for n in ids)


def test_the_only_field_of_strings_is_the_text(tmp_path):
    path = _objects(tmp_path / "t.ndjson", [{"n": n, "quote": f"{line}\nand on"} for n, line in enumerate(LINES)] + [None])
    dataset = _load(path)
    assert _texts(dataset) == sorted(f"{line} and on" for line in LINES)
    assert "1 empty left out" in _told(dataset)


@pytest.mark.parametrize(
    ("objects", "settings", "message"),
    [
        ([{"a": "x", "b": "y"}] * 9, {}, r"Received: strings in a, b; fields are a, b\."),
        ([{"a": 1}] * 9, {}, r"fields are a\."),
        ([{"text": "x"}] * 9, {"text_field": "body"}, r"Received: body; fields are text\."),
        ([{"text": "x"}, {"text": 3}], {}, r"'text' must be a text in every object\. Received: int on line 2"),
        ([{"text": "half \ud800"}] * 9, {}, r"half of one"),
    ],
)
def test_objects_without_a_text_are_refused(tmp_path, objects, settings, message):
    with pytest.raises(UserValueError, match=message):
        _load(_objects(tmp_path / "t.jsonl", objects), **settings)


@pytest.mark.parametrize("line", ["{", "[1]", "7", "[" * 100_000])
def test_lines_that_are_no_objects_are_named(tmp_path, line):
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a"}\n' + line)
    with pytest.raises(UserFileError, match=r"line 2 must be a JSON object") as raised:
        _load(path)
    assert len(str(raised.value)) < 500


def test_files_of_a_folder_are_texts(tmp_path):
    for number, line in enumerate(LINES):
        file = tmp_path / f"part{number % 2}" / f"{number:02}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(line.replace(" ", "\n"))
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    (tmp_path / "empty.txt").write_text("\n")
    dataset = _load(tmp_path)
    assert _texts(dataset) == sorted(LINES)
    assert "left out: 1 .pdf" in _told(dataset)
    assert "60 of 61 files used; 1 empty left out" in _told(dataset)
    split = dataset.split("test")
    assert [decode_text(dataset.spec, split.x[:1])[0]] == [(tmp_path / split.names[0]).read_text().replace("\n", " ")]
    everything = load_examples(DataConfig(dataset=f"text:{tmp_path}", max_length=32))
    assert list(everything.split("train").names) == sorted(everything.split("train").names)


def test_folders_of_splits_are_splits(tmp_path):
    for split in ("train", "val", "test"):
        (tmp_path / split).mkdir()
        for number in range(12):
            (tmp_path / split / f"{number}.txt").write_text(f"{split} of train val test {number}")
    dataset = _load(tmp_path)
    assert {name: {text.split()[0] for text in decode_text(dataset.spec, part.x)} for name, part in dataset.splits.items()} == {
        "train": {"train"}, "validation": {"val"}, "test": {"test"},
    }  # fmt: skip


def test_a_folder_without_texts_is_refused(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(UserFileError, match=r"must contain texts, one a file .* Received: 1 \.pdf"):
        _load(tmp_path)


@pytest.mark.parametrize("tokens", ["characters", "subwords"])
def test_new_texts_are_read_by_the_vocabulary_that_was_trained_on(tmp_path, tokens):
    path, other = tmp_path / "t.txt", tmp_path / "other.txt"
    path.write_text("\n".join(LINES))
    other.write_text("\n".join(["straße 1", "Ω 2", "e" * 40]))
    trained = _load(path, tokens=tokens).spec
    found = load_examples(DataConfig(dataset=f"text:{other}", max_length=9, tokens=tokens), trained)
    assert (found.spec.vocabulary, found.spec.event_shape) == (trained.vocabulary, trained.event_shape)
    np.testing.assert_array_equal(found.split("train").x, encode_text(trained, ["straße 1", "Ω 2", "e" * 40]))
    assert "are not in the vocabulary and are read as unknown" in _told(found)
    assert ("'Ω'" in _told(found)) is (tokens == "characters")


def test_the_runs_own_texts_are_the_same_data_when_they_are_read_again(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("\n".join(LINES))
    first = _load(path)
    again = load_dataset(DataConfig(dataset=f"text:{path}", max_length=32), first.spec)
    assert again.spec == first.spec


def test_a_small_vocabulary_is_told_with_the_setting(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("\n".join(LINES))
    (note,) = [note for note in _load(path, vocabulary_size=8).notes if note.is_warning]
    assert note.text.endswith("data.vocabulary_size.")


def test_bytes_in_memory_are_utf8_or_refused():
    with in_memory([line.encode() for line in LINES]):
        assert _texts(load_dataset(DataConfig(dataset="memory:t", max_length=32))) == sorted(LINES)
    with in_memory([b"fine", b"stra\xdfe"]), pytest.raises(UserValueError, match=r"UTF-8\. Received: b'stra\\xdfe' in row 1"):
        load_dataset(DataConfig(dataset="memory:t"))


def test_labels_of_texts_are_not_dropped_in_silence():
    with in_memory((LINES, list(range(len(LINES))))):
        dataset = load_dataset(DataConfig(dataset="memory:t", max_length=32))
    assert "Labels of texts are not used" in _told(dataset)


def test_a_field_goes_with_objects_only(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("\n".join(LINES))
    with pytest.raises(UserValueError, match=r"data\.text_field goes with JSON objects"):
        _load(path, text_field="text")
    with pytest.raises(ValueError, match="text_field goes with text:FILE"):
        DataConfig(dataset="digits", text_field="text")


def test_runs_that_were_written_before_read_their_texts_as_they_did(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(unicodedata.normalize("NFD", "\x0c".join(LINES)))
    dataset = load_dataset(DataConfig(**{**RECORDED["data"], "dataset": f"text:{path}", "max_length": 32}))
    assert _texts(dataset) == sorted(unicodedata.normalize("NFD", line) for line in LINES)
