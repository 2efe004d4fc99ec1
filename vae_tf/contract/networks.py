"""What a network promises: an encoder and a decoder of the right shapes."""

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_tf.contract.case import Case, simple_likelihood
from vae_tf.contract.finding import Promises, leave_out, require
from vae_tf.contract.training import check_batches, check_saved, check_training

__all__ = ["PROMISES"]

_PARAMS_SIZE, _SIZE = 5, 3


def _pair(case: Case, spec: Any) -> tuple[keras.Model, keras.Model, tuple[int, ...]]:
    """Return an encoder, a decoder, and the shape that the latter must put out."""
    network, likelihood = case.make(spec), simple_likelihood(spec)
    seen = tuple(likelihood.seen(keras.Input(spec.event_shape)).shape[1:])
    return network.encoder(seen, _PARAMS_SIZE), network.decoder(_SIZE, likelihood.params_shape), likelihood.params_shape


def _shapes(case: Case) -> None:
    for spec in {spec.event_shape: spec for spec in case.specs}.values():
        encoder, decoder, params_shape = _pair(case, spec)
        for num in (3, 1):
            outputs = {
                "encoder": (encoder(_input(encoder, num)), (num, _PARAMS_SIZE)),
                "decoder": (decoder(tf.ones([num, _SIZE])), (num, *params_shape)),
            }
            for name, (value, expected) in outputs.items():
                shape = tuple(value.shape)
                require(shape == expected, f"the {name} for {spec.name} must put out {expected}. Received: {shape}.")


def _input(encoder: keras.Model, num: int) -> tf.Tensor:
    return tf.ones([num, *encoder.inputs[0].shape[1:]])


def _labels(case: Case) -> None:
    network = case.instance
    takes = "num_labels" in inspect.signature(network.encoder).parameters
    leave_out(
        not takes, "not conditional: `encoder` takes no num_labels, so blocks that are told labels cannot be used with it."
    )
    encoder = network.encoder(case.spec.event_shape, _PARAMS_SIZE, num_labels=2)
    num = len(encoder.inputs)
    leave_out(num == 1, "not conditional: `encoder` pays no heed to num_labels, so blocks that are told labels cannot be used.")
    require(num == 2, f"with num_labels the encoder must take (x, one-hot labels). Received: {num} inputs.")
    x = _input(encoder, 2)
    first, second = (encoder([x, tf.one_hot([label, label], 2)]).numpy() for label in (0, 1))
    require(first.shape == (2, _PARAMS_SIZE), f"with labels the encoder must put out {(2, _PARAMS_SIZE)}. It is {first.shape}.")
    require(np.any(first != second), "with num_labels the encoder must see the labels: its output does not depend on them.")


def _precision(case: Case) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder, decoder, _ = _pair(case, case.spec)
    finally:
        keras.config.set_dtype_policy(before)
    outputs = {"encoder": encoder(_input(encoder, 2)), "decoder": decoder(tf.ones([2, _SIZE]))}
    wrong = [f"{name} {value.dtype.name}" for name, value in outputs.items() if value.dtype != tf.float32]
    require(all(bool(tf.reduce_all(tf.math.is_finite(value))) for value in outputs.values()), "outputs must be finite.")
    leave_out(
        bool(wrong),
        f"in mixed precision it puts out {', '.join(wrong)}, which the model casts; for exact numbers give the last layer "
        "dtype='float32'.",
    )


PROMISES: Promises = {
    "shapes": _shapes,
    "takes labels": _labels,
    "float32 outputs in mixed precision": _precision,
    "a graph takes any batch size": check_batches,
    "training step is finite": check_training,
    "a saved model is the same": check_saved,
}
