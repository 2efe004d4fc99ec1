"""Which examples of a TFDS dataset each split reads: absolute ranges, checked not to overlap."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import tensorflow_datasets as tfds

from vae_tf.config import DataConfig
from vae_tf.data.partition import held_out_sizes
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.errors import UserValueError

__all__ = ["Piece", "describe", "first_pieces", "num_examples", "resolve_splits"]


class Piece(NamedTuple):
    """Examples `start` to `stop` (not included) of a split of the source.

    Example:
        >>> describe([Piece("train", 0, 50), Piece("test", 5, 9)])
        'train[0:50]+test[5:9]'
    """

    split: str
    start: int
    stop: int


def describe(pieces: list[Piece]) -> str:
    """Write pieces as a TFDS split expression."""
    return "+".join(f"{piece.split}[{piece.start}:{piece.stop}]" for piece in pieces)


def num_examples(pieces: list[Piece]) -> int:
    """Return how many examples the pieces hold.

    Example:
        >>> num_examples([Piece("train", 0, 50), Piece("test", 5, 9)])
        54
    """
    return sum(piece.stop - piece.start for piece in pieces)


def first_pieces(pieces: list[Piece], count: int) -> list[Piece]:
    """Return the pieces of the first `count` examples.

    Example:
        >>> first_pieces([Piece("train", 0, 50), Piece("test", 5, 9)], 51)
        [Piece(split='train', start=0, stop=50), Piece(split='test', start=5, stop=6)]
    """
    kept = []
    for piece in pieces:
        size = min(count, piece.stop - piece.start)
        if size > 0:
            kept.append(piece._replace(stop=piece.start + size))
        count -= size
    return kept


def resolve_splits(available: Mapping[str, Any], config: DataConfig) -> dict[str, list[Piece]]:
    """Find what `train`, `validation` and `test` read.

    An expression of `config.splits` decides; else the split of the same name; else the end of the training split.

    Args:
        available: TFDS split infos by name.
        config: `splits`, `validation_fraction`, `test_fraction`.

    Returns:
        The pieces of each split, in reading order.

    Raises:
        UserValueError: an expression is wrong, selects nothing, or reads what another one reads; or there is no
            training split.
    """
    wanted = {str(name): text for name, text in (config.splits or {}).items()}
    expressions = {name: wanted.get(name, name) for name in SPLIT_NAMES if name in wanted or name in available}
    if "train" not in expressions:
        raise UserValueError(
            f"{config.dataset} has no split 'train', only {', '.join(available)}. "
            f"Say which examples to train on, e.g. --set data.splits.train='{next(iter(available))}[:80%]'."
        )
    pieces = {name: _absolute(name, text, available, config) for name, text in expressions.items()}
    _refuse_overlap(pieces, expressions)
    return _carve(pieces, config)


def _absolute(name: str, text: str, available: Mapping[str, Any], config: DataConfig) -> list[Piece]:
    """Make a TFDS split expression into pieces."""
    try:
        parts = tfds.core.ReadInstruction.from_spec(text).to_absolute(available)
    except (ValueError, AssertionError, NotImplementedError, KeyError) as error:
        reason = str(error).strip().splitlines()[-1]
        known = ", ".join(f"{split} ({info.num_examples} examples)" for split, info in available.items())
        raise UserValueError(
            f"data.splits.{name} must be a split expression over the splits of {config.dataset}: {known}. "
            f"Received: {text!r} ({reason.rstrip('.')})."
        ) from error
    pieces = [Piece(p.splitname, p.from_ or 0, _stop(p.to, available[p.splitname])) for p in parts]
    pieces = [piece for piece in pieces if piece.stop > piece.start]
    if not pieces:
        raise UserValueError(f"data.splits.{name} must select at least one example. Received: {text!r}.")
    return pieces


def _stop(stop: int | None, info: Any) -> int:
    return info.num_examples if stop is None else stop


def _refuse_overlap(pieces: dict[str, list[Piece]], expressions: dict[str, str]) -> None:
    """Raise if any example is read twice, in one split or in two."""
    owned = [(name, piece) for name, parts in pieces.items() for piece in parts]
    for (name, piece), (other, later) in combinations(owned, 2):
        shared = min(piece.stop, later.stop) - max(piece.start, later.start)
        if piece.split == later.split and shared > 0:
            received = ", ".join(f"{key}: {expressions[key]!r}" for key in dict.fromkeys((name, other)))
            raise UserValueError(
                f"data.splits must not read an example twice: {shared} examples of {piece.split!r} are in "
                f"{' and in '.join((name, other))}. Received: {received}. Give every split its own part under data.splits."
            )


def _carve(pieces: dict[str, list[Piece]], config: DataConfig) -> dict[str, list[Piece]]:
    """Cut the splits that are missing off the end of the training pieces."""
    missing = tuple(name for name in SPLIT_NAMES[1:] if name not in pieces)
    train, total = pieces["train"], num_examples(pieces["train"])
    sizes = held_out_sizes(total, missing, config) if missing else {}
    for name, size in sizes.items():
        total -= size
        pieces[name], train = _last_pieces(train, total), first_pieces(train, total)
    pieces["train"] = train
    return {name: pieces[name] for name in SPLIT_NAMES}


def _last_pieces(pieces: list[Piece], skip: int) -> list[Piece]:
    """Return the pieces after the first `skip` examples."""
    kept = []
    for piece in pieces:
        skipped = min(skip, piece.stop - piece.start)
        if piece.start + skipped < piece.stop:
            kept.append(piece._replace(start=piece.start + skipped))
        skip -= skipped
    return kept
