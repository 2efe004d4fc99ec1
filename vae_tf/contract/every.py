"""What all parts promise: settings that can be written and read, a Keras configuration, a docstring."""

import json
from typing import Any

import keras
import yaml

from vae_tf.contract.case import Case
from vae_tf.contract.finding import Finding, Promises, leave_out, require
from vae_tf.parts.base import arguments
from vae_tf.parts.registry import check_defaults
from vae_tf.parts.settings import read

__all__ = ["ESSENTIAL", "INSTANCE", "MADE", "SETTINGS", "left_to_the_base"]


def _methods(case: Case) -> None:
    lacking = case.part.lacking()
    leave_out(lacking and case.is_by_settings and case.stand_in, "it only chooses another part.")
    require(not lacking, f"the class lacks {' and '.join(lacking)}: add that.")


def _docstring(case: Case) -> None:
    text = (vars(case.part).get("__doc__") or "").strip()
    require(text, "the class has no docstring: its first line is what lists of parts show.")
    require("\n" not in text.split("\n\n")[0].strip(), "the docstring must begin with one line, then an empty one.")


def _defaults(case: Case) -> None:
    check_defaults(case.part)
    _ = case.settings


def _round_trip(case: Case) -> None:
    slot, settings = case.part.slot, case.settings
    written = settings.model_dump(mode="json")
    for form, text in (("JSON", json.loads(json.dumps(written))), ("YAML", yaml.safe_load(yaml.safe_dump(written)))):
        again = read(slot, text)
        require(again == settings, f"settings written as {form} and read again are {again!r}, they were {settings!r}.")


def _made(case: Case) -> None:
    if case.is_by_settings and case.stand_in:
        return
    _ = case.instance


def _attributes(case: Case) -> None:
    instance = case.instance
    held = {name: case.part.stored_as.get(name, name) for name in arguments(case.part)}
    missing = [name for name, attribute in held.items() if not hasattr(instance, attribute)]
    require(
        not missing,
        f"{', '.join(missing)} of the constructor: no attribute of that name. Set it, or say in `stored_as` where it is.",
    )
    if case.is_by_settings:
        again = type(instance)(**{name: getattr(instance, attribute) for name, attribute in held.items()})
        changed = [name for name, attribute in held.items() if _differ(getattr(instance, attribute), getattr(again, attribute))]
        require(not changed, f"{', '.join(changed)}: the attribute holds another value than was given; keep what was given.")


def _differ(first: Any, second: Any) -> bool:
    plain = (int, float, str)
    return isinstance(first, plain) and isinstance(second, plain) and first != second


def _configuration(case: Case) -> None:
    leave_out(not hasattr(case.part, "from_config"), f"Keras saves no {case.part.slot}.")
    instance = case.instance
    keys = set(instance.get_config())
    require(
        keys == set(arguments(case.part)),
        f"get_config must give the constructor's arguments, {', '.join(arguments(case.part))}. It gives {', '.join(keys)}.",
    )
    written = keras.saving.serialize_keras_object(instance)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(written)))
    require(type(again) is type(instance), f"Keras reads a {type(again).__name__} back.")
    require(keras.saving.serialize_keras_object(again) == written, "what Keras saves is not what it saves after reading it.")


SETTINGS: Promises = {
    "defaults are valid": _defaults,
    "settings survive JSON and YAML": _round_trip,
    "docstring": _docstring,
}
MADE: Promises = {"has the methods of its slot": _methods, "can be made": _made}
ESSENTIAL = {"defaults are valid", *MADE}
"""Promises without which there is nothing to check."""
INSTANCE: Promises = {"settings are attributes": _attributes, "configuration survives Keras": _configuration}


def left_to_the_base(case: Case) -> list[Finding]:
    """Return what is done without each optional method that the class does not have."""
    lacks = ((name, use) for name, use in case.part.optional.items() if not case.part.has_own(name))
    return [Finding(name, None, f"no {name!r} of its own: {use}.") for name, use in lacks]
