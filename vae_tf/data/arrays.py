"""`npz:PATH`: NumPy arrays `x` and `y`, or `x_train`, `x_test`, `x_validation` and their labels; and arrays in memory."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vae_tf.config import DataConfig, existing_path
from vae_tf.data.numeric import Groups, array_splits, check_groups, count_fields, label_ids, support_fields
from vae_tf.data.partition import SPLIT_NAMES
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserFileError, UserValueError

__all__ = ["NamedArrays", "load_arrays", "load_npz", "make_array_dataset"]

NamedArrays = Mapping[str, tuple[str, np.ndarray]]
"""Split to an array and what it is called in messages."""

_LAYOUTS = "x (and y), or x_train, x_test, x_validation (and y_train, ...), and what data.group names"


def load_npz(config: DataConfig) -> Dataset:
    """Load the arrays of a NumPy archive.

    Bytes become [0, 1] (or stay {0, 1}), booleans {0, 1}, floats in [0, 1] stay; other numbers are standardised with the
    training split's statistics: for each feature of flat examples [N, D], for all pixels of images [N, H, W(, C)].

    Args:
        config: `dataset` is `npz:PATH`.

    Returns:
        Splits in memory, of at most `config.limit` examples.

    Raises:
        UserFileError: the file is missing or no NumPy archive.
        UserValueError: names, shapes or types of the arrays are wrong, or a value is not finite.
    """
    path = existing_path(config.dataset)
    return load_arrays(_read(path), config, str(path))


def load_arrays(arrays: Mapping[str, np.ndarray], config: DataConfig, source: str) -> Dataset:
    """Make a dataset of arrays by their names: `x` and `y`, or `x_train`, `y_train` and so on; see `load_npz`.

    Args:
        arrays: by name. `config.group` names one more: of all examples, or with `_train` and so on behind it, as `y` is named.
        config: the shares that are held out, the limit, counts, the window, the groups.
        source: what the arrays come from, for messages.

    Raises:
        UserValueError: names, shapes or types of the arrays are wrong, or a value is not finite.
    """
    check_groups(config, "y", "array")
    keys = {split: f"{config.group}_{split}" for split in SPLIT_NAMES} if "x_train" in arrays else {"train": f"{config.group}"}
    groups = {split: (key, arrays[key]) for split, key in keys.items() if config.group and key in arrays and key != "x"}
    rest = {name: array for name, array in arrays.items() if name not in {key for key, _ in groups.values()}}
    x, labels = _sort_out(rest, source)
    return make_array_dataset(x, labels, config, source, _groups(groups, x, config, source))


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
    x = {name: _examples(array, f"{source}: {key}") for name, (key, array) in arrays.items()}
    _check_shapes(x, source)
    ids, names = label_ids({name: _labels(*named, len(x[name]), source) for name, named in labels.items()})
    splits, cut, notes = array_splits(x, ids, config, groups)
    support = count_fields(x, source) if config.counts else support_fields(x.values(), splits["train"].x)
    event_shape = splits["train"].x.shape[1:]
    spec = DatasetSpec(name=config.dataset, event_shape=event_shape, label_names=names, **support)
    return Dataset(spec, splits, cut, notes)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            return {"x": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = "arrays of Python objects" if "allow_pickle" in str(error) else " ".join(str(error).split())
        raise UserFileError(
            f"{path} must be a NumPy archive of plain numbers. Received: {reason.rstrip('.')}. "
            f"Write it with numpy.savez(path, x=array)."
        ) from error


def _sort_out(arrays: Mapping[str, np.ndarray], source: str) -> tuple[NamedArrays, NamedArrays]:
    """Find the examples and the labels of each split: split to (name in the file, array)."""
    others = [name for name in arrays if name != "y"]
    if len(others) == 1 and "x_train" not in arrays:
        keys = {"train": others[0]}
        label_keys = {"train": "y"}
    else:
        keys = {split: f"x_{split}" for split in SPLIT_NAMES}
        label_keys = {split: f"y_{split}" for split in SPLIT_NAMES}
    x = {split: (key, arrays[key]) for split, key in keys.items() if key in arrays}
    y = {split: (key, arrays[key]) for split, key in label_keys.items() if key in arrays}
    unused = set(arrays) - {key for key, _ in (*x.values(), *y.values())}
    if "train" not in x or unused or not set(y) <= set(x):
        raise UserValueError(f"{source} must hold {_LAYOUTS}. Received: {', '.join(sorted(arrays)) or 'nothing'}.")
    return x, y


def _examples(array: np.ndarray, where: str) -> np.ndarray:
    """Check one array of examples and give it the shape [N, D] or [N, H, W, C]."""
    if array.dtype.kind not in "buif":
        raise UserValueError(f"{where} must hold numbers. Received: {array.dtype}. Save it as floats or bytes.")
    if array.ndim == 3:
        array = array[..., None]
    is_image = array.ndim == 4 and array.shape[3] <= 4
    if not (array.ndim == 2 or is_image) or 0 in array.shape:
        raise UserValueError(
            f"{where} must be [N, D], [N, H, W] or [N, H, W, C] with 1 to 4 channels, and not empty. "
            f"Received: shape {list(array.shape)}. Reshape or transpose it."
        )
    array = array if array.dtype == np.uint8 else array.astype(np.uint8 if array.dtype == bool else np.float32)
    _refuse_not_finite(array, where)
    return array


def _refuse_not_finite(array: np.ndarray, where: str) -> None:
    if array.dtype == np.uint8 or bool(np.isfinite(array).all()):
        return
    row, *place = (int(number) for number in np.argwhere(~np.isfinite(array))[0])
    raise UserValueError(
        f"{where} must hold finite numbers. Received: {array[(row, *place)]} in example {row} at {place}. "
        f"Remove or replace such values."
    )


def _check_shapes(x: dict[str, np.ndarray], source: str) -> None:
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
    return Groups({split: _labels(*named, len(x[split][1]), source).astype(str) for split, named in groups.items()})


def _labels(key: str, array: np.ndarray, num_examples: int, source: str) -> np.ndarray:
    """Check the labels, or groups, of one split: whole numbers or text, one an example."""
    if array.dtype.kind not in "buiU" or array.shape != (num_examples,):
        raise UserValueError(
            f"{source}: {key} must hold one whole number or text for each of {num_examples} examples. "
            f"Received: {array.dtype} of shape {list(array.shape)}."
        )
    return array
