"""The report: one self-contained HTML page about one run or several."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from vae_tf.artifacts import RunDirectory
from vae_tf.config import RunConfig
from vae_tf.config_sources import dump_yaml
from vae_tf.data.account import Account
from vae_tf.data.pipeline import eval_batches, gather_examples
from vae_tf.data.value_tables import cell_text
from vae_tf.errors import UserFileError
from vae_tf.escaping import html_value
from vae_tf.evaluation import figures, pictures
from vae_tf.evaluation.assessment import Assessment, AssessmentSettings, Progress, Subject
from vae_tf.evaluation.calibration import measure_calibration
from vae_tf.evaluation.codes import encode_means
from vae_tf.evaluation.comparison import Comparison, compare_models, comparison_rows, hole_rows
from vae_tf.evaluation.generation import generate_examples
from vae_tf.evaluation.nearness import nearest_training
from vae_tf.evaluation.table_page import TablePage, make_table_page
from vae_tf.evaluation.tables import assessment_tables, convergence_rows
from vae_tf.evaluation.text_page import text_tables
from vae_tf.evaluation.uncertainty import error_text
from vae_tf.files import read_record
from vae_tf.program import command_line
from vae_tf.seeding import derive, derive_pair
from vae_tf.version import VERSION

__all__ = ["ReportedRun", "render_report"]

_NUM_SCATTERED = 2000
_NUM_CALIBRATED = 2000
_COLUMNS = 10
_MOST_ROWS = 60


@dataclass(frozen=True)
class ReportedRun:
    """A run to report on.

    Attributes:
        subject: its model and data.
        run: its files.
        config: its configuration.
    """

    subject: Subject
    run: RunDirectory
    config: RunConfig


def render_report(runs: Sequence[ReportedRun], settings: AssessmentSettings, progress: Progress) -> str:
    """Measure runs and return the page.

    Args:
        runs: one or more.
        settings: what to measure; all parts.
        progress: shows progress.

    Returns:
        HTML with everything inside it: no script, and nothing that is fetched.
    """
    comparisons = compare_models([reported.subject for reported in runs], settings, progress)
    sections = []
    for reported, comparison in zip(runs, comparisons, strict=True):
        with progress(f"Drawing {reported.subject.name}", None):
            sections.append(_section(reported, comparison, settings))
    environment = Environment(
        loader=PackageLoader("vae_tf.evaluation"), autoescape=True, undefined=StrictUndefined, finalize=html_value
    )
    template = environment.get_template("report.html.jinja")
    names = [comparison.name for comparison in comparisons]
    return template.render(
        title=names[0] if len(runs) == 1 else f"{len(runs)} runs compared",
        lead=f"Measured on the {settings.split} split with {settings.num_samples:,} importance samples an example.",
        runs=sections,
        comparison=_comparison(comparisons) if len(runs) > 1 else None,
        made_by=f"vae_tf {VERSION}",
    )


def _comparison(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    return {
        "names": [comparison.name for comparison in comparisons],
        "rows": comparison_rows(comparisons),
        "hole_rows": hole_rows(comparisons),
        "holes_svg": figures.to_svg(figures.hole_figure({c.name: c.holes for c in comparisons})),
    }


def _section(reported: ReportedRun, comparison: Comparison, settings: AssessmentSettings) -> dict[str, Any]:
    subject, assessment, spec = reported.subject, comparison.assessment, reported.subject.dataset.spec
    tables = [{"title": title, "rows": list(rows.items())} for title, rows in assessment_tables(assessment)]
    if assessment.bounds.nll_at:
        tables.insert(1, {"title": "NLL by the number of samples", "rows": convergence_rows(assessment.bounds)})
    page = make_table_page(subject, assessment, settings) if spec.is_mixed else TablePage()
    tables += [{"title": title, "rows": list(rows.items())} for title, rows in page.tables]
    shape = " x ".join(map(str, spec.event_shape))
    size = f"{spec.name}, {shape}, binarization {spec.binarization}; {spec.num_train:,} training examples"
    first, *others = (make(reported, comparison, settings) for make in (_learning, _pictures, _latent, _trust, _generated))
    groups = (first, _columns(page), *others)
    return {
        "name": subject.name,
        "anchor": f"run-{subject.name}",
        "lead": f"{size}. {comparison.latent}; {comparison.num_parameters:,} parameters.",
        "cards": _cards(assessment),
        "findings": [*assessment.findings, *page.findings],
        "data": _data(Account.read(reported.run.notes_file)),
        "groups": [group for group in groups if group["figures"] or group["tables"]],
        "tables": tables,
        "commands": _commands(reported, settings),
        "config": dump_yaml(reported.config),
        "environment": _environment(reported.run),
    }


def _data(account: Account | None) -> dict[str, Any] | None:
    """Return what the page tells of the data: the account as it was given before training."""
    if account is None:
        return None
    columns = [] if not account.columns else [("What the columns were taken for", account.columns[0]._fields, account.columns)]
    values = [
        (table.title, table.headings, [tuple(map(cell_text, table.headings, row)) for row in table.rows])
        for table in account.values
    ]
    tables = [
        {"title": title, "headings": headings, "rows": rows[:_MOST_ROWS], "more": max(0, len(rows) - _MOST_ROWS)}
        for title, headings, rows in (*columns, *values)
    ]
    return {"headline": account.headline, "notes": account.notes, "tables": tables}


def _cards(assessment: Assessment) -> list[dict[str, str]]:
    bounds, latent, generation = assessment.bounds, assessment.latent, assessment.generation
    error, nll_error = (
        error_text(stderr, bounds.num_examples).strip() for stderr in (bounds.negative_elbo_stderr, bounds.nll_stderr)
    )
    cards = [("negative ELBO", f"{bounds.negative_elbo:.2f}", f"{error} nats an example")]
    if bounds.nll is not None:
        samples = "1 sample" if bounds.num_samples == 1 else f"{bounds.num_samples:,} samples"
        if bounds.num_samples == 1 and latent is not None and any(block.code_use for block in latent.blocks):
            samples = "at the code"
        cards.append((f"NLL, {samples}", f"{bounds.nll:.2f}", f"{nll_error} nats"))
        cards.append(("bits/dim", f"{bounds.bits_per_dim:.3f}", "of the NLL"))
        cards.append(("KL", f"{bounds.kl:.2f}", "nats"))
    if latent and any(block.axes for block in latent.blocks):
        total = sum(len(block.axes) for block in latent.blocks)
        cards.append(("active axes", f"{sum(block.num_active for block in latent.blocks)} of {total}", "variance > 0.01"))
    if assessment.representation:
        cards.append(("5 nearest neighbours", f"{assessment.representation.knn_accuracy:.1%}", "accuracy on codes"))
    if assessment.text_copies:
        found = assessment.text_copies
        cards.append(("copies, near copies", f"{found.made_near:.1%}", f"of test texts {found.held_out_near:.1%}"))
    if generation:
        cards.append(("Frechet distance", f"{generation.frechet_distance:.1f}", f"data: {generation.frechet_floor:.1f}"))
    return [dict(zip(("name", "value", "extra"), card, strict=True)) for card in cards]


def _group(title: str, hint: str, *drawn: dict[str, Any] | None) -> dict[str, Any]:
    return {"title": title, "hint": hint, "figures": [figure for figure in drawn if figure], "tables": []}


def _svg(figure: Figure, caption: str, wide: bool = False) -> dict[str, Any]:
    return {"svg": figures.to_svg(figure), "png": "", "caption": caption, "wide": wide}


def _png(reported: ReportedRun, grid: np.ndarray, caption: str, wide: bool = False) -> dict[str, Any]:
    packed = pictures.encode_png(pictures.grid_pixels(reported.subject.dataset.spec, grid))
    address = "data:image/png;base64," + base64.b64encode(packed).decode()
    return {"svg": "", "png": address, "caption": caption, "wide": wide}


def _learning(reported: ReportedRun, comparison: Comparison, settings: AssessmentSettings) -> dict[str, Any]:
    del comparison, settings
    records = [record for record in reported.subject.records if "val_negative_elbo" in record]
    if not records:
        return _group("Learning", "")
    best = int(min(records, key=lambda record: record["val_negative_elbo"])["epoch"])
    caption = f"Dotted: epoch {best}, the best on the validation split, whose weights are measured here."
    return _group("Learning", "", _svg(figures.learning_figure(records, best), caption, wide=True))


def _pictures(reported: ReportedRun, comparison: Comparison, settings: AssessmentSettings) -> dict[str, Any]:
    del comparison
    if reported.subject.dataset.spec.is_mixed:
        return _group("Pictures", "")
    if reported.subject.dataset.spec.is_text:
        return {**_group("Texts", ""), "tables": text_tables(reported.subject, settings.split)}
    subject, vae = reported.subject, reported.subject.vae
    x, given = gather_examples(subject.dataset, settings.split, 500)
    pairs = min(4, len(x) // 2)
    traversal, labels = pictures.traversal_grid(vae, x, 10, 11, given)
    two_dimensional = vae.latent.size == 2 and not vae.latent.is_discrete
    manifold = pictures.manifold_grid(vae, 16) if two_dimensional else None
    seed = derive_pair(subject.seed, "pictures")
    return _group(
        "Pictures",
        "",
        _png(
            reported,
            pictures.reconstruction_grid(vae, x[: 3 * _COLUMNS], _COLUMNS, given),
            "Each example above its reconstruction.",
        ),
        _png(
            reported,
            pictures.interpolation_grid(vae, x[:pairs], x[-pairs:], _COLUMNS, (given[:pairs], given[-pairs:])),
            "From one example to another: a straight path, and below it one along the sphere.",
        )
        if pairs
        else None,
        _png(reported, pictures.sample_grid(vae, 64, seed), "Means of p(x|z) at draws of the prior."),
        _png(reported, traversal, f"One axis varied at a time, most used first. Rows: {', '.join(labels)}."),
        None if manifold is None else _png(reported, manifold, "The latent plane, in equal shares of the prior.", wide=True),
    )


def _columns(page: TablePage) -> dict[str, Any]:
    return _group("Columns", "", *(_svg(figure, caption, wide=True) for figure, caption in page.figures))


def _latent(reported: ReportedRun, comparison: Comparison, settings: AssessmentSettings) -> dict[str, Any]:
    subject, latent = reported.subject, comparison.assessment.latent
    x, labels = gather_examples(subject.dataset, settings.split, min(settings.limit or _NUM_SCATTERED, _NUM_SCATTERED))
    codes = encode_means(subject.vae, x, labels)
    drawn = [
        _svg(figures.kl_figure(block), f"KL of every axis of {block.name}, exact. Pale axes are not active.")
        for block in (latent.blocks if latent else ())
        if block.axes
    ]
    drawn += [
        _svg(figures.code_figure(block), _CODES, wide=True) for block in (latent.blocks if latent else ()) if block.code_use
    ]
    found = comparison.assessment.disentanglement
    if found:
        figure = figures.factor_figure(found.mutual_information, subject.dataset.spec.factor_names)
        drawn.append(_svg(figure, "What every axis knows of every factor. Best: one dark field a row and a column."))
    return _group("Latent space", "", _scatter(codes, labels, subject.dataset.spec.label_names), *drawn)


def _scatter(codes: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> dict[str, Any] | None:
    """Draw codes [N, size]: as they are in two dimensions, else two principal components; not where all are one."""
    if codes.shape[1] < 2 or len(codes) < 3 or not np.ptp(codes, axis=0).any():
        return None
    pca = PCA(2).fit(codes)
    is_plane = codes.shape[1] == 2
    shares = pca.explained_variance_ratio_
    axis_names = ("z[0]", "z[1]") if is_plane else (f"first component ({shares[0]:.0%})", f"second ({shares[1]:.0%})")
    caption = f"Posterior means of {len(codes):,} examples" + ("." if is_plane else ", first two principal components.")
    return _svg(figures.scatter_figure(codes if is_plane else pca.transform(codes), labels, names, axis_names), caption)


def _trust(reported: ReportedRun, comparison: Comparison, settings: AssessmentSettings) -> dict[str, Any]:
    subject, bounds = reported.subject, comparison.assessment.bounds
    count = min(settings.limit or _NUM_CALIBRATED, _NUM_CALIBRATED)
    batches = eval_batches(subject.dataset, settings.split, settings.batch_size, count)
    calibration = measure_calibration(subject.vae, batches, derive_pair(subject.seed, "calibration"))
    return _group(
        "Can the numbers be trusted?",
        "",
        _svg(figures.convergence_figure(bounds), "A curve that still falls at its right end has not converged.")
        if len(bounds.nll_at) > 1
        else None,
        None if calibration is None else _svg(figures.calibration_figure(calibration), _CALIBRATION[calibration.kind]),
    )


_CODES = (
    "How often each code is used over the whole split. Perplexity: as many codes, used equally often, would be as hard to "
    "guess; 1 where always the same is used. Dotted: the use where all are used alike."
)
_CALIBRATION = {
    "probability": "Calibration of p(x|z) at a posterior draw: how often a value is 1, over its probability.",
    "coverage": "Calibration of p(x|z) at a posterior draw: share of values inside its central intervals.",
}


def _generated(reported: ReportedRun, comparison: Comparison, settings: AssessmentSettings) -> dict[str, Any]:
    del comparison, settings
    subject = reported.subject
    if subject.dataset.spec.is_text or subject.dataset.spec.is_mixed:
        return _group("Copies of training examples?", "")
    z = subject.vae.latent.draw(_COLUMNS, derive_pair(subject.seed, "generate"))
    samples = generate_examples(subject.vae, subject.dataset.spec, z, derive(subject.seed, "generation"))
    train, _ = gather_examples(subject.dataset, "train", 20_000)
    nearest = train[nearest_training(samples, train)[1]]
    caption = f"Generated examples, each above the nearest of {len(train):,} training examples."
    return _group("Copies of training examples?", "", _png(reported, np.stack([samples, nearest]), caption, wide=True))


def _commands(reported: ReportedRun, settings: AssessmentSettings) -> str:
    path = reported.run.path
    limit = ("--limit", settings.limit) if settings.limit else ()
    measured = ("--split", settings.split, "--num-samples", settings.num_samples, *limit)
    commands = (
        ("train", "--config", reported.run.config_file, "--run-dir", "NEW"),
        ("evaluate", path, *measured),
        ("report", path, "-o", "report.html", *measured),
    )
    return "\n".join(command_line(*command) for command in commands)


def _environment(run: RunDirectory) -> list[tuple[str, str]]:
    """Return the record of the machine that trained, flat."""
    if not run.environment_file.exists():
        return []
    try:
        found = read_record(run.environment_file)
    except UserFileError as error:  # what the machine was costs no report
        return [(run.environment_file.name, str(error))]
    packages = found.pop("packages", {})
    command = {"command": " ".join(found.pop("command", []))}
    return [(name, str(value)) for name, value in {**found, **command, **packages}.items()]
