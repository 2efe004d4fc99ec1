"""What a tracker is told of a search: each training once, the best marked, and nothing lost where it fails."""

import io

import pytest
from rich.console import Console

from vae_tf.config_sources import resolve_config
from vae_tf.tuning import (
    IntParameter,
    RankedTrial,
    SearchDirectory,
    SearchSettings,
    SearchSpace,
    TrackedSearch,
    TrialResult,
    Winner,
)

VALUES = {"0": 3.0, "1": 2.0, "2": 4.0}


class Book:
    """A tracker that writes down what it is told, with all within it, by key."""

    def __init__(self, runs=None, parent=None):
        self.runs, self.parent, self.failures = {} if runs is None else runs, parent, 0

    def start(self, name, key, settings, tags):
        run = self.runs.setdefault(key, {"name": name, "metrics": [], "tags": {}, "parent": self.parent, "ending": []})
        run["settings"] = dict(settings)
        run["tags"].update(tags)
        self.run, self.key = run, key

    def log(self, metrics, step):
        if self.failures:
            raise ConnectionError("nobody there")
        self.run["metrics"].append(dict(metrics))

    def keep(self, file, folder=""):
        pass

    def tag(self, tags):
        self.run["tags"].update(tags)

    def within(self):
        inner = Book(self.runs, self.key)
        inner.failures, self.failures = self.failures, max(0, self.failures - 1)
        return inner

    def end(self, ending):
        self.run["ending"].append(ending)

    def of(self, name):
        (found,) = (run for run in self.runs.values() if run["name"] == f"s/{name}")
        return found


@pytest.fixture
def search(tmp_path):
    space = SearchSpace(parameters=(IntParameter(path="model.latents[0].size", name="size", min=2, max=4),))
    search = SearchDirectory(tmp_path / "s")
    search.write_settings(SearchSettings(config=resolve_config("digits"), space=space))
    return search


def _end(search, *trials, failure=""):
    for trial in trials:
        score = None if failure else VALUES[trial]
        result = TrialResult(trial=trial, execution=1, values={"size": 2}, val_negative_elbo=score, failure=failure)
        search.write_result(result)


def _winner(trial):
    ranked = RankedTrial(trial, {"size": 2}, {"val_negative_elbo": VALUES[trial]}, {}, 0.0, 0.0, 1, 1, 1.0, 1.0, 1, 1)
    return Winner(ranked, {"nll": 1.5})


def _console():
    return Console(file=io.StringIO(), width=200)


def test_trials_are_told_once_and_the_best_is_marked(search):
    book, console = Book(), _console()
    with TrackedSearch(book, search, console, "book") as tracked:
        _end(search, "0", "2")
        tracked.report()
        tracked.report()
        tracked.winner = _winner("0")
    assert console.file.getvalue() == ""
    assert {run["name"] for run in book.runs.values()} == {"s", "s/0-1", "s/2-1", "s/winner"}
    whole = next(run for run in book.runs.values() if run["name"] == "s")
    assert {run["parent"] for run in book.runs.values() if run is not whole} == {book.key} and whole["parent"] is None
    assert whole["tags"]["vae_tf.best_trial"] == "0" and whole["metrics"] == [{"test_nll": 1.5}]
    trial = book.of("0-1")
    assert trial["metrics"][0]["trial_val_negative_elbo"] == 3.0 and len(trial["metrics"]) == 1
    assert (trial["tags"]["vae_tf.best"], book.of("2-1")["tags"]["vae_tf.best"]) == ("true", "false")

    with TrackedSearch(book, search, console, "book") as tracked:  # it goes on, and another trial is better
        _end(search, "1")
        tracked.report()
        tracked.winner = _winner("1")
    best = {run["name"]: run["tags"].get("vae_tf.best") for run in book.runs.values()}
    assert best == {"s": None, "s/0-1": "false", "s/1-1": "true", "s/2-1": "false", "s/winner": None}
    assert len(book.of("0-1")["metrics"]) == 1


def test_another_tracker_is_told_all_of_a_search_that_goes_on(search):
    _end(search, "0")
    with TrackedSearch(Book(), search, _console(), "one"):
        pass
    other = Book()
    with TrackedSearch(other, search, _console(), "other"):
        pass
    assert other.of("0-1")["ending"] == ["finished"]


def test_what_a_tracker_did_not_take_is_told_later_and_its_failure_once(search):
    book, console = Book(), _console()
    book.failures = 2
    with TrackedSearch(book, search, console, "book") as tracked:
        for trial in VALUES:
            _end(search, trial)
            tracked.report()
    assert console.file.getvalue().count("the tracker failed, the training goes on: ConnectionError: nobody there") == 1
    assert [len(book.of(f"{trial}-1")["metrics"]) for trial in VALUES] == [1, 1, 1]


def test_how_a_search_and_its_trials_ended_is_told(search):
    _end(search, "0", failure="The loss is not finite.")
    endings = []
    for raised in (KeyboardInterrupt, RuntimeError):
        book = Book()
        with pytest.raises(raised), TrackedSearch(book, search, _console(), raised.__name__):
            raise raised
        endings += book.run["ending"]
    assert endings == ["stopped", "failed"]
    assert book.of("0-1")["ending"] == ["failed"] and book.of("0-1")["tags"]["vae_tf.failure"] == "The loss is not finite."


def test_without_a_tracker_nothing_is_written(search):
    _end(search, "0")
    with TrackedSearch(None, search, _console()) as tracked:
        tracked.report()
    assert not (search.path / ".tracked.json").exists()
