"""Few labels: a categorical block of one variable is the class, known for some training examples."""

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from vae_tf.draws import shuffled, uniform
from vae_tf.objectives.discrete import enumerate_costs
from vae_tf.objectives.elbo import Elbo
from vae_tf.parts.registry import register
from vae_tf.parts.types import NonNegativeFloat, PositiveInt, ScheduleLike
from vae_tf.schedules.base import as_schedule

__all__ = ["LabelledSet", "SemiSupervised"]


_BATCH = 100
_WARM_UP = {"kind": "linear", "start": 0.0, "stop": 1.0, "steps": "auto"}


@keras.saving.register_keras_serializable("vae_tf")
class LabelledSet(keras.layers.Layer):
    """The labelled examples, kept as weights that are not trained: a checkpoint knows which they were.

    Args:
        num_labels: how many.
        event_shape: shape of one.
    """

    def __init__(self, num_labels: int, event_shape: tuple[int, ...]) -> None:
        super().__init__(name="labelled_set", dtype="float32")
        self.num_labels = num_labels
        fixed = {"initializer": "zeros", "trainable": False}
        self.x = self.add_weight(name="x", shape=(num_labels, *event_shape), **fixed)
        self.labels = self.add_weight(name="labels", shape=(num_labels,), dtype="int32", **fixed)
        self.is_drawn = self.add_weight(name="is_drawn", shape=(), dtype="bool", **fixed)
        self.built = True

    def set_examples(self, x: np.ndarray, labels: np.ndarray, is_drawn: bool) -> None:
        """Set the examples.

        Args:
            x: [num_labels, *event_shape]; probabilities of a 1 where `is_drawn`.
            labels: [num_labels].
            is_drawn: whether values are drawn anew at every step, as unlabelled examples are.
        """
        self.x.assign(x)
        self.labels.assign(labels)
        self.is_drawn.assign(is_drawn)

    def batch(self, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return up to 100 examples, x [B, *event_shape] and labels [B]."""
        order = shuffled(self.num_labels, seed)[:_BATCH]
        x = tf.gather(self.x.value, order)
        drawn = tf.cast(uniform(tf.shape(x), seed) < x, tf.float32)
        return tf.where(self.is_drawn.value, drawn, x), tf.gather(self.labels.value, order)


@register("semi_supervised")
class SemiSupervised(Elbo):
    """The ELBO of unlabelled and of labelled examples, and the labels' cross-entropy (Kingma et al. 2014, equations 6 to 9).

    Where the label is not known, the class is drawn relaxed (Jang, Gu, Poole 2017, section 4.3), or summed over: exact, at
    the price of as many decoder passes as classes.

    Args:
        num_labels: labelled training examples, equally many of every class.
        class_block: name of the categorical block of one variable that is the class.
        unlabelled: what is done where the label is not known: `gumbel_softmax` draws it, `marginalized` sums over classes.
        classification_weight: weight of the cross-entropy (alpha in the paper, in units of an example).
        labelled_weight: weight of the labelled examples' ELBO.
        warm_up: weight of the unlabelled ELBO.
    """

    def __init__(
        self,
        num_labels: PositiveInt = 100,
        class_block: str = "categorical",
        unlabelled: Literal["gumbel_softmax", "marginalized"] = "gumbel_softmax",
        classification_weight: NonNegativeFloat = 10.0,
        labelled_weight: NonNegativeFloat = 0.1,
        warm_up: ScheduleLike = _WARM_UP,
    ) -> None:
        if unlabelled not in ("gumbel_softmax", "marginalized"):
            raise ValueError(f"unlabelled must be 'gumbel_softmax' or 'marginalized'. Received: {unlabelled!r}.")
        self.num_labels = num_labels
        self.class_block = class_block
        self.unlabelled = unlabelled
        self.classification_weight = classification_weight
        self.labelled_weight = labelled_weight
        self.warm_up = as_schedule(warm_up)

    def check(self, latent: Any) -> None:
        """Check that there is a class block.

        Raises:
            ValueError: no block has its name, or it is not a categorical one of one variable.
        """
        if latent.num_labels:
            raise ValueError("it infers the labels that a conditional block is told: choose one of the two.")
        found = [block for block in latent.blocks() if block.name == self.class_block]
        if not found or not found[0].is_class:
            names = ", ".join(block.name for block in latent.blocks())
            raise ValueError(
                f"class_block must name a categorical block of one variable. Received: {self.class_block} of {names}."
            )

    def make_state(self, event_shape: tuple[int, ...]) -> keras.layers.Layer:
        """Return the labelled set, yet to be filled."""
        return LabelledSet(self.num_labels, event_shape)

    def start(self, examples: Any, state: Any) -> None:
        """Choose the labelled examples."""
        state.set_examples(*examples.labelled(self.num_labels))

    def loss(self, model: Any, x: tf.Tensor, params: tf.Tensor) -> tf.Tensor:
        """Return the loss, in nats an example."""
        blocks = model.latent.blocks()
        place = [block.name for block in blocks].index(self.class_block)
        unlabelled = super().loss(model, x, params) if self.unlabelled == "gumbel_softmax" else self._marginal(model, x, place)
        seed = blocks[place].extra_seed("labelled")
        labelled_x, labels = model.objective_state.batch(seed)
        elbo, cross_entropy = self._labelled(model, labelled_x, labels, place)
        labelled = self.labelled_weight * elbo + self.classification_weight * cross_entropy
        return self.warm_up(blocks[place].step.value) * unlabelled + labelled

    def _marginal(self, model: Any, x: tf.Tensor, place: int) -> tf.Tensor:
        """Return the unlabelled loss with the class summed over."""
        costs, log_q = enumerate_costs(model, x, [place])
        expected = tf.reduce_sum(tf.exp(log_q) * costs, axis=0)
        model.reconstruction_nll.update_state(expected)
        return tf.reduce_mean(expected) + tf.add_n([tf.convert_to_tensor(term) for term in model.losses])

    def _labelled(self, model: Any, x: tf.Tensor, labels: tf.Tensor, place: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the labelled examples' negative ELBO, the class being known, and the cross-entropy of q(class|x)."""
        latent = model.latent
        q = latent.posterior(model.encoder(x, training=True))
        draws = latent.sample_blocks(q, latent.blocks()[place].extra_seed("labelled draws"))
        pairs = latent.split_posterior(q)
        block, class_q = pairs[place]
        one_hot = tf.one_hot(labels, block.num_classes)
        z = [one_hot if index == place else draw for index, (draw, _) in enumerate(draws)]
        others = [
            b.kl_weight(b.step.value) * b.kl(b_q, ratio)
            for index, ((b, b_q), (_, ratio)) in enumerate(zip(pairs, draws, strict=True))
            if index != place
        ]
        nll = -model.likelihood.log_prob(model.decode_params(tf.concat(z, axis=-1), training=True), x)
        prior = block.prior().log_prob(block.unflat(one_hot))
        elbo = nll - prior + (tf.add_n(others) if others else 0.0)
        return tf.reduce_mean(elbo), -tf.reduce_mean(block.log_prob(class_q, one_hot))
