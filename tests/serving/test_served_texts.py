"""Strings in a servable's graph are cleaned as texts are in Python."""

import unicodedata

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from vae_tf.data.spec import DatasetSpec
from vae_tf.data.text import encode_text
from vae_tf.data.text_files import clean_text
from vae_tf.export.texts import clean_strings

LETTERS = "abceéêếßñ≠가"
SPACES = " \t\n\x0b\x0c\r\x1c\x1f\x85\xa0\u2028\u3000"
SPEC = DatasetSpec(
    name="toy", event_shape=(8,), value_support="token", vocabulary=("", "?", *sorted(f" {LETTERS}")), normalization="NFC"
)


@given(st.lists(st.tuples(st.text(LETTERS + SPACES), st.sampled_from(["NFC", "NFD"])), min_size=1))
def test_letters_and_spaces_are_those_of_python(given_texts):
    texts = [unicodedata.normalize(form, text) for text, form in given_texts]
    cleaned = [text.decode() for text in clean_strings(tf.constant(texts), SPEC).numpy()]
    assert encode_text(SPEC, cleaned).tolist() == encode_text(SPEC, texts).tolist()
    assert cleaned == [clean_text(text, "NFC") for text in texts]


def test_servables_of_older_runs_keep_the_form_they_are_given():
    spec = SPEC.model_copy(update={"normalization": "none"})
    assert clean_strings(tf.constant(["e\u0301"]), spec).numpy()[0].decode() == "e\u0301"
