"""Numbers as people write them: with a sign of money, per cent, a unit, or marks between thousands; read, and written again."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["NumberForm", "find_number_form", "forms_of_numbers", "is_padded", "main_numbers"]

_MONEY = ("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "SEK", "NOK", "DKK", "Rs", "Rs.")
_UNITS = frozenset(
    {"kg", "g", "mg", "lb", "lbs", "oz", "km", "m", "cm", "mm", "ft", "in", "mi", "mph", "hp", "PS"}
    | {"kW", "W", "kWh", "ml", "mL", "h", "hr", "hrs", "min", "s", "ms"}
)
"""What may follow a number without a space: other letters there make a code of it."""
_PADDED = re.compile(r"[+-]?0\d+")
_SCIENTIFIC = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
_SPACED = re.compile(r"[+-]?[1-9]\d{0,2}( \d{3})+")
_SIGNS = r"+\-\u2212"
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[{_SIGNS}]?)(?P<before>[^\d\s.,'()%{_SIGNS}]{{0,3}}\.?\s?)(?P<inner>[{_SIGNS}]?)"
    r"(?P<digits>[.,]?\d(?:[\d.,'\u2019\u00a0\u202f ]*\d)?)(?P<after>\s?[^\d\s,'()][^\d\s]{0,11}|)(?P<close>\))?"
)
_EXAMPLE = re.compile(r"(?P<before>.*?)1(?P<thousands>[^\d]?)234(?P<point>[.,])5(?P<after>.*)", re.DOTALL)
_MARKS = ((",", "."), (".", ","), ("'", "."), ("\u2019", "."), ("\u00a0", ","), ("\u202f", ","), (" ", ","), (" ", "."))
"""Between thousands, and before decimals; of those that fit, the first."""


class NumberForm(NamedTuple):
    """How the numbers of a column are written.

    Attributes:
        before: a sign of money, with a space if there is one.
        after: a sign of money or per cent, or a unit, with a space if there is one.
        thousands: what is between thousands; empty where nothing is.
        point: what is before decimals.

    Example:
        >>> form = NumberForm.of("$1,234.5")
        >>> form, form.read("-$1,200.50"), form.write("-1200.50"), form.example
        (NumberForm(before='$', after='', thousands=',', point='.'), -1200.5, '-$1,200.50', '$1,234.5')
    """

    before: str = ""
    after: str = ""
    thousands: str = ""
    point: str = "."

    @classmethod
    def of(cls, example: str) -> "NumberForm":
        """Return the form in which 1234.5 is so written."""
        found = _EXAMPLE.fullmatch(example)
        return cls(**found.groupdict()) if found else cls()

    @property
    def example(self) -> str:
        """How 1234.5 is written: what a column keeps."""
        return self.write("1234.5")

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs do."""
        return self == NumberForm()

    def read(self, text: str) -> float | None:
        """Return a number that is written so; None where it is written otherwise."""
        found = _CELL.fullmatch(text.strip())
        if not found or (found["before"], found["after"]) != (self.before, self.after) or not _is_signed_once(found):
            return None
        if not _body(self.thousands, self.point).fullmatch(found["digits"]):
            return None
        digits = found["digits"].replace(self.thousands, "") if self.thousands else found["digits"]
        is_negative = bool(found["open"]) or (found["sign"] or found["inner"]) in ("-", "\u2212")
        return float(digits.replace(self.point, ".")) * (-1.0 if is_negative else 1.0)

    def write(self, number: str) -> str:
        """Write a number that is written as programs do."""
        sign, whole, dot, decimals = re.fullmatch(r"(-?)(\d+)(\.?)(\d*)", number).groups()  # type: ignore[union-attr]
        groups = re.sub(r"(?<=\d)(?=(\d{3})+$)", self.thousands, whole) if self.thousands else whole
        return f"{sign}{self.before}{groups}{self.point if dot else ''}{decimals}{self.after}"


def is_padded(text: str) -> bool:
    """Return whether a whole number begins with zeros: it is a code, whose zeros count.

    Example:
        >>> is_padded("02139"), is_padded("0.5"), is_padded("0")
        (True, False, False)
    """
    return _PADDED.fullmatch(text) is not None


def find_number_form(texts: Iterable[str], point: str = ".") -> NumberForm | None:
    """Return the form in which all texts are numbers; None where there is none.

    Args:
        texts: without gaps.
        point: what the table writes before decimals: 1,234 is either more than a thousand or little more than one.

    Example:
        >>> find_number_form(["12%", "5.5%"]), find_number_form(["1,5", "2"]), find_number_form(["1.200", "900"], ",")
        (NumberForm(before='', after='%', thousands='', point='.'), NumberForm(before='', after='', thousands='', point=','), \
NumberForm(before='', after='', thousands='.', point=','))
        >>> find_number_form(["A11", "A12"]), find_number_form(["5 km", "5 mi"]), find_number_form(["02139", "$1"])
        (None, None, None)
    """
    cells = [_CELL.fullmatch(text) for text in texts]
    if not cells or not all(cell and _is_signed_once(cell) for cell in cells):
        return None
    found = [cell for cell in cells if cell]
    before, after = found[0]["before"], found[0]["after"]
    if any((cell["before"], cell["after"]) != (before, after) for cell in found) or not _is_unit(before, after):
        return None
    digits = [cell["digits"] for cell in found]
    if any(is_padded(text) for text in digits):
        return None
    marks = sorted(_MARKS, key=lambda mark: mark[1] != point)
    for thousands, own in marks:
        if thousands == " " and not (before or after) and not any(own in text for text in digits):
            continue  # of telephones and the like
        if all(_body(thousands, own).fullmatch(text) for text in digits):
            is_grouped = any(thousands in text for text in digits)
            return NumberForm(before, after, thousands if is_grouped else "", own)
    return None


def main_numbers(texts: Iterable[str], point: str = ".") -> set[str]:
    """Return the texts that are numbers, with the unit that most numbers have.

    Example:
        >>> sorted(main_numbers(["$1,200", "$5", "on request"]))
        ['$1,200', '$5']
    """
    forms = {text: find_number_form([text], point) for text in texts}
    units = {text: (form.before, form.after) for text, form in forms.items() if form}
    units |= dict.fromkeys((text for text in forms if _SCIENTIFIC.fullmatch(text)), ("", ""))
    common = Counter(units.values()).most_common(1)
    return {text for text, unit in units.items() if unit == common[0][0]}


def forms_of_numbers(texts: Iterable[str]) -> dict[str, str]:
    """Return those of some texts that a person would read as numbers, with how 1234.5 is so written, or a part of that.

    Example:
        >>> forms_of_numbers(["$5", "'7,5'", "1 013", "5 kg", "A7", "n/a"])
        {'$5': '$1234.5', "'7,5'": '1234,5', '1 013': '1 234', '5 kg': '1234.5 kg'}
    """
    found: dict[str, str] = {}
    for text in texts:
        plain = text.strip().strip("'\"").strip()
        form = find_number_form([plain]) or find_number_form([plain], ",")
        if form:
            found[text] = form.example
        elif _SPACED.fullmatch(plain):
            found[text] = "1 234"
        elif _SCIENTIFIC.fullmatch(plain.replace(",", ".")):
            found[text] = "1.2345e3"
    return found


def _is_signed_once(cell: "re.Match[str]") -> bool:
    signs = bool(cell["sign"]) + bool(cell["inner"]) + bool(cell["open"])
    return signs <= 1 and bool(cell["open"]) == bool(cell["close"])


def _is_unit(before: str, after: str) -> bool:
    """Return whether what is about a number leaves it one: `A11` and `3rd` are names."""
    if before and not (_is_money(before) or before.rstrip() in _MONEY):
        return False
    plain = after.strip()
    return not after or after != plain or _is_money(plain) or plain in _UNITS or plain in _MONEY or plain[0] in "%\u2030°"


def _is_money(text: str) -> bool:
    return any(unicodedata.category(letter) == "Sc" for letter in text)


def _body(thousands: str, point: str) -> "re.Pattern[str]":
    """Return what digits are with these marks."""
    dot = re.escape(point)
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+|" if thousands else ""
    return re.compile(rf"(?:{grouped}\d+)?(?:{dot}\d+)?")
