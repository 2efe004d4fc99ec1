"""The flow of a search: scores, failures, repeats, ranking, knee and sentences; training itself is replaced by a formula."""

import io

import numpy as np
import pytest
from rich.console import Console

from vae_tf.config_sources import resolve_config
from vae_tf.errors import UserError
from vae_tf.files import write_arrays
from vae_tf.training import NonFiniteLossError
from vae_tf.tuning import (
    RunTuner,
    SearchDirectory,
    SearchSettings,
    SearchSpace,
    describe_search,
    find_knee,
    open_tuner,
    rank_trials,
    render_search,
    search_here,
    trial_rows,
)
from vae_tf.tuning import trials as module
from vae_tf.tuning.drive import NoTrialError, finish_search

SIZES = [1, 2, 4, 8, 16]
NUM_EXAMPLES = 50
_DIFFICULTY = np.random.default_rng(0).normal(20.0, 5.0, NUM_EXAMPLES)


def _settings(**settings):
    space = {
        "description": "How many.",
        "parameters": [{"path": "model.latents[0].size", "name": "size", "kind": "choice", "values": SIZES}],
    }
    given = {"config": resolve_config("digits"), "space": SearchSpace.model_validate(space), "tuner": "grid", **settings}
    return SearchSettings(**given)


def _curve(size):
    """The true score: all is learnt with 4 latents."""
    return 3.0 * max(0.0, 4 - size) / 4


@pytest.fixture
def train(monkeypatch):
    """Replace training: the score is a curve of the size, plus what a seed and every example bring."""
    calls = []

    def fake(self, trial, result):
        config = self.hypermodel.configure(trial.hyperparameters, result.execution)
        size = config.model.latents[0].size
        calls.append((size, config.seed))
        if size == 16 and "fails" in self.files.path.name:
            raise NonFiniteLossError("The loss is not finite: kl blew up.")
        if size == 16 and "out of memory" in self.files.path.name:
            raise MemoryError
        if size == 2 and "broken" in self.files.path.name:
            raise ZeroDivisionError("a fault of the program")
        run = self.files.trial_run(result.trial, result.execution)
        run.write_config(config)
        rng = np.random.default_rng([config.seed, size])
        examples = _DIFFICULTY + _curve(size) + rng.normal(0.0, 0.1, NUM_EXAMPLES) + 0.02 * rng.normal()
        write_arrays(run.path / "validation.npz", {"val_negative_elbo": examples, "val_nll": examples - 1})
        error = float(examples.std(ddof=1) / NUM_EXAMPLES**0.5)
        numbers = {"val_negative_elbo": float(examples.mean()), "val_nll": float(examples.mean()) - 1, "kl": float(size)}
        errors = {"val_negative_elbo_stderr": error, "val_nll_stderr": error}
        counts = {"active": min(size, 4), "axes": size, "num_parameters": 10, "epochs": 3, "best_epoch": 2}
        return result.model_copy(update={**numbers, **errors, **counts, "seconds": float(size)})

    monkeypatch.setattr(RunTuner, "_train", fake)
    monkeypatch.setattr(module.RunHyperModel, "build", lambda *_: None)
    return calls


@pytest.fixture
def search(tmp_path, train):
    """Run a search in a folder of a name; give its directory and what it reported."""

    def run(name="a", **settings):
        files, ended = SearchDirectory(tmp_path / name), []
        files.write_settings(_settings(**settings))
        search_here(open_tuner(files, Console(file=io.StringIO()), lambda _: None, ended.append))
        return files, ended

    return run


def test_settings_survive_their_file(tmp_path):
    files = SearchDirectory(tmp_path)
    files.write_settings(_settings(executions=2, objective="val_nll", trials=3))
    assert files.read_settings() == _settings(executions=2, objective="val_nll", trials=3)


def test_every_training_has_its_own_seed_and_the_first_the_root(search, train):
    files, ended = search(executions=3)
    assert len(ended) == 3 * len(SIZES) and len({seed for _, seed in train}) == 3
    assert files.trial_run("0", 1).read_config().seed == 0


def test_ranking_is_by_the_objective_and_gaps_are_paired(search):
    files, _ = search()
    ranked = rank_trials(files, "val_negative_elbo")
    assert [trial.values["size"] for trial in ranked][-2:] == [2, 1]
    worst, best = ranked[-1], ranked[0]
    pairs = [np.load(files.trial_run(trial.trial, 1).path / "validation.npz")["val_negative_elbo"] for trial in (worst, best)]
    difference = pairs[0] - pairs[1]
    assert worst.gap == pytest.approx(difference.mean())
    assert worst.gap_stderr == pytest.approx(difference.std(ddof=1) / NUM_EXAMPLES**0.5)
    assert worst.gap_stderr < 0.1 * worst.stderrs["val_negative_elbo"]  # examples differ far more than trials do
    assert best.gap == best.gap_stderr == 0.0 and best.is_as_good and not worst.is_as_good


def test_repeats_give_errors_over_trainings(search):
    files, ended = search(executions=3)
    ranked = rank_trials(files, "val_negative_elbo")
    best, worst = ranked[0], ranked[-1]

    def scores(trial):
        return np.array([result.val_negative_elbo for result in ended if result.trial == trial.trial])

    assert best.executions == 3 and best.scores["val_negative_elbo"] == pytest.approx(scores(best).mean())
    errors = [scores(trial).std(ddof=1) / 3**0.5 for trial in (best, worst)]
    assert best.stderrs["val_negative_elbo"] == pytest.approx(errors[0])
    assert worst.gap_stderr == pytest.approx(np.hypot(*errors))


def test_the_knee_is_where_the_curve_says_and_the_sentence_too(search):
    files, _ = search(executions=3)
    settings, ranked = files.read_settings(), rank_trials(files, "val_negative_elbo")
    knee = find_knee(settings.space, ranked)
    assert knee.name == "size" and knee.value in (4, 8) and knee.largest == 16
    text = " ".join(finding.text for finding in describe_search(settings, ranked))
    assert f"size = {knee.value:g}: 4 of {knee.value:g} axes active" in text
    assert "up to 16, nothing was gained" in text or knee.value == 16


def test_a_knee_at_the_end_of_the_space_is_a_warning(search):
    space = SearchSpace.model_validate(
        {"parameters": [{"path": "model.latents[0].size", "name": "size", "kind": "choice", "values": [1, 2]}]}
    )
    files, _ = search(space=space)
    (finding,) = describe_search(files.read_settings(), rank_trials(files, "val_negative_elbo"))
    assert finding.level == "warning" and "Try a larger size" in finding.advice


@pytest.mark.parametrize(("name", "reason"), [("fails", "not finite"), ("out of memory", "Out of memory")])
def test_a_training_that_fails_is_counted_and_the_search_goes_on(search, name, reason):
    files, ended = search(name)
    assert [result.failure for result in ended if result.failure] == [ended[-1].failure] and reason in ended[-1].failure
    assert rank_trials(files, "val_negative_elbo")[0].values["size"] in (4, 8)
    assert reason in render_search(files)


def test_a_fault_of_the_program_ends_the_search_and_is_shown(search, train, tmp_path):
    with pytest.raises(ZeroDivisionError, match="a fault of the program"):
        search("broken")
    assert [size for size, _ in train] == [1, 2]
    files = SearchDirectory(tmp_path / "broken")
    assert [result.values["size"] for result in files.read_results()] == [1]


def test_a_search_goes_on_where_it_ended_and_may_have_more_trials(search, train, tmp_path):
    files, _ = search("short", trials=2)
    files.write_settings(files.read_settings().model_copy(update={"trials": 4}))
    search_here(open_tuner(files, Console(file=io.StringIO()), lambda _: None, lambda _: None))
    assert [size for size, _ in train] == [1, 2, 4, 8]


def test_no_trial_that_succeeded_is_said(tmp_path, train):
    files = SearchDirectory(tmp_path / "fails")
    space = SearchSpace.model_validate({"parameters": [{"path": "model.latents[0].size", "kind": "choice", "values": [16]}]})
    files.write_settings(_settings(space=space))
    search_here(open_tuner(files, Console(file=io.StringIO()), lambda _: None, lambda _: None))
    with pytest.raises(NoTrialError, match="kl blew up"):
        finish_search(files, Console(file=io.StringIO()))


def test_the_page_has_every_trial_and_no_script(search):
    files, _ = search()
    page = render_search(files)
    columns, rows = trial_rows(files.read_settings(), rank_trials(files, "val_negative_elbo"))
    assert columns[:2] == ["trial", "size"] and len(rows) == len(SIZES)
    assert all(f"<td>{cell}</td>" in page for row in rows for cell in row)
    assert page.count("<svg") == 2 and "<script" not in page and "http" not in page.replace("http://www.w3.org", "")


def test_a_folder_that_is_no_search_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no search"):
        SearchDirectory.open(tmp_path)
    SearchDirectory(tmp_path / "b").write_settings(_settings())
    with pytest.raises(UserError, match="holds a search already"):
        SearchDirectory(tmp_path / "b").check_free()
