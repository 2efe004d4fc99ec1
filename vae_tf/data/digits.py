"""The embedded dataset: scikit-learn's 1,797 handwritten digits, 8 x 8, as a TFDS builder that needs no network."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

from vae_tf.data.embedded import prepare_embedded
from vae_tf.seeding import derive

__all__ = ["Digits", "digits_split", "prepare_digits"]

_NUM_TEST, _NUM_VALIDATION = 30, 20
"""Held-out examples of each class; the rest, 1,297 in all, is for training."""


class Digits(tfds.core.GeneratorBasedBuilder):
    """Real handwritten digits, 8 x 8 (E. Alpaydin and C. Kaynak, UCI repository, 1998), as shipped with scikit-learn.

    Importing this module registers it: `tfds.load("digits")` works like that of any other dataset.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "1,297 training, 200 validation and 300 test examples, stratified."}  # noqa: RUF012

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="1,797 handwritten digits as 8 x 8 grey images; pixels scaled from 0..16 to 0..255.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        data = load_digits()
        images = np.rint(data.images * (255 / 16)).astype(np.uint8)[..., None]
        parts = digits_split(data.target)
        return {name: self._generate_examples(images, data.target, rows) for name, rows in parts.items()}

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for row in rows.tolist():
            yield row, {"image": images[row], "label": int(labels[row])}


def digits_split(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Split row numbers so that every class is held out equally often; the same on every machine.

    Args:
        labels: int [N].

    Returns:
        Row numbers of `train`, `validation` and `test`.

    Example:
        >>> parts = digits_split(np.repeat([0, 1], 60))
        >>> {name: len(rows) for name, rows in parts.items()}
        {'train': 20, 'validation': 40, 'test': 60}
    """
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for label in np.unique(labels):
        rows = sorted(np.flatnonzero(labels == label).tolist(), key=lambda row: derive(0, "digits", row))
        parts["test"] += rows[:_NUM_TEST]
        parts["validation"] += rows[_NUM_TEST : _NUM_TEST + _NUM_VALIDATION]
        parts["train"] += rows[_NUM_TEST + _NUM_VALIDATION :]
    return {name: np.sort(rows) for name, rows in parts.items()}


def prepare_digits(data_dir: str | None) -> str:
    """Prepare the digits where they are not, and return the folder they are in.

    Args:
        data_dir: the folder of prepared data sets; None for TFDS' own. Where it cannot be written, a temporary folder
            takes its place until the process ends.

    Raises:
        UserFileError: neither folder can be written.
    """
    return prepare_embedded(Digits, data_dir)
