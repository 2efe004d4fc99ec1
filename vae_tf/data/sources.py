"""load_dataset: from a configuration to a Dataset, whatever the source."""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.arrays import load_npz
from vae_tf.data.digits import prepare_digits
from vae_tf.data.folder import load_folder
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit, Split
from vae_tf.data.table import load_csv
from vae_tf.data.tfds_source import load_tfds
from vae_tf.errors import UserValueError

__all__ = ["load_dataset"]


def _load_digits(config: DataConfig) -> Dataset:
    """Prepare the embedded digits, then go the ordinary TFDS way."""
    return load_tfds(config.model_copy(update={"data_dir": prepare_digits(config.data_dir)}))


_SOURCES: dict[str, Callable[[DataConfig], Dataset]] = {
    "digits": _load_digits,
    "folder": load_folder,
    "npz": load_npz,
    "csv": load_csv,
}
"""Loader by the text before the colon; everything else is a TFDS name."""

_IGNORED = {
    "folder": ("splits", "label_column"),
    "npz": ("splits", "label_column", "resize"),
    "csv": ("splits", "resize"),
}
"""Settings that mean nothing to a source, and are refused rather than ignored."""


def load_dataset(config: DataConfig) -> Dataset:
    """Load the dataset that a configuration names: the only way in.

    Args:
        config: the dataset, its splits, binarisation and limit.

    Returns:
        A spec with counts and fingerprint, and the splits `train`, `validation` and `test`, which share no example.

    Raises:
        UserValueError: the dataset is unknown, its content is unfit, or a setting does not go with it.
        UserFileError: a file is missing, damaged, or cannot be had without a network.
    """
    form, colon, argument = config.dataset.partition(":")
    _refuse_settings(form, config)
    if form in _SOURCES and colon and not argument:
        raise UserValueError(f"data.dataset must have something after the colon. Received: {config.dataset!r}.")
    dataset = _SOURCES.get(form, load_tfds)(config)
    splits = {name: _limited(split, config.limit) for name, split in dataset.splits.items()}
    spec = dataset.spec
    if spec.value_support == "real" and config.binarization != "none":
        raise UserValueError(
            f"data.binarization must be none for {config.dataset}, which has values outside [0, 1]. "
            f"Received: {config.binarization!r}."
        )
    counts = {f"num_{name}": split.num_examples for name, split in splits.items()}
    update = {**counts, "binarization": config.binarization, "fingerprint": _fingerprint(spec, splits)}
    return Dataset(spec.model_copy(update=update), splits)


def _refuse_settings(form: str, config: DataConfig) -> None:
    """Raise if a setting is given that the source does not have."""
    for name in _IGNORED.get(form, ("label_column",)):
        if getattr(config, name) is not None:
            raise UserValueError(
                f"data.{name} does not go with {config.dataset}: leave it out. Received: {getattr(config, name)!r}."
            )


def _limited(split: Split, limit: int | None) -> Split:
    return split if limit is None else split.take(limit)


def _fingerprint(spec: DatasetSpec, splits: Mapping[str, Split]) -> str:
    """Hash what tells this data from other data: the source's own identity and the counts, or the arrays."""
    digest = hashlib.sha256(f"{spec.fingerprint} {spec.event_shape} {spec.shift} {spec.scale}".encode())
    for name, split in splits.items():
        digest.update(f"{name} {split.num_examples}".encode())
        if isinstance(split, ArraySplit) and not spec.fingerprint:
            digest.update(np.ascontiguousarray(split.x).data)
            digest.update(np.ascontiguousarray(split.labels).data)
    return digest.hexdigest()
