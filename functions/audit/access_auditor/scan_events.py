"""Scan the audit trail backwards, newest event first, within the limits of one request.

The events of a known patient are read from the index by patient, which holds only what a search tests. All others are
read day by day, all shards of a day concurrently. A day without events costs the same number of queries as any other,
so a search has a lower bound.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from access_auditor.event_store import CONCURRENT, EventStore, PartRequest, Source
from careconnect.audit.event import SHARDS, AuditEvent, day_of, partition_of, time_of
from careconnect.storage.dynamodb import BATCH
from careconnect.storage.read_charges import ReadCharges

MAX_EVENTS: Final = 3_000
"""Events that one page examines. The page of a selective search may therefore be short, and have a next page."""
MAX_QUERIES: Final = 240
"""Queries of a page: each is one call to DynamoDB, up to sixteen concurrently. A batch of ids is one."""
MAX_SECONDS: Final = 8.0
"""Far enough from the function's 20 seconds for queries in progress, with their time-outs and second tries."""
MAX_COUNTED: Final = 10_000
"""Events that are examined for a requested total."""
MAX_COUNTING_QUERIES: Final = 1_000

_TIME_DIGITS: Final = 12
_LEAST_LIMIT: Final = 8
_MAX_HELD: Final = 2_048
"""Items that one round of queries requests from all sources of a scan together."""
_GROWTH: Final = 4


class SpentError(Exception):
    """The request has reached its limit of events, queries or seconds."""


@dataclass(slots=True)
class Effort:
    """The remaining effort of a request: events to examine, queries to make, `seconds` of the clock `elapsed`.

    `charges` are what the client pays for them.
    """

    events: int = MAX_EVENTS
    queries: int = MAX_QUERIES
    seconds: float = MAX_SECONDS
    elapsed: Callable[[], float] = time.monotonic
    charges: ReadCharges = field(default_factory=lambda: ReadCharges(0, lambda _units: None))
    _ends_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._ends_at = self.elapsed() + self.seconds

    def query(self, times: int) -> None:
        """Count queries before they are made; raises `SpentError`, and the 429 outcome."""
        self.queries -= times
        if self.queries < 0 or self.elapsed() > self._ends_at:
            raise SpentError
        self.charges.call(times)

    def examine(self) -> None:
        """Count one event; raises `SpentError`, and the 429 outcome."""
        self.events -= 1
        if self.events < 0:
            raise SpentError
        self.charges.examine()


@dataclass(frozen=True, slots=True)
class Window:
    """A range of sort keys: `low` is the first, `before` the exclusive end.

    Each is an event's id, or only the first part of an id: a time.
    """

    low: str
    before: str

    @property
    def is_empty(self) -> bool:
        """Return True if the window contains no sort key."""
        return self.low >= self.before

    def has(self, sort_key: str) -> bool:
        """Return True for a sort key within the window."""
        return self.low <= sort_key < self.before


def bound_at(milliseconds: int) -> str:
    """Return the sort key that separates the events before a time, in epoch milliseconds, from the others."""
    return f"{max(milliseconds, 0):0{_TIME_DIGITS}x}"


@dataclass(slots=True)
class EventScan:
    """A backwards scan of a `window`; `expected` is the estimated number of events that will be needed.

    `position` is the sort key before which the scan continues: all events from it on were read. `is_end` is True if no
    events are left.
    """

    store: EventStore
    window: Window
    expected: int
    effort: Effort = field(default_factory=Effort)
    position: str = ""
    is_end: bool = False

    def by_patient(self, patients: Sequence[str]) -> Iterator[AuditEvent]:
        """Yield the events of patients, within the effort of the request."""
        return self._bounded(self._merged([Source(patient, is_patient=True) for patient in patients], self.window))

    def by_id(self, event_ids: Sequence[str]) -> Iterator[AuditEvent]:
        """Yield the events with the given ids, within the effort of the request."""
        within = sorted(set(filter(self.window.has, event_ids)), reverse=True)
        return self._bounded(self._looked_up(within))

    def by_day(self) -> Iterator[AuditEvent]:
        """Yield all events, day by day, within the effort of the request."""
        return self._bounded(self._days())

    def _bounded(self, events: Iterator[AuditEvent]) -> Iterator[AuditEvent]:
        """Yield events until the end, or until the effort is spent."""
        self.position = self.window.before
        try:
            for event in events:
                self.effort.examine()
                self.position = event.id
                yield event
        except SpentError:
            return
        self.is_end = True

    def _looked_up(self, event_ids: Sequence[str]) -> Iterator[AuditEvent]:
        for start in range(0, len(event_ids), BATCH):
            some = event_ids[start : start + BATCH]
            self.effort.query(1)
            yield from self.store.events(some)
            self.position = some[-1]

    def _days(self) -> Iterator[AuditEvent]:
        window = self.window
        while not window.is_empty:
            day = _last_day_before(window.before)
            start = bound_at(_start_of(day))
            within = Window(max(window.low, start), window.before)
            yield from self._merged([Source(partition_of(day, shard)) for shard in SHARDS], within)
            self.position = start
            window = Window(window.low, self.position)

    def _merged(self, sources: Sequence[Source], window: Window) -> Iterator[AuditEvent]:
        """Yield the events of all sources merged, newest first; raises `SpentError`."""
        if window.is_empty:
            return
        streams = [_Stream(source, window.before) for source in sources]
        most = max(_MAX_HELD // max(len(streams), 1), _LEAST_LIMIT)
        limit = min(max(2 * self.expected // max(len(streams), 1), _LEAST_LIMIT), most)
        while any(stream.held or stream.before for stream in streams):
            if any(stream.before and not stream.held for stream in streams):
                # Also query the sources that will run out soon: concurrent queries take no longer than one.
                due = [stream for stream in streams if stream.before and len(stream.held) <= stream.asked // 2]
                asked = [PartRequest(each.source, window.low, each.before, limit) for each in due]
                parts = chain.from_iterable(map(self.store.parts, self._rounds(asked)))
                for stream, part in zip(due, parts, strict=True):
                    stream.held += part.events
                    stream.before, stream.asked = part.goes_on_before, limit
                limit = min(limit * _GROWTH, most)
                continue
            yield max((stream.held for stream in streams if stream.held), key=_newest).popleft()

    def _rounds(self, asked: Sequence[PartRequest]) -> Iterator[Sequence[PartRequest]]:
        """Yield queries in rounds of concurrent ones, each counted before it is made; raises `SpentError`."""
        for start in range(0, len(asked), CONCURRENT):
            some = asked[start : start + CONCURRENT]
            self.effort.query(len(some))
            yield some


@dataclass(slots=True)
class _Stream:
    """A source that was read down to `before` (empty at its end); `held` are events read but not yet yielded."""

    source: Source
    before: str
    held: deque[AuditEvent] = field(default_factory=deque)
    asked: int = 0


def _newest(held: deque[AuditEvent]) -> str:
    return held[0].id


def _start_of(day: str) -> int:
    """Return the first millisecond of a UTC day."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def _last_day_before(bound: str) -> str:
    """Return the day of the newest possible event before a sort key."""
    is_time = len(bound) == _TIME_DIGITS
    return day_of(time_of(bound) - is_time)
