"""`text:PATH` and TFDS texts: one line an example, as rows of token numbers."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.copies import groups_of_lines
from vae_tf.data.partition import Traits, fill_splits
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.parts.choices import Choice

__all__ = ["decode_text", "encode_text", "load_text", "make_text_dataset", "settle_length"]

END, UNKNOWN = 0, 1
_SPECIAL = ("", "\N{REPLACEMENT CHARACTER}")
"""Token 0 ends a text and fills what is behind it; token 1 stands for what the vocabulary does not have."""
_LONGEST = 64
"""Tokens of a line, at most, where the data choose."""
_WHOLE = 0.99
"""Share of the training lines, at least, that are then not cut, where they are no longer than that."""
_SPACE = "\u2581"
"""How a subword says that a space is before it."""


def load_text(config: DataConfig) -> Dataset:
    """Load a text file, one example a line; empty lines are left out.

    Args:
        config: `dataset` is `text:PATH`; `tokens`, `vocabulary_size` and `max_length` say how lines become numbers.

    Returns:
        Splits in memory: float32 token numbers [N, max_length], 0 from the end of the line on.

    Raises:
        UserFileError: the file is missing or no UTF-8 text.
        UserValueError: it has no lines.
    """
    path = existing_path(config.dataset)
    try:
        lines = _lines(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserFileError(f"{path} must be a UTF-8 text. Received: {error}.") from error
    cut = fill_splits({"train": np.arange(len(lines))}, config, Traits(equal=lambda: groups_of_lines(lines)))
    dataset = make_text_dataset({name: [lines[row] for row in part] for name, part in cut.rows.items()}, config)
    return replace(dataset, cut=cut.names, notes=cut.notes)


def _lines(text: str) -> list[str]:
    return [stripped for line in text.splitlines() if (stripped := " ".join(line.split()))]


def make_text_dataset(texts: Mapping[str, Sequence[str]], config: DataConfig) -> Dataset:
    """Make a dataset of the lines of each split; the vocabulary is that of the training lines.

    Args:
        texts: split to texts, which are cut into lines.
        config: tokens, vocabulary size, length, limit.

    Raises:
        UserValueError: there is no line to train on.
    """
    lines = {name: [line for text in part for line in _lines(text)] for name, part in texts.items()}
    lines = {name: part[: config.limit] for name, part in lines.items()}
    if not lines["train"]:
        raise UserValueError(f"{config.dataset} must have lines to train on. Received: none.")
    make = _characters if config.tokens == "characters" else _subwords
    vocabulary, tokenizer = make(lines["train"], config.vocabulary_size)
    text = {"value_support": "token", "vocabulary": vocabulary, "tokenizer": tokenizer}
    spec = DatasetSpec(name=config.dataset, event_shape=(1,), **text)
    length = _length(spec, lines["train"]) if config.max_length == "auto" else config.max_length
    spec = spec.model_copy(update={"event_shape": (length,)})
    splits = {name: ArraySplit(encode_text(spec, part), np.full(len(part), NO_LABEL)) for name, part in lines.items()}
    return Dataset(spec, splits)


def _length(spec: DatasetSpec, lines: Sequence[str]) -> int:
    """Return the tokens that nearly all lines and their ends have room in."""
    encode = _encoder(spec)
    return min(_LONGEST, 1 + int(np.quantile([len(encode(line)) for line in lines], _WHOLE, method="inverted_cdf")))


def settle_length(config: DataConfig, spec: DatasetSpec) -> tuple[DataConfig, list[Choice]]:
    """Return the configuration with the length that lines have in a dataset, where the data chose it, and why.

    Example:
        >>> spec = DatasetSpec(name="lines", event_shape=(9,), value_support="token", vocabulary=("", "?", "a"))
        >>> settle_length(DataConfig(), spec)[0].max_length
        9
    """
    if config.max_length != "auto":
        return config, []
    length = spec.num_dims if spec.is_text else _LONGEST
    because = f"{_LONGEST} at most: longer lines are cut" if length == _LONGEST else "99 of 100 lines are whole"
    chosen = [Choice(length, because, "data.max_length")] if spec.is_text else []
    return config.model_copy(update={"max_length": length}), chosen


def encode_text(spec: DatasetSpec, texts: Iterable[str]) -> np.ndarray:
    """Turn texts into token numbers, float32 [N, max_length]: cut where they are longer, 0 behind their end.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(4,), value_support="token", vocabulary=("", "?", "a", "b"))
        >>> encode_text(spec, ["ab", "abcab"]).tolist()
        [[2.0, 3.0, 0.0, 0.0], [2.0, 3.0, 1.0, 2.0]]
    """
    encode = _encoder(spec)
    length = spec.event_shape[0]
    rows = [encode(text)[:length] for text in texts]
    x = np.zeros((len(rows), length), np.float32)
    for row, tokens in enumerate(rows):
        x[row, : len(tokens)] = tokens
    return x


def decode_text(spec: DatasetSpec, x: Any) -> list[str]:
    """Turn token numbers [N, length] into texts, each up to its first 0.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(4,), value_support="token", vocabulary=("", "?", "a", "b"))
        >>> decode_text(spec, [[2, 3, 0, 3]])
        ['ab']
    """
    texts = []
    for row in np.asarray(x).reshape(-1, spec.event_shape[0]).astype(int):
        stop = int(np.argmax(row == END)) if (row == END).any() else len(row)
        text = "".join(spec.vocabulary[token] for token in row[:stop])
        texts.append(text.replace(_SPACE, " ").strip() if spec.tokenizer else text)
    return texts


def _encoder(spec: DatasetSpec) -> Callable[[str], list[int]]:
    if spec.tokenizer:
        from tokenizers import Tokenizer  # only where subwords are used

        tokenizer = Tokenizer.from_str(spec.tokenizer)
        return lambda text: list(tokenizer.encode(text).ids)
    ids = {token: index for index, token in enumerate(spec.vocabulary)}
    return lambda text: [ids.get(character, UNKNOWN) for character in text]


def _characters(lines: Sequence[str], size: int) -> tuple[tuple[str, ...], str]:
    """Return the most frequent characters, in their own order."""
    counts: dict[str, int] = {}
    for line in lines:
        for character in line:
            counts[character] = counts.get(character, 0) + 1
    frequent = sorted(counts, key=lambda character: (-counts[character], character))[: max(1, size - len(_SPECIAL))]
    return (*_SPECIAL, *sorted(frequent)), ""


def _subwords(lines: Sequence[str], size: int) -> tuple[tuple[str, ...], str]:
    """Return the byte-pair encoding of the lines (Sennrich, Haddow, Birch 2016), by the tokenizers library."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # only where subwords are used

    tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE)
    special = ["<end>", _SPECIAL[UNKNOWN]]
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False))
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return ("", *(token for token, _ in tokens[1:])), re.sub(r"\s+", " ", tokenizer.to_str())
