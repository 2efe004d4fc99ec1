"""Which trial is best, what is as good within one standard error, and where the knee is."""

import math
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vae_tf.errors import DamagedFileError
from vae_tf.evaluation.bounds import stderr
from vae_tf.evaluation.uncertainty import FEW_EXAMPLES
from vae_tf.failures import disk_failure
from vae_tf.tuning.search import OBJECTIVES, SearchDirectory, TrialResult
from vae_tf.tuning.space import SearchSpace

__all__ = ["Knee", "RankedTrial", "find_knee", "rank_trials"]


@dataclass(frozen=True)
class RankedTrial:
    """A trial that succeeded, the means over its trainings, and how far it is from the best.

    Attributes:
        trial: its id.
        values: parameter name to value.
        scores: objective name to mean, in nats an example; without those that a model has not.
        stderrs: objective name to standard error: over trainings where there are several, else over examples.
        gap: how much worse than the best trial by the search's objective, in nats.
        gap_stderr: standard error of the gap: over trainings where there are several, else over examples, paired.
        active: latent axes that are active, mean.
        axes: latent axes.
        kl: nats.
        seconds: time of a training.
        best_epoch: mean.
        executions: trainings.
        num_examples: validation examples that the standard errors are over; as many as it takes where they are over trainings.
    """

    trial: str
    values: dict[str, Any]
    scores: dict[str, float]
    stderrs: dict[str, float]
    gap: float
    gap_stderr: float
    active: float
    axes: int
    kl: float
    seconds: float
    best_epoch: float
    executions: int
    num_examples: int = FEW_EXAMPLES

    @property
    def is_as_good(self) -> bool:
        """Whether the best trial is not better by more than one standard error."""
        return self.gap <= self.gap_stderr


@dataclass(frozen=True)
class Knee:
    """The least value of a numeric parameter beyond which nothing is gained within one standard error.

    Attributes:
        name: of the parameter.
        value: its value at the knee.
        trial: the best trial with that value.
        best: the best trial of all.
        largest: the largest value that was tried.
    """

    name: str
    value: float
    trial: RankedTrial
    best: RankedTrial
    largest: float


def rank_trials(search: SearchDirectory, objective: str) -> list[RankedTrial]:
    """Return the trials of which every training succeeded, best first.

    Args:
        search: the folder.
        objective: `val_negative_elbo` or `val_nll`; the least is the best.
    """
    executions = search.read_settings().executions
    groups: dict[str, list[TrialResult]] = defaultdict(list)
    for result in search.read_results():
        groups[result.trial].append(result)
    whole = [group for group in groups.values() if len(group) == executions and not any(result.failure for result in group)]
    whole.sort(key=lambda group: (_mean(group, objective), int(group[0].trial)))
    return [_ranked(search, objective, group, whole[0]) for group in whole]


def _mean(group: Sequence[TrialResult], name: str) -> float:
    return float(np.mean([getattr(result, name) for result in group]))


def _ranked(search: SearchDirectory, objective: str, group: list[TrialResult], best: list[TrialResult]) -> RankedTrial:
    first = group[0]
    names = [name for name in OBJECTIVES if getattr(first, name) is not None]
    errors = {
        name: stderr(np.array([getattr(result, name) for result in group]))
        if len(group) > 1
        else float(getattr(first, f"{name}_stderr"))
        for name in names
    }
    return RankedTrial(
        trial=first.trial,
        values=first.values,
        scores={name: _mean(group, name) for name in names},
        stderrs=errors,
        gap=_mean(group, objective) - _mean(best, objective),
        gap_stderr=_gap_stderr(search, objective, group, best),
        active=_mean(group, "active"),
        axes=int(first.axes or 0),
        kl=_mean(group, "kl"),
        seconds=_mean(group, "seconds"),
        best_epoch=_mean(group, "best_epoch"),
        executions=len(group),
        num_examples=FEW_EXAMPLES if len(group) > 1 or first.num_examples is None else first.num_examples,
    )


def _gap_stderr(search: SearchDirectory, objective: str, group: list[TrialResult], best: list[TrialResult]) -> float:
    """Return the standard error of the difference of two trials' means."""
    if group is best:
        return 0.0
    if len(group) > 1:
        return math.hypot(*(stderr(np.array([getattr(r, objective) for r in trial])) for trial in (group, best)))
    own, other = (_by_example(search, objective, trial[0]) for trial in (group, best))
    return stderr(own - other)


def _by_example(search: SearchDirectory, objective: str, result: TrialResult) -> np.ndarray:
    """Return a training's number for every validation example."""
    path = search.trial_run(result.trial, result.execution).path / "validation.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return np.asarray(arrays[objective], np.float64)
    except OSError as error:
        raise disk_failure("read", path, error) from error
    except (ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedFileError(
            f"{path} is damaged ({type(error).__name__}). Put it back from a copy, or move trial.json beside it away: that "
            "trial is then not counted."
        ) from error


def find_knee(space: SearchSpace, ranked: Sequence[RankedTrial]) -> Knee | None:
    """Return the knee of the space's first range or numeric choice; None where there is none, or one value only.

    For every value its best trial counts. The knee is the least value whose trial is as good as the best of all.
    """
    for parameter in space.parameters:
        numbers = {trial.values[parameter.name] for trial in ranked if _is_number(trial.values.get(parameter.name))}
        if len(numbers) > 1:
            by_value: dict[float, RankedTrial] = {}
            for trial in ranked:
                by_value.setdefault(trial.values.get(parameter.name, math.nan), trial)
            good = [value for value, trial in by_value.items() if trial.is_as_good and value in numbers]
            return Knee(parameter.name, min(good), by_value[min(good)], ranked[0], max(numbers)) if good else None
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
