"""The port to the tables of resources, and the errors after which a write is tried again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.keys import Key
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import IdentifierLock
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target


class ConflictError(Exception):
    """Another write changed, or holds, the items that this one was planned on."""


class NotTakenError(Exception):
    """A write was not done, as its audit events may not be taken. The text is the reason, for the log.

    `again` says that the next attempt goes without them.
    """

    def __init__(self, code: str, *, again: bool) -> None:
        super().__init__(code)
        self.again = again


@dataclass(frozen=True, slots=True)
class IdentifierMatches:
    """The resources that have an identifier: their ids, and its lock; `more` if there are further ones."""

    ids: frozenset[str]
    lock: IdentifierLock
    more: bool = False


class EventActions(Protocol):
    """The audit events within the writes of one request."""

    def put_actions(self, made: Mapping[str, Collection[str]]) -> list[Item]:
        """Return the actions that put an event for each patient, with the versions `made` of that record."""

    def committed(self) -> None:
        """Note that the write is done, and its events with it."""

    def goes_without(self) -> bool:
        """Return True if the write may be tried again without its events, because the table takes none."""


class RecordStore(Protocol):
    """The tables of resources. All reads are consistent. Each method raises the 503 outcome."""

    def read(self, targets: Iterable[Target]) -> dict[str, Target]:
        """Return by key the targets that have an index record, each with it."""

    def read_summaries(self, targets: Iterable[Target]) -> dict[str, Target]:
        """Return targets as `read` does, without entries, values and references: many of them take little memory."""

    def read_with_body(self, target: Target) -> Target:
        """Return a target with its index record, and with its body if that is of the same version."""

    def read_body(self, target: Target) -> Item | None:
        """Return the current body of a target."""

    def find_by_identifier(self, type_: ResourceType, lock: Key) -> IdentifierMatches:
        """Return the resources of a type that have the identifier of a lock."""

    def count_references(self, targets: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Return by key of target the number of resources by type that refer to it."""

    def full_locks(self, plan: WritePlan) -> frozenset[Key]:
        """Return the full locks among those that a plan adds its id to."""

    def write(
        self, plans: Sequence[WritePlan], made: Mapping[str, Sequence[str]], full: Collection[Key], seconds: float
    ) -> None:
        """Do plans of different resources within `seconds`, and record the versions `made`, by patient, all or nothing.

        `full` are the full locks of a single plan. Raises `ConflictError`, and with nothing written `TooLargeError` and
        `NotTakenError`.
        """

    def recorded_by(self, events: EventActions) -> "RecordStore":
        """Return the store with the events of another request."""
