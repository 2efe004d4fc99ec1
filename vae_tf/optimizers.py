"""Adam with TensorFlow's fused kernel: the same formula as Keras' own, in one pass over the weights instead of ten."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from vae_tf.replicas import num_replicas

__all__ = ["FusedAdam", "WeightAverage"]


@keras.saving.register_keras_serializable("vae_tf")
class FusedAdam(keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015, algorithm 1, with the epsilon of its section 2's last paragraph).

    On CPUs the element-wise operations of Keras' version cost more than the matrix products of a small model. Takes what
    `keras.optimizers.Adam` takes, but for `amsgrad`.

    Example:
        >>> weight = keras.Variable([1.0])
        >>> FusedAdam(learning_rate=0.1).apply([tf.constant([2.0])], [weight])
        >>> round(float(weight.numpy()[0]), 4)
        0.9
    """

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Add up the gradients of all replicas, then clip the sum, then update: Keras would clip every replica's own."""
        if num_replicas() > 1:
            grads = _sum_over_replicas(grads)
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        """Do nothing: see `apply`."""
        return grads_and_vars

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update one variable and its moments."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.constant(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.constant(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),
        )

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        """Update the weights' moving average, of the last steps only while there are few: the first weights are no part of it.

        The momentum is at most (1 + t) / (10 + t) at step t, as TensorFlow 1's ExponentialMovingAverage with `num_updates`.
        """
        if not self.use_ema:
            return
        step = tf.cast(self.iterations.value, tf.float32)
        momentum = tf.minimum(tf.constant(self.ema_momentum, tf.float32), (1.0 + step) / (10.0 + step))
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            average.assign(momentum * average.value + (1.0 - momentum) * variable.value)


class WeightAverage(keras.callbacks.Callback):
    """Puts the weights' moving average into the model whenever it is measured or saved, and the weights back to train on.

    Keras' own `SwapEMAWeights` does not know of a training that goes on: after a restart the average is what was saved.

    Args:
        is_in_model: whether the model holds the average now, as a restored checkpoint does.
    """

    def __init__(self, is_in_model: bool) -> None:
        super().__init__()
        self.is_in_model = is_in_model

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Give the weights back."""
        if self.is_in_model:
            self._swap()

    def on_test_begin(self, logs: Any = None) -> None:
        """Put the average in."""
        if not self.is_in_model:
            self._swap()

    def _swap(self) -> None:
        optimizer = self.model.optimizer
        for variable, average in zip(self.model.trainable_variables, optimizer._model_variables_moving_average, strict=True):
            kept = tf.identity(variable.value)
            variable.assign(average.value)
            average.assign(kept)
        self.is_in_model = not self.is_in_model


def _sum_over_replicas(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return every tensor summed over all replicas, sent as one: workers wait for each other once a step."""
    flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
    total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, flat)
    parts = tf.split(total, [tf.size(tensor) for tensor in tensors])
    return [tf.reshape(part, tf.shape(tensor)) for part, tensor in zip(parts, tensors, strict=True)]
