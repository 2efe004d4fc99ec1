"""Oracles: they find the least, search small spaces to the end, and a kill at any write changes nothing."""

import json
import shutil

import pytest

from vae_tf.errors import UserValueError
from vae_tf.tuning import SearchSpace, make_hyperparameters, make_oracle
from vae_tf.tuning import oracles as module

SPACE = SearchSpace.model_validate(
    {
        "parameters": [
            {"path": "a", "kind": "choice", "values": ["x", "y"]},
            {"path": "b", "kind": "int", "min": 1, "max": 6},
            {"path": "c", "kind": "float", "min": 0.01, "max": 1.0, "sampling": "log", "when": {"a": ["x"]}},
        ]
    }
)
SMALL = SearchSpace.model_validate({"parameters": [{"path": "n", "kind": "choice", "values": [1, 2, 4, 8, 16, 32, 64]}]})


class Killed(BaseException):
    """Stands for a kill: no handler of ordinary errors sees it."""


def _open(folder, tuner, space=SPACE, trials=8, epochs=3, seed=0):
    oracle = make_oracle(tuner, space, "val_negative_elbo", trials, epochs, seed)
    oracle._set_project_dir(str(folder), "oracle")
    if (folder / "oracle" / "oracle.json").exists():
        oracle.reload()
    return oracle


def _score(values):
    return values.get("b", values.get("n", 3)) + 10 * values.get("c", 0.5)


def _run(oracle, names=("tuner0",)):
    """Play the part of the tuner: one trial after another until there are no more."""
    for _ in range(100):
        trial = oracle.create_trial(names[0])
        if trial.status == "STOPPED":
            return oracle
        if trial.hyperparameters.values.get("b") == 5:
            trial.status = "FAILED"
        else:
            oracle.update_trial(trial.trial_id, {"val_negative_elbo": _score(trial.hyperparameters.values)})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
    raise AssertionError("the search does not end")


def _outcome(oracle):
    return {name: (trial.hyperparameters.values, trial.status, trial.score) for name, trial in oracle.trials.items()}


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband", "grid"])
def test_a_kill_at_any_write_changes_nothing(tuner, tmp_path, monkeypatch):
    expected = _outcome(_run(_open(tmp_path / "whole", tuner)))
    write, left = module.write_record, [0]

    def dying(path, value):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        write(path, value)

    monkeypatch.setattr(module, "write_record", dying)
    for writes in range(0, 4 * len(expected), 3):
        folder = tmp_path / f"after {writes}"
        left[0] = writes
        with pytest.raises(Killed):
            _run(_open(folder, tuner))
        left[0] = 10**6
        assert _outcome(_run(_open(folder, tuner))) == expected, f"killed after {writes} writes"
        shutil.rmtree(folder)


@pytest.mark.parametrize("tuner", ["random", "bayesian", "grid"])
def test_small_spaces_are_searched_to_their_end_without_repeats(tuner, tmp_path):
    oracle = _run(_open(tmp_path, tuner, SMALL, trials=20))
    tried = [trial.hyperparameters.values["n"] for trial in oracle.trials.values()]
    assert sorted(tried) == [1, 2, 4, 8, 16, 32, 64]


def test_seeds_make_other_searches_and_zero_is_one_of_them(tmp_path):
    runs = [_outcome(_run(_open(tmp_path / str(n), "random", seed=seed))) for n, seed in enumerate((0, 0, 1))]
    assert runs[0] == runs[1] != runs[2]


def test_the_least_wins_and_a_gaussian_process_finds_it(tmp_path):
    space = SearchSpace.model_validate({"parameters": [{"path": "n", "kind": "int", "min": 0, "max": 200}]})
    oracle = make_oracle("bayesian", space, "val_nll", 10, 3, 1)
    oracle._set_project_dir(str(tmp_path), "oracle")
    while (trial := oracle.create_trial("tuner0")).status != "STOPPED":
        n = trial.hyperparameters.values["n"]
        oracle.update_trial(trial.trial_id, {"val_nll": (n - 130) ** 2 / 1000})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    best = oracle.get_best_trials()[0]
    assert abs(best.hyperparameters.values["n"] - 130) <= 10
    assert best.score == min(trial.score for trial in oracle.trials.values())


def test_a_worker_that_was_lost_gets_its_trial_again_and_others_none_of_it(tmp_path):
    oracle = _open(tmp_path, "random")
    first, second = oracle.create_trial("tuner0"), oracle.create_trial("tuner1")
    assert first.trial_id != second.trial_id
    assert oracle.create_trial("tuner0").trial_id == first.trial_id
    reloaded = _open(tmp_path, "random")
    again = [reloaded.create_trial(name).trial_id for name in ("tuner0", "tuner1", "tuner2")]
    assert again[:2] == [first.trial_id, second.trial_id] and again[2] not in again[:2]


def test_hyperband_says_when_a_space_is_too_small():
    with pytest.raises(UserValueError, match="begins with 9 different settings, and the space has 7"):
        make_oracle("hyperband", SMALL, "val_nll", None, 9, 0)
    assert make_oracle("hyperband", SPACE, "val_nll", None, 81, 0).max_trials is None


def test_conditions_reach_keras_tuner():
    hyperparameters = make_hyperparameters(SPACE)
    conditional = next(hp for hp in hyperparameters.space if hp.name == "c")
    assert [condition.name for condition in conditional.conditions] == ["a"]


def test_the_state_is_whole_json_at_any_moment(tmp_path):
    oracle = _run(_open(tmp_path, "bayesian", trials=4))
    state = json.loads((tmp_path / "oracle" / "oracle.json").read_text())
    assert len(state["end_order"]) == 4 == len(oracle.trials)
    assert not list((tmp_path / "oracle").glob(".*"))
