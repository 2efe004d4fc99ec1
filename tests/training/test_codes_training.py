"""Models with codes train, go on bit for bit, are guarded, and tell how their codes are used."""

import numpy as np
import pytest

from vae_tf.training import NonFiniteLossError

VQ = [{"kind": "vq", "num_variables": 2, "num_classes": 8, "code_size": 3, "prior_size": 4}]
FSQ = [{"kind": "fsq", "num_variables": 2, "levels": [3, 2], "prior_size": 4}]
RESIDUAL = [{**VQ[0], "num_stages": 2, "codebook": "gradient", "gradient": "rotation"}]


def _numbers(run):
    left_out = ("examples_per_second", "epoch", "step")
    return [{key: value for key, value in line.items() if key not in left_out} for line in run.read_metrics()]


@pytest.mark.parametrize(("latents", "compiled"), [(VQ, True), (VQ, False), (RESIDUAL, True), (FSQ, True)])
def test_a_run_that_was_stopped_goes_on_bit_for_bit(make_config, start, tmp_path, latents, compiled):
    settings = {"jit_compile": compiled, "average": 0.9, "clip_norm": 1.0}
    whole, whole_outcome = start(make_config(latents, epochs=2, **settings), tmp_path / "whole", eager=not compiled)
    part, _ = start(make_config(latents, epochs=1, **settings), tmp_path / "part", eager=not compiled)
    _, outcome = start(make_config(latents, epochs=2, **settings), part.path, resume=True, eager=not compiled)
    assert _numbers(part) == _numbers(whole)
    assert len(whole_outcome.vae.weights) == len(outcome.vae.weights)
    for a, b in zip(whole_outcome.vae.weights, outcome.vae.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


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
