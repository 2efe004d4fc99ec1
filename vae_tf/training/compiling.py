"""The compiled loop: many training steps as one program of XLA, with Keras' `fit` around it."""

import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from vae_tf.draws import drawing_compiled
from vae_tf.errors import UserValueError

__all__ = ["compile_steps", "stack_size"]

_MOST_BYTES = 2**25
"""Of a stack of batches, of which a few wait to be trained on."""
_UNFIT = "unsupported operations when trying to compile"


def stack_size(steps: int, batch_bytes: int) -> int:
    """Return how many batches are handed to the compiled loop at once: of the steps between two returns to Python, a divisor.

    Example:
        >>> stack_size(52, 400_000), stack_size(52, 4_000_000), stack_size(53, 4_000_000)
        (52, 4, 1)
    """
    fitting = max(1, _MOST_BYTES // max(1, batch_bytes))
    return max(n for n in range(1, steps + 1) if steps % n == 0 and n <= fitting)


def compile_steps(
    model: keras.Model, steps: int, stacked: int, prepare: Callable[[Any], Any] = lambda element: element
) -> None:
    """Let `fit` make so many training steps in one go as one compiled loop, over batches that come in stacks.

    Keras compiles a single step, and goes back to TensorFlow between two: weights and moments leave the program and enter it
    again. Here the loop is in the program. Everything that `train_step` reads and writes, weights, moments, counters and
    metrics, stays there until the loop is over; what it writes is what a loop outside would have written, but for rounding and
    for random numbers, which XLA draws in its own way.

    Args:
        model: compiled by Keras, with `steps_per_execution=steps`; its train function is replaced.
        steps: of one go.
        stacked: batches of every element that `fit` reads, [stacked, B, ...]; divides `steps`.
        prepare: makes of one of these what `train_step` takes, within the loop.

    Raises:
        UserValueError: in the first step: an operation is none that XLA knows.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse", steps_per_execution=4)
        >>> compile_steps(model, steps=4, stacked=2)
        >>> batches = tf.data.Dataset.from_tensors((tf.ones([8, 1]), tf.ones([8, 1]))).repeat()
        >>> model.fit(batches.batch(2), steps_per_epoch=8, verbose=0, shuffle=False).params["steps"]
        8
    """

    @tf.function(jit_compile=True, autograph=False)
    def run(stack: Any) -> None:
        def step(number: tf.Tensor) -> tuple[tf.Tensor]:
            model.train_step(prepare(tf.nest.map_structure(lambda batches: batches[number], stack)))
            return (number + 1,)

        with drawing_compiled():
            tf.while_loop(lambda number: number < stacked, step, (tf.constant(0),))

    @tf.function(autograph=False)
    def go(iterator: Any) -> dict[str, tf.Tensor]:
        def part(number: tf.Tensor) -> tuple[tf.Tensor]:
            run(iterator.get_next())
            return (number + stacked,)

        tf.while_loop(lambda number: number < steps, part, (tf.constant(0),))
        return model.get_metrics_result()

    model.train_function = _named(go)


def _named(go: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the function with XLA's refusal in words."""

    def train(iterator: Any) -> Any:
        try:
            return go(iterator)
        except tf.errors.InvalidArgumentError as error:
            if _UNFIT not in str(error):
                raise
            raise UserValueError(
                f"The training step cannot be compiled: XLA does not know {_unknown(str(error))}. "
                "Train without: --set training.jit_compile=false."
            ) from error

    return train


def _unknown(message: str) -> str:
    """Return the names of the operations that XLA did not know.

    Example:
        >>> _unknown("on XLA_CPU_JIT: AsString (No registered 'AsString' OpKernel for XLA_CPU_JIT devices")
        'AsString'
    """
    return ", ".join(dict.fromkeys(re.findall(r"\(No registered '(\w+)'", message))) or "one of its operations"
