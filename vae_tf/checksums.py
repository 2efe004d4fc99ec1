"""Checksums within the files of a run: damage is told from everything else, also where what is left still reads well.

A record (a JSON object) has one as its last key; a text whose comments begin with `#` has one as its first line. The sum
is of the values, not of the bytes: a file that was only laid out anew is whole. Without one, nothing is checked: files of
earlier versions have none.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["KEY", "check_record", "check_text", "summed_record", "summed_text"]

KEY = "checksum"
_LINE = re.compile(r"# checksum: (.*)\n")


def summed_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its checksum.

    Example:
        >>> summed_record({"a": 1})
        {'a': 1, 'checksum': 'f9d86028c6e0d64e'}
    """
    as_read = json.loads(json.dumps(record))  # keys are texts then, whose order is another
    return {**record, KEY: _sum(json.dumps(as_read, sort_keys=True))}


def check_record(record: Any) -> tuple[Any, bool]:
    """Return what was written, without its checksum, and whether the two agree.

    Example:
        >>> check_record({"a": 1, "checksum": "f9d86028c6e0d64e"}), check_record({"a": 2, "checksum": "f9d86028c6e0d64e"})
        (({'a': 1}, True), ({'a': 2}, False))
        >>> check_record({"a": 1})
        ({'a': 1}, True)
    """
    if not isinstance(record, dict) or KEY not in record:
        return record, True
    content = {key: value for key, value in record.items() if key != KEY}
    return content, _sum(json.dumps(content, sort_keys=True)) == record[KEY]


def summed_text(text: str) -> str:
    r"""Return a text with a first line that holds its checksum: it is still there where the end was cut off.

    Example:
        >>> summed_text("a: 1\n")
        '# checksum: 37b128c59f1f5097\na: 1\n'
    """
    return f"# {KEY}: {_sum(text)}\n{text}"


def check_text(text: str) -> bool:
    r"""Return whether a text agrees with its checksum, if it has one.

    Example:
        >>> check_text(summed_text("a: 1\n")), check_text(summed_text("a: 1\n").replace("a: 1", "a: 2")), check_text("a: 1\n")
        (True, False, True)
    """
    found = _LINE.match(text)
    return found is None or _sum(text[found.end() :]) == found[1]


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
