"""Texts of every writing come back as they went in: through tokens, through files of all forms, in either Unicode form."""

import csv
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vae_tf.cli.texts import write_records
from vae_tf.config import DataConfig
from vae_tf.data import decode_text, encode_text
from vae_tf.data.examples import text_column
from vae_tf.data.text import make_text_dataset
from vae_tf.data.text_files import clean_text, read_texts

MARKS = "e\u0301\u0323\u0308\u0327a\u030a\u1e69"
RIGHT_TO_LEFT = "\u0645\u0631\u062d\u0628\u0627\u064b\u05e9\u05c1\u05dc\u05d5\u05dd\u200f\u202b\u2067\u2069"
EAST = "\u4f60\u597d\u3053\u3093\u306b\u3061\u306f\uac00\u1100\u1161\u304c\u3099\u20bb7\u3002\uff01"
JOINED = "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea\u0e33\u0915\u094d\u0937\ufe0f\u00ad"
MARKED_UP = "<b>&amp;\"',;=+-@{}[]\\|\u00a0\u2028"
TEXT = st.text(MARKS + RIGHT_TO_LEFT + EAST + JOINED + MARKED_UP + " ", min_size=1, max_size=30)


def _spec(texts, normalization):
    config = DataConfig(dataset="memory:nasty", normalization=normalization, max_length=100)
    return make_text_dataset({"train": texts}, config).spec


def _cleaned(texts, normalization):
    return [found for text in texts if (found := clean_text(text, normalization))]


@settings(max_examples=60)
@given(st.lists(TEXT, min_size=1, max_size=4), st.sampled_from(["NFC", "NFKC", "none"]))
@example(["\u05e9\u05c1\u05dc\u05d5\u05dd, \u0645\u0631\u062d\u0628\u0627", "=1+1", '"'], "NFC")
@example(["e\u0301", "\u00e9"], "none")
def test_texts_come_back_from_tokens_and_files(texts, normalization):
    want = _cleaned(texts, normalization)
    if not want:
        return
    spec = _spec(texts, normalization)
    x = encode_text(spec, texts)
    assert [text for text in decode_text(spec, x) if text] == want
    form = DataConfig(dataset="text:x", normalization=normalization)
    with TemporaryDirectory() as folder:
        for suffix in (".txt", ".jsonl"):
            path = Path(folder, f"texts{suffix}")
            write_records(path, {"number": range(len(want)), "text": want})
            assert read_texts(path, form).texts["train"] == want
        write_records(Path(folder, "texts.csv"), text_column(spec, encode_text(spec, want)))
        with Path(folder, "texts.csv").open(encoding="utf-8", newline="") as file:
            assert [row["text"] for row in csv.DictReader(file)] == want


@given(TEXT)
def test_forms_are_one_where_they_are_composed_and_apart_where_they_are_kept(text):
    written = {form: unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    if not text.strip() or not text.split():
        return
    composed, kept = (_spec([*written.values()], normalization) for normalization in ("NFC", "none"))
    as_nfc, as_nfd = encode_text(composed, written.values())
    assert as_nfc.tolist() == as_nfd.tolist()
    assert decode_text(kept, encode_text(kept, written.values())) == [clean_text(one, "none") for one in written.values()]
    is_same = clean_text(written["NFC"], "none") == clean_text(written["NFD"], "none")
    as_nfc, as_nfd = encode_text(kept, written.values())
    assert (as_nfc.tolist() == as_nfd.tolist()) == is_same


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv"])
def test_a_text_a_row_whatever_is_in_it(tmp_path, suffix):
    path = tmp_path / f"it{suffix}"
    write_records(path, {"text": ["a,b", 'say "a"', "", "\u2067x\u2069"]})
    assert path.read_text("utf-8").count("\n") == (5 if suffix == ".csv" else 4)
