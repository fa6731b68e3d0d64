"""The audit trail as its reader sees it: events in the order of their ids, newest first, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from careconnect.audit.event import AuditEvent


@dataclass(frozen=True, slots=True)
class Source:
    """Where items stand in the order of their ids: the `partition` of a day's shard, or the index by patient."""

    partition: str
    is_patient: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A part of a source that is wanted: at most `limit` items from the sort key `low` on, `before` excluded."""

    source: Source
    low: str
    before: str
    limit: int


@dataclass(frozen=True, slots=True)
class Part:
    """The events of a part, newest first.

    What is no event is left out. `goes_on_before` is the sort key before which the source goes on, empty at its end.
    """

    events: Sequence[AuditEvent]
    goes_on_before: str = ""


class EventStore(Protocol):
    """The access record, read only."""

    def events(self, event_ids: Sequence[str]) -> list[AuditEvent]:
        """Return the events with these ids; absent ones are left out."""

    def parts(self, asked: Sequence[Asked]) -> list[Part]:
        """Return parts of sources, asked for side by side."""

    def link_key(self) -> bytes:
        """Return the key that `next` links are sealed under, 32 bytes."""
