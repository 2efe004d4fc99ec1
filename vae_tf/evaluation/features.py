"""The features that generated examples are compared in: a small classifier's, trained on the model's own training split."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA

from vae_tf.data.pipeline import Dataset, random_examples
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL
from vae_tf.models.cells import Cells
from vae_tf.seeding import derive_pair, initial_weights

__all__ = ["FeatureSpace", "make_feature_space", "row_map"]

_MAX_VALUES = 2**26
"""Values of training examples that are held (256 MiB)."""
_STEPS = 1000
_BATCH = 128
_STEPS_IN_ONE_GO = 20
_NUM_FEATURES = 64
_MIN_SIDE = 6
"""Smaller pictures than this are flattened."""

_Map = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """A map from examples to features, fixed by the dataset alone: runs on the same data are measured alike.

    Attributes:
        description: what the features are, in a few words.
        features: [N, *event_shape] to [N, F].
        probabilities: [N, *event_shape] to class probabilities [N, C]; None without labels.
        accuracy: the classifier's on the test split; None without labels.
        train: training examples [N, *event_shape].
        test: test examples [N, *event_shape] and their labels [N].
        seen: [N, *event_shape] to what distances between examples are taken in; of mixed rows see `row_map`.
    """

    description: str
    features: _Map
    probabilities: _Map | None
    accuracy: float | None
    train: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    seen: _Map = np.asarray

    @cached_property
    def train_features(self) -> np.ndarray:
        """Features of the training examples, [N, F]."""
        return self.features(self.train)


def make_feature_space(dataset: Dataset, seed: int = 0) -> FeatureSpace:
    """Train a small classifier on the training split (on as much as fits 256 MiB), or fit PCA where there are no labels.

    This is no Inception network: distances in its features compare models on this dataset, and with nothing else.

    Args:
        dataset: the data; labels of training and test split are used.
        seed: of the weights and the order; the default makes numbers of different runs comparable.
    """
    count, pair = max(2, _MAX_VALUES // dataset.spec.num_dims), derive_pair(seed, "features")
    train, test = (random_examples(dataset, split, count, pair) for split in ("train", "test"))
    if dataset.spec.is_mixed:
        space = _principal_components(train[0], test, _coded(dataset.spec, train[0]))
        return replace(space, seen=row_map(dataset.spec, train[0]))
    if len(np.unique(train[1][train[1] != NO_LABEL])) < 2:
        return _principal_components(train[0], test)
    return _classifier(train, test, seed)


def _coded(spec: DatasetSpec, train: np.ndarray) -> _Map:
    """Return what makes numbers without gaps of mixed rows: scores, one-hot words, and what is there."""
    cells = Cells.of(spec.columns, train)
    return lambda rows: cells(tf.constant(rows, tf.float32)).numpy()


def row_map(spec: DatasetSpec, train: np.ndarray) -> _Map:
    """Return a map from mixed rows [N, D] to vectors [N, F] whose Euclidean distance is that of two rows.

    It is the root of a mean over columns: of numbers half the squared difference of their normal scores, 1 on average for two
    rows by chance; of words 1 if they differ; and as much, on average, for a gap beside a cell.

    Args:
        spec: of a table of mixed columns.
        train: training rows, whose ranks are the scores, [N, D].
    """
    cells = Cells.of(spec.columns, train)
    own = np.arange(1, 3 * len(cells.numbers), 3)  # the numbers themselves, which are seen beside their scores
    scale = np.sqrt(2.0 * len(cells.columns))
    return lambda rows: np.delete(cells(tf.constant(rows, tf.float32)).numpy(), own, axis=1) / scale


def _principal_components(x: np.ndarray, test: tuple[np.ndarray, np.ndarray], seen: _Map = np.asarray) -> FeatureSpace:
    coded = seen(x).reshape(len(x), -1)
    pca = PCA(min(_NUM_FEATURES, *coded.shape), random_state=0).fit(coded)
    description = f"first {pca.n_components_} principal components of the training data"
    description += " (there are no labels)" if seen is np.asarray else " (words and gaps as vectors)"
    return FeatureSpace(description, lambda new: pca.transform(seen(new).reshape(len(new), -1)), None, None, x, *test, seen)


def _classifier(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], seed: int) -> FeatureSpace:
    is_labelled, is_known = train[1] != NO_LABEL, np.isin(test[1], train[1][train[1] != NO_LABEL])
    x, labels = train[0][is_labelled], train[1][is_labelled]
    with initial_weights(seed):
        body = _body(x.shape[1:])
        classifier = keras.Sequential([body, keras.layers.Dense(int(labels.max()) + 1, activation="softmax")])
    batch_size = min(_BATCH, len(x))
    epochs = -(-_STEPS * batch_size // len(x))
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, epochs * -(-len(x) // batch_size))
    loss, optimizer = "sparse_categorical_crossentropy", keras.optimizers.Adam(schedule)
    classifier.compile(optimizer=optimizer, loss=loss, steps_per_execution=_STEPS_IN_ONE_GO)
    # All epochs as one: beginning an epoch costs Keras more than the steps of a small one.
    batches = tf.data.Dataset.from_tensor_slices((x, labels)).batch(batch_size).repeat(epochs)
    classifier.fit(batches, shuffle=False, verbose=0)

    def probabilities(new: np.ndarray) -> np.ndarray:
        return np.asarray(classifier.predict(new, batch_size=500, verbose=0))

    correct = np.argmax(probabilities(test[0][is_known]), axis=1) == test[1][is_known] if is_known.any() else None
    return FeatureSpace(
        description=f"{_NUM_FEATURES} features of a small classifier trained on the training split",
        features=lambda new: np.asarray(body.predict(new, batch_size=500, verbose=0)),
        probabilities=probabilities,
        accuracy=None if correct is None else float(np.mean(correct)),
        train=train[0],
        test=test[0],
        test_labels=test[1],
    )


def _body(event_shape: tuple[int, ...]) -> keras.Model:
    layers = keras.layers
    if len(event_shape) == 3 and min(event_shape[:2]) >= _MIN_SIDE:
        convolutions = [layers.Conv2D(width, 3, strides=2, padding="same", activation="relu") for width in (16, 32)]
        hidden = [*convolutions, layers.Flatten()]
    else:
        hidden = [layers.Flatten(), layers.Dense(128, activation="relu")]
    return keras.Sequential([keras.Input(event_shape), *hidden, layers.Dense(_NUM_FEATURES, activation="relu")])
