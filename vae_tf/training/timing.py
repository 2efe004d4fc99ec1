"""How long a training a time is enough for: by steps that are made, measured, and thrown away."""

import time
from collections.abc import Callable

from vae_tf.config import RunConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.training.distribution import Distribution
from vae_tf.training.fitting import set_up
from vae_tf.training.lengths import Length, length_within

__all__ = ["measure_length"]

_TRIAL_SECONDS = 2.0
_SHARE = 0.9
"""Of the time that is left: checkpoints, pictures and the test split want some, and machines have their moods."""


def measure_length(config: RunConfig, dataset: Dataset, minutes: float, distribution: Distribution, started: float) -> Length:
    """Return how much can be trained, validation included, before so many minutes have gone by.

    Args:
        config: planned; how it validates counts, its length does not.
        dataset: the data.
        minutes: from `started` on.
        distribution: over which replicas.
        started: when the clock began, by `time.perf_counter`.

    Returns:
        At least one step, and how often validation is looked at.

    Raises:
        UserValueError: data, configuration, model and replicas do not fit each other.
    """
    vae, plan, data = set_up(config, dataset, distribution, goes_on=True)  # what it starts from is thrown away too
    go = plan.steps_per_execution

    def fit(steps: int) -> None:
        vae.fit(data["x"], steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)

    _seconds(lambda: fit(go))  # the first one is traced
    once = _seconds(lambda: fit(go))
    goes = max(1, min(plan.rounds * plan.round_steps // go, int(_TRIAL_SECONDS / max(once, 1e-6))))
    step = _seconds(lambda: fit(goes * go)) / (goes * go)
    vae.evaluate(data["validation_data"], verbose=0)
    look = _seconds(lambda: vae.evaluate(data["validation_data"], verbose=0))
    left = _SHARE * (60.0 * minutes - (time.perf_counter() - started))
    return length_within(left, step, look, plan.round_steps)


def _seconds(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started
