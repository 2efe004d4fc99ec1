"""Signatures: the functions of a servable, from a client's raw values to raw values. No request writes any state.

Rules that TensorFlow Serving sets (and a test holds every signature to): inputs and outputs have a leading unknown batch
dimension; rows do not depend on each other, so that requests may be merged; no Python operations, no compilation; the first
operation checks the shape, for the server itself does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from vae_tf.data.pipeline import to_inputs
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["SCORE_SAMPLES", "Signature", "describe_signature", "make_signatures"]

SCORE_SAMPLES = 32
"""Samples of z by which the `score` signature estimates an example's negative ELBO."""


@dataclass(frozen=True)
class Signature:
    """One function of the servable.

    Attributes:
        name: the signature's name.
        function: tensor [B, ...] -> {name: tensor [B, ...]}.
        input: the input's shape, dtype and name.
        input_doc: what a client puts there.
        output_docs: output name to what a client finds there.
    """

    name: str
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    input: tf.TensorSpec
    input_doc: str
    output_docs: dict[str, str]


def make_signatures(vae: VAE, spec: DatasetSpec) -> list[Signature]:
    """Return the signatures of a model: serving_default (= reconstruct), reconstruct, encode, decode, sample, score.

    An autoencoder has no bound, and so no `score`.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """
    x = tf.TensorSpec([None, *spec.event_shape], tf.float32, name="x")
    z = tf.TensorSpec([None, vae.latent.size], tf.float32, name="z")
    seed = tf.TensorSpec([None], tf.int64, name="seed")
    raw = _describe_raw(spec)
    functions = _Functions(vae, spec)
    mean_x = f"mean of p(x|z), {raw}"
    reconstruct = {"reconstruction": f"mean of p(x|z) at the most probable z, {raw}"}
    described = {name: f"parameter of q(z|x): {name}" for name in functions.parameter_names()}
    signatures = [
        Signature("serving_default", functions.reconstruct, x, raw, reconstruct),
        Signature("reconstruct", functions.reconstruct, x, raw, reconstruct),
        Signature("encode", functions.encode, x, raw, {"mean": "mean of q(z|x)", **described}),
        Signature("decode", functions.decode, z, "a point of the latent space", {"x": mean_x}),
        Signature("sample", functions.sample, seed, "any number, one a row", {"x": mean_x, "z": "the prior draw"}),
    ]
    if vae.latent.has_density:
        doc = {"negative_elbo": f"estimate in nats from {SCORE_SAMPLES} samples; lower is more like the training data"}
        signatures.append(Signature("score", functions.score, x, raw, doc))
    return signatures


def _describe_raw(spec: DatasetSpec) -> str:
    bounds = f"from {spec.raw_range[0]:g} to {spec.raw_range[1]:g}" if spec.raw_range else "in the data's own units"
    binary = "; the model sees 1 where it is above the middle, else 0" if spec.is_binary else ""
    return f"raw values {bounds}{binary}"


class _Functions:
    """The signatures' bodies."""

    def __init__(self, vae: VAE, spec: DatasetSpec) -> None:
        self.vae = vae
        self.spec = spec
        self.estimator = BoundEstimator(vae)

    def parameter_names(self) -> list[str]:
        """Return the names of the posterior's parameters."""
        return list(self.vae.latent.describe(self.vae.encode(tf.zeros([1, *self.spec.event_shape]))))

    def _inputs(self, raw: tf.Tensor) -> tf.Tensor:
        return to_inputs(self.spec, tf.ensure_shape(raw, [None, *self.spec.event_shape]))

    def _raw(self, x: tf.Tensor) -> tf.Tensor:
        """Scale model values back to raw units, in the graph."""
        return x * tf.constant(self.spec.scale, tf.float32) + tf.constant(self.spec.shift, tf.float32)

    def reconstruct(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode, take the most probable z, decode."""
        return {"reconstruction": self._raw(self.vae.reconstruct(self._inputs(x)))}

    def encode(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the posterior's mean and parameters."""
        q = self.vae.encode(self._inputs(x))
        return {"mean": self.vae.latent.mean(q), **self.vae.latent.describe(q)}

    def decode(self, z: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the mean of p(x|z)."""
        return {"x": self._raw(self.vae.decode(tf.ensure_shape(z, [None, self.vae.latent.size])).mean())}

    def sample(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Draw z from the prior, every row by its own seed alone, and decode it."""
        seed = tf.ensure_shape(seed, [None])
        pair = tf.constant(derive_pair(0, "served sample"), tf.int32)
        halves = [tf.cast(seed % 2**31, tf.int32), tf.cast(seed // 2**31 % 2**31, tf.int32)]

        def draw(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            fold = tf.random.experimental.stateless_fold_in
            return self.vae.latent.draw(1, fold(fold(pair, row[0]), row[1]))[0]

        z = tf.map_fn(draw, tuple(halves), fn_output_signature=tf.TensorSpec([self.vae.latent.size], tf.float32))
        return {"x": self._raw(self.vae.decode(z).mean()), "z": z}

    def score(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Estimate the negative ELBO of every row, with the same noise for all rows and requests."""
        seed = tf.constant(derive_pair(0, "served score"), tf.int32)

        def negative_elbo(row: tf.Tensor) -> tf.Tensor:
            _, sums = self.estimator.log_weight_sums(row[tf.newaxis], seed, SCORE_SAMPLES)
            return tf.add_n(list(sums.values()))[0] / SCORE_SAMPLES

        scores = tf.map_fn(negative_elbo, self._inputs(x), fn_output_signature=tf.TensorSpec([], tf.float32))
        return {"negative_elbo": scores}


def describe_signature(signature: Signature) -> dict[str, Any]:
    """Return a signature's description for the manifest."""
    spec = signature.input
    shape = [None if length is None else int(length) for length in spec.shape]
    inputs = {spec.name: {"dtype": spec.dtype.name, "shape": shape, "description": signature.input_doc}}
    return {"inputs": inputs, "outputs": signature.output_docs}
