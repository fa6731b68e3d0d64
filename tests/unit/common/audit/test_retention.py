"""The allowed retentions of the table and of the archive, and their pairs."""

from itertools import product

import pytest

from careconnect.audit.retention import ARCHIVE_DAYS, AUDIT_DAYS, LEAST, TEMPORARY, refusal


@pytest.mark.parametrize(("audit", "archive"), [*product(AUDIT_DAYS, ARCHIVE_DAYS)])
def test_the_archive_keeps_an_event_as_long_as_the_table_or_the_table_for_ever(audit: int, archive: int) -> None:
    assert (refusal(audit, archive) == "") == (audit <= archive)


def test_a_pair_that_is_refused_is_told_with_what_it_needs() -> None:
    assert refusal(90, 1) == "ArchiveRetentionDays=1 needs AuditRetentionDays=1 or 0"


@pytest.mark.parametrize(
    ("audit", "archive", "text"),
    [
        (400, 2922, "AuditRetentionDays is one of 0, 1, 90, 365"),
        (0, 30, "ArchiveRetentionDays is one of 1, 365, 2922, 7305"),
    ],
)
def test_a_value_outside_the_lists_is_refused(audit: int, archive: int, text: str) -> None:
    assert refusal(audit, archive) == text


def test_only_a_temporary_stack_keeps_events_for_less_than_the_least_retention() -> None:
    assert [days for days in AUDIT_DAYS if 0 < days < LEAST] == [TEMPORARY]
