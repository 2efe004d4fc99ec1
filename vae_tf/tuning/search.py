"""A search as files: its settings, where its trials are, and what they measured."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from vae_tf.artifacts import RunDirectory, keep_parts, told_of_changes
from vae_tf.checksums import summed_text
from vae_tf.config import RunConfig
from vae_tf.config_sources import dump_yaml, load_config_file
from vae_tf.errors import DamagedFileError, UserFileError, UserValueError
from vae_tf.files import alone_in, read_record, write_record, write_text
from vae_tf.parts.files import require_parts
from vae_tf.parts.settings import Frozen
from vae_tf.parts.types import PositiveInt
from vae_tf.program import command_line
from vae_tf.tuning.space import SearchSpace

__all__ = ["INNER", "OBJECTIVES", "SearchDirectory", "SearchSettings", "TrialResult", "tuner_role"]

INNER = ("trials", "winner")
"""Folders of a search that hold runs, with sums of their own."""
OBJECTIVES = {"val_negative_elbo": "negative ELBO", "val_nll": "NLL"}


class SearchSettings(Frozen):
    """Everything that decides a search.

    Attributes:
        config: the configuration that trials vary; its seed is the search's.
        space: what is varied.
        tuner: who proposes.
        objective: unweighted `val_negative_elbo`, or importance-weighted `val_nll`; both with hard draws of discrete latents.
            The least is the best. Never the loss: a KL weight could cheat it.
        trials: at most so many.
        executions: trainings of every trial, with seeds of their own; the objective is their mean.
        refit: whether the winner is trained again on training and validation split.
    """

    config: RunConfig
    space: SearchSpace
    tuner: Literal["random", "bayesian", "hyperband", "grid"] = "bayesian"
    objective: Literal["val_negative_elbo", "val_nll"] = "val_negative_elbo"
    trials: PositiveInt | None = None
    executions: PositiveInt = 1
    refit: bool = True


class TrialResult(Frozen):
    """What one training of a trial measured on the validation split, with the weights of its selected epoch.

    Attributes:
        trial: the trial's id.
        execution: which of its trainings, from 1.
        values: parameter name to value.
        failure: why there are no numbers; empty where there are.
        val_negative_elbo: nats an example; likewise val_nll, kl; None where the training failed.
        val_negative_elbo_stderr: over examples; likewise val_nll_stderr.
        active: latent axes whose posterior mean varies (variance above 0.01).
        axes: all latent axes.
        num_parameters: weights that are trained.
        num_examples: validation examples; None in searches that did not record it.
        epochs: epochs trained.
        best_epoch: the one that was measured.
        seconds: time of the training.
    """

    trial: str
    execution: PositiveInt
    values: dict[str, Any]
    failure: str = ""
    val_negative_elbo: float | None = None
    val_negative_elbo_stderr: float | None = None
    val_nll: float | None = None
    val_nll_stderr: float | None = None
    kl: float | None = None
    active: int | None = None
    axes: int | None = None
    num_parameters: int | None = None
    num_examples: int | None = None
    epochs: int = 0
    best_epoch: int = 0
    seconds: float = Field(0.0, ge=0.0)


@dataclass(frozen=True)
class SearchDirectory:
    """The folder of a search: `search.yaml`, `trials/<trial>-<execution>` (run directories), `winner`, `best.yaml`.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def settings_file(self) -> Path:
        """The settings; written first, so that a folder with it is a search."""
        return self.path / "search.yaml"

    @property
    def oracle(self) -> Path:
        """Keras Tuner's own state."""
        return self.path / "oracle"

    @property
    def tensorboard(self) -> Path:
        """What the HParams tab must know of the whole search."""
        return self.path / "tensorboard"

    @property
    def winner(self) -> RunDirectory:
        """The run that was trained last, or copied, and measured on the test split."""
        return RunDirectory(self.path / "winner")

    @property
    def best_file(self) -> Path:
        """The winner's configuration, for `train --config`."""
        return self.path / "best.yaml"

    @property
    def report_file(self) -> Path:
        """The report's page."""
        return self.path / "report.html"

    def trial_run(self, trial: str, execution: int) -> RunDirectory:
        """Return the run directory of one training."""
        return RunDirectory(self.path / "trials" / f"{trial}-{execution}")

    def trial_runs(self) -> list[RunDirectory]:
        """Return the run directories of all trainings so far, in order."""
        folders = sorted((self.path / "trials").glob("*"))
        return [run for run in map(RunDirectory, folders) if run.config_file.is_file()]

    @classmethod
    def is_search(cls, path: str | Path) -> bool:
        """Return whether a folder holds a search."""
        return cls(Path(path)).settings_file.is_file()

    @classmethod
    def open(cls, path: str | Path) -> "SearchDirectory":
        """Return the search in a folder.

        Raises:
            UserFileError: the folder holds none.
        """
        if not cls.is_search(path):
            raise UserFileError(f"{path} holds no search: it has no search.yaml. Start one with `{command_line('tune')}`.")
        return cls(Path(path))

    def check_free(self) -> None:
        """Check that a new search can be written here.

        Raises:
            UserFileError: the folder holds something already, or cannot be written.
        """
        if self.settings_file.exists():
            raise UserFileError(f"{self.path} holds a search already. Add --resume to go on with it, or choose another --name.")
        RunDirectory(self.path).check_free()

    def alone(self) -> AbstractContextManager[None]:
        """Let one process alone go on with the search, beside the workers that it has.

        Raises:
            UserFileError: another process does.
        """
        return alone_in(self.path, "goes on with", "--name")

    def write_settings(self, settings: SearchSettings) -> None:
        """Write the settings, and the user's own parts that they name; this makes the folder a search."""
        keep_parts(self.path / "parts")
        located = settings.model_copy(update={"config": settings.config.located()})
        write_text(self.settings_file, summed_text(dump_yaml(located)))

    def read_settings(self) -> SearchSettings:
        """Return the settings.

        Raises:
            UserFileError: the file is missing or damaged.
            UserValueError: its keys or values are not this version's, or parts of the user's own are needed first.
        """
        require_parts(self.path)
        with told_of_changes(self.settings_file):
            try:
                return SearchSettings.model_validate(load_config_file(self.settings_file))
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(map(str, first["loc"]))
                raise UserValueError(f"{self.settings_file}: {where}: {first['msg']}.") from error

    def write_result(self, result: TrialResult) -> None:
        """Write what a training measured: from now on it is finished."""
        run = self.trial_run(result.trial, result.execution)
        write_record(run.path / "trial.json", result.model_dump(mode="json"))

    def read_result(self, trial: str, execution: int) -> TrialResult | None:
        """Return what a training measured; None where it has not ended."""
        path = self.trial_run(trial, execution).path / "trial.json"
        return _read_result(path) if path.exists() else None

    def read_results(self) -> list[TrialResult]:
        """Return what all trainings so far measured, by trial and execution."""
        found = sorted((self.path / "trials").glob("*/trial.json"))
        return sorted(map(_read_result, found), key=lambda result: (int(result.trial), result.execution))


def _read_result(path: Path) -> TrialResult:
    remedy = "Put it back from a copy, or move it away: that trial is then not counted."
    try:
        return TrialResult.model_validate(read_record(path, remedy))
    except ValidationError as error:
        raise DamagedFileError(f"{path} is damaged: {error.errors()[0]['msg']}. {remedy}") from error


def tuner_role() -> Literal["alone", "chief", "worker"]:
    """Return what Keras Tuner's environment variables make of this process.

    Raises:
        UserValueError: `KERASTUNER_ORACLE_IP` is set, and not all others are.
    """
    names = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID")
    given = [name for name in names if os.environ.get(name)]
    if not given:
        return "alone"
    if len(given) < len(names):
        raise UserValueError(f"{', '.join(names)} must be set together. Received: {', '.join(given)} alone.")
    return "chief" if "chief" in os.environ["KERASTUNER_TUNER_ID"] else "worker"
