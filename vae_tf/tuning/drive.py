"""A search from start to end: here, or as a chief with workers; then the winner, fitted again and tested once."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from rich.console import Console
from tensorboard.plugins.hparams import api as hparams

from vae_tf.config import RunConfig, TrainingConfig
from vae_tf.config_sources import dump_yaml
from vae_tf.errors import UserError
from vae_tf.files import begun_alone, write_text
from vae_tf.sums import drop_sums
from vae_tf.training import TrainingOutcome, check_start, finish_run, load_run, train
from vae_tf.tuning.oracles import make_hyperparameters
from vae_tf.tuning.ranking import RankedTrial, rank_trials
from vae_tf.tuning.search import OBJECTIVES, SearchDirectory, SearchSettings, TrialResult
from vae_tf.tuning.space import ChoiceParameter, IntParameter
from vae_tf.tuning.trials import (
    Report,
    RunHyperModel,
    RunTuner,
    SearchError,
    check_objective,
    copy_run,
    oracle_of,
    prepare_run,
)

__all__ = ["NoTrialError", "Winner", "finish_search", "open_tuner", "search_here", "start_search"]

_REFIT_LOOKS = 20
"""Checkpoints of the last fit, whose validation split tells nothing."""


class NoTrialError(UserError):
    """All trials failed."""


@dataclass(frozen=True)
class Winner:
    """The best trial, and what its last fit measured on the test split.

    Attributes:
        trial: the trial.
        results: as `finish_run` returns them; None where a signal ended the last fit.
    """

    trial: RankedTrial
    results: dict[str, Any] | None


def start_search(search: SearchDirectory, settings: SearchSettings) -> None:
    """Check everything that can be known before the first trial, and write the settings.

    Raises:
        UserValueError: a path, type or range of the space does not fit; the model or the data do not.
        UserFileError: the data cannot be read, or the folder cannot be written.
    """
    settings.space.check(settings.space.start(settings.config))
    config, dataset = prepare_run(RunHyperModel(settings).configure(make_hyperparameters(settings.space)))
    check_objective(settings, check_start(config, dataset))
    settings = _with_length(settings, config.training)
    oracle_of(settings)
    with begun_alone(search.settings_file):
        search.check_free()
        search.write_settings(settings)
    _write_experiment(search, settings)


def _with_length(settings: SearchSettings, planned: TrainingConfig) -> SearchSettings:
    """Give all trials one length, where the data decide it: Hyperband shares it out."""
    if settings.config.training.epochs != "auto":
        return settings
    length = {name: getattr(planned, name) for name in ("epochs", "evaluate_every", "patience")}
    training = settings.config.training.model_copy(update=length)
    return settings.model_copy(update={"config": settings.config.model_copy(update={"training": training})})


def _write_experiment(search: SearchDirectory, settings: SearchSettings) -> None:
    """Tell TensorBoard's HParams tab what is searched, and which numbers count."""
    domains: dict[str, Any] = {}
    for hp in make_hyperparameters(settings.space).space:
        parameter = settings.space.parameter(hp.name)
        if isinstance(parameter, ChoiceParameter):
            domains[hp.name] = hparams.Discrete(parameter.labels())
        else:
            interval = hparams.IntInterval if isinstance(parameter, IntParameter) else hparams.RealInterval
            domains[hp.name] = interval(parameter.min, parameter.max)
    titles = {**OBJECTIVES, "kl": "KL", "active": "active axes", "seconds": "seconds"}
    with tf.summary.create_file_writer(str(search.tensorboard)).as_default(step=0):
        hparams.hparams_config(
            hparams=[hparams.HParam(name, domain) for name, domain in domains.items()],
            metrics=[hparams.Metric(name, display_name=title) for name, title in titles.items()],
        )


def open_tuner(search: SearchDirectory, console: Console, begin: Report, report: Report, is_worker: bool = False) -> RunTuner:
    """Return the tuner of a search, with what has been done so far.

    Args:
        search: a folder whose settings are written.
        console: where training shows its progress.
        begin: called with every training that begins.
        report: called with every training that has ended.
        is_worker: leave the state to the chief.
    """
    if not is_worker:
        drop_sums(search.path)
    tuner = RunTuner(search, console, begin, report)
    if not is_worker and (search.oracle / "oracle.json").exists():
        tuner.oracle.reload()
    return tuner


def search_here(tuner: RunTuner) -> None:
    """Run trials until the tuner has no more; as a worker, those that the chief hands out.

    Raises:
        UserError: the settings of a trial do not fit.
        Exception: what else ended a trial, as it was raised.
    """
    try:
        tuner.search(verbose=0)
    except SearchError as error:
        raise (error.__cause__ or error) from None


def finish_search(search: SearchDirectory, console: Console) -> Winner:
    """Fit the winner, test it once, and write `best.yaml`; what is done already is not done again.

    Raises:
        NoTrialError: no trial succeeded.
    """
    settings = search.read_settings()
    ranked = rank_trials(search, settings.objective)
    if not ranked:
        raise NoTrialError(f"No trial of {search.path} succeeded. {_why_none(search.read_results())}")
    best = ranked[0]
    config = search.trial_run(best.trial, 1).read_config()
    comment = f"# The best of {len(ranked)} trials by {settings.objective}: {_describe(best.values)}.\n"
    write_text(search.best_file, comment + dump_yaml(config))
    results = search.winner.read_results()
    if results is None:
        results = _refit(search, config, best, console) if settings.refit else _adopt(search, best)
    return Winner(best, results)


def _why_none(results: list[TrialResult]) -> str:
    """Say what most trainings failed by."""
    if not results:
        return "None has ended."
    (reason, count), *others = Counter(result.failure for result in results).most_common()
    more = f" The others: {len(others)} more reasons." if len(others) > 1 else ""
    return f"{count} of {len(results)} trainings failed by: {reason}{more}"


def _describe(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _refit(search: SearchDirectory, config: RunConfig, best: RankedTrial, console: Console) -> dict[str, Any] | None:
    """Train on training and validation split for as many steps as the trial's best epoch had; keep the last weights."""
    spec = prepare_run(config)[1].spec
    share = spec.num_train / (spec.num_train + spec.num_validation)
    epochs = max(1, round(best.best_epoch * share))
    length = {"epochs": epochs, "evaluate_every": max(1, epochs // _REFIT_LOOKS), "patience": None, "select": "last"}
    data = config.data.model_copy(update={"train_on_validation": True})
    training = config.training.model_copy(update=length)
    config, dataset = prepare_run(config.model_copy(update={"data": data, "training": training}))
    resume = search.winner.config_file.exists()
    search.winner.write_config(config, resume)
    outcome = train(config, dataset, search.winner, console, resume)
    return None if outcome.interrupted else finish_run(outcome, config, dataset, search.winner, console)


def _adopt(search: SearchDirectory, best: RankedTrial) -> dict[str, Any]:
    """Copy the winner's first run, and measure it on the test split."""
    if not search.winner.config_file.exists():
        copy_run(search.trial_run(best.trial, 1), search.winner)
    loaded = load_run(search.winner.path)
    _, dataset = prepare_run(loaded.config)
    outcome = TrainingOutcome(loaded.vae, loaded.state, False, best.seconds)
    return finish_run(outcome, loaded.config, dataset, search.winner)
