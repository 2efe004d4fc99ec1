"""load_dataset: from a configuration to a Dataset, whatever the source."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from vae_tf.config import RECORDED, DataConfig
from vae_tf.data.image_files import FileSplit
from vae_tf.data.mapped import rows_at_once
from vae_tf.data.mixed import mixed_fields
from vae_tf.data.numeric import standardization
from vae_tf.data.pipeline import Dataset, gather_examples
from vae_tf.data.reading import AS_BEFORE, PICTURE_SETTINGS, Reading
from vae_tf.data.source import TABLE_SETTINGS
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit, Split
from vae_tf.errors import UserValueError
from vae_tf.parts.known import kinds

__all__ = ["OF_PICTURES", "class_ids", "load_dataset", "load_examples", "source_of"]


_OF_TABLES = (*TABLE_SETTINGS, "sheet")
OF_PICTURES = ("resize", *PICTURE_SETTINGS, "turn", "profile", "suffixes", "links", "unreadable")
"""Settings that say which pictures are read, and how."""
_CHOOSY = ("splits", *_OF_TABLES, "counts", *OF_PICTURES, "window", "time_column", "series_column", "gaps", "group", "fold")
"""Settings that mean nothing to some sources, and are refused there rather than ignored."""
_INSTEAD = {"fold": "its test split is fixed. Measure on that: evaluate without --folds, or leave the setting out"}
"""What to do where leaving a setting out is not all: of those that an option of a command sets."""
_BEFORE = DataConfig.model_validate(RECORDED["data"])
"""What a run's configuration says of them that was written before there was a choice."""


def load_dataset(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load the dataset that a configuration names: the only way in.

    Args:
        config: the dataset, its splits, binarisation and limit.
        known: the data that a model was trained on: a table is read by its columns, words and formats. Other columns are told
            and left out.

    Returns:
        A spec with counts and fingerprint, and the splits `train`, `validation` and `test`, which share no example.

    Raises:
        UserValueError: the dataset is unknown, its content is unfit, or a setting does not go with it.
        UserFileError: a file is missing, damaged, or cannot be had without a network.
    """
    source = source_of(config.dataset)
    _refuse_settings(source, config)
    dataset = _of_classes(source().load_known(config, known) if known else source().load(config), config, known)
    splits = {name: _limited(split, config.limit) for name, split in dataset.splits.items()}
    spec = dataset.spec
    if spec.value_support in ("real", "token", "count", "mixed") and config.binarization != "none":
        raise UserValueError(
            f"data.binarization must be none for {config.dataset}, which has values outside [0, 1]. "
            f"Received: {config.binarization!r}."
        )
    if config.binarization == "static":
        splits = {name: _drawn_once(spec, splits, name) for name in splits}
    if config.train_on_validation:
        splits["train"] = splits["train"].followed_by(splits["validation"])
    counts = {f"num_{name}": split.num_examples for name, split in splits.items()}
    update: dict[str, Any] = {**counts, "binarization": config.binarization, "fingerprint": _fingerprint(spec, splits)}
    reading = Reading.of(config)
    update |= {"sheet": config.sheet} if config.sheet else {}
    update |= {"missing": config.missing} if spec.is_mixed else {}
    update |= {"line_ends": config.line_ends, "text_field": config.text_field or ""} if spec.is_text else {}
    update |= {"reading": reading} if spec.is_image and reading != AS_BEFORE else {}
    return replace(dataset, spec=spec.model_copy(update=update), splits=splits)


def load_examples(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load the examples of a folder or file for scoring: all of them, in their own order, nothing held out.

    What the source does not divide is the split `train`; the others are empty. TFDS names are loaded as ever.

    Args:
        config: as `load_dataset`.
        known: as `load_dataset`.

    Raises:
        UserValueError: as `load_dataset`.
        UserFileError: as `load_dataset`.
    """
    is_file = source_of(config.dataset).is_file
    whole = {"validation_fraction": 0.0, "test_fraction": 0.0}
    return load_dataset(config.model_copy(update=whole) if is_file else config, known)


def _of_classes(dataset: Dataset, config: DataConfig, known: DatasetSpec | None) -> Dataset:
    """Keep the examples of the wanted classes; standardise anew where the statistics were those of all."""
    if config.classes is None:
        return dataset
    spec, wanted = dataset.spec, class_ids(dataset.spec, config.classes, "data.classes")
    splits: dict[str, Split] = {}
    for name, split in dataset.splits.items():
        if not isinstance(split, (ArraySplit, FileSplit)):
            raise UserValueError("data.classes needs data that fit in memory. Raise data.memory_limit_mb or set data.limit.")
        splits[name] = split.rows(np.flatnonzero(np.isin(split.labels, wanted)))
    train = splits["train"]
    if spec.value_support == "real" and isinstance(train, ArraySplit) and train.num_examples:
        spec = spec.model_copy(update=standardization(train.x))
    elif spec.columns and not known and isinstance(train, ArraySplit) and train.num_examples:
        spec = spec.model_copy(update=mixed_fields(spec.columns, train.x))
    spec = spec.model_copy(update={"fingerprint": _with_classes(spec.fingerprint, config.classes)})
    return replace(dataset, spec=spec, splits=splits)


def _with_classes(fingerprint: str, classes: tuple[str, ...]) -> str:
    """Tell a choice of classes from the whole; an empty fingerprint means that the arrays themselves tell."""
    return f"{fingerprint} classes {', '.join(classes)}" if fingerprint else ""


def class_ids(spec: DatasetSpec, classes: Iterable[str], what: str) -> list[int]:
    """Return the label ids of classes by name, or by number where the data have no names.

    Args:
        spec: its label_names.
        classes: names or numbers.
        what: the setting, for the message.

    Raises:
        UserValueError: there is no such class.
    """
    ids = {name: index for index, name in enumerate(spec.label_names)}
    known = [int(name) if not ids and name.isdigit() else ids.get(name) for name in classes]
    if None in known:
        unknown = [name for name, number in zip(classes, known, strict=True) if number is None]
        have = ", ".join(spec.label_names) or "numbers only"
        raise UserValueError(f"{what} must name labels of {spec.name} ({have}). Received: {', '.join(unknown)}.")
    return [number for number in known if number is not None]


def source_of(name: str) -> Any:
    """Return the source that a dataset's name begins with; every other name is one of TFDS.

    Raises:
        UserValueError: there is nothing after the colon.

    Example:
        >>> source_of("csv:table.csv").kind, source_of("mnist").kind
        ('csv', 'tfds')
    """
    form, colon, argument = name.partition(":")
    known = kinds("source")
    if form in known and colon and not argument:
        raise UserValueError(f"data.dataset must have something after the colon. Received: {name!r}.")
    return known.get(form, known["tfds"])


def _refuse_settings(source: Any, config: DataConfig) -> None:
    """Raise if a setting is given that the source does not have, or that does not go with another."""
    for name in _CHOOSY:
        unsaid = (DataConfig.model_fields[name].default, getattr(_BEFORE, name))
        if name not in source.heeds and getattr(config, name) not in unsaid:
            cure = _INSTEAD.get(name, "leave it out")
            raise UserValueError(f"data.{name} does not go with {config.dataset}: {cure}. Received: {getattr(config, name)!r}.")
    if config.copies == "similar" and "group" not in source.heeds:
        raise UserValueError(
            f"data.copies=similar does not go with {config.dataset}: pictures and rows of numbers are compared, in files or in "
            f"memory. Received: {config.copies!r}."
        )
    alone = {"data.group": config.group, "data.fold": config.fold, "data.copies=similar": config.copies == "similar"}
    which = next((name for name, is_set in alone.items() if is_set), None)
    if config.window and which:
        raise UserValueError(
            f"{which} does not go with data.window: of rows in time the end is held out, and windows overlap. "
            f"Received: data.window={config.window}. Leave one of them out."
        )


def _drawn_once(spec: DatasetSpec, splits: Mapping[str, Split], name: str) -> Split:
    """Replace raw values by the ends of their range, drawn once: the same for all runs, and as `dynamic` is evaluated."""
    split, drawn = splits[name], Dataset(spec.model_copy(update={"binarization": "dynamic"}), splits)
    if not isinstance(split, ArraySplit):
        raise UserValueError("data.binarization=static needs data that fit in memory. Raise data.memory_limit_mb.")
    if not split.num_examples:
        return split
    x, _ = gather_examples(drawn, name, split.num_examples)
    return ArraySplit(spec.to_raw(x).round(6).astype(split.x.dtype), split.labels, split.names)


def _limited(split: Split, limit: int | None) -> Split:
    return split if limit is None else split.take(limit)


def _fingerprint(spec: DatasetSpec, splits: Mapping[str, Split]) -> str:
    """Hash what tells this data from other data: the source's own identity and the counts, or the arrays."""
    digest = hashlib.sha256(f"{spec.fingerprint} {spec.event_shape} {spec.shift} {spec.scale}".encode())
    for name, split in splits.items():
        digest.update(f"{name} {split.num_examples}".encode())
        if isinstance(split, ArraySplit) and not spec.fingerprint:
            size = rows_at_once(spec.num_dims)
            for start in range(0, split.num_examples, size):
                digest.update(np.ascontiguousarray(split.x[start : start + size]).data)
            digest.update(np.ascontiguousarray(split.labels).data)
    return digest.hexdigest()
