"""Embedded data sets: made on this machine by a TFDS builder, in the folder asked for or a temporary one."""

import atexit
import functools
import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.copies import groups_of_rows
from vae_tf.data.notes import Note
from vae_tf.data.partition import Traits, fill_splits
from vae_tf.data.pipeline import Dataset
from vae_tf.data.splits import ArraySplit
from vae_tf.data.tfds_builders import prepare, quiet
from vae_tf.data.tfds_source import load_tfds
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["load_embedded", "prepare_embedded"]


def load_embedded(data_dir: str, config: DataConfig) -> Dataset:
    """Load an embedded dataset; with `config.fold` all its examples are divided anew, whatever its splits are.

    Args:
        data_dir: the folder in which it is prepared.
        config: as for `load_tfds`, and the fold.

    Raises:
        UserValueError: as `load_tfds`; or there are fewer examples than folds, or they do not fit into memory.
    """
    config = config.model_copy(update={"data_dir": data_dir})
    if not config.fold:
        return load_tfds(config)
    return _divided_anew(load_tfds(config.model_copy(update={"limit": None})), config)


def _divided_anew(dataset: Dataset, config: DataConfig) -> Dataset:
    splits = [split for split in dataset.splits.values() if isinstance(split, ArraySplit)]
    if len(splits) < len(dataset.splits):
        raise UserValueError(
            f"data.fold needs data that fit in memory. Received: {config.dataset}, data.memory_limit_mb="
            f"{config.memory_limit_mb}. Raise it."
        )
    x, labels = (np.concatenate([getattr(split, name) for split in splits]) for name in ("x", "labels"))
    traits = Traits(equal=lambda: groups_of_rows(x), labels=labels if dataset.spec.label_names else None)
    cut = fill_splits({"train": np.arange(len(x))}, config, traits)
    told = Note(
        f"All {len(x):,} examples of these splits are put together and divided anew (data.fold={list(config.fold or ())})."
    )
    return replace(
        dataset,
        spec=dataset.spec.model_copy(update={"fingerprint": ""}),  # the examples themselves tell one fold from another
        splits={name: ArraySplit(x[rows], labels[rows]) for name, rows in cut.rows.items()},
        cut=cut.names,
        notes=(*dataset.notes, told, *cut.notes),
    )


def prepare_embedded(make_builder: Callable[..., Any], data_dir: str | None) -> str:
    """Prepare a dataset where it is not, and return the folder it is in.

    Args:
        make_builder: the builder's class.
        data_dir: the folder of prepared data sets; None for TFDS' own. Where it cannot be written, a temporary folder
            takes its place until the process ends.

    Raises:
        UserFileError: neither folder can be written.
    """
    with quiet(io.StringIO()):
        try:
            return _prepare_in(make_builder, data_dir)
        except (UserFileError, OSError):
            return _prepare_in(make_builder, _temporary_folder())


def _prepare_in(make_builder: Callable[..., Any], data_dir: str | None) -> str:
    builder = make_builder(data_dir=data_dir)
    if not builder.data_path.exists():
        prepare(builder, progress=False)
    return str(builder.data_dir_root)


@functools.cache
def _temporary_folder() -> str:
    folder = tempfile.mkdtemp(prefix="vae_tf_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
