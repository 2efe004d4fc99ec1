"""Models side by side."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vae_tf.data.pipeline import gather_examples
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.assessment import Assessment, AssessmentSettings, Progress, Subject, assess
from vae_tf.evaluation.features import FeatureSpace, make_feature_space
from vae_tf.evaluation.figures import figure_with_pictures
from vae_tf.evaluation.generation import HoleScore, fitted_gaussian, measure_holes
from vae_tf.evaluation.pictures import grid_pixels, interpolation_grid, reconstruction_grid
from vae_tf.evaluation.tables import obvious_brief
from vae_tf.evaluation.uncertainty import with_error
from vae_tf.seeding import derive, derive_pair

__all__ = ["Comparison", "compare_models", "comparison_figure", "comparison_rows", "hole_rows"]

_ROWS, _COLUMNS = 3, 8


@dataclass(frozen=True)
class Comparison:
    """One model's column.

    Attributes:
        name: the run's.
        latent: the latent's blocks and sizes.
        num_parameters: trainable numbers.
        assessment: its numbers.
        holes: how its latent space decodes between and around the codes; none for texts.
        dataset: name of its data.
    """

    name: str
    latent: str
    num_parameters: int
    assessment: Assessment
    holes: tuple[HoleScore, ...]
    dataset: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        own = {"name": self.name, "dataset": self.dataset, "blocks": self.latent, "num_parameters": self.num_parameters}
        return {**own, **self.assessment.to_json(), "holes": [asdict(score) for score in self.holes]}


def compare_models(subjects: Sequence[Subject], settings: AssessmentSettings, progress: Progress) -> list[Comparison]:
    """Measure models alike; those on the same data in the same feature space.

    Args:
        subjects: the models.
        settings: what to measure.
        progress: shows progress.
    """
    spaces: list[tuple[DatasetSpec, FeatureSpace]] = []
    made = [None if subject.dataset.spec.is_text else _space(subject, spaces, progress) for subject in subjects]
    return [_compare(subject, settings, space, progress) for subject, space in zip(subjects, made, strict=True)]


def _space(subject: Subject, spaces: list[tuple[DatasetSpec, FeatureSpace]], progress: Progress) -> FeatureSpace:
    """Return the feature space of a model's data, made once for all models on them."""
    spec = subject.dataset.spec
    known = [space for other, space in spaces if other == spec]
    if not known:
        with progress(f"Learning features of {spec.name}", None):
            known = [make_feature_space(subject.dataset)]
        spaces.append((spec, known[0]))
    return known[0]


def _compare(subject: Subject, settings: AssessmentSettings, space: FeatureSpace | None, progress: Progress) -> Comparison:
    assessment = assess(subject, settings, space, progress)
    holes: tuple[HoleScore, ...] = ()
    if space:
        with progress(f"Looking for holes in {subject.name}", None):
            holes = tuple(measure_holes(subject.vae, subject.dataset.spec, space, derive(subject.seed, "generation")))
    blocks = subject.vae.latent.blocks()
    return Comparison(
        name=subject.name,
        latent=" + ".join(f"{block.name}:{block.size}" for block in blocks),
        num_parameters=sum(int(np.prod(weight.shape)) for weight in subject.vae.trainable_weights),
        assessment=assessment,
        holes=holes,
        dataset=subject.dataset.spec.name,
    )


_Cell = Callable[[Comparison], Any]


def comparison_rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Return the table's rows: a name and one cell a model; `-` where a number does not exist."""

    def within(part: str, key: str) -> _Cell:
        return lambda c: None if (found := getattr(c.assessment, part)) is None else getattr(found, key)

    def stderr(key: str) -> _Cell:
        return lambda c: _with_error(c, key)

    rows: list[tuple[str, _Cell, str]] = [
        ("data", lambda c: c.dataset, "{}"),
        ("latent", lambda c: c.latent, "{}"),
        ("parameters", lambda c: c.num_parameters, "{:,}"),
        ("negative ELBO", stderr("negative_elbo"), "{}"),
        ("NLL", stderr("nll"), "{}"),
        ("reconstruction NLL", within("bounds", "reconstruction_nll"), "{:.2f}"),
        ("KL", within("bounds", "kl"), "{:.2f}"),
        ("relaxed minus hard", lambda c: c.assessment.relaxed_gap, "{:+.2f}"),
        ("active axes", _active, "{}"),
        ("5 nearest neighbours", within("representation", "knn_accuracy"), "{:.2%}"),
        ("logistic regression", within("representation", "linear_accuracy"), "{:.2%}"),
        ("Frechet distance (not Inception's)", within("generation", "frechet_distance"), "{:.2f}"),
        ("  of training to test examples", within("generation", "frechet_floor"), "{:.2f}"),
        ("precision", within("generation", "precision"), "{:.3f}"),
        ("recall", within("generation", "recall"), "{:.3f}"),
    ]
    table = [[name, *(_text(cell(c), form) for c in comparisons)] for name, cell, form in rows]
    return [*table, *_obvious_rows(comparisons)]


def _obvious_rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Return a row for every plain model: its number, and where each model that has it beside itself stands."""
    found = [{(row.obvious.name, row.obvious.quantity): row for row in c.assessment.obvious} for c in comparisons]
    keys = dict.fromkeys(key for rows in found for key in rows)
    return [
        [f"beside {name}", *(obvious_brief(rows[key]) if (key := (name, unit)) in rows else "-" for rows in found)]
        for name, unit in keys
    ]


def hole_rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Return the hole test's rows: an origin, and one cell a model, distance and confidence."""
    origins = dict.fromkeys(score.origin for comparison in comparisons for score in comparison.holes)
    found = [{score.origin: score for score in comparison.holes} for comparison in comparisons]
    return [[origin, *(_hole_text(scores.get(origin)) for scores in found)] for origin in origins]


def _hole_text(score: HoleScore | None) -> str:
    if score is None:
        return "-"
    return f"{score.distance:.2f}" if score.confidence is None else f"{score.distance:.2f} / {score.confidence:.3f}"


def _with_error(comparison: Comparison, key: str) -> str | None:
    bounds = comparison.assessment.bounds
    value = getattr(bounds, key)
    return None if value is None else with_error(value, getattr(bounds, f"{key}_stderr"), bounds.num_examples)


def _active(comparison: Comparison) -> str | None:
    blocks = comparison.assessment.latent.blocks if comparison.assessment.latent else ()
    counts = [f"{block.num_active} of {len(block.axes)}" for block in blocks if block.axes]
    return " + ".join(counts) or None


def _text(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)


def comparison_figure(subjects: Sequence[Subject], comparisons: Sequence[Comparison]) -> Figure:
    """Draw a column of pictures a model (reconstructions, interpolations, prior draws), and the hole test below."""
    columns = {subject.name: _pictures(subject) for subject in subjects}
    return figure_with_pictures(columns, {c.name: c.holes for c in comparisons})


def _pictures(subject: Subject) -> dict[str, np.ndarray]:
    vae, spec = subject.vae, subject.dataset.spec
    examples, labels = gather_examples(subject.dataset, "test", 16)
    rows = min(3, len(examples) // 2)
    draws = vae.generate(_ROWS * _COLUMNS, derive_pair(subject.seed, "compare")).numpy()
    grids = {
        "reconstructions (below each example)": reconstruction_grid(vae, examples[:_COLUMNS], _COLUMNS, labels),
        "interpolations": interpolation_grid(vae, examples[:rows], examples[-rows:], _COLUMNS, (labels[:rows], labels[-rows:]))[
            ::2
        ],
        "prior draws": draws.reshape(_ROWS, _COLUMNS, *spec.event_shape),
    }
    if not vae.latent.is_discrete:
        train, _ = gather_examples(subject.dataset, "train", 5000)
        fitted = vae.decode(fitted_gaussian(vae, train, _ROWS * _COLUMNS, subject.seed)).mean().numpy()
        grids["draws of a Gaussian fitted to the codes"] = fitted.reshape(_ROWS, _COLUMNS, *spec.event_shape)
    return {name: grid_pixels(spec, grid) for name, grid in grids.items()}
