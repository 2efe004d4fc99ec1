"""Case: one part under test, in a model of its own."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_tf.contract.finding import BrokenPromiseError
from vae_tf.contract.made import SPECS, default_settings, examples, shrunk, suited
from vae_tf.data.spec import DatasetSpec
from vae_tf.models.networks.base import encoder_inputs, one_or_all, with_labels
from vae_tf.models.vae import VAE
from vae_tf.parts.known import find
from vae_tf.parts.settings import Settings, build
from vae_tf.seeding import initial_weights

__all__ = ["Case", "model_of", "simple_likelihood"]

_SEED = 5
_AT_MOST = 3
"""Whole numbers among a part's settings are made that small."""


class Case:
    """One part under test.

    Args:
        part: its class.
        make: gives a new instance; default: of its own settings, on the first data that it suits.
        argument: what a source loads, `KIND:ARGUMENT`.
    """

    def __init__(self, part: Any, make: Callable[[], Any] | None = None, argument: str | None = None) -> None:
        self.part = part
        self.argument = argument
        self._make = make

    @cached_property
    def specs(self) -> list[DatasetSpec]:
        """The made data that the part suits."""
        return suited(self.part)

    @cached_property
    def spec(self) -> DatasetSpec:
        """The first data that the part suits.

        Raises:
            BrokenPromiseError: it suits none.
        """
        if not self.specs:
            names = ", ".join(spec.name for spec in SPECS)
            raise BrokenPromiseError(f"it suits none of the made data ({names}): see its `check_data`.")
        return self.specs[0]

    @cached_property
    def settings(self) -> Settings:
        """The settings by default."""
        return default_settings(self.part)

    @property
    def is_by_settings(self) -> bool:
        """Whether instances are made of the part's own settings."""
        return self._make is None

    @cached_property
    def stand_in(self) -> Any:
        """The part that this one chooses on the data, where it only chooses; else None."""
        chosen = self.part.settle(self.settings, self.spec).part
        return None if chosen is self.part else chosen

    def make(self, spec: DatasetSpec | None = None) -> Any:
        """Return a new instance, small where that can be."""
        if self._make is not None:
            return self._make()
        spec = spec or self.spec
        settled = self.part.settle(self.settings, spec)
        given = {"seed": _SEED, "size": _AT_MOST}
        try:
            return build(self.part.slot, shrunk(settled, _AT_MOST), spec, **given)
        except ValueError:
            return build(self.part.slot, settled, spec, **given)

    @cached_property
    def instance(self) -> Any:
        """An instance."""
        return self.make()

    @cached_property
    def x(self) -> np.ndarray:
        """Examples [6, *event_shape]."""
        return examples(self.spec)

    def model(self, run_eagerly: bool = True) -> VAE:
        """Return a new, compiled model with a new instance in it."""
        vae = model_of(self.spec, **_placed(self.make()))
        vae.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=run_eagerly)
        return vae

    @cached_property
    def vae(self) -> VAE:
        """A model, for what leaves it as it is."""
        return self.model()

    @property
    def inputs(self) -> Any:
        """What the model is called with: the examples, with labels where it is told them."""
        labels = np.arange(len(self.x)) % 3
        return (tf.constant(self.x), tf.constant(labels)) if self.vae.latent.num_labels else tf.constant(self.x)

    def params(self, num: int = 4, scale: float = 1.0) -> tf.Tensor:
        """Return an encoder's output for a latent, [num, params_size]; where labels are told, they come first."""
        latent = self.vae.latent
        params = scale * np.random.default_rng(0).normal(size=(num, latent.params_size))
        if latent.num_labels:
            params[:, : latent.num_labels] = np.eye(latent.num_labels)[np.arange(num) % latent.num_labels]
        return tf.constant(params, tf.float32)


def _placed(part: Any) -> dict[str, Any]:
    """Return a part as an argument of `model_of`; priors and schedules stand in a Gaussian block."""
    gaussian = find("latent", "gaussian")
    if part.slot == "prior":
        return {"latent": gaussian(size=part.size, kl_kind="monte_carlo", prior=part, seed=_SEED)}
    return {"latent": gaussian(size=2, kl_weight=part, seed=_SEED)} if part.slot == "schedule" else {part.slot: part}


def model_of(spec: DatasetSpec, network: Any = None, **parts: Any) -> VAE:
    """Return a small model of the given parts, the others being the simplest.

    Args:
        spec: the data.
        network: makes encoder and decoder; default: a dense layer each.
        parts: any of latent, likelihood, objective.

    Example:
        >>> model_of(SPECS[0]).latent.size
        2
    """
    with initial_weights(_SEED):
        latent = parts.get("latent") or build("latent", {"kind": "gaussian", "size": 2}, spec, seed=_SEED)
        likelihood = parts.get("likelihood") or simple_likelihood(spec)
        network = network or _Dense()
        seen = tuple(likelihood.seen(keras.Input(spec.event_shape)).shape[1:])
        encoder = network.encoder(seen, latent.params_size - latent.num_labels, latent.num_labels)
        if seen != spec.event_shape:
            x = keras.Input(spec.event_shape, name="x")
            encoder = keras.Model(x, encoder(likelihood.seen(x)), name="encoder")
        decoder = network.decoder(latent.size, likelihood.params_shape)
        return VAE(encoder, latent, decoder, likelihood, objective=parts.get("objective"))


def simple_likelihood(spec: DatasetSpec) -> Any:
    """Return a small likelihood of the data."""
    settings = shrunk(_settled("likelihood", "auto", spec), 8)
    return build("likelihood", settings, spec, seed=_SEED)


def _settled(slot: str, kind: str, spec: DatasetSpec) -> Settings:
    """Return the settings that a kind settles to on the data."""
    part = find(slot, kind)
    settled: Settings = part.settle(default_settings(part), spec)
    return settled


class _Dense:
    """The simplest encoder and decoder: a dense layer each."""

    def encoder(self, event_shape: Any, params_size: int, num_labels: int = 0) -> keras.Model:
        inputs, labels = encoder_inputs(event_shape, num_labels)
        x = with_labels(keras.layers.Flatten()(inputs[0]), labels)
        return keras.Model(one_or_all(inputs), keras.layers.Dense(params_size)(x), name="encoder")

    def decoder(self, size: int, params_shape: Any) -> keras.Model:
        z = keras.Input((size,), name="z")
        x = keras.layers.Dense(int(np.prod(params_shape)))(z)
        return keras.Model(z, keras.layers.Reshape(tuple(params_shape))(x), name="decoder")
