"""One contract for every registered class: it saves, loads, and computes the same in every way Keras can run it.

A new family fails here until it has an instance in `INSTANCES`.
"""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.models import (
    VAE,
    AutoregressiveCategoricalLatent,
    BernoulliLatent,
    BernoulliLikelihood,
    CategoricalLatent,
    CategoricalLikelihood,
    ConditionalGaussianLatent,
    ContinuousBernoulliLikelihood,
    DeterministicLatent,
    DiscretizedLogisticLikelihood,
    FlowGaussianLatent,
    FullGaussianLatent,
    GaussianLatent,
    GaussianLikelihood,
    JointLatent,
    LadderLatent,
    Latent,
    LearnedPrior,
    Likelihood,
    MixturePrior,
    MlpNetwork,
    NegativeBinomialLikelihood,
    RecurrentTextLikelihood,
    TransformerTextLikelihood,
    VampPrior,
)
from vae_tf.objectives import (
    BetaTc,
    Capacity,
    Elbo,
    Exact,
    FreeBits,
    GumbelSoftmax,
    InfoVae,
    Iwae,
    Objective,
    Rebar,
    ScoreFunction,
    SemiSupervised,
    StGumbelSoftmax,
    StraightThrough,
    Vimco,
)
from vae_tf.parts import kinds
from vae_tf.schedules import Constant, Cosine, Cyclical, Exponential, Learned, Linear, Schedule, Stepwise


def _connected(latent):
    """Connect a block to a stand-in for the encoder of the model it would be in."""
    weights = tf.constant(np.random.default_rng(3).normal(size=(5, latent.params_size)), tf.float32)
    latent.connect(lambda x: tf.matmul(x, weights))
    return latent


INSTANCES = {
    "gaussian": lambda: GaussianLatent(size=3, kl_weight=Linear(start=0.0, stop=1.0, steps=7), seed=5, name="style"),
    "gaussian, Monte Carlo": lambda: GaussianLatent(size=2, kl_kind="monte_carlo", kl_weight=0.5),
    "gaussian, learned prior": lambda: GaussianLatent(size=3, prior=LearnedPrior(3), seed=5),
    "gaussian, mixture prior": lambda: GaussianLatent(size=3, kl_kind="monte_carlo", prior=MixturePrior(3, 4), seed=5),
    "gaussian, vamp prior": lambda: _connected(GaussianLatent(3, kl_kind="monte_carlo", prior=VampPrior(3, (5,), 4), seed=5)),
    "full gaussian": lambda: FullGaussianLatent(size=3, seed=5, prior=LearnedPrior(3)),
    "flow": lambda: FlowGaussianLatent(size=3, num_steps=2, hidden_size=8, context_size=4, seed=5),
    "ladder": lambda: LadderLatent(sizes=(2, 3), widths=(4,), seed=5, prior=LearnedPrior(2)),
    "ladder, vamp prior": lambda: _connected(LadderLatent(sizes=(2, 3, 2), widths=(), seed=5, prior=VampPrior(2, (5,), 4))),
    "conditional gaussian": lambda: ConditionalGaussianLatent(size=3, num_labels=2, widths=(4,), seed=5),
    "deterministic": lambda: DeterministicLatent(size=3, seed=5, name="code"),
    "categorical": lambda: CategoricalLatent(
        2, 3, temperature=Exponential(start=1.0, rate=0.1, floor=0.5), kl_weight=Linear(start=0.0, stop=1.0, steps=7)
    ),
    "categorical, relaxed": lambda: CategoricalLatent(2, 3, temperature=0.6, kl_kind="relaxed", seed=5, name="shape"),
    "categorical, learned prior and temperature": lambda: CategoricalLatent(
        2, 3, temperature=Learned(start=0.7), prior="learned"
    ),
    "autoregressive categorical": lambda: AutoregressiveCategoricalLatent(3, 2, hidden_size=4, temperature=0.6, seed=5),
    "bits": lambda: BernoulliLatent(3, temperature=0.6, seed=5),
    "bits, relaxed, learned prior": lambda: BernoulliLatent(3, temperature=0.6, kl_kind="relaxed", prior="learned"),
    "joint": lambda: JointLatent([GaussianLatent(size=2, seed=4), CategoricalLatent(2, 3, temperature=0.6, seed=4)]),
    "bernoulli": lambda: BernoulliLikelihood((5,)),
    "gaussian, fixed scale": lambda: GaussianLikelihood((5,), scale_kind="fixed", scale=0.5),
    "gaussian, shared scale": lambda: GaussianLikelihood((5,), scale_kind="shared", scale=0.5, min_scale=0.02),
    "gaussian, elementwise scale": lambda: GaussianLikelihood((5,), scale_kind="elementwise"),
    "gaussian, optimal scale": lambda: GaussianLikelihood((5,), scale_kind="optimal"),
    "negative binomial": lambda: NegativeBinomialLikelihood((5,)),
    "continuous bernoulli": lambda: ContinuousBernoulliLikelihood((5,)),
    "categorical values": lambda: CategoricalLikelihood((5,), num_levels=3),
    "discretized logistic": lambda: DiscretizedLogisticLikelihood((5,), num_levels=3),
    "discretized logistic, mixture": lambda: DiscretizedLogisticLikelihood((5,), 4, num_components=2, min_scale=0.01),
    "recurrent text": lambda: RecurrentTextLikelihood((5,), num_tokens=3, embedding_size=2, hidden_size=4, seed=5),
    "transformer text": lambda: TransformerTextLikelihood(
        (5,), num_tokens=3, embedding_size=2, hidden_size=4, num_layers=1, num_heads=2, word_dropout=0.2, seed=5
    ),
    "constant": lambda: Constant(0.25),
    "linear": lambda: Linear(start=0.1, stop=0.9, steps=7),
    "cyclical": lambda: Cyclical(start=0.1, stop=0.9, steps=7, ramp=0.4, cycles=2),
    "cosine": lambda: Cosine(start=0.1, stop=0.9, steps=7),
    "exponential": lambda: Exponential(start=0.9, rate=0.1, floor=0.2),
    "stepwise": lambda: Stepwise(Linear(start=0.1, stop=0.9, steps=7), every=3),
    "learned": lambda: Learned(start=0.8),
    "elbo": Elbo,
    "gumbel_softmax": GumbelSoftmax,
    "st_gumbel_softmax": StGumbelSoftmax,
    "straight_through": StraightThrough,
    "score_function, none": lambda: ScoreFunction(baseline="none"),
    "score_function, moving average": lambda: ScoreFunction(baseline="moving_average"),
    "score_function, learned": lambda: ScoreFunction(baseline="learned", blocks="all"),
    "vimco": lambda: Vimco(num_samples=3),
    "rebar": lambda: Rebar(temperature=0.4, scale=0.9),
    "exact": Exact,
    "beta_tc": lambda: BetaTc(total_correlation_weight=3.0),
    "info_vae": lambda: InfoVae(alpha=0.5, mmd_weight=10.0),
    "free_bits": lambda: FreeBits(nats=0.3),
    "iwae": lambda: Iwae(num_samples=3),
    "capacity": lambda: Capacity(7.0, {"categorical": Linear(start=0.0, stop=1.0, steps=7), "gaussian": 0.5}),
    "semi_supervised": lambda: SemiSupervised(
        num_labels=3, unlabelled="marginalized", warm_up=Linear(start=0.0, stop=1.0, steps=7)
    ),
}
DEPENDENT_AXES = {"autoregressive categorical", "full gaussian", "flow", "ladder", "conditional gaussian"}
LATENTS = [name for name, make in INSTANCES.items() if isinstance(make(), Latent)]
X = (np.random.default_rng(0).random((6, 5)) < 0.5).astype(np.float32)


def make_model(part, run_eagerly=True):
    """Put an instance into a VAE, in the place where it belongs."""
    parts = {"latent": GaussianLatent(size=2, seed=1), "likelihood": BernoulliLikelihood((5,)), "objective": Elbo()}
    if isinstance(part, Schedule):
        parts["latent"] = GaussianLatent(size=2, kl_weight=part)
    else:
        place = {Latent: "latent", Likelihood: "likelihood", Objective: "objective"}
        parts[next(name for base, name in place.items() if isinstance(part, base))] = part
    if isinstance(part, (BetaTc, InfoVae)):
        parts["latent"] = GaussianLatent(size=2, seed=1)
    elif isinstance(part, Iwae):
        parts["latent"] = JointLatent([GaussianLatent(size=2, seed=1), GaussianLatent(size=1, seed=1, name="other")])
    elif isinstance(part, Objective):
        parts["latent"] = JointLatent([GaussianLatent(size=2, seed=1), CategoricalLatent(1, 3, temperature=0.6, seed=1)])
    latent, likelihood = parts["latent"], parts["likelihood"]
    encoder = MlpNetwork((), 1, "relu", "none").encoder((5,), latent.params_size - latent.num_labels, latent.num_labels)
    decoder = keras.Sequential([keras.Input((latent.size,)), keras.layers.Dense(likelihood.params_shape[0])], name="decoder")
    vae = VAE(encoder, latent, decoder, likelihood, objective=parts["objective"])
    vae.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=run_eagerly)
    return vae


@pytest.mark.parametrize("slot", ["latent", "likelihood", "schedule", "objective"])
def test_every_family_has_an_instance_here(slot):
    tested = {type(make()) for make in INSTANCES.values()}
    assert {kind for kind, part in kinds(slot).items() if part not in tested} == ({"auto"} if slot == "likelihood" else set())


@pytest.mark.parametrize("name", INSTANCES)
def test_every_class_is_registered_under_the_package_s_name(name):
    cls = type(INSTANCES[name]())
    assert keras.saving.get_registered_name(cls) == f"vae_tf>{cls.__name__}"


@pytest.mark.parametrize("name", INSTANCES)
def test_configurations_survive_json(name):
    original = INSTANCES[name]()
    serialized = keras.saving.serialize_keras_object(original)
    restored = keras.saving.deserialize_keras_object(json.loads(json.dumps(serialized)))
    assert type(restored) is type(original)
    assert keras.saving.serialize_keras_object(restored) == serialized


@pytest.mark.parametrize("name", INSTANCES)
def test_constructor_arguments_are_attributes_and_configuration_keys(name):
    instance = INSTANCES[name]()
    arguments = set(inspect.signature(type(instance)).parameters) - {"args", "kwargs"}
    assert set(instance.get_config()) == arguments
    assert all(hasattr(instance, argument) for argument in arguments)


@pytest.mark.parametrize("name", INSTANCES)
def test_a_saved_model_comes_back_with_the_same_outputs_and_the_same_next_draws(name, tmp_path):
    vae = make_model(INSTANCES[name]())
    vae.train_on_batch(X)
    for training in (True, True, False):
        vae(X, training=training)
    vae.save(tmp_path / "a.keras")
    restored = keras.saving.load_model(tmp_path / "a.keras")
    assert type(restored) is VAE
    for part in ("latent", "likelihood", "objective"):
        assert json.dumps(getattr(restored, part).get_config()) == json.dumps(getattr(vae, part).get_config())
    z = np.random.default_rng(1).normal(size=(4, vae.latent.size)).astype(np.float32)
    np.testing.assert_array_equal(restored.decode_params(z), vae.decode_params(z))
    np.testing.assert_array_equal(restored.reconstruct(X), vae.reconstruct(X))
    for training in (True, False, True):
        np.testing.assert_array_equal(restored(X, training=training), vae(X, training=training))
    assert restored.latent.scheduled_values() == vae.latent.scheduled_values()


@pytest.mark.parametrize("name", LATENTS)
@pytest.mark.parametrize("hard", [False, True])
def test_draws_are_the_same_eagerly_and_in_a_graph_of_any_batch_size(name, hard):
    latent = INSTANCES[name]()
    latent.build((None, latent.params_size))
    params = np.random.default_rng(0).normal(size=(4, latent.params_size)).astype(np.float32)

    def draw(values, seed):
        q = latent.posterior(values)
        z, log_ratio = latent.sample(q, seed, (3,), hard=hard)
        return z, log_ratio, latent.kl(q, log_ratio[0]), latent.mean(q), latent.mode(q)

    signature = [tf.TensorSpec([None, latent.params_size]), tf.TensorSpec([2], tf.int32)]
    graph = tf.function(draw, input_signature=signature)
    for size in (4, 1):
        eager = draw(tf.constant(params[:size]), tf.constant([1, 2]))
        for a, b in zip(eager, graph(tf.constant(params[:size]), tf.constant([1, 2])), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", LATENTS)
def test_draws_depend_on_the_seed_and_on_nothing_else(name):
    latent = INSTANCES[name]()
    latent.build((None, latent.params_size))
    q = latent.posterior(np.zeros([50, latent.params_size], np.float32))
    first, again, other = (latent.sample(q, seed)[0].numpy() for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert latent.has_density == bool(np.any(first != other))


@pytest.mark.parametrize("name", LATENTS)
def test_steps_advance_in_training_only_and_evaluations_in_evaluation_only(name):
    vae = make_model(INSTANCES[name]())

    def counters():
        return {(int(b.step.value), int(b.num_evaluations.value)) for b in vae.latent.blocks()}

    assert counters() == {(0, 0)}
    vae(X, training=True)
    vae(X, training=True)
    assert counters() == {(2, 0)}
    vae(X, training=False)
    assert counters() == {(2, 1)}
    vae(X)
    assert counters() == {(2, 2)}
    vae.reconstruct(X)
    vae.generate(2, (1, 2))
    vae.encode(X)
    assert counters() == {(2, 2)}


@pytest.mark.parametrize("name", LATENTS)
def test_two_training_calls_draw_differently_and_evaluation_has_its_own_stream(name):
    latent = INSTANCES[name]()
    params = np.zeros([50, latent.params_size], np.float32)
    draws = [latent(params, training=training).numpy() for training in (True, True, False, False)]
    differ = [bool(np.any(a != b)) for i, a in enumerate(draws) for b in draws[:i]]
    assert differ == [latent.has_density] * 6


@pytest.mark.parametrize("name", LATENTS)
def test_every_latent_keeps_its_promises_about_shapes(name):
    latent = INSTANCES[name]()
    latent.build((None, latent.params_size))
    for size in (1, 3):
        q = latent.posterior(np.zeros([size, latent.params_size], np.float32))
        z, log_ratio = latent.sample(q, (1, 2))
        assert (z.shape, z.dtype, log_ratio.shape) == ((size, latent.size), tf.float32, (size,))
        assert latent.kl(q, log_ratio).shape == (size,)
        assert latent.mean(q).shape == latent.mode(q).shape == (size, latent.size)
        assert all(value.shape[0] == size for value in latent.describe(q).values())
        assert latent.draw(size, (1, 2)).shape == (size, latent.size)
        assert latent.compute_output_shape((size, latent.params_size)) == (size, latent.size)
        z, log_ratio = latent.sample(q, (1, 2), (4, 2))
        assert (z.shape, log_ratio.shape) == ((4, 2, size, latent.size), (4, 2, size))
    assert [block.name for block, _ in latent.split_posterior(q)] == [block.name for block in latent.blocks()]
    for label, path in latent.traverse(tf.zeros([latent.size]), 3):
        assert label.split("[")[0] in {block.name for block in latent.blocks()}
        assert path.shape[1] == latent.size


@pytest.mark.parametrize(
    "blocks",
    [
        [{"kind": "gaussian", "size": 2}],
        [{"kind": "categorical", "num_variables": 2, "num_classes": 3}],
        [{"kind": "categorical", "num_variables": 2, "num_classes": 3, "kl_kind": "relaxed"}],
        [{"kind": "deterministic", "size": 2}],
        [{"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3}],
    ],
)
def test_mixed_precision_trains_with_a_finite_loss_and_float32_latents(blocks, make_vae):
    vae = make_vae(*blocks, event_shape=(5,), precision="mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    assert any(layer.compute_dtype == "bfloat16" for layer in vae.encoder.layers)
    assert all(weight.dtype in ("float32", "int64") for weight in vae.weights)
    vae.compile(optimizer="adam", run_eagerly=True)
    before = [weight.numpy() for weight in vae.trainable_weights]
    assert np.isfinite(vae.train_on_batch(X, return_dict=True)["loss"])
    assert any(np.any(a != b.numpy()) for a, b in zip(before, vae.trainable_weights, strict=True))
    params = vae.encoder(X)
    assert params.dtype == vae.latent(params).dtype == vae(X).dtype == tf.float32


@pytest.mark.parametrize("name", [*LATENTS, "gaussian, shared scale", "gaussian, elementwise scale"])
def test_a_graph_takes_any_batch_size(name):
    vae = make_model(INSTANCES[name]())
    call = tf.function(lambda x: vae(x, training=True), input_signature=[tf.TensorSpec([None, 5])])
    for size in (6, 1, 3):
        assert call(tf.constant(X[:size])).shape[0] == size


def test_schedules_in_a_model_do_not_share_their_state(tmp_path):
    """A schedule is a pure function: one object in two blocks is as good as two."""
    shared = Linear(start=0.0, stop=1.0, steps=4)
    joint = JointLatent([GaussianLatent(size=1, kl_weight=shared, name=name) for name in "ab"])
    vae = make_model(joint)
    vae.train_on_batch(X)
    assert vae.latent.scheduled_values() == {"kl_weight_a": 0.25, "kl_weight_b": 0.25}


@pytest.mark.parametrize("base", [Latent])
def test_the_base_class_implements_nothing_of_a_block(base):
    latent = base("block")
    calls = [
        lambda: latent.posterior(None),
        latent.prior,
        lambda: latent.sample(None, None),
        lambda: latent.kl(None, None),
        lambda: latent.mean(None),
        lambda: latent.mode(None),
        lambda: latent.describe(None),
        lambda: latent.draw(1, None),
        lambda: latent.traverse(None, 2),
    ]
    for call in calls:
        with pytest.raises(NotImplementedError):
            call()


@pytest.mark.parametrize("name", [name for name in LATENTS if INSTANCES[name]().has_density])
def test_factors_make_up_the_block(name):
    """KL and densities of the axes add up to the block's own, with hard draws."""
    latent = INSTANCES[name]()
    latent.build((None, latent.params_size))
    q = latent.posterior(tf.constant(np.random.default_rng(0).normal(size=(7, latent.params_size)), tf.float32))
    draws = latent.sample_blocks(q, (1, 2), (3,), hard=True)
    for (block, block_q), (z, log_ratio) in zip(latent.split_posterior(q), draws, strict=True):
        factors = block.factors(block_q)
        assert (factors is None) == (name in DEPENDENT_AXES or "mixture" in name or "vamp" in name)
        if factors is None:
            continue
        axes = factors.split(z)
        ratio = tf.reduce_sum(factors.q.log_prob(axes) - factors.p.log_prob(axes), axis=-1)
        np.testing.assert_allclose(ratio, log_ratio, rtol=1e-4, atol=1e-4)
        if block.kl_is_exact:
            np.testing.assert_allclose(tf.reduce_sum(factors.kl(), axis=-1), block.kl(block_q, None), rtol=1e-4, atol=1e-5)
