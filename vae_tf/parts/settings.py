"""Settings: what a configuration says of a part, made of the constructor's signature; and the way from there to the part."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, create_model, model_validator
from pydantic_core import PydanticCustomError

from vae_tf.errors import UserValueError
from vae_tf.parts.base import arguments
from vae_tf.parts.known import SLOTS, kinds

__all__ = [
    "GIVEN",
    "UNREAD",
    "Bound",
    "Frozen",
    "Settings",
    "build",
    "fittest",
    "given_names",
    "is_given",
    "long_form",
    "read",
    "settings_of",
]

GIVEN = "given"
"""Marks an argument that is no setting; see `vae_tf.parts.types.Given`."""
UNREAD = {"parts": "unread"}
"""Validation context in which parts stay what was written, so that TensorFlow is not needed."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


class Frozen(BaseModel):
    """A frozen piece of the configuration: no unknown keys, no later change."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def place(cls) -> dict[str, str]:
        """Return what a message about an unknown key needs to know: of a part's settings its `slot` and `kind`."""
        return {}

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        unknown = [key for key in data if key not in cls.model_fields] if isinstance(data, Mapping) else []
        if unknown:
            known = ", ".join(cls.model_fields)
            told = {"key": str(unknown[0]), "known": known, **cls.place()}
            raise PydanticCustomError("unknown_key", "{key} is no key of {known}", told)
        return data


class Settings(Frozen):
    """The settings of one part.

    Attributes:
        part: its class.
        kind: its word.
    """

    part: ClassVar[Any]
    kind: str = ""

    @classmethod
    def place(cls) -> dict[str, str]:
        """Return the part's slot and kind."""
        return {"slot": cls.part.slot, "kind": cls.part.kind}

    @model_validator(mode="after")
    def _go_together(self) -> "Settings":
        self.part.check_settings(self)
        return self


@cache
def settings_of(part: Any) -> type[Settings]:
    """Return the settings of a part: a pydantic model with a field for every argument of the constructor that is not given.

    Raises:
        TypeError: an argument has no annotation.

    Example:
        >>> from vae_tf.parts.known import find
        >>> settings_of(find("prior", "mixture"))(num_components=3).model_dump()
        {'kind': 'mixture', 'num_components': 3}
    """
    fields: dict[str, Any] = {"kind": (Literal[part.kind], part.kind)}
    for name, one in arguments(part).items():
        if one.annotation is one.empty:
            raise TypeError(f"{part.__name__}: the argument {name!r} must have an annotation: it is a setting's type.")
        if not is_given(one.annotation):
            fields[name] = (one.annotation, ... if one.default is one.empty else one.default)
    model = create_model(part.__name__, __base__=Settings, __doc__=part.__doc__, **fields)
    model.part = part
    return model


def is_given(annotation: Any) -> bool:
    """Return whether an argument of that annotation is given, not set."""
    return GIVEN in get_args(annotation)[1:]


def given_names(part: Any) -> dict[str, bool]:
    """Return the arguments of a part's constructor that are given, and whether each has to be."""
    found = {name: one for name, one in arguments(part).items() if is_given(one.annotation)}
    return {name: one.default is one.empty for name, one in found.items()}


def read(
    slot: str,
    value: Any,
    accepts: Callable[[Any], bool] = lambda part: True,
    info: ValidationInfo | None = None,
    fill: Callable[[Any, dict[str, Any]], dict[str, Any]] = lambda part, written: written,
) -> Any:
    """Read what stands for a part in a configuration: a mapping with a kind, a kind alone, or (for schedules) a number.

    Args:
        slot: where it stands.
        value: what was written; settings stay as they are.
        accepts: which classes may stand there.
        info: of pydantic's validation.
        fill: gives what was written with the defaults of the place, where those are not the part's own.

    Raises:
        ValueError: as pydantic's validators do; the message is made in `vae_tf.config.validation`.

    Example:
        >>> read("schedule", 0.5).model_dump()
        {'kind': 'constant', 'value': 0.5}
    """
    if info is not None and info.context == UNREAD:
        return value
    known = {kind: part for kind, part in kinds(slot).items() if accepts(part)}
    listed = ", ".join(map(repr, known))
    written = value.model_dump(mode="json") if isinstance(value, Settings) else long_form(slot, value)
    if not isinstance(written, dict):
        raise PydanticCustomError("no_mapping", "must be a mapping of keys to values")
    if "kind" not in written:
        raise PydanticCustomError("no_kind", "must say its kind, one of {kinds}", {"kinds": listed})
    if written["kind"] not in known:
        raise PydanticCustomError(
            "unknown_kind", "must have one of the kinds {kinds}", {"kinds": listed, "kind": repr(written["kind"])}
        )
    part = known[written["kind"]]
    return settings_of(part).model_validate(fill(part, written))


def long_form(slot: str, value: Any) -> Any:
    """Write a name or a number out; YAML 1.1 reads `1e-3` as text, for want of a dot."""
    number = SLOTS[slot].number
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and (is_number or (isinstance(value, str) and _NUMBER.fullmatch(value))):
        return {"kind": number, "value": value}
    return {"kind": value} if isinstance(value, str) else dict(value) if isinstance(value, Mapping) else value


def fittest(slot: str, data: Any) -> Settings:
    """Return the settings of the part of a slot that suits the data best: what `auto` means.

    Args:
        slot: where it stands.
        data: the DatasetSpec.
    """
    part = max(kinds(slot).values(), key=lambda one: one.fitness(data))
    chosen = {name: choice.value for name, choice in part.choose(data).items()}
    settings: Settings = part.settle(settings_of(part)(**chosen), data)
    return settings


@dataclass(frozen=True)
class Bound:
    """Settings of a part inside another one, with the data: the owner's constructor builds it, giving what it alone knows."""

    settings: Settings
    data: Any


def build(slot: str, value: Any, data: Any = None, **given: Any) -> Any:
    """Make a part.

    Args:
        slot: where it stands.
        value: a part, which stays as it is; its Keras configuration; its settings; or what a configuration may say for them.
        data: the DatasetSpec, which gives arguments by name; see `DatasetSpec.given`.
        given: what the owner gives by name.

    Raises:
        UserValueError: the part does not suit the data, or lacks a method.
        ValueError: an argument that must be given is not.

    Example:
        >>> build("prior", "mixture", size=2).num_components
        10
    """
    if isinstance(value, Bound):
        value, data = value.settings, value.data
    if isinstance(value, Mapping) and "class_name" in value:
        import keras

        return keras.saving.deserialize_keras_object(value)
    if not isinstance(value, (Settings, Mapping, str, int, float)):
        return value
    settings = read(slot, value)
    if data is not None:
        settings.part.check_data(data)
    if settings.part.lacking():
        lacking = " and ".join(settings.part.lacking())
        raise UserValueError(f"The {slot} {settings.kind} lacks {lacking}: add that to the class {settings.part.__name__}.")
    values = {name: _bound(getattr(settings, name), data) for name in type(settings).model_fields if name != "kind"}
    offered = {**(data.given if data is not None else {}), **given}
    wanted = given_names(settings.part)
    missing = [name for name, is_needed in wanted.items() if is_needed and name not in offered]
    if missing:
        raise ValueError(f"{slot} {settings.kind} must be given {', '.join(missing)}. Make it of its class instead.")
    return settings.part(**values, **{name: offered[name] for name in wanted if name in offered})


def _bound(value: Any, data: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bound(one, data) for key, one in value.items()}
    return Bound(value, data) if isinstance(value, Settings) else value
