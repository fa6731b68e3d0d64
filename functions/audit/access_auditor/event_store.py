"""The read interface of the audit trail: events in the order of their ids, newest first, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from careconnect.audit.event import SHARDS, AuditEvent

CONCURRENT: Final = len(SHARDS)
"""Queries that a store makes at once: one for each shard of a day."""


@dataclass(frozen=True, slots=True)
class Source:
    """A sequence of events in the order of their ids: the `partition` of a day's shard, or the index by patient."""

    partition: str
    is_patient: bool = False


@dataclass(frozen=True, slots=True)
class PartRequest:
    """A request for a part of a source: at most `limit` items from the sort key `low` up to `before`, excluded."""

    source: Source
    low: str
    before: str
    limit: int


@dataclass(frozen=True, slots=True)
class EventPart:
    """The events of a part, newest first; of the index by patient they have only what a search tests.

    Items that are not events are left out. `goes_on_before` is the sort key before which the source continues, empty at
    its end.
    """

    events: Sequence[AuditEvent]
    goes_on_before: str = ""


class EventStore(Protocol):
    """The audit trail, read only."""

    def events(self, event_ids: Sequence[str]) -> list[AuditEvent]:
        """Return the events with these ids, newest first, without absent ones."""

    def parts(self, asked: Sequence[PartRequest]) -> list[EventPart]:
        """Return the requested parts; all are requested concurrently."""

    def link_key(self) -> bytes:
        """Return the key that seals `next` links, 32 bytes."""

    def kept_since(self, now: int) -> str:
        """Return the first UTC day of which nothing is lost here, empty if all is kept; `now` in epoch milliseconds."""
