r"""Ways out: a text from people (a name, a label, a cell, a path, an error) as each place takes it, whatever is in it.

Tables in CSV are no way out in this sense: they are read back by programs, and their cells are written as they are.

Example:
    >>> visible("red\x1b[0m"), tsv_cell("a\tb"), prometheus_label('say "a"')
    ('red\\x1b[0m', 'a\\tb', 'say \\"a\\"')
"""

import re
from collections.abc import Mapping
from typing import Any

from vae_tf.errors import readable

__all__ = ["html_value", "json_ready", "one_line", "prometheus_label", "shortened", "tsv_cell", "visible"]

_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line and paragraph separators, and what turns the direction of a line."""
_UNSEEN_IN_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""The same without tabs and ends of lines."""


def visible(text: object, keep_lines: bool = False) -> str:
    r"""Return a text with what cannot be seen written out: no text clears a screen, ends a line or turns it round.

    Args:
        text: any.
        keep_lines: whether tabs and ends of lines stay what they are.

    Example:
        >>> visible("a\tb\x1b[2J"), visible("caf\udce9"), visible("a\nb", keep_lines=True)
        ('a\\tb\\x1b[2J', 'caf\\xe9', 'a\nb')
    """
    return (_UNSEEN_IN_LINES if keep_lines else _UNSEEN).sub(_written, readable(text))


def _written(found: "re.Match[str]") -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def shortened(text: str, most: int) -> str:
    """Return a text of so many letters at most, its end an ellipsis where it was cut.

    Example:
        >>> shortened("Adelie Penguin", 8), shortened("Adelie", 8)
        ('Adelie …', 'Adelie')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def one_line(text: object) -> str:
    r"""Return a text as one line of a log: its lines joined by spaces, what cannot be seen written out.

    Example:
        >>> one_line("first\n  second\x07 ")
        'first second\\x07'
    """
    return visible(" ".join(re.split(r"[ \t\r\n]+", str(text).strip(" \t\r\n"))))


def html_value(value: Any) -> Any:
    r"""Return a value as a page of HTML may hold it, before `<` and the like are escaped: what a template's `finalize` takes.

    Example:
        >>> html_value("a\x00b\n"), html_value(3)
        ('a\\x00b\n', 3)
    """
    return visible(value, keep_lines=True) if type(value) is str else value  # what is HTML already is of another class


def tsv_cell(text: object) -> str:
    r"""Return a text as a cell between tabs, for a reader that knows no quotes: TensorBoard's Projector.

    Example:
        >>> tsv_cell("two\nlines"), tsv_cell("")
        ('two\\nlines', ' ')
    """
    return visible(text) or " "


def prometheus_label(text: object) -> str:
    r"""Return a text as the value of a label, between quotes, in what Prometheus reads.

    Example:
        >>> prometheus_label('a "b"\n')
        'a \\"b\\"\\n'
    """
    return readable(text).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def json_ready(value: Any) -> Any:
    r"""Return a value whose texts any reader of JSON takes: halves of characters, which UTF-8 lacks, are written out.

    Example:
        >>> json_ready({"caf\udce9": ["a", 1, "\udce9"]})
        {'caf\\xe9': ['a', 1, '\\xe9']}
    """
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, Mapping):
        return {json_ready(key): json_ready(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(one) for one in value]
    return value
