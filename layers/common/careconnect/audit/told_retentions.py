"""The rows of the audit table that say for how long a day's events were kept (`archive.md`, Retentions in force).

The verifier adds one for each day and value, which may be one that only former releases offered. They are no events,
and are neither archived nor removed.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

RETENTIONS: Final = "$retentions"
"""The partition of the rows; the sort key is a UTC day with `AuditRetentionDays` (`2026-12-01#90`)."""

_DAYS: Final = re.compile("0|[1-9][0-9]{0,4}")


def retention_row(day: str, days: int) -> dict[str, Any]:
    """Return the row of a day on which events were kept for `days`, 0 for ever."""
    return {"pk": {"S": RETENTIONS}, "sk": {"S": f"{day}#{days}"}}


def told_by(items: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Return the days of rows, each with the days for which events were kept then.

    Items that are no rows are left out: a forged one must not prevent reading the trail.
    """
    found = (item["sk"]["S"].partition("#") for item in items)
    return [(day, int(days)) for day, _, days in found if _is_day(day) and _DAYS.fullmatch(days)]


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
