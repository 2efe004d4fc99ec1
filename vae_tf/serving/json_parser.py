"""JSON as TensorFlow Serving reads it: RapidJSON 1.1.0 with NaN and Infinity, stopping after the first value.

Two readers that agree: orjson where the text is strict JSON without repeated keys, and one after RapidJSON's rules for the
rest (NaN, text after the value, the first of two equal keys, any depth, invalid UTF-8 in strings), with its messages.
"""

import re
from typing import Any

import orjson

from vae_tf.serving.codes import invalid

__all__ = ["encode_text", "parse_json"]

_KEY = re.compile(rb'"[ \t\n\r]*:')
_SPACE = re.compile(rb"[ \t\n\r]*")
_NUMBER = rb"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|Inf(?:inity)?)|NaN"
_SCALAR = re.compile(rb"(%s)|(true|false|null)" % _NUMBER)
_NUMBERS = re.compile(rb"[ \t\n\r]*(?:%s)(?:[ \t\n\r]*,[ \t\n\r]*(?:%s))*[ \t\n\r]*(?=\])" % (_NUMBER, _NUMBER))
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_LITERALS = {b"true": True, b"false": False, b"null": None}
_ESCAPES = {34: '"', 92: "\\", 47: "/", 98: "\b", 102: "\f", 110: "\n", 114: "\r", 116: "\t"}
_LONGEST_INTEGER = 20
_BOM = b"\xef\xbb\xbf"


def parse_json(body: bytes) -> Any:
    """Read the first JSON value of a body.

    Integers within 64 bits are `int`, other numbers `float`; bytes of a string that are not UTF-8 become lone surrogates, which
    `encode_text` turns back.

    Raises:
        ServingError: INVALID_ARGUMENT with RapidJSON's words and the offset.

    Example:
        >>> parse_json(b'{"a": [1, 2.0, NaN], "a": 0} and more')
        {'a': [1, 2.0, nan]}
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Reader(body).read()
    return value if _has_distinct_keys(value, len(_KEY.findall(body))) else _Reader(body).read()


def encode_text(text: str) -> bytes:
    """Return a string's bytes as the client sent them."""
    return text.encode("utf-8", "surrogateescape")


def _has_distinct_keys(value: Any, num_colons: int) -> bool:
    """Whether so many keys as were written are there; looks no deeper than requests go, and is False when in doubt."""
    if not isinstance(value, dict):
        return num_colons == 0
    found = len(value)
    for item in value.values() if found < num_colons else ():
        if isinstance(item, dict):
            found += len(item)
        elif isinstance(item, list):
            found += sum(len(row) for row in item if isinstance(row, dict))
    return found == num_colons


class _Reader:
    """An iterative reader: nesting costs memory, never the stack."""

    def __init__(self, body: bytes) -> None:
        self.data = body
        self.position = 3 if body.startswith(_BOM) else 0

    def read(self) -> Any:
        """Return the first value."""
        self._skip()
        if self.position >= len(self.data) or self.data[self.position] == 0:
            raise self._error("The document is empty.")
        open_containers: list[tuple[Any, str | None]] = []
        while True:
            value, is_open = self._value()
            if is_open:
                open_containers.append((value, self._key() if isinstance(value, dict) else None))
                continue
            while True:  # put the value where it belongs; close what ends here
                if not open_containers:
                    return value
                container, key = open_containers.pop()
                if self._put(container, key, value):
                    open_containers.append((container, self._key() if isinstance(container, dict) else None))
                    break
                value = container

    def _put(self, container: Any, key: str | None, value: Any) -> bool:
        """Add a value to its container; return whether more follow."""
        self._skip()
        byte = self._byte()
        if isinstance(container, dict):
            container.setdefault(key, value)  # of two equal keys the first counts
            closing, message = b"}", "Missing a comma or } after an object member."
        else:
            container.append(value)
            closing, message = b"]", "Missing a comma or ] after an array element."
        if byte not in (b",", closing):
            raise self._error(message)
        self.position += 1
        return byte == b","

    def _value(self) -> tuple[Any, bool]:
        """Return the value that begins here, and whether it is a container yet to be filled."""
        self._skip()
        byte = self._byte()
        if byte == b'"':
            return self._string(), False
        if byte in (b"[", b"{"):
            self.position += 1
            return self._container(byte)
        match = _SCALAR.match(self.data, self.position)
        if match is None:
            raise self._error("Invalid value.")
        self.position = match.end()
        self._check_number_end(match)
        return (_LITERALS[match[2]] if match[2] else self._number(match[1])), False

    def _container(self, byte: bytes) -> tuple[Any, bool]:
        closing = b"]" if byte == b"[" else b"}"
        run = _NUMBERS.match(self.data, self.position) if byte == b"[" else None
        if run:  # a list of numbers alone: most of what is sent
            self.position = run.end() + 1
            return [self._number(token.strip()) for token in run[0].split(b",")], False
        self._skip()
        if self._byte() == closing:
            self.position += 1
            return ([] if byte == b"[" else {}), False
        return ([] if byte == b"[" else {}), True

    def _key(self) -> str:
        self._skip()
        if self._byte() != b'"':
            raise self._error("Missing a name for object member.")
        key = self._string()
        self._skip()
        if self._byte() != b":":
            raise self._error("Missing a colon after a name of object member.")
        self.position += 1
        return key

    def _number(self, token: bytes) -> float | int:
        if token.lstrip(b"-").isdigit() and len(token) <= _LONGEST_INTEGER:
            number = int(token)
            if -(2**63) <= number < 2**64:
                return number
        value = float(token)
        if value in (float("inf"), -float("inf")) and b"I" not in token:
            raise self._error("Number too big to be stored in double.")
        return value

    def _check_number_end(self, match: re.Match[bytes]) -> None:
        """Refuse `01`, `1.` and `1e`, of which the pattern takes the first digit."""
        rest = self.data[self.position : self.position + 1]
        if match[1] and rest == b".":
            raise self._error("Miss fraction part in number.")
        if match[1] and rest in (b"e", b"E"):
            raise self._error("Miss exponent in number.")

    def _string(self) -> str:
        start = self.position
        self.position += 1
        pieces: list[bytes] = []
        while True:
            start_of_piece = self.position
            self._advance(_PLAIN)
            pieces.append(self.data[start_of_piece : self.position])
            byte = self._byte()
            if byte == b'"':
                self.position += 1
                return b"".join(pieces).decode("utf-8", "surrogateescape")
            if byte != b"\\":
                raise self._error(
                    "Missing a closing quotation mark in string." if not byte else "Invalid encoding in string.", start
                )
            pieces.append(self._escape().encode("utf-8", "surrogatepass"))

    def _escape(self) -> str:
        start = self.position
        code = self.data[self.position + 1 : self.position + 2]
        if code == b"u":
            return self._unicode(start)
        if not code or code[0] not in _ESCAPES:
            raise self._error("Invalid escape character in string.", start)
        self.position += 2
        return _ESCAPES[code[0]]

    def _unicode(self, start: int) -> str:
        high = self._hex(start)
        if not 0xD800 <= high <= 0xDBFF:
            return chr(high)
        low = self._hex(start) if self.data[self.position : self.position + 2] == b"\\u" else 0
        if not 0xDC00 <= low <= 0xDFFF:
            raise self._error("The surrogate pair in string is invalid.", start)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    def _hex(self, start: int) -> int:
        digits = self.data[self.position + 2 : self.position + 6]
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            raise self._error("Incorrect hex digit after \\u escape in string.", start)
        self.position += 6
        return int(digits, 16)

    def _byte(self) -> bytes:
        """Return the byte here; empty at the end, which a NUL is too."""
        byte = self.data[self.position : self.position + 1]
        return b"" if byte == b"\0" else byte

    def _skip(self) -> None:
        self._advance(_SPACE)

    def _advance(self, pattern: re.Pattern[bytes]) -> None:
        """Go past what a pattern matches here, if it does."""
        match = pattern.match(self.data, self.position)
        self.position = match.end() if match else self.position

    def _error(self, message: str, position: int | None = None) -> Exception:
        offset = self.position if position is None else position
        return invalid(f"JSON Parse error: {message} at offset: {offset}")
