"""Noise as an input: what a function draws by a seed is given to it instead, so that it runs where there are no such draws."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from vae_tf.errors import UserValueError
from vae_tf.models.samplers import inverted

__all__ = ["NOISE", "RowDraws", "draws_of"]

NOISE = {"normal": "standard normal numbers", "uniform": "numbers drawn evenly from 0 to 1, without 1"}
"""Kinds of noise, and what a client puts there."""
_KINDS = {
    "StatelessRandomNormal": "normal",
    "StatelessRandomNormalV2": "normal",
    "StatelessRandomUniform": "uniform",
    "StatelessRandomUniformV2": "uniform",
    "StatelessMultinomial": "uniform",
}
"""Operations whose draws are functions of noise, and of which kind. Others, such as gamma's, draw until a draw is taken."""
_PICK = "StatelessMultinomial"
_SEEDS = ("StatelessRandomUniformFullInt", "StatelessRandomGet", "StatelessRandomUniformInt")
"""Operations that make seeds of seeds: what they give is no longer wanted."""
_LARGEST = float(np.nextafter(np.float32(1.0), np.float32(0.0)))


def draws_of(graph: Any) -> list[str]:
    """Return the operations of a traced function, and of those that it calls, that draw at random, but for seeds of seeds."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for one in definition.library.function for node in one.node_def)]
    found = {node.op for node in nodes if node.op.startswith("Stateless") and not node.op.startswith(_SEEDS)}
    return sorted(found - {"StatelessIf", "StatelessWhile", "StatelessCase"})


class RowDraws:
    """A function of a seed and of one row's values, and the same as a function of the noise that it draws.

    Args:
        function: seed int32 [2] and tensors of one row -> a tensor.
        specs: of those tensors.

    Attributes:
        sizes: numbers of noise a row, by kind; kinds that are not drawn are not there.

    Raises:
        UserValueError: a draw is no plain function of noise; the message names the operation.

    Example:
        >>> draws = RowDraws(lambda seed, scale: scale * tf.random.stateless_normal([2], seed), [tf.TensorSpec([])])
        >>> draws.sizes
        {'normal': 2}
        >>> draws.of_rows({"normal": tf.constant([[1.0, -1.0]])}, tf.constant([3.0])).numpy().tolist()
        [[3.0, -3.0]]
    """

    def __init__(self, function: Callable[..., tf.Tensor], specs: Sequence[tf.TensorSpec]) -> None:
        seed = tf.TensorSpec([2], tf.int32)
        traced = tf.function(function, [seed, *specs], autograph=False).get_concrete_function()
        # Without variables: what is imported into a vectorised loop cannot read them there.
        self._traced = convert_variables_to_constants_v2(traced, lower_control_flow=False)
        graph = self._traced.graph
        self._definition = graph.as_graph_def()
        self._used = {name if ":" in name else f"{name}:0" for node in self._definition.node for name in node.input}
        self._drawn = [op for op in graph.get_operations() if op.type in _KINDS]
        other = set(draws_of(graph)) - {op.type for op in self._drawn}
        inside = [op.type for op in self._drawn if not op.outputs[0].shape.is_fully_defined()]
        if other or inside:
            raise UserValueError(f"{', '.join(sorted(other) or inside)}: what it draws is no plain function of noise")
        self.sizes: dict[str, int] = {}
        for op in self._drawn:
            self.sizes[_KINDS[op.type]] = self.sizes.get(_KINDS[op.type], 0) + _size(op)

    def of_rows(self, noise: Mapping[str, tf.Tensor], *tensors: tf.Tensor) -> tf.Tensor:
        """Return what the function gives for noise [B, size] of every kind and tensors [B, ...]."""
        own = {kind: noise[kind] for kind in self.sizes}
        if not own:
            return tf.vectorized_map(lambda row: self._of_row({}, row), tensors)
        return tf.vectorized_map(lambda row: self._of_row(*row), (own, tensors))

    def noise_of(self, seeds: tf.Tensor, *tensors: tf.Tensor) -> dict[str, np.ndarray]:
        """Return the noise [B, size], by kind, that the function draws for seeds int32 [B, 2] and tensors [B, ...]."""
        wanted = [name for op in self._drawn for name in (op.outputs[0].name, op.inputs[0].name)]
        specs = [tf.TensorSpec(one.shape[1:], one.dtype) for one in (seeds, *tensors)]
        draw = tf.function(lambda *row: self._run(self._given(row[0], row[1:]), wanted), specs, autograph=False)
        rows = [self._noise_of_row(draw(*(one[row] for one in (seeds, *tensors)))) for row in range(len(seeds))]
        return {kind: np.stack([row[kind] for row in rows]) for kind in self.sizes}

    def _of_row(self, noise: Mapping[str, tf.Tensor], tensors: Sequence[tf.Tensor]) -> tf.Tensor:
        given = self._given(tf.zeros([2], tf.int32), tensors)
        taken = dict.fromkeys(self.sizes, 0)
        for op in self._drawn:
            kind, size = _KINDS[op.type], _size(op)
            part = noise[kind][taken[kind] : taken[kind] + size]
            taken[kind] += size
            drawn = tf.reshape(part, op.outputs[0].shape)
            if op.type == _PICK:
                (logits,) = self._run(given, [op.inputs[0].name])
                drawn = tf.cast(_picked(logits, drawn), op.outputs[0].dtype)
            given[op.outputs[0].name] = drawn
        (found,) = self._run(given, [self._traced.outputs[0].name])
        return found

    def _noise_of_row(self, answer: Sequence[tf.Tensor]) -> dict[str, np.ndarray]:
        """Return the noise of one row, of every draw's output and first input."""
        parts: dict[str, list[np.ndarray]] = {kind: [] for kind in self.sizes}
        for op, drawn, first in zip(self._drawn, answer[::2], answer[1::2], strict=True):
            noise = _uniform_of(first.numpy(), drawn.numpy()) if op.type == _PICK else drawn.numpy()
            parts[_KINDS[op.type]].append(np.ravel(noise).astype(np.float32))
        return {kind: np.concatenate(found) for kind, found in parts.items()}

    def _given(self, seed: tf.Tensor, tensors: Sequence[tf.Tensor]) -> dict[str, Any]:
        """Return what stands for the traced function's own inputs."""
        return dict(zip([one.name for one in self._traced.inputs], (seed, *tensors), strict=True))

    def _run(self, given: Mapping[str, Any], wanted: Sequence[str]) -> list[tf.Tensor]:
        """Compute tensors of the traced graph from others of it."""
        used = {name: value for name, value in given.items() if name in self._used}
        found: list[tf.Tensor] = tf.graph_util.import_graph_def(self._definition, used, list(wanted), name="draws")
        return found


def _size(op: Any) -> int:
    return int(np.prod(op.outputs[0].shape))


def _picked(logits: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Return the classes [R, n] into whose part of the distribution by logits [R, K] noise [R, n] falls."""
    return inverted(logits[:, tf.newaxis], noise)


def _uniform_of(logits: np.ndarray, picked: np.ndarray) -> np.ndarray:
    """Return noise that picks the same: the middle of each class's part."""
    weights = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    reached = np.cumsum(weights / weights.sum(axis=-1, keepdims=True), axis=-1)
    before = np.pad(reached[:, :-1], ((0, 0), (1, 0)))
    return np.minimum(np.take_along_axis((before + reached) / 2, picked, axis=-1), _LARGEST)
