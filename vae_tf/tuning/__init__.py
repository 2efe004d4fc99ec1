"""Tuning: Keras Tuner finds the latent size, or any other setting, and the numbers say why.

A space in Python, for those who import the library:

    space = SearchSpace(parameters=(IntParameter(path="model.latents[0].size", min=2, max=64, sampling="log"),))
    search = SearchDirectory(Path("runs/sizes"))
    start_search(search, SearchSettings(config=resolve_config("digits"), space=space, trials=12))
    search_here(open_tuner(search, console, print, print))
    winner = finish_search(search, console)

Names are imported when they are first used, so that the command line looks at a search's files without TensorFlow.
"""

from typing import TYPE_CHECKING

from vae_tf.lazy import lazy_names

if TYPE_CHECKING:
    from vae_tf.tuning.drive import (
        NoTrialError,
        Winner,
        finish_search,
        open_tuner,
        search_here,
        start_search,
    )
    from vae_tf.tuning.oracles import (
        BayesianOracle,
        GridOracle,
        HyperbandOracle,
        RandomOracle,
        make_hyperparameters,
        make_oracle,
    )
    from vae_tf.tuning.ranking import (
        Knee,
        RankedTrial,
        find_knee,
        rank_trials,
    )
    from vae_tf.tuning.report import (
        describe_search,
        render_search,
        trial_rows,
    )
    from vae_tf.tuning.search import (
        OBJECTIVES,
        SearchDirectory,
        SearchSettings,
        TrialResult,
        tuner_role,
    )
    from vae_tf.tuning.space import (
        ChoiceParameter,
        FloatParameter,
        IntParameter,
        SearchSpace,
        load_space,
    )
    from vae_tf.tuning.tracked import TrackedSearch
    from vae_tf.tuning.trials import (
        RunHyperModel,
        RunTuner,
        SearchError,
        SearchStopped,
    )
    from vae_tf.tuning.workers import (
        WorkerError,
        search_as_chief,
        search_with_workers,
    )

__all__ = [
    "OBJECTIVES",
    "BayesianOracle",
    "ChoiceParameter",
    "FloatParameter",
    "GridOracle",
    "HyperbandOracle",
    "IntParameter",
    "Knee",
    "NoTrialError",
    "RandomOracle",
    "RankedTrial",
    "RunHyperModel",
    "RunTuner",
    "SearchDirectory",
    "SearchError",
    "SearchSettings",
    "SearchSpace",
    "SearchStopped",
    "TrackedSearch",
    "TrialResult",
    "Winner",
    "WorkerError",
    "describe_search",
    "find_knee",
    "finish_search",
    "load_space",
    "make_hyperparameters",
    "make_oracle",
    "open_tuner",
    "rank_trials",
    "render_search",
    "search_as_chief",
    "search_here",
    "search_with_workers",
    "start_search",
    "trial_rows",
    "tuner_role",
]
_MODULES = {
    "NoTrialError": "drive",
    "Winner": "drive",
    "finish_search": "drive",
    "open_tuner": "drive",
    "search_here": "drive",
    "start_search": "drive",
    "BayesianOracle": "oracles",
    "GridOracle": "oracles",
    "HyperbandOracle": "oracles",
    "RandomOracle": "oracles",
    "make_hyperparameters": "oracles",
    "make_oracle": "oracles",
    "Knee": "ranking",
    "RankedTrial": "ranking",
    "find_knee": "ranking",
    "rank_trials": "ranking",
    "describe_search": "report",
    "render_search": "report",
    "trial_rows": "report",
    "OBJECTIVES": "search",
    "SearchDirectory": "search",
    "SearchSettings": "search",
    "TrialResult": "search",
    "ChoiceParameter": "space",
    "FloatParameter": "space",
    "IntParameter": "space",
    "SearchSpace": "space",
    "load_space": "space",
    "TrackedSearch": "tracked",
    "RunHyperModel": "trials",
    "RunTuner": "trials",
    "SearchError": "trials",
    "SearchStopped": "trials",
    "WorkerError": "workers",
    "search_as_chief": "workers",
    "search_with_workers": "workers",
    "tuner_role": "search",
}

__getattr__ = lazy_names(__name__, _MODULES)
