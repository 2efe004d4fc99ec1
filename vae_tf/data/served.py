"""A table as a servable takes it: names fit for inputs, numbers with NaN in gaps, texts that are empty in gaps."""

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from vae_tf.data.dates import moment_text
from vae_tf.data.number_forms import NumberForm
from vae_tf.data.raw_column import GAPS, TRUTH, is_number, number_text
from vae_tf.errors import UserValueError

__all__ = ["number_cell", "own_names", "served_cell", "served_names"]

_SUFFIXES, _PREFIXES = ("", "_nats", "_spread"), ("start_", "stop_")
_RESERVED = ("z", "seed", "label", "start_label", "stop_label", "temperature", "fraction", "negative_elbo")


def served_names(names: Sequence[str]) -> list[str]:
    """Return names that TensorFlow takes for inputs: plain ASCII words, different without their case.

    Example:
        >>> served_names(["age", "Culmen Length (mm)", "größe", "2nd", "class", "Age", "seed"])
        ['age', 'Culmen_Length_mm', 'groe', 'column_2nd', 'class_', 'Age_2', 'seed_2']
    """
    found: list[str] = []
    taken = {name.lower() for name in _RESERVED}
    for name in names:
        plain, number = _plain(name), 1
        one = plain
        while taken & _variants(one):
            number += 1
            one = f"{plain}_{number}"
        taken |= _variants(one)
        found.append(one)
    return found


def own_names(keys: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return outputs of a signature by name, and what a table calls them: in its order, what is of no column first.

    Args:
        keys: the outputs' names.
        names: the served names of the table's columns, and their own.

    Example:
        >>> own_names(["age_a_spread", "size", "age_a", "z"], {"size": "size", "age_a": "age (a)"})
        {'z': 'z', 'size': 'size', 'age_a': 'age (a)', 'age_a_spread': 'age (a)_spread'}
    """
    own = {output: (name, end) for name in names for end, output in zip(_SUFFIXES, _outputs(name), strict=True)}
    given = [*keys]
    of_none, of_columns = [key for key in given if key not in own], [key for key in own if key in given]
    return {**dict(zip(of_none, of_none, strict=True)), **{key: names[own[key][0]] + own[key][1] for key in of_columns}}


def _outputs(name: str) -> list[str]:
    return [f"{name}{end}" for end in _SUFFIXES]


def _variants(name: str) -> set[str]:
    """Return the names that inputs and outputs of a column have."""
    return {output.lower() for output in _outputs(name)} | {f"{start}{name}".lower() for start in _PREFIXES}


def _plain(name: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name):
        return name
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_")
    if not plain[:1].isalpha():
        plain = f"column_{plain}".strip("_")
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def served_cell(name: str, value: Any, dtype: str, gaps: Collection[str] = GAPS, form: str = "") -> Any:
    """Return one cell as a signature takes it: a float, or bytes.

    Args:
        name: the column's, for messages.
        value: what a file has: a text, a number, a truth value, a date, None.
        dtype: of the signature's input: `float64` or `string`.
        gaps: texts that stand for a missing value.
        form: of a column of dates, what those that the file typed as such are written in; of numbers with a unit or marks
            between thousands, how 1234.5 is written.

    Raises:
        UserValueError: it is no number where one is wanted, or nothing that a cell can be.

    Example:
        >>> served_cell("age", "39.1", "float64"), served_cell("age", None, "float64"), served_cell("size", True, "string")
        (39.1, nan, b'True')
        >>> served_cell("price", "$1,200", "float64", form="$1,234.5")
        1200.0
        >>> served_cell("profit", "(6.5)", "float64")
        -6.5
    """
    if value is None or _text(value, "") in gaps:
        return b"" if dtype == "string" else np.nan
    if dtype == "string":
        return _text(value, form).encode()
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    number = _number(value, form) if isinstance(value, str) else None
    if number is not None:
        return number
    raise UserValueError(f"Column {name!r} must hold numbers. Received: {value!r}.")


def number_cell(name: str, value: Any, gaps: Collection[str] = GAPS) -> float:
    """Return one cell of a column of numbers without gaps.

    Raises:
        UserValueError: it is no number, or empty.

    Example:
        >>> number_cell("age", "39.1")
        39.1
    """
    number = float(served_cell(name, value, "float64", gaps))
    if np.isnan(number):
        raise UserValueError(f"Column {name!r} must have a value in every row. Received: {value!r}.")
    return number


def _number(text: str, form: str) -> float | None:
    written = NumberForm.of(form).read(text)
    return float(text) if written is None and is_number(text) else written


def _text(value: Any, date_format: str) -> str:
    if isinstance(value, bool):
        return TRUTH[value]
    if isinstance(value, (int, float, Decimal)):
        return number_text(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, date):
        return moment_text(value, date_format) if date_format else value.isoformat()
    return str(value).strip()
