"""What everything in a model promises: finite training, and a saved model that is the same."""

import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_tf.contract.case import Case
from vae_tf.contract.finding import require
from vae_tf.models.vae import VAE

__all__ = ["check_batches", "check_saved", "check_step", "check_training"]


def check_training(case: Case) -> None:
    """Check a training step of the part's own model."""
    check_step(case.vae, case.inputs)


def check_step(vae: VAE, inputs: Any) -> None:
    """Check that one training step has a finite loss and finite gradients, some for the encoder and some for the decoder.

    Raises:
        BrokenPromiseError: it has not.
    """
    x = inputs[0] if isinstance(inputs, tuple) else inputs
    with tf.GradientTape() as tape:
        params = vae(inputs, training=True)
        loss = vae.compute_loss(x=inputs, y=x, y_pred=params)
    require(np.isfinite(float(loss)), f"the loss of a training step is {float(loss)}.")
    weights = vae.trainable_variables
    gradients = dict(zip((weight.path for weight in weights), tape.gradient(loss, [w.value for w in weights]), strict=True))
    wrong = [path for path, gradient in gradients.items() if gradient is not None and not np.all(np.isfinite(_dense(gradient)))]
    require(not wrong, f"the gradient is not finite: {', '.join(wrong[:3])}.")
    for network in (vae.encoder, vae.decoder):
        is_felt = any(gradients[weight.path] is not None for weight in network.trainable_variables)
        require(is_felt, f"no gradient reaches the {network.name}: something on the way cannot be differentiated.")


def _dense(gradient: Any) -> np.ndarray:
    return tf.convert_to_tensor(gradient).numpy()


def check_batches(case: Case) -> None:
    """Check that one graph of the model takes batches of any size.

    Raises:
        BrokenPromiseError: it does not.
    """
    vae, inputs = case.vae, case.inputs
    signature = tf.nest.map_structure(lambda one: tf.TensorSpec([None, *one.shape[1:]], one.dtype), inputs)
    graph = tf.function(lambda batch: vae(batch, training=True), input_signature=[signature], autograph=False)
    for num in (6, 1, 3):
        rows = graph(tf.nest.map_structure(lambda one, num=num: one[:num], inputs)).shape[0]
        require(rows == num, f"a graph for any batch size gives {rows} rows for {num} examples: do not fix the batch's size.")


def check_saved(case: Case) -> None:
    """Check that a saved model comes back with the same configuration, outputs and next draws.

    Raises:
        BrokenPromiseError: it does not.
    """
    vae, inputs = case.model(), case.inputs
    vae.train_on_batch(inputs)
    vae(inputs, training=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        vae.save(path)
        again = keras.saving.load_model(path)
    for name in ("latent", "likelihood", "objective"):
        before, after = (json.dumps(getattr(one, name).get_config()) for one in (vae, again))
        require(before == after, f"the {name} of a saved model has another configuration: {after}, was {before}.")
    x, labels = inputs if isinstance(inputs, tuple) else (inputs, None)
    same = np.array_equal(again.reconstruct(x, labels), vae.reconstruct(x, labels))
    require(same, "a saved model reconstructs differently: make weights with `add_weight` or layers in `build`.")
    values, restored = vae.latent.scheduled_values(), again.latent.scheduled_values()
    require(values == restored, f"a saved model's schedules are at {restored}, they were at {values}.")
    for training in (True, False, True):
        same = np.array_equal(again(inputs, training=training), vae(inputs, training=training))
        require(same, "a saved model's next draws are others: draw by the seed that is given, and keep no state but weights.")
