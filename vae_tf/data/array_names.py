"""Which of several named arrays are the examples, and which their labels."""

import re
from collections.abc import Mapping

import numpy as np

from vae_tf.data.split_folders import SPLIT_NAMES
from vae_tf.errors import UserValueError

__all__ = ["NamedArrays", "as_labels", "sort_out"]

NamedArrays = Mapping[str, tuple[str, np.ndarray]]
"""Split to an array and what it is called in messages."""

_LAYOUTS = "x (and y), or x_train, x_test, x_validation (and y_train, ...), and what data.group names"
_ROLES = {
    **dict.fromkeys(("x", "data", "image", "images", "feature", "features", "input", "inputs", "samples", "examples"), "x"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets", "class", "classes"), "y"),
}
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_Found = dict[tuple[str, str], str]
"""`x` or `y` and the split, to the name of an array."""


def sort_out(arrays: Mapping[str, np.ndarray], source: str) -> tuple[NamedArrays, NamedArrays, str]:
    """Find the examples and the labels of each split.

    By their names (`x` and `y`, or `x_train`, ...); else by words that mean the same (`images`, `labels`, `train_images`, ...);
    else, of two arrays, by their shapes, where only one can be labels.

    Args:
        arrays: by name.
        source: what they come from, for messages.

    Returns:
        Examples and labels by split, and what was taken for what where the names are others; empty where they are not.

    Raises:
        UserValueError: there are none, or several could be meant.

    Example:
        >>> x, y, told = sort_out({"images": np.zeros((5, 2, 2)), "labels": np.zeros(5, int)}, "toy")
        >>> x["train"][0], y["train"][0], told
        ('images', 'labels', 'images is taken for x, labels for y')
    """
    found = _by_name(arrays)
    told = ""
    if found is None:
        found = _by_words(arrays) or _by_shape(arrays)
        told = _told(found)
    if not found:
        raise UserValueError(f"{source} must hold {_LAYOUTS}. Received: {_listed(arrays)}.{_offer(arrays)}")
    x, y = ({split: (name, arrays[name]) for (role, split), name in found.items() if role == wanted} for wanted in ("x", "y"))
    return x, y, told


def _told(found: _Found) -> str:
    """Say what was taken for what."""
    has_splits = any(split != "train" for _, split in found)
    keys = [f"{role}_{split}" if has_splits else role for role, split in found]
    return ", ".join(f"{name} {'' if n else 'is taken '}for {keys[n]}" for n, name in enumerate(found.values()))


def _by_name(arrays: Mapping[str, np.ndarray]) -> _Found | None:
    """Return what is what where all names are the usual ones, or there is one array, of any name, beside y."""
    others = [name for name in arrays if name != "y"]
    if len(others) == 1 and not re.fullmatch(r"[xy]_(train|validation|test)", others[0]):
        return {("x", "train"): others[0], **({("y", "train"): "y"} if "y" in arrays else {})}
    places = {f"{role}_{split}": (role, split) for role in "xy" for split in SPLIT_NAMES}
    return _whole({places[name]: name for name in arrays}) if arrays and set(arrays) <= set(places) else None


def _whole(found: _Found) -> _Found | None:
    """Return what was found if there are examples to train on, and of every split with labels."""
    has = {role: {split for one, split in found if one == role} for role in "xy"}
    return found if "train" in has["x"] and has["y"] <= has["x"] else None


def _by_words(arrays: Mapping[str, np.ndarray]) -> _Found:
    """Return what is what where every name says it in words of its own."""
    found: _Found = {}
    for name in arrays:
        words = _words(name)
        roles, splits = [_ROLES[w] for w in words if w in _ROLES], [_SPLITS[w] for w in words if w in _SPLITS]
        if len(roles) != 1 or len(splits) > 1 or len(words) != 1 + len(splits):
            return {}
        found[(roles[0], splits[0] if splits else "")] = name
    has_splits = {bool(split) for _, split in found}
    if len(found) < len(arrays) or len(has_splits) != 1:
        return {}
    if has_splits == {False}:
        found = {(role, "train"): name for (role, _), name in found.items()}
    return _whole(found) or {}


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())


def _by_shape(arrays: Mapping[str, np.ndarray]) -> _Found:
    """Return what is what where there are two arrays, of which one alone can be the other's labels."""
    if len(arrays) != 2 or {"x", "y"} & set(arrays) or any(set(_words(name)) & set(_SPLITS) for name in arrays):
        return {}
    (first, a), (second, b) = arrays.items()
    ways = [way for way in ((first, a, second, b), (second, b, first, a)) if _are_labels_of(way[3], way[1])]
    if len(ways) != 1:
        return {}
    return {("x", "train"): ways[0][0], ("y", "train"): ways[0][2]}


def _are_labels_of(labels: np.ndarray, x: np.ndarray) -> bool:
    is_one_each = labels.shape in {x.shape[:1], (*x.shape[:1], 1)}
    return x.ndim > 1 and x.dtype.kind in "buif" and is_one_each and labels.dtype.kind in "buiSU"


def _listed(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {list(np.shape(arrays[name]))}" for name in sorted(arrays)) or "nothing"


def _offer(arrays: Mapping[str, np.ndarray]) -> str:
    """Say how the arrays could be saved."""
    x = [name for name, array in arrays.items() if array.ndim > 1 and array.dtype.kind in "buif" and name != "y"]
    if not x:
        return ""
    largest = max(x, key=lambda name: arrays[name].size)
    y = next((name for name, array in arrays.items() if name != largest and _are_labels_of(array, arrays[largest])), None)
    return f" Save what is meant, e.g. numpy.savez(path, x=a[{largest!r}]{f', y=a[{y!r}]' if y else ''})."


def as_labels(key: str, array: np.ndarray, num_examples: int, source: str) -> tuple[np.ndarray, str]:
    """Return the labels, or groups, of one split as whole numbers or text [N], and what was done to them.

    Args:
        key: what they are called.
        array: [N] or [N, 1] of whole numbers (of any type), truth values, text or bytes; or ones of N among zeros [N, C].
        num_examples: N.
        source: what they come from, for messages.

    Raises:
        UserValueError: they are others.

    Example:
        >>> as_labels("y", np.array([[1.0], [0.0]]), 2, "toy")
        (array([1, 0]), 'as [N], as whole numbers')
    """
    done = []
    if array.ndim == 2 and array.shape[1] > 1 and len(array) == num_examples and _is_one_hot(array):
        array = array.argmax(axis=1)
        done.append("ones among zeros as the numbers of their columns")
    if array.shape == (num_examples, 1):
        array = array[:, 0]
        done.append("as [N]")
    if array.dtype.kind == "S":
        array = _decoded(key, array, source)
        done.append("as text")
    if array.dtype.kind == "f":
        array = _as_whole(key, array, source)
        done.append("as whole numbers")
    if array.dtype.kind not in "buiU" or array.shape != (num_examples,):
        raise UserValueError(
            f"{source}: {key} must hold one whole number or text for each of {num_examples} examples. "
            f"Received: {array.dtype} of shape {list(array.shape)}."
        )
    return array, ", ".join(done)


def _is_one_hot(array: np.ndarray) -> bool:
    return array.dtype.kind in "buif" and bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())


def _decoded(key: str, array: np.ndarray, source: str) -> np.ndarray:
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError as error:
        raise UserValueError(f"{source}: {key} must hold text in UTF-8. Received: {error.object[:40]!r}.") from error


def _as_whole(key: str, array: np.ndarray, source: str) -> np.ndarray:
    is_wrong = ~np.isfinite(array) | (array != np.floor(array)) | (np.abs(array) > 2**53)
    if is_wrong.any():
        place = [int(number) for number in np.argwhere(is_wrong)[0]]
        raise UserValueError(
            f"{source}: {key} must hold whole numbers or text: they are classes. Received: {array[tuple(place)]} in row "
            f"{place[0]}. Leave it out, or cut it into classes."
        )
    return array.astype(np.int64)
