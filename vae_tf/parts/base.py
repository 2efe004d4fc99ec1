"""Part: what everything that has a kind shares."""

import inspect
from typing import Any, ClassVar

from vae_tf.parts.choices import Choice

__all__ = ["Part", "arguments", "is_open"]


def arguments(part: type) -> dict[str, inspect.Parameter]:
    """Return the constructor's arguments by name, annotations as types.

    Example:
        >>> class Wide(Part):
        ...     def __init__(self, width: int = 64) -> None:
        ...         self.width = width
        >>> arguments(Wide)["width"].default
        64
    """
    constructor = part.__init__  # type: ignore[misc]
    if constructor is object.__init__:
        return {}
    found = list(inspect.signature(constructor, eval_str=True).parameters.values())[1:]
    return {one.name: one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}


def is_open(value: Any) -> bool:
    """Return whether a setting is left to the data: `auto`, or a part of that kind.

    Example:
        >>> is_open("auto"), is_open(3)
        (True, False)
    """
    return bool(value == "auto" or getattr(getattr(value, "part", None), "is_auto", False))


class Part:
    """A class that a configuration names by its kind. Its settings are the constructor's arguments, its attributes too.

    Attributes:
        slot: where it stands in a model; the bases say it.
        kind: its word in the configuration; `register` says it.
        stored_as: names of the attributes that hold an argument under another name.
        required: methods that a subclass fills in; of several with a bar between them, one.
        optional: methods that a subclass may fill in, and what is done without.
        is_auto: whether it only stands for what the data decide.
    """

    slot: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    stored_as: ClassVar[dict[str, str]] = {}
    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[dict[str, str]] = {}
    is_auto: ClassVar[bool] = False

    @classmethod
    def has_own(cls, *methods: str) -> bool:
        """Return whether one of the methods is the class's own, not that of the base of the slot."""
        base = next(one for one in cls.__mro__ if "slot" in vars(one))
        return any(getattr(cls, name) is not getattr(base, name) for name in methods)

    @classmethod
    def lacking(cls) -> list[str]:
        """Return the required methods that the class lacks."""
        return [name.replace("|", " or ") for name in cls.required if not cls.has_own(*name.split("|"))]

    def lack(self, method: str) -> str:
        """Return a sentence that says that a method is missing."""
        return f"{type(self).__name__} has no method {method!r}, which is needed here: add it to the class."

    @classmethod
    def check_settings(cls, settings: Any) -> None:
        """Check what the settings' own types cannot say: how they go together.

        Args:
            settings: the validated settings; a nested part's class is `settings.NAME.part`.

        Raises:
            ValueError: they do not; the message begins with the key.
        """

    @classmethod
    def check_data(cls, data: Any) -> None:
        """Check that the part suits the data.

        Args:
            data: the DatasetSpec.

        Raises:
            UserValueError: it does not; the message says what to choose instead.
        """

    @classmethod
    def fitness(cls, data: Any) -> int:
        """Return how well the part suits the data: `auto` takes the greatest; 0: only where it is asked for."""
        return 0

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Return what suits the data better than the constructor's defaults, by setting, each with its reason.

        It is asked where `auto` chose the part, and for settings that are `auto` themselves.
        """
        return {}

    @classmethod
    def because(cls, data: Any) -> str:
        """Return why a part that `is_auto` settles to what it does, in a few words."""
        return f"the first choice for {data.noun}"

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Return the settings with what the data decide filled in: what `choose` knows of, and parts inside that are `auto`."""
        chosen = {name: one.value for name, one in cls.choose(data).items() if is_open(getattr(settings, name, None))}
        for name in type(settings).model_fields:
            inner = getattr(settings, name)
            if name not in chosen and is_open(inner) and hasattr(inner, "part"):
                chosen[name] = inner.part.settle(inner, data)
        return type(settings).model_validate({**settings.model_dump(mode="json"), **chosen}) if chosen else settings

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as Keras saves them."""
        return {name: _saved(getattr(self, self.stored_as.get(name, name))) for name in arguments(type(self))}


def _saved(value: Any) -> Any:
    """Return a value as Keras saves it; parts in it serialised."""
    if isinstance(value, dict):
        return {key: _saved(one) for key, one in value.items()}
    if not isinstance(value, Part):
        return value
    import keras

    return keras.saving.serialize_keras_object(value)
