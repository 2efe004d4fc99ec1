"""Measured numbers as rows of text: one wording for the terminal and for pages."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vae_tf.evaluation.assessment import Assessment
from vae_tf.evaluation.bounds import BoundEstimates
from vae_tf.evaluation.code_use import CodeUse
from vae_tf.evaluation.disentanglement import Disentanglement
from vae_tf.evaluation.generation import Generation, Memorization
from vae_tf.evaluation.latent_statistics import BlockStatistics, InformationEstimates
from vae_tf.evaluation.nearness import Nearness
from vae_tf.evaluation.obvious import ObviousComparison
from vae_tf.evaluation.representation import Representation
from vae_tf.evaluation.text_copies import TextCopies
from vae_tf.evaluation.uncertainty import error_text, with_error

__all__ = ["Rows", "assessment_tables", "convergence_rows", "obvious_brief", "obvious_rows", "obvious_text"]

Rows = dict[str, str]
"""Name to value."""
_MAX_AXES = 10


def assessment_tables(assessment: Assessment) -> Iterator[tuple[str, Rows]]:
    """Give the title and the rows of one table a part that was measured."""
    yield f"Bounds on the {assessment.split} split", _bound_rows(assessment.bounds)
    if assessment.relaxed is not None:
        title = "Relaxed draws: the NLL is the relaxed model's; with kl_kind categorical the negative ELBO is no bound"
        yield title, {**_bound_rows(assessment.relaxed), "relaxed minus hard": f"{assessment.relaxed_gap:+.3f} nats"}
    if assessment.obvious:
        yield "Beside the obvious, fitted to the training split; lower is better", obvious_rows(assessment.obvious)
    if assessment.latent:
        yield from ((f"Block {block.name}", _block_rows(block)) for block in assessment.latent.blocks)
        if len(assessment.latent.blocks) > 1 and assessment.latent.information:
            yield "All blocks together", _information_rows(assessment.latent.information)
    if assessment.representation:
        yield "Use of the codes (posterior means)", _representation_rows(assessment.representation)
    if assessment.disentanglement:
        yield "Axes of the code and factors of the data (1 is best)", _factor_rows(assessment.disentanglement)
    if assessment.generation:
        yield "Generated examples against the test split", _generation_rows(assessment.generation)
    if assessment.text_copies:
        yield "Made texts against the training texts", _text_copy_rows(assessment.text_copies)


def obvious_rows(comparisons: Iterable[ObviousComparison]) -> Rows:
    """Return a row a plain model: its number, ours, and who is ahead."""
    return {f"{row.obvious.name}, {row.obvious.quantity}": obvious_text(row) for row in comparisons}


def obvious_text(row: ObviousComparison) -> str:
    """Return one comparison as text.

    Example:
        >>> from vae_tf.evaluation.obvious import Obvious
        >>> obvious_text(ObviousComparison(1.0, Obvious("all", "nats", 3.0, 0.1), -2.0, 0.2, "Ahead of all.", False, True))
        '3 ± 0.1; the model 1. Ahead of all.'
    """
    other = row.obvious
    error = "" if other.stderr is None else f" ± {other.stderr:.2g}"
    return " ".join(part for part in (f"{other.value:.4g}{error}; the model {row.ours:.4g}.", row.verdict, other.note) if part)


def obvious_brief(row: ObviousComparison) -> str:
    """Return one comparison in a few words, for the end of a training.

    Example:
        >>> from vae_tf.evaluation.obvious import Obvious
        >>> obvious_brief(ObviousComparison(1.0, Obvious("all", "nats", 3.0, 0.1), -2.0, 0.2, "Ahead of all.", False, True))
        '3 ± 0.1 nats, the model 1: ahead by 10.0 standard errors'
    """
    other, side = row.obvious, "behind" if row.is_behind else "ahead" if row.is_ahead else "level"
    error = "" if other.stderr is None else f" ± {other.stderr:.2g}"
    if row.verdict.startswith("No verdict"):
        return "not comparable"
    apart = f" by {abs(row.difference) / row.stderr:.1f} standard errors" if row.stderr and side != "level" else ""
    apart += ", of few examples" if "unsure ones" in row.verdict else ""
    return f"{other.value:.4g}{error} {other.quantity}, the model {row.ours:.4g}: {side}{apart}"


def convergence_rows(bounds: BoundEstimates) -> list[tuple[str, str]]:
    """Return the NLL by the number of samples."""
    return [
        (f"{row['num_samples']:,}", f"{row['nll']:.3f}{error_text(row['nll_stderr'], bounds.num_examples, 3)}")
        for row in bounds.nll_at
    ]


def _bound_rows(bounds: BoundEstimates) -> Rows:
    has_nll = bounds.nll is not None
    return {
        "negative ELBO": f"{bounds.negative_elbo:.3f}{error_text(bounds.negative_elbo_stderr, bounds.num_examples, 3)} nats",
        f"NLL ({_samples(bounds)})": f"{bounds.nll:.3f}{error_text(bounds.nll_stderr, bounds.num_examples, 3)} nats"
        if has_nll
        else "none: an autoencoder has no density",
        "reconstruction NLL": f"{bounds.reconstruction_nll:.3f} nats",
        "KL": f"{bounds.kl:.3f} nats",
        **{f"KL of {name}": f"{value:.3f} nats" for name, value in bounds.kl_blocks.items()},
        "bits/dim": f"{bounds.bits_per_dim:.4f}" if has_nll else "-",
        **({} if bounds.perplexity is None else {"perplexity (of a pixel, a token)": f"{bounds.perplexity:.3f}"}),
        "examples": f"{bounds.num_examples:,}",
    }


def _samples(bounds: BoundEstimates) -> str:
    return f"{bounds.num_samples:,} sample{'' if bounds.num_samples == 1 else 's'}"


def _block_rows(block: BlockStatistics) -> Rows:
    use = {"shuffled draws (another example's)": f"{block.decoder_use:+.2f} nats of reconstruction NLL"}
    if not block.axes:
        return {**use, **_code_rows(block.code_use)}
    return {
        "active axes (variance of the posterior mean > 0.01)": f"{block.num_active} of {len(block.axes)}",
        f"KL, exact (training uses {block.kl_kind})": f"{block.kl:.3f} nats",
        "KL by axis": _most(block.axes),
        **use,
        **(_information_rows(block.information) if block.information else {}),
    }


def _code_rows(found: Sequence[CodeUse]) -> Rows:
    rows = {}
    for stage, use in enumerate(found, start=1):
        which = f", codebook {stage}" if len(found) > 1 else ""
        rows[f"codes that are used{which}"] = f"{use.num_alive:,} of {use.num_codes:,} ({use.share_alive:.1%})"
        meaning = f"as many, used equally often, would be as hard to guess; from 1 to {use.num_codes:,}"
        rows[f"perplexity of the codes{which}"] = f"{use.perplexity:.1f} ({meaning})"
    return rows


def _most(axes: Sequence[Any]) -> str:
    ranked = sorted(axes, key=lambda axis: -axis.kl)
    more = f", ... ({len(axes)} in all)" if len(axes) > _MAX_AXES else ""
    return ", ".join(f"{axis.name.rpartition('[')[2][:-1]}: {axis.kl:.2f}" for axis in ranked[:_MAX_AXES]) + more


def _information_rows(information: InformationEstimates) -> Rows:
    def span(bracket: Any) -> str:
        return f"{bracket.lower:.2f} to {bracket.upper:.2f} nats"

    ceiling = f"(the lower is at most log {information.num_examples:,} = {information.ceiling:.2f})"
    return {
        "mutual information I(x; z)": f"{span(information.mutual_information)} {ceiling}",
        "aggregate posterior to prior, KL(q(z) || p(z))": span(information.aggregate_kl),
        "  of it total correlation": span(information.total_correlation),
        "  of it the axes' own KL": f"{information.axes_kl:.2f} nats",
    }


def _representation_rows(found: Representation) -> Rows:
    rows = {
        "5 nearest neighbours": f"{found.knn_accuracy:.2%} (PCA of the same size: {found.pca_knn_accuracy:.2%})",
        "logistic regression": f"{found.linear_accuracy:.2%} (PCA of the same size: {found.pca_linear_accuracy:.2%})",
    }
    for clustering in found.clusterings:
        scores = f"accuracy {clustering.accuracy:.2%}, NMI {clustering.nmi:.3f}, ARI {clustering.ari:.3f}"
        rows[f"{clustering.block}: {clustering.method}, {clustering.num_clusters} clusters"] = scores
    return {**rows, "fitted on, scored on": f"{found.num_train:,} train, {found.num_examples:,} other examples"}


def _factor_rows(found: Disentanglement) -> Rows:
    gaps = ", ".join(f"{name} {gap:.2f}" for name, gap in found.mig_by_factor.items())
    return {
        "mutual information gap (MIG)": f"{found.mig:.3f} ({gaps})",
        "disentanglement, completeness (DCI)": f"{found.disentanglement:.3f}, {found.completeness:.3f}",
        "informativeness (accuracy)": f"{found.informativeness:.2%}",
        "examples of the training split": f"{found.num_examples:,}",
    }


def _generation_rows(found: Generation) -> Rows:
    accuracy = f"; its accuracy {found.classifier_accuracy:.2%}" if found.classifier_accuracy is not None else ""
    return {
        "features (not Inception's)": f"{found.features}{accuracy}",
        "Frechet distance": f"{found.frechet_distance:.2f} (training against test examples: {found.frechet_floor:.2f})",
        "precision, recall": f"{found.precision:.3f}, {found.recall:.3f}",
        **(_nearness_rows(found.nearness) if found.nearness else _memory_rows(found.memorization)),
        "generated": f"{found.num_generated:,} {found.decoded_as}",
    }


def _memory_rows(memory: Memorization) -> Rows:
    return {
        "distance to nearest training example": f"{memory.sample_distance:.2f} (test examples: {memory.held_out_distance:.2f})",
        "near-copies of training examples": f"{memory.copies:.2%} (test examples: {memory.held_out_copies:.2%})",
    }


def _nearness_rows(found: Nearness) -> Rows:
    made, held_out = (
        with_error(getattr(found, key), getattr(found, f"{key}_stderr"), found.num_rows, 3) for key in ("made", "held_out")
    )
    distances = f"{made} (test rows: {held_out})"
    repeated = f"training rows that are there more than once: {found.train_copies:.2%}"
    return {
        "distance to nearest training row, copies left out": distances,
        "copies of training rows": f"{found.made_copies:.2%} (test rows: {found.held_out_copies:.2%}; {repeated})",
        "rows so compared": f"{found.num_rows:,} made, as many test rows; {found.num_train:,} training rows",
    }


def _text_copy_rows(found: TextCopies) -> Rows:
    copies, near = ((getattr(found, f"made_{name}"), getattr(found, f"held_out_{name}")) for name in ("copies", "near"))
    repeated = f"training texts that are there more than once: {found.train_copies:.2%}"
    return {
        "copies of training texts, but for case and spaces": f"{copies[0]:.2%} (test texts: {copies[1]:.2%})",
        "copies and near copies": f"{near[0]:.2%} (test texts: {near[1]:.2%}; {repeated})",
        "texts so compared": f"{found.num_texts:,} made, as many test texts; {found.num_train:,} training texts",
    }
