"""What a part says of itself: summary, paper, owner, settings; everything is read off the class."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from vae_tf.parts.base import arguments
from vae_tf.parts.files import loaded_files
from vae_tf.parts.known import GROUP, SLOTS, kinds
from vae_tf.parts.settings import is_given
from vae_tf.parts.wording import default_text, type_text

__all__ = ["PACKAGE", "PartDescription", "SettingDescription", "describe", "describe_all"]

PACKAGE = "vae_tf"
"""Owner of the parts that come with this package."""

_PAPER = re.compile(r"\(((?:(?:van|von|den|der|de) )*[A-Z][^()]*\b(?:19|20)\d\d\b[^()]*)\)")
_ARGUMENT = re.compile(r"([\w, ]+):\s+(.*)")


@dataclass(frozen=True)
class SettingDescription:
    """One setting of a part.

    Attributes:
        name: the key in a configuration.
        type: what may stand there, in words.
        default: as a person would write it; empty where it must be given.
        text: what it is, from the docstring; empty where that does not say.
    """

    name: str
    type: str
    default: str
    text: str


@dataclass(frozen=True)
class PartDescription:
    """What a part says of itself.

    Attributes:
        slot: where it stands in a model.
        kind: its word in the configuration.
        summary: first line of the docstring.
        paper: who published it; empty where the docstring does not say.
        owner: `vae_tf`, a file of parts, or the installed package and its version.
        settings: in the order of the constructor.
    """

    slot: str
    kind: str
    summary: str
    paper: str
    owner: str
    settings: tuple[SettingDescription, ...]

    @property
    def text(self) -> str:
        """The summary without the paper, for where that stands beside it."""
        return self.summary.replace(f" ({self.paper})", "") if self.paper else self.summary


def describe(part: Any) -> PartDescription:
    """Return what a part says of itself.

    Args:
        part: a registered class.

    Example:
        >>> from vae_tf.parts.known import find
        >>> described = describe(find("prior", "mixture"))
        >>> described.summary, described.owner
        ('A mixture of diagonal normals, learned with the weights.', 'vae_tf')
        >>> described.settings[0]
        SettingDescription(name='num_components', type='whole number >= 1', default='10', text='normals in the mixture.')
    """
    said = inspect.cleandoc(vars(part).get("__doc__") or "").partition("\nArgs:")[0]
    summary = said.partition("\n")[0]
    paper = _PAPER.search(summary) or _PAPER.search(" ".join(said.split()))
    return PartDescription(
        slot=part.slot,
        kind=part.kind,
        summary=summary,
        paper=paper[1] if paper else "",
        owner=_owner(part),
        settings=tuple(_settings(part)),
    )


def describe_all(slot: str | None = None) -> list[PartDescription]:
    """Return what every part of a slot, or of all, says of itself; slots in the order of a model, kinds sorted.

    Example:
        >>> [described.kind for described in describe_all("prior")]
        ['auto', 'diagonal', 'full_mixture', 'mixture', 'standard', 'vamp']
    """
    return [describe(part) for name in ([slot] if slot else SLOTS) for part in kinds(name).values()]


def _settings(part: Any) -> Iterator[SettingDescription]:
    texts = _argument_texts(part)
    for name, one in arguments(part).items():
        if not is_given(one.annotation):
            default = "" if one.default is one.empty else default_text(one.annotation, one.default)
            yield SettingDescription(name, type_text(one.annotation), default, texts.get(name, ""))


def _argument_texts(part: Any) -> dict[str, str]:
    """Return what docstrings say of arguments: the class's own, else that of the base whose argument it is."""
    texts: dict[str, str] = {}
    for one in reversed(part.__mro__):
        section = inspect.cleandoc(vars(one).get("__doc__") or "").partition("\nArgs:\n")[2].split("\n\n")[0]
        for entry in re.split(r"\n(?=\s{4}\S)", f"\n{section}"):
            found = _ARGUMENT.fullmatch(" ".join(entry.split()))
            if found:
                texts |= {name.strip(): found[2] for name in found[1].split(",")}
    return texts


def _owner(part: Any) -> str:
    """Return whose a part is."""
    module = part.__module__
    if module.split(".")[0] == PACKAGE:
        return PACKAGE
    for file in loaded_files():
        if f"{part.slot} {part.kind}" in file.kinds:
            return file.path.name if str(file.path) == file.path.name else f"{file.path.name} ({file.path})"
    for point in entry_points(group=GROUP):
        if point.dist and point.module.split(".")[0] == module.split(".")[0]:
            return f"{point.dist.name} {point.dist.version}"
    return str(module)
