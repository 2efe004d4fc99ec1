"""The search space: which settings are searched, over which values, and under which conditions."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from vae_tf.config import RunConfig, validate_config
from vae_tf.config_sources import load_config_file, merge, with_value
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.parts.settings import Frozen
from vae_tf.parts.types import PositiveInt

__all__ = ["ChoiceParameter", "FloatParameter", "IntParameter", "Parameter", "SearchSpace", "list_spaces", "load_space"]

_Value = int | float | str | bool
"""What Keras Tuner can hold; other values of a choice stand for themselves as JSON text."""
_DIGITS = 5
"""Significant digits of searched floats: more tell nothing, and the tuner's protocol carries single precision."""


class _Parameter(Frozen):
    path: str = Field(min_length=1, description="a key of the run configuration, or `latent` for a specification")
    name: str = Field("", description="default: the path; needed where a path is searched twice, under two conditions")
    when: dict[str, tuple[_Value, ...]] = Field(
        default_factory=dict, description="name of an earlier parameter to the values under which this one is searched"
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {**data, "name": data.get("name") or data.get("path", "")} if isinstance(data, dict) else data


class _Range(_Parameter):
    @model_validator(mode="after")
    def _ordered(self) -> Any:
        part: Any = self
        low, high = part.min, part.max
        if high <= low:
            raise ValueError(f"must have max > min. Received: min {low}, max {high}")
        if part.sampling == "log" and low <= 0:
            raise ValueError(f"must have min > 0 where sampling is log. Received: min {low}")
        return self


class IntParameter(_Range):
    """A whole number between two others, both included."""

    kind: Literal["int"] = "int"
    min: int
    max: int
    step: PositiveInt | None = None
    sampling: Literal["linear", "log"] = "linear"

    def extremes(self) -> tuple[int, ...]:
        """Return the values that are checked before the first trial."""
        return (self.min, self.max)

    def settle(self, drawn: Any) -> int:
        """Return what the tuner drew as it is recorded."""
        return int(drawn)

    def value(self, settled: Any) -> int:
        """Return the setting for a recorded value."""
        return int(settled)


class FloatParameter(_Range):
    """A number between two others; five significant digits are used."""

    kind: Literal["float"] = "float"
    min: float = Field(allow_inf_nan=False)
    max: float = Field(allow_inf_nan=False)
    step: float | None = Field(None, gt=0)
    sampling: Literal["linear", "log"] = "linear"

    def extremes(self) -> tuple[float, ...]:
        """Return the values that are checked before the first trial."""
        return (self.min, self.max)

    def settle(self, drawn: Any) -> float:
        """Return what the tuner drew as it is recorded: rounded."""
        return float(f"{float(drawn):.{_DIGITS}g}")

    def value(self, settled: Any) -> float:
        """Return the setting for a recorded value."""
        return float(settled)


class ChoiceParameter(_Parameter):
    """One of several values: numbers, texts, lists or mappings."""

    kind: Literal["choice"] = "choice"
    values: tuple[Any, ...] = Field(min_length=1)

    def extremes(self) -> tuple[Any, ...]:
        """Return the values that are checked before the first trial: all."""
        return self.values

    def labels(self) -> list[_Value]:
        """Return what the tuner chooses from: the values, or their JSON text where they are not all of one simple type."""
        types = {type(value) for value in self.values}
        simple = len(types) == 1 and types <= {int, float, str}
        return list(self.values) if simple else [json.dumps(value) for value in self.values]

    def settle(self, drawn: Any) -> _Value:
        """Return what the tuner drew as it is recorded: one of the labels."""
        labels = self.labels()
        return min(labels, key=lambda label: abs(float(label) - drawn)) if isinstance(drawn, float) else drawn

    def value(self, settled: Any) -> Any:
        """Return the setting for a recorded value."""
        return self.values[self.labels().index(settled)]


Parameter = Annotated[IntParameter | FloatParameter | ChoiceParameter, Field(discriminator="kind")]


class SearchSpace(Frozen):
    """What a search varies.

    Attributes:
        description: one sentence for people.
        base: settings laid over the preset before anything is searched.
        parameters: in the order in which they are set; conditions name earlier ones.

    Example:
        >>> size = IntParameter(path="model.latents[0].size", min=2, max=64, sampling="log")
        >>> space = SearchSpace(parameters=(size,))
        >>> space.configure(RunConfig(), {size.name: 8}).model.latents[0].size
        8
    """

    description: str = ""
    base: dict[str, Any] = Field(default_factory=dict)
    parameters: tuple[Parameter, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> "SearchSpace":
        seen: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in seen:
                raise ValueError(f"parameters must have distinct names. Received: {parameter.name} twice")
            for name, values in parameter.when.items():
                if not isinstance(seen.get(name), ChoiceParameter):
                    raise ValueError(f"{parameter.name}.when must name an earlier choice. Received: {name}")
                if not set(values) <= set(seen[name].labels()):
                    raise ValueError(f"{parameter.name}.when must use values of {name}. Received: {list(values)}")
            seen[parameter.name] = parameter
        return self

    def parameter(self, name: str) -> Any:
        """Return a parameter by name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)

    def is_active(self, parameter: Any, values: Mapping[str, Any]) -> bool:
        """Return whether a parameter is searched, given the values of the earlier ones."""
        return all(name in values and values[name] in allowed for name, allowed in parameter.when.items())

    def start(self, config: RunConfig) -> RunConfig:
        """Lay the space's base over a configuration.

        Raises:
            UserValueError: it does not fit.
        """
        return validate_config(merge(config.model_dump(mode="json"), self.base))

    def configure(self, config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
        """Return the configuration of a trial.

        Args:
            config: what `start` returned.
            values: parameter name to value, as `settle` returns them.

        Raises:
            UserValueError: a path, type or value does not fit the configuration.
        """
        for parameter in self.parameters:
            if parameter.name in values and self.is_active(parameter, values):
                config = with_value(config, parameter.path, parameter.value(values[parameter.name]))
        return config

    def settle(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the tuner drew as it is recorded, without parameters that are not active."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in drawn and self.is_active(parameter, values):
                values[parameter.name] = parameter.settle(drawn[parameter.name])
        return values

    def check(self, config: RunConfig) -> None:
        """Try both ends of every range and every value of every choice, each with its conditions met.

        Raises:
            UserValueError: one does not fit the configuration; the message names the parameter, path, rule and value.
        """
        for parameter in self.parameters:
            values = self._enabling(parameter)
            for extreme in parameter.extremes():
                try:
                    with_value(self.configure(config, values), parameter.path, extreme)
                except UserValueError as error:
                    raise UserValueError(f"Search space, {parameter.name}: {error}") from error

    def _enabling(self, parameter: Any) -> dict[str, Any]:
        """Return values of earlier parameters under which one is searched."""
        values: dict[str, Any] = {}
        for name, allowed in parameter.when.items():
            values = {**values, **self._enabling(self.parameter(name)), name: allowed[0]}
        return values

    def combinations(self, grids: Mapping[str, list[Any]], limit: int) -> list[dict[str, Any]]:
        """Return the combinations of values, conditions observed, the last parameter changing fastest.

        Args:
            grids: parameter name to its values.
            limit: return no more than so many.
        """
        return list(islice(self._walk(grids, {}, 0), limit))

    def _walk(self, grids: Mapping[str, list[Any]], values: dict[str, Any], index: int) -> Iterator[dict[str, Any]]:
        if index == len(self.parameters):
            yield values
            return
        parameter = self.parameters[index]
        if not self.is_active(parameter, values):
            yield from self._walk(grids, values, index + 1)
            return
        for value in grids[parameter.name]:
            yield from self._walk(grids, {**values, parameter.name: value}, index + 1)


def load_space(path: str | Path) -> SearchSpace:
    """Read a search space from a YAML file; a name alone means one that `list_spaces` finds.

    Raises:
        UserFileError: the file is missing or not YAML.
        UserValueError: it is no search space; the message names path, rule and value.
    """
    path = Path(path)
    if not path.exists():
        spaces = list_spaces()
        if str(path) not in spaces:
            raise UserFileError(f"There is no search space {path}; there are: {', '.join(spaces)}.")
        path = spaces[str(path)]
    try:
        return SearchSpace.model_validate(load_config_file(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        unknown = [first["ctx"]["key"]] if first["type"] == "unknown_key" else []
        where = ".".join(map(str, [*first["loc"], *unknown]))
        message = first["msg"].removeprefix("Value error, ")
        received = "" if "Received" in message else f" Received: {first['input']!r}"
        raise UserValueError(f"The search space {path}: {where or 'it'}: {message}.{received}") from error


def list_spaces() -> dict[str, Path]:
    """Return the search spaces there are, name to file: those shipped, and those in `tuning` of the working directory.

    Of two with the same name, the one of the working directory is taken.

    Example:
        >>> "latent_size" in list_spaces()
        True
    """
    found = {path.stem: path for folder in (_shipped_spaces(), Path("tuning")) for path in folder.glob("*.yaml")}
    return dict(sorted(found.items()))


def _shipped_spaces() -> Path:
    """Return where they lie: inside the installed package, or beside the package where it is not installed."""
    installed = Path(__file__).with_name("spaces")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "tuning"
