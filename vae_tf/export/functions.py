"""What a servable's signatures compute: every row by itself, and without any state."""

import tensorflow as tf

from vae_tf.data.pipeline import to_inputs
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.row_scores import RowScorer
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["IMPUTE_STEPS", "SEED_OF_X", "SEED_OF_Z", "ServedFunctions", "Tensors", "row_seeds"]

IMPUTE_STEPS = 20
"""Steps of the Markov chain by which missing values are filled; the second half is averaged."""

SEED_OF_Z, SEED_OF_X = "served sample", "served row"
"""What a row's number seeds: its draw from the prior, and its draw from p(x|z)."""

Tensors = dict[str, tf.Tensor]


class ServedFunctions:
    """The bodies of a model's signatures, from raw values to raw values.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """

    def __init__(self, vae: VAE, spec: DatasetSpec) -> None:
        self.vae = vae
        self.spec = spec
        self.scorer = RowScorer(vae, spec.is_text)

    def parameter_names(self) -> list[str]:
        """Return the names of the posterior's parameters."""
        return list(self.vae.latent.describe(self.vae.encode(tf.zeros([1, *self.spec.event_shape]))))

    def raw(self, x: tf.Tensor) -> tf.Tensor:
        """Scale model values back to raw units, in the graph; beyond the raw range there are none."""
        dtype, (low, high) = tf.as_dtype(self.spec.raw_dtype), self.spec.bounds
        raw = tf.cast(x, dtype) * tf.constant(self.spec.scale, dtype) + tf.constant(self.spec.shift, dtype)
        return raw if low is None or high is None else tf.clip_by_value(raw, low, high)

    def _mean(self, z: tf.Tensor) -> tf.Tensor:
        return self.raw(self.vae.decode(z).mean())

    def _mode(self, x: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        return self.vae.latent.mode(self.vae.encode(to_inputs(self.spec, x), label))

    def reconstruct(self, x: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Encode, take the most probable z, decode."""
        return {"reconstruction": self._mean(self._mode(x, label))}

    def encode(self, x: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Return the posterior's mean and parameters."""
        q = self.vae.encode(to_inputs(self.spec, x), label)
        return {"mean": self.vae.latent.mean(q), **self.vae.latent.describe(q)}

    def decode(self, z: tf.Tensor) -> Tensors:
        """Return the mean of p(x|z)."""
        return {"x": self._mean(z)}

    def decode_codes(self, codes: tf.Tensor) -> Tensors:
        """Return the mean of p(x|z) of whole numbers that stand for z, and z."""
        z = self.vae.latent.from_codes(tf.cast(codes, tf.int32))
        return {"x": self._mean(z), "z": z}

    def interpolate(
        self,
        start: tf.Tensor,
        stop: tf.Tensor,
        fraction: tf.Tensor,
        start_label: tf.Tensor | None = None,
        stop_label: tf.Tensor | None = None,
    ) -> Tensors:
        """Encode both ends, go a fraction of the way between them, decode."""
        ends = self._mode(start, start_label), self._mode(stop, stop_label)
        z = self.vae.latent.blend(*ends, fraction[:, tf.newaxis], spherical=False)
        return {"x": self._mean(z), "z": z}

    def sample(self, seed: tf.Tensor, temperature: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Draw z from the prior, every row by its own seed alone, and decode it; of counts and mixed rows, draw from p(x|z)."""
        spec = tf.TensorSpec([self.vae.latent.size], tf.float32)
        rows = (row_seeds(seed, SEED_OF_Z), temperature)
        z = self.relabelled(tf.map_fn(lambda row: self.prior_row(*row), rows, fn_output_signature=spec), label)
        if not self.spec.is_drawn:
            return {"x": self._mean(z), "z": z}
        made = (row_seeds(seed, SEED_OF_X), z)
        spec = tf.TensorSpec(self.spec.event_shape, tf.float32)
        return {"x": self.raw(tf.map_fn(lambda row: self.made_row(*row), made, fn_output_signature=spec)), "z": z}

    def prior_row(self, seed: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Draw one z, [size], from the prior."""
        return self.vae.latent.draw(1, seed, temperature)[0]

    def made_row(self, seed: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Draw one example from p(x|z) of one z, [size], in the model's units."""
        return self.vae.decode(z[tf.newaxis]).sample(seed=seed)[0]

    def relabelled(self, z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        """Give draws [B, size] the labels that are asked for."""
        return z if label is None else self.vae.latent.relabel(z, label)

    def score(self, x: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Estimate the negative ELBO of every row, with the same noise for all rows and requests."""
        terms = self.scorer.terms(to_inputs(self.spec, x), label)
        return {"negative_elbo": tf.add_n(list(terms.values()))}

    def impute(self, x: tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Fill in what is NaN."""
        return self.impute_masked(x, tf.math.logical_not(tf.math.is_nan(x)), seed, label)

    def impute_masked(self, x: tf.Tensor, observed: tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None) -> Tensors:
        """Fill in what is not observed, every row by its own seed alone.

        z and the missing part of x are drawn in turn, each given the other (Rezende, Mohamed, Wierstra 2014, appendix F); the
        answer is the mean of p(x|z) over the second half of the chain.
        """
        label = tf.fill(tf.shape(seed), tf.constant(-1, tf.int64)) if label is None else label
        rows = (
            to_inputs(self.spec, tf.where(observed, x, tf.zeros_like(x))),
            observed,
            row_seeds(seed, "served imputation"),
            label,
        )
        mean = tf.map_fn(self._impute_row, rows, fn_output_signature=tf.TensorSpec(self.spec.event_shape, tf.float32))
        return {"x": tf.where(observed, x, self.raw(mean))}

    def _impute_row(self, row: tuple[tf.Tensor, ...]) -> tf.Tensor:
        x, observed, seed, label = row
        labels = label[tf.newaxis]
        fold = tf.random.experimental.stateless_fold_in
        start = tf.where(observed, x, self.vae.generate(1, fold(seed, 0), labels=labels)[0])

        def step(index: tf.Tensor, x: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            z, _ = self.vae.latent.sample(self.vae.encode(x[tf.newaxis], labels), fold(seed, 2 * index + 1), hard=True)
            p = self.vae.decode(z)
            drawn = tf.where(observed, x, p.sample(seed=fold(seed, 2 * index + 2))[0])
            return index + 1, drawn, total + tf.where(index >= IMPUTE_STEPS // 2, p.mean()[0], 0.0)

        state = (tf.constant(0), start, tf.zeros_like(start))
        *_, total = tf.while_loop(lambda index, *_: index < IMPUTE_STEPS, step, state)
        return total / (IMPUTE_STEPS - IMPUTE_STEPS // 2)


def row_seeds(seed: tf.Tensor, purpose: str) -> tf.Tensor:
    """Return one stateless seed a row, int32 [B, 2]: a function of the row's own number [B] alone, and of what it is for."""
    pair = tf.constant(derive_pair(0, purpose), tf.int32)
    fold = tf.random.experimental.stateless_fold_in

    def mix(number: tf.Tensor) -> tf.Tensor:
        return fold(fold(pair, tf.cast(number % 2**31, tf.int32)), tf.cast(number // 2**31 % 2**31, tf.int32))

    return tf.map_fn(mix, seed, fn_output_signature=tf.TensorSpec([2], tf.int32))
