"""Texts in the graph: the Unicode form and the spaces of the training texts; what `vae_tf.data.text_files.clean_text` does."""

import re
import unicodedata
from collections.abc import Iterator

import tensorflow as tf

from vae_tf.data.spec import DatasetSpec

__all__ = ["clean_strings"]

_SPACE = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]+"
"""What `str.split` takes for white space, for RE2."""


def clean_strings(texts: tf.Tensor, spec: DatasetSpec) -> tf.Tensor:
    r"""Return strings [B] with single spaces, none around them, and the vocabulary's letters in their composed form.

    A letter that is written as a base and marks becomes the one of the vocabulary. What `NFKC` does beyond that, it does to
    training texts alone.

    Example:
        >>> text = {"value_support": "token", "vocabulary": ("", "?", "\u00e9"), "normalization": "NFC"}
        >>> spec = DatasetSpec(name="toy", event_shape=(4,), **text)
        >>> clean_strings(tf.constant([" e\u0301 \t."]), spec).numpy()[0].decode() == "\u00e9 ."
        True
    """
    for apart, composed in _compositions(spec):
        texts = tf.strings.regex_replace(texts, re.escape(apart), composed)
    return tf.strings.strip(tf.strings.regex_replace(texts, _SPACE, " "))


def _compositions(spec: DatasetSpec) -> Iterator[tuple[str, str]]:
    """Give the ways to write the vocabulary's letters as several, longest first, and the letters."""
    if spec.normalization == "none":
        return
    ways: dict[str, str] = {}
    for letter in spec.vocabulary:
        if len(letter) == 1 and (whole := unicodedata.normalize("NFD", letter)) != letter:
            last = unicodedata.normalize("NFC", whole[:-1]) + whole[-1]
            ways |= {way: letter for way in (whole, last) if unicodedata.normalize("NFC", way) == letter}
    yield from sorted(ways.items(), key=lambda item: -len(item[0]))
