"""How unlikely examples are under a model, and how well that tells anomalies from the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from vae_tf.data.image_files import FileSplit
from vae_tf.data.notes import Note
from vae_tf.data.pipeline import Dataset, eval_batches
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL, ArraySplit, Split
from vae_tf.errors import UserValueError
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.evaluation.row_scores import RowScorer
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["Detection", "Scores", "as_model_inputs", "measure_detection", "score_examples"]

_NUM_RESAMPLED = 200
_BATCH = 500
_WHITE = 255.0
"""The greatest value of a byte."""


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
    """Describe other data so that they reach a model as its own did, and a servable of it.

    All values are scaled by the training data's statistics or range; but bytes and fractions are read alike, each by its own
    range, where the model knows the other of them. Classes have the numbers that they had in training, and new ones follow.

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
    scaling, notes = _scaling(trained, data)
    is_grey = trained.is_binary and not spec.is_binary  # as a servable takes it: thresholded
    threshold = "threshold" if is_grey or trained.binarization != "none" else "none"
    own = spec.binarization  # of the run's own data, which are read as they were trained on
    update = {"shift": scaling.shift, "scale": scaling.scale, "binarization": threshold if own == "none" else own}
    named = _as_classes(trained, data)
    return replace(named, spec=named.spec.model_copy(update=update), notes=(*named.notes, *notes))


def _scaling(trained: DatasetSpec, data: Dataset) -> tuple[DatasetSpec, tuple[Note, ...]]:
    """Return whose scale values have, the training data's or their own, and what is to be told of that.

    Few examples may not fill the range that they are in: dark bytes are none of a mask of zeros and ones.
    """
    spec = data.spec
    is_real = spec.value_support == "real"
    if trained.is_text and not spec.is_text:
        raise UserValueError(f"The model was trained on texts. Received: numbers in {spec.name}.")
    if trained.value_support not in ("unit", "binary") or (spec.scale == trained.scale and not is_real):
        return trained, ()
    arrays = [split.x for split in data.splits.values() if isinstance(split, ArraySplit) and split.num_examples]
    if arrays and (is_real or (trained.scale == (_WHITE,)) == all(x.dtype == np.uint8 for x in arrays)):
        _check_range(trained, spec.name, arrays)
        return trained, ()
    if is_real:
        raise UserValueError(f"The model was trained on values in [0, 1]. Received: other numbers in {spec.name}.")
    ranges = [f"0 to {scale[0]:g}" for scale in (spec.scale, trained.scale)]
    told = (
        f"{spec.name} has values from {ranges[0]}, and the model was trained on {ranges[1]}: they are read as shares of that."
    )
    return spec, (Note(told),)


def _check_range(trained: DatasetSpec, name: str, arrays: Sequence[np.ndarray]) -> None:
    low, high = min(float(x.min()) for x in arrays), max(float(x.max()) for x in arrays)
    least, most = trained.raw_range or (0.0, trained.scale[0])
    if low < least or high > most:
        raise UserValueError(
            f"The model was trained on values from {least:g} to {most:g}. Received: values from {low:g} to {high:g} in {name}. "
            "Bring them into that range."
        )


def _as_classes(trained: DatasetSpec, data: Dataset) -> Dataset:
    """Return the data with the training data's numbers of classes, by their names."""
    own, known = data.spec.label_names, trained.label_names
    if not known or not own or own == known:
        return data
    names = (*known, *(name for name in own if name not in known))
    numbers = np.array([*(names.index(name) for name in own), NO_LABEL])
    splits: dict[str, Split] = dict(data.splits)
    for name, split in data.splits.items():
        if not isinstance(split, (ArraySplit, FileSplit)):
            return data
        splits[name] = replace(split, labels=numbers[split.labels])
    return replace(data, spec=data.spec.model_copy(update={"label_names": names}), splits=splits)


def score_examples(
    vae: VAE,
    data: Dataset,
    splits: Sequence[str],
    num_samples: int,
    seed: int,
    on_batch: Callable[[int], None] | None = None,
) -> Scores:
    """Score every example of some splits, in order.

    Negative ELBO and its terms are what a servable of the model gives: by draws that are the same for all examples.

    Args:
        vae: the model.
        data: the examples, described by `as_model_inputs`.
        splits: names; empty splits are passed over.
        num_samples: importance samples an example, of the NLL.
        seed: root of the NLL's draws.
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
    batches = eval_batches(data, split, _BATCH)
    has_nll = vae.latent.has_density  # which takes longest, and so is what progress is told of
    terms = RowScorer(vae, data.spec.is_text).measure(batches, data.spec.is_mixed, None if has_nll else on_batch)
    labels = np.concatenate([labels for _, labels in batches.as_numpy_iterator()])
    kl = np.sum([values for name, values in terms.items() if name.startswith("kl/")], axis=0)
    columns = {"negative_elbo": terms["reconstruction_nll"] + kl, "reconstruction_nll": terms["reconstruction_nll"], "kl": kl}
    if has_nll:
        num_samples, seed = settings
        found = BoundEstimator(vae).per_example(batches, num_samples, derive_pair(seed, "score", split), on_batch)
        columns["nll"] = found.nll
    columns = {name: columns[name] for name in ("negative_elbo", "nll", "reconstruction_nll", "kl") if name in columns}
    if data.spec.is_mixed:
        columns |= {f"nats of {name}": terms["cells"][:, place] for place, name in enumerate(data.spec.feature_names)}
    names = getattr(data.split(split), "names", ())[: len(labels)]
    return Scores(columns, labels, np.full(len(labels), split), np.arange(len(labels)), tuple(names))


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
