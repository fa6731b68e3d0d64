"""The rows of the audit table that say for how long a day's events were kept (`archive.md`, Retentions in force).

The verifier adds one for each day and value. They are no events, and are neither archived nor removed.
"""

from datetime import date
from typing import Any, Final

from careconnect.audit.retention import AUDIT_DAYS

RETENTIONS: Final = "$retentions"
"""The partition of the rows; the sort key is a UTC day with `AuditRetentionDays` (`2026-12-01#90`)."""


def retention_row(day: str, days: int) -> dict[str, Any]:
    """Return the row of a day on which events were kept for `days`, 0 for ever."""
    return {"pk": {"S": RETENTIONS}, "sk": {"S": f"{day}#{days}"}}


def told(sort_key: str) -> tuple[str, int]:
    """Return the day of a row, and the days for which events were kept then; raises `ValueError` if it is no row."""
    day, days = sort_key.split("#")
    if date.fromisoformat(day).isoformat() != day or days not in map(str, AUDIT_DAYS):
        raise ValueError
    return day, int(days)
