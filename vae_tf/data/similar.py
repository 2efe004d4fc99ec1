"""Near-equal examples: pictures that differ by a little brightness, by compression or size, rows that differ by rounding."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from sklearn.neighbors import NearestNeighbors

from vae_tf.errors import UserValueError

__all__ = ["groups_of_similar", "nearest_training", "thumbnails"]

_SIDE = 32
_FEW_PIXELS = 64
"""Values of a picture below which it is a row of numbers: it is like many others by chance."""
_NUM_LOW = 4
_ALL_OVER, _IN_PLACES, _IN_COLOUR = 0.05, 0.1, 0.3
"""How far near-equal pictures differ at most, in parts of their contrast."""
_BRIGHTNESS, _CONTRAST = 0.05, 0.8
"""How far their brightness is apart at most, in parts of the range of all values, and their contrast, as a ratio at least."""
_BLANK = 0.01
"""Contrast, in parts of that range, below which a picture is blank: it is like all others that are."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_NEAR = 0.001
"""Distance of near-equal rows at most, in parts of the typical one to the nearest other row."""
_CHANCE = 0.01
"""Near-equal rows, at most, that there may be by chance among all that are looked at."""
_AROUND = 5
"""Numbers on either side of a value by which is told how dense a column is there."""
_NUM_SAMPLED = 1000
_CHUNK = 1000
_MAX_PAIRS = 10_000_000
_MAX_IN_PICTURES, _MAX_IN_ROWS = 2**27, 2**24
"""Values up to which near-equal examples are looked for where nobody asked for it: a second or two."""


@dataclass(frozen=True, eq=False)
class _Space:
    """Where near-equal examples are near, and how to tell them from others that are.

    Attributes:
        points: float [N, K]; what is not to be compared is far from all.
        radius: distance of near-equal examples, at most.
        are_near: says which pairs of row numbers [M] and [M] are near-equal.
    """

    points: np.ndarray
    radius: float
    are_near: Callable[[np.ndarray, np.ndarray], np.ndarray]


def nearest_training(x: np.ndarray, num_train: int, equal: np.ndarray) -> np.ndarray:
    """Find a near-equal training example for each of the others.

    Args:
        x: pictures [N, H, W, C] or rows [N, D]; the first `num_train` are for training.
        num_train: how many.
        equal: a number for every example, the same for equal ones.

    Returns:
        Number of a training example, int64 [N - num_train]; -1 where none is near-equal, or one is equal, or for all where they
        are too many to look at by the way.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 3))
        >>> x[99] = x[7] + 1e-6
        >>> nearest_training(x, 95, np.arange(100)).tolist()
        [-1, -1, -1, -1, 7]
    """
    found = np.full(len(x) - num_train, -1)
    asked = num_train + np.flatnonzero(~np.isin(equal[num_train:], equal[:num_train]))
    if not len(asked) or x.size > (_MAX_IN_PICTURES if _are_pictures(x) else _MAX_IN_ROWS):
        return found
    space = _space(x, equal[:num_train], len(asked))
    tree = cKDTree(space.points[:num_train])
    _, near = tree.query(space.points[asked], k=3, distance_upper_bound=space.radius)
    for rank in (2, 1, 0):
        candidates = np.flatnonzero(near[:, rank] < num_train)
        first, second = asked[candidates], near[candidates, rank]
        is_near = space.are_near(first, second)
        found[first[is_near] - num_train] = second[is_near]
    return found


def groups_of_similar(x: np.ndarray, equal: np.ndarray) -> np.ndarray:
    """Return a number for every example, int64 [N]: the same where examples are near-equal, or joined through others that are.

    Args:
        x: pictures [N, H, W, C] or rows [N, D].
        equal: a number for every example, the same for equal ones.

    Raises:
        UserValueError: too many pairs are near-equal.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> x[49] = x[7] + 1e-6
        >>> groups = groups_of_similar(x, np.arange(50))
        >>> len(set(groups.tolist())), bool(groups[49] == groups[7])
        (49, True)
    """
    _, distinct, inverse = np.unique(equal, return_index=True, return_inverse=True)
    x = x[distinct]
    space = _space(x, np.arange(len(x)), len(x))
    tree = cKDTree(space.points)
    counts = tree.query_ball_point(space.points, space.radius, return_length=True)
    if counts.sum() - len(x) > 2 * _MAX_PAIRS:
        raise UserValueError(
            f"data.copies=similar compares at most {_MAX_PAIRS:,} pairs. Received: {len(x):,} examples, of which "
            f"{(counts.sum() - len(x)) // 2:,} pairs may be near-equal. Use data.copies=together, or data.group."
        )
    asked = np.flatnonzero(counts > 1)
    near = tree.query_ball_point(space.points[asked], space.radius)
    pairs = [(row, other) for row, others in zip(asked, near, strict=True) for other in others if other > row]
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    is_near = space.are_near(first, second)
    edges = (np.ones(is_near.sum(), np.int8), (first[is_near], second[is_near]))
    _, groups = connected_components(coo_array(edges, shape=(len(x), len(x))), directed=False)
    return groups[inverse.reshape(-1)].astype(np.int64)


def _are_pictures(x: np.ndarray) -> bool:
    return x.ndim == 4 and x[0].size >= _FEW_PIXELS


def _space(x: np.ndarray, equal: np.ndarray, num_asked: int) -> _Space:
    """Return the space of pictures or of rows; `equal` is of the training examples, which come first."""
    if _are_pictures(x):
        span = float(x.max()) - float(x.min())
        return _Space(_low_frequencies(x, span), _ALL_OVER, lambda first, second: _look_alike(x, first, second, span))
    rows = x.reshape(len(x), -1).astype(np.float64)
    train = rows[: len(equal)]
    deviation = train.std(axis=0)
    points = (rows - train.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    _, distinct = np.unique(equal, return_index=True)
    radius = _radius(points[distinct], num_asked)
    return _Space(points, radius, lambda first, second: _are_no_chance(points, len(equal), num_asked, (first, second)))


def _radius(rows: np.ndarray, num_asked: int) -> float:
    """Return the distance below which distinct rows [N, D] are no two by chance.

    Two rows are so near to each other by chance as the data's dimension lets them: it is told from how much further the third
    neighbour is than the second (as in Facco et al. 2017; the first may be a copy).
    """
    if len(rows) < 4:
        return 0.0
    sample = rows[np.linspace(0, len(rows) - 1, min(_NUM_SAMPLED, len(rows))).astype(int)]
    distances, _ = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(rows).kneighbors(sample)
    second, third = np.maximum(distances[:, 2:], 1e-30).T
    dimension = np.log(2) / (2 * np.median(np.log(third / second)) + 1e-30)
    return float(np.median(second) * min(_NEAR, (_CHANCE / num_asked) ** (1 / dimension)))


def _are_no_chance(points: np.ndarray, num_train: int, num_asked: int, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Say of which pairs hardly any would be expected by chance, were columns independent: columns of few values repeat."""
    values, others = (points[numbers] for numbers in pairs)
    expected = np.full(len(values), np.log(num_asked * num_train))
    for column in range(points.shape[1] if len(values) else 0):
        ranked = np.sort(points[:num_train, column])
        value, gap = values[:, column], np.abs(values[:, column] - others[:, column])
        expected += np.log(np.maximum(_count_within(ranked, value, gap), 1e-30) / num_train)
    return expected < np.log(_CHANCE)


def _count_within(ranked: np.ndarray, values: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return how many ranked numbers are within gaps of values: where they are few, by how dense they are around."""
    first, stop = np.searchsorted(ranked, values - gaps), np.searchsorted(ranked, values + gaps, side="right")
    middle = np.searchsorted(ranked, values)
    low, high = np.maximum(middle - _AROUND, 0), np.minimum(middle + _AROUND, len(ranked) - 1)
    width = ranked[high] - ranked[low]
    is_counted = (stop - first > 2 * _AROUND) | (gaps == 0) | (width == 0)
    return np.where(is_counted, stop - first, 2 * gaps * (high - low) / np.where(width > 0, width, 1.0))


class _Seen(NamedTuple):
    """Pictures as they are compared: small, smoothed, of mean 0 and standard deviation 1.

    Attributes:
        small: [N, h, w, C].
        grey: [N, h, w].
        brightness: means of the grey, [N].
        contrast: standard deviations of the grey, [N].
    """

    small: np.ndarray
    grey: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray


def _seen(x: np.ndarray) -> _Seen:
    maps = (gaussian_filter1d(_areas(size, min(size, _SIDE)), min(size, _SIDE) / _SIDE, axis=0) for size in x.shape[1:3])
    small = _mapped(x.astype(np.float32), *maps)
    grey = _grey(small)
    brightness, contrast = grey.mean(axis=(1, 2), keepdims=True), grey.std(axis=(1, 2), keepdims=True)
    parts = np.maximum(contrast, 1e-30)
    small = small - small.mean(axis=(1, 2, 3), keepdims=True)
    small /= np.maximum(small.std(axis=(1, 2, 3), keepdims=True), 1e-30)
    return _Seen(small, (grey - brightness) / parts, brightness[:, 0, 0], contrast[:, 0, 0])


def _low_frequencies(x: np.ndarray, span: float) -> np.ndarray:
    """Return the lowest frequencies of grey pictures, in parts of their contrast, float64 [N, 15]; blank ones are far away."""
    parts = []
    for rows in _chunks(len(x)):
        seen = _seen(x[rows])
        height, width = (dct(np.eye(size, dtype=np.float32), norm="ortho", axis=0)[:_NUM_LOW] for size in seen.grey.shape[1:])
        low = (height @ seen.grey @ width.T).reshape(len(seen.grey), -1)[:, 1:] / np.sqrt(seen.grey[0].size)
        far = 10.0 * (1 + np.arange(len(x))[rows])
        parts.append(np.where((seen.contrast > _BLANK * span)[:, np.newaxis], low, far[:, np.newaxis]))
    return np.concatenate(parts).astype(np.float64)


def _look_alike(x: np.ndarray, first: np.ndarray, second: np.ndarray, span: float) -> np.ndarray:
    """Say which pairs of pictures are near-equal: all over, in every grey place, in colour, brightness and contrast."""
    parts = [np.zeros(0, bool)]
    for rows in _chunks(len(first)):
        one, other = _seen(x[first[rows]]), _seen(x[second[rows]])
        gap, grey = one.small - other.small, (one.grey - other.grey)[..., np.newaxis]
        places, colours = _shrunk(grey, max(1, grey.shape[1] // 2)), _shrunk(gap, _SIDE // 4)
        likenesses = (
            np.sqrt(np.square(grey).mean(axis=(1, 2, 3))) < _ALL_OVER,
            np.abs(places).max(axis=(1, 2, 3)) < _IN_PLACES,
            np.abs(colours).max(axis=(1, 2, 3)) < _IN_COLOUR,
            np.abs(one.brightness - other.brightness) < _BRIGHTNESS * span,
            np.minimum(one.contrast, other.contrast) > _CONTRAST * np.maximum(one.contrast, other.contrast),
        )
        parts.append(np.all(likenesses, axis=0))
    return np.concatenate(parts)


def thumbnails(x: np.ndarray) -> np.ndarray:
    """Return pictures [N, H, W, C] of at most 32 x 32, by means of areas, in their own type: they compare as the whole ones.

    Example:
        >>> thumbnails(np.zeros((2, 64, 48, 3), np.uint8)).shape
        (2, 32, 32, 3)
    """
    if max(x.shape[1:3]) <= _SIDE:
        return x
    small = _shrunk(x.astype(np.float32), _SIDE)
    return (np.rint(small) if x.dtype == np.uint8 else small).astype(x.dtype)


def _shrunk(x: np.ndarray, side: int) -> np.ndarray:
    """Return pictures with at most `side` rows and columns, which are means of areas."""
    return _mapped(x, *(_areas(size, min(size, side)) for size in x.shape[1:3]))


def _mapped(x: np.ndarray, height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return pictures whose rows and columns are sums of those of x, by weights [h, H] and [w, W]."""
    return np.moveaxis(height @ np.moveaxis(x, 3, 1) @ width.T, 1, 3)


def _areas(size: int, num: int) -> np.ndarray:
    """Return how much of each of `size` pixels is in each of `num` equal stretches, [num, size]; rows add up to 1."""
    edges, pixels = np.linspace(0, size, num + 1)[:, np.newaxis], np.arange(size)
    shares = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return (np.maximum(shares, 0) * num / size).astype(np.float32)


def _grey(x: np.ndarray) -> np.ndarray:
    """Return grey pictures [N, H, W]."""
    return x @ _LUMA if x.shape[3] == len(_LUMA) else x.mean(axis=3)


def _chunks(num: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, num, _CHUNK))
