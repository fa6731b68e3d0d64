"""Hours of which the archive has nothing: named, and a fault only where it should have something."""

from audit_archiver.days import DAY, HOUR, start_of
from careconnect_admin.audit_trail.archive_gaps import first_time, gaps
from careconnect_testing.parts.archived_objects import ArchivedObjects, archived, packed

NOW = start_of("2026-03-26") + 1
SEE = "see docs/alarms.md, Audit trail"


def test_hours_are_put_together_by_why_the_archive_has_nothing_of_them() -> None:
    over, first = start_of("2026-02-28"), start_of("2026-03-02")
    hours = [
        *range(over - HOUR, first + 5 * HOUR, HOUR),
        *range(first + 9 * HOUR, first + 11 * HOUR, HOUR),
        *range(first + 23 * HOUR, first + 2 * DAY, HOUR),
    ]

    found = gaps(hours, begins=first + 5 * HOUR + 1, retention_days=26, now=NOW)

    assert [str(each).removeprefix("the archive has nothing from ") for each in found] == [
        "2026-02-27 23:00 to 2026-03-01 00:00 (UTC): ArchiveRetentionDays (26) is over",
        "2026-03-01 00:00 to 2026-03-02 05:00 (UTC): it begins at 2026-03-02 05:00",
        f"2026-03-02 09:00 to 2026-03-02 11:00 (UTC): {SEE}",
        f"2026-03-02 23:00 to 2026-03-04 00:00 (UTC): {SEE}",
    ]
    assert [each.is_fault for each in found] == [False, False, True, True]
    assert gaps([], 0, 26, NOW) == []


def test_hours_of_two_reasons_are_two_gaps_also_side_by_side() -> None:
    begins = start_of("2026-03-20")

    before, after = gaps([begins - HOUR, begins], begins, 26, NOW)

    assert (before.before, before.is_fault) == (after.since, False)
    assert after.is_fault


def test_an_archive_without_any_object_is_a_fault() -> None:
    (gap,) = gaps([start_of("2026-03-20")], begins=0, retention_days=26, now=NOW)

    assert gap == (start_of("2026-03-20"), start_of("2026-03-20") + HOUR, SEE, True)


def test_the_archive_begins_with_its_first_object_of_the_archiver() -> None:
    junk = {"2020-01-01/00/junk": b""}
    own = packed([archived(start_of("2026-03-25"), 1)], [archived(start_of("2026-03-24") + 5_000, 2)])

    begins = first_time(ArchivedObjects({**own, **junk}), "archive")  # type: ignore[arg-type]

    assert begins == start_of("2026-03-24") + 5_000
    assert first_time(ArchivedObjects(junk), "archive") == 0  # type: ignore[arg-type]
