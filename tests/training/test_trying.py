"""Short trainings decide what nothing else tells: by the validation split, and only where the length is left open."""

import math

import numpy as np
import pytest

from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.config_sources import resolve_config
from vae_tf.consoles import PeopleConsole
from vae_tf.data.loading import load_dataset
from vae_tf.parts.choices import Choice
from vae_tf.training import trying
from vae_tf.training.deciding import plan_run
from vae_tf.training.distribution import start_distribution
from vae_tf.training.lengths import Length
from vae_tf.training.sessions import train_and_measure
from vae_tf.training.trying import is_worth_trying, told_before, try_others, with_tried

SIZE = "model.latents[0].size"
ALONE = start_distribution("none", Cluster())


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    """Three columns that are not correlated, and four groups apart: factor analysis calls all of it noise."""
    rng = np.random.default_rng(0)
    centers = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 4.0
    rows = centers[rng.integers(0, 4, 500)] + rng.normal(size=(500, 3)) * 0.3
    path = tmp_path_factory.mktemp("groups") / "groups.csv"
    np.savetxt(path, rows, delimiter=",", header="a,b,c", comments="")
    return f"csv:{path}"


def _planned(dataset, *overrides):
    config = resolve_config(options={"data.dataset": dataset}, overrides=overrides)
    data = load_dataset(config.data)
    return config, data, *plan_run(config, data.spec)


def test_the_better_of_two_sizes_is_chosen_and_the_reason_has_both_numbers(groups, monkeypatch):
    monkeypatch.setattr(trying, "_MOST_STEPS", 50)
    config, data, planned, choices = _planned(groups, "training.jit_compile=false")
    assert planned.model.latents[0].size == 2 and is_worth_trying(config.training)
    told = []
    (tried,) = try_others(planned, choices, data, ALONE, told.append)
    assert told == [f"Trying {SIZE}=2", f"Trying {SIZE}=3"]
    assert (tried.path, tried.value, tried.others) == (SIZE, 3, ())
    assert "tried for 54 steps" in tried.because
    first, second = (float(word) for word in tried.because.replace(",", "").split() if "." in word)
    assert second < first - 0.5
    config, choices = with_tried(planned, choices, [tried])
    assert config.model.latents[0].size == 3 and [one for one in choices if one.path == SIZE] == [tried]


@pytest.mark.parametrize(
    ("numbers", "chosen"), [((1.0, 2.0), 2), ((2.0, 1.0), 3), ((1.0, 1.0), 2), ((math.inf, 1.0), 3), ((math.inf, math.inf), 2)]
)
def test_the_least_number_wins_and_the_first_value_a_tie(groups, monkeypatch, numbers, chosen):
    _, data, planned, choices = _planned(groups)
    found = dict(zip((2, 3), numbers, strict=True))
    monkeypatch.setattr(trying, "_try", lambda config, *_: (found[config.model.latents[0].size], 50))
    (tried,) = try_others(planned, choices, data, ALONE, lambda _: None)
    assert tried.value == chosen and ("tried" in tried.because) == math.isfinite(min(numbers))


def test_choices_follow_on_each_other(groups, monkeypatch):
    _, data, planned, _ = _planned(groups)
    seen = []

    def better_each_time(config, *_):
        seen.append((config.model.latents[0].size, config.seed))
        return -len(seen), 1

    monkeypatch.setattr(trying, "_try", better_each_time)
    choices = [Choice(2, "", SIZE, others=(3,)), Choice(0, "", "seed", others=(1,)), Choice(64, "", "training.batch_size")]
    tried = try_others(planned, choices, data, ALONE, lambda _: None)
    assert [one.value for one in tried] == [3, 1] and seen == [(2, 0), (3, 0), (3, 0), (3, 1)]


@pytest.mark.parametrize(
    "overrides", [("training.epochs=1",), ("training.steps=20",), ("training.minutes=0.5",), ("model.latents[0].size=2",)]
)
def test_nothing_is_tried_where_a_length_or_the_value_is_given(groups, overrides):
    config, _, _, choices = _planned(groups, *overrides)
    assert not is_worth_trying(config.training) or not any(one.others for one in choices)


def test_several_processes_try_nothing(groups):
    config, *_ = _planned(groups)
    assert is_worth_trying(config.training) and not is_worth_trying(config.training, num_replicas=2)


def test_a_run_records_what_was_decided_and_resumes_without_trying(groups, tmp_path, monkeypatch):
    config, *_ = _planned(groups, "training.minutes=6", "training.jit_compile=false")
    monkeypatch.setattr(trying, "_try", lambda one, *_: (-float(one.model.latents[0].size), 50))
    monkeypatch.setattr("vae_tf.training.sessions.measure_length", lambda *_: Length(steps=60, round_steps=50))
    run, console = RunDirectory(tmp_path / "run"), PeopleConsole(quiet=True)
    trained = train_and_measure(config, run, console)
    assert trained.config.model.latents[0].size == 3 == run.read_config().model.latents[0].size
    monkeypatch.setattr(trying, "_try", None)
    again = train_and_measure(run.read_config(), run, console, resume=True)
    assert again.config == trained.config


def test_what_a_training_will_try_is_told_before_it(groups):
    config, _, _, choices = _planned(groups)
    reasons = {one.path: one.because for one in told_before(config, choices)}
    assert reasons[SIZE] == "3 columns: one less, 32 at most; a training tries 3 too"
    config, _, _, choices = _planned(groups, "training.epochs=3")
    assert told_before(config, choices) == choices
