"""Validation: settings into a RunConfig, and what is wrong with them in one line."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from vae_tf.config.run import RunConfig
from vae_tf.errors import UserValueError

__all__ = ["join_path", "nearest_name", "validate_config"]

_MAPPINGS = {"model_type", "model_attributes_type", "dict_type"}
_SIGNS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", ">="),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "<="),
}


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


def validate_config(settings: Mapping[str, Any]) -> RunConfig:
    """Validate settings into a RunConfig.

    Raises:
        UserValueError: `path rule. Received: value.` for the first error found.

    Example:
        >>> validate_config({"trainin": {}})
        Traceback (most recent call last):
        vae_tf.errors.UserValueError: trainin is not a known key; did you mean 'training'?
    """
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise UserValueError(_message(error, settings)) from error


def _message(error: ValidationError, settings: Mapping[str, Any]) -> str:
    """Say the first error in one line: unknown keys first, for they often cause the others."""
    errors = sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    first = errors[0]
    path = _path(first["loc"], settings)
    if first["type"] == "extra_forbidden":
        known = [field for model in _models_at(first["loc"][:-1]) for field in model.model_fields]
        return f"{path} is not a known key{nearest_name(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"{path} is missing."
    return f"{path} {_rule(first)}"


def _path(location: tuple[Any, ...], settings: Any) -> str:
    """Write pydantic's location as the path a person wrote: without the tags of unions and its mark of a bad key."""
    path, node = "", settings
    for index, part in enumerate(location):
        if isinstance(part, int):
            path += f"[{part}]"
            node = node[part] if isinstance(node, (list, tuple)) and part < len(node) else None
        elif part != "[key]" and (part not in map(_kind, _models_at(location[:index])) or _has(node, part)):
            path = join_path(path, str(part))
            node = node.get(part) if isinstance(node, Mapping) else None
    return path


def _has(node: Any, key: str) -> bool:
    return isinstance(node, Mapping) and key in node


def _models_at(location: tuple[Any, ...]) -> list[type[BaseModel]]:
    """Return the classes of the configuration that may stand at a location of pydantic's, tags of unions included."""
    models: list[type[BaseModel]] = [RunConfig]
    for part in location:
        tagged = [model for model in models if _kind(model) == part]
        fields = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        if tagged or fields:
            models = tagged or [model for field in fields for model in _models_in(field)]
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the classes of the configuration that a field's type names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _kind(model: type[BaseModel]) -> Any:
    """Return the tag by which a union knows a class; None where it has none."""
    return model.model_fields["kind"].default if "kind" in model.model_fields else None


def _rule(error: Any) -> str:
    """Say the broken rule and the value that broke it."""
    received = repr(error["input"]) if not isinstance(error["input"], BaseModel) else ""
    context = error.get("ctx", {})
    if error["type"] in _SIGNS:
        key, sign = _SIGNS[error["type"]]
        return f"must be {sign} {context[key]}. Received: {received}."
    if error["type"] == "value_error":
        return f"{context['error']}."
    if error["type"] == "union_tag_invalid":
        return f"must have one of the kinds {context['expected_tags']}. Received: {context['tag']!r}."
    if error["type"] == "union_tag_not_found":
        kinds = ", ".join(repr(_kind(model)) for model in _models_at(error["loc"]))
        return f"must say its kind, one of {kinds}. Received: {received}."
    if error["type"] in _MAPPINGS:
        return f"must be a mapping of keys to values. Received: {received}."
    text = re.sub(r"^(Input|String|Tuple) should ", "must ", error["msg"])
    text = re.sub(r" after validation, not \d+$", "", text)
    return f"{text[0].lower()}{text[1:]}. Received: {received}."
