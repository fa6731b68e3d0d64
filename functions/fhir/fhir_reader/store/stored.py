"""What a reader gets from a store, and what it asks a store for."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from careconnect.fhir.resource_types import ResourceType
from careconnect.search.stored_values import StoredValues
from careconnect.search.values import SearchValues, patients_of

BATCH: Final = 100
"""Resources that one call returns (DynamoDB's quota for BatchGetItem)."""

OWN_PLACE: Final = "!"
"""The place of a patient itself: before every entry of its compartment."""


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A resource as the loader left it: `body` is its JSON text, `updated` is in epoch milliseconds.

    `patients` are the ids of the patients whose compartments hold it. A deleted resource has no body. `method` and
    `status` are those of the request that made the version.
    """

    body: str
    version: int
    updated: int
    patients: tuple[str, ...] = ()
    gone: bool = False
    method: str = "PUT"
    status: int = 200


def patients_in(type_: ResourceType, resource_id: str, stored: StoredResource) -> tuple[str, ...]:
    """Return the ids of the patients whom a resource tells of: itself, or those whose compartments hold it."""
    return (resource_id,) if type_.is_patient else stored.patients


@dataclass(frozen=True, slots=True)
class IndexRange:
    """A stretch of one index partition.

    Entries begin with `prefix`; among those, `low` and `high` bound the text that follows it (inclusive,
    empty for no bound). `ordered` says that entries lie in the order of their type, and `forward` that they are
    wanted from its other end. `expected` is how many entries are likely to be enough (0: all of them are wanted).
    """

    partition: str
    prefix: str
    low: str = ""
    high: str = ""
    ordered: bool = True
    forward: bool = False
    expected: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One index entry: the resource's type and id, its place in the default order and what it is searched by.

    `stored` is the text of its values. They are parsed each time they are asked for: a search may hold thousands of
    entries and look at the values of few, or of each but once. Those of a page are kept `at_hand`.
    """

    type: ResourceType
    id: str
    order: str
    stored: str
    at_hand: SearchValues | None = field(default=None, compare=False, repr=False)

    @property
    def values(self) -> SearchValues:
        """What the resource is searched by."""
        return self.at_hand if self.at_hand is not None else StoredValues(self.type, self.id, _parsed(self.stored))

    def holding(self, values: SearchValues) -> "Entry":
        """Return the entry with its values at hand."""
        return Entry(self.type, self.id, self.order, self.stored, values)

    @property
    def patients(self) -> tuple[str, ...]:
        """The ids of the patients whose compartments hold the resource."""
        if self.type.patient_parameter is None:
            return (self.id,) if self.type.is_patient else ()
        return patients_of(self.type, self.id, self.values)


_DECODER: Final = json.JSONDecoder()


def _parsed(stored: str) -> Mapping[str, Any]:
    # As `json.loads`, without what is for texts that others wrote: it is called for each entry.
    values: Mapping[str, Any] = _DECODER.raw_decode(stored)[0]
    return values


NextLimit = Callable[[int], int]
"""Says how many entries a stream asks for next, when so many were not enough."""

Pay = Callable[[int], None]
"""Accounts for calls that are about to be made; raises where they cannot be afforded."""


class EntryStream(Protocol):
    """The entries of one range, asked for in parts."""

    @property
    def at_least(self) -> int:
        """How many entries the range is known to hold: those of its first part, and one if it goes on."""

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries, once."""


class VersionStore(Protocol):
    """The versions of resources that others have replaced; each of these calls sees all that was answered before."""

    def read(self, type_: ResourceType, resource_id: str, version: int) -> StoredResource | None:
        """Return a replaced version, None if it is not kept: one read."""

    def backwards(
        self, type_: ResourceType, resource_id: str, highest: int, lowest: int, expected: int
    ) -> Iterator[StoredResource]:
        """Stream the versions from the highest to the lowest, of which `expected` are likely to be enough."""


class ResourceStore(Protocol):
    """The stored resources and their index."""

    @property
    def versions(self) -> VersionStore:
        """The versions that were replaced."""

    def consistent(self) -> "ResourceStore":
        """Return the same store, of which each call sees all that was answered before it."""

    def read(self, type_: ResourceType, resource_id: str) -> StoredResource | None:
        """Return one resource: one read."""

    def read_all(self, keys: Iterable[tuple[ResourceType, str]]) -> Mapping[tuple[str, str], StoredResource]:
        """Return many resources by (type name, id), absent ones left out: one read per hundred."""

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        """Return the entries of resources whose ids are known."""

    def entries(
        self,
        type_: ResourceType,
        ranges: Iterable[IndexRange],
        next_limit: NextLimit | None = None,
        pay: Pay | None = None,
    ) -> list[EntryStream]:
        """Open each range as a stream of entries, the latest place first; the first parts come together.

        `next_limit` may raise what ends the walk, instead of asking for more; so may `pay`, before what is being
        written is looked up.
        """

    def systems(self, type_: ResourceType, partition: str, most: int) -> list[str] | None:
        """Return the systems of a token's entries, or None if there are more than `most`: a call for each and one."""

    def compartment(
        self, patient_type: ResourceType, patient: str, after: str, expected: int, pay: Pay | None = None
    ) -> Iterator[tuple[str, Entry]]:
        """Ask for a patient's compartment, and stream it as (place, entry), by type and date, beginning after a place.

        Without one the patient's own entry comes first, at `OWN_PLACE`, and is asked for at the same time. `expected`
        is how many are likely to be enough (0: all of them are wanted); `pay` is as for `entries`.
        """

    def seal_key(self) -> bytes:
        """Return the key that seals `next` links."""
