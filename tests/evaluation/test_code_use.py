"""How codes are used: counted over all examples, said in words, drawn."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.evaluation import CodeUse, code_figure, diagnose_latent, measure_latent, to_svg
from vae_tf.objectives.metrics import CodePerplexity

BLOCK = {"kind": "vq", "num_variables": 3, "num_classes": 4, "code_size": 2, "num_stages": 2, "prior": "uniform"}


@pytest.mark.parametrize(
    ("counts", "alive", "perplexity"),
    [((7, 0, 0, 0), 1, 1.0), ((5, 5, 5, 5), 4, 4.0), ((2, 1, 1, 0), 3, 2.0**1.5), ((0, 0, 0, 0), 0, 1.0)],
)
def test_perplexity_is_e_to_the_entropy(counts, alive, perplexity):
    use = CodeUse.of(np.array(counts))
    assert (use.num_alive, use.num_codes, use.share_alive) == (alive, 4, alive / 4)
    assert use.perplexity == pytest.approx(perplexity)


def test_the_metric_of_training_agrees_and_starts_over():
    codes = np.random.default_rng(0).integers(0, 5, (40, 6))
    metric = CodePerplexity(2, 7, "perplexity")
    for part in np.split(codes, 4):
        metric.update_state(tf.constant(part))
    expected = [CodeUse.of(np.bincount(codes[:, stage::2].ravel(), minlength=7)).perplexity for stage in range(2)]
    assert float(metric.result()) == pytest.approx(np.mean(expected), rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def measured(make_vae):
    vae = make_vae(BLOCK, event_shape=(5,))
    x = (np.random.default_rng(1).random((50, 5)) < 0.5).astype(np.float32)
    return vae, x, measure_latent(vae, [tf.constant(x[:30]), tf.constant(x[30:])], (1, 2))


def test_every_example_of_the_split_is_counted(measured):
    vae, x, latent = measured
    codes = vae.latent.codes(vae.encode(x)).numpy().reshape(-1, 2)
    assert len(latent.blocks[0].code_use) == 2
    for stage, use in enumerate(latent.blocks[0].code_use):
        assert use.counts == tuple(np.bincount(codes[:, stage], minlength=4))
        assert sum(use.counts) == 150
    assert latent.blocks[0].axes == () and latent.blocks[0].left_out == ""


def test_the_use_is_said_in_words_and_drawn(measured):
    block = measured[2].blocks[0]
    told = [finding.text for finding in diagnose_latent(measured[2]) if "codebook" in finding.text]
    assert len(told) == 2
    assert all("as many codes, used equally often, would be as hard to guess" in text for text in told)
    drawn = to_svg(code_figure(block))
    for stage, use in enumerate(block.code_use, start=1):
        assert f"vq, codebook {stage}: {use.num_alive} of 4 used, perplexity {use.perplexity:.1f}" in drawn


def test_too_many_codes_are_pointed_out(make_vae):
    vae = make_vae({**BLOCK, "num_stages": 1, "num_classes": 40, "num_variables": 1}, event_shape=(5,))
    latent = measure_latent(vae, [tf.zeros([20, 5])], (1, 2))
    assert latent.blocks[0].code_use[0].num_alive == 1
    (found,) = [finding for finding in diagnose_latent(latent) if "codes are used" in finding.text]
    assert found.level == "warning" and "num_classes" in found.advice
