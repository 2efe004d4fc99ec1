"""What a kept run is asked, whatever the version that opens it: numbers of its model on stored inputs."""

import os

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

NUM_SAMPLES = 3
"""Importance samples an example."""

Arrays = dict[str, np.ndarray]


def answer_model(vae, inputs: Arrays) -> Arrays:
    """Return posteriors, decoded points, draws and the log-probability of every input, none of which changes the model.

    Args:
        vae: the model.
        inputs: x [B, ...], labels [B] and z [N, size].
    """
    x, labels = inputs["x"], inputs["labels"]
    q = vae.encode(x, labels)
    decoded = vae.decode(inputs["z"])
    return {
        **{f"encode/{name}": value.numpy() for name, value in vae.latent.describe(q).items()},
        "encode/mean": vae.latent.mean(q).numpy(),
        "encode/mode": vae.latent.mode(q).numpy(),
        "decode/mean": decoded.mean().numpy(),
        "decode/log_prob": decoded.log_prob(x[: len(inputs["z"])]).numpy(),
        "draw/z": vae.draw(3, (3, 4)).numpy(),
        "draw/cold": vae.draw(3, (5, 6), temperature=0.5).numpy(),
        "generate": vae.generate(3, (1, 2)).numpy(),
    }


def answer_bounds(vae, inputs: Arrays) -> Arrays:
    """Return the bounds of every input and the means over them, with hard draws and with relaxed ones."""
    from vae_tf.evaluation.bounds import BoundEstimates, BoundEstimator

    answers = {}
    for kind in ("hard", "relaxed") if vae.latent.is_relaxed else ("hard",):
        batches = [(inputs["x"], inputs["labels"])]
        examples = BoundEstimator(vae, hard=kind == "hard").per_example(batches, NUM_SAMPLES, (11, 12))
        means = BoundEstimates.from_examples(examples)
        answers |= {
            f"{kind}/negative_elbo": examples.negative_elbo,
            f"{kind}/nll": examples.nll,
            **{f"{kind}/kl_{block}": value for block, value in examples.kl.items()},
            f"{kind}/mean_negative_elbo": np.asarray(means.negative_elbo),
            f"{kind}/mean_nll": np.asarray(np.nan if means.nll is None else means.nll),
        }
    return answers


def answer_objective(vae, inputs: Arrays) -> Arrays:
    """Return the loss of the next two training draws, the gradients' norms, and schedules; it moves the counters."""
    import tensorflow as tf

    x = (inputs["x"], inputs["labels"]) if vae.latent.num_labels else inputs["x"]
    answers = {f"schedule/{name}": np.asarray(float(value)) for name, value in vae.latent.scheduled_values().items()}
    for step in (1, 2):
        with tf.GradientTape() as tape:
            loss = vae.compute_loss(x, y_pred=vae(x, training=True), training=True)
        gradients = [gradient for gradient in tape.gradient(loss, vae.trainable_variables) if gradient is not None]
        answers |= {f"loss/{step}": loss.numpy(), f"gradient/{step}": tf.linalg.global_norm(gradients).numpy()}
    return answers


def answer_signatures(servable, requests: Arrays) -> Arrays:
    """Return a servable's answers, `signature/output`, to requests, `signature/input`."""
    import tensorflow as tf

    answers = {}
    for name in sorted({key.partition("/")[0] for key in requests}):
        request = {key.partition("/")[2]: value for key, value in requests.items() if key.startswith(f"{name}/")}
        tensors = {key: tf.constant(_of_bytes(value)) for key, value in request.items()}
        for key, value in servable.signatures[name](**tensors).items():
            answers[f"{name}/{key}"] = _to_bytes(value.numpy())
    return answers


def _of_bytes(value: np.ndarray) -> np.ndarray:
    """Return byte strings as TensorFlow takes them; npz files hold them in a padded form, without pickles."""
    return value.astype(object) if value.dtype.kind == "S" else value


def _to_bytes(value: np.ndarray) -> np.ndarray:
    return value.astype(np.bytes_) if value.dtype == object else value
