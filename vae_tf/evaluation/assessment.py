"""All numbers of one model: what `evaluate`, `compare` and `report` show."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from vae_tf.data.pipeline import Dataset, eval_batches, random_examples
from vae_tf.data.splits import NO_LABEL
from vae_tf.errors import UserValueError
from vae_tf.evaluation.bounds import BoundEstimates, BoundEstimator, ExampleBounds
from vae_tf.evaluation.codes import encode_means
from vae_tf.evaluation.disentanglement import Disentanglement, measure_disentanglement
from vae_tf.evaluation.features import FeatureSpace, make_feature_space
from vae_tf.evaluation.findings import (
    Finding,
    diagnose_bounds,
    diagnose_generation,
    diagnose_latent,
    diagnose_obvious,
    diagnose_text_copies,
    steps_of,
)
from vae_tf.evaluation.generation import Generation, measure_generation
from vae_tf.evaluation.latent_statistics import LatentStatistics, measure_latent
from vae_tf.evaluation.obvious import ObviousComparison, ObviousSettings, measure_obvious
from vae_tf.evaluation.representation import LabelledExamples, Representation, measure_representation
from vae_tf.evaluation.text_copies import TextCopies, measure_text_copies
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive, derive_pair

__all__ = ["PARTS", "Assessment", "AssessmentSettings", "Subject", "assess", "no_progress"]

PARTS = ("bounds", "obvious", "latent", "representation", "disentanglement", "generation")
_MAX_PROBED = 10_000

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Given a title and how many there are to do, shows progress; gives the function that advances it."""


@dataclass(frozen=True)
class Subject:
    """A trained model with its data.

    Attributes:
        name: what it is called in tables.
        vae: the model.
        dataset: what it was trained on.
        seed: the run's root seed.
        records: the epochs' metrics.
    """

    name: str
    vae: VAE
    dataset: Dataset
    seed: int = 0
    records: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class AssessmentSettings:
    """What to measure.

    Attributes:
        split: `train`, `validation` or `test`.
        num_samples: importance samples an example.
        limit: only the first so many examples.
        batch_size: examples a batch.
        parts: of `PARTS`; `bounds` is always measured.
    """

    split: str = "test"
    num_samples: int = 500
    limit: int | None = None
    batch_size: int = 500
    parts: tuple[str, ...] = PARTS

    def __post_init__(self) -> None:
        unknown = sorted(set(self.parts) - set(PARTS))
        if unknown:
            raise UserValueError(f"parts must be among {', '.join(PARTS)}. Received: {', '.join(unknown)}.")


@dataclass(frozen=True)
class Assessment:
    """The numbers of one model on one split.

    Attributes:
        split: which.
        bounds: with hard draws where blocks have such.
        relaxed: with relaxed draws; None where no block has such.
        obvious: what plain models of the same data give, and who is ahead; empty where not asked for.
        latent: what the latent holds; None where not asked for.
        representation: how useful codes are; None without labels or where not asked for.
        disentanglement: how axes and known factors correspond; None where the data have none.
        generation: how samples compare with data; None for texts and where not asked for.
        text_copies: how many made texts are copies of training texts; None of other data and where not asked for.
        findings: what the numbers mean.
    """

    split: str
    bounds: BoundEstimates
    relaxed: BoundEstimates | None
    obvious: tuple[ObviousComparison, ...]
    latent: LatentStatistics | None
    representation: Representation | None
    disentanglement: Disentanglement | None
    generation: Generation | None
    text_copies: TextCopies | None
    findings: tuple[Finding, ...]

    @property
    def relaxed_gap(self) -> float | None:
        """Relaxed minus hard negative ELBO, in nats."""
        return None if self.relaxed is None else self.relaxed.negative_elbo - self.bounds.negative_elbo

    def to_json(self) -> dict[str, Any]:
        """Return plain values; the bounds at the top."""
        parts = ("relaxed", "latent", "representation", "disentanglement", "generation", "text_copies")
        values = {part: None if (value := getattr(self, part)) is None else asdict(value) for part in parts}
        rows = {name: [asdict(row) for row in getattr(self, name)] for name in ("obvious", "findings")}
        return {"split": self.split, **asdict(self.bounds), "relaxed_gap": self.relaxed_gap, **values, **rows}


def no_progress(title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    del title, total
    return nullcontext(lambda count: None)


def assess(
    subject: Subject, settings: AssessmentSettings, space: FeatureSpace | None = None, progress: Progress = no_progress
) -> Assessment:
    """Measure a model.

    Args:
        subject: the model and its data.
        settings: what to measure.
        space: where generated examples are compared; default: made here, which takes most of the time.
        progress: shows progress.

    Raises:
        UserValueError: there is no such split.
    """
    bounds, relaxed, examples = _bounds(subject, settings, progress)
    findings = diagnose_bounds(bounds, relaxed, settings.split, subject.records)
    latent = representation = disentanglement = generation = copies = None
    obvious: tuple[ObviousComparison, ...] = ()
    if "obvious" in settings.parts:
        with progress("Fitting plain models", None):
            asked = ObviousSettings(settings.split, derive(subject.seed, "obvious"), records=subject.records)
            obvious = measure_obvious(subject.vae, subject.dataset, examples, asked)
        findings += diagnose_obvious(obvious)
    if "latent" in settings.parts:
        with progress("What the latent holds", None):
            pair = derive_pair(subject.seed, "latent statistics", settings.split)
            latent = measure_latent(subject.vae, _batches(subject, settings), pair)
        findings += diagnose_latent(latent, steps_of(subject.records))
    if "representation" in settings.parts:
        with progress("Probing the codes", None):
            representation = _representation(subject, settings)
    if "disentanglement" in settings.parts and subject.dataset.spec.factor_names:
        with progress("Matching axes with factors", None):
            disentanglement = _disentanglement(subject)
    if "generation" in settings.parts:
        with progress("Comparing generated examples with data", None):
            generation, copies = _generation(subject, space)
        findings += diagnose_generation(generation) if generation else diagnose_text_copies(copies)
    measured = (obvious, latent, representation, disentanglement, generation, copies)
    return Assessment(settings.split, bounds, relaxed, *measured, tuple(findings))


def _generation(subject: Subject, space: FeatureSpace | None) -> tuple[Generation | None, TextCopies | None]:
    """Compare what the model makes with data: by features; texts by their letters: numbers of tokens have no distances."""
    seed = derive(subject.seed, "generation")
    if subject.dataset.spec.is_text:
        return None, measure_text_copies(subject.vae, subject.dataset, seed)
    space = space or make_feature_space(subject.dataset)
    return measure_generation(subject.vae, subject.dataset.spec, space, seed), None


def _batches(subject: Subject, settings: AssessmentSettings) -> Any:
    return eval_batches(subject.dataset, settings.split, settings.batch_size, settings.limit)


def _bounds(
    subject: Subject, settings: AssessmentSettings, progress: Progress
) -> tuple[BoundEstimates, BoundEstimates | None, ExampleBounds]:
    """Return the estimates with hard draws, with relaxed ones where there are such, and the hard ones of every example."""
    batches, seed = _batches(subject, settings), derive_pair(subject.seed, "evaluate", settings.split)
    available = subject.dataset.split(settings.split).num_examples
    total = min(settings.limit or available, available)

    def measure(title: str, hard: bool) -> ExampleBounds:
        with progress(title, total) as advance:
            return BoundEstimator(subject.vae, hard).per_example(batches, settings.num_samples, seed, advance)

    is_relaxed = subject.vae.latent.is_relaxed
    examples = measure("Bounds, hard draws" if is_relaxed else "Bounds", hard=True)
    relaxed = measure("Bounds, relaxed draws", hard=False) if is_relaxed else None

    def estimates(found: ExampleBounds) -> BoundEstimates:
        spec, bounds = subject.dataset.spec, BoundEstimates.from_examples(found)
        has_perplexity = not (spec.is_table or spec.is_continuous)  # of a density it says nothing
        return bounds if has_perplexity else replace(bounds, perplexity=None)

    return estimates(examples), None if relaxed is None else estimates(relaxed), examples


def _disentanglement(subject: Subject) -> Disentanglement:
    """Measure on the training split, the largest: it is the representation that is measured, not what it makes of new data."""
    spec = subject.dataset.spec
    x, labels = random_examples(subject.dataset, "train", _MAX_PROBED, derive_pair(0, "factors"))
    factors = np.stack(np.unravel_index(labels, spec.factor_sizes), axis=1)
    return measure_disentanglement(encode_means(subject.vae, x), factors, spec.factor_names)


def _representation(subject: Subject, settings: AssessmentSettings) -> Representation | None:
    """Probe the codes where there are labels of two classes at least, and these are classes."""
    if subject.dataset.spec.factor_names:
        return None
    train = _labelled(*random_examples(subject.dataset, "train", _MAX_PROBED, derive_pair(0, "probes")))
    batches = eval_batches(
        subject.dataset, settings.split, settings.batch_size, min(settings.limit or _MAX_PROBED, _MAX_PROBED)
    )
    examples = list(batches.as_numpy_iterator())
    test = _labelled(np.concatenate([x for x, _ in examples]), np.concatenate([labels for _, labels in examples]))
    if len(np.unique(train.labels)) < 2 or not len(test.labels):
        return None
    return measure_representation(subject.vae, train, test, seed=0)


def _labelled(x: np.ndarray, labels: np.ndarray) -> LabelledExamples:
    return LabelledExamples(x[labels != NO_LABEL], labels[labels != NO_LABEL])
