"""Codes: replacement, gradients, codebooks and levels against formulas; the bound against enumeration."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from vae_tf.errors import UserValueError
from vae_tf.evaluation import BoundEstimator
from vae_tf.models import FsqLatent, GaussianLatent, JointLatent, LfqLatent, VqLatent
from vae_tf.models.latents.vq import rotated
from vae_tf.objectives import BetaTc, InfoVae, Iwae, ScoreFunction

RNG = np.random.default_rng(0)
PARAMS = RNG.normal(size=(6, 6)).astype(np.float32)


def make_vq(**settings):
    sizes = {"num_variables": 3, "num_classes": 4, "code_size": 2, "prior": "uniform", "seed": 1}
    latent = VqLatent(**{**sizes, **settings})
    latent.build((None, latent.params_size))
    latent.codebook.assign(np.random.default_rng(2).normal(size=latent.codebook.shape))
    return latent


def nearest(vectors, book):
    return np.argmin(np.sum((vectors[..., np.newaxis, :] - book) ** 2, axis=-1), axis=-1)


# --- what the encoder's vectors are replaced by ---


@pytest.mark.parametrize("gradient", ["straight_through", "rotation"])
def test_every_vector_gives_way_to_the_nearest_one(gradient):
    latent = make_vq(gradient=gradient)
    q, book = latent.posterior(PARAMS), latent.codebook.numpy()[0]
    codes = nearest(PARAMS.reshape(6, 3, 2), book)
    np.testing.assert_array_equal(q.codes, codes)
    np.testing.assert_array_equal(latent.mean(q), book[codes].reshape(6, 6))
    np.testing.assert_array_equal(latent.from_codes(q.codes), latent.mean(q))


def test_every_stage_takes_what_the_ones_before_left():
    latent = make_vq(num_stages=3)
    q, rest = latent.posterior(PARAMS), PARAMS.reshape(6, 3, 2)
    for stage, book in enumerate(latent.codebook.numpy()):
        codes = nearest(rest, book)
        np.testing.assert_array_equal(q.codes.numpy().reshape(6, 3, 3)[..., stage], codes)
        rest = rest - book[codes]
    np.testing.assert_allclose(latent.mean(q), (PARAMS.reshape(6, 3, 2) - rest).reshape(6, 6), atol=1e-6)
    np.testing.assert_allclose(latent.from_codes(q.codes), latent.mean(q), atol=1e-6)
    assert latent.code_shape == (9, 4)


def decoder_loss(latent, params, matrix, target):
    return tf.reduce_sum(tf.square(tf.matmul(latent.mean(latent.posterior(params)), matrix) - target))


def test_the_decoder_s_gradient_goes_straight_past_the_replacement():
    latent, params = make_vq(), tf.constant(PARAMS)
    matrix, target = (RNG.normal(size=shape).astype(np.float32) for shape in ((6, 5), (6, 5)))
    with tf.GradientTape() as tape:
        tape.watch(params)
        loss = decoder_loss(latent, params, matrix, target)
    z = latent.mean(latent.posterior(PARAMS)).numpy()
    np.testing.assert_allclose(tape.gradient(loss, params), 2.0 * (z @ matrix - target) @ matrix.T, rtol=1e-4, atol=1e-4)


def test_a_rotation_turns_the_gradient_with_the_vector():
    vectors, chosen, upstream = (RNG.normal(size=(7, 3)).astype(np.float32) for _ in range(3))
    e = tf.constant(vectors)
    with tf.GradientTape() as tape:
        tape.watch(e)
        found = rotated(e, tf.constant(chosen))
        loss = tf.reduce_sum(found * upstream)
    np.testing.assert_allclose(found, chosen, rtol=1e-4, atol=1e-5)
    for row, slope in enumerate(tape.gradient(loss, e).numpy()):
        unit, other = (one[row] / np.linalg.norm(one[row]) for one in (vectors, chosen))
        middle = (unit + other) / np.linalg.norm(unit + other)
        turn = np.eye(3) - 2.0 * np.outer(middle, middle) + 2.0 * np.outer(other, unit)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-5)
        stretch = np.linalg.norm(chosen[row]) / np.linalg.norm(vectors[row])
        np.testing.assert_allclose(slope, stretch * turn.T @ upstream[row], rtol=1e-3, atol=1e-4)


# --- what a codebook learns ---


def train_on(latent, batches):
    losses = []
    for batch in batches:
        latent(tf.constant(batch), training=True)
        losses.append(float(tf.add_n(latent.losses)))
    return losses


def test_an_averaged_codebook_follows_the_formula_of_counts_and_sums():
    """N <- gamma N + (1 - gamma) n, m <- gamma m + (1 - gamma) sum, e = m / N (van den Oord et al. 2017, appendix A.1)."""
    latent, gamma = make_vq(decay=0.9, revival=0.0), 0.9
    book = latent.codebook.numpy()[0].astype(np.float64)
    counts, sums = np.zeros(4), np.zeros((4, 2))
    for number in range(5):
        batch = np.random.default_rng(number).normal(size=(8, 6)).astype(np.float32)
        vectors = batch.reshape(-1, 2)
        codes = nearest(vectors, book)
        counts = gamma * counts + (1 - gamma) * np.bincount(codes, minlength=4)
        sums = gamma * sums + (1 - gamma) * np.stack([vectors[codes == code].sum(axis=0) for code in range(4)])
        used = counts > 0
        book[used] = sums[used] / counts[used, np.newaxis]
        train_on(latent, [batch])
        np.testing.assert_allclose(latent.codebook.numpy()[0], book, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(latent.counts.numpy()[0], counts, rtol=1e-5)


def test_out_of_training_no_codebook_moves():
    latent = make_vq(revival=0.5)
    before = latent.codebook.numpy()
    latent(tf.constant(PARAMS), training=False)
    np.testing.assert_array_equal(latent.codebook.numpy(), before)


@pytest.mark.parametrize("codebook", ["average", "gradient"])
def test_commitment_and_codebook_loss_are_squared_distances(codebook):
    latent = make_vq(codebook=codebook, commitment=0.5, revival=0.0, num_stages=2)
    vectors, books = PARAMS.reshape(6, 3, 2).astype(np.float64), latent.codebook.numpy()
    rest, distances = vectors, []
    for book in books:
        chosen = book[nearest(rest, book)]
        distances.append(np.sum((rest - chosen) ** 2, axis=(1, 2)))
        rest = rest - chosen
    whole = np.mean(np.sum(distances, axis=0))
    nats = 6 * np.log(4.0)
    (loss,) = train_on(latent, [PARAMS])
    assert loss == pytest.approx(nats + (1.5 if codebook == "gradient" else 0.5) * whole, rel=1e-5)
    assert float(latent.commitment_metric.result()) == pytest.approx(0.5 * whole, rel=1e-5)


def test_a_codebook_by_gradient_is_drawn_to_what_it_replaces_and_to_nothing_else():
    latent, params = make_vq(codebook="gradient", commitment=0.25, revival=0.0), tf.constant(PARAMS)
    with tf.GradientTape() as tape:
        tape.watch(params)
        latent(params, training=True)
        loss = tf.add_n(latent.losses)
    to_book, to_params = tape.gradient(loss, [latent.codebook.value, params])
    vectors, book = PARAMS.reshape(-1, 2), latent.codebook.numpy()[0]
    codes = nearest(vectors, book)
    expected = [2.0 / 6.0 * np.sum(book[code] - vectors[codes == code], axis=0) for code in range(4)]
    np.testing.assert_allclose(tf.convert_to_tensor(to_book)[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(to_params, (0.5 / 6.0 * (vectors - book[codes])).reshape(6, 6), rtol=1e-4, atol=1e-6)


def test_a_code_that_is_not_used_is_put_on_a_vector_of_the_batch():
    for revival in (0.0, 0.01):
        latent = make_vq(revival=revival)
        book = latent.codebook.numpy()
        book[0, 2] = 1e3
        latent.codebook.assign(book)
        train_on(latent, [PARAMS])
        moved = latent.codebook.numpy()[0, 2]
        is_there = np.any(np.all(PARAMS.reshape(-1, 2) == moved, axis=-1))
        assert is_there == (revival > 0.0), revival
        assert (latent.counts.numpy()[0, 2] > 0.0) == (revival > 0.0)


def test_a_code_that_is_used_enough_is_left_where_it_is():
    rows = np.repeat(np.eye(2, dtype=np.float32), [9, 3], axis=0)  # 9 to 3: half of the mean use
    for revival, is_left in ((0.4, True), (0.6, False)):
        latent = make_vq(num_variables=1, num_classes=2, revival=revival)
        latent.codebook.assign([[[2.0, 0.0], [0.0, 2.0]]])
        train_on(latent, [rows])
        assert (latent.counts.numpy()[0, 1] < latent.counts.numpy()[0, 0] / 2.0) == is_left


class Groups:
    """Examples in well separated groups."""

    centres = np.array([[5.0, 5.0], [5.0, -5.0], [-5.0, 5.0], [-5.0, -5.0]], np.float32)

    def random(self, count, *purpose):
        rng = np.random.default_rng(len(purpose))
        return np.tile(self.centres, (count, 1))[:count] + 0.1 * rng.normal(size=(count, 2)).astype(np.float32)


def test_a_codebook_starts_at_k_means_of_what_the_encoder_says():
    latent = make_vq(num_variables=1, num_stages=2)
    latent.connect(lambda x: 2.0 * x)
    latent.start(Groups())
    found = latent.codebook.numpy()[0]
    nearest_centres = nearest(found, 2.0 * Groups.centres)
    assert sorted(nearest_centres) == [0, 1, 2, 3]
    np.testing.assert_allclose(found, 2.0 * Groups.centres[nearest_centres], atol=0.2)
    assert np.abs(latent.codebook.numpy()[1]).max() < 1.0
    assert latent.counts.numpy().sum(axis=1) == pytest.approx(80.0)


def test_a_start_from_fewer_different_vectors_than_codes():
    latent = make_vq(num_variables=1)
    latent.connect(lambda x: tf.round(x / 20.0))
    latent.start(Groups())
    assert np.all(np.isfinite(latent.codebook.numpy()))


def test_several_replicas_are_refused(monkeypatch):
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: SimpleNamespace(num_replicas_in_sync=2))
    with pytest.raises(UserValueError, match=r"one replica.*--strategy none, or an fsq block"):
        make_vq()


# --- levels ---


@pytest.mark.parametrize("levels", [(8, 5, 5, 5), (2,), (3, 4), (8, 6, 5)])
def test_levels_are_those_of_the_paper(levels):
    """Mentzer et al. 2023, appendix A.1, in NumPy."""
    latent = FsqLatent(num_variables=2, levels=levels, prior="uniform")
    latent.build((None, latent.params_size))
    params = np.random.default_rng(0).normal(size=(50, 2, len(levels))) * 3.0
    count = np.array(levels)
    half = (count - 1) * (1 + 1e-3) / 2
    offset = np.where(count % 2, 0.0, 0.5)
    steps = np.round(np.tanh(params + np.arctanh(offset / half)) * half - offset)
    q = latent.posterior(params.reshape(50, -1).astype(np.float32))
    np.testing.assert_allclose(latent.mean(q).numpy().reshape(50, 2, -1), steps / (count // 2), atol=1e-6)
    basis = np.concatenate([[1], np.cumprod(count)[:-1]])
    np.testing.assert_array_equal(q.codes, np.sum((steps + count // 2) * basis, axis=-1))
    np.testing.assert_allclose(latent.from_codes(q.codes), latent.mean(q), atol=1e-6)


def test_every_level_is_reached_and_every_code_is_another_point():
    latent = FsqLatent(num_variables=1, levels=(4, 3), prior="uniform")
    latent.build((None, 2))
    grid = np.stack(np.meshgrid(np.linspace(-4, 4, 200), np.linspace(-4, 4, 200)), axis=-1).reshape(-1, 2)
    q = latent.posterior(grid.astype(np.float32))
    assert set(q.codes.numpy().ravel()) == set(range(12))
    points = latent.from_codes(tf.range(12)[:, tf.newaxis]).numpy()
    assert len({tuple(row) for row in points}) == 12


def test_rounding_has_the_gradient_of_the_bounded_number():
    latent, params = FsqLatent(num_variables=1, levels=(5, 4), prior="uniform"), tf.constant([[0.3, -0.8]])
    latent.build((None, 2))
    with tf.GradientTape() as tape:
        tape.watch(params)
        z = tf.reduce_sum(latent.mean(latent.posterior(params)))
    reach = np.array([4, 3]) * 1.001 / 2
    shift = np.arctanh(np.array([0.0, 0.5]) / reach)
    expected = (1.0 - np.tanh(params.numpy()[0] + shift) ** 2) * reach / np.array([2, 2])
    np.testing.assert_allclose(tape.gradient(z, params)[0], expected, rtol=1e-4)


def test_numbers_beyond_the_outermost_levels_are_drawn_back():
    latent = FsqLatent(num_variables=1, levels=(5, 4), commitment=0.5, prior="uniform")
    latent.build((None, 2))
    reach = np.array([4, 3]) * 1.001 / 2
    shift = np.arctanh(np.array([0.0, 0.5]) / reach)
    end = np.arctanh((np.array([4, 3]) / 2 - 0.25) / reach)
    params = np.array([[0.0, 0.0], [5.0, 0.3], [-0.5, -7.0]], np.float32)
    beyond = np.maximum(np.abs(params + shift) - end, 0.0)
    assert np.array_equal(beyond > 0.0, [[False, False], [True, False], [False, True]])
    given = tf.constant(params)
    with tf.GradientTape() as tape:
        tape.watch(given)
        latent(given, training=True)
        loss = tf.add_n(latent.losses)
    assert float(loss) == pytest.approx(np.log(20.0) + 0.5 * np.sum(beyond**2) / 3.0, rel=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, given), np.sign(params) * beyond / 3.0, rtol=1e-4, atol=1e-6)


def test_signs_stand_for_numbers_and_have_the_gradient_of_their_tanh():
    latent, params = LfqLatent(num_variables=2, num_bits=3, prior="uniform"), tf.constant(PARAMS)
    with tf.GradientTape() as tape:
        tape.watch(params)
        q = latent.posterior(params)
        loss = tf.reduce_sum(latent.mean(q) * np.arange(6.0, dtype=np.float32))
    signs = np.where(PARAMS > 0, 1.0, -1.0)
    np.testing.assert_array_equal(latent.mean(q), signs)
    np.testing.assert_array_equal(q.codes, ((signs.reshape(6, 2, 3) > 0) * [1, 2, 4]).sum(axis=-1))
    np.testing.assert_array_equal(latent.from_codes(q.codes), signs)
    np.testing.assert_allclose(tape.gradient(loss, params), np.arange(6.0) * (1.0 - np.tanh(PARAMS) ** 2), rtol=1e-5)
    assert latent.code_shape == (2, 8)


def test_the_penalty_of_signs_is_entropies_by_scipy():
    latent = LfqLatent(num_variables=3, num_bits=2, commitment=0.5, entropy_weight=0.2, diversity=0.7, prior="uniform")
    latent.build((None, 6))
    (loss,) = train_on(latent, [PARAMS])
    p = special.expit(4.0 * PARAMS.astype(np.float64))

    def entropy(chance):
        return special.entr(chance) + special.entr(1.0 - chance)

    sure, spread = entropy(p).mean(axis=0).sum(), entropy(p.mean(axis=0)).sum()
    away = 0.5 * np.sum((PARAMS - np.sign(PARAMS)) ** 2, axis=1).mean()
    nats = 6 * np.log(2.0)  # -log p of the codes
    assert loss == pytest.approx(nats + away + 0.2 * (sure - 0.7 * spread), rel=1e-5)
    far = tf.constant(100.0 * PARAMS)
    with tf.GradientTape() as tape:
        tape.watch(far)
        latent(far, training=True)
        found = tf.add_n(latent.losses)
    assert np.isfinite(tape.gradient(found, far)).all()


# --- the bound ---


def _randomised(vae):
    rng = np.random.default_rng(3)
    for weight in vae.latent.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return vae


BLOCKS = {
    "vq": {"kind": "vq", "num_variables": 2, "num_classes": 3, "code_size": 2, "prior_size": 4},
    "vq, two stages": {"kind": "vq", "num_variables": 1, "num_classes": 3, "code_size": 2, "num_stages": 2, "prior_size": 4},
    "fsq": {"kind": "fsq", "num_variables": 2, "levels": [3], "prior_size": 4},
    "lfq": {"kind": "lfq", "num_variables": 2, "num_bits": 2, "prior_size": 4},
}


@pytest.mark.parametrize("prior", ["uniform", "autoregressive"])
@pytest.mark.parametrize("name", BLOCKS)
def test_the_bound_is_below_the_sum_over_all_codes(make_vae, name, prior):
    vae = _randomised(make_vae({**BLOCKS[name], "prior": prior}, event_shape=(5,)))
    latent = vae.latent
    x = (np.random.default_rng(1).random((6, 5)) < 0.5).astype(np.float32)
    size = latent.code_shape[1]
    codes = np.array(list(itertools.product(range(size), repeat=2)), np.int32)
    log_prior = latent.log_prior(tf.constant(codes)).numpy()
    assert special.logsumexp(log_prior) == pytest.approx(0.0, abs=1e-5)
    given = vae.decode(latent.from_codes(tf.constant(codes))[:, tf.newaxis]).log_prob(x).numpy()
    log_p = special.logsumexp(log_prior[:, np.newaxis] + given, axis=0)
    found = BoundEstimator(vae).per_example([tf.constant(x)], 1, (0, 1))
    numbers = latent.posterior(vae.encode_params(x)).codes.numpy() @ [size, 1]
    expected = given[numbers, np.arange(6)] + log_prior[numbers]
    np.testing.assert_allclose(-found.negative_elbo, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(-found.nll, expected, rtol=1e-5, atol=1e-5)
    assert np.all(expected < log_p)
    if prior == "uniform":
        np.testing.assert_allclose(found.kl[latent.name], 2 * np.log(size), rtol=1e-6)


def test_the_prior_learns_the_codes_without_moving_the_encoder(make_vae):
    vae = make_vae(BLOCKS["vq"], event_shape=(5,))
    x = tf.constant((np.random.default_rng(1).random((6, 5)) < 0.5).astype(np.float32))
    with tf.GradientTape() as tape:
        nats = tf.reduce_mean(vae.latent.kl(vae.encode(x), None))
    weights = [weight.value for weight in vae.trainable_variables]
    slopes = dict(zip([weight.path for weight in vae.trainable_variables], tape.gradient(nats, weights), strict=True))
    felt = {path for path, slope in slopes.items() if slope is not None and np.any(tf.convert_to_tensor(slope).numpy())}
    assert felt and all("code_prior" in path for path in felt)


# --- what they are refused for, and what they are in company ---


@pytest.mark.parametrize(
    "objective", [BetaTc(), InfoVae(), Iwae(), Iwae(gradient="standard"), ScoreFunction(blocks="all"), ScoreFunction()]
)
def test_objectives_that_need_draws_refuse_points(objective):
    with pytest.raises(ValueError, match=r"Received: .*(vq|fsq)"):
        objective.check(make_vq())
    with pytest.raises(ValueError, match=r"Received: .*(vq|fsq)"):
        objective.check(FsqLatent())


def test_in_company_codes_keep_their_part_of_z():
    latent = JointLatent([GaussianLatent(size=2), make_vq()])
    latent.build((None, latent.params_size))
    q = latent.posterior(tf.constant(RNG.normal(size=(5, 10)).astype(np.float32)))
    z, log_ratio = latent.sample(q, (1, 2), (3,))
    assert z.shape == (3, 5, 8) and log_ratio.shape == (3, 5)
    np.testing.assert_array_equal(z[0, :, 2:], z[1, :, 2:])
    assert np.any(z[0, :, :2].numpy() != z[1, :, :2].numpy())
    assert latent.describe(q)["vq_codes"].shape == (5, 3)
    assert not latent.is_point and latent.is_discrete and not latent.is_relaxed


def test_paths_between_codes_change_place_by_place():
    latent = make_vq()
    q = latent.posterior(PARAMS)
    start, stop = latent.mean(q)[:1], latent.mean(q)[1:2]
    path = latent.interpolate(start, stop, 4, spherical=False).numpy().reshape(4, 3, 2)
    ends = start.numpy().reshape(3, 2), stop.numpy().reshape(3, 2)
    for step in range(4):
        np.testing.assert_array_equal(path[step], np.concatenate([ends[1][:step], ends[0][step:]]))
