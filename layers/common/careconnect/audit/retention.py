"""List the retentions to choose from, in days: of an event in the table, and of an object in the archive (ADR 34).

A short list, so that every deployment has values that are tested, and that fit each other.
"""

from typing import Final

AUDIT_DAYS: Final = (0, 1, 90, 365)
"""Days that the table keeps an event (`AuditRetentionDays`); 0 is for ever, 1 for a temporary stack."""

ARCHIVE_DAYS: Final = (1, 365, 2922, 7305)
"""Days that the archive keeps an object (`ArchiveRetentionDays`); 1 is for a temporary stack."""

TEMPORARY: Final = 1
"""The retention of a temporary stack, of the table as of the archive."""

LEAST: Final = min(days for days in AUDIT_DAYS if days > TEMPORARY)
"""The shortest retention of the table on a stack that is not temporary."""

LEAST_ARCHIVE: Final = min(days for days in ARCHIVE_DAYS if days > TEMPORARY)
"""The shortest retention of the archive on a stack that is not temporary."""


def refusal(audit_days: int, archive_days: int) -> str:
    """Return why the two retentions are not allowed together, empty if they are.

    All but the temporary archive keep an event at least as long as the table, or the table keeps it for ever. A table
    that keeps events for ever needs no archive, so a temporary archive may be beside it.
    """
    if audit_days not in AUDIT_DAYS:
        return f"AuditRetentionDays is one of {_listed(AUDIT_DAYS)}"
    if archive_days not in ARCHIVE_DAYS:
        return f"ArchiveRetentionDays is one of {_listed(ARCHIVE_DAYS)}"
    if archive_days == TEMPORARY and audit_days not in (0, TEMPORARY):
        return "ArchiveRetentionDays=1 needs AuditRetentionDays=1 or 0"
    return ""


def _listed(days: tuple[int, ...]) -> str:
    return ", ".join(map(str, days))
