"""Days of which the archive has nothing: named, and a fault only where it should have something."""

from audit_archiver.days import start_of
from careconnect_admin.audit_trail.archive_gaps import first_day, gaps
from careconnect_testing.parts.archived_objects import ArchivedObjects, archived, packed

NOW = start_of("2026-03-26") + 1
SEE = "see docs/alarms.md, Audit trail"


def test_days_are_put_together_by_why_the_archive_has_nothing_of_them() -> None:
    days = ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02", "2026-03-10", "2026-03-11", "2026-03-20"]

    found = gaps(days, begins="2026-03-02", retention_days=26, now=NOW)

    assert [str(each).removeprefix("the archive has nothing of ") for each in found] == [
        "2026-02-27 to 2026-02-28: ArchiveRetentionDays (26) is over",
        "2026-03-01: it begins on 2026-03-02",
        f"2026-03-02: {SEE}",
        f"2026-03-10 to 2026-03-11: {SEE}",
        f"2026-03-20: {SEE}",
    ]
    assert [each.is_fault for each in found] == [False, False, True, True, True]
    assert gaps([], "", 26, NOW) == []


def test_an_archive_without_any_object_is_a_fault() -> None:
    (gap,) = gaps(["2026-03-20"], begins="", retention_days=26, now=NOW)

    assert gap.is_fault


def test_the_archive_begins_with_its_first_object_of_the_archiver() -> None:
    junk = {"2020-01-01/00/junk": b""}
    own = packed([archived(start_of("2026-03-25"), 1)], [archived(start_of("2026-03-24"), 2)])

    assert first_day(ArchivedObjects({**own, **junk}), "archive") == "2026-03-24"  # type: ignore[arg-type]
    assert first_day(ArchivedObjects(junk), "archive") == ""  # type: ignore[arg-type]
