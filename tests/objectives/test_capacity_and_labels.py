"""The capacity objective and few labels: their formulas by hand, and what they are for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.config import RunConfig
from vae_tf.data.pipeline import Dataset, labelled_examples
from vae_tf.data.splits import ArraySplit
from vae_tf.errors import UserValueError
from vae_tf.objectives import Capacity, SemiSupervised
from vae_tf.objectives.semi_supervised import LabelledSet
from vae_tf.schedules import Linear

GAUSSIAN = {"kind": "gaussian", "size": 2, "kl_weight": 0.5}
CLASSES = {"kind": "categorical", "num_variables": 1, "num_classes": 2, "kl_weight": 0.5}
X = (np.random.default_rng(0).random((12, 4, 4, 1)) < 0.5).astype(np.float32)


def _objective(**settings):
    return RunConfig.model_validate({"objective": settings}).objective


def _loss_tensor(vae, x=X):
    return vae.compute_loss(x=tf.constant(x), y_pred=vae(tf.constant(x), training=True), training=True)


def _loss(vae, x=X):
    return float(_loss_tensor(vae, x))


def _terms(vae):
    q = vae.latent.posterior(vae.latent.last_draw.params)
    return {block.name: float(tf.reduce_mean(block.kl(block_q, None))) for block, block_q in vae.latent.split_posterior(q)}


def test_capacity_by_hand(make_vae):
    objective = _objective(
        kind="capacity", weight=7.0, capacities={"categorical": {"kind": "linear", "stop": 1.0, "steps": 10}}
    )
    vae = make_vae(GAUSSIAN, CLASSES, objective=objective)
    for step in (1, 2):  # the layer counts its own step when it draws
        loss = _loss(vae)
        kl = _terms(vae)
        z = vae.latent.last_draw.z
        nll = -float(tf.reduce_mean(vae.decode(z).log_prob(X)))
        assert loss == pytest.approx(nll + 0.5 * kl["gaussian"] + 7.0 * abs(kl["categorical"] - step / 10.0), rel=1e-5)


def test_a_capacity_is_filled(make_vae):
    """Held at half a nat, the KL goes there from either side."""
    objective = _objective(kind="capacity", weight=30.0, capacities={"gaussian": 0.5})
    vae = make_vae({"kind": "gaussian", "size": 2}, objective=objective)
    vae.compile(optimizer=keras.optimizers.Adam(0.03))
    vae.fit(np.tile(X, (120, 1, 1, 1)), batch_size=12, shuffle=False, verbose=0)  # in one epoch: Keras begins one in 70 ms
    vae(tf.constant(X))  # a draw of this model outside the graph that `fit` traced
    assert _terms(vae)["gaussian"] == pytest.approx(0.5, abs=0.1)


def test_a_capacity_without_a_block_is_named(make_vae):
    with pytest.raises(
        UserValueError, match=r"objective\.kind capacity: capacities must name blocks \(gaussian\). Received: style"
    ):
        make_vae({"kind": "gaussian", "size": 2}, objective=_objective(kind="capacity", capacities={"style": 1.0}))


def test_schedules_of_capacities_survive_saving():
    restored = Capacity.from_config(Capacity(2.0, {"a": Linear(0.0, 4.0, 8)}).get_config())
    assert float(restored.capacities["a"](4)) == 2.0


# --- few labels ---


def _semi(make_vae, **settings):
    objective = _objective(kind="semi_supervised", num_labels=4, warm_up=1.0, **settings)
    vae = make_vae({**GAUSSIAN, "kl_weight": 1.0}, {**CLASSES, "kl_weight": 1.0}, objective=objective)
    vae.objective_state.set_examples(X[:4], np.array([0, 1, 0, 1]), is_drawn=False)
    return vae


def test_the_classification_term_by_hand(make_vae):
    without, with_it = (_semi(make_vae, classification_weight=weight, labelled_weight=0.0) for weight in (0.0, 3.0))
    logits = without.latent.split_posterior(without.encode(X[:4]))[1][1].distribution.logits[:, 0]
    cross_entropy = np.mean(keras.ops.sparse_categorical_crossentropy([0, 1, 0, 1], logits, from_logits=True))
    assert _loss(with_it) - _loss(without) == pytest.approx(3.0 * cross_entropy, rel=1e-3)


def test_the_marginalised_loss_is_the_sum_over_classes(make_vae):
    vae = _semi(make_vae, unlabelled="marginalized", classification_weight=0.0, labelled_weight=0.0)
    loss = _loss(vae)
    (gaussian, _), (classes, q) = vae.latent.split_posterior(vae.latent.posterior(vae.latent.last_draw.params))
    z, probs = gaussian.last_draw.z, tf.nn.softmax(q.distribution.logits[:, 0])
    costs = [-vae.decode(tf.concat([z, tf.one_hot([k] * 12, 2)], -1)).log_prob(X) for k in (0, 1)]
    by_hand = float(tf.reduce_mean(probs[:, 0] * costs[0] + probs[:, 1] * costs[1])) + sum(_terms(vae).values())
    assert loss == pytest.approx(by_hand, rel=1e-5)
    assert classes.name == "categorical"


def test_the_labelled_elbo_knows_the_class(make_vae):
    """With one labelled example of each class, repeated draws average to the bound with the class given."""
    none, some = (_semi(make_vae, classification_weight=0.0, labelled_weight=weight) for weight in (0.0, 1.0))
    losses = [tf.function(lambda vae=vae: _loss_tensor(vae), autograph=False) for vae in (none, some)]
    extra = np.mean([float(losses[1]() - losses[0]()) for _ in range(30)])
    (gaussian, q), _ = some.latent.split_posterior(some.encode(X[:4]))
    z, _ = gaussian.sample(q, (1, 2), (500,))
    one_hot = tf.repeat(tf.one_hot([[0, 1, 0, 1]], 2), 500, axis=0)
    nll = -float(tf.reduce_mean(some.decode(tf.concat([z, one_hot], -1)).log_prob(X[:4])))
    assert extra == pytest.approx(nll + float(tf.reduce_mean(gaussian.kl(q, None))) + np.log(2.0), rel=0.03)


@pytest.mark.parametrize("unlabelled", ["gumbel_softmax", "marginalized"])
def test_a_few_labels_name_the_classes(unlabelled, make_config, make_dataset, start, tmp_path):
    """Dark and light pictures, two labels of each: the block becomes a classifier."""
    config = make_config([GAUSSIAN, {**CLASSES, "name": "kind"}], epochs=6, learning_rate=0.02)
    objective = {"kind": "semi_supervised", "num_labels": 4, "class_block": "kind", "unlabelled": unlabelled, "warm_up": 0.1}
    config = RunConfig.model_validate({**config.model_dump(mode="json"), "objective": objective})
    dataset = make_dataset()
    _, outcome = start(config, tmp_path / "run")
    test = dataset.split("test")
    q = outcome.vae.latent.split_posterior(outcome.vae.encode(test.x / np.float32(255.0)))[1][1]
    predicted = np.argmax(q.distribution.logits[:, 0], axis=-1)
    assert np.mean(predicted == test.labels) == 1.0
    assert outcome.vae.objective_state.labels.numpy().tolist() == [0, 0, 1, 1]


def test_a_labelled_set_draws_its_values_where_the_data_are_drawn():
    labelled = LabelledSet(2, (3,))
    labelled.set_examples(np.full((2, 3), 0.5), np.array([1, 0]), is_drawn=True)
    x, labels = labelled.batch((1, 2))
    assert set(np.unique(x)) <= {0.0, 1.0} and sorted(labels.numpy().tolist()) == [0, 1]
    labelled.set_examples(np.full((2, 3), 0.5), np.array([1, 0]), is_drawn=False)
    assert np.unique(labelled.batch((1, 2))[0]).tolist() == [0.5]


@pytest.mark.parametrize("latents", [[GAUSSIAN], [GAUSSIAN, {**CLASSES, "num_variables": 2}]])
def test_the_class_block_is_one_categorical_variable(latents, make_vae):
    with pytest.raises(UserValueError, match="class_block must name a categorical block of one variable"):
        make_vae(*latents, objective=_objective(kind="semi_supervised"))


def test_unknown_kinds_of_unlabelled_terms_are_refused():
    with pytest.raises(ValueError, match="unlabelled must be"):
        SemiSupervised(unlabelled="guess")


# --- the labelled examples ---


def test_labelled_examples_are_balanced_and_seeded(make_dataset):
    x, labels = labelled_examples(make_dataset(), 10, seed=1)
    assert labels.tolist() == [0] * 5 + [1] * 5 and x.shape == (10, 4, 4, 1)
    np.testing.assert_array_equal(x, labelled_examples(make_dataset(), 10, seed=1)[0])
    assert not np.array_equal(x, labelled_examples(make_dataset(), 10, seed=2)[0])
    assert x.min() > 0.0 and x.max() < 1.0  # grey: drawn when they are used
    assert set(np.unique(labelled_examples(make_dataset(binarization="threshold"), 4, 0)[0])) <= {0.0, 1.0}


@pytest.mark.parametrize(("count", "message"), [(3, "multiple of the number of classes"), (80, "a class with fewer")])
def test_wrong_numbers_of_labels_are_refused(count, message, make_dataset):
    with pytest.raises(UserValueError, match=message):
        labelled_examples(make_dataset(), count, 0)


def test_labels_need_data_with_labels(make_dataset):
    dataset = make_dataset()
    blank = {name: ArraySplit(split.x, np.full(split.num_examples, -1)) for name, split in dataset.splits.items()}
    with pytest.raises(UserValueError, match=r"training examples with labels\. Received: toy, without"):
        labelled_examples(Dataset(dataset.spec, blank), 2, 0)
