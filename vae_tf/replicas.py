"""What layers must know of the replicas that train a model together: how many there are, and which of them this one is.

N replicas compute what one would: the rows of a batch are cut into N equal parts, every replica draws for the whole batch and
keeps its own rows, and losses and gradients are means over all. Outside `tf.distribute` there is one replica, and every
function here gives back what it was given.
"""

from typing import Any

import keras
import tensorflow as tf

__all__ = ["all_rows", "fold_in_replica", "make_own", "num_replicas", "own_rows"]


def num_replicas() -> int:
    """Return how many replicas train together.

    Example:
        >>> num_replicas()
        1
    """
    context = tf.distribute.get_replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def _number() -> Any:
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def all_rows(own: tf.Tensor) -> tf.Tensor:
    """Put a replica's rows [B, ...] in their place among the rows of all, [N * B, ...]; the others' are zeros.

    Example:
        >>> all_rows(tf.ones([2, 3])).shape.as_list()
        [2, 3]
    """
    if num_replicas() == 1:
        return own
    before, count = _number(), tf.shape(own)[0]
    rows = [[count * before, count * (num_replicas() - 1 - before)]]
    return tf.pad(own, tf.concat([rows, tf.zeros([len(own.shape) - 1, 2], tf.int32)], axis=0))


def own_rows(everyone: tf.Tensor) -> tf.Tensor:
    """Cut a replica's rows [B, ...] out of the rows of all, [N * B, ...].

    Example:
        >>> own_rows(tf.range(3)).numpy().tolist()
        [0, 1, 2]
    """
    if num_replicas() == 1:
        return everyone
    count = tf.shape(everyone)[0] // num_replicas()
    return everyone[_number() * count : (_number() + 1) * count]


def fold_in_replica(seed: Any) -> Any:
    """Return a stateless seed of the replica's own.

    Example:
        >>> fold_in_replica([3, 4])
        [3, 4]
    """
    return seed if num_replicas() == 1 else tf.random.experimental.stateless_fold_in(seed, _number())


def make_own(name: str, dtype: str = "float32", initializer: Any = "zeros", shape: tuple[int, ...] = ()) -> keras.Variable:
    """Make a number, or an array, that every replica advances by itself, a counter or a moving average; the first's is saved.

    A weight would be advanced by all at once. The replicas of one process would wait for each other there, in the middle of a
    layer's call, and the losses that layers add would get mixed up.

    Example:
        >>> int(make_own("step", "int64").numpy())
        0
    """
    settings = {"trainable": False, "aggregation": "only_first_replica", "synchronization": "on_read"}
    return keras.Variable(initializer, shape=shape, dtype=dtype, name=name, **settings)
