"""Joint latents: the blocks side by side, nothing lost, nothing mixed."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.models import CategoricalLatent, DeterministicLatent, GaussianLatent, JointLatent

SEED = (3, 4)
PARAMS = np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32)


def make(gaussian_kl="closed_form", categorical_kl="categorical"):
    gaussian = GaussianLatent(size=2, kl_kind=gaussian_kl, kl_weight=1.0, seed=1)
    settings = {"kl_kind": categorical_kl, "temperature": 0.7, "kl_weight": 1.0, "seed": 1}
    categorical = CategoricalLatent(num_variables=2, num_classes=3, **settings)
    joint = JointLatent([gaussian, categorical])
    joint.build((None, 10))
    return joint, gaussian, categorical


def test_sizes_are_sums_and_blocks_are_the_parts():
    joint, gaussian, categorical = make()
    assert (joint.size, joint.params_size) == (8, 10)
    assert joint.blocks() == [gaussian, categorical]
    assert joint.is_relaxed
    assert joint.has_density


def test_an_autoencoder_s_block_takes_the_density_away():
    assert not JointLatent([GaussianLatent(size=1), DeterministicLatent(size=1)]).has_density


def test_kl_is_the_sum_of_the_blocks():
    joint, gaussian, categorical = make()
    q = joint.posterior(PARAMS)
    _, log_ratio = joint.sample(q, SEED)
    expected = gaussian.kl(gaussian.posterior(PARAMS[:, :4]), None) + categorical.kl(categorical.posterior(PARAMS[:, 4:]), None)
    np.testing.assert_allclose(joint.kl(q, log_ratio), expected, rtol=1e-6)


def test_kl_equals_monte_carlo_over_hard_draws_within_4_standard_errors(assert_mean):
    joint, _, _ = make()
    q = joint.posterior(PARAMS)
    _, log_ratio = joint.sample(q, SEED, (20_000,), hard=True)
    assert_mean(log_ratio, joint.kl(q, None), num_stderr=4)


@pytest.mark.parametrize(("gaussian_kl", "categorical_kl"), [("monte_carlo", "categorical"), ("closed_form", "relaxed")])
def test_one_estimated_block_makes_the_joint_kl_an_estimate(gaussian_kl, categorical_kl):
    joint, _, _ = make(gaussian_kl, categorical_kl)
    q = joint.posterior(PARAMS)
    _, log_ratio = joint.sample(q, SEED)
    assert not joint.kl_is_exact
    np.testing.assert_array_equal(joint.kl(q, log_ratio), log_ratio)


@pytest.mark.parametrize("hard", [False, True])
def test_draws_are_the_blocks_draws_side_by_side(hard):
    joint, _, _ = make()
    q = joint.posterior(PARAMS)
    z, log_ratio = joint.sample(q, SEED, (5,), hard=hard)
    draws = joint.sample_blocks(q, SEED, (5,), hard=hard)
    assert [tuple(block_z.shape) for block_z, _ in draws] == [(5, 3, 2), (5, 3, 6)]
    np.testing.assert_array_equal(z, np.concatenate([block_z for block_z, _ in draws], axis=-1))
    np.testing.assert_allclose(log_ratio, sum(ratio.numpy() for _, ratio in draws), rtol=1e-6)


def test_blocks_of_the_same_kind_draw_independently():
    joint = JointLatent([GaussianLatent(size=2, name="a", seed=5), GaussianLatent(size=2, name="b", seed=5)])
    params = np.zeros([200, 8], np.float32)
    sampled, _ = joint.sample(joint.posterior(params), SEED)
    for z in (joint(params, training=True), joint(params, training=False), joint.draw(200, SEED), sampled):
        first, second = z[:, :2].numpy().ravel(), z[:, 2:].numpy().ravel()
        assert abs(np.corrcoef(first, second)[0, 1]) < 4.0 / np.sqrt(400)


def test_every_block_adds_its_own_loss_and_metric():
    joint, gaussian, categorical = make()
    joint(PARAMS, training=True)
    assert len(joint.losses) == 2
    expected = [float(np.mean(block.kl(q, None))) for block, q in joint.split_posterior(joint.posterior(PARAMS))]
    np.testing.assert_allclose(joint.losses, expected, rtol=1e-5)
    for block, kl in zip((gaussian, categorical), expected, strict=True):
        assert float(block.kl_metric.result()) == pytest.approx(kl, rel=1e-5)


def test_every_block_s_step_advances_once_a_call():
    joint, gaussian, categorical = make()
    joint(PARAMS, training=True)
    joint(PARAMS, training=True)
    joint(PARAMS, training=False)
    for block in (gaussian, categorical):
        assert (int(block.step.value), int(block.num_evaluations.value)) == (2, 1)


def test_mean_and_mode_are_the_blocks_side_by_side():
    joint, gaussian, categorical = make()
    q = joint.posterior(PARAMS)
    parts = gaussian.posterior(PARAMS[:, :4]), categorical.posterior(PARAMS[:, 4:])
    for name in ("mean", "mode"):
        expected = [getattr(block, name)(part) for block, part in zip((gaussian, categorical), parts, strict=True)]
        np.testing.assert_array_equal(getattr(joint, name)(q), np.concatenate(expected, axis=-1))


def test_descriptions_carry_the_block_s_name():
    joint, _, _ = make()
    described = joint.describe(joint.posterior(PARAMS))
    assert {name: tuple(value.shape) for name, value in described.items()} == {
        "gaussian_loc": (3, 2),
        "gaussian_scale": (3, 2),
        "categorical_probs": (3, 2, 3),
    }


def test_a_traversal_varies_one_block_s_axis_and_leaves_the_rest():
    joint, _, _ = make()
    z = joint.mode(joint.posterior(PARAMS))[0]
    paths = joint.traverse(z, num_steps=5)
    assert [label for label, _ in paths] == ["gaussian[0]", "gaussian[1]", "categorical[0]", "categorical[1]"]
    owned = [[0], [1], [2, 3, 4], [5, 6, 7]]
    for (_, path), columns in zip(paths, owned, strict=True):
        others = [i for i in range(8) if i not in columns]
        np.testing.assert_array_equal(path.numpy()[:, others], np.tile(z.numpy()[others], (path.shape[0], 1)))
        assert np.all(np.ptp(path.numpy()[:, columns], axis=0) > 0)


def test_interpolation_goes_every_block_s_own_way():
    joint, gaussian, categorical = make()
    start, stop = tf.constant([[3.0, 0.0, 1, 0, 0, 1, 0, 0]]), tf.constant([[0.0, 3.0, 0, 1, 0, 0, 0, 1]])
    path = joint.interpolate(start, stop, 4, spherical=True)
    np.testing.assert_allclose(path[..., :2], gaussian.interpolate(start[:, :2], stop[:, :2], 4, True))
    np.testing.assert_array_equal(path[..., 2:], categorical.interpolate(start[:, 2:], stop[:, 2:], 4, True))


def test_scheduled_values_are_named_by_block():
    joint, _, _ = make()
    assert set(joint.scheduled_values()) == {"kl_weight_gaussian", "kl_weight_categorical", "temperature_categorical"}


def test_duplicate_block_names_are_refused():
    with pytest.raises(ValueError, match=r"Blocks must have distinct names\. Received: \['a', 'a'\]"):
        JointLatent([GaussianLatent(size=1, name="a"), CategoricalLatent(1, 2, name="a")])
