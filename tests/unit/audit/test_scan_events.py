"""How far back one request goes, by which queries, and where the next one goes on (`audit.md`, Asked in FHIR)."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_auditor.event_store import CONCURRENT, EventPart, PartRequest
from access_auditor.scan_events import (
    MAX_COUNTED,
    MAX_EVENTS,
    MAX_QUERIES,
    MAX_SECONDS,
    Effort,
    EventScan,
    SpentError,
    Window,
    bound_at,
)
from careconnect.audit.event import SHARDS, AuditEvent
from careconnect.storage.dynamodb import BATCH
from careconnect_testing.parts.auditor import NOW, Auditor, an_event
from careconnect_testing.parts.clock import Clock

START = datetime(2026, 11, 26, tzinfo=UTC)
ALL = Window(bound_at(0), bound_at(int(NOW.timestamp() * 1000)))
WEEK = Window(bound_at(int((NOW - timedelta(days=7)).timestamp() * 1000)), ALL.before)


class EventsInMemory:
    """A store of events that returns at most `most` of the requested events in one answer, after `seconds`."""

    def __init__(self, events: Sequence[AuditEvent], most: int = 100, seconds: float = 0) -> None:
        self.kept = sorted(events, key=lambda event: event.id, reverse=True)
        self.keys = [(event.item()["pk"]["S"], event.item()["sk"]["S"]) for event in self.kept]
        self.most = most
        self.asked: list[PartRequest] = []
        self.seconds = seconds
        self.clock = Clock()

    def events(self, event_ids: Sequence[str]) -> list[AuditEvent]:
        self.clock.now += self.seconds
        assert len(event_ids) <= BATCH
        return [event for event in self.kept if event.id in event_ids]

    def parts(self, asked: Sequence[PartRequest]) -> list[EventPart]:
        self.asked += asked
        self.clock.now += self.seconds
        assert len(asked) <= CONCURRENT
        return [self._part(each) for each in asked]

    def link_key(self) -> bytes:
        return b"k" * 32

    def kept_since(self, now: int) -> str:
        return ""

    def _part(self, asked: PartRequest) -> EventPart:
        found = [
            (event, sort_key)
            for event, (shard, sort_key) in zip(self.kept, self.keys, strict=True)
            if (event.patient if asked.source.is_patient else shard) == asked.source.partition
            and asked.low <= sort_key < asked.before
        ]
        most = min(asked.limit, self.most)
        return EventPart([event for event, _ in found[:most]], found[most - 1][1] if len(found) > most else "")

    @property
    def days(self) -> list[str]:
        """Return the days of the shards that were queried, each once."""
        return list(dict.fromkeys(each.source.partition.partition("#")[0] for each in self.asked))


def spread(count: int, minutes: float = 1, **fields: str) -> list[AuditEvent]:
    """Return events some minutes apart, the first of them just before now."""
    return [an_event(NOW - timedelta(minutes=minutes * (number + 1)), number, **fields) for number in range(count)]


def ids(events: Sequence[AuditEvent]) -> list[str]:
    return [event.id for event in events]


@given(
    st.lists(st.tuples(st.integers(0, 4 * 86_400), st.integers(0, 40)), max_size=40),
    st.integers(1, 9),
    st.integers(1, 30),
)
def test_every_event_comes_once_newest_first_whatever_a_call_brings(
    placed: list[tuple[int, int]], most: int, expected: int
) -> None:
    every = [an_event(NOW - timedelta(seconds=seconds + 1), number, patient="4") for seconds, number in placed]
    events = {event.id: event for event in every}
    store = EventsInMemory(list(events.values()), most=most)

    for way in ("by_day", "by_patient"):
        scan = EventScan(store, WEEK, expected, Effort(10_000, 10_000))
        found = list(scan.by_day() if way == "by_day" else scan.by_patient(["4", "5"]))
        assert ids(found) == sorted(events, reverse=True)
        assert scan.is_end


@given(st.integers(0, 60), st.integers(1, 12), st.integers(70, 100))
def test_a_walk_that_stops_goes_on_where_it_stopped(count: int, examined: int, queries: int) -> None:
    """However little one request may do, the following ones return the rest and nothing twice."""
    store = EventsInMemory(spread(count, minutes=97))
    found: list[str] = []
    window = WEEK
    is_end = False
    while not is_end:
        scan = EventScan(store, window, 3, Effort(examined, queries))
        found += ids(list(scan.by_day()))
        assert scan.is_end or scan.position < window.before
        is_end, window = scan.is_end, Window(window.low, scan.position)

    assert found == ids(store.kept)


def test_sixteen_shards_are_asked_at_once_and_no_more_often_than_needed() -> None:
    store = EventsInMemory(spread(200))
    scan = EventScan(store, ALL, 20)
    first = [event for event, _ in zip(scan.by_day(), range(21), strict=False)]

    assert ids(first) == ids(store.kept[:21])
    assert len(store.asked) == len(SHARDS)
    assert not scan.is_end


def test_a_patients_events_are_looked_for_in_one_place() -> None:
    store = EventsInMemory([*spread(50, patient="4"), *spread(50, minutes=1.5, patient="5")])
    scan = EventScan(store, ALL, 20)
    found = [event for event, _ in zip(scan.by_patient(["5"]), range(20), strict=False)]

    assert {event.patient for event in found} == {"5"}
    assert [(each.source.partition, each.source.is_patient) for each in store.asked] == [("5", True)]


def test_more_is_asked_for_each_time() -> None:
    store = EventsInMemory(spread(1_000, patient="4"), most=10_000)
    assert len(list(EventScan(store, ALL, 20).by_patient(["4"]))) == 1_000

    limits = [each.limit for each in store.asked]
    assert limits == sorted(limits)
    assert len(limits) < 5


def test_a_count_reads_a_full_day_in_few_rounds() -> None:
    store = EventsInMemory(spread(1_400, minutes=0.5), most=10_000)
    assert len(list(EventScan(store, WEEK, MAX_COUNTED, Effort(MAX_COUNTED, 1_000)).by_day())) == 1_400

    # Eight days, and a second round at most of the one day that is full.
    assert len(store.asked) <= 9 * len(SHARDS)


def test_a_page_examines_no_more_than_one_may() -> None:
    store = EventsInMemory(spread(MAX_EVENTS + 50, minutes=0.1), most=10_000)
    scan = EventScan(store, ALL, 20)

    assert len(list(scan.by_day())) == MAX_EVENTS
    assert not scan.is_end
    assert scan.position == store.kept[MAX_EVENTS - 1].id
    assert len(store.asked) <= MAX_QUERIES
    assert MAX_COUNTED > MAX_EVENTS


def test_a_page_makes_no_more_queries_than_one_may() -> None:
    store = EventsInMemory([])
    scan = EventScan(store, ALL, 20)

    assert list(scan.by_day()) == []
    assert not scan.is_end
    assert len(store.asked) <= MAX_QUERIES
    assert scan.position == bound_at(int((START - timedelta(days=len(store.days) - 1)).timestamp() * 1000))


@pytest.mark.parametrize("way", ["by_day", "by_patient", "by_id"])
def test_a_page_of_slow_queries_ends_in_time(way: str) -> None:
    """Nor are many patients or ids asked for at once."""
    every = [an_event(NOW - timedelta(hours=number + 1), number, patient=str(number)) for number in range(96)]
    store = EventsInMemory(every, seconds=1.25)
    found: list[str] = []
    window = WEEK
    is_end = False
    while not is_end:
        begun = store.clock.now
        scan = EventScan(store, window, 3, Effort(elapsed=store.clock))
        if way == "by_day":
            events = scan.by_day()
        else:
            events = scan.by_id(ids(every)) if way == "by_id" else scan.by_patient([each.patient for each in every])
        found += ids(list(events))
        assert store.clock.now - begun <= MAX_SECONDS + store.seconds
        assert scan.is_end or scan.position < window.before
        is_end, window = scan.is_end, Window(window.low, scan.position)

    assert found == ids(store.kept)


def test_effort_is_counted_down_to_nothing() -> None:
    effort = Effort(1, 2)
    effort.examine()
    effort.query(2)

    for spend in (effort.examine, lambda: effort.query(1)):
        with pytest.raises(SpentError):
            spend()


def test_days_without_events_are_gone_through_as_far_as_a_page_may() -> None:
    old = an_event(NOW - timedelta(days=20), 3)
    store = EventsInMemory([old])
    first = EventScan(store, ALL, 20)

    assert list(first.by_day()) == []
    assert not first.is_end
    assert next(iter(EventScan(store, Window(ALL.low, first.position), 20).by_day())).id == old.id


def test_a_lower_bound_is_where_it_stops() -> None:
    store = EventsInMemory(spread(60, minutes=120))
    low = bound_at(int((START - timedelta(days=2)).timestamp() * 1000))
    scan = EventScan(store, Window(low, ALL.before), 100)

    assert {event.at >= int(low, 16) for event in scan.by_day()} == {True}
    assert scan.is_end
    assert store.days == ["2026-11-26", "2026-11-25", "2026-11-24"]


def test_ids_are_looked_up_within_the_window() -> None:
    store = EventsInMemory(spread(5))
    newest, *_, oldest = ids(store.kept)
    scan = EventScan(store, Window(bound_at(0), newest), 20)

    assert ids(list(scan.by_id([oldest, newest, oldest, "nothing"]))) == [oldest]
    assert scan.is_end


def test_a_hundred_ids_are_one_query_and_a_page_that_may_make_no_more_goes_on() -> None:
    store = EventsInMemory(spread(250))
    every = ids(store.kept)
    effort = Effort()

    assert ids(list(EventScan(store, ALL, 20, effort).by_id(every))) == every
    assert effort.queries == MAX_QUERIES - 3
    first = EventScan(store, ALL, 20, Effort(queries=1))
    assert ids(list(first.by_id(every))) == every[:100]
    assert (first.is_end, first.position) == (False, every[99])


def test_an_empty_window_has_nothing() -> None:
    store = EventsInMemory(spread(5, patient="4"))
    nothing = Window(ALL.before, ALL.low)

    for events in (EventScan(store, nothing, 1).by_day(), EventScan(store, nothing, 1).by_patient(["4"])):
        assert list(events) == []
    assert store.asked == []


def test_over_a_day_of_many_events_pages_are_whole(empty: Auditor) -> None:
    """The scan uses DynamoDB's own queries, which begin and end at the given keys."""
    events = [an_event(START + timedelta(seconds=number), number, patient=str(number % 3)) for number in range(250)]
    empty.keep(*events)
    until = "date=lt2026-11-26T11:00:00Z"
    newest = ids(sorted(events, key=lambda event: event.id, reverse=True))

    assert [id_ for page in empty.scan(f"{until}&_count=40") for id_ in page.ids()] == newest
    of_one = [id_ for page in empty.scan(f"{until}&patient=1&_count=17") for id_ in page.ids()]
    assert of_one == [event.id for event in reversed(events) if event.patient == "1"]
    assert empty.get("AuditEvent", f"{until}&_summary=count").total == 250


def test_queries_of_one_page_are_few(empty: Auditor) -> None:
    empty.keep(*(an_event(START + timedelta(seconds=number), number, patient="4") for number in range(100)))

    empty.get("AuditEvent", "patient=4&_count=20")  # which makes the key of next links
    empty.get("AuditEvent", "patient=4&_count=20")
    assert Counter(empty.calls) == {"Query": 1, "BatchGetItem": 1, "BatchExecuteStatement": 1}
    empty.get("AuditEvent", "_count=20")
    assert Counter(empty.calls) == {"Query": 16, "BatchExecuteStatement": 1}
