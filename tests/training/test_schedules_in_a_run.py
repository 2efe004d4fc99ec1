"""Schedules in the run's own measure: what is left open ends with the training, and what cannot end is told before it."""

import pytest

from vae_tf.config import RunConfig
from vae_tf.data.spec import DatasetSpec
from vae_tf.parts.known import kinds
from vae_tf.parts.settings import build, read
from vae_tf.training import plan_run
from vae_tf.training.plan import plan_of
from vae_tf.training.unfinished import unfinished_schedules

PICTURES = DatasetSpec(
    name="pictures", event_shape=(4, 4, 1), value_support="binary", num_train=320, num_validation=40, num_test=40
)
LATENTS = [{"kind": "categorical", "num_variables": 2, "num_classes": 3}, {"kind": "gaussian", "size": 2}]


def _planned(steps, **model):
    config = {"model": {"latents": LATENTS, **model}, "training": {"epochs": steps // 10, "batch_size": 32}}
    planned, choices = plan_run(RunConfig.model_validate(config), PICTURES)
    assert plan_of(planned.training, 320).total == steps
    return planned, choices


@pytest.mark.parametrize("steps", [20, 100, 1000, 20_000])
def test_what_a_run_leaves_open_arrives_within_it(steps):
    planned, choices = _planned(steps)
    assert list(unfinished_schedules(planned, steps)) == []
    block = planned.model.latents[0]
    assert float(build("schedule", block.temperature)(steps)) <= 0.501
    assert build("schedule", block.kl_weight)(steps) == 1.0
    assert {"model.latents[0].temperature", "model.latents[0].kl_weight"} <= {choice.path for choice in choices}
    assert plan_run(planned, PICTURES)[0] == planned


_MOVING = sorted(kind for kind, part in kinds("schedule").items() if not part.is_weight and kind != "constant")


@pytest.mark.parametrize("kind", _MOVING)
@pytest.mark.parametrize("place", ["kl_weight", "learning_rate"])
def test_a_kind_of_schedule_alone_arrives_within_the_run(kind, place):
    written = {"kind": kind, "schedule": "linear"} if kind == "stepwise" and place == "kl_weight" else {"kind": kind}
    of_block = {"kl_weight": written} if place == "kl_weight" else {}
    training = {"epochs": 60, "batch_size": 32, **({"learning_rate": written} if place == "learning_rate" else {})}
    config = {"model": {"latents": [{"kind": "gaussian", **of_block}]}, "training": training}
    planned, _ = plan_run(RunConfig.model_validate(config), PICTURES)
    assert list(unfinished_schedules(planned, 600)) == []


SLOW = {"kind": "linear", "steps": 999}


@pytest.mark.parametrize(
    ("where", "config"),
    [
        ("model.latents[0].kl_weight", {"model": {"latents": [{"kind": "gaussian", "kl_weight": SLOW}]}}),
        ("training.learning_rate", {"training": {"learning_rate": {"kind": "cosine", "steps": 5000}}}),
        ("training.learning_rate", {"training": {"learning_rate": {"kind": "exponential", "rate": 1e-5}}}),
        ("objective.capacities.gaussian", {"objective": {"kind": "capacity", "capacities": {"gaussian": SLOW}}}),
        ("objective.warm_up", {"objective": {"kind": "semi_supervised", "num_labels": 9, "warm_up": SLOW}}),
    ],
)
def test_what_cannot_arrive_is_told_with_its_place(where, config):
    late = list(unfinished_schedules(RunConfig.model_validate(config), 300))
    assert [text.split(" is at ")[0] for text in late if where in text] == [where]
    assert "give it fewer steps, or train longer" in late[0]


def test_a_cosine_that_knows_the_training_is_not_told():
    rate = read("schedule", {"kind": "cosine", "start": 0.002, "steps": 300})
    config = RunConfig().model_copy(update={"training": RunConfig().training.model_copy(update={"learning_rate": rate})})
    assert [text for text in unfinished_schedules(config, 300) if "learning_rate" in text] == []
