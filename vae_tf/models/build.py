"""From a ModelConfig to Keras objects. Which class a kind names, and what it needs of the data, the parts know themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from vae_tf.config import ModelConfig
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.models.latents.joint import join_blocks
from vae_tf.models.vae import VAE
from vae_tf.parts.base import is_open
from vae_tf.parts.settings import build, read
from vae_tf.seeding import initial_weights

__all__ = ["build_vae", "settle_model", "settle_objective"]


def settle_model(config: ModelConfig, spec: DatasetSpec) -> ModelConfig:
    """Replace what is left open, such as `auto`, by what fits the data.

    Raises:
        UserValueError: a part does not suit the data.

    Example:
        >>> spec = DatasetSpec(name="table", event_shape=(9,), value_support="real")
        >>> settled = settle_model(ModelConfig(), spec)
        >>> settled.network.kind, settled.likelihood.kind
        ('mlp', 'gaussian')
    """

    def settle(settings: Any) -> Any:
        return settings.part.settle(settings, spec)

    latents = tuple(settle(block) for block in config.latents)
    return config.model_copy(
        update={"network": settle(config.network), "likelihood": settle(config.likelihood), "latents": latents}
    )


def settle_objective(objective: Any, model: ModelConfig, spec: DatasetSpec) -> Any:
    """Replace an objective that is `auto` by what fits the data; it is the ELBO where a block has no density.

    Args:
        objective: its settings.
        model: the blocks of the latent.
        spec: the data.

    Example:
        >>> spec = DatasetSpec(name="lines", event_shape=(9,), value_support="token", vocabulary=("", "?", "a"))
        >>> settle_objective(read("objective", "auto"), ModelConfig(), spec).kind
        'free_bits'
    """
    if is_open(objective) and not all(block.part.has_density for block in model.latents):
        return read("objective", "elbo")
    return objective.part.settle(objective, spec)


def build_vae(
    config: ModelConfig,
    spec: DatasetSpec,
    seed: int = 0,
    objective: Any = None,
    precision: str = "float32",
) -> VAE:
    """Return the model that a configuration describes, built, with weights drawn from the seed.

    Args:
        config: networks, latent blocks, likelihood; `auto` is settled first, the objective's too.
        spec: the data's shape and support.
        seed: root of initial weights and of the latent layers' streams.
        objective: its settings; default: the ELBO.
        precision: Keras dtype policy of the networks; latents and likelihood stay in float32.

    Raises:
        UserValueError: a part does not suit the data, or the objective needs other blocks.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(4, 4, 1), value_support="binary")
        >>> vae = build_vae(ModelConfig.model_validate({"latents": [{"kind": "gaussian", "size": 2}]}), spec)
        >>> vae.event_shape, vae.latent.size
        ((4, 4, 1), 2)
    """
    config = settle_model(config, spec)
    network = build("network", config.network, spec)
    latent = join_blocks([build("latent", block, spec, seed=seed) for block in config.latents])
    likelihood = build("likelihood", config.likelihood, spec, seed=seed)
    bound = build("objective", objective or "elbo", spec)
    if bound.is_auto:
        bound = build("objective", settle_objective(read("objective", "auto"), config, spec), spec)
    with _dtype_policy(precision), initial_weights(seed):
        network.check_latent(latent, likelihood.event_shape)
        encoder = _encoder(network, latent, likelihood)
        decoder = network.decoder(latent.size, likelihood.params_shape)
        try:
            bound.check(latent)
        except ValueError as error:
            raise UserValueError(f"objective.kind {bound.kind}: {error}") from error
        return VAE(encoder, latent, decoder, likelihood, objective=bound)


def _encoder(network: Any, latent: Any, likelihood: Any) -> keras.Model:
    """Return the encoder of what the likelihood shows it of x."""
    x = keras.Input(likelihood.event_shape, name="x")
    seen = likelihood.seen(x)
    encoder = network.encoder(tuple(seen.shape[1:]), latent.params_size - latent.num_labels, latent.num_labels)
    if seen is x:
        return encoder
    labels = [keras.Input(tensor.shape[1:], name=tensor.name) for tensor in encoder.inputs[1:]]
    return keras.Model([x, *labels] if labels else x, encoder([seen, *labels] if labels else seen), name="encoder")


@contextmanager
def _dtype_policy(precision: str) -> Iterator[None]:
    """Make layers in a precision, and restore Keras' global policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
