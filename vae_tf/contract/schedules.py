"""What a schedule promises: a pure function of the step."""

import numpy as np
import tensorflow as tf

from vae_tf.contract.case import Case
from vae_tf.contract.finding import Promises, leave_out, require

__all__ = ["PROMISES"]

_STEPS = (0, 1, 7, 999, 1000, 1_000_000)


def _scalar(case: Case) -> None:
    for step in (3, tf.constant(3, tf.int64)):
        value = case.instance(step)
        require(
            tf.is_tensor(value) and value.dtype == tf.float32, f"it must return a float32 tensor. Received: {_kind(value)}."
        )
        require(value.shape == (), f"it must return a scalar. Received: shape {tuple(value.shape)}.")


def _kind(value: object) -> str:
    return value.dtype.name if isinstance(value, tf.Tensor) else type(value).__name__


def _finite(case: Case) -> None:
    wrong = [step for step in _STEPS if not np.isfinite(float(case.instance(step)))]
    require(not wrong, f"its value must be finite. It is not at the steps {', '.join(map(str, wrong))}.")


def _pure(case: Case) -> None:
    first = [float(case.instance(step)) for step in _STEPS]
    again = [float(case.instance(step)) for step in reversed(_STEPS)][::-1]
    other = case.make()
    require(first == again == [float(other(step)) for step in _STEPS], "its value must depend on the step and settings alone.")


def _graph(case: Case) -> None:
    graph = tf.function(case.instance, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    for step in _STEPS:
        eager, traced = float(case.instance(step)), float(graph(tf.constant(step, tf.int64)))
        require(
            np.isclose(eager, traced, rtol=1e-5), f"at step {step} it is {eager:g}, in a graph {traced:g}: use tf, not Python."
        )


def _weight(case: Case) -> None:
    leave_out(case.part.is_weight, "it is a weight, not a KL weight.")
    vae = case.model()
    vae.train_on_batch(case.x)
    value = vae.latent.scheduled_values()[f"kl_weight_{vae.latent.name}"]
    require(np.isclose(value, float(case.instance(1))), "as a KL weight it is not at step 1 after one training step.")


PROMISES: Promises = {
    "value is a float32 scalar": _scalar,
    "value is finite": _finite,
    "value depends on the step alone": _pure,
    "eager = graph": _graph,
    "works as a KL weight": _weight,
}
