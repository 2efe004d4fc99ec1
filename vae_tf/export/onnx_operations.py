"""Operations of TensorFlow that tf2onnx 1.17 does not know or writes wrongly, from those that ONNX has; and draws.

tf2onnx turns TensorFlow's stateless draws into ONNX's, which draw other numbers at every run: they are not translated here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["operations"]

_DRAWS = ("Normal", "NormalV2", "Uniform", "UniformV2", "UniformInt", "UniformFullInt", "UniformIntV2", "UniformFullIntV2")
_INT64 = 7
"""ONNX's number of the type."""


class _Steps:
    """Writes the steps that replace a node.

    Args:
        graph: of tf2onnx.
        node: what is replaced.
    """

    def __init__(self, graph: Any, node: Any) -> None:
        self._graph, self._node = graph, node
        self.inputs = list(node.input)
        self.dtype = graph.get_dtype(node.output[0])
        self._shapes, self._outputs = node.output_shapes, list(node.output)
        graph.remove_node(node.name)

    def constant(self, value: float) -> str:
        """Return a number of the node's type."""
        from tf2onnx import utils

        array = np.array(value, utils.map_onnx_to_numpy_type(self.dtype))
        return str(self._graph.make_const(utils.make_name("number"), array).output[0])

    def integers(self, values: list[int]) -> str:
        """Return whole numbers, such as axes."""
        from tf2onnx import utils

        return str(self._graph.make_const(utils.make_name("integers"), np.array(values, np.int64)).output[0])

    def step(self, kind: str, *inputs: str, **settings: Any) -> str:
        """Return what an operation of ONNX gives."""
        return str(self._graph.make_node(kind, list(inputs), attr=settings).output[0])

    def end(self, kind: str, *inputs: str, **settings: Any) -> None:
        """Write the last operation, whose output is the node's."""
        self._graph.make_node(
            kind,
            list(inputs),
            attr=settings,
            outputs=self._outputs,
            shapes=self._shapes,
            dtypes=[self.dtype],
            name=self._node.name,
        )


def _expm1(steps: _Steps) -> None:
    """Write exp(x) - 1 = tanh(x / 2) (exp(x) + 1): exact also near 0."""
    (x,) = steps.inputs
    half = steps.step("Tanh", steps.step("Mul", x, steps.constant(0.5)))
    steps.end("Mul", half, steps.step("Add", steps.step("Exp", x), steps.constant(1.0)))


def _log1p(steps: _Steps) -> None:
    """Write log(1 + x) = log(u) x / (u - 1) of the rounded u = 1 + x: exact also near 0 (Kahan; Goldberg 1991, theorem 4)."""
    (x,) = steps.inputs
    one = steps.constant(1.0)
    u = steps.step("Add", x, one)
    rest = steps.step("Sub", u, one)
    is_tiny = steps.step("Equal", rest, steps.constant(0.0))
    safe = steps.step("Where", is_tiny, one, rest)
    steps.end("Where", is_tiny, x, steps.step("Div", steps.step("Mul", steps.step("Log", u), x), safe))


def _erfc(steps: _Steps) -> None:
    """Write 1 - erf(x)."""
    steps.end("Sub", steps.constant(1.0), steps.step("Erf", steps.inputs[0]))


def _multiply_no_nan(steps: _Steps) -> None:
    """Write x y, and 0 where y is 0, whatever x is."""
    x, y = steps.inputs
    zero = steps.constant(0.0)
    steps.end("Where", steps.step("Equal", y, zero), zero, steps.step("Mul", x, y))


def _broadcast_shapes(steps: _Steps) -> None:
    """Write the shape of the sum of two tensors of zeros."""
    zeros = [steps.step("ConstantOfShape", steps.step("Cast", shape, to=_INT64)) for shape in steps.inputs]
    steps.end("Cast", steps.step("Shape", steps.step("Add", *zeros)), to=steps.dtype)


def _select(steps: _Steps) -> None:
    """Write where(condition, x, y); tf2onnx writes sums of products, NaN where either is (onnx/tensorflow-onnx#1199, #1988)."""
    steps.end("Where", *steps.inputs)


def _search(kind: str) -> Callable[["_Steps"], None]:
    """Write how many sorted values [B, N] are less (`Less`), or not greater (`LessOrEqual`), than each of [B, M]."""

    def write(steps: _Steps) -> None:
        ordered, values = steps.inputs
        last = steps.integers([-1])
        pairs = steps.step(kind, steps.step("Unsqueeze", ordered, steps.integers([1])), steps.step("Unsqueeze", values, last))
        counts = steps.step("Cast", pairs, to=_INT64)
        steps.end("Cast", steps.step("ReduceSum", counts, last, keepdims=0), to=steps.dtype)

    return write


def _gather(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Let tf2onnx write a gather whose axis it is told from the front: of -1 among batches it makes no permutation."""
    from tf2onnx import utils
    from tf2onnx.onnx_opset.tensor import GatherV2

    axis, rank = node.inputs[2], graph.get_rank(node.input[0])
    if axis.is_const() and rank is not None and axis.get_tensor_value() < 0:
        front = graph.make_const(utils.make_name("axis"), np.array(axis.get_tensor_value() + rank, np.int32))
        graph.replace_input(node, node.input[2], front.output[0], 2)
    GatherV2.version_12(graph, node)


def _written(write: Callable[[_Steps], None]) -> tuple[Any, list[Any]]:
    def replace(graph: Any, node: Any, name: str, arguments: Any) -> None:
        write(_Steps(graph, node))

    return replace, []


def operations() -> dict[str, tuple[Any, list[Any]]]:
    """Return what tf2onnx is to do with operations, by name: its `custom_op_handlers`."""
    ours: dict[str, Callable[[_Steps], None]] = {
        "Expm1": _expm1,
        "Log1p": _log1p,
        "Erfc": _erfc,
        "MulNoNan": _multiply_no_nan,
        "BroadcastArgs": _broadcast_shapes,
    }
    ours |= {"LowerBound": _search("Less"), "UpperBound": _search("LessOrEqual"), "SelectV2": _select}
    left: dict[str, tuple[Any, list[Any]]] = {f"StatelessRandom{name}": (lambda *_: None, []) for name in _DRAWS}
    return {name: _written(write) for name, write in ours.items()} | left | {"GatherV2": (_gather, [])}
