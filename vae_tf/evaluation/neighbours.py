"""Neighbours: the training examples whose codes are nearest to those of others."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from vae_tf.data.pipeline import Dataset, eval_batches
from vae_tf.evaluation.codes import encode_means
from vae_tf.models.vae import VAE

__all__ = ["Neighbours", "find_neighbours"]

_BATCH = 500


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest examples of every one that was asked for, nearest first.

    Attributes:
        distances: Euclidean between posterior means, float [N, K].
        rows: their numbers in the split, int [N, K].
        x: themselves, in the model's units, float32 [N, K, *event_shape].
        labels: int [N, K], -1 where there is none.
    """

    distances: np.ndarray
    rows: np.ndarray
    x: np.ndarray
    labels: np.ndarray


def find_neighbours(
    vae: VAE,
    asked: tuple[np.ndarray, np.ndarray],
    dataset: Dataset,
    num: int,
    split: str = "train",
    on_batch: Callable[[int], None] = lambda _: None,
) -> Neighbours:
    """Find the examples of a split whose codes are nearest to those of some examples.

    The split is gone through twice, once for its codes and once for the examples that are near: it need not fit in memory.

    Args:
        vae: the model.
        asked: examples [N, *event_shape] in the model's units, and their labels [N].
        dataset: where the neighbours are sought.
        num: how many for each; as many as there are where there are fewer.
        split: of the data set.
        on_batch: called with the number of examples after every batch.

    Raises:
        UserValueError: there is no such split.
    """
    batches = eval_batches(dataset, split, _BATCH)
    codes = []
    for x, labels in batches.as_numpy_iterator():
        codes.append(encode_means(vae, x, labels))
        on_batch(len(x))
    index = NearestNeighbors(n_neighbors=min(num, sum(map(len, codes)))).fit(np.concatenate(codes))
    distances, rows = index.kneighbors(encode_means(vae, *asked))
    wanted, place = np.unique(rows, return_inverse=True)
    found_x, found_labels = [], []
    for number, (x, labels) in enumerate(batches.as_numpy_iterator()):
        inside = wanted[(wanted >= number * _BATCH) & (wanted < number * _BATCH + len(x))] - number * _BATCH
        found_x.append(x[inside])
        found_labels.append(labels[inside])
    place = place.reshape(rows.shape)
    return Neighbours(distances, rows, np.concatenate(found_x)[place], np.concatenate(found_labels)[place])
