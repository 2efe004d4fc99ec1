"""What notebooks show of a value: a small table in HTML, every text in it escaped."""

import base64
import html
from collections.abc import Iterable, Mapping
from pathlib import Path

from vae_tf.escaping import html_value

__all__ = ["html_card"]

_LARGEST_PICTURE = 2**20
"""Bytes of a picture that a notebook is given to keep."""
_CELL = 'style="text-align: left; vertical-align: top"'


def html_card(
    title: str,
    tables: Iterable[tuple[str, Mapping[str, object]]],
    lines: Iterable[str] = (),
    picture: Path | None = None,
) -> str:
    """Return a title, tables of names and values, lines of text and a picture, as a notebook shows them.

    Args:
        title: of the whole.
        tables: a title, or none, and rows.
        lines: below them.
        picture: a PNG file, which is put in whole; left out where it is not there, or large.

    Example:
        >>> html_card("<Run>", [("", {"data": "a & b"})]).count("&lt;Run&gt;")
        1
    """
    parts = [f"<p><strong>{_text(title)}</strong></p>"]
    for name, rows in tables:
        caption = f'<caption style="text-align: left">{_text(name)}</caption>' if name else ""
        cells = (f"<tr><th {_CELL}>{_text(key)}</th><td {_CELL}>{_text(value)}</td></tr>" for key, value in rows.items())
        parts.append(f"<table>{caption}{''.join(cells)}</table>")
    parts += [f"<p>{_text(line)}</p>" for line in lines]
    if picture and picture.is_file() and picture.stat().st_size <= _LARGEST_PICTURE:
        packed = base64.b64encode(picture.read_bytes()).decode()
        parts.append(f'<img src="data:image/png;base64,{packed}" alt="{_text(picture.stem)}" style="max-width: 30em">')
    return f"<div>{''.join(parts)}</div>"


def _text(value: object) -> str:
    return html.escape(html_value(str(value)))
