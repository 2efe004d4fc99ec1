"""Settings in words: what may stand there, and the default as a configuration would have it."""

import types
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import GroupedMetadata
from pydantic.fields import FieldInfo

from vae_tf.parts.known import SLOTS, find
from vae_tf.parts.settings import Settings, read
from vae_tf.parts.types import Name, OrAuto, PartLike

__all__ = ["default_text", "type_text"]

_PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "anything"}
_BOUNDS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
_LISTS = (tuple, list, set, frozenset)
_NAME = "name of a-z, 0-9 and _"


def type_text(annotation: Any, many: bool = False) -> str:
    """Return what may stand for a setting, for people.

    Args:
        annotation: of the constructor's argument.
        many: whether several of it are spoken of.

    Example:
        >>> from vae_tf.parts.types import PositiveInt, PriorLike
        >>> type_text(tuple[PositiveInt, ...])
        'list of whole numbers >= 1'
        >>> type_text(PriorLike), type_text(Literal["none", "batch"] | None)
        ('a prior', 'one of none, batch; or null')
    """
    if annotation == Name:
        return _plural(_NAME, many)
    if annotation in _PLAIN:
        return _plural(_PLAIN[annotation], many)
    writer = _WRITERS.get(get_origin(annotation))
    return writer(annotation, many) if writer else _plural(getattr(annotation, "__name__", str(annotation)), many)


def _plural(text: str, many: bool) -> str:
    """Put the noun of a text, which is the word before ` of `, or else the last, into the plural."""
    if not many or text in ("anything", "true or false"):
        return text
    noun, of, rest = text.partition(" of ")
    return f"{noun}s{of}{rest}"


def _annotated(annotation: Any, many: bool) -> str:
    inner, *marks = get_args(annotation)
    marks = list(_flat(marks))
    part = next((mark for mark in marks if isinstance(mark, PartLike)), None)
    if part:
        return part.text(many)
    text = type_text(inner, many)
    bounds = [f"{sign} {_scalar(limit)}" for key, sign in _BOUNDS for limit in _limits(marks, key)]
    base, null, _ = text.partition("; or null")
    auto = " or auto" if any(isinstance(mark, OrAuto) for mark in marks) else ""
    return f"{base} {' and '.join(bounds)}".rstrip() + _lengths(marks) + auto + null


def _flat(marks: Any) -> Iterator[Any]:
    """Give the marks of an annotation one by one; pydantic's and annotated-types' groups are opened."""
    for mark in marks:
        if isinstance(mark, FieldInfo):
            yield from _flat(mark.metadata)
        elif isinstance(mark, GroupedMetadata):
            yield from _flat(mark)
        else:
            yield mark


def _limits(marks: list[Any], key: str) -> list[Any]:
    return [limit for mark in marks if (limit := getattr(mark, key, None)) is not None]


def _lengths(marks: list[Any]) -> str:
    words = (("min_length", "at least"), ("max_length", "at most"))
    said = [f"{word} {limit}" for key, word in words for limit in _limits(marks, key)]
    return f", {' and '.join(said)}" if said else ""


def _choice(annotation: Any, many: bool) -> str:
    """Write a Literal."""
    listed = ", ".join(_scalar(value) for value in get_args(annotation))
    return f"{'any' if many else 'one'} of {listed}"


def _listed(annotation: Any, many: bool) -> str:
    items = get_args(annotation)
    if get_origin(annotation) is tuple and items[-1] is not Ellipsis:
        return f"{_plural('list', many)} of {len(items)}: {', '.join(map(type_text, items))}"
    return f"{_plural('list', many)} of {type_text(items[0], many=True)}"


def _mapping(annotation: Any, many: bool) -> str:
    key, value = get_args(annotation)
    names = "names" if key is str else type_text(key, many=True)
    return f"{_plural('mapping', many)} of {names} to {type_text(value, many=True)}"


def _union(annotation: Any, many: bool) -> str:
    inner = [one for one in get_args(annotation) if one is not type(None)]
    null = "; or null" if len(inner) < len(get_args(annotation)) else ""
    return " or ".join(type_text(one, many) for one in inner) + null


_WRITERS: dict[Any, Callable[[Any, bool], str]] = {
    **dict.fromkeys(_LISTS, _listed),
    Annotated: _annotated,
    Literal: _choice,
    dict: _mapping,
    Union: _union,
    types.UnionType: _union,
}


def default_text(annotation: Any, default: Any) -> str:
    """Return a default as a person would write it in a configuration; a schedule in a short form.

    Example:
        >>> from vae_tf.parts.types import KL_WARM_UP, PriorLike, ScheduleLike
        >>> default_text(tuple[int, ...], (32, 64)), default_text(float, 1e-5), default_text(bool | None, None)
        ('[32, 64]', '0.00001', 'null')
        >>> default_text(ScheduleLike, KL_WARM_UP), default_text(PriorLike, "standard")
        ('linear, 0 to 1 in auto steps', 'standard')
    """
    part = next((mark for mark in get_args(annotation)[1:] if isinstance(mark, PartLike)), None)
    return _part(part.slot, default) if part and default is not None else _scalar(default)


def _scalar(value: Any) -> str:
    """Return a value of plain types as YAML has it."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_scalar(one)}' for key, one in value.items())}}}"
    return str(value) if value != "" else '""'


def _part(slot: str, value: Any) -> str:
    """Return a part by its kind, and by those of its settings that are not the kind's own defaults."""
    settings = read(slot, value)
    fields = {name: field for name, field in type(settings).model_fields.items() if name != "kind"}
    number = SLOTS[slot].number
    if number and settings.part is find(slot, number):
        return _scalar(settings.value)
    said = [settings.kind]
    if {"start", "stop", "steps"} <= set(fields):
        said.append(f"{_scalar(settings.start)} to {_scalar(settings.stop)} in {settings.steps} steps")
        fields = {name: field for name, field in fields.items() if name not in ("start", "stop", "steps")}
    for name, field in fields.items():
        own = getattr(settings, name)
        if own != field.default and not isinstance(own, Settings):
            said.append(f"{name} {_scalar(own)}")
    return ", ".join(said)
