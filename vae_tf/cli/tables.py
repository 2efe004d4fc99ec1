"""Tables of measured numbers, for people."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vae_tf.cli.common import numbers_table

if TYPE_CHECKING:
    from rich.table import Table

    from vae_tf.evaluation.assessment import Assessment
    from vae_tf.evaluation.bounds import BoundEstimates
    from vae_tf.evaluation.findings import Finding
    from vae_tf.evaluation.generation import Generation
    from vae_tf.evaluation.latent_statistics import InformationEstimates, LatentStatistics
    from vae_tf.evaluation.representation import Representation

__all__ = ["assessment_tables", "finding_lines", "table"]

_MARKS = {"good": "[green]✓[/]", "note": "[cyan]•[/]", "warning": "[yellow]![/]"}
_MAX_AXES = 10


def assessment_tables(title: str, assessment: "Assessment") -> "Iterator[Table]":
    """Give one table a part that was measured."""
    yield numbers_table(title, _bound_rows(assessment.bounds))
    if assessment.relaxed is not None:
        rows = {**_bound_rows(assessment.relaxed), "relaxed minus hard": f"{assessment.relaxed_gap:+.3f} nats"}
        title = "Relaxed draws: the NLL is the relaxed model's; with kl_kind categorical the negative ELBO is no bound"
        yield numbers_table(title, rows)
    if assessment.bounds.nll_at:
        yield _convergence(assessment.bounds)
    if assessment.latent:
        yield from _latent_tables(assessment.latent)
    if assessment.representation:
        yield numbers_table("Use of the codes (posterior means)", _representation_rows(assessment.representation))
    if assessment.generation:
        yield numbers_table("Generated examples against the test split", _generation_rows(assessment.generation))


def finding_lines(findings: "Iterable[Finding]") -> Iterator[str]:
    """Give each finding and its advice as lines with markup."""
    for finding in findings:
        yield f"{_MARKS[finding.level]} {finding.text}"
        if finding.advice:
            yield f"  [dim]→ {finding.advice.replace('[', chr(92) + '[')}[/]"


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """Return a table with a header; all but the first column right-aligned."""
    from rich.table import Table

    made = Table(title=title, title_justify="left")
    for index, name in enumerate(header):
        made.add_column(name, justify="right" if index else "left")
    for row in rows:
        made.add_row(*row)
    return made


def _bound_rows(bounds: "BoundEstimates") -> dict[str, str]:
    has_nll = bounds.nll is not None
    return {
        "negative ELBO": f"{bounds.negative_elbo:.3f} ± {bounds.negative_elbo_stderr:.3f} nats",
        f"NLL ({bounds.num_samples} samples)": f"{bounds.nll:.3f} ± {bounds.nll_stderr:.3f} nats"
        if has_nll
        else "none: an autoencoder has no density",
        "reconstruction NLL": f"{bounds.reconstruction_nll:.3f} nats",
        "KL": f"{bounds.kl:.3f} nats",
        **{f"KL of {name}": f"{value:.3f} nats" for name, value in bounds.kl_blocks.items()},
        "bits/dim": f"{bounds.bits_per_dim:.4f}" if has_nll else "-",
        "examples": f"{bounds.num_examples:,}",
    }


def _convergence(bounds: "BoundEstimates") -> "Table":
    rows = [(f"{row['num_samples']:,}", f"{row['nll']:.3f} ± {row['nll_stderr']:.3f}") for row in bounds.nll_at]
    return table("NLL by the number of samples", ["samples", "nats"], rows)


def _latent_tables(latent: "LatentStatistics") -> "Iterator[Table]":
    for block in latent.blocks:
        if not block.axes:
            yield numbers_table(f"Block {block.name}", {"shuffled draws": f"+{block.decoder_use:.2f} nats of reconstruction"})
            continue
        rows = {
            "active axes (variance of the posterior mean > 0.01)": f"{block.num_active} of {len(block.axes)}",
            f"KL, exact (training uses: {block.kl_kind})": f"{block.kl:.3f} nats",
            "most KL": _most(block.axes),
            "shuffled draws (another example's)": f"+{block.decoder_use:.2f} nats of reconstruction",
            **(_information_rows(block.information) if block.information else {}),
        }
        yield numbers_table(f"Block {block.name}", rows)
    if len(latent.blocks) > 1 and latent.information:
        yield numbers_table("All blocks together", _information_rows(latent.information))


def _most(axes: Sequence[Any]) -> str:
    ranked = sorted(axes, key=lambda axis: -axis.kl)
    more = f", ... ({len(axes)} in all)" if len(axes) > _MAX_AXES else ""
    return ", ".join(f"{axis.name.rpartition('[')[2][:-1]}: {axis.kl:.2f}" for axis in ranked[:_MAX_AXES]) + more


def _information_rows(information: "InformationEstimates") -> dict[str, str]:
    def span(bracket: Any) -> str:
        return f"{bracket.lower:.2f} to {bracket.upper:.2f} nats"

    ceiling = f"(lower estimate is at most log {information.num_examples} = {information.ceiling:.2f})"
    return {
        "mutual information I(x; z)": f"{span(information.mutual_information)} {ceiling}",
        "aggregate posterior to prior, KL(q(z) || p(z))": span(information.aggregate_kl),
        "  of it total correlation": span(information.total_correlation),
        "  of it the axes' own KL": f"{information.axes_kl:.2f} nats",
    }


def _representation_rows(found: "Representation") -> dict[str, str]:
    rows = {
        "5 nearest neighbours": f"{found.knn_accuracy:.2%} (PCA of the same size: {found.pca_knn_accuracy:.2%})",
        "logistic regression": f"{found.linear_accuracy:.2%} (PCA of the same size: {found.pca_linear_accuracy:.2%})",
    }
    for clustering in found.clusterings:
        scores = f"accuracy {clustering.accuracy:.2%}, NMI {clustering.nmi:.3f}, ARI {clustering.ari:.3f}"
        rows[f"{clustering.block}: {clustering.method}, {clustering.num_clusters} clusters"] = scores
    return {**rows, "fitted on, scored on": f"{found.num_train:,} train, {found.num_examples:,} other examples"}


def _generation_rows(found: "Generation") -> dict[str, str]:
    memory = found.memorization
    accuracy = f"; its accuracy {found.classifier_accuracy:.2%}" if found.classifier_accuracy is not None else ""
    return {
        "features (not Inception's)": f"{found.features}{accuracy}",
        "Frechet distance": f"{found.frechet_distance:.2f} (training against test examples: {found.frechet_floor:.2f})",
        "precision, recall": f"{found.precision:.3f}, {found.recall:.3f}",
        "distance to nearest training example": f"{memory.sample_distance:.2f} (test examples: {memory.held_out_distance:.2f})",
        "near-copies": f"{memory.copies:.2%} (test examples: {memory.held_out_copies:.2%})",
        "generated": f"{found.num_generated:,} {found.decoded_as}",
    }
