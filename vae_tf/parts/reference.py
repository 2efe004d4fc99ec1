"""The reference of parts as Markdown, made of what they say of themselves."""

import re
from collections.abc import Iterable, Iterator, Sequence

from vae_tf.parts.describe import PACKAGE, PartDescription
from vae_tf.parts.known import SLOTS

__all__ = ["reference"]

_BEGINNING = """# Parts

Every word that can stand as a `kind` in a configuration, with its settings. The command `parts --markdown` makes this page of
the classes: what is to be changed here stands in their docstrings. What the parts are for: [models.md](models.md); parts of
your own: [own_parts.md](own_parts.md).

A kind alone stands for all its defaults: `network: mlp` is `network: {kind: mlp}`. A number stands for a constant schedule.
A default such as `linear, 0 to 1 in 1000 steps` is `{kind: linear, start: 0, stop: 1, steps: 1000}` in short."""
_CODE = re.compile(r"(`[^`]*`)")
_MARKED = re.compile(r"([*<])")


def reference(parts: Iterable[PartDescription]) -> str:
    """Return the page: a table a slot, and a table of settings for every part that has some.

    Example:
        >>> from vae_tf.parts.describe import describe_all
        >>> print(reference(describe_all("prior")).partition("### prior `mixture`")[2].split("### ")[0].strip())
        | setting | default | what may stand there | what it is |
        |---|---|---|---|
        | `num_components` | `10` | whole number >= 1 | normals in the mixture |
    """
    parts = list(parts)
    blocks = [_BEGINNING]
    for slot in SLOTS.values():
        found = [part for part in parts if part.slot == slot.name]
        if found:
            blocks += [f"## {slot.name}", f"In a configuration: `{slot.key}`.", _overview(found), *_details(found)]
    return "\n\n".join(blocks) + "\n"


def _overview(parts: list[PartDescription]) -> str:
    rows = [
        (f"[`{part.kind}`]({_anchor(part)})" if part.settings else f"`{part.kind}`", part.text, part.paper) for part in parts
    ]
    owners = [part.owner for part in parts]
    if set(owners) == {PACKAGE}:
        return _table(("kind", "what it is", "paper"), rows)
    return _table(("kind", "what it is", "paper", "whose"), [(*row, owner) for row, owner in zip(rows, owners, strict=True)])


def _details(parts: list[PartDescription]) -> Iterator[str]:
    for part in parts:
        if part.settings:
            yield f"### {part.slot} `{part.kind}`"
            yield _table(
                ("setting", "default", "what may stand there", "what it is"),
                [
                    (
                        f"`{one.name}`",
                        f"`{one.default}`" if one.default else "must be given",
                        one.type,
                        one.text.removesuffix("."),
                    )
                    for one in part.settings
                ],
            )


def _anchor(part: PartDescription) -> str:
    """Return the link to a part's heading, as GitHub makes it of the text."""
    return f"#{part.slot}-{part.kind}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(text) for text in row] for row in rows)]
    return "\n".join("|---" * len(header) + "|" if line[0] == "---" else f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Return a text for a cell of a table, what Markdown would take for marks escaped; code stays code."""
    plain = [piece if piece.startswith("`") else _MARKED.sub(r"\\\1", piece) for piece in _CODE.split(text)]
    return "".join(plain).replace("|", "\\|")
