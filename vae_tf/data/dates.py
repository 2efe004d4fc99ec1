"""Dates as people write them: found by their form, read as seconds since 1970, and written in the same form again."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

from dateutil.relativedelta import relativedelta

__all__ = [
    "DATE_FORMATS",
    "FIRST_SECOND",
    "LAST_SECOND",
    "as_seconds",
    "date_step",
    "date_text",
    "date_unit",
    "find_date_format",
    "is_day_or_month_first",
    "is_time_of_day",
    "main_dates",
    "moment_text",
    "next_dates",
]

DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H",
    "%Y-%m-%dT%H",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%MZ",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%d %H:%M:%S+00:00",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%dT%H:%M%z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S.%f%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y.%m.%d",
    "%Y.%m.%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %I:%M %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%m-%d-%Y",
    "%m-%d-%Y %H:%M",
    "%m-%d-%Y %H:%M:%S",
    "%d-%b-%Y",
    "%d-%b-%Y %H:%M:%S",
    "%d %b %Y",
    "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d %B %Y",
    "%b %d, %Y",
    "%b %d %Y",
    "%B %d, %Y",
    "%B %d %Y",
    "%m/%d/%y",
    "%m/%d/%y %H:%M",
    "%d/%m/%y",
    "%d/%m/%y %H:%M",
    "%d.%m.%y",
    "%d.%m.%y %H:%M",
    "%d-%b-%y",
    "%Y-%m",
    "%Y/%m",
    "%m/%Y",
    "%b %Y",
    "%b-%Y",
    "%B %Y",
    "%Y %b",
    "%Y-%b",
    "%Y %B",
    "%b-%y",
    "%Y-Q%q",
    "%Y Q%q",
    "%YQ%q",
    "Q%q %Y",
    "%H:%M:%S",
    "%H:%M",
    "%I:%M %p",
    "%I:%M:%S %p",
    "%H:%M:%S.%f",
)
"""Forms of dates and of times of day, as `strftime` has them, and %q, a quarter; the first that fits all cells is taken."""
_ASKED = ("%Y%m", "%Y%m%d", "%Y")
"""Forms that are numbers as well: only where the configuration says that they are dates."""
_FEW = 50
_TIME = re.compile(r"\d{1,2}:\d\d\b.*")
"""A time of day; 2:1 is none."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_QUARTER = re.compile(r"Q([1-4])(?!\d)")
_DAY, _HOUR, _MINUTE = 86400.0, 3600.0, 60.0
_MONTH = 365.2425 / 12.0 * _DAY
_UNEVEN_MONTHS = 3.0 * _DAY
"""How far a step of months is from so many mean ones, at most."""
_STEPS = (_DAY, _HOUR, _MINUTE, 1.0)
FIRST_SECOND, LAST_SECOND = ((datetime(year, 1, 1, tzinfo=timezone.utc) - _EPOCH).total_seconds() for year in (1, 9999))
"""Seconds since 1970 that dates are written within."""


def find_date_format(texts: Iterable[str], asked: bool = False) -> str:
    """Return the first format that all texts have; empty where there is none.

    Args:
        texts: without gaps.
        asked: also try forms that are numbers as well.

    Example:
        >>> find_date_format(["2007-11-11", "2008-01-02"]), find_date_format(["31.12.1999"]), find_date_format(["12"])
        ('%Y-%m-%d', '%d.%m.%Y', '')
    """
    texts = list(texts)
    known = (*DATE_FORMATS, *_ASKED) if asked else DATE_FORMATS
    return next((form for form in known if texts and all(as_seconds(text, form) is not None for text in texts)), "")


def main_dates(texts: Iterable[str]) -> set[str]:
    """Return the texts that are dates of the form that most have, of those that a few of them have.

    Example:
        >>> sorted(main_dates(["2007-11-11", "2008-01-02", "soon"]))
        ['2007-11-11', '2008-01-02']
    """
    texts = list(texts)
    few = texts[:: len(texts) // _FEW + 1]
    if not any(letter.isdigit() for text in few for letter in text):  # every form has a digit
        return set()
    fits = {form: sum(as_seconds(text, form) is not None for text in few) for form in DATE_FORMATS}
    form = max(fits, key=lambda form: fits[form])
    return {text for text in texts if as_seconds(text, form) is not None} if fits[form] > len(few) // 2 else set()


def is_day_or_month_first(texts: Iterable[str], form: str) -> bool:
    """Return whether texts read as month/day/year, or as day-month-year, could as well be the other.

    Example:
        >>> is_day_or_month_first(["01/02/2020"], "%m/%d/%Y"), is_day_or_month_first(["01/31/2020"], "%m/%d/%Y")
        (True, False)
    """
    other = form.replace("%m/%d", "%d/%m").replace("%d-%m-", "%m-%d-")
    return other != form and all(as_seconds(text, other) is not None for text in texts)


def as_seconds(text: str, form: str) -> float | None:
    """Return a date as seconds since 1970, UTC, and a time of day as seconds since midnight; None where it has another form.

    Example:
        >>> as_seconds("1970-01-02", "%Y-%m-%d"), as_seconds("1970-02-31", "%Y-%m-%d"), as_seconds("1:05 PM", "%I:%M %p")
        (86400.0, None, 47100.0)
        >>> as_seconds("1970 Q2", "%Y Q%q") / 86400
        90.0
    """
    if "%q" in form:
        text, count = _QUARTER.subn(lambda found: f"Q{3 * int(found[1]) - 2:02d}", text)
        form = form.replace("%q", "%m") if count == 1 else form
    if form.endswith(".%f") and "." not in text[-7:]:
        text += ".0"  # Python leaves out a fraction of zero
    try:
        parsed = datetime.strptime(text, form)  # no form of Python's has %q
    except ValueError:
        return None
    if is_time_of_day(form):
        if not _TIME.fullmatch(text):
            return None
        parsed = parsed.replace(year=_EPOCH.year)
    return ((parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)) - _EPOCH).total_seconds()


def is_time_of_day(form: str) -> bool:
    """Return whether a form has no date.

    Example:
        >>> is_time_of_day("%H:%M"), is_time_of_day("%Y-%m-%d %H:%M"), is_time_of_day("")
        (True, False, False)
    """
    return form.startswith(("%H", "%I"))


def date_unit(form: str) -> float:
    """Return the seconds of the smallest step that a form can say, days at most.

    Example:
        >>> date_unit("%Y-%m-%d"), date_unit("%Y-%m-%d %H:%M")
        (86400.0, 60.0)
    """
    if "%S" in form:
        return 1e-6 if "%f" in form else 1.0
    return _MINUTE if "%M" in form else _HOUR if "%H" in form else _DAY


def next_dates(seconds: float, step: float, count: int) -> list[float]:
    """Return the dates that follow one at a step, in seconds since 1970; steps of months follow the calendar.

    Args:
        seconds: of the date, since 1970.
        step: in seconds.
        count: how many.

    Example:
        >>> day = 86400.0
        >>> [one / day for one in next_dates(0.0, day, 2)], [one / day for one in next_dates(30 * day, 31 * day, 2)]
        ([1.0, 2.0], [58.0, 89.0])
    """
    months = round(step / _MONTH)
    if not months or abs(step - months * _MONTH) > _UNEVEN_MONTHS:  # the usual one of 28 and 31 days is no whole number of days
        return [seconds + step * number for number in range(1, count + 1)]
    begun = _EPOCH + timedelta(seconds=seconds)
    is_last = (begun + timedelta(days=1)).day == 1
    ends = {"day": 31} if is_last else {}
    return [(begun + relativedelta(months=months * number, **ends) - _EPOCH).total_seconds() for number in range(1, count + 1)]


def moment_text(moment: date, form: str) -> str:
    """Write a date, or a date with a time, which without a zone is taken for UTC, in a format.

    Example:
        >>> moment_text(date(2020, 2, 3), "%d.%m.%Y"), moment_text(datetime(2020, 2, 3, 14, 30), "%Y-%m-%d %H:%M")
        ('03.02.2020', '2020-02-03 14:30')
    """
    whole = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    return date_text((whole if whole.tzinfo else whole.replace(tzinfo=timezone.utc)).timestamp(), form)


def date_step(seconds: Iterable[float]) -> float:
    """Return the longest of a day, an hour, a minute and a second that all dates are multiples of; 0 where there is none.

    Example:
        >>> date_step([0.0, 86400.0]), date_step([90.0, 86400.0]), date_step([0.5])
        (86400.0, 1.0, 0.0)
    """
    seconds = list(seconds)
    return next((step for step in _STEPS if seconds and all(one % step == 0.0 for one in seconds)), 0.0)


def date_text(seconds: float, form: str, step: float = 0.0) -> str:
    """Write seconds since 1970 in a format, rounded to what it can say; years stay within 1 to 9998.

    Args:
        seconds: since 1970.
        form: as `strftime` has it.
        step: seconds that all dates of a column are multiples of.

    Example:
        >>> date_text(86400.0 * 1.6, "%Y-%m-%d"), date_text(90.0, "%H:%M"), date_text(86400.0 * 1.6, "%Y-%m-%d %H:%M", 86400.0)
        ('1970-01-03', '00:02', '1970-01-03 00:00')
    """
    unit = max(date_unit(form), step)
    rounded = seconds if unit < 1.0 else round(seconds / unit) * unit  # a timedelta is rounded to millionths itself
    rounded = min(max(rounded, FIRST_SECOND), LAST_SECOND)
    moment = _EPOCH + timedelta(seconds=rounded)
    year = f"{moment.year:04d}"  # strftime leaves out leading zeros of a year
    return moment.strftime(form.replace("%Y", year).replace("%q", str((moment.month + 2) // 3)))
