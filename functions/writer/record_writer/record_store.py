"""What a writer asks the tables of resources for, and when it has to begin anew."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from careconnect.record_keys import Key
from careconnect.resource_types import ResourceType
from careconnect_records.actions import Item
from careconnect_records.change import Change, State
from careconnect_records.identifier_guards import Guard


class ConflictError(Exception):
    """Another write came in between: what was read is not so any more."""


class NotTakenError(Exception):
    """A write was not taken, and perhaps would be without the events in it; the text is why, for the log."""


@dataclass(frozen=True, slots=True)
class Holders:
    """The resources that have an identifier: their ids, and what its guard says; `more` if these are not all."""

    ids: frozenset[str]
    guard: Guard
    more: bool = False


class RecordStore(Protocol):
    """The tables of resources; what is read is read consistently. Each raises the 503 outcome."""

    def states(self, keys: Collection[str]) -> dict[str, State]:
        """Return the index records of resources by `Type/id`, those that there are."""

    def current(self, type_: ResourceType, resource_id: str) -> tuple[State | None, Item | None]:
        """Return the index record of a resource, if there is one, and its body, if that is of the same version."""

    def present(self, keys: Collection[str]) -> dict[str, State]:
        """Return what of index records says whether resources are there, and whose: no more is kept of many."""

    def body(self, type_: ResourceType, resource_id: str) -> Item | None:
        """Return the current body of a resource, as it is stored."""

    def holders(self, type_: ResourceType, guard: Key) -> Holders:
        """Return the resources of a type that have the identifier of a guard."""

    def referring(self, key: str) -> Mapping[str, int]:
        """Return how many resources of which type refer to one."""

    def write(self, change: Change, expected: Mapping[Key, Guard], events: Sequence[Item]) -> None:
        """Write a change whole, on what was read, and the events that tell of it with it.

        Raises `ConflictError`, and with nothing written `TooLargeError` and `NotTakenError`.
        """

    def finish(self, type_: ResourceType, state: State) -> None:
        """End what another writer has begun and left; raises `ConflictError` while it may go on."""


class WriteRecord(Protocol):
    """What the access record is told of a write (`audit.md`)."""

    def finds(self, ids: Collection[str], patients: Collection[str]) -> None:
        """Say which resource an attempt is about, and whose record, should it be refused."""

    def discloses(self, patients: Collection[str]) -> None:
        """Say of whom an answer tells for which nothing was written."""

    def withholds(self, patients: Collection[str]) -> None:
        """Say whose record an answer kept closed that looks as if there were none."""

    def put_actions(self, patients: Collection[str], status: int, made: str) -> list[dict[str, Any]]:
        """Return the actions that keep the events of a write that makes a version (`Patient/4/_history/2`)."""

    def goes_without(self) -> bool:
        """Say whether a write that was not taken may be tried without events, of which it has none from then on."""

    def committed(self, patients: Collection[str], made: str) -> None:
        """Say that a write is done, and its events are kept with it."""
