"""How long lines may be: what the data choose, that it is said, and kept for other data."""

import pytest

from vae_tf.config import RunConfig
from vae_tf.config.data import DataConfig
from vae_tf.data.probing import probe
from vae_tf.data.text import make_text_dataset
from vae_tf.training import plan_run


def _dataset(lines, **settings):
    config = DataConfig(dataset="text:lines.txt", **settings)
    return make_text_dataset({"train": lines, "validation": lines[:3], "test": lines[:3]}, config)


def _cut(dataset):
    return [text for text in probe(dataset, "recurrent_text") if "data.max_length" in text]


@pytest.mark.parametrize(
    ("lengths", "chosen"),
    [([5] * 100, 6), ([5] * 99 + [20], 6), ([5] * 98 + [20, 30], 21), ([90] * 20, 91), ([900] * 20, 512)],
    ids=["even", "one of a hundred is longer", "two are", "all are", "all are very long"],
)
def test_nearly_all_lines_have_room_for_their_end(lengths, chosen):
    dataset = _dataset(["ab" * (n // 2) + "c" * (n % 2) for n in lengths])
    assert dataset.spec.num_dims == chosen
    assert bool(_cut(dataset)) is any(n >= chosen for n in lengths)


def test_lines_that_are_cut_are_counted():
    dataset = _dataset(["abc"] * 10 + ["abcdefgh"] * 4, max_length=5)
    assert dataset.spec.num_dims == 5
    (text,) = _cut(dataset)
    assert text.startswith("4 of 20 texts are cut to the 5 tokens of data.max_length: the longest has 8")


def test_a_plan_says_what_the_length_became_and_keeps_it():
    dataset = _dataset(["abcd"] * 50)
    planned, choices = plan_run(RunConfig(data=DataConfig(dataset="text:lines.txt")), dataset.spec)
    assert planned.data.max_length == 5
    assert [choice.because for choice in choices if choice.path == "data.max_length"] == ["99 of 100 texts are whole"]
    assert _dataset(["a much longer line than those"] * 9, max_length=planned.data.max_length).spec.num_dims == 5


@pytest.mark.parametrize(
    ("latents", "kind"), [([{"kind": "gaussian"}], "free_bits"), ([{"kind": "deterministic"}], "elbo")], ids=["density", "none"]
)
def test_texts_are_trained_by_free_bits_where_there_is_a_density(latents, kind):
    config = RunConfig.model_validate({"model": {"latents": latents}})
    planned, choices = plan_run(config, _dataset(["abcd"] * 50).spec)
    assert planned.objective.kind == kind
    assert "objective.kind" in {choice.path for choice in choices}
