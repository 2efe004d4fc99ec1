"""`text:PATH`, TFDS texts and texts in memory: one text an example, as rows of token numbers."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.copies import groups_of_lines
from vae_tf.data.notes import Note, describe_limit, few
from vae_tf.data.partition import Traits, fill_splits
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.data.text_files import Texts, clean_text, clean_texts, read_texts, split_lines
from vae_tf.errors import UserValueError
from vae_tf.parts.choices import Choice

__all__ = [
    "UNKNOWN",
    "Tokens",
    "decode_text",
    "describe_texts",
    "divide_texts",
    "encode_text",
    "lengths_of",
    "load_text",
    "make_text_dataset",
    "settle_length",
    "tokens_of",
]

END, UNKNOWN = 0, 1
_SPECIAL = ("", "\N{REPLACEMENT CHARACTER}")
"""Token 0 ends a text and fills what is behind it; token 1 stands for what the vocabulary does not have."""
_WHOLE = 0.99
"""Share of the training texts that are not cut, where the data choose the length."""
_LONGEST = 512
"""Tokens of a text, at most, where the data choose: a network that goes along them takes time in proportion."""
_USUAL = 64
"""Tokens of a text that others are compared with in time; what a configuration keeps where there are no texts."""
_SPACE = "\u2581"
"""How a subword says that a space is before it."""


class Tokens(NamedTuple):
    """Texts as rows of token numbers, and what did not go into them.

    Attributes:
        x: float32 [N, max_length].
        lengths: tokens of every text before it is cut, int [N].
        unknown: characters that the vocabulary does not have, of characters; empty where tokens are subwords.
    """

    x: np.ndarray
    lengths: np.ndarray
    unknown: tuple[str, ...] = ()


def load_text(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load texts: the lines of a file, JSON objects, or the files of a folder; empty ones are left out.

    Args:
        config: `dataset` is `text:PATH`; `tokens`, `vocabulary_size` and `max_length` say how texts become numbers,
            `text_field`, `normalization` and `line_ends` how they are read.
        known: data that a model was trained on: its vocabulary and length are used.

    Returns:
        Splits in memory: float32 token numbers [N, max_length], 0 from the end of the text on.

    Raises:
        UserFileError: the file is missing or no text.
        UserValueError: it has no lines.
    """
    return divide_texts(read_texts(existing_path(config.dataset), config), config, known)


def divide_texts(read: Texts, config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Cut the splits that are missing off the training texts, and turn all into tokens.

    Args:
        read: clean texts of `train`, and of the other splits where there are such.
        config: shares, limit, tokens, vocabulary size, length.
        known: data that a model was trained on.

    Raises:
        UserValueError: there is no text to train on.
    """
    whole = [text for part in read.texts.values() for text in part]
    names = [name for part in read.names.values() for name in part]
    starts = np.cumsum([0, *map(len, read.texts.values())])
    rows = {split: start + np.arange(len(part)) for (split, part), start in zip(read.texts.items(), starts, strict=False)}
    if not len(rows["train"]):
        raise UserValueError(f"{config.dataset} must have lines to train on. Received: none.")
    cut = fill_splits(rows, config, Traits(equal=lambda: groups_of_lines(whole)))
    kept = {split: part[: config.limit] for split, part in cut.rows.items()}
    dataset = _dataset({split: [whole[row] for row in part] for split, part in kept.items()}, config, known)
    notes = (*read.notes, *cut.notes, *dataset.notes)
    return replace(dataset, splits=_named(dataset.splits, names, kept), cut=cut.names, notes=notes)


def _named(splits: Mapping[str, Any], names: Sequence[str], rows: Mapping[str, np.ndarray]) -> Mapping[str, ArraySplit]:
    """Give the texts the names of their files, if they have such."""
    if not names:
        return splits
    return {split: replace(part, names=tuple(names[row] for row in rows[split])) for split, part in splits.items()}


def make_text_dataset(texts: Mapping[str, Sequence[str]], config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Make a dataset of the lines of each split; the vocabulary is that of the training lines.

    Args:
        texts: split to texts, which are cut into lines.
        config: tokens, vocabulary size, length, limit.
        known: data that a model was trained on: its vocabulary and length are used.

    Raises:
        UserValueError: there is no line to train on.
    """
    lines = {name: [line for text in part for line in split_lines(text, config.line_ends)] for name, part in texts.items()}
    read = clean_texts(lines, config, "lines")
    if not read.texts["train"]:
        raise UserValueError(f"{config.dataset} must have lines to train on. Received: none.")
    dataset = _dataset({name: part[: config.limit] for name, part in read.texts.items()}, config, known)
    limited = describe_limit({name: len(part) for name, part in read.texts.items()}, config.limit)
    return replace(dataset, notes=(*read.notes, *limited, *dataset.notes))


def _dataset(texts: Mapping[str, Sequence[str]], config: DataConfig, known: DatasetSpec | None) -> Dataset:
    """Turn clean texts of every split into tokens."""
    known = known if known and known.is_text else None
    own = {"name": config.dataset, "fingerprint": ""}
    spec = known.model_copy(update=own) if known else _spec(texts["train"], config)
    found = {name: tokens_of(spec, part) for name, part in texts.items()}
    splits = {name: ArraySplit(part.x, np.full(len(part.x), NO_LABEL), sizes=_sizes(part)) for name, part in found.items()}
    is_full = not known and len(spec.vocabulary) >= config.vocabulary_size
    cure = "data.vocabulary_size" if is_full else "the training texts do not have them"
    return Dataset(spec, splits, notes=tuple(describe_texts(spec, found.values(), cure)))


def _sizes(tokens: Tokens) -> np.ndarray:
    """Return how many tokens of every text are gone along: its own and its end, where there is room for it."""
    return np.minimum(tokens.lengths + 1, tokens.x.shape[1])


def _spec(train: Sequence[str], config: DataConfig) -> DatasetSpec:
    """Describe texts by those that are trained on: vocabulary, tokenizer, length."""
    make = _characters if config.tokens == "characters" else _subwords
    vocabulary, tokenizer = make(train, config.vocabulary_size)
    text: dict[str, Any] = {"value_support": "token", "vocabulary": vocabulary, "tokenizer": tokenizer}
    spec = DatasetSpec(name=config.dataset, event_shape=(1,), normalization=config.normalization, **text)
    length = _length(spec, train) if config.max_length == "auto" else config.max_length
    return spec.model_copy(update={"event_shape": (length,)})


def describe_texts(spec: DatasetSpec, parts: Iterable[Tokens], cure: str) -> Iterator[Note]:
    """Say how many texts were cut, and how many tokens are not in the vocabulary.

    Args:
        spec: of the texts.
        parts: all of them.
        cure: why a vocabulary lacks something, or the setting that changes it.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="token", vocabulary=("", "?", "a"))
        >>> for note in describe_texts(spec, [tokens_of(spec, ["aaa", "ab"])], "new"):
        ...     print(note.text)
        1 of 2 texts are cut to the 2 tokens of data.max_length: the longest has 3 (data.max_length=4 keeps all whole).
        1 of 4 tokens, in 1 of 2 texts, are not in the vocabulary and are read as unknown ('b'): new.
    """
    parts = list(parts)
    lengths, length = np.concatenate([part.lengths for part in parts]), spec.event_shape[0]
    num_cut, longest = int((lengths > length).sum()), int(lengths.max(initial=0))
    if num_cut:
        yield Note(
            f"{num_cut:,} of {len(lengths):,} texts are cut to the {length} tokens of data.max_length: the longest has "
            f"{longest:,} (data.max_length={longest + 1} keeps all whole).",
            is_warning=True,
        )
    elif len(lengths):
        yield Note(f"0 of {len(lengths):,} texts are cut: the longest has {longest:,} tokens, of {length:,} (data.max_length).")
    is_unknown = np.concatenate([part.x for part in parts]) == UNKNOWN
    if is_unknown.any():
        letters = sorted({letter for part in parts for letter in part.unknown})
        named = f" ({few([repr(letter) for letter in letters])})" if letters else ""
        yield Note(
            f"{int(is_unknown.sum()):,} of {int(np.minimum(lengths, length).sum()):,} tokens, in "
            f"{int(is_unknown.any(axis=1).sum()):,} of {len(lengths):,} texts, are not in the vocabulary and are read as "
            f"unknown{named}: {cure}.",
            is_warning=True,
        )


def _length(spec: DatasetSpec, lines: Sequence[str]) -> int:
    """Return the tokens that nearly all texts and their ends have room in."""
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
    length = spec.num_dims if spec.is_text else _USUAL
    because = f"{_LONGEST} at most: longer texts are cut" if length == _LONGEST else "99 of 100 texts are whole"
    if length >= 2 * _USUAL:
        because += f"; a step takes about {length / _USUAL:.0f} times as long as of {_USUAL} tokens"
    chosen = [Choice(length, because, "data.max_length")] if spec.is_text else []
    return config.model_copy(update={"max_length": length}), chosen


def encode_text(spec: DatasetSpec, texts: Iterable[str]) -> np.ndarray:
    """Turn texts into token numbers, float32 [N, max_length]: cut where they are longer, 0 behind their end.

    They are cleaned as the training texts were: in the same Unicode form, white space as single spaces.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(4,), value_support="token", vocabulary=("", "?", "a", "b"))
        >>> encode_text(spec, ["ab", "abcab"]).tolist()
        [[2.0, 3.0, 0.0, 0.0], [2.0, 3.0, 1.0, 2.0]]
    """
    return tokens_of(spec, [clean_text(text, spec.normalization) for text in texts]).x


def tokens_of(spec: DatasetSpec, texts: Iterable[str]) -> Tokens:
    """Turn clean texts into token numbers, and say what is cut and what is unknown; see `encode_text`."""
    encode, length, texts = _encoder(spec), spec.event_shape[0], list(texts)
    rows = [encode(text) for text in texts]
    x = np.zeros((len(rows), length), np.float32)
    for row, tokens in enumerate(rows):
        x[row, : len(tokens)] = tokens[:length]
    unknown = () if spec.tokenizer else tuple(sorted({*"".join(text[:length] for text in texts)} - {*spec.vocabulary}))
    return Tokens(x, np.array([len(tokens) for tokens in rows], np.int64), unknown)


def lengths_of(x: np.ndarray) -> np.ndarray:
    """Return the tokens before the first 0 of token numbers [N, length], int [N].

    Example:
        >>> lengths_of(np.array([[2, 3, 0, 3], [2, 2, 2, 2]])).tolist()
        [2, 4]
    """
    is_end = np.asarray(x) == END
    return np.where(is_end.any(axis=1), is_end.argmax(axis=1), is_end.shape[1])


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
