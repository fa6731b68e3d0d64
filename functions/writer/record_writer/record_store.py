"""What a writer asks the tables of resources for, and when it has to begin anew."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.keys import Key
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import IdentifierLock
from careconnect_records.writes.change import StoredVersion, WritePlan


class ConflictError(Exception):
    """Another write came in between: what was read is not so any more."""


class NotTakenError(Exception):
    """A write was not taken, and perhaps would be without the events in it; the text is why, for the log.

    `is_down` says that the table of events takes none at all, or may take none: not that one of these is at fault.
    """

    def __init__(self, code: str, *, is_down: bool) -> None:
        super().__init__(code)
        self.is_down = is_down


@dataclass(frozen=True, slots=True)
class Holders:
    """The resources that have an identifier: their ids, and what its guard says; `more` if these are not all."""

    ids: frozenset[str]
    lock: IdentifierLock
    more: bool = False


class RecordStore(Protocol):
    """The tables of resources; what is read is read consistently. Each raises the 503 outcome."""

    def states(self, keys: Collection[str]) -> dict[str, StoredVersion]:
        """Return the index records of resources by `Type/id`, those that there are."""

    def current(self, type_: ResourceType, resource_id: str) -> tuple[StoredVersion | None, Item | None]:
        """Return the index record of a resource, if there is one, and its body, if that is of the same version."""

    def present(self, keys: Collection[str]) -> dict[str, StoredVersion]:
        """Return what of index records says whether resources are there, and whose: no more is kept of many."""

    def body(self, type_: ResourceType, resource_id: str) -> Item | None:
        """Return the current body of a resource, as it is stored."""

    def holders(self, type_: ResourceType, lock: Key) -> Holders:
        """Return the resources of a type that have the identifier of a guard."""

    def referring(self, key: str) -> Mapping[str, int]:
        """Return how many resources of which type refer to one."""

    def write(self, change: WritePlan, expected: Mapping[Key, IdentifierLock], events: Sequence[Item]) -> None:
        """Write a change whole, on what was read, and the events that tell of it with it.

        Raises `ConflictError`, and with nothing written `TooLargeError` and `NotTakenError`.
        """

    def finish(self, type_: ResourceType, state: StoredVersion) -> None:
        """End what another writer has begun and left; raises `ConflictError` while it may go on."""


class WriteTrail(Protocol):
    """What the audit trail is told of a write (`audit.md`)."""

    def concerns(self, patients: Collection[str], ids: Collection[str] | None = None) -> None:
        """Say whose record, and which resource, an attempt is about, should it be refused."""

    def touched(self, patients: Collection[str]) -> None:
        """Write the events of an answer for which nothing was written."""

    def withheld(self, patients: Collection[str]) -> None:
        """Say whose record an answer kept closed that looks as if there were none."""

    def put_actions(self, patients: Collection[str], made: str) -> list[dict[str, Any]]:
        """Return the actions that keep the events of a write that makes a version (`Patient/4/_history/2`)."""

    def goes_without(self) -> bool:
        """Return True if a write that was not taken may be tried without its events."""

    def committed(self, patients: Collection[str], made: str) -> None:
        """Say that a write is done, and its events are kept with it."""
