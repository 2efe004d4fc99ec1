"""Signatures: the functions of a servable, from a client's raw values to raw values. No request writes any state.

Rules that TensorFlow Serving sets (and a test holds every signature to): inputs and outputs have a leading unknown batch
dimension; rows do not depend on each other, so that requests may be merged; no Python operations, no compilation; the first
operation checks the shape, for the server itself does not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.images import decode_image
from vae_tf.data.pipeline import to_inputs
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["IMPUTE_STEPS", "SCORE_SAMPLES", "Input", "Signature", "describe_signature", "example_request", "make_signatures"]

SCORE_SAMPLES = 32
"""Samples of z by which the `score` signature estimates an example's negative ELBO."""
IMPUTE_STEPS = 20
"""Steps of the Markov chain by which missing values are filled; the second half is averaged."""

Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Input:
    """One input of a signature.

    Attributes:
        spec: shape, dtype and name; the shape begins with None.
        doc: what a client puts there.
        example: one row that is right.
    """

    spec: tf.TensorSpec
    doc: str
    example: Any

    @property
    def name(self) -> str:
        """The input's name."""
        return str(self.spec.name)


@dataclass(frozen=True)
class Signature:
    """One function of the servable.

    Attributes:
        name: the signature's name.
        function: one tensor [B, ...] an input -> {name: tensor [B, ...]}.
        inputs: what it takes, in order.
        output_docs: output name to what a client finds there.
    """

    name: str
    function: Callable[..., Tensors]
    inputs: tuple[Input, ...]
    output_docs: Mapping[str, str]

    def __call__(self, *tensors: tf.Tensor) -> Tensors:
        """Check the shapes, and compute."""
        checked = [tf.ensure_shape(tensor, field.spec.shape) for tensor, field in zip(tensors, self.inputs, strict=True)]
        return self.function(*checked)


def make_signatures(vae: VAE, spec: DatasetSpec) -> list[Signature]:
    """Return a model's signatures; `serving_default` is `reconstruct`.

    `reconstruct`, `encode` and `score` come in forms for what clients have: float values, for images also bytes (`_uint8`)
    and PNG or JPEG files (`_encoded`, resized to the model's size). An autoencoder has no density: no `score`, no `impute`.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """
    functions = _Functions(vae, spec)
    raw = _describe_raw(spec)
    parameters = {name: f"parameter of q(z|x): {name}" for name in functions.parameter_names()}
    x = Input(tf.TensorSpec([None, *spec.event_shape], tf.float32, name="x"), raw, _middle(spec))
    z = _row("z", tf.float32, "a point of the latent space", np.zeros(vae.latent.size), vae.latent.size)
    seed = _row("seed", tf.int64, "any number: equal seeds give equal draws", 0)
    temperature = _row("temperature", tf.float32, "1 for the prior itself; less keeps to its more probable part", 1.0)
    fraction = _row("fraction", tf.float32, "how far along the way, from 0 to 1", 0.5)
    ends = [replace(x, spec=tf.TensorSpec(x.spec.shape, tf.float32, name=name)) for name in ("start", "stop")]
    mean_x = {"x": f"mean of p(x|z), {raw}"}

    reconstruction = {"reconstruction": f"mean of p(x|z) at the most probable z, {raw}"}
    reconstruct = Signature("reconstruct", functions.reconstruct, (x,), reconstruction)
    of_x = [reconstruct, Signature("encode", functions.encode, (x,), {"mean": "mean of q(z|x)", **parameters})]
    others = [
        Signature("decode", functions.decode, (z,), mean_x),
        Signature("sample", functions.sample, (seed, temperature), {**mean_x, "z": "the prior draw"}),
        Signature("interpolate", functions.interpolate, (*ends, fraction), {**mean_x, "z": "the point between"}),
    ]
    if vae.latent.has_density:
        bound = {"negative_elbo": f"estimate in nats from {SCORE_SAMPLES} samples; lower is more like the training data"}
        of_x.append(Signature("score", functions.score, (x,), bound))
        mask = Input(
            tf.TensorSpec(x.spec.shape, tf.bool, name="observed"), "false where missing", np.ones(spec.event_shape, bool)
        )
        filled = {"x": f"the missing values filled in, {raw}"}
        nan = replace(x, doc=f"{raw}; NaN where missing")
        others.append(Signature("impute", functions.impute, (nan, seed), filled))
        others.append(Signature("impute_masked", functions.impute_masked, (x, mask, seed), filled))
    forms = [form for signature in of_x for form in _image_forms(signature, spec)] if spec.is_image else []
    return [replace(reconstruct, name="serving_default"), *of_x, *forms, *others]


def _row(name: str, dtype: tf.DType, doc: str, example: Any, *shape: int) -> Input:
    return Input(tf.TensorSpec([None, *shape], dtype, name=name), doc, np.asarray(example, dtype.as_numpy_dtype))


def _describe_raw(spec: DatasetSpec) -> str:
    bounds = f"from {spec.raw_range[0]:g} to {spec.raw_range[1]:g}" if spec.raw_range else "in the data's own units"
    binary = "; the model sees 1 where it is above the middle, else 0" if spec.is_binary else ""
    return f"raw values {bounds}{binary}"


def _middle(spec: DatasetSpec) -> np.ndarray:
    """Return raw values that any model of this data takes."""
    return np.broadcast_to(np.asarray(spec.shift, np.float32), spec.event_shape).astype(np.float32)


def _image_forms(signature: Signature, spec: DatasetSpec) -> list[Signature]:
    """Return the signature for images as bytes, where these are the raw values, and as PNG or JPEG files."""
    if spec.raw_range is None or spec.raw_range[0] != 0.0 or not 1.0 <= spec.raw_range[1] <= 255.0:
        return []
    top = spec.raw_range[1]
    black = np.zeros(spec.event_shape, np.uint8)

    def of_bytes(x: tf.Tensor) -> Tensors:
        return signature.function(tf.cast(x, tf.float32))

    def of_files(image: tf.Tensor) -> Tensors:
        def decode(file: tf.Tensor) -> tf.Tensor:
            return decode_image(file, (height, width, channels), resize=True)

        x = tf.map_fn(decode, image, fn_output_signature=tf.TensorSpec(spec.event_shape, tf.uint8))
        return signature.function(tf.cast(x, tf.float32) * (top / 255.0))

    height, width, channels = spec.event_shape
    pixels = Input(tf.TensorSpec([None, *spec.event_shape], tf.uint8, name="x"), _describe_raw(spec), black)
    forms = [replace(signature, name=f"{signature.name}_uint8", function=of_bytes, inputs=(pixels,))]
    if channels in (1, 3):
        doc = f"a PNG or JPEG file, 0 to 255, resized to {height}x{width}"
        file = Input(tf.TensorSpec([None], tf.string, name="image"), doc, np.asarray(tf.io.encode_png(black).numpy(), object))
        forms.append(replace(signature, name=f"{signature.name}_encoded", function=of_files, inputs=(file,)))
    return forms


class _Functions:
    """The signatures' bodies."""

    def __init__(self, vae: VAE, spec: DatasetSpec) -> None:
        self.vae = vae
        self.spec = spec
        self.estimator = BoundEstimator(vae)

    def parameter_names(self) -> list[str]:
        """Return the names of the posterior's parameters."""
        return list(self.vae.latent.describe(self.vae.encode(tf.zeros([1, *self.spec.event_shape]))))

    def _raw(self, x: tf.Tensor) -> tf.Tensor:
        """Scale model values back to raw units, in the graph."""
        return x * tf.constant(self.spec.scale, tf.float32) + tf.constant(self.spec.shift, tf.float32)

    def _mean(self, z: tf.Tensor) -> tf.Tensor:
        return self._raw(self.vae.decode(z).mean())

    def _mode(self, x: tf.Tensor) -> tf.Tensor:
        return self.vae.latent.mode(self.vae.encode(to_inputs(self.spec, x)))

    def reconstruct(self, x: tf.Tensor) -> Tensors:
        """Encode, take the most probable z, decode."""
        return {"reconstruction": self._mean(self._mode(x))}

    def encode(self, x: tf.Tensor) -> Tensors:
        """Return the posterior's mean and parameters."""
        q = self.vae.encode(to_inputs(self.spec, x))
        return {"mean": self.vae.latent.mean(q), **self.vae.latent.describe(q)}

    def decode(self, z: tf.Tensor) -> Tensors:
        """Return the mean of p(x|z)."""
        return {"x": self._mean(z)}

    def interpolate(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor) -> Tensors:
        """Encode both ends, go a fraction of the way between them, decode."""
        fraction = tf.clip_by_value(fraction, 0.0, 1.0)[:, tf.newaxis]
        z = self.vae.latent.blend(self._mode(start), self._mode(stop), fraction, spherical=False)
        return {"x": self._mean(z), "z": z}

    def sample(self, seed: tf.Tensor, temperature: tf.Tensor) -> Tensors:
        """Draw z from the prior, every row by its own seed alone, and decode it."""

        def draw(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            return self.vae.latent.draw(1, row[0], row[1])[0]

        spec = tf.TensorSpec([self.vae.latent.size], tf.float32)
        z = tf.map_fn(draw, (_row_seeds(seed, "served sample"), temperature), fn_output_signature=spec)
        return {"x": self._mean(z), "z": z}

    def score(self, x: tf.Tensor) -> Tensors:
        """Estimate the negative ELBO of every row, with the same noise for all rows and requests."""
        seed = tf.constant(derive_pair(0, "served score"), tf.int32)

        def negative_elbo(row: tf.Tensor) -> tf.Tensor:
            _, sums = self.estimator.log_weight_sums(row[tf.newaxis], seed, SCORE_SAMPLES)
            return tf.add_n(list(sums.values()))[0] / SCORE_SAMPLES

        return {"negative_elbo": tf.vectorized_map(negative_elbo, to_inputs(self.spec, x))}

    def impute(self, x: tf.Tensor, seed: tf.Tensor) -> Tensors:
        """Fill in what is NaN."""
        return self.impute_masked(x, tf.math.logical_not(tf.math.is_nan(x)), seed)

    def impute_masked(self, x: tf.Tensor, observed: tf.Tensor, seed: tf.Tensor) -> Tensors:
        """Fill in what is not observed, every row by its own seed alone.

        z and the missing part of x are drawn in turn, each given the other (Rezende, Mohamed, Wierstra 2014, appendix F); the
        answer is the mean of p(x|z) over the second half of the chain.
        """
        rows = (to_inputs(self.spec, tf.where(observed, x, 0.0)), observed, _row_seeds(seed, "served imputation"))
        mean = tf.map_fn(self._impute_row, rows, fn_output_signature=tf.TensorSpec(self.spec.event_shape, tf.float32))
        return {"x": tf.where(observed, x, self._raw(mean))}

    def _impute_row(self, row: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
        x, observed, seed = row
        fold = tf.random.experimental.stateless_fold_in
        start = tf.where(observed, x, self.vae.decode(self.vae.latent.draw(1, fold(seed, 0))).mean()[0])

        def step(index: tf.Tensor, x: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            z, _ = self.vae.latent.sample(self.vae.encode(x[tf.newaxis]), fold(seed, 2 * index + 1), hard=True)
            p = self.vae.decode(z)
            drawn = tf.where(observed, x, p.sample(seed=fold(seed, 2 * index + 2))[0])
            return index + 1, drawn, total + tf.where(index >= IMPUTE_STEPS // 2, p.mean()[0], 0.0)

        state = (tf.constant(0), start, tf.zeros_like(start))
        *_, total = tf.while_loop(lambda index, *_: index < IMPUTE_STEPS, step, state)
        return total / (IMPUTE_STEPS - IMPUTE_STEPS // 2)


def _row_seeds(seed: tf.Tensor, purpose: str) -> tf.Tensor:
    """Return one stateless seed a row, int32 [B, 2]: a function of the row's own number alone."""
    pair = tf.constant(derive_pair(0, purpose), tf.int32)
    fold = tf.random.experimental.stateless_fold_in

    def mix(number: tf.Tensor) -> tf.Tensor:
        return fold(fold(pair, tf.cast(number % 2**31, tf.int32)), tf.cast(number // 2**31 % 2**31, tf.int32))

    return tf.map_fn(mix, seed, fn_output_signature=tf.TensorSpec([2], tf.int32))


def example_request(signature: Signature, num_rows: int = 1) -> dict[str, np.ndarray]:
    """Return a request that is right, input name to array [num_rows, ...]: for warm-up and checks."""
    return {field.name: np.repeat(np.asarray(field.example)[np.newaxis], num_rows, axis=0) for field in signature.inputs}


def describe_signature(signature: Signature) -> dict[str, Any]:
    """Return a signature's description for the manifest."""
    inputs = {
        field.name: {
            "dtype": field.spec.dtype.name,
            "shape": [None if length is None else int(length) for length in field.spec.shape],
            "description": field.doc,
        }
        for field in signature.inputs
    }
    return {"inputs": inputs, "outputs": dict(signature.output_docs)}
