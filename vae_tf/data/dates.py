"""Dates as people write them: found by their form, read as seconds since 1970, and written in the same form again."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

__all__ = [
    "DATE_FORMATS",
    "FIRST_SECOND",
    "LAST_SECOND",
    "as_seconds",
    "date_text",
    "date_unit",
    "find_date_format",
    "is_day_or_month_first",
    "moment_text",
]

DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%d %H:%M:%S+00:00",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
"""Forms of dates, as `strftime` has them; the first that fits all cells is taken."""
_ASKED = ("%Y%m%d", "%Y-%m", "%Y")
"""Forms that are numbers as well: only where the configuration says that they are dates."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY, _MINUTE = 86400.0, 60.0
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


def is_day_or_month_first(texts: Iterable[str], form: str) -> bool:
    """Return whether texts read as month/day/year could as well be day/month/year.

    Example:
        >>> is_day_or_month_first(["01/02/2020"], "%m/%d/%Y"), is_day_or_month_first(["01/31/2020"], "%m/%d/%Y")
        (True, False)
    """
    other = form.replace("%m/%d", "%d/%m")
    return other != form and all(as_seconds(text, other) is not None for text in texts)


def as_seconds(text: str, form: str) -> float | None:
    """Return a date as seconds since 1970, UTC; None where it has another form.

    Example:
        >>> as_seconds("1970-01-02", "%Y-%m-%d"), as_seconds("1970-02-31", "%Y-%m-%d")
        (86400.0, None)
    """
    try:
        parsed = datetime.strptime(text, form)
    except ValueError:
        return None
    return ((parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)) - _EPOCH).total_seconds()


def date_unit(form: str) -> float:
    """Return the seconds of the smallest step that a form can say, days at most.

    Example:
        >>> date_unit("%Y-%m-%d"), date_unit("%Y-%m-%d %H:%M")
        (86400.0, 60.0)
    """
    return _DAY if "%H" not in form else _MINUTE if "%S" not in form else 1e-6 if "%f" in form else 1.0


def moment_text(moment: date, form: str) -> str:
    """Write a date, or a date with a time, which without a zone is taken for UTC, in a format.

    Example:
        >>> moment_text(date(2020, 2, 3), "%d.%m.%Y"), moment_text(datetime(2020, 2, 3, 14, 30), "%Y-%m-%d %H:%M")
        ('03.02.2020', '2020-02-03 14:30')
    """
    whole = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    return date_text((whole if whole.tzinfo else whole.replace(tzinfo=timezone.utc)).timestamp(), form)


def date_text(seconds: float, form: str) -> str:
    """Write seconds since 1970 in a format, rounded to what it can say; years stay within 1 to 9998.

    Example:
        >>> date_text(86400.0 * 1.6, "%Y-%m-%d"), date_text(90.0, "%H:%M")
        ('1970-01-03', '00:02')
    """
    unit = date_unit(form)
    rounded = seconds if unit < 1.0 else round(seconds / unit) * unit  # a timedelta is rounded to millionths itself
    rounded = min(max(rounded, FIRST_SECOND), LAST_SECOND)
    moment = _EPOCH + timedelta(seconds=rounded)
    year = f"{moment.year:04d}"  # strftime leaves out leading zeros of a year
    return moment.strftime(form.replace("%Y", year))
