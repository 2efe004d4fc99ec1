"""Between what a person has (arrays, DataFrames, texts, in raw units) and the model's rows; answers have the same form."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_tf.data.cells import as_cells
from vae_tf.data.frames import column_names, frame_like, is_frame, select_columns
from vae_tf.data.memory import as_texts, table_of_frame
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.table import known_rows
from vae_tf.data.table_arrow import made_columns
from vae_tf.data.text import decode_text, describe_texts, tokens_of
from vae_tf.data.text_files import clean_text
from vae_tf.errors import UserValueError
from vae_tf.evaluation.asked_rows import AskedRows
from vae_tf.models.vae import VAE

__all__ = ["Exchange"]


class Exchange:
    """Checks what is given to a model, and gives its answers.

    Args:
        vae: the model.
        spec: what its data are.

    Example:
        >>> from vae_tf.config import ModelConfig
        >>> from vae_tf.models import build_vae
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real")
        >>> exchange = Exchange(build_vae(ModelConfig(), spec), spec)
        >>> exchange.examples([[1, 2]]).dtype
        dtype('float32')
    """

    def __init__(self, vae: VAE, spec: DatasetSpec) -> None:
        self.size = vae.latent.size
        self.num_labels = vae.latent.num_labels
        self.spec = spec

    def examples(self, x: Any) -> np.ndarray:
        """Return examples as raw values, [N, *event_shape], of the type `DatasetSpec.raw_dtype`.

        Args:
            x: raw values [N, *event_shape], of pictures with one channel also without that axis; a DataFrame with the columns
                of the training data, in any order; of a model of texts, N texts. Where columns are mixed, a DataFrame has words
                and gaps as the training data had, and arrays have numbers of words, and NaN for gaps.

        Raises:
            UserValueError: they have another shape or type, or a value is not finite.
        """
        texts = as_texts(x) if self.spec.is_text else None
        if texts is not None:
            return self._tokens(texts)
        array = self._rows(x) if is_frame(x) else _numbers(x, self.spec.raw_dtype)
        if self._without_channel == array.shape[1:]:
            array = array[..., np.newaxis]
        if array.shape[1:] != self.spec.event_shape or len(array) == 0:
            wanted = ", ".join(map(str, ("N", *self.spec.event_shape)))
            texts_too = " or a list of texts" if self.spec.is_text else ""
            raise UserValueError(f"x must have the shape [{wanted}]{texts_too}. Received: {list(array.shape)}.")
        if not bool((np.isfinite(array) | (np.isnan(array) & bool(self.spec.columns))).all()):
            raise UserValueError("x must hold finite numbers. Received: NaN or infinite values.")
        return array

    def _rows(self, frame: Any) -> np.ndarray:
        """Return a DataFrame's rows as raw values; words that the model does not know are told."""
        if not self.spec.columns:
            return select_columns(frame, self.spec.feature_names, self.spec.raw_dtype)
        x, notes = known_rows(table_of_frame(frame, "The DataFrame", self.spec.missing), self.spec)
        for note in notes:
            warnings.warn(note.text, stacklevel=4)
        return x

    def _tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Return texts as token numbers; what is cut or not in the vocabulary is told."""
        tokens = tokens_of(self.spec, [clean_text(text, self.spec.normalization) for text in texts])
        for note in describe_texts(self.spec, [tokens], "the training texts do not have them"):
            if note.is_warning:
                warnings.warn(note.text, stacklevel=4)
        return tokens.x

    def labelled(self, x: Any, labels: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Return examples and the numbers of their labels; see `examples` and `labels`."""
        given = self.examples(x)
        return given, self.labels(labels, len(given))

    def is_single(self, x: Any) -> bool:
        """Return whether x is one example without a batch axis."""
        if self.spec.is_text or is_frame(x):
            return isinstance(x, str)
        return _numbers(x).shape in {self.spec.event_shape, self._without_channel}

    @property
    def _without_channel(self) -> tuple[int, ...] | None:
        """Shape of a picture of one channel as people have it; None for other data."""
        return self.spec.event_shape[:2] if self.spec.is_image and self.spec.event_shape[2] == 1 else None

    def codes(self, z: Any) -> np.ndarray:
        """Return points of the latent space, float32 [N, size].

        Raises:
            UserValueError: they have another shape or type.
        """
        array = select_columns(z, ()) if is_frame(z) else _numbers(z)
        if array.ndim != 2 or array.shape[1] != self.size or len(array) == 0:
            raise UserValueError(f"z must have the shape [N, {self.size}]. Received: {list(array.shape)}.")
        return array

    def labels(self, labels: Any, count: int) -> np.ndarray | None:
        """Return numbers of labels, int64 [count]; None where none are given.

        Args:
            labels: names, or numbers from 0 (-1: not known): one for each example, or one for all.
            count: how many examples there are.

        Raises:
            UserValueError: the model takes no labels, or these are none of its own.
        """
        if labels is None:
            return None
        if not self.num_labels:
            raise UserValueError("labels are for models that are told them (block conditional_gaussian). This is another.")
        given = np.asarray(labels)
        ids = np.asarray([self._number(label) for label in given.reshape(-1).tolist()], np.int64)
        if given.ndim == 0:
            return np.repeat(ids, count)
        if given.shape != (count,):
            raise UserValueError(f"labels must be one for each of {count} examples. Received: shape {list(given.shape)}.")
        return ids

    def _number(self, label: Any) -> int:
        names = self.spec.label_names
        if isinstance(label, str) and label in names:
            return names.index(label)
        if isinstance(label, int) and -1 <= label < self.num_labels:
            return label
        raise UserValueError(f"labels must be among {', '.join(names)}, or their numbers from 0. Received: {label!r}.")

    def give(self, raw: np.ndarray, like: Any = None) -> Any:
        """Return raw values [N, *event_shape] as texts where the model is of such; as a DataFrame where one was given.

        Args:
            raw: what the model answers.
            like: what was given.
        """
        if self.spec.is_text:
            return decode_text(self.spec, raw)
        if not is_frame(like) or len(self.spec.event_shape) != 1:
            return raw
        own = column_names(like)
        names = self.spec.feature_names or (own if len(own) == raw.shape[1] else range(raw.shape[1]))
        known = {column.name: column for column in self.spec.columns}
        values = {name: raw[:, index] for index, name in enumerate(names)}
        return frame_like(like, {name: as_cells(known[name], x) if name in known else x for name, x in values.items()})

    def give_rows(self, asked: AskedRows) -> Any:
        """Return new rows of a table, of columns of several kinds as Arrow's table; what is to be told of them is a warning."""
        if asked.warning:
            warnings.warn(asked.warning, stacklevel=3)
        return made_columns(self.spec.columns, asked.raw)

    def give_codes(self, z: np.ndarray, like: Any = None) -> Any:
        """Return codes [N, size]; with columns z0, z1, ... where a DataFrame was given."""
        return frame_like(like, {f"z{index}": z[:, index] for index in range(z.shape[1])}) if is_frame(like) else z

    def give_columns(self, columns: Mapping[str, np.ndarray], like: Any = None) -> Any:
        """Return named values [N] each, as a DataFrame where one was given."""
        return frame_like(like, columns) if is_frame(like) else dict(columns)


def _numbers(x: Any, dtype: Any = np.float32) -> np.ndarray:
    try:
        return np.asarray(x).astype(dtype)
    except (TypeError, ValueError) as error:
        raise UserValueError(f"Values must be numbers, in rows of one length. Received: {error}.") from error
