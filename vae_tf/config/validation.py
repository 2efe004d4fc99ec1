"""Validation: settings into a RunConfig, and what is wrong with them in one line."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from vae_tf.config.run import RunConfig
from vae_tf.errors import UserValueError
from vae_tf.parts.known import kinds
from vae_tf.parts.settings import UNREAD, settings_of

__all__ = ["join_path", "message_of", "nearest_name", "read_yaml", "validate_config"]

_MAPPINGS = {"model_type", "model_attributes_type", "dict_type", "no_mapping"}
_SIGNS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", ">="),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "<="),
}
_MOST_VALUES = 100_000
"""In a text of settings, those that aliases name counted as often: ten lines can stand for more than all memory."""


def read_yaml(text: str) -> Any:
    """Read YAML that somebody wrote, as plain data.

    Raises:
        yaml.YAMLError: it is none, or its aliases stand for too many values.
        RecursionError: it is nested too deeply.

    Example:
        >>> read_yaml("{a: &one [1, 2], b: *one}")
        {'a': [1, 2], 'b': [1, 2]}
    """
    found = yaml.safe_load(text)
    left, count = [found], 0
    while left:
        one = left.pop()
        count += 1
        if count > _MOST_VALUES:
            raise yaml.YAMLError(f"its aliases stand for more than {_MOST_VALUES:,} values")
        left += one.values() if isinstance(one, dict) else one if isinstance(one, (list, set, tuple)) else ()
    return found


def join_path(walked: str, part: str) -> str:
    """Return the dotted path of a key below a path.

    Example:
        >>> join_path("", "model"), join_path("model", "latents")
        ('model', 'model.latents')
    """
    return f"{walked}.{part}" if walked else part


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?`, or the list of what is known.

    Example:
        >>> nearest_name("epoch", ["epochs", "seed"])
        "; did you mean 'epochs'?"
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}."


def validate_config(settings: Mapping[str, Any], with_parts: bool = True) -> RunConfig:
    """Validate settings into a RunConfig.

    What needs no TensorFlow is checked first, so that most mistakes are told at once.

    Args:
        settings: any part of a configuration.
        with_parts: whether the settings of parts (networks, latents, ...) are read too; else they stay as they are written, and
            TensorFlow is not imported.

    Raises:
        UserValueError: `path rule. Received: value.` for the first error found.

    Example:
        >>> validate_config({"trainin": {}})
        Traceback (most recent call last):
        vae_tf.errors.UserValueError: trainin is not a known key; did you mean 'training'?
    """
    try:
        config = RunConfig.model_validate(settings, context=UNREAD)
        return RunConfig.model_validate(settings) if with_parts else config
    except ValidationError as error:
        raise UserValueError(message_of(error)) from error


def message_of(error: ValidationError) -> str:
    """Say the first error in one line: unknown keys first, for they often cause the others."""
    errors = sorted(error.errors(include_url=False), key=lambda item: item["type"] != "unknown_key")
    first = errors[0]
    path = _path(first["loc"])
    if first["type"] == "unknown_key":
        return _unknown_key(path, **first["ctx"])
    if first["type"] == "missing":
        return f"{path} is missing."
    return f"{path} {_rule(first)}".lstrip()


def _unknown_key(path: str, key: str, known: str, slot: str = "", kind: str = "") -> str:
    """Say that there is no such key, and whose it is if another kind of the part has it."""
    where, keys = join_path(path, key), known.split(", ")
    theirs = {other: settings_of(part).model_fields for other, part in kinds(slot).items()} if slot else {}
    others = [other for other, fields in theirs.items() if key in fields]
    if others:
        first = f"set {join_path(path, 'kind')}={others[0]} first"
        return f"{where} is no key of kind {kind!r}, but of {', '.join(others)}: {first}."
    if keys == ["kind"]:  # nothing to be near to: a kind that is yet to be chosen
        keys = sorted({field for fields in theirs.values() for field in fields})
    return f"{where} is not a known key{nearest_name(key, keys)}"


def _path(location: tuple[Any, ...]) -> str:
    """Write pydantic's location as the path a person wrote, without its mark of a bad key."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path = join_path(path, str(part))
    return path


def _rule(error: Any) -> str:
    """Say the broken rule and the value that broke it."""
    received = repr(error["input"]) if not isinstance(error["input"], BaseModel) else ""
    context = error.get("ctx", {})
    if error["type"] in _SIGNS:
        key, sign = _SIGNS[error["type"]]
        return f"must be {sign} {context[key]}. Received: {received}."
    if error["type"] == "value_error":
        return f"{context['error']}."
    if error["type"] == "unknown_kind":
        return f"{error['msg']}. Received: {context['kind']}."
    if error["type"] in _MAPPINGS:
        return f"must be a mapping of keys to values. Received: {received}."
    text = re.sub(r"^(Input|String|Tuple) should ", "must ", error["msg"])
    text = re.sub(r" after validation, not \d+$", "", text)
    return f"{text[0].lower()}{text[1:]}. Received: {received}."
