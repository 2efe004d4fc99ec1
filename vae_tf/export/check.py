"""Compare a SavedModel, run by a process that knows nothing of this package, with the live model."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_tf.errors import UserError
from vae_tf.export import standalone
from vae_tf.export.signature import Signature, example_request
from vae_tf.paths import plain_path
from vae_tf.seeding import derive

__all__ = [
    "TOLERANCE",
    "ServableMismatchError",
    "SignatureCheck",
    "check_servable",
    "compare_answers",
    "precision_of",
    "random_request",
]

_ROWS = 4
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
"""By the type that layers compute in: a bfloat16 has 8 bits, and a graph rounds at other places than a layer alone."""
_CHAIN = 0.02


class ServableMismatchError(UserError):
    """A SavedModel cannot be run alone, or gives other answers than the model it was made from."""


@dataclass(frozen=True)
class SignatureCheck:
    """How one signature compares.

    Attributes:
        name: the signature's name.
        num_rows: rows compared.
        largest_difference: between served and live values, in their own units.
    """

    name: str
    num_rows: int
    largest_difference: float


def random_request(signature: Signature, num_rows: int = _ROWS) -> dict[str, np.ndarray]:
    """Return a request with different rows: examples with noise on numbers, other seeds, some values missing."""
    rng = np.random.default_rng(derive(0, "servable check", signature.name))
    request = example_request(signature, num_rows)
    for name, value in request.items():
        if value.dtype == np.bool_:
            request[name] = rng.random(value.shape) < 0.5
        elif value.dtype.kind in "iu":
            request[name] = rng.integers(0, 256, value.shape).astype(value.dtype)
        elif value.dtype.kind == "f":
            request[name] = value + rng.random(value.shape).astype(value.dtype)
    for field in signature.inputs:
        value = request[field.name]
        if field.others:
            options = [np.asarray(one).item() for one in (field.example, *field.others)]
            value = request[field.name] = rng.choice(np.array(options), num_rows).astype(value.dtype)
        if field.bounds:
            value = request[field.name] = field.bounds.fitted(value)
        if field.gap is not None:
            request[field.name] = np.where(rng.random(value.shape) < 0.5, value, np.asarray(field.gap, value.dtype))
    return request


def precision_of(model: keras.Model) -> str:
    """Return the coarsest type that a model's layers compute in.

    Example:
        >>> precision_of(keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(3, dtype="mixed_bfloat16")]))
        'bfloat16'
    """
    coarse = any(layer.compute_dtype == "bfloat16" for layer in model._flatten_layers())
    return "bfloat16" if coarse else "float32"


def check_servable(path: Path, signatures: Iterable[Signature], precision: str = "float32") -> list[SignatureCheck]:
    """Run every signature in a fresh process and here, and compare.

    Args:
        path: the SavedModel's folder.
        signatures: of the live model.
        precision: of its layers, see `precision_of`.

    Raises:
        ServableMismatchError: the process failed, or an answer differs by more than the precision explains.
    """
    signatures = list(signatures)
    requests = {signature.name: random_request(signature) for signature in signatures}
    served = _run_alone(path, requests)
    return [_compare(signature, requests[signature.name], served, precision) for signature in signatures]


def _run_alone(path: Path, requests: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "requests.npz", Path(folder) / "answers.npz"
        arrays = {f"{name}/{key}": _plain(value) for name, request in requests.items() for key, value in request.items()}
        np.savez(files[0], **arrays)  # type: ignore[arg-type]
        with plain_path(path.resolve()) as plain:
            command = [sys.executable, "-I", standalone.__file__, plain, *map(str, files)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603 - our own
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            reason = lines[-1] if done.returncode > 0 else f"it was ended by signal {-done.returncode}"
            raise ServableMismatchError(f"The SavedModel does not run in a process of its own: {reason}")
        with np.load(files[1]) as answers:
            return {key: answers[key] for key in answers.files}


def _plain(value: np.ndarray) -> np.ndarray:
    """Return strings in a form that npz files hold without pickling."""
    return value.astype(np.bytes_) if value.dtype == object else value


def _compare(
    signature: Signature, request: dict[str, np.ndarray], served: dict[str, np.ndarray], precision: str
) -> SignatureCheck:
    answers = {key.partition("/")[2]: value for key, value in served.items() if key.startswith(f"{signature.name}/")}
    largest = compare_answers(signature, request, answers, precision)
    return SignatureCheck(signature.name, len(next(iter(request.values()))), largest)


def compare_answers(
    signature: Signature, request: dict[str, np.ndarray], answers: dict[str, Any], precision: str = "float32"
) -> float:
    """Compare a servable's answers with the live model's; return the largest difference.

    Imputation draws values that are rounded to levels: where one falls on the other side of an edge for the last digit's
    sake, the chain goes on a little differently. Its answers may differ by 2 % of their range; all others by 1e-4, relative and
    absolute. Where layers compute in bfloat16, all may differ by 2 % of their largest value.

    Raises:
        ServableMismatchError: they differ by more.
    """
    answer_in_graph = tf.function(signature.__call__, autograph=False)  # step by step, chains and samples take far longer
    live = answer_in_graph(*[tf.constant(request[field.name]) for field in signature.inputs])
    largest = 0.0
    for key, value in live.items():
        answer, expected = _plain(np.asarray(answers[key])), _plain(value.numpy())
        if expected.dtype.kind == "S":
            same, difference = np.array_equal(answer, expected), 0.0
        else:
            tolerance = TOLERANCE[precision]
            is_coarse = precision != "float32"
            absolute = tolerance * (float(np.max(np.abs(expected), initial=0.0)) if is_coarse else 1.0)
            chain = _CHAIN * float(np.ptp(expected)) if signature.name.startswith("impute") and expected.size else 0.0
            same = np.allclose(answer, expected, rtol=tolerance, atol=max(absolute, chain), equal_nan=True)
            difference = float(np.max(np.abs(answer - expected), initial=0.0))
        if not same:
            raise ServableMismatchError(
                f"{signature.name} answers otherwise when served: output {key} differs. Nothing was written."
            )
        largest = max(largest, difference)
    return largest
