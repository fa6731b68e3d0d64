"""A day is compared with its archive, and every event that is not as it was archived is named."""

import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from audit_archiver.archived_batch import BatchKey, pack
from audit_archiver.days import LATE, days_from, end_of, is_in_place, start_of
from audit_archiver.dynamodb_trail import DynamoDbTrail
from audit_archiver.retentions import Retentions
from audit_archiver.stream_record import Kind, StreamRecord, record_of_event
from audit_archiver.verify_day import Finding, Verdict, verify_day
from careconnect.audit.event import SHARDS, event_key, new_event_id, time_of
from careconnect_testing.parts.archived_trail import (
    AUDIT_TABLE,
    BUCKET,
    DAY,
    MINUTE,
    NOON,
    ArchivedTrail,
    trail_on_moto,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HOUR = 60 * MINUTE
DAY_MS = 24 * HOUR
NEXT_DAY = "2026-03-27"
MIDNIGHT = end_of(DAY)


def test_a_day_that_is_as_it_was_archived_stands(trail: ArchivedTrail) -> None:
    trail.stored(HOUR, MINUTE, MINUTE)

    assert trail.verify() == Verdict(DAY, 3, 0, frozenset(), NOON - MINUTE, ())


def test_a_day_that_comes_in_many_answers_is_compared_whole(trail: ArchivedTrail) -> None:
    # More than there are shards, so that one of them has several.
    stored = trail.stored(*[MINUTE] * (len(SHARDS) + 1))
    trail.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: {**params, "Limit": 1}
    )

    assert trail.verify() == Verdict(DAY, len(stored), 0, frozenset(), NOON - MINUTE, ())


def test_a_page_is_asked_for_while_the_one_before_is_taken() -> None:
    is_asked = Event()

    def query(**request: Any) -> dict[str, Any]:
        if "ExclusiveStartKey" in request:
            is_asked.set()
            return {"Items": [{"sk": {"S": "second"}}]}
        return {"Items": [{"sk": {"S": "first"}}], "LastEvaluatedKey": {"sk": {"S": "first"}}}

    items = DynamoDbTrail(cast("DynamoDBClient", SimpleNamespace(query=query)), AUDIT_TABLE).items(DAY)

    assert next(items) == {"sk": {"S": "first"}}
    assert is_asked.wait(timeout=10)
    assert next(items) == {"sk": {"S": "second"}}


def test_a_day_without_events_stands(trail: ArchivedTrail) -> None:
    assert trail.verify() == Verdict(DAY, 0, 0, frozenset(), 0, ())


# --- changed, removed


def test_a_changed_event_is_named_whether_the_stream_reported_it_or_not(trail: ArchivedTrail) -> None:
    told, untold, stands = trail.stored(MINUTE, MINUTE, MINUTE)
    trail.deliver(trail.change(told, client="somebody-else"))
    trail.change(untold, client="somebody-else")

    assert trail.found() == {told: "changed", untold: "changed"}
    assert stands not in trail.found()


def test_a_removed_event_is_named_whether_the_stream_reported_it_or_not(trail: ArchivedTrail) -> None:
    told, untold, _ = trail.stored(MINUTE, MINUTE, MINUTE)
    trail.deliver(trail.remove(told))
    trail.remove(untold)

    assert trail.found() == {told: "removed", untold: "removed"}


def test_a_change_that_was_undone_is_named_on_the_day_when_it_was_made(trail: ArchivedTrail) -> None:
    (event_id,) = trail.stored()
    before = trail.item(event_id)
    trail.now += DAY_MS
    trail.deliver(trail.change(event_id, client="somebody-else"))
    trail.dynamodb.put_item(TableName=AUDIT_TABLE, Item=before)

    assert trail.found(DAY) == {}
    assert trail.found(NEXT_DAY) == {event_id: "changed"}


def test_an_event_that_was_removed_and_put_again_is_compared_with_its_first_image(trail: ArchivedTrail) -> None:
    (event_id,) = trail.stored()
    removed = trail.remove(event_id)
    forged = {**removed["dynamodb"]["OldImage"], "client": {"S": "somebody-else"}}
    inserted = trail.put_item(forged)
    trail.now += 5 * MINUTE
    # In whichever order the objects are read.
    trail.deliver(inserted)
    trail.deliver(removed)

    faults = {str(finding.fault) for finding in trail.verify().findings if finding.id == event_id}
    assert faults == {"changed", "removed"}


def test_the_first_image_is_that_of_the_lowest_sequence_whatever_the_order_of_the_objects(
    trail: ArchivedTrail,
) -> None:
    _, first = trail.put(MINUTE)
    forged = {**first["dynamodb"]["NewImage"], "client": {"S": "somebody-else"}}
    second = trail.streamed("INSERT", None, forged, time_of(forged["sk"]["S"]) - 1000)
    trail.deliver(second)
    trail.deliver(first)

    assert trail.found() == {}


def test_an_event_whose_retention_is_over_has_ended_when_it_is_gone(trail: ArchivedTrail) -> None:
    trail.retention_days = 1
    gone, _ = trail.stored(2 * MINUTE, MINUTE)
    trail.now = time_of(gone) + DAY_MS
    trail.deliver(trail.expire(gone))

    assert trail.verify() == Verdict(DAY, 2, 1, frozenset(), NOON - MINUTE, ())
    assert trail.found(NEXT_DAY) == {}


# --- added, added later, not archived yet


def test_an_event_that_is_not_archived_counts_as_added_after_ten_minutes(trail: ArchivedTrail) -> None:
    trail.stored(HOUR)
    event_id, _ = trail.put(10 * MINUTE)
    assert trail.verify() == Verdict(DAY, 1, 0, frozenset({event_id}), NOON - HOUR, ())

    trail.now += 1
    assert trail.found() == {event_id: "added"}


def test_an_event_counts_as_added_once_a_later_one_of_its_partition_is_archived(trail: ArchivedTrail) -> None:
    added, _ = trail.put(2 * MINUTE)

    def archive_another(claimed: int) -> None:
        later = event_key(f"{claimed:012x}-{added[13]}{claimed:031x}")
        trail.deliver(trail.put_item({**trail.item(added), **later}, claimed))

    archive_another(NOON - MINUTE - 1)
    assert (len(trail.verify().not_archived), trail.found()) == (1, {})

    archive_another(NOON - MINUTE)
    assert (len(trail.verify().not_archived), trail.found()) == (0, {added: "added"})


def test_what_an_id_claims_of_a_time_to_come_shows_nothing_of_what_was_before(trail: ArchivedTrail) -> None:
    waiting, _ = trail.put(0)
    ahead = f"{NOON + 50 * MINUTE:012x}-{waiting[13]}{'1' * 31}"
    trail.deliver(trail.put_item({**trail.item(waiting), **event_key(ahead)}))

    assert trail.found() == {ahead: "added"}
    assert len(trail.verify().not_archived) == 1


def test_an_event_that_arrived_later_than_it_claims_is_named_on_both_days(trail: ArchivedTrail) -> None:
    trail.stored(MINUTE)
    trail.now += DAY_MS
    late, _ = trail.put(DAY_MS)
    trail.deliver(trail.streamed("INSERT", None, trail.item(late)))

    assert trail.found(DAY) == {late: "added later"}
    assert trail.found(NEXT_DAY) == {late: "added later"}


@pytest.mark.parametrize(("delay", "fault"), [(LATE, None), (LATE + 1000, "added later"), (-LATE - 1000, "added")])
def test_an_event_arrives_within_a_minute_of_its_time(trail: ArchivedTrail, delay: int, fault: str | None) -> None:
    event_id, _ = trail.put(HOUR)
    trail.deliver(trail.streamed("INSERT", None, trail.item(event_id), NOON - HOUR + delay))

    assert trail.found().get(event_id) == fault


def test_an_event_that_arrived_more_than_two_days_later_is_named_as_added(trail: ArchivedTrail) -> None:
    trail.now += 4 * DAY_MS
    late, _ = trail.put(4 * DAY_MS)
    trail.deliver(trail.streamed("INSERT", None, trail.item(late)))

    assert trail.found(DAY) == {late: "added"}
    assert trail.found("2026-03-30") == {late: "added later"}


def test_an_event_that_was_put_for_a_day_to_come_is_named_on_both_days(trail: ArchivedTrail) -> None:
    ahead, _ = trail.put(-DAY_MS)
    trail.deliver(trail.streamed("INSERT", None, trail.item(ahead)))
    trail.now += DAY_MS + HOUR

    assert trail.found(DAY) == {ahead: "added"}
    assert trail.found(NEXT_DAY) == {ahead: "added"}


@pytest.mark.parametrize("key", [("2026-03-26#0", "junk"), ("2026-03-26#z", ""), ("nowhere", "")])
def test_an_item_with_a_key_that_is_no_events_is_named(trail: ArchivedTrail, key: tuple[str, str]) -> None:
    (event_id,) = trail.stored()
    partition, sort_key = key
    item = {**trail.item(event_id), "pk": {"S": partition}, "sk": {"S": sort_key or event_id}}
    trail.deliver(trail.put_item(item))

    assert trail.found()[sort_key or event_id] == "added"


def test_a_key_that_is_no_events_is_named_though_it_never_was_archived(trail: ArchivedTrail) -> None:
    (event_id,) = trail.stored()
    trail.put_item({**trail.item(event_id), "pk": {"S": f"{DAY}#0"}, "sk": {"S": "junk"}})

    assert trail.found() == {"junk": "added"}


def test_the_key_of_next_links_is_no_event(trail: ArchivedTrail) -> None:
    trail.deliver(trail.put_item({"pk": {"S": "$cursor"}, "sk": {"S": "$cursor"}}))

    assert trail.found() == {}


def test_a_cut_stream_that_goes_on_within_a_day_leaves_nothing(trail: ArchivedTrail) -> None:
    made = [trail.put(age) for age in (11 * HOUR, 6 * HOUR, MINUTE)]
    assert set(trail.found().values()) == {"added"}

    trail.deliver(*(record for _, record in made))
    assert trail.verify() == Verdict(DAY, 3, 0, frozenset(), NOON - MINUTE, ())


def test_what_the_stream_lost_stays_named(trail: ArchivedTrail) -> None:
    lost = [trail.put(age)[0] for age in (HOUR, MINUTE)]
    trail.now += 2 * DAY_MS
    trail.stored(MINUTE)

    assert trail.found() == dict.fromkeys(lost, "added")


# --- the ends of a day


def test_events_around_midnight_are_each_of_their_own_day(trail: ArchivedTrail) -> None:
    trail.now = MIDNIGHT + 2 * MINUTE
    records = []
    for claimed, arrived in ((MIDNIGHT - 1, MIDNIGHT + 999), (MIDNIGHT + 1, MIDNIGHT - 1000), (MIDNIGHT, MIDNIGHT)):
        event_id, _ = trail.put(at=claimed)
        records.append(trail.streamed("INSERT", None, trail.item(event_id), arrived))
    trail.deliver(*records)

    before, after = trail.verify(DAY), trail.verify(NEXT_DAY)
    assert (before.archived, before.findings) == (1, ())
    assert (after.archived, after.findings) == (2, ())


def test_a_batch_that_spans_days_is_read_for_each(trail: ArchivedTrail) -> None:
    """As the archiver makes after it was stopped for hours."""
    made = [trail.put(-hours * HOUR) for hours in (1, 11, 13, 23)]
    trail.now += DAY_MS
    trail.deliver(*(record for _, record in made))

    assert [trail.verify(day).archived for day in (DAY, NEXT_DAY)] == [2, 2]
    assert (trail.found(DAY), trail.found(NEXT_DAY)) == ({}, {})


# --- the archive itself


def test_an_object_that_is_not_what_its_key_says_is_named(trail: ArchivedTrail) -> None:
    _, record = trail.put(MINUTE)
    key, body = pack([record_of_event(record)])
    forged = str(key._replace(digest="0" * 64))
    trail.s3.put_object(Bucket=BUCKET, Key=forged, Body=body, ChecksumAlgorithm="SHA256")
    trail.s3.put_object(Bucket=BUCKET, Key=f"{DAY}/11/junk", Body=b"", ChecksumAlgorithm="SHA256")
    trail.deliver(record)

    assert trail.verify().findings == (
        Finding(forged, trail.verify().findings[0].fault),
        Finding(f"{DAY}/11/junk", trail.verify().findings[0].fault),
    )
    assert set(trail.found().values()) == {"not what was archived"}


def test_every_version_of_an_object_is_read(trail: ArchivedTrail) -> None:
    (event_id,) = trail.stored()
    ((key, _),) = trail.objects().items()
    trail.s3.put_object(Bucket=BUCKET, Key=key, Body=b"", ChecksumAlgorithm="SHA256")
    trail.s3.delete_object(Bucket=BUCKET, Key=key)
    trail.remove(event_id)

    assert trail.found() == {event_id: "removed", key: "not what was archived"}


def test_a_normal_day_is_not_looked_for_in_the_days_that_follow() -> None:
    listed: list[str] = []

    def watch(s3: Any) -> None:
        s3.meta.events.register(
            "provide-client-params.s3.ListObjectVersions", lambda params, **_: listed.append(params["Prefix"])
        )

    with trail_on_moto(watch) as trail:
        trail.stored(HOUR)
        trail.now += 10 * DAY_MS
        trail.verify()
        # A batch reaches a day back at most.
        hours = [f"2026-03-{day}/{hour:02}/" for day in (25, 26) for hour in range(24)]
        assert listed == ["2026-03-24/23/", *hours, "2026-03-27/00/"]


# --- a large day


class LargeDay:
    """A day of many events, made up as they are read, as table and as archive."""

    def __init__(self, number: int) -> None:
        step = DAY_MS // number
        self.ids = [new_event_id((start_of(DAY) + index * step) / 1000) for index in range(number)]

    def items(self, day: str) -> Iterator[Mapping[str, Any]]:
        return map(self._item, self.ids if day == DAY else ())

    def batches(
        self, _since: int, _before: int, reach: int = DAY_MS
    ) -> Iterator[tuple[str, list[StreamRecord] | None]]:
        for start in range(0, len(self.ids), 1000):
            yield "", [self._record(number, self.ids[number]) for number in range(start, start + 1000)]

    def _record(self, number: int, event_id: str) -> StreamRecord:
        item = self._item(event_id)
        return StreamRecord(
            time=time_of(event_id),
            sequence=10**22 + number,
            kind=Kind.INSERT,
            partition=item["pk"]["S"],
            sort_key=event_id,
            new=item,
            old=None,
        )

    @staticmethod
    def _item(event_id: str) -> dict[str, Any]:
        stamp = {"expires_at": {"N": str(time_of(event_id) // 1000 + 90 * 86_400)}}
        return {**event_key(event_id), "query": {"S": "x" * 200}, **stamp}


@pytest.mark.long
def test_a_day_takes_some_hundred_bytes_of_memory_for_each_event() -> None:
    """So that a day of a million fits into the function, with room to spare."""
    day = LargeDay(8_000)
    tracemalloc.start()
    try:
        verdict = verify_day(day, day, DAY, NOON + DAY_MS, Retentions(90, 2922))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (verdict.archived, verdict.findings) == (8_000, ())
    assert peak / 8_000 < 500


# --- days


def test_days_are_utc_days() -> None:
    assert (start_of("1970-01-02"), end_of("1970-01-02")) == (DAY_MS, 2 * DAY_MS)
    assert days_from("2026-02-28", "2026-03-01") == ["2026-02-28", "2026-03-01"]
    with pytest.raises(ValueError, match="month must be"):
        start_of("2026-13-01")


@pytest.mark.parametrize(
    ("forge", "expected"),
    [
        (lambda pk, sk: (pk, sk), True),
        (lambda pk, sk: ("2026-03-25" + pk[10:], sk), False),
        (lambda pk, sk: (pk[:-1] + "z", sk), False),
        (lambda pk, sk: (pk, sk + "0"), False),
        (lambda pk, sk: (pk, "f" * 12 + sk[12:]), False),
    ],
)
def test_a_key_is_in_place_if_the_id_tells_its_partition(
    forge: Callable[[str, str], tuple[str, str]], expected: bool
) -> None:
    event_id = new_event_id(NOON / 1000)

    assert is_in_place(*forge(event_key(event_id)["pk"]["S"], event_id)) is expected


def test_a_batch_key_tells_the_hour_of_its_first_record() -> None:
    assert str(BatchKey(MIDNIGHT - 1, MIDNIGHT, "0" * 64)).startswith(f"{DAY}/23/")
