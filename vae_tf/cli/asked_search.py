"""What is asked of a search on the command line, and whether it is what a search that goes on has already."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vae_tf.cli.common import ConfigSource, warn
from vae_tf.errors import UserError, UserValueError

if TYPE_CHECKING:
    from vae_tf.config import TrainingConfig
    from vae_tf.tuning.search import SearchSettings

__all__ = ["Asked", "differing", "resolve"]

_OTHER_DATA = ("data.", "model.likelihood", "evaluation.")
"""Settings that change what is measured: numbers of such trials do not compare."""
_NEVER = 1_000_000
"""Epochs between pictures that no training reaches."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a search; None where nothing is said.

    Attributes:
        source: where the configuration comes from that trials start from.
        space: a file, or the name of one in tuning/.
        patience: epochs without a better one.
        choices: of the search's settings, by their names.
    """

    source: ConfigSource
    space: str | None
    patience: int | None
    choices: dict[str, Any]

    def given(self) -> dict[str, Any]:
        """Return what was said, by the names that messages use."""
        said = {"space": self.space, "patience": self.patience, **self.choices, **self.source.given()}
        return {key: value for key, value in said.items() if value is not None}


def resolve(asked: Asked) -> "SearchSettings":
    """Return the settings of a new search, as far checked as can be without the data.

    Raises:
        UserValueError: a path, type or range does not fit.
        UserFileError: a file cannot be read.
    """
    from vae_tf.tuning.space import load_space

    space = load_space("latent_size" if asked.space is None else asked.space)
    config = space.start(asked.source.resolve())
    training = config.training
    update = {
        "patience": _patience(asked.patience, training),
        "pictures_every": training.pictures_every or (_NEVER if training.epochs == "auto" else training.epochs),
    }
    settings = _settings(
        config=config.model_copy(update={"training": training.model_copy(update=update)}),
        space=space,
        **{key: value for key, value in asked.choices.items() if value is not None},
    )
    space.check(settings.config)
    for parameter in space.parameters:
        if parameter.path.startswith(_OTHER_DATA):
            warn(f"{parameter.path} changes what is measured: the numbers of such trials do not compare.")
    return settings


def _patience(asked: int | None, training: "TrainingConfig") -> int | str:
    """Return what the help of --patience says; a budget that the data decide brings its own."""
    if asked or training.epochs == "auto":
        return asked or training.patience or "auto"
    given = None if training.patience == "auto" else training.patience
    return given or max(5, training.epochs // 5)


def _settings(**values: Any) -> "SearchSettings":
    """Return validated settings.

    Raises:
        UserValueError: a choice is unknown.
    """
    from pydantic import ValidationError

    from vae_tf.tuning.search import SearchSettings

    try:
        return SearchSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        rule = first["msg"].replace("Input should be ", "must be ")
        raise UserValueError(f"--{first['loc'][0]} {rule}. Received: {first['input']!r}.") from error


def differing(settings: "SearchSettings", asked: Asked) -> list[str]:
    """Say which settings of a search are said otherwise.

    What is said is laid over the search's own settings. What a preset says beside that, the search may have settled otherwise
    when it began: it counts only where the whole command, said anew, gives something else too.
    """
    from vae_tf.api.starting import differences
    from vae_tf.config_sources import say_over
    from vae_tf.tuning.space import load_space

    config = say_over(settings.config, **asked.source.said())
    if asked.patience:
        config = config.model_copy(update={"training": config.training.model_copy(update={"patience": asked.patience})})
    choices = {key: value for key, value in asked.choices.items() if value is not None}
    space = load_space(asked.space) if asked.space else settings.space
    over = settings.model_copy(update={"config": config, "space": space, **choices})
    told = _told(differences, settings, over)
    try:
        return [text for path, text in told.items() if path in _told(differences, settings, resolve(asked))]
    except UserError:  # a part of a command is no whole one
        return list(told.values())


def _told(differences: Any, own: "SearchSettings", other: "SearchSettings") -> dict[str, str]:
    """Return path to what differs, but for the number of trials."""
    own, other = (one.model_copy(update={"config": one.config.located()}) for one in (own, other))
    found = dict(differences(own.model_dump(mode="json"), other.model_dump(mode="json")))
    return {path: text.replace("config.", "", 1) for path, text in found.items() if path != "trials"}
