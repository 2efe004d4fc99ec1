"""What a served model is, found out by its signatures alone: what its examples are, and what its code is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vae_tf.serving import Client
from vae_tf.serving.tables import ask_columns
from vae_tf.serving.transports import Field

__all__ = ["Block", "Description", "describe", "drawn_inputs", "fields_of_x"]

Noun = Literal["picture", "text", "series", "row", "table"]
Values = Literal["continuous", "categorical", "binary"]
_NUM_PROBED = 32
_CENTRES = {"loc": "scale", "center": "base_scale", "probs": None}
"""Parameters of q(z|x) that are a block's mean, and what its spread is called beside them."""


@dataclass(frozen=True)
class Block:
    """A part of the code.

    Attributes:
        name: of the block; empty where there is one alone.
        values: numbers on the real line, variables of several classes, or bits.
        start: where it begins in z.
        size: how many numbers of z it is.
        num_classes: of every variable; 1 where there are none.
        centre: the output of `encode` that is its mean; empty where none is.
        spread: the output that is its standard deviation; empty where there is none.
    """

    name: str
    values: Values
    start: int
    size: int
    num_classes: int = 1
    centre: str = ""
    spread: str = ""


@dataclass(frozen=True)
class Description:
    """What the page must know of a model.

    Attributes:
        noun: what an example is.
        shape: of the input `x`; empty for a table, whose columns are inputs of their own.
        white: the raw value of white.
        size: numbers of z.
        blocks: what z is made of.
        columns: of a table or row, input to the column's own name.
        words: inputs that take words, not numbers.
        signatures: what can be asked: signature name to the names of its inputs.
        outputs: the same of its outputs.
    """

    noun: Noun
    shape: tuple[int, ...]
    white: float
    size: int
    blocks: tuple[Block, ...]
    columns: dict[str, str]
    words: tuple[str, ...]
    signatures: dict[str, list[str]]
    outputs: dict[str, list[str]]


def describe(client: Client, white: float | None = None) -> Description:
    """Ask a model what it is.

    Args:
        client: of the model.
        white: the raw value of white, where it is known; else it is guessed from what the model makes.

    Raises:
        UserValueError: the model lacks `encode` or `decode`: it is none of ours.
        ServingError: it does not answer.
    """
    decode = client.fields("decode")
    (size,) = decode.inputs["z"].shape[1:]
    inputs = fields_of_x(client)
    shape = tuple(length or 0 for length in inputs["x"].shape[1:]) if "x" in inputs else ()
    probe = drawn_inputs(client, _NUM_PROBED)
    made = probe.get("x")
    found = client.signatures()
    return Description(
        noun=_noun_of(shape, decode.outputs),
        shape=shape,
        white=white or (255.0 if made is not None and made.dtype != object and float(np.max(made)) > 1.5 else 1.0),
        size=size or 0,
        blocks=_blocks(client, probe, [*inputs], size or 0),
        columns=_columns(client, inputs),
        words=tuple(name for name, field in inputs.items() if field.dtype is object),
        signatures={name: sorted(fields.inputs) for name, fields in found.items()},
        outputs={name: sorted(fields.outputs) for name, fields in found.items()},
    )


def fields_of_x(client: Client) -> dict[str, Field]:
    """Return the inputs of `encode` that are an example: all but its label."""
    return {name: field for name, field in client.fields("encode").inputs.items() if name != "label"}


def _noun_of(shape: tuple[int, ...], decoded: Mapping[str, Any]) -> Noun:
    if "text" in decoded:
        return "text"
    if len(shape) == 3 and shape[-1] in (1, 3, 4):
        return "picture"
    nouns: dict[int, Noun] = {0: "table", 2: "series"}
    return nouns.get(len(shape), "row")


def drawn_inputs(client: Client, num: int) -> dict[str, np.ndarray]:
    """Return so many draws of the model as inputs of `encode`; nothing where it makes nothing that `encode` takes."""
    names = [*fields_of_x(client)]
    if "sample" not in client.signatures() or set(names) - set(client.fields("sample").outputs):
        return {}
    made = client.predict("sample", {"seed": np.arange(num), "temperature": np.ones(num)})
    return {name: made[name] for name in names}


def _blocks(client: Client, probe: Mapping[str, np.ndarray], names: list[str], size: int) -> tuple[Block, ...]:
    """Find where in z the parameters of q(z|x) lie: the mean repeats them, block by block."""
    taken, blocks = np.zeros(size, bool), []
    if probe:
        told = client.predict("encode", {name: probe[name] for name in names})
        mean = told.pop("mean")
        for name, value in sorted(told.items()):
            prefix, _, end = name.rpartition("_") if name not in _CENTRES else ("", "", name)
            if end not in _CENTRES or value.ndim not in (2, 3):
                continue
            start = _find(mean, value.reshape(len(value), -1), taken)
            if start is None:
                continue
            spread = f"{prefix}_{_CENTRES[end]}".lstrip("_") if _CENTRES[end] else ""
            values: Values = "continuous" if end != "probs" else "categorical" if value.ndim == 3 else "binary"
            width = int(np.prod(value.shape[1:]))
            taken[start : start + width] = True
            classes = value.shape[2] if value.ndim == 3 else 1
            blocks.append(Block(prefix, values, start, width, classes, name, spread if spread in told else ""))
    for start, stop in _free(taken):
        blocks.append(Block("", "continuous", start, stop - start))
    return tuple(sorted(blocks, key=lambda block: block.start))


def _find(mean: np.ndarray, flat: np.ndarray, taken: np.ndarray) -> int | None:
    width = flat.shape[1]
    for start in range(mean.shape[1] - width + 1):
        part = slice(start, start + width)
        if not taken[part].any() and np.allclose(mean[:, part], flat, atol=1e-4):
            return start
    return None


def _free(taken: np.ndarray) -> list[tuple[int, int]]:
    """Return the ranges of z that no parameter is found in."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], taken, [True]]).astype(int)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _columns(client: Client, inputs: Mapping[str, Field]) -> dict[str, str]:
    """Return the columns of a table, input to own name; of rows as one array or windows, their numbers to own names."""
    told = ask_columns(client, inputs)
    return (
        {str(number): one.name for number, one in enumerate(told)} if "x" in inputs else {one.input: one.name for one in told}
    )
