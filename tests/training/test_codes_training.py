"""Models with codes train, go on bit for bit, are guarded, and tell how their codes are used."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.training import NonFiniteLossError
from vae_tf.training.compiling import compile_steps

VQ = [{"kind": "vq", "num_variables": 2, "num_classes": 8, "code_size": 3, "prior_size": 4}]
FSQ = [{"kind": "fsq", "num_variables": 2, "levels": [3, 2], "prior_size": 4}]
RESIDUAL = [{**VQ[0], "num_stages": 2, "codebook": "gradient", "gradient": "rotation"}]


def _numbers(run):
    left_out = ("examples_per_second", "epoch", "step")
    return [{key: value for key, value in line.items() if key not in left_out} for line in run.read_metrics()]


def test_a_run_that_was_stopped_goes_on_bit_for_bit(make_config, start, tmp_path):
    settings = {"average": 0.9, "clip_norm": 1.0}
    whole, whole_outcome = start(make_config(RESIDUAL, epochs=2, **settings), tmp_path / "whole", eager=True)
    part, _ = start(make_config(RESIDUAL, epochs=1, **settings), tmp_path / "part", eager=True)
    _, outcome = start(make_config(RESIDUAL, epochs=2, **settings), part.path, resume=True, eager=True)
    assert _numbers(part) == _numbers(whole)
    assert len(whole_outcome.vae.weights) == len(outcome.vae.weights)
    for a, b in zip(whole_outcome.vae.weights, outcome.vae.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


@pytest.mark.parametrize("block", [{**RESIDUAL[0], "codebook": "average"}, FSQ[0]], ids=["vq", "fsq"])
def test_the_compiled_loop_does_what_the_plain_one_does(make_vae, block):
    """Without revival nothing is drawn: both loops give the same weights, but for rounding."""
    block = {**block, "revival": 0.0} if block["kind"] == "vq" else block
    x = np.random.default_rng(0).integers(0, 2, (4, 8, 4, 4, 1)).astype(np.float32)
    models = [make_vae(block) for _ in range(2)]
    for vae, is_compiled in zip(models, (False, True), strict=True):
        vae.compile(keras.optimizers.SGD(0.01), steps_per_execution=4)
        if is_compiled:
            compile_steps(vae, steps=4, stacked=4)
        batches = tf.data.Dataset.from_tensor_slices(x)
        vae.fit(batches.batch(4) if is_compiled else batches, steps_per_epoch=4, verbose=0, shuffle=False)
    for plain, compiled in zip(*(vae.weights for vae in models), strict=True):
        np.testing.assert_allclose(plain.numpy(), compiled.numpy(), rtol=1e-3, atol=1e-4, err_msg=plain.path)
    assert int(models[1].latent.step.value) == 4


def test_revival_is_drawn_within_the_compiled_loop(make_vae):
    vae = make_vae({**VQ[0], "prior": "uniform", "revival": 0.9})
    vae.compile(keras.optimizers.SGD(0.0), steps_per_execution=2)
    compile_steps(vae, steps=2, stacked=2)
    before = vae.latent.codebook.numpy()
    batches = tf.data.Dataset.from_tensors(tf.ones([2, 8, 4, 4, 1]))
    vae.fit(batches, steps_per_epoch=2, verbose=0, shuffle=False)
    moved = vae.latent.codebook.numpy()
    said = vae.encode_params(tf.ones([1, 4, 4, 1])).numpy().reshape(-1, 3)
    is_said = np.min(np.abs(moved[0][:, np.newaxis] - said).max(axis=-1), axis=-1) < 1e-5
    assert is_said.sum() >= 6 and np.any(moved != before)


def test_an_epoch_s_numbers_tell_how_codes_are_used(make_config, start, tmp_path):
    run, _ = start(make_config(VQ, epochs=2), tmp_path / "a", eager=True)
    for line in run.read_metrics():
        for prefix in ("", "val_"):
            assert 1.0 <= line[f"{prefix}perplexity_vq"] <= 8.0
            assert line[f"{prefix}commitment_vq"] >= 0.0
            assert line[f"{prefix}kl"] == line[f"{prefix}kl_vq"] > 0.0
        assert line["val_negative_elbo"] == pytest.approx(line["val_reconstruction_nll"] + line["val_kl"], rel=1e-5)


def test_the_guard_names_the_commitment(make_config, start, tmp_path):
    config = make_config([{**VQ[0], "commitment": 1e38}], epochs=1, learning_rate=1e20)
    with pytest.raises(NonFiniteLossError, match=r"(commitment_vq|reconstruction_nll) blew up in training at step"):
        start(config, tmp_path / "a", eager=True)
