"""A quick look at the data before training: what would make it fail or mislead is said now."""

from collections.abc import Iterable

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.copies import describe_copies
from vae_tf.data.notes import few
from vae_tf.data.pipeline import Dataset
from vae_tf.data.series import describe_columns_in_time
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import ArraySplit, Split
from vae_tf.errors import UserValueError
from vae_tf.parts.known import find

__all__ = ["probe"]

_MAX_EXAMPLES = 10_000
_MAX_STREAMED_VALUES = 2**26
"""Values that are decoded for the look at a streamed split."""
_FEW_EXAMPLES = 100
_FEW_BITS = 64
"""Pixels below which pictures of zeros and ones are equal by chance."""
_MANY_COLUMNS, _MOSTLY = 20, 0.6
"""Columns, and the share of zeros in them, from which whole numbers look like counts."""
_TOLERANCE = 1e-6
"""How far outside [0, 1] rounding may put a value."""


def probe(dataset: Dataset, likelihood_kind: str, config: DataConfig | None = None) -> list[str]:
    """Check up to 10,000 examples of every split (fewer large ones when streamed) against the spec and the likelihood.

    Args:
        dataset: the data.
        likelihood_kind: its `kind` in the configuration.
        config: what the data were loaded by, for what is said of how they are divided.

    Returns:
        Warnings, each in plain sentences; none if all is well.

    Raises:
        UserValueError: a split is empty, a value is not finite or outside the declared support, or the likelihood is none of
            such values.
    """
    spec = dataset.spec
    likelihood = find("likelihood", likelihood_kind)
    samples = {name: _sample(name, split, spec) for name, split in dataset.splits.items()}
    likelihood.check_data(spec)
    for name, x in samples.items():
        _check_values(name, x, spec)
    x = samples["train"]
    config = config or DataConfig()
    notes = (note.text for note in dataset.notes if note.is_warning)
    return [
        *likelihood.warnings(spec, x),
        *_constant(dataset, x),
        *_counts(dataset),
        *describe_columns_in_time(dataset, bool(config.window)),
        *_few(dataset),
        *notes,
        *_classes(dataset),
        *_copies(dataset, config),
    ]


def _sample(name: str, split: Split, spec: DatasetSpec) -> np.ndarray:
    """Return the first model inputs of a split, before binarisation, float32 [B, *event_shape]."""
    if split.num_examples == 0:
        raise UserValueError(f"The {name} split of {spec.name} must have examples. Received: none.")
    count = max(1, min(_MAX_EXAMPLES, _MAX_STREAMED_VALUES // spec.num_dims))
    if isinstance(split, ArraySplit):
        return spec.to_model(split.x[: _MAX_EXAMPLES if isinstance(split.x, np.ndarray) else count])
    batches = split.take(count).batches(100).as_numpy_iterator()
    return spec.to_model(np.concatenate([raw for raw, _ in batches]))


def _check_values(name: str, x: np.ndarray, spec: DatasetSpec) -> None:
    """Raise at the first value that is not finite or outside the support."""
    is_gap = np.isnan(x) if spec.is_mixed else False
    is_wrong, rule = ~np.isfinite(x) & ~np.asarray(is_gap), "must be finite"
    if not is_wrong.any() and spec.value_support == "unit":
        is_wrong, rule = (x < -_TOLERANCE) | (x > 1 + _TOLERANCE), "must be in [0, 1] after scaling"
    if not is_wrong.any() and spec.value_support == "binary":
        is_wrong, rule = (x != 0) & (x != 1), "must be 0 or 1 (or data.binarization=threshold makes them so)"
    if is_wrong.any():
        row, *place = (int(number) for number in np.argwhere(is_wrong)[0])
        raise UserValueError(
            f"Values of {spec.name} {rule}. Received: {x[(row, *place)]} in the {name} split, example {row}, "
            f"{_place(place, spec)}. Correct or remove it."
        )


def _place(place: list[int], spec: DatasetSpec) -> str:
    if spec.is_image:
        return f"pixel (row, column, channel) = {tuple(place)}"
    step = f"step {place[0]}, " if spec.is_series else ""
    return step + (f"column {spec.feature_names[place[-1]]!r}" if spec.feature_names else f"feature {place[-1]}")


def _constant(dataset: Dataset, x: np.ndarray) -> Iterable[str]:
    if len(x) > 1 and bool((x == x[0]).all()):
        yield f"All training examples of {dataset.spec.name} that were looked at are equal: there is nothing to learn."


def _counts(dataset: Dataset) -> Iterable[str]:
    """Say that numbers look like counts, as of words in documents: whole, most of them zero, in many columns."""
    spec, train = dataset.spec, dataset.split("train")
    if not spec.is_table or spec.value_support not in ("real", "unit") or not isinstance(train, ArraySplit):
        return
    raw = train.x[:_MAX_EXAMPLES]
    is_of_many = raw.shape[1] >= _MANY_COLUMNS and raw.max() > 1
    is_whole = is_of_many and bool((raw >= 0).all()) and bool((raw == np.floor(raw)).all())
    if is_whole and (zeros := float(np.mean(raw == 0))) >= _MOSTLY:
        yield (
            f"All {raw.shape[1]:,} columns of {spec.name} are whole numbers from 0 on, {zeros:.0%} of them zero, as counts "
            "are (of words in documents, say). If that is what they are: data.counts=true, with a likelihood for counts."
        )


def _classes(dataset: Dataset) -> Iterable[str]:
    """Say which classes are not on every side, where the splits were cut here."""
    names, cut = dataset.spec.label_names, [*dict.fromkeys(("train", *dataset.cut))]
    if not names or len(cut) == 1:
        return
    present = {split: np.isin(np.arange(len(names)), getattr(dataset.splits[split], "labels", ())) for split in cut}
    anywhere = np.any(list(present.values()), axis=0)
    lacking = {split: [names[k] for k in np.flatnonzero(anywhere & ~there)] for split, there in present.items()}
    where = [f"{len(missing):,} in {split} ({few(missing)})" for split, missing in lacking.items() if missing]
    if where:
        yield (
            f"Not every class is in every split: of {int(anywhere.sum()):,} there lack {', '.join(where)}. They have too few "
            "examples, or groups."
        )


def _copies(dataset: Dataset, config: DataConfig) -> Iterable[str]:
    """Say what is equal, of pictures, tables and texts; windows of a series, counts and few bits repeat by their nature."""
    spec = dataset.spec
    repeats = spec.is_series or spec.value_support == "count" or (spec.value_support == "binary" and not _is_large(spec))
    if not repeats:
        yield from describe_copies(dataset, config)


def _is_large(spec: DatasetSpec) -> bool:
    return spec.is_image and spec.num_dims >= _FEW_BITS


def _few(dataset: Dataset) -> Iterable[str]:
    count = dataset.split("train").num_examples
    if count < _FEW_EXAMPLES:
        yield f"{dataset.spec.name} has only {count} training examples: expect the model to learn them by heart."
