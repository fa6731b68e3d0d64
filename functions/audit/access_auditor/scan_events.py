"""Go back through the audit trail, newest event first, for no further than one request may.

The events of a known patient are looked for in the index by patient, all others day by day, in the shards of each at
once. A day without events costs as many queries as another: a search has a lower bound for that.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from access_auditor.event_store import Asked, EventStore, Source
from careconnect.audit.event import SHARDS, AuditEvent, day_of, partition_of, time_of

MOST_EXAMINED: Final = 3_000
"""Events that a page is looked for among: for what selects few of them it may be short, and goes on."""
MOST_QUERIES: Final = 240
"""Queries of a page: each is one call to DynamoDB, sixteen of them at a time."""
MOST_COUNTED: Final = 10_000
"""Events that are examined for a total that is asked for."""
MOST_COUNTING_QUERIES: Final = 1_000

_TIME_DIGITS: Final = 12
_LEAST_LIMIT: Final = 8
_MOST_HELD: Final = 2_048
"""Items that all sources of a walk together are asked for at a time."""
_GROWTH: Final = 4


class SpentError(Exception):
    """A request has done what one may."""


@dataclass(slots=True)
class Effort:
    """What a request may still do: events to examine, queries to make."""

    events: int = MOST_EXAMINED
    queries: int = MOST_QUERIES

    def query(self, times: int) -> None:
        """Count queries; raises `SpentError`."""
        self.queries -= times
        if self.queries < 0:
            raise SpentError

    def examine(self) -> None:
        """Count one event; raises `SpentError`."""
        self.events -= 1
        if self.events < 0:
            raise SpentError


@dataclass(frozen=True, slots=True)
class Window:
    """The sort keys to look between: `low` is the first, `before` the one after the last.

    Either is an event's id, or its first part alone: a time.
    """

    low: str
    before: str

    @property
    def is_empty(self) -> bool:
        """Say whether nothing lies between."""
        return self.low >= self.before


def bound_at(milliseconds: int) -> str:
    """Return the sort key before which are the events of before a time in epoch milliseconds, and no other."""
    return f"{max(milliseconds, 0):0{_TIME_DIGITS}x}"


@dataclass(slots=True)
class Walk:
    """A way back through a `window`; `expected` says how many events will likely be enough.

    `place` is the sort key before which to go on: all that is not before it was gone through. `is_end` says that there
    is nothing to go on for.
    """

    store: EventStore
    window: Window
    expected: int
    effort: Effort = field(default_factory=Effort)
    place: str = ""
    is_end: bool = False

    def by_patient(self, patients: Sequence[str]) -> Iterator[AuditEvent]:
        """Yield the events of patients, as far as they may be gone through."""
        return self._bounded(self._merged([Source(patient, is_patient=True) for patient in patients], self.window))

    def by_id(self, event_ids: Sequence[str]) -> Iterator[AuditEvent]:
        """Yield the events with some ids."""
        within = sorted({each for each in event_ids if self.window.low <= each < self.window.before}, reverse=True)
        return self._bounded(iter(self.store.events(within)))

    def by_day(self) -> Iterator[AuditEvent]:
        """Yield all events, as far as they may be gone through."""
        return self._bounded(self._days())

    def _bounded(self, events: Iterator[AuditEvent]) -> Iterator[AuditEvent]:
        """Yield events until the end or until no more may be done."""
        self.place = self.window.before
        try:
            for event in events:
                self.effort.examine()
                self.place = event.id
                yield event
        except SpentError:
            return
        self.is_end = True

    def _days(self) -> Iterator[AuditEvent]:
        window = self.window
        while not window.is_empty:
            day = _last_day_before(window.before)
            start = bound_at(_start_of(day))
            within = Window(max(window.low, start), window.before)
            yield from self._merged([Source(partition_of(day, shard)) for shard in SHARDS], within)
            self.place = start
            window = Window(window.low, self.place)

    def _merged(self, sources: Sequence[Source], window: Window) -> Iterator[AuditEvent]:
        """Yield the events of sources in one order; raises `SpentError`."""
        if window.is_empty:
            return
        streams = [_Stream(source, window.before) for source in sources]
        limit = max(2 * self.expected // max(len(streams), 1), _LEAST_LIMIT)
        while any(stream.held or stream.before for stream in streams):
            if any(stream.before and not stream.held for stream in streams):
                # Those that would be next are asked for as well: a call takes as long for many as for one.
                due = [stream for stream in streams if stream.before and len(stream.held) <= stream.asked // 2]
                self.effort.query(len(due))
                parts = self.store.parts([Asked(each.source, window.low, each.before, limit) for each in due])
                for stream, part in zip(due, parts, strict=True):
                    stream.held += part.events
                    stream.before, stream.asked = part.goes_on_before, limit
                limit = max(min(limit * _GROWTH, _MOST_HELD // len(streams)), _LEAST_LIMIT)
                continue
            yield max((stream.held for stream in streams if stream.held), key=_newest).popleft()


@dataclass(slots=True)
class _Stream:
    """A source, gone through from `before` on, which is empty at its end; `held` are the events that were read."""

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
    """Return the day of the newest event that there may be before a sort key."""
    is_time = len(bound) == _TIME_DIGITS
    return day_of(time_of(bound) - is_time)
