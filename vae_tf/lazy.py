"""Packages whose names are imported when they are first used, so that a light part of one answers without TensorFlow."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return what a package takes for its `__getattr__` (PEP 562).

    Args:
        package: its full name.
        modules: each of its names to the module of the package that has it.

    Raises:
        AttributeError: when called, by the returned function: the package has no such name.

    Example:
        >>> find = lazy_names("json", {"JSONDecoder": "decoder", "JSONEncoder": "encoder"})
        >>> find("JSONEncoder").__module__
        'json.encoder'
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return find
