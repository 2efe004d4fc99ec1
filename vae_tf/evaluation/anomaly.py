"""How unlikely examples are under a model, and how well that tells anomalies from the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from sklearn.metrics import average_precision_score, roc_auc_score

from vae_tf.data.pipeline import Dataset, eval_batches
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.evaluation.bounds import BoundEstimator, cell_nats
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["Detection", "Scores", "as_model_inputs", "measure_detection", "nats_of_cells", "score_examples"]

_NUM_RESAMPLED = 200
_BATCH = 500
_NUM_DRAWS = 20


@dataclass(frozen=True)
class Scores:
    """One row an example, in nats; the higher, the less likely the example is under the model.

    Attributes:
        columns: `negative_elbo`, `nll` (not for an autoencoder), `reconstruction_nll`, `kl`, and of mixed rows `nats of NAME`
            for every column; float [N].
        labels: int [N], -1 where there is none.
        splits: the split of every example, [N].
        rows: its number in the split, [N].
        names: its file, or empty.
    """

    columns: dict[str, np.ndarray]
    labels: np.ndarray
    splits: np.ndarray
    rows: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Detection:
    """How well a score puts anomalies above the rest; standard errors by the bootstrap over examples.

    Attributes:
        score: the column.
        roc_auc: probability that an anomaly scores above a normal example; 0.5 is chance.
        roc_auc_stderr: its standard error.
        average_precision: area under precision over recall; chance is the share of anomalies.
        average_precision_stderr: its standard error.
        num_anomalies: labelled anomalies.
        num_normal: labelled normal examples.
    """

    score: str
    roc_auc: float
    roc_auc_stderr: float
    average_precision: float
    average_precision_stderr: float
    num_anomalies: int
    num_normal: int


def as_model_inputs(trained: DatasetSpec, data: Dataset) -> Dataset:
    """Describe other data so that they reach a model as its own did.

    Values in [0, 1] are scaled by their own range (bytes or fractions alike), all others by the training data's statistics.

    Args:
        trained: the data the model was trained on.
        data: other data, of the same shape.

    Raises:
        UserValueError: shapes, columns or the range of values differ.
    """
    spec = data.spec
    if spec.event_shape != trained.event_shape:
        raise UserValueError(
            f"The data must have examples of shape {trained.event_shape}, as the model was trained on. "
            f"Received: {spec.event_shape} in {spec.name}."
        )
    if trained.feature_names and spec.feature_names and spec.feature_names != trained.feature_names:
        raise UserValueError(
            f"The columns must be those of the training data, in order: {', '.join(trained.feature_names)}. "
            f"Received: {', '.join(spec.feature_names)}."
        )
    if trained.value_support != "real" and spec.value_support == "real":
        raise UserValueError(f"The model was trained on values in [0, 1]. Received: other numbers in {spec.name}.")
    scaling = trained if trained.value_support == "real" or trained.is_mixed else spec
    is_grey = trained.value_support == "binary" and not spec.is_binary  # as a servable takes it: thresholded
    binarization = "threshold" if is_grey else trained.binarization
    update = {"shift": scaling.shift, "scale": scaling.scale, "binarization": binarization}
    return replace(data, spec=spec.model_copy(update=update))


def score_examples(
    vae: VAE,
    data: Dataset,
    splits: Sequence[str],
    num_samples: int,
    seed: int,
    on_batch: Callable[[int], None] | None = None,
) -> Scores:
    """Score every example of some splits, in order.

    Args:
        vae: the model.
        data: the examples, described by `as_model_inputs`.
        splits: names; empty splits are passed over.
        num_samples: importance samples an example.
        seed: root of the draws.
        on_batch: called with the number of examples after every batch.

    Raises:
        UserValueError: there is no example.
    """
    parts = [_score_split(vae, data, split, (num_samples, seed), on_batch) for split in splits if _size(data, split)]
    if not parts:
        raise UserValueError(f"{data.spec.name} must have examples in {', '.join(splits)}. Received: none.")
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    labels, names, rows = (np.concatenate([getattr(part, key) for part in parts]) for key in ("labels", "splits", "rows"))
    return Scores(columns, labels, names, rows, tuple(name for part in parts for name in part.names))


def _size(data: Dataset, split: str) -> int:
    return data.split(split).num_examples


def _score_split(
    vae: VAE, data: Dataset, split: str, settings: tuple[int, int], on_batch: Callable[[int], None] | None
) -> Scores:
    num_samples, seed = settings
    batches = eval_batches(data, split, _BATCH)
    bounds = BoundEstimator(vae).per_example(batches, num_samples, derive_pair(seed, "score", split), on_batch)
    labels = np.concatenate([labels for _, labels in batches.as_numpy_iterator()])
    kl = np.sum(list(bounds.kl.values()), axis=0)
    columns = {"negative_elbo": bounds.negative_elbo, "nll": bounds.nll, "reconstruction_nll": bounds.reconstruction_nll}
    if not vae.latent.has_density:
        del columns["nll"]
    if data.spec.is_mixed:
        nats = nats_of_cells(vae, batches, derive_pair(seed, "cells", split))
        columns |= {f"nats of {name}": nats[:, place] for place, name in enumerate(data.spec.feature_names)}
    names = getattr(data.split(split), "names", ())[: len(labels)]
    return Scores({**columns, "kl": kl}, labels, np.full(len(labels), split), np.arange(len(labels)), tuple(names))


def nats_of_cells(vae: VAE, batches: tf.data.Dataset, seed: tuple[int, int]) -> np.ndarray:
    """Return -log p of every cell given z, the mean over draws of q(z|x), [N, D]: which cell makes a row odd; 0 of gaps.

    Args:
        vae: a model of rows of mixed columns.
        batches: of rows in its units, and their labels.
        seed: root of the draws.
    """

    @tf.function(autograph=False, reduce_retracing=True)
    def measure(x: tf.Tensor, labels: tf.Tensor, pair: tf.Tensor) -> tf.Tensor:
        return cell_nats(vae, x, labels, pair, _NUM_DRAWS)

    fold, root = tf.random.experimental.stateless_fold_in, tf.constant(seed, tf.int32)
    return np.concatenate([measure(x, labels, fold(root, index)).numpy() for index, (x, labels) in enumerate(batches)])


def measure_detection(scores: Scores, is_anomaly: np.ndarray, seed: int = 0) -> tuple[Detection, ...]:
    """Measure how well negative ELBO and NLL find the anomalies.

    Args:
        scores: of the examples.
        is_anomaly: float [N]: 1 for an anomaly, 0 for a normal example, NaN where it is not known.
        seed: of the bootstrap.

    Raises:
        UserValueError: there are not both kinds.
    """
    known = ~np.isnan(is_anomaly)
    truth = is_anomaly[known].astype(int)
    if len(np.unique(truth)) < 2:
        kind = "anomalies" if truth.any() else "normal examples"
        raise UserValueError(f"The scored examples must hold anomalies and normal examples. Received: only {kind}.")
    names = [name for name in ("negative_elbo", "nll") if name in scores.columns]
    return tuple(_detection(name, truth, scores.columns[name][known], seed) for name in names)


def _detection(name: str, truth: np.ndarray, score: np.ndarray, seed: int) -> Detection:
    rng = np.random.default_rng(seed)
    kinds = [np.flatnonzero(truth == kind) for kind in (0, 1)]
    draws = []
    for _ in range(_NUM_RESAMPLED):
        rows = np.concatenate([rng.choice(kind, len(kind)) for kind in kinds])
        draws.append((roc_auc_score(truth[rows], score[rows]), average_precision_score(truth[rows], score[rows])))
    errors = np.std(draws, axis=0, ddof=1)
    return Detection(
        score=name,
        roc_auc=float(roc_auc_score(truth, score)),
        roc_auc_stderr=float(errors[0]),
        average_precision=float(average_precision_score(truth, score)),
        average_precision_stderr=float(errors[1]),
        num_anomalies=int(truth.sum()),
        num_normal=int((1 - truth).sum()),
    )
