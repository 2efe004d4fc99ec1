"""Data: which examples, how they are split, what is done to them."""

from typing import Literal

from pydantic import Field

from vae_tf.parts.settings import Frozen
from vae_tf.parts.types import PositiveInt, SizeLike, Text

__all__ = ["DataConfig"]


class DataConfig(Frozen):
    """Which examples, how they are split, and what is done to them before the model sees them."""

    dataset: str = Field("digits", min_length=1, description="digits, sprites, waves, topics, a TFDS name, npz:PATH, ...")
    data_dir: str | None = Field(None, description="where TFDS data sets are prepared; default: TFDS' own folder")
    splits: dict[Literal["train", "validation", "test"], str] | None = Field(
        None, description="TFDS split expressions, e.g. train: 'train[:50000]'; they must not overlap"
    )
    binarization: Literal["none", "threshold", "dynamic", "static"] = "none"
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="share held out where the source has no such split")
    test_fraction: float = Field(0.1, gt=0, lt=1, description="share held out where the source has no such split")
    copies: Literal["together", "apart"] = Field(
        "together", description="equal examples are held out together, or like all others; files, not TFDS"
    )
    resize: tuple[PositiveInt, PositiveInt] | None = Field(None, description="height and width; images only")
    label_column: str | None = Field(None, description="csv only: the column that is a label, not an input")
    label_bins: int | None = Field(None, ge=2, description="csv only: cut a label column of numbers into so many equal shares")
    tokens: Literal["characters", "subwords"] = Field("characters", description="text only: what a line is cut into")
    vocabulary_size: int = Field(256, ge=4, description="text only: at most so many tokens")
    max_length: SizeLike = Field(
        "auto", description="text only: tokens of a line; longer ones are cut; auto: 99 of 100 lines are whole, 64 at most"
    )
    counts: bool = Field(False, description="csv and npz: keep whole numbers as they are, for a likelihood of counts")
    window: PositiveInt | None = Field(None, description="csv, npz and waves, rows in time: examples are so many rows on end")
    train_on_validation: bool = Field(False, description="for a last fit, when all is chosen")
    classes: tuple[Text, ...] | None = Field(None, min_length=1, description="use only examples with these labels")
    limit: PositiveInt | None = Field(None, description="use only the first N examples of every split")
    memory_limit_mb: PositiveInt = Field(4096, description="larger decoded data are streamed, not held in memory")
    shuffle_buffer: PositiveInt = Field(20_000, description="streaming only: examples in the shuffle buffer")
