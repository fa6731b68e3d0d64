"""The reader's data types for stored resources and index entries, and its store interfaces."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from careconnect.fhir.resource_types import LAST_UPDATED, ResourceType
from careconnect.search.stored_values import StoredValues
from careconnect.search.values import SearchValues, patients_of
from fhir_reader.budget import RequestBudget

BATCH: Final = 100
"""Maximum resources in one call (DynamoDB's quota for BatchGetItem)."""

OWN_PLACE: Final = "!"
"""The cursor position of the patient itself: before every entry of its compartment."""


@dataclass(frozen=True, slots=True)
class StoredResource:
    """One version of a resource: `body` is its JSON text, `updated` is in epoch milliseconds.

    `patients` are the ids of the patients whose compartments hold it. A deleted resource has no body. `method` and
    `status` are those of the request that created the version.
    """

    body: str
    version: int
    updated: int
    patients: tuple[str, ...] = ()
    gone: bool = False
    method: str = "PUT"
    status: int = 200


def item_key(type_: ResourceType, resource_id: str, item: str) -> dict[str, Any]:
    """Return the DynamoDB key of one of a resource's items."""
    return {"pk": {"S": f"{type_.name}/{resource_id}"}, "sk": {"S": item}}


def stored_resource(item: Mapping[str, Any]) -> StoredResource:
    """Return the resource version that a DynamoDB item holds."""
    return StoredResource(
        body=item.get("body", {}).get("S", ""),
        version=int(item["version"]["N"]),
        updated=int(item["updated"]["N"]),
        patients=tuple(item.get("patient", {}).get("S", "").split()),
        gone=bool(item.get("gone", {}).get("BOOL", False)),
        method=item["method"]["S"],
        status=int(item["status"]["S"]),
    )


def patients_in(type_: ResourceType, resource_id: str, stored: StoredResource) -> tuple[str, ...]:
    """Return the ids of the patients that a resource is about: its own id, or the owners of its compartments."""
    return (resource_id,) if type_.is_patient else stored.patients


@dataclass(frozen=True, slots=True)
class IndexRange:
    """A range of one index partition.

    Sort keys begin with `prefix`; `low` and `high` bound the text after it (inclusive, empty for no bound). `ordered`
    is True if the entries are sorted by the default order of their type. `forward` reads them ascending. `expected` is
    the estimated number of entries that will be needed (0: all of them).
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
    """An index entry: its resource's type and id, its order key, and the stored search values.

    `stored` is the text of the values. It is parsed at each access of `values`: a search may hold thousands of entries,
    and use the values of only a few, or of each only once. The entries of a page have the parsed values in `at_hand`.
    """

    type: ResourceType
    id: str
    order: str
    stored: str
    at_hand: SearchValues | None = field(default=None, compare=False, repr=False)

    @property
    def values(self) -> SearchValues:
        """The search values of the resource."""
        return self.at_hand if self.at_hand is not None else StoredValues(self.type, self.id, _parsed(self.stored))

    def holding(self, values: SearchValues) -> "Entry":
        """Return the same entry with its parsed values."""
        return Entry(self.type, self.id, self.order, self.stored, values)

    @property
    def patients(self) -> tuple[str, ...]:
        """The ids of the patients that have the resource in their compartments."""
        return patients_of(self.type, self.id, self.values)


@dataclass(frozen=True, slots=True)
class PageEntry:
    """An entry of a page, with the ids of its resource's patients and the time of its version (epoch milliseconds)."""

    entry: Entry
    patients: tuple[str, ...]
    changed: int


def page_entries(entries: Iterable[Entry]) -> list[PageEntry]:
    """Return each entry with its parsed values, patients and time of change."""
    held = [entry if entry.at_hand is not None else entry.holding(entry.values) for entry in entries]
    return [PageEntry(entry, entry.patients, int(entry.values[LAST_UPDATED.name][0][0])) for entry in held]


_DECODER: Final = json.JSONDecoder()


def _parsed(stored: str) -> Mapping[str, Any]:
    # Called for each entry: `raw_decode` skips the checks that `json.loads` makes of untrusted text.
    values: Mapping[str, Any] = _DECODER.raw_decode(stored)[0]
    return values


NextLimit = Callable[[int], int]
"""Return the limit of a stream's next query, given the number of entries that were not enough."""


class EntryStream(Protocol):
    """The entries of one range, read in parts."""

    @property
    def at_least(self) -> int:
        """The known minimum of entries in the range: those of its first part, and one more if it continues."""

    def parts(self) -> Iterator[list[Entry]]:
        """Yield the entries, a list for each call; usable once."""


class VersionStore(Protocol):
    """The replaced versions of resources. Each call is consistent with all writes that were answered before it."""

    def read(self, type_: ResourceType, resource_id: str, version: int) -> StoredResource | None:
        """Return a replaced version, or None if it is not stored: one read."""

    def backwards(
        self, type_: ResourceType, resource_id: str, highest: int, lowest: int, expected: int
    ) -> Iterator[StoredResource]:
        """Yield the versions from the highest to the lowest; `expected` is the estimated number that is needed."""


class ResourceStore(Protocol):
    """The stored resources and their index."""

    def charged_to(self, budget: RequestBudget) -> "ResourceStore":
        """Return the same store, which counts each call in a budget before it is made.

        The calls that continue a stream are not counted: each returns hundreds of entries, and these are counted.
        """

    @property
    def versions(self) -> VersionStore:
        """The store of replaced versions."""

    def consistent(self) -> "ResourceStore":
        """Return the same store with strongly consistent reads."""

    def read(self, type_: ResourceType, resource_id: str) -> StoredResource | None:
        """Return one resource: one read."""

    def read_all(self, keys: Iterable[tuple[ResourceType, str]]) -> Mapping[tuple[str, str], StoredResource]:
        """Return many resources by (type name, id), without absent ones: one read per hundred."""

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        """Return the entries of resources by their ids."""

    def entries(
        self, type_: ResourceType, ranges: Iterable[IndexRange], next_limit: NextLimit | None = None
    ) -> Sequence[EntryStream]:
        """Open each range as a stream of entries, descending unless `forward`; request all first parts concurrently.

        The entries themselves are not charged: the caller that takes them counts them (`RequestBudget.examined`).
        """

    def systems(self, type_: ResourceType, partition: str, most: int) -> list[str] | None:
        """Return the systems of a token's entries, or None if there are over `most`: a call for each and one more."""

    def compartment(
        self, patient_type: ResourceType, patient: str, after: str, expected: int
    ) -> Iterator[list[tuple[str, Entry]]]:
        """Request a patient's compartment and yield (position, entry) pairs by type and date, a list for each call.

        The first entry is the one after the position `after`. If `after` is empty, the patient's own entry comes first,
        at `OWN_PLACE`, and is requested at the same time. `expected` is the estimated number of entries that will be
        needed (0: all of them). The entries are not charged, as for `entries`.
        """

    def seal_key(self) -> bytes:
        """Return the key that seals `next` links."""
