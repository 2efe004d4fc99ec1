"""GraphFormat: what a file of a signature is that a runtime other than TensorFlow runs."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from vae_tf.export.noise import draws_of
from vae_tf.export.signature import Signature

__all__ = ["GraphFormat", "NotConvertedError", "Session", "first_line", "plain_function"]

Session = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
"""A file that runs: from inputs by name to outputs by name."""


class NotConvertedError(Exception):
    """A format, or its runtime, cannot hold a signature; the message says why."""


class GraphFormat(ABC):
    """A format of files, its converter and its runtime.

    Attributes:
        name: in settings, and of the folder that the files are in.
        suffix: of the files.
        title: for people.
        runtime: for people.
        packages: whose versions the manifest tells.
        tolerance: by how much values may differ where that is more than a servable's: a share of an output's largest.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    title: ClassVar[str]
    runtime: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    tolerance = 0.0

    def check_installed(self) -> None:  # noqa: B027 - what needs no package has nothing to find out
        """Find out whether converter and runtime are there; `UserValueError` where they are not. Default: they are."""

    def about(self) -> dict[str, Any]:
        """Return what the manifest tells of the format."""
        return {"versions": {name: version(name) for name in self.packages}}

    @abstractmethod
    def convert(self, signature: Signature) -> bytes:
        """Return a signature as a file. Values of requests are not checked in it.

        Args:
            signature: a function of tensors [B, ...].

        Raises:
            NotConvertedError: an operation is not one of the format.
        """

    @abstractmethod
    def open(self, content: bytes) -> Session:
        """Return a file that runs.

        Raises:
            NotConvertedError: the runtime does not take it, or, when it is run, does not run it.
        """


def plain_function(signature: Signature, title: str) -> Any:
    """Return a signature's function, traced: its arguments named, without its checks, which no such format can refuse by.

    Raises:
        NotConvertedError: it draws by a seed.
    """

    def endpoint(*tensors: Any) -> Any:
        return signature.function(*tensors)

    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(field.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for field in signature.inputs]
    )
    function, specs = tf.function(endpoint, autograph=False), [field.spec for field in signature.inputs]
    draws = draws_of(function.get_concrete_function(*specs).graph) if "seed" in [spec.name for spec in specs] else []
    if draws:
        raise NotConvertedError(f"{', '.join(draws)}: {title} draws no numbers that follow a seed")
    return function


def first_line(error: Exception) -> str:
    """Return the first line of what an error of a library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
