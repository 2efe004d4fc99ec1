"""What we rely on in Keras Tuner, and what we mend: when one of these fails, a piece of vae_tf/tuning can go."""

import json

import keras_tuner as kt
import pytest

SETTINGS = {"objective": kt.Objective("val_nll", "min"), "max_trials": 4}


def _hyperparameters():
    hyperparameters = kt.HyperParameters()
    hyperparameters.Choice("n", [1, 2, 3, 4])
    return hyperparameters


def _end(oracle, trial, score=1.0):
    oracle.update_trial(trial.trial_id, {"val_nll": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


@pytest.fixture
def open_oracle(tmp_path):
    def make(oracle_class=kt.oracles.RandomSearchOracle, **settings):
        oracle = oracle_class(**{**SETTINGS, "hyperparameters": _hyperparameters(), **settings})
        oracle._set_project_dir(str(tmp_path), "oracle")
        oracle.verbose = 0
        return oracle

    return make


def test_seed_zero_is_taken_for_none(open_oracle):
    assert open_oracle(seed=7).seed == 7 and open_oracle(seed=0).seed != 0


def test_the_state_that_is_saved_last_has_the_ended_trial_as_ongoing(open_oracle, tmp_path):
    oracle = open_oracle(seed=1)
    _end(oracle, oracle.create_trial("tuner0"))
    state = json.loads((tmp_path / "oracle" / "oracle.json").read_text())
    assert state["end_order"] == ["0"] and state["ongoing_trials"] == {"tuner0": "0"}
    reloaded = open_oracle(seed=1)
    reloaded.reload()
    assert reloaded.create_trial("tuner0").trial_id == "0"  # it would be run again


def test_the_grid_forgets_where_it_was(open_oracle):
    assert not {"ordered_ids", "populate_next"} & set(open_oracle(kt.oracles.GridSearchOracle).get_state())


def test_small_spaces_are_given_up_after_twenty_repeats(open_oracle):
    assert open_oracle()._max_collisions == 20


def test_a_tuner_that_lost_its_worker_gives_the_trial_to_its_successor(open_oracle):
    oracle = open_oracle(seed=1)
    first = oracle.create_trial("tuner0")
    assert oracle.create_trial("tuner0").trial_id == first.trial_id != oracle.create_trial("tuner1").trial_id


def test_an_ordinary_error_in_a_trial_is_swallowed_and_a_fatal_one_is_not(tmp_path):
    class Tuner(kt.engine.base_tuner.BaseTuner):
        error: type[Exception] = ValueError

        def run_trial(self, trial, *args, **kwargs):
            raise self.error("no")

    def make(name):
        oracle = kt.oracles.RandomSearchOracle(**{**SETTINGS, "max_trials": 1}, hyperparameters=_hyperparameters(), seed=1)
        return Tuner(oracle=oracle, directory=str(tmp_path), project_name=name)

    swallowed = make("a")
    swallowed.search(verbose=0)
    assert [trial.status for trial in swallowed.oracle.trials.values()] == ["FAILED"]
    fatal = make("b")
    fatal.error = kt.errors.FatalError
    with pytest.raises(kt.errors.FatalError):
        fatal.search(verbose=0)


def test_the_service_of_the_chief_is_where_we_import_it_from():
    from keras_tuner.src import protos
    from keras_tuner.src.distribute.oracle_chief import OracleServicer, exit_chief

    assert callable(exit_chief) and hasattr(protos.get_service_grpc(), "add_OracleServicer_to_server")
    assert {"CreateTrial", "EndTrial", "UpdateTrial"} <= set(dir(OracleServicer))
