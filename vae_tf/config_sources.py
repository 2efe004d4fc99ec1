"""Where a RunConfig comes from: preset < file < `path=value` overrides, with messages a person can act on."""

import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from vae_tf.config import PUBLISHED, RunConfig, check_path, read_yaml, validate_config
from vae_tf.config.validation import join_path, nearest_name
from vae_tf.errors import UserFileError, UserValueError, reason_of
from vae_tf.failures import disk_failure
from vae_tf.files import check_file
from vae_tf.parts.known import kinds
from vae_tf.program import command_line

__all__ = [
    "DEFAULT_PRESET",
    "dump_yaml",
    "list_presets",
    "load_config_file",
    "load_preset",
    "merge",
    "parse_latents",
    "parse_override",
    "resolve_config",
    "say_over",
    "with_value",
]

_FREE = ("data.columns",)
"""Mappings whose keys are people's own names, of any characters."""
_FREE_PATHS = tuple(f"{path}." for path in _FREE)
_WORDS = "data.missing"
"""A list of people's own words, of any characters but commas."""
_LENGTHS = ("training.epochs", "training.steps", "training.minutes")

DEFAULT_PRESET = "digits"


def list_presets() -> dict[str, str]:
    """Return the shipped presets: name to the description in the file's first comment line.

    Example:
        >>> "digits" in list_presets()
        True
    """
    folder = resources.files("vae_tf") / "presets"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return {f.name.removesuffix(".yaml"): f.read_text("utf-8").splitlines()[0].lstrip("# ") for f in files}


def load_preset(name: str) -> dict[str, Any]:
    """Return the settings of a shipped preset.

    Raises:
        UserValueError: no preset has that name.
    """
    if name not in list_presets():
        guess = nearest_name(name, list_presets())
        raise UserValueError(f"There is no preset {name!r}{guess} See `{command_line('presets')}`.")
    text = (resources.files("vae_tf") / "presets" / f"{name}.yaml").read_text("utf-8")
    return {"preset": name, **merge(PUBLISHED, yaml.safe_load(text) or {})}


def load_config_file(path: str | Path) -> dict[str, Any]:
    """Read a configuration file (YAML, of which JSON is a part).

    Raises:
        UserFileError: the file is missing, unreadable or not YAML.
        UserValueError: it is YAML, but not a mapping.
    """
    check_file(path)
    try:
        settings = read_yaml(Path(path).read_text("utf-8"))
    except OSError as error:
        raise disk_failure("read", f"the configuration file {path}", error) from error
    except UnicodeDecodeError as error:
        raise UserFileError(f"Cannot read the configuration file {path}: {error}.") from error
    except RecursionError as error:
        raise UserFileError(f"The configuration file {path} is nested too deeply.") from error
    except yaml.YAMLError as error:
        where = reason_of(error)
        raise UserFileError(f"The configuration file {path} is not valid YAML: {where}.") from error
    if not isinstance(settings, dict):
        raise UserValueError(f"The configuration file {path} must be a mapping of keys to values.")
    return settings


def dump_yaml(config: BaseModel) -> str:
    """Write a configuration as YAML that reads back to an equal value."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=100)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others: mappings merge key by key, everything else replaces.

    A mapping whose `kind` differs replaces too: the keys of another kind mean nothing to it.

    Example:
        >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
        {'a': {'x': 1, 'y': 3}}
    """
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and _same_kind(old, value):
            result[key] = merge(old, value)
        else:
            result[key] = value
    return result


def _same_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return "kind" not in new or old.get("kind") == new["kind"]


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Read `a.b[1].c=value`; the value is YAML. Names of `data.columns.NAME=value` and words of `data.missing` are free.

    Returns:
        The path's parts and the value.

    Raises:
        UserValueError: there is no `=`, or the value is not YAML.

    Example:
        >>> parse_override("model.latents[0].size=8")
        (('model', 'latents', '0', 'size'), 8)
        >>> parse_override("data.missing=[*, no, -99]")
        (('data', 'missing'), ['*', 'no', '-99'])
    """
    path, equals, value = text.rpartition("=") if text.startswith(_FREE_PATHS) else text.partition("=")
    parts = _parts(path.strip())
    if not equals or not parts:
        raise UserValueError(f"--set takes PATH=VALUE, e.g. --set training.epochs=5. Received: {text!r}.")
    if path.strip() == _WORDS:
        return parts, [word.strip().strip("'\"") for word in value.strip().removeprefix("[").removesuffix("]").split(",")]
    try:
        return parts, _number(read_yaml(value))
    except (yaml.YAMLError, RecursionError) as error:
        raise UserValueError(f"--set {path}: the value is not valid YAML. Received: {value!r}.") from error


def _parts(path: str) -> tuple[str, ...]:
    if path.startswith(_FREE_PATHS):
        section, mapping, name = path.split(".", 2)
        return section, mapping, name
    return tuple(part for part in re.split(r"[.\[\]]+", path) if part)


def _number(value: Any) -> Any:
    """Read `1e-3` as a number: YAML 1.1 wants a dot in it."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


def parse_latents(text: str, like: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Read a latent specification such as `gaussian:10+categorical:1x10`.

    Args:
        text: blocks joined by `+`; each a kind and its sizes: `gaussian:SIZE`, `categorical:NxK`, `deterministic:SIZE`, ...
        like: blocks whose other settings (temperature, KL weight) a new block of the same kind takes over.

    Returns:
        One mapping of settings a block.

    Raises:
        UserValueError: the text has another form.

    Example:
        >>> parse_latents("gaussian:2+categorical:3x4")
        [{'kind': 'gaussian', 'size': 2}, {'kind': 'categorical', 'num_variables': 3, 'num_classes': 4}]
    """
    return [_parse_block(part.strip(), text, list(like)) for part in text.split("+")]


def _parse_block(part: str, text: str, like: list[Mapping[str, Any]]) -> dict[str, Any]:
    kind, _, sizes = part.partition(":")
    keys = getattr(kinds("latent").get(kind), "short", ())
    numbers = sizes.split("x")
    if not keys or len(numbers) != len(keys) or not all(number.isdecimal() and int(number) for number in numbers):
        raise UserValueError(
            f"--latent takes blocks gaussian:SIZE, categorical:NxK or deterministic:SIZE joined by +, "
            f"e.g. gaussian:10+categorical:1x10. Received: {text!r}."
        )
    kept = next((dict(block) for block in like if block.get("kind") == kind), {})
    kept.pop("name", None)
    return {**kept, "kind": kind, **{key: int(number) for key, number in zip(keys, numbers, strict=True)}}


def resolve_config(
    preset: str | None = None,
    file: str | Path | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    latent: str | None = None,
    overrides: Iterable[str] | Mapping[str, Any] = (),
) -> RunConfig:
    """Lay preset, file, options, latent specification and overrides over each other, in that order, and validate.

    Args:
        preset: a shipped preset; default: the one the file names, else `digits`, or none where a file or other data are given.
        file: a YAML file with any part of a RunConfig, or its content.
        options: settings of the command line, by dotted path; `None` values are left out.
        latent: a specification that replaces `model.latents`.
        overrides: `path=value` texts, or a mapping of paths to values.

    Raises:
        UserValueError: a key, value or name is wrong; the message names path, rule and value.
        UserFileError: the file cannot be read, or the data's path is not there.

    Example:
        >>> resolve_config(overrides=["training.epochs=3"]).training.epochs
        3
    """
    other_data = (options or {}).get("data.dataset") not in (None, DEFAULT_PRESET)
    preset, written = _read_said(preset, file)
    settings = load_preset(preset or DEFAULT_PRESET) if preset or not (file or other_data) else {}
    return _with_said(merge(settings, written), options, latent, overrides)


def say_over(
    config: RunConfig,
    preset: str | None = None,
    file: str | Path | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    latent: str | None = None,
    overrides: Iterable[str] | Mapping[str, Any] = (),
) -> RunConfig:
    """Return a configuration with everything changed that is said, in the order of `resolve_config`, whose arguments these are.

    Raises:
        UserValueError: a key, value or name is wrong.
        UserFileError: the file cannot be read.

    Example:
        >>> say_over(RunConfig(seed=3), overrides=["training.epochs=3"]).seed
        3
    """
    preset, written = _read_said(preset, file)
    settings = merge(config.model_dump(mode="json"), load_preset(preset) if preset else {})
    return _with_said(merge(settings, written), options, latent, overrides)


def _read_said(preset: str | None, file: str | Path | Mapping[str, Any] | None) -> tuple[str | None, dict[str, Any]]:
    """Return the preset, which a file may name too, and the rest of what the file says."""
    written = dict(file) if isinstance(file, Mapping) else load_config_file(file) if file else {}
    return preset or written.pop("preset", None), written


def _with_said(
    settings: dict[str, Any],
    options: Mapping[str, Any] | None,
    latent: str | None,
    overrides: Iterable[str] | Mapping[str, Any],
) -> RunConfig:
    given = {path: value for path, value in (options or {}).items() if value is not None}
    parsed = _pairs(overrides)
    settings = merge(settings, _one_length([*given, *(".".join(parts) for parts, _ in parsed)]))
    for parts, _ in parsed:
        _check_sections(parts)
    _check_dataset(settings, {**given, **{".".join(parts): value for parts, value in parsed}})
    for path, value in given.items():
        settings = _set(settings, tuple(path.split(".")), value)
    if latent:
        blocks = validate_config(settings).model_dump(mode="json")["model"]["latents"]
        settings = merge(settings, {"model": {"latents": parse_latents(latent, blocks)}})
    for parts, value in parsed:
        settings = _set(settings, parts, value)
    return validate_config(settings)


def _check_dataset(settings: Mapping[str, Any], over: Mapping[str, Any]) -> None:
    """Check that the data's path is there, before TensorFlow is imported for the rest."""
    data = settings.get("data")
    dataset = over.get("data.dataset", data.get("dataset") if isinstance(data, Mapping) else None)
    if isinstance(dataset, str):
        check_path(dataset)


def _one_length(paths: Iterable[str]) -> dict[str, Any]:
    """Return what a length leaves of a preset's: nothing of its epochs, where steps or minutes are asked for.

    Raises:
        UserValueError: two lengths are given.
    """
    named = [path.removeprefix("training.") for path in paths if path in _LENGTHS]
    if len(set(named)) > 1:
        asked = " and ".join(f"training.{name}" for name in dict.fromkeys(named))
        raise UserValueError(f"A training has one length: --epochs, --steps or --minutes. Received: {asked}.")
    return {"training": {"epochs": "auto"}} if named and named[0] != "epochs" else {}


def _pairs(overrides: Iterable[str] | Mapping[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(overrides, Mapping):
        return [(_parts(path), value) for path, value in overrides.items()]
    return [parse_override(text) for text in overrides]


def with_value(config: RunConfig, path: str, value: Any) -> RunConfig:
    """Return a configuration with another value at a path, as `--set path=value` would.

    Args:
        config: stays as it is.
        path: such as `model.latents[0].size`; or `latent`, for a specification as `--latent` takes it.
        value: a number, text, list or mapping.

    Raises:
        UserValueError: the path or the value is wrong; the message names path, rule and value.

    Example:
        >>> with_value(RunConfig(), "model.latents[0].size", 3).model.latents[0].size
        3
    """
    settings = config.model_dump(mode="json")
    if path == "latent":
        latents = parse_latents(str(value), settings["model"]["latents"])
        return validate_config(merge(settings, {"model": {"latents": latents}}))
    return validate_config(_set(settings, _parts(path), value))


def _set(settings: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the settings with the value at the path, filling in defaults on the way down."""
    defaults = validate_config(settings).model_dump(mode="json")
    _check_path(defaults, path)
    return merge(settings, _nested(defaults, path, value))


def _nested(node: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(node, list):
        index = int(path[0])
        return [_full(item, path[1:], value) if i == index else item for i, item in enumerate(node)]
    node = node if isinstance(node, dict) else {}
    kind = {"kind": node["kind"]} if "kind" in node else {}  # a default that the settings leave out has one too
    return {**kind, path[0]: _nested(node.get(path[0]), path[1:], value)}


def _full(item: Any, path: tuple[str, ...], value: Any) -> Any:
    """Lay a nested value over one item of a list, which is replaced as a whole."""
    return merge({"item": item}, {"item": _nested(item, path, value)})["item"]


def _check_sections(path: tuple[str, ...]) -> None:
    """Check the beginning of a path, down to the first part: that needs no TensorFlow, so a slip is told at once."""
    section: Any = RunConfig
    for depth, key in enumerate(path):
        if key not in section.model_fields:
            raise UserValueError(f"{'.'.join(path[: depth + 1])} is not a known key{nearest_name(key, section.model_fields)}")
        section = section.model_fields[key].annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return


def _check_path(defaults: Any, path: tuple[str, ...]) -> None:
    node, walked = defaults, ""
    for part in path:
        if walked in _FREE:
            return
        if isinstance(node, list):
            if not part.isdecimal() or int(part) >= len(node):
                raise UserValueError(f"{walked} has entries 0 to {len(node) - 1}. Received: {part}.")
            node, walked = node[int(part)], f"{walked}[{part}]"
        elif isinstance(node, dict):
            if part not in node and "kind" in node:
                return  # a part's settings: validation knows the other kinds
            if part not in node:
                raise UserValueError(f"{join_path(walked, part)} is not a known key{nearest_name(part, node)}")
            node, walked = node[part], join_path(walked, part)
        elif node is None or isinstance(node, str):
            return  # an optional mapping that is not set: validation judges what is put there
        else:
            raise UserValueError(f"{walked} is a single value and has no key {part!r}.")
