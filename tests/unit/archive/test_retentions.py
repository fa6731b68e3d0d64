"""An event is kept for the retention in force at its time: which stamps, ends and removals break the trail."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_archiver.archived_batch import BatchKey, unpack
from audit_archiver.check_heartbeat import put_heartbeat
from audit_archiver.days import DAY as DAY_MS
from audit_archiver.days import start_of
from audit_archiver.retentions import HEARTBEAT, Retentions, RetentionsInForce
from audit_archiver.stream_record import StreamRecord
from careconnect.audit.event import day_of, time_of
from careconnect_testing.parts.archived_trail import AUDIT_TABLE, DAY, MINUTE, NOON, ArchivedTrail

BEFORE, NEXT_DAY = "2026-03-25", "2026-03-27"
SECOND = 1000


def tell(trail: ArchivedTrail, day: str, *told: int, at: int = MINUTE, is_former: bool = False) -> None:
    """Archive a heartbeat of a day for each retention told; those of former releases had no query."""
    own = trail.retention_days
    for days in told:
        now, trail.retention_days = start_of(day) + at, days
        if is_former:
            heartbeat, _ = trail.put(at=now, interaction=HEARTBEAT)
        else:
            heartbeat = put_heartbeat(trail.record, now, Retentions(days, 2922))
        trail.deliver(trail.streamed("INSERT", None, trail.item(heartbeat), now))
    trail.retention_days = own


def around(trail: ArchivedTrail, days: int, own: int | None = None, *, is_former: bool = False) -> None:
    """Let the day and its neighbours tell a retention, which the deployment has too or changed since."""
    trail.retention_days = days
    for day in (BEFORE, DAY, NEXT_DAY):
        tell(trail, day, days, is_former=is_former)
    trail.observer.clear()
    trail.retention_days = days if own is None else own


def stamped(trail: ArchivedTrail, days: float | None) -> tuple[str, Any]:
    """Put an event of a minute ago with a stamp after some days, or without one; return its id and its record."""
    in_force, trail.retention_days = trail.retention_days, 0
    event_id, _ = trail.put(MINUTE)
    trail.retention_days = in_force
    item = trail.item(event_id)
    if days is not None:
        item["expires_at"] = {"N": str(time_of(event_id) // 1000 + round(days * 86_400))}
        trail.dynamodb.put_item(TableName=AUDIT_TABLE, Item=item)
    return event_id, trail.streamed("INSERT", None, item, time_of(event_id))


def archived(trail: ArchivedTrail, days: float | None) -> str:
    event_id, record = stamped(trail, days)
    trail.deliver(record)
    trail.observer.clear()
    return event_id


def stamp(trail: ArchivedTrail, event_id: str, days: float, **others: str) -> Any:
    """Stamp an event as the command does, and return the stream record."""
    old = trail.item(event_id)
    at = {"expires_at": {"N": str(time_of(event_id) // 1000 + round(days * 86_400))}}
    new = old | at | {name: {"S": text} for name, text in others.items()}
    trail.dynamodb.put_item(TableName=AUDIT_TABLE, Item=new)
    return trail.streamed("MODIFY", old, new)


def faults(trail: ArchivedTrail, event_id: str, day: str = DAY) -> set[str]:
    return {str(finding.fault) for finding in trail.verify(day).findings if finding.id == event_id}


# --- the retention in force


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param({}, 90, id="none told: the deployment's own"),
        pytest.param({BEFORE: [365], DAY: [365], NEXT_DAY: [365]}, 365, id="told before it was changed"),
        pytest.param({BEFORE: [0], DAY: [0], NEXT_DAY: [0]}, 0, id="for ever"),
        pytest.param({BEFORE: [365], DAY: [365], NEXT_DAY: [90]}, 90, id="the day of a change"),
        pytest.param({BEFORE: [90], DAY: [365], NEXT_DAY: [365]}, 90, id="the day after a change"),
        pytest.param({BEFORE: [0], DAY: [0], NEXT_DAY: [365]}, 365, id="for ever is the longest"),
        pytest.param({BEFORE: [365], DAY: [365, 1], NEXT_DAY: [365]}, 365, id="a forged short one"),
        pytest.param({BEFORE: [365], DAY: [365]}, 90, id="the next day has not come"),
    ],
)
def test_a_day_is_judged_by_the_shortest_of_three_days(
    trail: ArchivedTrail, told: dict[str, list[int]], expected: int
) -> None:
    for day, days in told.items():
        tell(trail, day, *days)

    assert RetentionsInForce(trail.archive, 90).days(DAY) == expected


def test_only_the_heartbeats_at_a_days_beginning_tell_its_retention(trail: ArchivedTrail) -> None:
    for day in (BEFORE, DAY, NEXT_DAY):
        tell(trail, day, 365)
        tell(trail, day, 1, at=15 * MINUTE)
    (other,) = trail.stored(NOON - start_of(DAY) - MINUTE, query="AuditRetentionDays=0&ArchiveRetentionDays=1")

    assert day_of(time_of(other)) == DAY
    assert RetentionsInForce(trail.archive, 90).days(DAY) == 365


# --- stamps of new events


@pytest.mark.parametrize(
    ("told", "days", "at_once", "next_day"),
    [
        pytest.param(90, None, False, False, id="no stamp"),
        pytest.param(90, 90, False, False, id="as told"),
        pytest.param(90, 89.99, True, True, id="short"),
        pytest.param(365, 365, False, False, id="a year"),
        pytest.param(365, 90, False, True, id="short, but not below the least"),
        pytest.param(0, 365, False, True, id="any, of what is kept for ever"),
        pytest.param(0, None, False, False, id="none, of what is kept for ever"),
        pytest.param(1, 1, False, False, id="a temporary stack"),
    ],
)
def test_a_stamp_below_the_retention_in_force_is_named_before_it_acts(
    trail: ArchivedTrail, told: int, days: float | None, at_once: bool, next_day: bool
) -> None:
    around(trail, told)
    event_id, record = stamped(trail, days)

    trail.deliver(record)

    assert trail.observer.counts == (["AuditTrailBroken"] if at_once else [])
    assert faults(trail, event_id) == ({"expires too early"} if next_day else set())


@pytest.mark.parametrize(("before", "now"), [(90, 365), (365, 90)])
def test_a_changed_retention_leaves_the_stamps_of_before_right(trail: ArchivedTrail, before: int, now: int) -> None:
    around(trail, before, own=now)
    event_id = archived(trail, before)

    assert faults(trail, event_id) == set()


def test_a_stamp_that_came_by_a_cut_stream_is_found_in_the_table(trail: ArchivedTrail) -> None:
    around(trail, 365)
    event_id = archived(trail, 365)
    stamp(trail, event_id, 90)

    assert faults(trail, event_id) == {"expires too early"}


# --- stamps of the command


def test_an_event_without_a_stamp_takes_one(trail: ArchivedTrail) -> None:
    around(trail, 0, own=90)
    event_id = archived(trail, None)

    trail.deliver(stamp(trail, event_id, 400))

    assert trail.observer.counts == []
    assert trail.verify().stands


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda trail, event_id: stamp(trail, event_id, 89), id="too early"),
        pytest.param(lambda trail, event_id: stamp(trail, event_id, 400, client="somebody-else"), id="with another"),
        pytest.param(
            lambda trail, event_id: (stamp(trail, event_id, 400), stamp(trail, event_id, 500))[1], id="a second time"
        ),
        pytest.param(lambda trail, event_id: trail.change(event_id, expires_at="1"), id="no number"),
    ],
)
def test_any_other_change_of_an_event_breaks_the_trail(
    trail: ArchivedTrail, tamper: Callable[[ArchivedTrail, str], Any]
) -> None:
    around(trail, 0, own=90)
    event_id = archived(trail, None)

    trail.deliver(tamper(trail, event_id))

    assert trail.observer.counts == ["AuditTrailBroken"]
    assert "changed" in faults(trail, event_id)


# --- removals


@pytest.mark.parametrize(
    ("told", "own", "days", "after", "at_once", "next_day"),
    [
        pytest.param(90, 90, 90, 90, False, False, id="as told"),
        pytest.param(90, 90, 90, 100, False, False, id="late, as TTL is"),
        pytest.param(90, 365, 90, 90, False, False, id="90, then 365"),
        pytest.param(365, 90, 365, 365, False, False, id="365, then 90"),
        pytest.param(365, 90, 90, 90, False, True, id="early, by the retention of its time"),
        pytest.param(30, 90, 30, 30, False, False, id="30, as former releases offered, then 90"),
        pytest.param(30, 90, 29, 30, False, True, id="early, by what a former release offered"),
        pytest.param(1, 90, 1, 1, False, False, id="a temporary stack that has become another"),
        pytest.param(90, 90, 89, 90, False, True, id="a short stamp"),
        pytest.param(90, 90, 90, 89, True, True, id="before its stamp"),
        pytest.param(90, 90, None, 90, True, True, id="without a stamp"),
        pytest.param(0, 90, 400, 400, False, False, id="stamped by the command"),
        pytest.param(1, 1, 1, 1, False, False, id="a temporary stack"),
    ],
)
def test_a_removal_by_ttl_is_an_end_after_the_retention_of_the_events_time(
    trail: ArchivedTrail, told: int, own: int, days: float | None, after: int, at_once: bool, next_day: bool
) -> None:
    around(trail, told, own)
    event_id = archived(trail, days)
    trail.now = time_of(event_id) + after * DAY_MS + SECOND

    trail.deliver(trail.expire(event_id))

    assert trail.observer.counts == (["AuditTrailBroken"] if at_once else [])
    assert faults(trail, event_id, day_of(trail.now)) == ({"removed"} if next_day else set())


@pytest.mark.parametrize("days", [1, 400])
def test_a_removal_by_anybody_else_breaks_the_trail_at_any_age(trail: ArchivedTrail, days: int) -> None:
    around(trail, 90)
    event_id = archived(trail, 90)
    trail.now += days * DAY_MS

    trail.deliver(trail.remove(event_id))

    assert trail.observer.counts == ["AuditTrailBroken"]
    assert faults(trail, event_id, day_of(trail.now)) == {"removed"}
    (removal,) = [record for record in records(trail) if record.kind == "REMOVE"]
    assert removal.old is not None
    assert removal.old["client"] == {"S": "client-1"}


def records(trail: ArchivedTrail) -> list[StreamRecord]:
    found: list[StreamRecord] = []
    for text, body in trail.objects().items():
        key = BatchKey.of(text)
        assert key is not None
        found.extend(unpack(key, body) or ())
    return found


def test_of_an_end_the_archive_holds_the_key_and_the_stamp_alone(trail: ArchivedTrail) -> None:
    around(trail, 90)
    event_id = archived(trail, 90)
    item = trail.item(event_id)
    trail.now = time_of(event_id) + 90 * DAY_MS + SECOND

    trail.deliver(trail.expire(event_id))

    (removal,) = [record for record in records(trail) if record.kind == "REMOVE"]
    assert removal.old == {name: item[name] for name in ("pk", "sk", "expires_at")}
    assert "client" not in json.dumps(removal.old)


def test_a_line_of_an_end_is_no_first_image(trail: ArchivedTrail) -> None:
    """Of an event that was forged again after its end, whose first line the archive has."""
    trail.retention_days = 1
    trail.now = start_of(DAY) + MINUTE
    event_id = archived(trail, 1)
    before = trail.item(event_id)
    removal = {**trail.expire(event_id), "dynamodb": {**trail.streamed("REMOVE", before, None)["dynamodb"]}}
    removal["dynamodb"]["ApproximateCreationDateTime"] = int(before["expires_at"]["N"])
    removal["dynamodb"]["SequenceNumber"] = "1"
    trail.deliver(removal)
    trail.dynamodb.put_item(TableName=AUDIT_TABLE, Item=before)
    trail.now = start_of(NEXT_DAY) + 2 * MINUTE

    assert trail.found() == {}


# --- days of former releases, whose heartbeats had a stamp alone


@pytest.mark.parametrize("own", [0, 90, 365])
@pytest.mark.parametrize("former", [7, 30, 90, 3650])
def test_what_a_former_release_kept_ends_without_an_alarm(trail: ArchivedTrail, former: int, own: int) -> None:
    around(trail, former, own, is_former=True)
    trail.retention_days = former
    (event_id,) = trail.stored()
    trail.retention_days = own
    assert trail.found() == {}
    trail.observer.clear()
    trail.now = time_of(event_id) + former * DAY_MS + SECOND

    trail.deliver(trail.expire(event_id))

    assert trail.observer.counts == []
    assert (trail.found(), trail.found(day_of(trail.now))) == ({}, {})


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        pytest.param(lambda trail, event_id: stamp(trail, event_id, 29), "changed", id="a stamp shortened"),
        pytest.param(lambda trail, event_id: trail.remove(event_id), "removed", id="removed by somebody"),
        pytest.param(lambda trail, event_id: trail.expire(event_id), "removed", id="ended before its stamp"),
    ],
)
def test_what_a_former_release_kept_is_not_given_up(
    trail: ArchivedTrail, tamper: Callable[[ArchivedTrail, str], Any], fault: str
) -> None:
    around(trail, 30, own=90, is_former=True)
    event_id = archived(trail, 30)

    trail.deliver(tamper(trail, event_id))

    assert trail.observer.counts == ["AuditTrailBroken"]
    assert fault in faults(trail, event_id)


def test_a_stamp_of_a_former_release_that_was_shortened_under_a_cut_stream_is_found(trail: ArchivedTrail) -> None:
    around(trail, 30, own=90, is_former=True)
    shortened, gone = archived(trail, 30), archived(trail, 30)
    stamp(trail, shortened, 29)
    trail.remove(gone)
    trail.now += 29 * DAY_MS

    assert trail.found() == {shortened: "expires too early", gone: "removed"}


def test_a_forged_heartbeat_with_a_short_stamp_shortens_nothing(trail: ArchivedTrail) -> None:
    around(trail, 90)
    for day in (BEFORE, DAY, NEXT_DAY):
        tell(trail, day, 1, at=2 * MINUTE, is_former=True)

    assert RetentionsInForce(trail.archive, 90).days(DAY) == 90


# --- what is missing from the table


@pytest.mark.parametrize(
    ("told", "own", "after", "fault"),
    [
        (90, 90, 89, "removed"),
        (90, 90, 90, None),
        (90, 365, 90, None),
        (90, 0, 90, None),
        (365, 90, 90, "removed"),
        (365, 90, 365, None),
        (0, 0, 4000, "removed"),
        (0, 90, 89, "removed"),
        (0, 90, 90, None),
        (1, 1, 1, None),
    ],
)
def test_an_event_that_is_gone_has_ended_after_the_retention_of_its_time(
    trail: ArchivedTrail, told: int, own: int, after: int, fault: str | None
) -> None:
    around(trail, told, own)
    event_id = archived(trail, told or None)
    verdict = trail.verify()
    assert (verdict.stands, verdict.ended) == (True, 0)
    trail.now = time_of(event_id) + after * DAY_MS
    trail.remove(event_id)

    after_it = trail.verify()

    assert faults(trail, event_id) == ({fault} if fault else set())
    assert (after_it.archived, after_it.ended >= 1) == (verdict.archived, fault is None)


def test_an_event_past_its_stamp_that_is_still_there_is_neither_ended_nor_a_fault(trail: ArchivedTrail) -> None:
    around(trail, 90)
    archived(trail, 90)
    trail.now += 92 * DAY_MS

    assert (trail.verify().ended, trail.verify().findings) == (0, ())


# --- days that the archive no longer holds


@pytest.mark.parametrize(
    ("archive_days", "after", "expected"),
    [(2922, 366, "no longer archived"), (365, 364, "added"), (1, 3, "no longer archived"), (2922, 3, "added")],
)
def test_a_day_whose_objects_have_ended_is_no_longer_archived(
    trail: ArchivedTrail, archive_days: int, after: int, expected: str
) -> None:
    event_id, _ = stamped(trail, None)
    trail.archive_days = archive_days
    trail.now += after * DAY_MS

    verdict = trail.verify()

    assert (verdict.no_longer_archived == {event_id}) is (expected == "no longer archived")
    assert trail.found() == ({} if verdict.no_longer_archived else {event_id: "added"})


@pytest.mark.parametrize(("after", "expected"), [(400, "added"), (2922, None)])
def test_a_day_between_days_with_longer_locks_was_never_archived(
    trail: ArchivedTrail, after: int, expected: str | None
) -> None:
    tell(trail, NEXT_DAY, 0)
    event_id, _ = stamped(trail, None)
    trail.now = start_of(NEXT_DAY) + after * DAY_MS

    assert trail.found() == ({event_id: expected} if expected else {})


def test_a_day_of_which_the_archive_holds_anything_is_compared_at_any_age(trail: ArchivedTrail) -> None:
    archived(trail, None)
    added, _ = stamped(trail, None)
    trail.now += 4000 * DAY_MS

    assert trail.found() == {added: "added"}
