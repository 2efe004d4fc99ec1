"""The signatures that files for other runtimes are made of: arrays in, arrays out; what is drawn comes in as noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.export.functions import SEED_OF_X, SEED_OF_Z, ServedFunctions, Tensors, row_seeds
from vae_tf.export.noise import NOISE, RowDraws
from vae_tf.export.rows import served_functions
from vae_tf.export.signature import Input, Signature
from vae_tf.export.signatures import array_signatures
from vae_tf.models.vae import VAE

__all__ = ["GraphSignature", "graph_signatures"]

Feed = Callable[[Sequence[tf.Tensor]], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class GraphSignature:
    """A signature as it is served, and as a format without draws has it.

    Attributes:
        served: as it is served, of arrays.
        converted: what is made a file; None where it cannot be.
        feed: inputs of the one to inputs of the other, by name: the noise for a seed.
        reason: why it cannot be.
    """

    served: Signature
    converted: Signature | None
    feed: Feed
    reason: str = ""


def graph_signatures(vae: VAE, spec: DatasetSpec) -> list[GraphSignature]:
    """Return what files are made of: the signatures of arrays, `sample` with noise for its seed.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """
    found = []
    for served in array_signatures(vae, spec):
        if served.name == "sample":
            found.append(_of_noise(served, vae, spec))
        elif served.name != "serving_default":  # it is `reconstruct`
            found.append(GraphSignature(served, served, _as_it_is(served)))
    return found


def _as_it_is(served: Signature) -> Feed:
    names = [field.name for field in served.inputs]
    return lambda tensors: {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}


class _NoiseSample:
    """`sample` by noise: draws of z, and of what is made of z where that is drawn too."""

    def __init__(self, functions: ServedFunctions) -> None:
        self._functions = functions
        size = tf.TensorSpec([functions.vae.latent.size], tf.float32)
        self._z = RowDraws(functions.prior_row, [tf.TensorSpec([], tf.float32)])
        self._x = RowDraws(functions.made_row, [size]) if functions.spec.is_drawn else None
        draws = [one for one in (self._z, self._x) if one]
        self.sizes = {kind: sum(one.sizes.get(kind, 0) for one in draws) for kind in NOISE}
        self.sizes = {kind: size for kind, size in self.sizes.items() if size}

    def __call__(self, *tensors: tf.Tensor) -> Tensors:
        """Return x and z of noise of every kind, temperature and, where the model knows labels, label."""
        count = len(self.sizes)
        noise, (temperature, *label) = dict(zip(self.sizes, tensors[:count], strict=True)), tensors[count:]
        ends = self._z.sizes
        z = self._z.of_rows({kind: part[:, : ends[kind]] for kind, part in noise.items() if kind in ends}, temperature)
        z = self._functions.relabelled(z, *label) if label else z
        if not self._x:
            return {**self._functions.decode(z), "z": z}
        x = self._x.of_rows({kind: part[:, ends.get(kind, 0) :] for kind, part in noise.items()}, z)
        return {"x": self._functions.raw(x), "z": z}

    def feed(self, tensors: Sequence[tf.Tensor]) -> dict[str, np.ndarray]:
        """Return the inputs that give what `sample` gives for seed, temperature and label."""
        seed, temperature, *label = tensors
        parts = [self._z.noise_of(row_seeds(seed, SEED_OF_Z), temperature)]
        if self._x:
            z = self._functions.sample(*tensors)["z"]
            parts.append(self._x.noise_of(row_seeds(seed, SEED_OF_X), z))
        noise = {kind: np.concatenate([part[kind] for part in parts if kind in part], axis=1) for kind in self.sizes}
        return {**noise, "temperature": temperature.numpy(), **({"label": label[0].numpy()} if label else {})}


def _of_noise(served: Signature, vae: VAE, spec: DatasetSpec) -> GraphSignature:
    try:
        sample = _NoiseSample(served_functions(vae, spec))
    except UserValueError as error:
        return GraphSignature(served, None, _as_it_is(served), str(error))
    noise = tuple(
        Input(tf.TensorSpec([None, size], tf.float32, name=kind), NOISE[kind], np.full(size, 0.5, np.float32))
        for kind, size in sample.sizes.items()
    )
    return GraphSignature(served, replace(served, function=sample, inputs=(*noise, *served.inputs[1:])), sample.feed)
