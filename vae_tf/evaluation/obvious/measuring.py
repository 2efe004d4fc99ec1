"""A model beside the plain models of its data: the same examples, the same units."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vae_tf.data.pipeline import Dataset, gather_examples, random_examples
from vae_tf.evaluation.bounds import ExampleBounds
from vae_tf.evaluation.obvious import masses
from vae_tf.evaluation.obvious.advice import Evidence, advise
from vae_tf.evaluation.obvious.base import BITS, NATS, SQUARED_ERROR, Measured, ObviousComparison, Plain, compare
from vae_tf.evaluation.obvious.fitting import PlainData, fit_obvious, texts_with_ends
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["ObviousSettings", "independent_nats", "measure_obvious"]

_BATCH = 500
_MAX_VALUES = 8_000_000
"""Values that plain models are fitted to: 10,000 examples of 784 numbers."""
_MAX_EXAMPLES = 10_000
_MIN_EXAMPLES = 300
_MAX_TEXT_VALUES = 1_000_000
_HELD_OUT = 0.1


@dataclass(frozen=True)
class ObviousSettings:
    """What is measured, and on how much.

    Attributes:
        split: whose examples are measured.
        seed: of the choice of training examples.
        num_train: training examples that plain models are fitted to; default: what takes seconds.
        records: the epochs' metrics, for advice.
    """

    split: str = "test"
    seed: int = 0
    num_train: int | None = None
    records: Sequence[Mapping[str, Any]] = ()


def measure_obvious(
    vae: VAE, dataset: Dataset, bounds: ExampleBounds, settings: ObviousSettings
) -> tuple[ObviousComparison, ...]:
    """Put a model beside the plain models of its data.

    Args:
        vae: the model.
        dataset: the data; its training split is what plain models are fitted to.
        bounds: the model's, of the first examples of the split.
        settings: which split, how many training examples.
    """
    most = _num_examples(dataset)
    count = min(len(bounds.nll), most)
    x, labels = gather_examples(dataset, settings.split, count)
    data = _plain_data(vae, dataset, x, settings, settings.num_train or most)
    data = replace(data, has_nats=bool(np.all(np.isfinite(bounds.nll))))
    plains = fit_obvious(data)
    ours, column_errors = _ours(vae, data, bounds, labels, {plain.quantity for plain in plains})
    scale_kind = str(getattr(vae.likelihood, "scale_kind", ""))
    evidence = Evidence(settings.records, bounds, column_errors, vae.latent.size, scale_kind, data.has_nats)
    note = _notes(vae, dataset, len(data.train), count, len(bounds.nll))
    return tuple(_beside(ours[plain.quantity], _noted(plain, note), evidence) for plain in plains)


def independent_nats(vae: VAE, dataset: Dataset, x: np.ndarray, settings: ObviousSettings) -> np.ndarray:
    """Return -log p of every cell of rows by `independent columns`, fitted as `measure_obvious` fits it, [N, D]; 0 of gaps.

    Args:
        vae: the model that it stands beside.
        dataset: a table of mixed columns.
        x: rows in the model's units, [N, D].
        settings: how many training rows, and which.
    """
    data = _plain_data(vae, dataset, x, settings, settings.num_train or _num_examples(dataset))
    return masses.independent_cells(dataset.spec.columns, data.train, data.test)


def _beside(ours: Measured, plain: Plain, evidence: Evidence) -> ObviousComparison:
    found = compare(ours, plain)
    return replace(found, advice=advise(evidence, plain.quantity, found.difference)) if found.is_behind else found


def _noted(plain: Plain, note: str) -> Plain:
    return replace(plain, note=f"{plain.note} {note}".strip())


def _num_examples(dataset: Dataset) -> int:
    """Return how many examples take seconds."""
    if dataset.spec.is_text:
        return max(_MIN_EXAMPLES, _MAX_TEXT_VALUES // dataset.spec.num_dims)
    return max(_MIN_EXAMPLES, min(_MAX_EXAMPLES, _MAX_VALUES // dataset.spec.num_dims))


def _plain_data(vae: VAE, dataset: Dataset, x: np.ndarray, settings: ObviousSettings, num_train: int) -> PlainData:
    train, _ = random_examples(dataset, "train", num_train, derive_pair(settings.seed, "obvious"))
    if "validation" in dataset.splits:
        validation, _ = gather_examples(dataset, "validation", max(_MIN_EXAMPLES, num_train // 10))
    else:
        held = max(1, int(_HELD_OUT * len(train)))
        validation, train = train[:held], train[held:] if len(train) > held else train
    likelihood, spec = vae.likelihood, dataset.spec
    return PlainData(
        spec,
        train,
        validation,
        x,
        code_size=vae.latent.size,
        code_is_discrete=all(block.is_discrete for block in vae.latent.blocks()),
        measure=likelihood.measure(spec),
        floor=float(getattr(likelihood, "min_scale", 1e-2)),
        num_levels=int(getattr(likelihood, "num_levels", None) or 2),
        seed=settings.seed % 2**32,
    )


def _ours(
    vae: VAE, data: PlainData, bounds: ExampleBounds, labels: np.ndarray, wanted: set[str]
) -> tuple[dict[str, Measured], np.ndarray]:
    """Return the model's numbers by quantity, and the error of every value."""
    count = len(data.test)
    found, column_errors = {NATS: Measured(bounds.nll[:count], np.ones(count))}, np.zeros(0)
    if BITS in wanted:
        lengths = np.array([len(text) for text in texts_with_ends(data.spec, data.test)], np.float64)
        found[BITS] = Measured(bounds.nll[:count] / math.log(2.0), lengths)
        return found, column_errors  # type: ignore[return-value]
    errors = np.concatenate([_squared(vae, data.test, labels, first) for first in range(0, count, _BATCH)])
    found[SQUARED_ERROR] = Measured(errors.mean(axis=1), np.ones(count))
    return found, np.sqrt(errors.mean(axis=0))  # type: ignore[return-value]


def _squared(vae: VAE, x: np.ndarray, labels: np.ndarray, first: int) -> np.ndarray:
    """Return the squared errors of one batch's reconstructions at the posterior's mode, [B, D]."""
    x, labels = x[first : first + _BATCH], labels[first : first + _BATCH]
    again = vae.reconstruct(x, labels).numpy()
    return np.square(again.astype(np.float64) - x).reshape(len(x), -1)


def _notes(vae: VAE, dataset: Dataset, num_train: int, count: int, measured: int) -> str:
    """Say what every comparison has in common: labels, and examples left out."""
    said = []
    if vae.latent.num_labels:
        said.append("The model is told labels, the plain one is not.")
    if num_train < dataset.split("train").num_examples:
        said.append(f"Fitted to {num_train:,} training examples, for speed.")
    if count < measured:
        said.append(f"Both measured on the first {count:,} examples.")
    return " ".join(said)
