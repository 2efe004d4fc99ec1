"""Keras Tuner's oracles, made durable: a search that is killed at any moment goes on as if it had not been.

What is added to the library's own:

- the state is written atomically, and what a kill left half recorded is put right on the way in;
- every choice is a function of the seed and of the trials before it, so that a resumed search proposes what the other would;
- settings that were tried are not proposed again, and small spaces are searched to their end.
"""

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from vae_tf.errors import UserValueError
from vae_tf.files import read_record, write_record
from vae_tf.seeding import derive
from vae_tf.tuning.space import ChoiceParameter, FloatParameter, IntParameter, SearchSpace

__all__ = ["BayesianOracle", "GridOracle", "HyperbandOracle", "RandomOracle", "make_hyperparameters", "make_oracle"]

_ENDED = ("COMPLETED", "FAILED")
_MAX_COLLISIONS = 1000
_NUM_CANDIDATES = 200
_MAX_GRID = 10_000
_REMEDY = "Put it back from a copy. Trials that ended are kept in the folder trials; no new ones can be proposed without it."
_NOISE = 1e-2
"""Variance that another seed would give a trial's number, in units of the variance over trials."""


def make_hyperparameters(space: SearchSpace) -> kt.HyperParameters:
    """Return a search space as Keras Tuner's own, conditions included."""
    hyperparameters = kt.HyperParameters()
    for parameter in space.parameters:
        with ExitStack() as scopes:
            for name, values in parameter.when.items():
                scopes.enter_context(hyperparameters.conditional_scope(name, list(values)))
            if isinstance(parameter, ChoiceParameter):
                hyperparameters.Choice(parameter.name, parameter.labels())
            else:
                add = hyperparameters.Int if isinstance(parameter, IntParameter) else hyperparameters.Float
                add(parameter.name, parameter.min, parameter.max, step=parameter.step, sampling=parameter.sampling)
    return hyperparameters


class _Durable(kt.Oracle):
    """An oracle whose state survives a kill at any moment."""

    def save(self) -> None:
        """Write the state atomically; the trials have files of their own."""
        write_record(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        write_record(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())

    def reload(self) -> None:
        """Read the state, and put right what a kill left between two files.

        A trial that the state does not know was never handed out: its file goes, and it will be proposed again. One whose own
        file says that it ended has ended, whatever the state says. All others that were under way are run again, first.
        """
        state = read_record(self._get_oracle_fname(), _REMEDY)
        self.trials = {}
        for path in sorted(Path(self._project_dir).glob("trial_*/trial.json")):
            trial = kt.engine.trial.Trial.from_state(read_record(path, _REMEDY))
            if trial.trial_id in state["start_order"]:
                self.trials[trial.trial_id] = trial
            else:
                path.unlink()
        ended = [name for name in state["start_order"] if self.trials[name].status in _ENDED]
        state["end_order"] += [name for name in ended if name not in state["end_order"]]
        waiting = [name for name in state["start_order"] if name not in ended]
        for name in waiting:
            self.trials[name].metrics = type(self.trials[name].metrics)()
        self.set_state({**state, "ongoing_trials": {}, "retry_queue": waiting[::-1]})
        self.tuner_ids: set[str] = set()


class RandomOracle(_Durable, kt.oracles.RandomSearchOracle):
    """Independent draws, none of them twice."""


class HyperbandOracle(_Durable, kt.oracles.HyperbandOracle):
    """Many short trials, of which the better ones are trained on (Li et al. 2018)."""


class BayesianOracle(_Durable, kt.oracles.BayesianOptimizationOracle):
    """A Gaussian process over the trials so far, and its most promising settings next."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the settings of the next trial."""
        self._random_state = np.random.RandomState(derive(self.seed, "proposal", len(self.trials)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of a length scale at its bound, with few trials
            response = super().populate_space(trial_id)
        values = response.get("values")
        return response if values is None or not self._duplicate(values) else self._best_untried()

    def _best_untried(self) -> dict[str, Any]:
        """Return the settings of least confidence bound among random ones that were not tried."""
        candidates: list[dict[str, Any]] = []
        while len(candidates) < _NUM_CANDIDATES and (values := self._random_values()) is not None:
            candidates.append(values)
        if not candidates:
            return {"status": "STOPPED", "values": None}
        space = self._nonfixed_space()
        vectors = [[hp.value_to_prob(values.get(hp.name, hp.default)) for hp in space] for values in candidates]
        mean, deviation = self.gpr.predict(np.array(vectors), return_std=True)
        return {"status": "RUNNING", "values": candidates[int(np.argmin(mean - self.beta * deviation))]}


class GridOracle(_Durable):
    """Every combination, in the space's order; ranges without a step at the ten values that Keras Tuner picks."""

    def __init__(self, space: SearchSpace, **settings: Any) -> None:
        super().__init__(**settings)
        grids = {hp.name: list(hp.values) for hp in self.hyperparameters.space}
        self.combinations = space.combinations(grids, _MAX_GRID)
        self.max_trials: int | None = min(settings.get("max_trials") or _MAX_GRID, len(self.combinations))

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next combination."""
        number = len(self.start_order)
        if number >= len(self.combinations):
            return {"status": "STOPPED", "values": None}
        return {"status": "RUNNING", "values": self.combinations[number]}


def make_oracle(tuner: str, space: SearchSpace, objective: str, trials: int | None, epochs: int, seed: int) -> kt.Oracle:
    """Make the oracle of a search.

    Args:
        tuner: `random`, `bayesian`, `hyperband` or `grid`.
        space: what is searched.
        objective: name of the number that is made least.
        trials: at most so many; None: all of the grid, all of Hyperband's brackets, else 10.
        epochs: the most that Hyperband gives one trial.
        seed: root of the proposals; 0 is as good as any.

    Raises:
        UserValueError: Hyperband cannot work in so small a space.
    """
    settings: dict[str, Any] = {
        "objective": kt.Objective(objective, direction="min"),
        "hyperparameters": make_hyperparameters(space),
        "seed": 1 + derive(seed, "tuner"),  # the library takes 0 for none
        "max_consecutive_failed_trials": 10**9,
    }
    if tuner == "hyperband":
        oracle: Any = HyperbandOracle(**settings, max_epochs=epochs)
        oracle.max_trials = trials
        _check_size(oracle, space)
    elif tuner == "grid":
        oracle = GridOracle(space, **settings, max_trials=trials)
    elif tuner == "bayesian":
        oracle = BayesianOracle(**settings, max_trials=trials or 10, alpha=_NOISE)
    else:
        oracle = RandomOracle(**settings, max_trials=trials or 10)
    oracle._max_collisions = _MAX_COLLISIONS
    oracle.verbose = 0
    return oracle


def _check_size(oracle: Any, space: SearchSpace) -> None:
    """Hyperband stops where it finds no new settings for its first round."""
    if any(isinstance(parameter, FloatParameter) for parameter in space.parameters):
        return
    grids = {
        parameter.name: parameter.labels()
        if isinstance(parameter, ChoiceParameter)
        else list(range(int(parameter.min), int(parameter.max) + 1))
        for parameter in space.parameters
    }
    bracket = oracle._current_bracket
    needed = oracle._get_size(bracket, 0)
    have = len(space.combinations(grids, needed))
    if have < needed:
        raise UserValueError(
            f"Hyperband begins with {needed} different settings, and the space has {have}. "
            "Use --tuner grid or bayesian, fewer --epochs, or a larger space."
        )
