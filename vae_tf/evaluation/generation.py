"""What the model generates, against data: Frechet distance, precision and recall, copies of training examples, holes."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.codes import encode_means
from vae_tf.evaluation.features import FeatureSpace
from vae_tf.evaluation.gaps import with_gaps
from vae_tf.evaluation.made_rows import within_range
from vae_tf.evaluation.nearness import Nearness, measure_nearness, nearest_training
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive, derive_pair

__all__ = [
    "Generation",
    "HoleScore",
    "Memorization",
    "fitted_gaussian",
    "frechet_distance",
    "generate_examples",
    "measure_generation",
    "measure_holes",
    "precision_and_recall",
]

_NUM_GENERATED = 2000
_NUM_NEIGHBORS = 3
_COPY_FRACTION = 0.25
_BATCH = 500


@dataclass(frozen=True)
class Memorization:
    """Distances to the nearest training example, Euclidean on the data.

    Attributes:
        sample_distance: median over generated examples.
        held_out_distance: median over test examples.
        copies: share of generated examples nearer than a quarter of `held_out_distance`.
        held_out_copies: the same share of test examples: what duplicates in the data make of it.
        num_train: training examples among which the nearest was sought.
    """

    sample_distance: float
    held_out_distance: float
    copies: float
    held_out_copies: float
    num_train: int


@dataclass(frozen=True)
class Generation:
    """Decoded prior draws against test examples.

    Attributes:
        features: what the features are.
        classifier_accuracy: of the classifier whose features they are, on the test split; None without labels.
        decoded_as: what is decoded: draws of p(x|z) where data are binary or mixed, else its mean.
        frechet_distance: squared Frechet distance between Gaussians fitted to features; 0 is best. Not Inception FID.
        frechet_floor: the same between training and test examples: what perfect samples would get.
        precision: share of generated examples within the test examples' 3-nearest-neighbour manifold.
        recall: share of test examples within that of the generated ones (both: Kynkaanniemi et al. 2019).
        memorization: distances to training examples.
        num_generated: examples generated; as many test examples at most.
        nearness: of mixed rows, how near they come to training rows and how many are copies; None of other data.
    """

    features: str
    classifier_accuracy: float | None
    decoded_as: str
    frechet_distance: float
    frechet_floor: float
    precision: float
    recall: float
    memorization: Memorization
    num_generated: int
    nearness: Nearness | None = None


def generate_examples(vae: VAE, spec: DatasetSpec, z: np.ndarray | tf.Tensor, seed: int) -> np.ndarray:
    """Decode z [N, size] to examples as they look in the data: draws of p(x|z) where binary, counts or mixed, else means.

    Returns:
        float32 [N, *event_shape].
    """
    z = np.asarray(z)
    parts = [z[first : first + _BATCH] for first in range(0, len(z), _BATCH)]
    decoded = (vae.decode(part) for part in parts)
    if not (spec.is_binary or spec.is_drawn):
        return np.concatenate([p.mean().numpy() for p in decoded])
    seeds = (derive_pair(seed, "decode", index) for index in range(len(parts)))
    return np.concatenate([p.sample(seed=pair).numpy() for p, pair in zip(decoded, seeds, strict=True)])


def measure_generation(vae: VAE, spec: DatasetSpec, space: FeatureSpace, seed: int) -> Generation:
    """Generate 2,000 examples from the prior and compare them with the test split.

    Mixed rows are kept within the range of the training rows, as they are written, and given the gaps of test rows.

    Args:
        vae: the model.
        spec: the data.
        space: where examples are compared.
        seed: of the draws.
    """
    z = vae.latent.draw(_NUM_GENERATED, derive_pair(seed, "generate"))
    test = space.test[:_NUM_GENERATED]
    samples = _alike(spec, generate_examples(vae, spec, z, seed), test)
    sample_features, test_features = space.features(samples), space.features(test)
    precision, recall = precision_and_recall(test_features, sample_features)
    return Generation(
        features=space.description,
        classifier_accuracy=space.accuracy,
        decoded_as="draws of p(x|z)" if spec.is_binary or spec.is_drawn else "means of p(x|z)",
        frechet_distance=frechet_distance(test_features, sample_features),
        frechet_floor=frechet_distance(test_features, space.train_features[:_NUM_GENERATED]),
        precision=precision,
        recall=recall,
        memorization=_memorization(*(space.seen(x) for x in (samples, test, space.train))),
        num_generated=len(samples),
        nearness=measure_nearness(spec, space.train, test, samples) if spec.is_mixed else None,
    )


def _alike(spec: DatasetSpec, x: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return generated mixed rows as they are written, within the range of the training rows, with the gaps of test rows."""
    if not spec.is_mixed:
        return x
    within = spec.to_model(within_range(spec, spec.to_raw(x)))
    return with_gaps(within, np.resize(np.isnan(test), x.shape))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the squared Frechet distance between Gaussians fitted to two sets of features (Heusel et al. 2017, equation 6).

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    Args:
        a: [N, F], N >= 2.
        b: [M, F], M >= 2.

    Example:
        >>> points = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
        >>> round(frechet_distance(points, points + [3.0, 4.0]), 6)
        25.0
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    shift = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # The root's trace is the sum of the roots of the eigenvalues, which are real and not negative but for rounding.
    roots = np.sqrt(np.clip(np.linalg.eigvals(cov_a @ cov_b).real, 0.0, None))
    return float(max(0.0, shift + np.trace(cov_a) + np.trace(cov_b) - 2.0 * np.sum(roots)))


def precision_and_recall(real: np.ndarray, generated: np.ndarray, num_neighbors: int = _NUM_NEIGHBORS) -> tuple[float, float]:
    """Return the share of generated points on the real ones' manifold, and of real points on the generated ones'.

    A set's manifold is the union of balls around its points that reach to their k-th nearest neighbour (Kynkaanniemi et al.
    2019, equations 1 and 2).

    Args:
        real: [N, F], N > k.
        generated: [M, F], M > k.
        num_neighbors: k.

    Example:
        >>> real = np.arange(10.0)[:, np.newaxis]
        >>> precision_and_recall(real, real + 100.0, num_neighbors=1)
        (0.0, 0.0)
    """
    return _covered(generated, real, num_neighbors), _covered(real, generated, num_neighbors)


def _covered(points: np.ndarray, centers: np.ndarray, num_neighbors: int) -> float:
    """Return the share of points that lie in a ball around any center."""
    num_neighbors = min(num_neighbors, len(centers) - 1)
    index = NearestNeighbors(n_neighbors=num_neighbors).fit(centers)
    radii = index.kneighbors()[0][:, -1]
    covered = np.zeros(len(points), bool)
    for first in range(0, len(points), _BATCH):
        rows = points[first : first + _BATCH]
        distances = np.sqrt(np.maximum(_squared_distances(rows, centers), 0.0))
        covered[first : first + _BATCH] = (distances <= radii + 1e-12).any(axis=1)
    return float(covered.mean())


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return np.sum(a * a, axis=1)[:, np.newaxis] - 2.0 * a @ b.T + np.sum(b * b, axis=1)


def _memorization(samples: np.ndarray, test: np.ndarray, train: np.ndarray) -> Memorization:
    ours, theirs = nearest_training(samples, train)[0], nearest_training(test, train)[0]
    near = _COPY_FRACTION * float(np.median(theirs))
    return Memorization(
        sample_distance=float(np.median(ours)),
        held_out_distance=float(np.median(theirs)),
        copies=float(np.mean(ours < near)),
        held_out_copies=float(np.mean(theirs < near)),
        num_train=len(train),
    )


@dataclass(frozen=True)
class HoleScore:
    """How much decoded points of one origin look like data.

    Attributes:
        origin: where the points of the latent space come from.
        confidence: mean probability of the classifier's most probable class; None without labels.
        confidence_stderr: its standard error over the points.
        distance: median distance to the nearest training example in feature space, in units of the test examples' own:
            1 is as near as data the model never saw.
        frechet_distance: of the decoded points to the test examples, in feature space.
    """

    origin: str
    confidence: float | None
    confidence_stderr: float | None
    distance: float
    frechet_distance: float


def measure_holes(vae: VAE, spec: DatasetSpec, space: FeatureSpace, seed: int) -> tuple[HoleScore, ...]:
    """Score what lies between and around the codes: holes are points of the latent space that decode to no example.

    The origins: test examples themselves and their reconstructions, for reference; midpoints of the straight lines between
    the codes of test examples (of different classes where there are labels); draws of the prior; and, where the codes are
    continuous, draws of a Gaussian fitted to the training codes, which is fair to an autoencoder, whose codes have no prior.

    Args:
        vae: the model.
        spec: the data.
        space: where examples are compared.
        seed: of the draws.
    """
    test = space.test[:_NUM_GENERATED]
    reference = float(np.median(_feature_distances(space, test)))
    origins = {"test examples": test, **_decoded_origins(vae, spec, space, test, seed)}
    return tuple(_hole_score(origin, x, test, reference, space) for origin, x in origins.items())


def _decoded_origins(vae: VAE, spec: DatasetSpec, space: FeatureSpace, test: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    rng, latent = np.random.default_rng(derive(seed, "holes")), vae.latent
    codes = np.concatenate([latent.mode(vae.encode(test[i : i + _BATCH])).numpy() for i in range(0, len(test), _BATCH)])
    starts, stops = _pairs(space.test_labels[: len(test)], rng)
    points = {
        "reconstructions": codes,
        "interpolation midpoints": latent.interpolate(codes[starts], codes[stops], 3, spherical=False)[1],
        "prior draws": latent.draw(_NUM_GENERATED, derive_pair(seed, "generate")),
    }
    if not latent.is_discrete:
        points["fitted Gaussian"] = fitted_gaussian(vae, space.train[:20_000], _NUM_GENERATED, seed)
    return {origin: _alike(spec, generate_examples(vae, spec, z, seed), test) for origin, z in points.items()}


def fitted_gaussian(vae: VAE, x: np.ndarray, num: int, seed: int) -> np.ndarray:
    """Draw from a Gaussian with the mean and covariance of the posterior means of x, [num, size]."""
    means = encode_means(vae, x)
    cov = np.atleast_2d(np.cov(means, rowvar=False))
    rng = np.random.default_rng(derive(seed, "fitted Gaussian"))
    return rng.multivariate_normal(means.mean(axis=0), cov, num).astype(np.float32)


def _pairs(labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of random pairs, of different labels where there are several."""
    starts, stops = np.arange(len(labels)), rng.permutation(len(labels))
    is_mixed = labels[starts] != labels[stops]
    return (starts[is_mixed], stops[is_mixed]) if is_mixed.any() else (starts, stops)


def _feature_distances(space: FeatureSpace, x: np.ndarray) -> np.ndarray:
    return nearest_training(space.features(x), space.train_features)[0]


def _hole_score(origin: str, x: np.ndarray, test: np.ndarray, reference: float, space: FeatureSpace) -> HoleScore:
    confidence = None if space.probabilities is None else np.max(space.probabilities(x), axis=1)
    return HoleScore(
        origin=origin,
        confidence=None if confidence is None else float(np.mean(confidence)),
        confidence_stderr=None if confidence is None else float(np.std(confidence, ddof=1) / np.sqrt(len(confidence))),
        distance=float(np.median(_feature_distances(space, x)) / max(reference, 1e-12)),
        frechet_distance=frechet_distance(space.features(test), space.features(x)),
    )
