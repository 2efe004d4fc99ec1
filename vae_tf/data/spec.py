"""DatasetSpec: what a model and a client must know of the data, without the data."""

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from vae_tf.data.columns import Column
from vae_tf.data.reading import Reading

__all__ = ["FEW_PICTURES", "FEW_ROWS", "LINKED_ROWS", "MANY_ROWS", "DatasetSpec"]

FEW_ROWS = 1000
"""Training rows below which a table is small: what suits it then is chosen otherwise."""

LINKED_ROWS = 500
"""Training rows from which columns of a mixed table can be learned of each other."""

MANY_ROWS = 5000
"""Training rows from which a mixed table is large."""

_COARSE = 1e-3
"""Share of a column's deviation that the rounding of its numbers may be."""

_WIDE = 65535.0
"""The greatest value of 16 bits."""

FEW_PICTURES = 10_000
"""Training pictures below which there are few."""


class DatasetSpec(BaseModel):
    """Shape, scaling and counts of a dataset: a frozen value that is saved with the run.

    Raw values (what a client has: bytes 0-255, a table's own units) become model inputs by `x = (raw - shift) / scale`.

    Attributes:
        name: the dataset's name or specification.
        event_shape: shape of one example: (height, width, channels) or (features,).
        value_support: where x lies: {0, 1}, [0, 1] or the real line, before binarisation; counts; numbers of tokens; or what
            every column says (`mixed`: words as numbers, gaps as NaN).
        raw_range: least and greatest raw value there can be; None where unbounded.
        shift: subtracted from raw values: one number, or one a feature.
        scale: divides afterwards: one number, or one a feature.
        binarization: `none`, `threshold` (x > 0.5), or Bernoulli draws with probability x: `dynamic`, anew each time an
            example is trained on, or `static`, once and for all with a fixed seed.
        num_train: examples in the training split; likewise num_validation, num_test.
        label_names: names of the classes; empty where there are no labels.
        feature_names: names of a table's columns; empty otherwise.
        columns: what they are, where they are mixed; empty otherwise.
        missing: words that stand for an empty cell of a table, beside the usual ones.
        factor_names: names of the factors that the label counts through, the last one fastest; empty where there are none.
        factor_sizes: how many values every factor has.
        vocabulary: a text's tokens by number; 0 ends a text, 1 is anything unknown. Empty where the data are no text.
        reading: of pictures, what is done to each; None: as ever, stretched, without what is transparent.
        tokenizer: how text becomes subwords, in the JSON of the tokenizers library; empty where tokens are characters.
        normalization: the Unicode form of a text's letters: texts are brought into it before they become tokens.
        line_ends: what ends a line of text: `newline`, or `any` that Unicode knows.
        text_field: the field of JSON objects that holds the text; empty where they have one alone, or the texts are no objects.
        sheet: of a spreadsheet, the one that was asked for; empty where none was.
        fingerprint: a hash that changes when the data change.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real", shift=(1.0, 2.0), scale=(2.0, 2.0))
        >>> spec.to_model([[3.0, 2.0]])
        array([[1., 0.]], dtype=float32)
        >>> spec.to_raw([[1.0, 0.0]])
        array([[3., 2.]], dtype=float32)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    event_shape: tuple[int, ...]
    value_support: Literal["binary", "unit", "real", "count", "token", "mixed"]
    raw_range: tuple[float, float] | None = None
    shift: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    binarization: Literal["none", "threshold", "dynamic", "static"] = "none"
    num_train: int = 0
    num_validation: int = 0
    num_test: int = 0
    label_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    missing: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    vocabulary: tuple[str, ...] = ()
    tokenizer: str = ""
    reading: Reading | None = None
    normalization: Literal["none", "NFC", "NFKC"] = "none"
    line_ends: Literal["newline", "any"] = "newline"
    text_field: str = ""
    sheet: str = ""
    fingerprint: str = ""

    @property
    def is_image(self) -> bool:
        """Whether one example is (height, width, channels)."""
        return len(self.event_shape) == 3

    @property
    def has_few_pictures(self) -> bool:
        """Whether the examples are pictures, and few are trained on."""
        return self.is_image and self.num_train < FEW_PICTURES

    @property
    def is_series(self) -> bool:
        """Whether one example is (steps, features) of numbers."""
        return len(self.event_shape) == 2

    @property
    def is_table(self) -> bool:
        """Whether one example is a row of values in columns, of no order in space or time."""
        return len(self.event_shape) == 1 and not self.is_text

    @property
    def is_real_rows(self) -> bool:
        """Whether one example is a row of numbers on the real line, or a window of such rows."""
        return (self.is_table or self.is_series) and self.value_support == "real"

    @property
    def is_mixed(self) -> bool:
        """Whether one example is a row of cells of several kinds, or with gaps."""
        return self.value_support == "mixed"

    @property
    def is_drawn(self) -> bool:
        """Whether a made example is a draw from p(x|z): its mean is none, half a count or half a word."""
        return self.value_support in {"count", "mixed"}

    @property
    def noun(self) -> str:
        """What the examples are, for people."""
        if self.is_mixed:
            return "rows of mixed columns"
        if self.is_text:
            return "texts"
        if self.value_support == "count":
            return "counts"
        values = "zeros and ones" if self.is_binary else "numbers"
        if self.value_support == "binary" and self.raw_range == (0.0, 255.0):
            values += " (bytes of 0 and 255)"
        return f"{'pictures' if self.is_image else 'series' if self.is_series else 'rows'} of {values}"

    @property
    def is_text(self) -> bool:
        """Whether one example is a row of token numbers."""
        return self.value_support == "token"

    @property
    def pixel_bits(self) -> int:
        """Bits of a channel of its pictures."""
        return 16 if self.is_image and self.raw_range == (0.0, _WIDE) else 8

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The least and the greatest raw value, where values are bounded."""
        return (None, None) if self.value_support == "real" or self.raw_range is None else self.raw_range

    @property
    def num_levels(self) -> int | None:
        """How many whole numbers the raw values reach over; None where they are unbounded."""
        if self.value_support == "real" or self.raw_range is None:
            return None
        low, high = self.raw_range
        return 2 if self.is_binary else round(high - low) + 1

    @property
    def given(self) -> dict[str, Any]:
        """What the data give to the parts of a model, by the names of their constructors' arguments."""
        return {
            "event_shape": self.event_shape,
            "value_support": self.value_support,
            "is_bounded": self.value_support != "real",
            "num_labels": len(self.label_names),
            "num_levels": self.num_levels,
            "num_tokens": len(self.vocabulary),
            "columns": self.columns,
        }

    @property
    def num_dims(self) -> int:
        """Numbers in one example."""
        return int(np.prod(self.event_shape))

    @property
    def is_binary(self) -> bool:
        """Whether the model sees zeros and ones only."""
        return self.value_support == "binary" or self.binarization != "none"

    @property
    def is_continuous(self) -> bool:
        """Whether the model sees numbers between others, not zeros and ones, counts or tokens."""
        return self.value_support == "real" or (self.value_support == "unit" and not self.is_binary)

    @property
    def raw_dtype(self) -> np.dtype[Any]:
        """What raw values are given back in: float64 where columns are mixed, or float32 would round them by much."""
        shift, scale = np.abs(self.shift), np.asarray(self.scale)
        is_coarse = bool((shift * np.finfo(np.float32).eps > _COARSE * scale).any())
        return np.dtype(np.float64 if is_coarse or self.is_mixed else np.float32)

    def to_model(self, raw: object) -> np.ndarray:
        """Scale raw values [..., *event_shape] to model inputs, float32, before binarisation; doubles are scaled as such."""
        array = np.asarray(raw)
        dtype = np.dtype(np.float64 if array.dtype.itemsize == np.dtype(np.float64).itemsize else np.float32)
        shift, scale = np.asarray(self.shift, dtype), np.asarray(self.scale, dtype)
        return ((array.astype(dtype) - shift) / scale).astype(np.float32)

    def to_raw(self, x: object) -> np.ndarray:
        """Scale model values [..., *event_shape] back to raw units, of type `raw_dtype`, kept within the raw range."""
        dtype = self.raw_dtype
        shift, scale = np.asarray(self.shift, dtype), np.asarray(self.scale, dtype)
        raw = (np.asarray(x, dtype) * scale + shift).astype(dtype)
        return raw if self.bounds[0] is None else np.clip(raw, *self.bounds)
