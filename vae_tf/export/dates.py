"""Dates in the graph: texts of a known form to seconds since 1970, and back; what `vae_tf.data.dates` does in Python."""

import re

import tensorflow as tf

from vae_tf.data.dates import date_unit

__all__ = ["Dates"]

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_FIELDS = {
    "%Y": r"(\d{4})",
    "%y": r"(\d{2})",
    "%m": r"(\d{1,2})",
    "%q": r"([1-4])",
    "%d": r"(\d{1,2})",
    "%H": r"(\d{1,2})",
    "%I": r"(\d{1,2})",
    "%p": r"(?i:(am|pm))",
    "%M": r"(\d{1,2})",
    "%S": r"(\d{1,2})",
    "%f": r"(\d{1,6})",
    "%b": "(?i:(" + "|".join(month[:3] for month in _MONTHS) + "))",
    "%B": "(?i:(" + "|".join(_MONTHS) + "))",
    "%z": r"(Z|[+-]\d{2}:?\d{2})",
}
_WIDTHS = {"%Y": 4, "%y": 2, "%m": 2, "%q": 1, "%d": 2, "%H": 2, "%I": 2, "%M": 2, "%S": 2, "%f": 6}
_DAY = 86400
_ERA, _SHIFT = 146_097, 719_468
"""Days of 400 years, and those from the first of March of the year 0 to 1970."""


class Dates:
    """Dates of one form.

    Args:
        form: as `strftime` has it, of the fields that `vae_tf.data.dates.DATE_FORMATS` are made of.
        step: seconds that all dates of a column are multiples of, which are written so.

    Example:
        >>> dates = Dates("%d.%m.%Y %H:%M")
        >>> seconds, is_date = dates.read(tf.constant(["02.01.1970 00:01", "31.02.1970 00:00", "soon"]))
        >>> seconds.numpy()[0], is_date.numpy()
        (np.float64(86460.0), array([ True, False, False]))
        >>> dates.write(seconds[:1]).numpy()
        array([b'02.01.1970 00:01'], dtype=object)
    """

    def __init__(self, form: str, step: float = 0.0) -> None:
        self.form, self.step = form, step
        self.pieces = [piece for piece in re.split(r"(%[a-zA-Z])", form) if piece]
        self.fields = [piece for piece in self.pieces if piece in _FIELDS]
        self.pattern = "".join(_FIELDS.get(piece, re.escape(piece)) for piece in self.pieces)

    def read(self, texts: tf.Tensor) -> tf.Tensor:
        """Return seconds since 1970, float64 [B], and which texts are dates, bool [B]."""
        fits = tf.strings.regex_full_match(texts, self.pattern)
        if self.form.endswith(".%f"):  # a fraction of zero may be left out
            texts = tf.where(fits, texts, tf.strings.join([texts, ".0"]))
            fits = tf.strings.regex_full_match(texts, self.pattern)
        found = {name: self._field(texts, name, fits) for name in self.fields}
        one = tf.ones_like(fits, tf.int64)
        year = found.get("%Y", _century(found["%y"]) if "%y" in found else one * 1970)
        found |= {"%m": found["%q"] * 3 - 2} if "%q" in found else {}
        month = next((found[name] for name in ("%m", "%b", "%B") if name in found), one)
        day, zero = found.get("%d", one), tf.zeros_like(one)
        days = _days(year, month, day)
        hour, minute, second = (found.get(name, zero) for name in ("%H", "%M", "%S"))
        half = found.get("%I", one)
        hour = half % 12 + 12 * found["%p"] if "%p" in found else hour
        is_there = (
            (month >= 1)
            & (month <= 12)
            & (half >= 1)
            & (half <= 12)
            & (hour < 24)
            & (minute < 60)
            & (second < 60)
            & (year >= 1)
        )
        is_there &= tf.reduce_all(tf.stack(_civil(days)) == tf.stack([year, month, day]), axis=0)
        seconds = days * _DAY + hour * 3600 + minute * 60 + second - found.get("%z", zero)
        fraction = tf.cast(found.get("%f", zero), tf.float64) * 1e-6
        return tf.cast(seconds, tf.float64) + fraction, fits & is_there

    def _field(self, texts: tf.Tensor, name: str, fits: tf.Tensor) -> tf.Tensor:
        """Return one field as whole numbers, int64 [B]: months by number, offsets in seconds; 1 where the form is another."""
        own = tf.where(fits, tf.strings.regex_replace(texts, self.pattern, rf"\{self.fields.index(name) + 1}"), "")
        if name in ("%b", "%B"):
            start = tf.strings.substr(tf.strings.join([tf.strings.lower(own), "   "]), 0, 3)
            matches = start[:, tf.newaxis] == tf.constant([month[:3].lower() for month in _MONTHS])
            return tf.argmax(tf.cast(matches, tf.int64), axis=-1) + 1
        if name == "%p":
            return tf.cast(tf.strings.lower(own) == "pm", tf.int64)
        if name == "%z":
            digits = _number(tf.strings.regex_replace(tf.strings.regex_replace(own, "^[+]", ""), "Z|:", ""))
            size = tf.abs(digits)
            return tf.sign(digits) * (size // 100 * 3600 + size % 100 * 60)
        if name == "%f":
            own = tf.strings.substr(tf.strings.join([own, "000000"]), 0, 6)
        return tf.where(fits, _number(own), 1)

    def write(self, seconds: tf.Tensor) -> tf.Tensor:
        """Return texts [B] of seconds since 1970, rounded to what the form can say; see `vae_tf.data.dates.date_text`."""
        unit = max(1.0, date_unit(self.form), self.step)
        steps = tf.floor(seconds) if "%f" in self.form and not self.step else tf.round(seconds / unit)
        whole, micros = tf.cast(steps * unit, tf.int64), tf.cast(tf.round((seconds - steps * unit) * 1e6), tf.int64)
        if "%f" in self.form:
            whole, micros = whole + micros // 1_000_000, micros % 1_000_000
        year, month, day = _civil(whole // _DAY)
        rest = whole % _DAY
        values = {"%Y": year, "%m": month, "%d": day, "%H": rest // 3600, "%M": rest // 60 % 60, "%S": rest % 60}
        values |= {"%q": (month + 2) // 3, "%f": micros, "%y": year % 100, "%I": (rest // 3600 + 11) % 12 + 1}
        texts = {
            name: tf.strings.as_string(values[name], width=_WIDTHS[name], fill="0") for name in self.fields if name in values
        }
        texts["%b"], texts["%B"] = (tf.gather([name[:cut] for name in _MONTHS], month - 1) for cut in (3, None))
        texts["%p"] = tf.where(rest < _DAY // 2, "AM", "PM")
        texts["%z"] = tf.fill(tf.shape(seconds), "+0000")
        return tf.strings.join([texts.get(piece, piece) for piece in self.pieces])


def _number(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_number(tf.where(texts == "", "0", texts), tf.int64)


def _century(year: tf.Tensor) -> tf.Tensor:
    """Return years of two digits as Python reads them: 1969 to 2068."""
    return year + tf.where(year < 69, tf.constant(2000, tf.int64), tf.constant(1900, tf.int64))


def _days(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Return days since 1970 of the Gregorian calendar; years begin in March, so that leap days end them."""
    year -= tf.cast(month <= 2, tf.int64)
    era, of_era = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _ERA + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _SHIFT


def _civil(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return year, month and day of days since 1970: what `_days` maps back."""
    days += _SHIFT
    era, of_era = days // _ERA, days % _ERA
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march = (5 * of_year + 2) // 153
    month = (march + 2) % 12 + 1
    return year + era * 400 + tf.cast(month <= 2, tf.int64), month, of_year - (153 * march + 2) // 5 + 1
