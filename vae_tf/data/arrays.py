"""`npz:PATH`: NumPy arrays `x` and `y`, or `x_train`, `x_test`, `x_validation` and their labels; and arrays in memory."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.array_files import read_arrays
from vae_tf.data.array_names import NamedArrays, as_labels, sort_out
from vae_tf.data.notes import Note
from vae_tf.data.numeric import Groups, array_splits, check_groups, count_fields, is_rounded, label_ids, support_fields
from vae_tf.data.pipeline import Dataset
from vae_tf.data.series_files import SERIES_SUFFIXES, read_series
from vae_tf.data.sparse import load_sparse
from vae_tf.data.sparse_files import is_sparse
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.data.splits import ArraySplit
from vae_tf.errors import UserValueError

__all__ = ["as_trained", "load_arrays", "load_npz", "make_array_dataset"]

_GREYS = 65535
"""Greatest grey level that pictures have, as whole numbers."""
_LARGEST = float(np.finfo(np.float32).max)
"""Greatest number that a model can be given."""


def load_npz(config: DataConfig, known: DatasetSpec | None = None) -> Dataset:
    """Load the arrays of a NumPy archive, or the series of a file of the UCR and UEA archives.

    Bytes become [0, 1] (or stay {0, 1}), booleans {0, 1}, floats in [0, 1] stay; other numbers are standardised with the
    training split's statistics: for each feature of flat examples [N, D] and of series [N, T, D], for all pixels of images
    [N, H, W(, C)].

    Args:
        config: `dataset` is `npz:PATH`.
        known: data that a model was trained on: arrays are series or windows where those are.

    Returns:
        Splits in memory, of at most `config.limit` examples.

    Raises:
        UserFileError: the file is missing, or neither a NumPy archive nor such a file of series.
        UserValueError: names, shapes or types of the arrays are wrong, or a value is not finite.
    """
    path = existing_path(config.dataset)
    if path.suffix.lower() in SERIES_SUFFIXES:
        series, told = read_series(path, with_test=known is None)
        is_open = config.series is None
        found = load_arrays(series, config.model_copy(update={"series": True}) if is_open else config, str(path), known)
        return replace(found, notes=(*told, *found.notes))
    arrays = read_arrays(path)
    return load_sparse(config, known) if is_sparse(arrays) else load_arrays(arrays, config, str(path), known)


def load_arrays(arrays: Mapping[str, np.ndarray], config: DataConfig, source: str, known: DatasetSpec | None = None) -> Dataset:
    """Make a dataset of arrays by their names: `x` and `y`, or `x_train`, `y_train` and so on; see `load_npz`.

    Args:
        arrays: by name. `config.group` names one more: of all examples, or with `_train` and so on behind it, as `y` is named.
        config: the shares that are held out, the limit, counts, the window, the groups.
        source: what the arrays come from, for messages.
        known: as `load_npz`.

    Raises:
        UserValueError: names, shapes or types of the arrays are wrong, or a value is not finite.
    """
    check_groups(config, "y", "array")
    keys = {split: f"{config.group}_{split}" for split in SPLIT_NAMES} if "x_train" in arrays else {"train": f"{config.group}"}
    groups = {split: (key, arrays[key]) for split, key in keys.items() if config.group and key in arrays and key != "x"}
    rest = {name: array for name, array in arrays.items() if name not in {key for key, _ in groups.values()}}
    x, labels, told = sort_out(rest, source)
    dataset = make_array_dataset(x, labels, as_trained(config, known, x), source, _groups(groups, x, config, source))
    return replace(dataset, notes=(Note(f"{source}: {told}."), *dataset.notes)) if told else dataset


def as_trained(config: DataConfig, known: DatasetSpec | None, arrays: NamedArrays) -> DataConfig:
    """Return the configuration by which arrays are read as those were that a model was trained on.

    Args:
        config: of the arrays.
        known: the data that the model was trained on; None: nothing is known.
        arrays: examples of all splits: of a model of windows these, or rows in time, of which they are made.
    """
    if known is None or (config.series is not None and not config.window):
        return config
    has_windows = bool(config.window) and all(array.ndim == 3 for _, array in arrays.values())
    if config.window and not has_windows:
        return config
    return config.model_copy(update={"window": None, "series": known.is_series})


def make_array_dataset(
    arrays: NamedArrays, labels: NamedArrays, config: DataConfig, source: str, groups: Groups | None = None
) -> Dataset:
    """Make a dataset of arrays, as `load_npz` says.

    Args:
        arrays: examples of `train`, and of the other splits where there are such.
        labels: whole numbers or text, one an example, of splits that have them.
        config: the shares that are held out, the limit, counts, the window.
        source: what the arrays come from, for messages.
        groups: of the examples.

    Raises:
        UserValueError: shapes or types of the arrays are wrong, or a value is not finite.
    """
    checked = {name: _checked(array, f"{source}: {key}", config) for name, (key, array) in arrays.items()}
    is_series, reason = _is_series(checked, config)
    x = _converted({name: _shaped(array, is_series) for name, array in checked.items()})
    _check_shapes(x, source)
    given = {name: as_labels(*named, len(x[name]), source) for name, named in labels.items()}
    ids, names = label_ids({name: found for name, (found, _) in given.items()})
    splits, cut, notes = array_splits(x, ids, config, groups)
    support = count_fields(x, source) if config.counts else support_fields(_seen(x, splits, config), splits["train"].x)
    event_shape = splits["train"].x.shape[1:]
    spec = DatasetSpec(name=config.dataset, event_shape=event_shape, label_names=names, **support)
    account = _account(arrays, x, labels, {name: done for name, (_, done) in given.items()})
    told = (Note(f"{source}: {account}."), *([Note(f"{source}: {reason}")] if reason else []))
    return Dataset(spec, splits, cut, (*told, *notes))


def _seen(x: Mapping[str, np.ndarray], splits: Mapping[str, ArraySplit], config: DataConfig) -> list[np.ndarray]:
    """Return the examples of all splits; of rows in time the windows, which have no gaps."""
    return [split.x for split in splits.values() if split.num_examples] if config.window else list(x.values())


def _account(arrays: NamedArrays, x: Mapping[str, np.ndarray], labels: NamedArrays, done: Mapping[str, str]) -> str:
    """Say what the arrays are, and as what they are read."""
    said = []
    for name, (key, array) in arrays.items():
        as_type = f", read as {x[name].dtype}" if x[name].dtype != array.dtype else ""
        said.append(f"{key} {list(array.shape)} {array.dtype.name}{as_type}")
    said += [
        f"{key} {list(array.shape)} {array.dtype.name}{f', read {done[name]}' if done[name] else ''}"
        for name, (key, array) in labels.items()
    ]
    return "; ".join(said)


def _checked(array: np.ndarray, where: str, config: DataConfig) -> np.ndarray:
    """Check one array of examples: its type, its shape and its values."""
    if array.dtype.kind not in "buif":
        raise UserValueError(f"{where} must hold numbers. Received: {array.dtype}. Save it as floats or bytes.")
    if isinstance(array, np.ma.MaskedArray):
        if np.ma.is_masked(array):
            raise UserValueError(
                f"{where} must have all its values. Received: {int(np.ma.getmaskarray(array).sum()):,} masked ones."
            )
        array = array.data
    if array.ndim == 1 and config.window and len(array):
        array = array[:, np.newaxis]
    is_image = array.ndim == 4 and array.shape[3] <= 4
    if not (array.ndim in (2, 3) or is_image) or 0 in array.shape:
        raise UserValueError(
            f"{where} must be [N, D], [N, H, W] or [N, H, W, C] with 1 to 4 channels, [N, T, D] for series, and not empty. "
            f"Received: shape {list(array.shape)}. Reshape or transpose it."
        )
    _refuse_not_finite(array, where, bool(config.window) and array.ndim == 2)
    return array


def _is_finite(array: np.ndarray) -> np.ndarray:
    """Return where numbers are finite, also as float32."""
    found = np.isfinite(array)
    return found if array.dtype.itemsize <= 4 else found & (np.abs(array) <= _LARGEST)


def _refuse_not_finite(array: np.ndarray, where: str, may_miss: bool) -> None:
    """Check that numbers are finite; of rows in time some may be missing."""
    if array.dtype.kind != "f":
        return
    is_finite = _is_finite(array) | (np.isnan(array) & may_miss)
    if is_finite.all():
        return
    row, *place = (int(number) for number in np.argwhere(~is_finite)[0])
    is_finite_there = bool(np.isfinite(array[(row, *place)]))
    cure = "Divide by a power of ten" if is_finite_there else "Remove or replace such values"
    if array.ndim == 2 and np.isnan(array[row, place[0]]):
        cure += "; or give a table, where a gap may be: csv:PATH, or pandas.DataFrame(x) in Python"
    raise UserValueError(
        f"{where} must hold finite numbers. Received: {array[(row, *place)]} in example {row} at {place} "
        f"({int((~is_finite).sum()):,} in all). {cure}."
    )


def _is_series(arrays: Mapping[str, np.ndarray], config: DataConfig) -> tuple[bool, str]:
    """Tell whether arrays of three axes are series, and what is to be said of that: nothing, of others.

    Numbers on the real line are such, but for the whole numbers that greys are, and pictures as high as wide.
    """
    train = arrays["train"]
    if train.ndim != 3 or any(array.ndim != 3 for array in arrays.values()):
        return False, ""
    _, steps, features = train.shape
    series, pictures = f"series of {steps} steps of {features} numbers", f"pictures of {steps}x{features}"
    if config.series is not None:
        return config.series, f"{series if config.series else pictures} (data.series={str(config.series).lower()})."
    is_real = not config.counts and any(map(_is_on_the_real_line, arrays.values()))
    if is_real and steps != features:
        return True, f"read as {series} (data.series=false: {pictures})."
    return False, f"read as {pictures} (data.series=true: {series})."


def _is_on_the_real_line(array: np.ndarray) -> bool:
    """Whether values are neither shares nor grey levels."""
    if array.dtype.kind == "b" or array.dtype == np.uint8 or (array.min() >= 0 and array.max() <= 1):
        return False
    return bool(array.min() < 0 or array.max() > _GREYS or (array != np.floor(array)).any())


def _shaped(array: np.ndarray, is_series: bool) -> np.ndarray:
    return array[..., np.newaxis] if array.ndim == 3 and not is_series else array


def _converted(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return truth values as bytes, and all but bytes as float32, unless that rounds them by much of what they vary."""
    wide = np.float64 if is_rounded(arrays["train"]) else np.float32
    return {
        name: array if array.dtype == np.uint8 else array.astype(np.uint8 if array.dtype.kind == "b" else wide, order="C")
        for name, array in arrays.items()
    }


def _check_shapes(x: Mapping[str, np.ndarray], source: str) -> None:
    shapes = {name: list(array.shape[1:]) for name, array in x.items()}
    if any(shape != shapes["train"] for shape in shapes.values()):
        received = ", ".join(f"x_{name} {shape}" for name, shape in shapes.items())
        raise UserValueError(f"{source} must have examples of one shape. Received: {received}.")


def _groups(groups: NamedArrays, x: NamedArrays, config: DataConfig, source: str) -> Groups | None:
    """Return the groups of all examples; they may be missing where nothing is held out."""
    if config.group is None or not (groups or config.holds_out):
        return None
    if set(groups) != set(x):
        wanted = ", ".join(config.group if key == "x" else key.replace("x", config.group, 1) for key, _ in x.values())
        raise UserValueError(
            f"data.group={config.group} must name arrays of {source}, one name an example: {wanted}. "
            f"Received: {', '.join(key for key, _ in groups.values()) or 'none of them'}."
        )
    return Groups({split: as_labels(*named, len(x[split][1]), source)[0].astype(str) for split, named in groups.items()})
