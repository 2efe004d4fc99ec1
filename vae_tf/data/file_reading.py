"""How files are read for a model that is served: one value for the bulk engines and for clients, who do not have the run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.pictures import as_servable
from vae_tf.data.raw_column import is_number
from vae_tf.data.text_files import Normalization, clean_text
from vae_tf.errors import UserValueError

__all__ = ["USUAL", "FileReading"]


class FileReading(NamedTuple):
    """What is done to pictures, texts and labels before they are a servable's inputs: what was done for the model.

    Attributes:
        turn: whether pictures are turned as their EXIF says.
        profile: `srgb` where pictures with a colour profile of their own are brought into sRGB, else `ignore`.
        normalization: the Unicode form of texts.
        line_ends: what ends a line of text.
        text_field: the field of JSON objects that holds the text; empty where there is one alone.
        sheet: of spreadsheets, which is read; empty, or not in a file: the first that can be seen.
        label_names: the classes by number; empty where labels have no names.

    Example:
        >>> FileReading.told(FileReading(label_names=("cat", "dog")).text()).labels(["dog", ""]).tolist()
        [1, -1]
    """

    turn: bool = True
    profile: str = "srgb"
    normalization: Normalization = "NFC"
    line_ends: Literal["newline", "any"] = "newline"
    text_field: str = ""
    label_names: tuple[str, ...] = ()
    sheet: str = ""

    @classmethod
    def of(cls, dataset: Mapping[str, Any]) -> "FileReading":
        """Return how files are read for a model of such data.

        Args:
            dataset: the fields of a DatasetSpec, as `dataset.json` and a servable's manifest have them. Pictures without a
                `reading` are of a time when none were turned.
        """
        pictures = dataset.get("reading") or {}
        texts = {name: dataset[name] for name in ("normalization", "line_ends", "text_field", "sheet") if name in dataset}
        profile = pictures.get("profile", "ignore")
        return cls(bool(pictures.get("turn")), profile, **texts, label_names=tuple(dataset.get("label_names") or ()))

    @classmethod
    def told(cls, text: str) -> "FileReading":
        """Return what `text` gave; what a newer servable says beyond that is passed over.

        Raises:
            UserValueError: it is nothing of the kind.
        """
        try:
            fields = {name: value for name, value in json.loads(text).items() if name in cls._fields}
            return cls(**{**fields, "label_names": tuple(fields.get("label_names", ()))})
        except (ValueError, AttributeError, TypeError) as error:
            raise UserValueError(f"The servable must say in JSON how files are read. Received: {text[:80]!r}.") from error

    def text(self) -> str:
        """Return all of it as one line of JSON."""
        return json.dumps(self._asdict())

    def picture(self, file: bytes, name: str) -> bytes:
        """Return a picture file as a servable reads it, upright and in the model's colours.

        Raises:
            UserFileError: it cannot be decoded; the message names it.
        """
        return as_servable(file, name, self.turn, self.profile == "srgb")

    def string(self, text: str) -> bytes:
        """Return a text as a servable reads it."""
        return clean_text(text, self.normalization).encode()

    def of_texts(self, path: Path) -> DataConfig:
        """Return the settings by which a file of texts is read."""
        is_objects = any(suffix in (".jsonl", ".ndjson") for suffix in path.suffixes)
        return DataConfig(
            dataset=f"text:{path}",
            normalization=self.normalization,
            line_ends=self.line_ends,
            text_field=(self.text_field or None) if is_objects else None,
        )

    def labels(self, labels: Any) -> np.ndarray:
        """Return the numbers of labels [N], int64: of names, or numbers as they are; -1 where one is empty.

        Args:
            labels: names or whole numbers, whatever holds them.

        Raises:
            UserValueError: one is no class.
        """
        given = [-1 if label is None or label in ("", b"") else label for label in np.asarray(labels, object).reshape(-1)]
        return np.array([self._number(label) for label in given], np.int64)

    def _number(self, label: Any) -> int:
        name = label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)
        if name not in self.label_names and isinstance(label, bool):
            name = str(int(label))
        if name not in self.label_names and is_number(name) and float(name).is_integer():
            name = str(int(float(name)))  # 3.0
        if name in self.label_names:
            return self.label_names.index(name)
        if is_number(name) and float(name).is_integer():
            return int(name)
        classes = ", ".join(self.label_names) or "whole numbers"
        raise UserValueError(f"A label must be one of {classes}, or its number. Received: {name!r}.")


USUAL = FileReading()
"""How files are read for a servable that does not say."""
