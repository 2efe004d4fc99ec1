"""What a search found: a sentence, a table, figures, and one page with all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from vae_tf.config_sources import dump_yaml
from vae_tf.escaping import html_value
from vae_tf.evaluation.figures import PALETTE, styled, to_svg
from vae_tf.evaluation.findings import Finding
from vae_tf.evaluation.uncertainty import error_text, with_error
from vae_tf.program import command_line
from vae_tf.tuning.ranking import Knee, RankedTrial, find_knee, rank_trials
from vae_tf.tuning.search import OBJECTIVES, SearchDirectory, SearchSettings, TrialResult
from vae_tf.version import VERSION

__all__ = ["describe_search", "render_search", "trial_rows"]

_FASTER = 0.8
"""Share of the best trial's time below which one as good is worth a sentence."""
_WIDE = 20
"""Ratio of values from which on an axis is logarithmic."""
_KNEE_COLOR, _BEST_COLOR = PALETTE[1], PALETTE[2]


def describe_search(settings: SearchSettings, ranked: Sequence[RankedTrial]) -> list[Finding]:
    """Say in plain sentences what a search found.

    Args:
        settings: of the search.
        ranked: trials that succeeded, best first; at least one.
    """
    knee = find_knee(settings.space, ranked)
    findings = [_about_knee(knee, settings)] if knee else []
    as_good = [trial for trial in ranked if trial.is_as_good]
    fastest = min(as_good, key=lambda trial: trial.seconds)
    if fastest.seconds < _FASTER * ranked[0].seconds:
        findings.append(
            Finding(
                "note",
                f"{len(as_good)} of {len(ranked)} trials are as good as the best within one standard error; the fastest "
                f"of them is {fastest.trial}, {fastest.seconds:.0f} s against {ranked[0].seconds:.0f} s.",
            )
        )
    return findings


def _about_knee(knee: Knee, settings: SearchSettings) -> Finding:
    """Say where the knee is, and whether the space was large enough to see it."""
    trial, score = knee.trial, knee.trial.scores[settings.objective]
    used = f"{trial.active:.0f} of {trial.axes} axes active, " if trial.axes else ""
    what = f"{knee.name} = {knee.value:g}: {used}{OBJECTIVES[settings.objective]} {score:.2f} nats"
    if knee.value == knee.largest:
        advice = f"Try a larger {knee.name}: the knee may lie beyond the space."
        return Finding("warning", f"{what}. It is the largest value tried, and all smaller ones are worse.", advice)
    if trial.trial == knee.best.trial:
        return Finding("good", f"{what}, the best; beyond it, up to {knee.largest:g}, nothing was gained.")
    gap = f"{with_error(trial.gap, trial.gap_stderr, trial.num_examples)} nats"
    best = knee.best.values[knee.name]
    return Finding(
        "good",
        f"{what}. Beyond it, up to {knee.largest:g}, nothing was gained within one standard error (the best, {best:g}, is "
        f"{gap} better).",
    )


def trial_rows(settings: SearchSettings, ranked: Sequence[RankedTrial]) -> tuple[list[str], list[list[str]]]:
    """Return a table of trials, best first: the names of its columns, and the cells."""
    parameters = [parameter.name for parameter in settings.space.parameters]
    columns = ["trial", *parameters, *OBJECTIVES.values(), "behind the best", "KL", "active axes", "best epoch", "seconds"]
    return columns, [_row(trial, parameters) for trial in ranked]


def _row(trial: RankedTrial, parameters: Sequence[str]) -> list[str]:
    values = [_text(trial.values.get(name, "-")) for name in parameters]
    scores = [
        with_error(trial.scores[name], trial.stderrs[name], trial.num_examples) if name in trial.scores else "none"
        for name in OBJECTIVES
    ]
    gap = with_error(trial.gap, trial.gap_stderr, trial.num_examples) if trial.gap else "the best"
    active = f"{trial.active:g} of {trial.axes}" if trial.axes else "none"
    return [trial.trial, *values, *scores, gap, f"{trial.kl:.2f}", active, f"{trial.best_epoch:g}", f"{trial.seconds:.0f}"]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@styled
def _parameter_figure(parameter: Any, objective: str, ranked: Sequence[RankedTrial], knee: Knee | None) -> Figure:
    """Draw both bounds, active axes and time over one numeric parameter."""
    trials = [trial for trial in ranked if isinstance(trial.values.get(parameter.name), (int, float))]
    x = [trial.values[parameter.name] for trial in trials]
    figure = Figure(figsize=(10.0, 2.7))
    axes = figure.subplots(1, 4)
    for axis, (name, title) in zip(axes, OBJECTIVES.items(), strict=False):
        pairs = [(value, trial) for value, trial in zip(x, trials, strict=True) if name in trial.scores]
        scores, errors = [trial.scores[name] for _, trial in pairs], [_error(trial, name, objective) for _, trial in pairs]
        axis.errorbar([value for value, _ in pairs], scores, errors, fmt="o", markersize=4, capsize=3)
        axis.set(title=title, ylabel="nats")
    axes[2].plot(x, [trial.active for trial in trials], "o", markersize=4)
    axes[2].set(title="active axes")
    axes[3].plot(x, [trial.seconds for trial in trials], "o", markersize=4)
    axes[3].set(title="training", ylabel="seconds")
    for axis in axes:
        if min(x) > 0 and max(x) >= _WIDE * min(x):
            axis.set_xscale("log")
        axis.set_xlabel(parameter.name.rpartition(".")[2])
        if knee and knee.name == parameter.name:
            axis.axvline(knee.value, color=_KNEE_COLOR, linestyle="--", linewidth=1.2)
        if parameter.name in ranked[0].values:
            axis.axvline(ranked[0].values[parameter.name], color=_BEST_COLOR, linestyle=":", linewidth=1.2)
    return figure


def _error(trial: RankedTrial, name: str, objective: str) -> float:
    """Return what the comparison with the best trial needs: the paired error of the objective, else the plain one."""
    return trial.gap_stderr if name == objective and trial.executions == 1 else trial.stderrs[name]


@styled
def _choice_figure(parameter: Any, objective: str, ranked: Sequence[RankedTrial]) -> Figure:
    """Draw the objective by the values of a choice."""
    labels = [label for label in parameter.labels() if any(trial.values.get(parameter.name) == label for trial in ranked)]
    figure = Figure(figsize=(10.0, 0.45 * len(labels) + 1.2))
    axis = figure.subplots()
    for row, label in enumerate(labels):
        scores = [trial.scores[objective] for trial in ranked if trial.values.get(parameter.name) == label]
        axis.plot(scores, np.full(len(scores), row), "o", markersize=5, alpha=0.8, color=PALETTE[0])
    axis.set_yticks(range(len(labels)), [_text(label) for label in labels])
    axis.set(title=parameter.name, xlabel=f"{OBJECTIVES[objective]}, nats", ylim=(-0.6, len(labels) - 0.4))
    return figure


@styled
def _progress_figure(objective: str, ranked: Sequence[RankedTrial]) -> Figure:
    """Draw the objective in the order of the trials, and the best so far."""
    trials = sorted(ranked, key=lambda trial: int(trial.trial))
    scores = [trial.scores[objective] for trial in trials]
    figure = Figure(figsize=(10.0, 2.4))
    axis = figure.subplots()
    numbers = [int(trial.trial) for trial in trials]
    axis.plot(numbers, scores, "o", markersize=4, label="trial")
    axis.step(numbers, np.minimum.accumulate(scores), where="post", label="best so far")
    axis.set(xlabel="trial", ylabel=f"{OBJECTIVES[objective]}, nats")
    axis.legend()
    return figure


def _figures(settings: SearchSettings, ranked: Sequence[RankedTrial], knee: Knee | None) -> list[dict[str, str]]:
    drawn = []
    for parameter in settings.space.parameters:
        values = [trial.values[parameter.name] for trial in ranked if parameter.name in trial.values]
        if len(set(values)) < 2:
            continue
        if all(isinstance(value, (int, float)) for value in values):
            caption = f"{parameter.name}. Dotted: the best trial's value."
            if knee and knee.name == parameter.name:
                caption += " Dashed: the knee, beyond which nothing is gained within one standard error."
            drawn.append({"svg": to_svg(_parameter_figure(parameter, settings.objective, ranked, knee)), "caption": caption})
        else:
            caption = f"{parameter.name}: one point a trial."
            drawn.append({"svg": to_svg(_choice_figure(parameter, settings.objective, ranked)), "caption": caption})
    caption = "The course of the search."
    return [*drawn, {"svg": to_svg(_progress_figure(settings.objective, ranked)), "caption": caption}]


def _cards(settings: SearchSettings, best: RankedTrial, test: dict[str, Any] | None) -> list[dict[str, str]]:
    score = f"{best.scores[settings.objective]:.2f}"
    cards = [
        (
            "best trial",
            best.trial,
            ", ".join(f"{name.rpartition('.')[2]} {_text(value)}" for name, value in best.values.items()),
        ),
        (
            f"validation {OBJECTIVES[settings.objective]}",
            score,
            f"{_error_alone(best.stderrs[settings.objective], best.num_examples)} nats an example",
        ),
    ]
    if best.axes:
        cards.append(("active axes", f"{best.active:g} of {best.axes}", "variance > 0.01"))
    if test:
        count = test["num_examples"]
        cards.append(
            ("test negative ELBO", f"{test['negative_elbo']:.2f}", f"{_error_alone(test['negative_elbo_stderr'], count)}, once")
        )
        if test["nll"] is not None:
            cards.append(
                ("test NLL", f"{test['nll']:.2f}", f"{_error_alone(test['nll_stderr'], count)}, {test['num_samples']} samples")
            )
    return [dict(zip(("name", "value", "extra"), card, strict=True)) for card in cards]


def _error_alone(stderr: float, num_examples: int) -> str:
    return error_text(stderr, num_examples).strip()


def render_search(search: SearchDirectory) -> str:
    """Return the page about a search, as far as it has got.

    Args:
        search: the folder; at least one trial has succeeded.

    Returns:
        HTML with everything inside it: no script, and nothing that is fetched.
    """
    settings = search.read_settings()
    ranked = rank_trials(search, settings.objective)
    knee = find_knee(settings.space, ranked)
    columns, rows = trial_rows(settings, ranked)
    config = search.trial_run(ranked[0].trial, 1).read_config()
    failures = [_failure(result) for result in search.read_results() if result.failure]
    loader = ChoiceLoader([PackageLoader("vae_tf.tuning"), PackageLoader("vae_tf.evaluation")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, finalize=html_value)
    return environment.get_template("search.html.jinja").render(
        title=f"Search {search.path.resolve().name}",
        lead=f"{settings.space.description or 'A search'} {_count(ranked, failures)} on {config.data.dataset}, proposed by "
        f"{settings.tuner}; the least {settings.objective} wins.",
        cards=_cards(settings, ranked[0], search.winner.read_results()),
        findings=describe_search(settings, ranked),
        hint="Measured on the validation split with the weights of each trial's best epoch; KL weights are not in the numbers.",
        figures=_figures(settings, ranked, knee),
        columns=columns,
        rows=rows,
        failures=failures,
        commands=_commands(search, ranked[0]),
        config=dump_yaml(config),
        settings=search.settings_file.read_text("utf-8"),
        made_by=f"vae_tf {VERSION}",
        stderr_note=_stderr_note(settings.executions),
    )


def _failure(result: TrialResult) -> tuple[str, str, str]:
    settings = ", ".join(f"{name}={_text(value)}" for name, value in result.values.items())
    return f"{result.trial}-{result.execution}", settings, result.failure


def _count(ranked: Sequence[RankedTrial], failures: Sequence[Any]) -> str:
    failed = f", {len(failures)} trainings failed" if failures else ""
    return f"{len(ranked)} trials of {ranked[0].executions} training{'s' if ranked[0].executions > 1 else ''} each{failed},"


def _stderr_note(executions: int) -> str:
    if executions > 1:
        return f"± is one standard error over {executions} trainings with seeds of their own."
    return "± is one standard error over validation examples; behind the best: of the difference, example by example."


def _commands(search: SearchDirectory, best: RankedTrial) -> str:
    run = search.trial_run(best.trial, 1).path
    commands = {
        command_line("train", "--config", search.best_file): "the winner's settings, again",
        command_line("export", search.winner.path): "the winner, fitted last, to be served",
        command_line("tensorboard", search.path): "HParams: all trials in a table and in parallel coordinates",
        command_line("report", run): "any trial is a run directory",
    }
    width = max(map(len, commands))
    return "\n".join(f"{command:{width}}  # {comment}" for command, comment in commands.items())
