"""The account of a TFDS data set: which of its examples and features are used, what is left out, what is done to pictures."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from vae_tf.config import DataConfig
from vae_tf.data.notes import Note, describe_limit
from vae_tf.data.tfds_splits import Piece, describe, num_examples

__all__ = ["describe_pictures", "describe_used"]


def describe_used(
    builder: Any, pieces: Mapping[str, list[Piece]], used: Collection[str | None], config: DataConfig
) -> Iterator[Note]:
    """Say which examples and features are used, and which splits and features are left out.

    Args:
        builder: the TFDS builder.
        pieces: what every split reads, before the limit.
        used: names of the features that are read; None among them is none.
        config: its `limit`.
    """
    info = builder.info
    ranges = ", ".join(f"{name} is {describe(parts) or 'empty'}" for name, parts in pieces.items())
    features = [str(key) for key in info.features]
    taken = [key for key in features if key in used]
    yield Note(f"{info.full_name}, in {builder.data_path}: {ranges}. Of its features {' and '.join(taken)} {_are(taken)} used.")
    read = {piece.split for parts in pieces.values() for piece in parts}
    splits = [f"the split {name} ({split.num_examples:,} examples)" for name, split in info.splits.items() if name not in read]
    left_out = [*splits, *(f"the feature {key}" for key in features if key not in taken)]
    if left_out:
        yield Note(f"Left out of {info.full_name}: {', '.join(left_out)}.")
    yield from describe_limit({name: num_examples(parts) for name, parts in pieces.items()}, config.limit)


def _are(names: Collection[str]) -> str:
    return "is" if len(names) == 1 else "are"


def describe_pictures(
    shape: tuple[int | None, int | None, int], event_shape: tuple[int, int, int], config: DataConfig
) -> Iterator[Note]:
    """Say what is done to the pictures of a data set.

    Args:
        shape: height, width and channels as the data set says them; None where they differ.
        event_shape: what they become.
        config: `resize`, `fit`, `alpha` and `background`.

    Example:
        >>> for note in describe_pictures((None, None, 4), (8, 8, 3), DataConfig(dataset="toy", resize=(8, 8))):
        ...     print(note.text)
        Pictures of several sizes are resized to 8x8 (data.resize); other proportions: data.fit=pad.
        Pictures may be transparent, and lie on white (data.alpha=flatten, data.background).
    """
    if shape[:2] != event_shape[:2]:
        before = "several sizes" if None in shape else "{}x{}".format(*shape)
        height, width, _ = event_shape
        how = f"resized to {height}x{width} (data.resize); other proportions: data.fit={config.fit}"
        yield Note(f"Pictures of {before} are {how}.")
    if shape[2] == 4 and event_shape[2] == 3:
        on = f"lie on {config.background} (data.alpha=flatten, data.background)"
        yield Note(f"Pictures may be transparent, and {on}.", is_warning=True)
