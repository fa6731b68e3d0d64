"""The last use of clients: found in the audit trail by a bounded number of queries."""

from collections.abc import Iterator
from typing import Any

import pytest

from careconnect.audit.event import Outcome
from careconnect_admin.audit_trail import last_use
from careconnect_admin.audit_trail.last_use import last_uses
from careconnect_testing.parts.archived_trail import AUDIT_TABLE, MINUTE, ArchivedTrail, trail_on_moto

DAY = 86_400_000


@pytest.fixture
def record() -> Iterator[ArchivedTrail]:
    with trail_on_moto() as made:
        yield made


def used(record: ArchivedTrail, *client_ids: str) -> dict[str, int]:
    return dict(last_uses(record.dynamodb, AUDIT_TABLE, client_ids, record.now).times)


def queries(record: ArchivedTrail) -> list[Any]:
    sent: list[Any] = []
    record.dynamodb.meta.events.register("before-call.dynamodb.Query", lambda **_: sent.append(1))
    return sent


def test_the_newest_allowed_request_of_each_client_is_its_last_use(record: ArchivedTrail) -> None:
    record.put(3 * DAY, client_id="rare")
    record.put(4 * DAY, client_id="rare")
    record.put(MINUTE, client_id="busy", interaction="110122")
    # What is refused may be a stranger's, and a change of the operator's is no use.
    record.put(1, client_id="rare", outcome=Outcome.REFUSED)
    record.put(1, client_id="rare", service="cli")

    assert used(record, "rare", "busy", "never") == {"rare": record.now - 3 * DAY, "busy": record.now - MINUTE}


def test_a_client_that_was_found_ends_the_search_and_no_client_begins_none(record: ArchivedTrail) -> None:
    record.put(MINUTE, client_id="busy")
    sent = queries(record)

    assert used(record) == {}
    assert sent == []
    assert used(record, "busy") == {"busy": record.now - MINUTE}
    assert len(sent) == 16


def test_what_was_not_found_is_said_to_be_unused_for_thirty_days_and_no_longer(record: ArchivedTrail) -> None:
    record.put(31 * DAY, client_id="old")
    sent = queries(record)

    found = last_uses(record.dynamodb, AUDIT_TABLE, ["old"], record.now)

    assert (found.times, found.since) == ({}, record.now - 30 * DAY)
    # Noon to noon is 31 days.
    assert len(sent) == 31 * 16


def test_a_busy_trail_is_searched_as_far_as_its_newest_events_only(
    record: ArchivedTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_use, "_MAX_EVENTS", 5)
    for minutes in range(9):
        record.put(minutes * MINUTE, client_id="busy")

    found = last_uses(record.dynamodb, AUDIT_TABLE, ["busy", "rare"], record.now)

    assert found.times == {"busy": record.now}
    assert found.since == record.now - 4 * MINUTE
