"""How useful the codes are: probes and clusterings scored against labels that the model never saw."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_tf.evaluation.codes import encode_means
from vae_tf.models.latents.base import Latent
from vae_tf.models.vae import VAE

__all__ = ["Clustering", "LabelledExamples", "Representation", "clustering_accuracy", "measure_representation"]

_NUM_NEIGHBORS = 5


@dataclass(frozen=True)
class LabelledExamples:
    """x float32 [N, *event_shape] and int64 labels [N]."""

    x: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Clustering:
    """Agreement of one block's clusters with the labels.

    Attributes:
        block: name of the block.
        method: how clusters are made of codes.
        num_clusters: how many there can be.
        accuracy: share of examples in the cluster matched to their label; the one-to-one matching is the best there is.
        nmi: normalised mutual information (arithmetic mean), in [0, 1].
        ari: adjusted Rand index, 0 for chance.
    """

    block: str
    method: str
    num_clusters: int
    accuracy: float
    nmi: float
    ari: float


@dataclass(frozen=True)
class Representation:
    """Accuracy of simple classifiers on posterior means, and of clusterings.

    Attributes:
        knn_accuracy: of the 5 nearest neighbours, on standardised means.
        linear_accuracy: of logistic regression, on standardised means.
        pca_knn_accuracy: the same on principal components of the data, as many as z has numbers: what a code without
            learning gives.
        pca_linear_accuracy: likewise.
        clusterings: one a block.
        num_train: examples the probes were fitted on.
        num_examples: examples they were scored on.
    """

    knn_accuracy: float
    linear_accuracy: float
    pca_knn_accuracy: float
    pca_linear_accuracy: float
    clusterings: tuple[Clustering, ...]
    num_train: int
    num_examples: int


def measure_representation(vae: VAE, train: LabelledExamples, test: LabelledExamples, seed: int) -> Representation:
    """Fit probes and clusterings on the codes of training examples and score them on others.

    Args:
        vae: the model.
        train: examples that the probes are fitted on.
        test: examples that they are scored on.
        seed: of k-means' starts.
    """
    codes, test_codes = encode_means(vae, train.x), encode_means(vae, test.x)
    flat, test_flat = train.x.reshape(len(train.x), -1), test.x.reshape(len(test.x), -1)
    pca = PCA(min(codes.shape[1], flat.shape[1], len(flat)), random_state=seed).fit(flat)
    own = _probe(codes, train.labels, test_codes, test.labels)
    baseline = _probe(pca.transform(flat), train.labels, pca.transform(test_flat), test.labels)
    ends = np.cumsum([block.size for block in vae.latent.blocks()])
    with warnings.catch_warnings():  # a collapsed block has fewer distinct codes than clusters
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusterings = tuple(
            _cluster(block, codes[:, end - block.size : end], test_codes[:, end - block.size : end], test.labels, seed)
            for block, end in zip(vae.latent.blocks(), ends, strict=True)
        )
    return Representation(*own, *baseline, clusterings, len(codes), len(test_codes))


def _probe(codes: np.ndarray, labels: np.ndarray, test_codes: np.ndarray, test_labels: np.ndarray) -> tuple[float, float]:
    """Return the accuracy of nearest neighbours and of logistic regression."""
    neighbors = KNeighborsClassifier(min(_NUM_NEIGHBORS, len(codes)))
    models = (make_pipeline(StandardScaler(), probe) for probe in (neighbors, LogisticRegression(max_iter=2000)))
    nearest, linear = (float(model.fit(codes, labels).score(test_codes, test_labels)) for model in models)
    return nearest, linear


def _cluster(block: Latent, codes: np.ndarray, test_codes: np.ndarray, labels: np.ndarray, seed: int) -> Clustering:
    """Read a single categorical variable's classes as clusters; cluster every other code by k-means."""
    name, num_classes = str(block.name), len(np.unique(labels))
    if block.is_class:
        method, num_clusters, clusters = "most probable class", codes.shape[1], np.argmax(test_codes, axis=1)
    else:
        method, num_clusters = "k-means on posterior means", min(num_classes, len(codes))
        clusters = KMeans(num_clusters, n_init=10, random_state=seed).fit(codes).predict(test_codes)
    return Clustering(
        block=name,
        method=method,
        num_clusters=num_clusters,
        accuracy=clustering_accuracy(labels, clusters),
        nmi=float(normalized_mutual_info_score(labels, clusters)),
        ari=float(adjusted_rand_score(labels, clusters)),
    )


def clustering_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Return the accuracy under the best one-to-one matching of clusters to labels (Hungarian algorithm).

    Args:
        labels: [N], integers.
        clusters: [N], integers.

    Example:
        >>> clustering_accuracy(np.array([0, 0, 1, 1]), np.array([5, 5, 3, 5]))
        0.75
    """
    classes, label_ids = np.unique(labels, return_inverse=True)
    groups, cluster_ids = np.unique(clusters, return_inverse=True)
    counts = np.zeros((len(groups), len(classes)), np.int64)
    np.add.at(counts, (cluster_ids, label_ids), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels))
