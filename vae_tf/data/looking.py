"""Look: a cheap one at training examples, for choices that their description alone does not settle."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.decomposition import PCA

from vae_tf.data.pipeline import Dataset, random_examples
from vae_tf.seeding import derive_pair

__all__ = ["NOT_LOOKED", "Look", "look_at", "mirror_excess"]

_MAX_EXAMPLES = 2000
_MIN_EXAMPLES = 100
_COMPONENTS = 20
_MIRRORED = 0.05
"""Share by which mirrored pictures may be farther from the others than they are as they are: emoji 1 %, icons with light from
one side 24 %, digits 160 %."""


@dataclass(frozen=True)
class Look:
    """What there is to see.

    Attributes:
        mirrored: by which share mirrored pictures are farther from the principal components of others than pictures as they
            are; None where that was not looked at.
    """

    mirrored: float | None = None

    @property
    def may_mirror(self) -> bool:
        """Whether pictures may as well be mirrored."""
        return self.mirrored is not None and self.mirrored < _MIRRORED


NOT_LOOKED = Look()


_LOOKS: WeakKeyDictionary[Dataset, Look] = WeakKeyDictionary()
"""Of data that are there: the trials of a search ask for the same ones again and again."""


def look_at(dataset: Dataset) -> Look:
    """Look at some training examples: of few grey and colour pictures whether they are of the same kind when mirrored.

    Args:
        dataset: the data.
    """
    if dataset not in _LOOKS:
        _LOOKS[dataset] = _look(dataset)
    return _LOOKS[dataset]


def _look(dataset: Dataset) -> Look:
    spec = dataset.spec
    if not (spec.has_few_pictures and spec.is_continuous) or dataset.split("train").num_examples < _MIN_EXAMPLES:
        return NOT_LOOKED
    x, _ = random_examples(dataset, "train", _MAX_EXAMPLES, derive_pair(0, "look"))
    return Look(mirrored=mirror_excess(x))


def mirror_excess(x: np.ndarray) -> float:
    """Return by which share mirrored pictures are reconstructed worse than pictures as they are, by PCA of the other half.

    Args:
        x: [N, H, W, C], in a random order.

    Example:
        >>> slope = np.linspace(0.0, 1.0, 6)[None, None, :, None] + np.random.default_rng(0).normal(size=(200, 6, 6, 1)) / 9
        >>> mirror_excess(slope) > 1.0, abs(mirror_excess(slope + slope[:, :, ::-1])) < 0.1
        (True, True)
    """
    first, second = x[: len(x) // 2], x[len(x) // 2 :]
    flat = first.reshape(len(first), -1)
    if (flat == flat[0]).all():
        return 0.0
    fitted = PCA(min(_COMPONENTS, len(flat) // 2, flat.shape[1]), svd_solver="randomized", random_state=0).fit(flat)

    def error(pictures: np.ndarray) -> float:
        pictures = pictures.reshape(len(pictures), -1)
        return float(np.mean(np.square(pictures - fitted.inverse_transform(fitted.transform(pictures)))))

    as_they_are = error(second)
    return error(second[:, :, ::-1]) / as_they_are - 1.0 if as_they_are > 0.0 else 0.0
