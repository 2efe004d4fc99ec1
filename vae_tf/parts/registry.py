"""`register`: a class becomes a part, and what it must be for that, told where it stands."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from vae_tf.parts.base import arguments
from vae_tf.parts.known import SLOTS, add, kinds
from vae_tf.parts.settings import is_given, settings_of

__all__ = ["check_class", "check_defaults", "register"]

_Class = TypeVar("_Class", bound=type)
_RESERVED = {"kind", "part", *dir(BaseModel)}


def check_class(part: Any, kind: str) -> None:
    """Check a class that is to become a part of a user's own.

    Raises:
        TypeError: it has none of the bases, or an argument has no annotation.
        ValueError: the kind is taken or no name, an argument's name is reserved, or a default breaks its own type.
    """
    slot = getattr(part, "slot", "")
    if not isinstance(part, type) or slot not in SLOTS:
        bases = ", ".join(one.base.rpartition(".")[2] for one in SLOTS.values())
        raise TypeError(f"@register({kind!r}) is for subclasses of {bases} of vae_tf.parts. Received: {part!r}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind):
        raise ValueError(f"A kind must be lower-case letters, digits and underscores, a letter first. Received: {kind!r}.")
    taken = kinds(slot).get(kind)
    if taken is not None and (taken.__module__, taken.__qualname__) != (part.__module__, part.__qualname__):
        raise ValueError(f"The {slot} {kind!r} of {part.__name__} is taken, by {taken.__module__}. Choose another kind.")
    for name in arguments(part):
        if name in _RESERVED:
            raise ValueError(f"{part.__name__}: an argument may not be called {name!r}. Choose another name.")
    named: Any = part
    named.kind = kind
    settings_of(named)
    check_defaults(part)


def check_defaults(part: Any) -> None:
    """Check that the defaults of a part's settings are of their own types.

    Raises:
        ValueError: one is not.
    """
    for name, one in arguments(part).items():
        if one.default is one.empty or is_given(one.annotation):
            continue
        try:
            TypeAdapter(one.annotation).validate_python(one.default)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise ValueError(
                f"{part.__name__}: the default of {name!r} breaks its type: {reason}. Received: {one.default!r}."
            ) from error


def register(kind: str) -> Callable[[_Class], _Class]:
    """Make a class known by a kind: a word of the configuration, in the slot of its base class.

    The constructor's annotated arguments become its settings; their types (pydantic's give ranges) are checked before anything
    runs, their defaults are those of the configuration. Arguments annotated `Given[...]` are no settings: the data, the run or
    the owner give them by name (`event_shape`, `num_labels`, `num_levels`, `num_tokens`, `value_support`, `is_bounded`, `seed`;
    to a prior `size`). Keras saves the class by its name.

    Args:
        kind: letters, digits and underscores; a letter first.

    Returns:
        The decorator; it gives the class back.

    Raises:
        TypeError: the class has none of the bases, or an argument has no annotation.
        ValueError: the kind is taken or no name, or a default breaks its own type.
    """

    def decorate(part: _Class) -> _Class:
        is_ours = part.__module__.startswith("vae_tf.")
        if not is_ours:
            check_class(part, kind)
        family: Any = part
        family.kind = kind
        add(family.slot, kind, part)
        if hasattr(part, "get_config"):
            import keras

            keras.saving.register_keras_serializable("vae_tf" if is_ours else "parts")(part)
        return part

    return decorate
