"""A search, told to a tracker: a run of its own, and within it one for every training, with the best marked."""

import hashlib
from collections.abc import Callable
from typing import Any

from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.files import read_record, write_record
from vae_tf.training.showing import only_shown
from vae_tf.training.tracking import (
    TRACKED,
    Ending,
    Tracker,
    flat_settings,
    key_of,
    last_step,
    numbers_of,
    tags_of,
    tell_records,
    tell_steps,
)
from vae_tf.tuning.drive import Winner
from vae_tf.tuning.search import SearchDirectory, TrialResult

__all__ = ["TrackedSearch"]

_BEST = "vae_tf.best"
_WINNER = "winner"


class TrackedSearch:
    """Tells a tracker of a search that is done within: of each training when it has ended, of the winner at the end.

    What is told is noted in the search's folder, so that a search that goes on tells the rest, once. Where the tracker fails,
    this is said once; the search goes on, and what was not taken is told with the next training.

    Args:
        tracker: None: nobody is told.
        search: its folder, with its settings.
        console: where it is said that the tracker failed.
        where: the tracker's name, by which it is noted what it was told.

    Attributes:
        winner: as soon as there is one.
    """

    def __init__(self, tracker: Tracker | None, search: SearchDirectory, console: Console, where: str = "") -> None:
        self.tracker = tracker
        self.search = search
        self.console = console
        self.where = where
        self.winner: Winner | None = None
        self._has_begun = self._has_failed = False
        self._ended = 0

    def __enter__(self) -> "TrackedSearch":
        self._guard(self._tell)
        return self

    def report(self, _: TrialResult | None = None) -> None:
        """Tell all trainings that have ended and were not told yet; nothing where none has since the last call."""
        ended = len(self.search.read_results()) if self.tracker else 0
        if ended > self._ended:
            self._ended = ended
            self._guard(self._tell)

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._guard(lambda: self._finish(self._ending(kind)))

    def _ending(self, kind: Any) -> Ending:
        if kind is not None and issubclass(kind, Exception):
            return "failed"
        return "finished" if self.winner and self.winner.results else "stopped"

    def _guard(self, tell: Callable[[], None]) -> None:
        if self.tracker is None:
            return
        console = Console(quiet=True) if self._has_failed else self.console
        done = False
        with only_shown("the tracker", console):
            tell()
            done = True
        self._has_failed |= not done

    def _begin(self, tracker: Tracker) -> None:
        """Begin the search's own run; its key is made where there is none yet."""
        settings = self.search.read_settings().model_dump(mode="json")
        run = RunDirectory(self.search.path)
        tracker.start(run.name, key_of(run.path), flat_settings(settings), {**tags_of(run), "vae_tf.kind": "search"})
        self._has_begun = True

    def _tell(self) -> None:
        if self.tracker is None:
            return
        if not self._has_begun:
            self._begin(self.tracker)
        told = self._noted().get("told", [])
        for result in self.search.read_results():
            name = f"{result.trial}-{result.execution}"
            if name not in told:
                self._tell_training(result, self.tracker.within())
                told = [*told, name]
                self._note(told=told)

    def _tell_training(self, result: TrialResult, tracker: Tracker) -> None:
        """Tell a training: its settings, the numbers by step, and what it measured with `trial_` before the names."""
        run = self.search.trial_run(result.trial, result.execution)
        tags = {"vae_tf.trial": result.trial, "vae_tf.execution": str(result.execution), _BEST: "false"}
        failed = {"vae_tf.failure": result.failure} if result.failure else {}
        self._start(tracker, run, {**tags, **failed}, result.values)
        tell_steps(tracker, run)
        measured = numbers_of(result.model_dump(exclude={"trial", "execution", "values", "failure"}))
        tracker.log({f"trial_{name}": value for name, value in measured.items()}, last_step(run))
        tell_records(tracker, run, None)
        tracker.end("failed" if result.failure else "finished")

    def _start(self, tracker: Tracker, run: RunDirectory, tags: dict[str, str], values: dict[str, Any]) -> None:
        """Begin the run of a training, or go on with it: its key comes of the search's, and its name."""
        settings = flat_settings(run.read_config().model_dump(mode="json")) if run.config_file.exists() else {}
        key = hashlib.sha256(f"{key_of(self.search.path)}/{run.name}".encode()).hexdigest()[:32]
        name = f"{self.search.path.name}/{run.name}"
        tracker.start(name, key, {**settings, **flat_settings(values)}, {**tags_of(run), **tags})

    def _finish(self, ending: Ending) -> None:
        if self.tracker is None:
            return
        self._tell()
        if self.winner and self.winner.results:
            self._tell_winner(self.tracker, self.winner)
        for file in (self.search.settings_file, self.search.best_file):
            if file.exists():
                self.tracker.keep(file)
        self.tracker.end(ending)

    def _tell_winner(self, tracker: Tracker, winner: Winner) -> None:
        """Mark the best trial, and only that; tell its last fit as a run, and its numbers as the search's."""
        best, noted = winner.trial.trial, self._noted()
        for trial in sorted({best, noted.get("best", best)}):
            for execution in range(1, winner.trial.executions + 1):
                self._mark(tracker.within(), self.search.trial_run(trial, execution), str(trial == best).lower())
        if noted.get("fitted") != best:
            fitted = tracker.within()
            self._start(fitted, self.search.winner, {"vae_tf.trial": best}, winner.trial.values)
            tell_steps(fitted, self.search.winner)
            tell_records(fitted, self.search.winner, winner.results)
            fitted.end("finished")
        tracker.tag({"vae_tf.best_trial": best})
        tested = {f"test_{name}": value for name, value in numbers_of(winner.results or {}).items()}
        tracker.log(tested, last_step(self.search.winner))
        self._note(best=best, fitted=best)

    def _mark(self, tracker: Tracker, run: RunDirectory, is_best: str) -> None:
        self._start(tracker, run, {_BEST: is_best}, {})
        tracker.end("finished")

    def _noted(self) -> dict[str, Any]:
        """Return what was told before, as the search's folder has it."""
        return dict(read_record(self.search.path / TRACKED).get(self.where, {}))

    def _note(self, **more: Any) -> None:
        file = self.search.path / TRACKED
        write_record(file, {**read_record(file), self.where: {**self._noted(), **more}})
