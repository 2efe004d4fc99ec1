"""VAE: encoder, latent, decoder and likelihood as one Keras model."""

from typing import Any

import keras
import tensorflow as tf

import vae_tf.optimizers  # noqa: F401 - what is saved compiled names its optimizer
from vae_tf.draws import uniform
from vae_tf.models.latents.base import Latent
from vae_tf.models.likelihoods.base import Likelihood
from vae_tf.models.linear import start_linear
from vae_tf.notebooks import html_card
from vae_tf.objectives.base import Objective
from vae_tf.objectives.elbo import Elbo
from vae_tf.objectives.metrics import SumOfMetrics, TermMean
from vae_tf.parts.known import SLOTS, kinds
from vae_tf.replicas import num_replicas

__all__ = ["VAE"]


@keras.saving.register_keras_serializable("vae_tf")
class VAE(keras.Model):
    """A variational autoencoder (Kingma and Welling 2014; Rezende, Mohamed, Wierstra 2014).

    It is built when it is constructed. `fit`, `evaluate` and `predict` take x alone (or x as its own target); the logged
    `negative_elbo` is unweighted, in nats an example, whatever the objective weighs.

    Args:
        encoder: model x [B, *event_shape] -> posterior parameters [B, latent.params_size]; where the latent is told labels,
            model (x, one-hot labels [B, num_labels]) -> what follows the labels in the parameters.
        latent: the sampling layer.
        decoder: model z [B, latent.size] -> [B, *likelihood.params_shape].
        likelihood: the layer that makes p(x|z) of it.
        objective: the bound that training minimises; default: the ELBO.

    Example:
        >>> from vae_tf.models import BernoulliLikelihood, GaussianLatent
        >>> latent, likelihood = GaussianLatent(size=2), BernoulliLikelihood(event_shape=(5,))
        >>> encoder = keras.Sequential([keras.Input((5,)), keras.layers.Dense(latent.params_size)])
        >>> decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(5)])
        >>> vae = VAE(encoder, latent, decoder, likelihood)
        >>> vae.encode(tf.ones([3, 5])).batch_shape, vae.decode(tf.zeros([7, 3, 2])).batch_shape
        (TensorShape([3]), TensorShape([7, 3]))
    """

    def __init__(
        self,
        encoder: keras.Model,
        latent: Latent,
        decoder: keras.Model,
        likelihood: Likelihood,
        objective: Objective | None = None,
        name: str = "vae",
    ) -> None:
        super().__init__(name=name)
        self.encoder = encoder
        self.latent = latent
        self.decoder = decoder
        self.likelihood = likelihood
        self.objective = objective or Elbo()
        self.objective.check(latent)
        for block in latent.blocks():
            block.training_draw = self.objective.draw_of(block)
        latent.connect(self.encode_params)
        self.starts_trained = False
        self.objective_state = self.objective.make_state(likelihood.event_shape)
        self.reconstruction_nll = TermMean(name="reconstruction_nll")
        if not latent.built:
            latent.build((None, latent.params_size))
        kl_metrics = [block.kl_metric for block in latent.blocks()]
        self.kl = SumOfMetrics(kl_metrics, name="kl")
        self.negative_elbo = SumOfMetrics([self.reconstruction_nll, *kl_metrics], name="negative_elbo")
        if not likelihood.built:
            likelihood.build((None, *likelihood.params_shape))
        if not self._is_known_to_fit():
            x = keras.Input(likelihood.event_shape, name="x")
            self((x, keras.Input((), dtype="int64", name="labels")) if latent.num_labels else x)
        self.built = True

    def build(self, input_shape: Any) -> None:
        """Make nothing: the constructor builds every layer. Without this, Keras would trace the model."""

    def _is_known_to_fit(self) -> bool:
        """Whether every layer is built and fits the next, so that no trace, most of a model's making, has to show it."""
        num_params = self.latent.params_size - self.latent.num_labels
        fits = (
            getattr(self.encoder, "output_shape", None) == (None, num_params)
            and getattr(self.decoder, "input_shape", None) == (None, self.latent.size)
            and getattr(self.decoder, "output_shape", None) == (None, *self.likelihood.params_shape)
        )
        return fits and all(layer.built and _is_ours(layer) for layer in self._flatten_layers(include_self=False))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the parts, and how many numbers they learn."""
        blocks = {f"latent {block.name}": f"{type(block).__name__}, {block.size}" for block in self.latent.blocks()}
        sizes = {part.name: f"{part.count_params():,} parameters" for part in (self.encoder, self.decoder)}
        shape = " x ".join(map(str, self.event_shape))
        parts = {"x": shape, **sizes, **blocks, "likelihood": type(self.likelihood).__name__, "objective": self.objective.kind}
        return html_card(f"VAE {self.name}", [("", parts)])

    def start(self, examples: Any, goes_on: bool = False) -> None:
        """Let the parts that start from training examples take them, before the first step of a run.

        Args:
            examples: see `vae_tf.data.pipeline.Examples`.
            goes_on: whether a checkpoint will be restored: networks, likelihood, latents and priors then fit nothing, it has
                all of their values.
        """
        self.starts_trained = start_linear(self, examples, goes_on)
        if not goes_on:
            starting = (layer for layer in self.encoder.layers if hasattr(layer, "start"))
            for part in (*starting, self.likelihood, *self.latent.blocks()):
                part.start(examples)
        self.objective.start(examples, self.objective_state)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.likelihood.event_shape

    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        """Return the decoder's parameters for one draw of z an example, [B, *params_shape].

        Args:
            inputs: x [B, *event_shape], or (x, labels [B]) for a model that is told labels.
            training: whether it is trained.
        """
        x, labels = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        z = self.latent(self.encode_params(x, labels, training=bool(training)))
        return self.likelihood(self.decoder(z), training=bool(training))

    def encode_params(self, x: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Return the parameters of q(z|x), [B, params_size]; see `encode`."""
        if not self.latent.num_labels:
            return tf.cast(self.encoder(x, training=training), tf.float32)
        x = tf.convert_to_tensor(x)
        labels = tf.fill(tf.shape(x)[:1], -1) if labels is None else labels
        given = tf.one_hot(tf.cast(labels, tf.int32), self.latent.num_labels)
        if training:
            seed = self.latent.blocks()[0].extra_seed("label dropout")
            kept = uniform(tf.shape(given)[:1], seed) >= self.latent.label_dropout
            given *= tf.cast(kept, tf.float32)[:, tf.newaxis]
        return tf.concat([given, tf.cast(self.encoder([x, given], training=training), tf.float32)], axis=-1)

    def encode(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> Any:
        """Return q(z|x), batch [B].

        Args:
            x: [B, *event_shape].
            labels: [B], for a model that is told labels, -1 where one is not known; other models pay no heed to them.
        """
        return self.latent.posterior(self.encode_params(x, labels))

    def decode(self, z: tf.Tensor) -> Any:
        """Return p(x|z), batch [...], for z [..., size]."""
        return self.likelihood.distribution(self.decode_params(z))

    def decode_params(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the likelihood's parameters for z [..., size]."""
        features = self.decoder(tf.reshape(z, [-1, self.latent.size]), training=training)
        params = self.likelihood(features, training=training)
        return tf.reshape(params, tf.concat([tf.shape(z)[:-1], tf.shape(params)[1:]], axis=0))

    def reconstruct(self, x: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return E[x|z] at the posterior's mode, [B, *event_shape]: no randomness."""
        return self.decode(self.latent.mode(self.encode(x, labels))).mean()

    def generate(self, num: int, seed: Any, temperature: float = 1.0, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return E[x|z] for z drawn from the prior, [num, *event_shape].

        Args:
            num: how many.
            seed: a stateless seed, int32 [2].
            temperature: below 1, draws keep to the more probable part of the prior.
            labels: [num], for a model that is told labels; default: any.
        """
        return self.decode(self.draw(num, seed, temperature, labels)).mean()

    def draw(self, num: int, seed: Any, temperature: float = 1.0, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return z drawn from the prior, [num, latent.size]; see `generate`."""
        z = self.latent.draw(num, seed, temperature)
        return z if labels is None else self.latent.relabel(z, labels)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Return the objective's loss; called by Keras' own train and test steps.

        Raises:
            ValueError: targets have another shape than x, or sample weights were given.
        """
        if sample_weight is not None:
            raise ValueError("sample_weight is not supported: it would not reach the KL terms. Repeat examples instead.")
        target = y if y is not None else x[0] if isinstance(x, tuple | list) else x
        if tuple(target.shape[1:]) != self.event_shape:
            raise ValueError(
                f"Targets must have the shape of x, {self.event_shape}. Received: {tuple(target.shape[1:])}. "
                "Call fit(x), without labels."
            )
        loss = (self.objective if training else Elbo()).loss(self, target, y_pred)
        return loss if num_replicas() == 1 else loss / num_replicas()  # the replicas' losses are added up

    def train_step(self, data: Any) -> dict[str, Any]:
        """Make one step; among replicas, log the loss alone: every log would be sent to all, once a step."""
        return _short(super().train_step(data))

    def test_step(self, data: Any) -> dict[str, Any]:
        """Measure one batch; see `train_step`."""
        return _short(super().test_step(data))

    def _get_metrics_result_or_logs(self, logs: Any) -> dict[str, Any]:
        """Return what the metrics hold at the end of an epoch, whatever the last step's logs."""
        return self.get_metrics_result()

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the model was built when it was made. Keras would add up the replicas' batches; on workers, it cannot."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, serialised."""
        parts = ("encoder", "latent", "decoder", "likelihood", "objective")
        serialized = {part: keras.saving.serialize_keras_object(getattr(self, part)) for part in parts}
        return {"name": self.name, **serialized}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "VAE":
        """Make the model that `get_config` described, of whatever parts: all that there are are known to Keras from here on."""
        for slot in SLOTS:
            kinds(slot)
        restored = {
            key: keras.saving.deserialize_keras_object(value, custom_objects) if isinstance(value, dict) else value
            for key, value in config.items()
        }
        return cls(**restored)


def _is_ours(layer: keras.layers.Layer) -> bool:
    """Whether a layer's class is the package's or Keras' own: those of others may make weights when they are first called."""
    return type(layer).__module__.partition(".")[0] in {"vae_tf", "keras"}


def _short(logs: dict[str, Any]) -> dict[str, Any]:
    """Return the logs of a step; among replicas the loss, as a row, for Keras averages no scalars over workers."""
    return logs if num_replicas() == 1 else {"loss": tf.reshape(logs["loss"], [1])}
