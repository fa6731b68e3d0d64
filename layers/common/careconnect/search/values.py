"""Searchable values: normalised once at load time, compared at read time.

A resource's searchable values (`SearchValues`) are stored in each of its index entries, in the form of
`stored_values`, so that a reader can test for a match without fetching a body. Forms by parameter type:

- string: the text as given; compared by `normalise`
- token: `[system, code]`, the system empty where there is none
- date: `[low, high]`, epoch milliseconds UTC, `high` exclusive
- reference: `Type/id`, or an absolute URL if it points elsewhere
- quantity: `[number, system, code, unit]`, all texts; the number as it was written, the others empty where absent
- uri: the text as given
- composite: for each element that has any of the parts, a list of the values of each part
"""

import calendar
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

SearchValues = Mapping[str, Sequence[Any]]

FIRST_INSTANT: Final = -62_135_596_800_000
LAST_INSTANT: Final = 253_402_300_800_000
"""Epoch milliseconds of 0001-01-01 and of 10000-01-01, for a period without a start or an end."""

LONGEST_SHORT_PERIOD: Final = 366 * 86_400_000
"""Milliseconds that a date covers at most; a longer period has one more index entry."""

UNDATED: Final = "0" * 15
"""The order key of a resource without a date, or with a period without a start."""

_DATE: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:T(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)
# Letters that people type without their stroke or as two letters, and that Unicode does not decompose.
_STRUCK: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)
_LONGEST_REMEMBERED: Final = 100
"""Maximum characters of a text that is cached in its folded form."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SearchValueError(ValueError):
    """A text is not a value of its search parameter type."""


def normalise(text: str) -> str:
    """Fold case, accents, struck letters and runs of white space (STU3 Search §2.21.1.4: string)."""
    # Long texts would fill the memory of an instance.
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _folded(text)


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.casefold().translate(_STRUCK).split())


_remembered: Final = lru_cache(maxsize=8192)(_folded)


def fold_token(code: str, *, case_sensitive: bool, punctuation: bool, mail: bool = False) -> str:
    """Return a token's code in the form that its parameter compares."""
    if not punctuation and not (mail and "@" in code):
        code = re.sub(r"[^0-9A-Za-z]", "", code)
    return code if case_sensitive else code.casefold()


def date_range(text: str) -> tuple[int, int]:
    """Return the range that a date, dateTime or instant of any precision covers, `high` exclusive.

    Times and days without a zone are taken as UTC. Raises `SearchValueError` for a text that is not a date.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise SearchValueError("not a date")
    try:
        return _range(match)
    except (ValueError, OverflowError):
        raise SearchValueError("not a date of the calendar") from None


def _range(match: re.Match[str]) -> tuple[int, int]:
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    start = datetime(year, month, day, tzinfo=UTC)
    if match["month"] is None:
        return _milliseconds(start), _milliseconds(start) + (366 if calendar.isleap(year) else 365) * _DAY
    if match["day"] is None:
        return _milliseconds(start), _milliseconds(start) + calendar.monthrange(year, month)[1] * _DAY
    if match["hour"] is None:
        return _milliseconds(start), _milliseconds(start) + _DAY
    second = int(match["second"] or 0)
    # A leap second is a legal time (STU3 Data types §2.24.0.1: instant), even the last one of the calendar.
    leap, second = (1000, 59) if second == 60 else (0, second)
    instant = datetime(year, month, day, int(match["hour"]), int(match["minute"]), second, tzinfo=UTC)
    zone = match["zone"]
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 14 or minutes > 59:
            raise ValueError("no such time zone")
        offset = timedelta(hours=hours, minutes=minutes)
        instant = instant - offset if zone[0] == "+" else instant + offset
    low = _milliseconds(instant) + leap
    if match["second"] is None:
        return low, low + 60_000
    if match["fraction"] is None:
        return low, low + 1000
    digits = match["fraction"][:3]
    return low + int(digits.ljust(3, "0")), low + int(digits.ljust(3, "0")) + 10 ** (3 - len(digits))


_DAY: Final = 86_400_000


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def order_key(values: SearchValues, order_by: str) -> str:
    """Return the sortable text of a resource's position in its type's default order.

    It is that of the earliest start among the values of `order_by`, or zeros if there is none. Undated resources
    therefore come last when the latest come first.
    """
    starts = [low for low, _ in values.get(order_by, ())] if order_by else []
    return order_text(min(starts)) if starts else UNDATED


def order_text(instant: int) -> str:
    """Return epoch milliseconds as a sortable text: fifteen digits, counted from the first instant."""
    return f"{max(instant - FIRST_INSTANT, 0):015d}"


def is_long_period(values: SearchValues, order_by: str) -> bool:
    """Return True if the dates that order a resource span more than `LONGEST_SHORT_PERIOD`."""
    ranges = values.get(order_by, ()) if order_by else ()
    return bool(ranges) and max(high for _, high in ranges) - min(low for low, _ in ranges) > LONGEST_SHORT_PERIOD
