"""Every rule speaks when it should and is silent when it should not."""

import re
from dataclasses import replace

import pytest

from vae_tf.config_sources import resolve_config
from vae_tf.evaluation.bounds import BoundEstimates
from vae_tf.evaluation.findings import (
    collapse_findings,
    collapsed_blocks,
    diagnose_bounds,
    diagnose_generation,
    diagnose_latent,
)
from vae_tf.evaluation.generation import Generation, Memorization
from vae_tf.evaluation.latent_statistics import AxisStatistics, BlockStatistics, LatentStatistics

BOUNDS = BoundEstimates(100.0, 1.0, 95.0, 1.0, 80.0, 20.0, {"gaussian": 20.0}, 0.2, 1000, 100)


def _texts(findings):
    return [finding.text for finding in findings]


def _block(active=2, kl=5.0, use=50.0, num=2):
    axes = tuple(AxisStatistics(f"gaussian[{d}]", kl / num, 1.0 if d < active else 0.0, d < active) for d in range(num))
    return BlockStatistics("gaussian", num, kl, "closed_form", axes, active, None, use)


def _latent(*blocks):
    return LatentStatistics(blocks, None, 50.0, 100)


def test_a_good_run_has_nothing_to_mend():
    assert diagnose_bounds(BOUNDS, None, "test", [{"negative_elbo": 99.0, "val_negative_elbo": 100.0}]) == []
    assert [finding.level for finding in diagnose_latent(_latent(_block()))] == ["good"]


def test_a_collapsed_block_is_named_with_its_own_setting():
    found = collapse_findings({"gaussian": 12.0, "categorical": 0.01})
    assert [finding.level for finding in found] == ["warning"]
    assert "categorical has collapsed" in found[0].text and "model.latents[1].kl_weight" in found[0].advice
    assert collapsed_blocks({"a": 0.0999, "b": 0.1001}) == ["a"]
    assert collapse_findings({"deterministic": 0.0}, has_density=False) == []


@pytest.mark.parametrize(("num_steps", "rise", "longer"), [(0, 1000, 0), (100, 1000, 4000), (2500, 1250, 0), (90_000, 5000, 0)])
def test_a_slow_start_arrives_within_the_training_that_is_advised(num_steps, rise, longer):
    (found,) = collapse_findings({"gaussian": 0.0}, num_steps=num_steps)
    (setting,) = re.findall(r"--set '(.*?)'", found.advice)
    assert resolve_config(overrides=[setting]).model.latents[0].kl_weight.steps == rise
    assert re.findall(r"--steps (\d+)", found.advice) == ([str(longer)] if longer else [])
    assert rise <= max(num_steps, longer) or not num_steps


@pytest.mark.parametrize(("split", "said"), [("train", "was trained on"), ("validation", "selected on this split")])
def test_a_split_that_was_used_is_said(split, said):
    assert said in _texts(diagnose_bounds(BOUNDS, None, split, []))[0]


def test_an_autoencoder_is_called_one():
    bounds = replace(BOUNDS, nll=None, nll_stderr=None, kl_blocks={"deterministic": 0.0})
    assert _texts(diagnose_bounds(bounds, None, "test", []))[0].startswith("This is an autoencoder")


@pytest.mark.parametrize(("last", "speaks"), [(95.0, True), (95.9, False)])
def test_an_nll_that_still_falls(last, speaks):
    rows = [{"num_samples": k, "nll": value, "nll_stderr": 1.0} for k, value in ((1, 99.0), (10, 96.0), (100, last))]
    found = diagnose_bounds(replace(BOUNDS, nll_at=rows), None, "test", [])
    assert bool(found) == speaks
    assert not speaks or "--num-samples 1000" in found[0].advice


@pytest.mark.parametrize(("relaxed", "speaks"), [(98.0, True), (99.5, False)])
def test_a_gap_between_relaxed_and_hard(relaxed, speaks):
    assert bool(diagnose_bounds(BOUNDS, replace(BOUNDS, negative_elbo=relaxed), "test", [])) == speaks


def test_the_curve_is_read():
    looks = [{"epoch": n, "negative_elbo": 90.0 - n, "val_negative_elbo": 80.0 + abs(n - 10)} for n in range(1, 31)]
    assert "validation was 0 nats worse than training" in _texts(diagnose_bounds(BOUNDS, None, "test", looks))[0]
    assert diagnose_bounds(BOUNDS, None, "test", [{"epoch": 1}]) == []


def test_unused_axes_are_a_note_and_an_unused_block_a_warning():
    note, warning = (diagnose_latent(_latent(block))[0] for block in (_block(active=1), _block(use=0.01)))
    assert note.level == "note" and "1 of 2 axes active" in note.text and "about 1 axes" in note.advice
    assert warning.level == "warning" and "does not use block gaussian" in warning.text


def test_blocks_that_say_nothing_of_themselves_are_passed_over():
    without = replace(_block(), kl=None, axes=())
    assert diagnose_latent(_latent(without)) == []


@pytest.mark.parametrize(("copies", "speaks"), [(0.1, True), (0.015, False)])
def test_copies(copies, speaks):
    memory = Memorization(1.0, 2.0, copies, 0.0, 100)
    generation = Generation("features", None, "means", 1.0, 0.5, 0.9, 0.9, memory, 100)
    assert bool(diagnose_generation(generation)) == speaks


@pytest.mark.parametrize(("use", "levels"), [(50.0, ["note"]), (0.01, ["note", "warning"])])
def test_what_a_block_of_one_s_own_leaves_out_is_said(use, levels):
    block = BlockStatistics("own", 2, None, None, (), 0, None, use, left_out="it has no method 'factors'.")
    found = diagnose_latent(_latent(block))
    assert [finding.level for finding in found] == levels
    assert found[0].text == "Block own: it has no method 'factors'."
    assert diagnose_latent(_latent(replace(block, left_out=""))) == []
