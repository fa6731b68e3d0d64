"""The forms in which the reader gets resources and index entries, and the store that it asks."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Protocol

from careconnect.fhir.resource_types import ResourceType
from careconnect.search.stored_values import StoredValues, entry_contents
from careconnect.search.values import SearchValues, patients_of
from fhir_reader.budget import RequestBudget

BATCH: Final = 100
"""Resources that one call returns (DynamoDB's quota for BatchGetItem)."""

OWN_PLACE: Final = "!"
"""The place of a patient itself: before every entry of its compartment."""


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
    """Return the key of one of a resource's items."""
    return {"pk": {"S": f"{type_.name}/{resource_id}"}, "sk": {"S": item}}


def stored_resource(item: Mapping[str, Any]) -> StoredResource:
    """Return the resource version in a body's item."""
    return StoredResource(
        body=item.get("body", {}).get("S", ""),
        version=int(item["version"]["N"]),
        updated=int(item["updated"]["N"]),
        patients=tuple(item.get("patient", {}).get("S", "").split()),
        gone=bool(item.get("gone", {}).get("BOOL", False)),
        method=item["method"]["S"],
        status=int(item["status"]["S"]),
    )


def stored_resources(items: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[tuple[str, str], StoredResource]:
    """Return `stored_resource` of each of some items."""
    return {key: stored_resource(item) for key, item in items.items()}


def patients_in_all(resources: Sequence[tuple[ResourceType, str, StoredResource]]) -> list[tuple[str, ...]]:
    """Return `patients_in` each of some resources."""
    are_patients = {type_.name: type_.is_patient for type_ in {one[0].name: one[0] for one in resources}.values()}
    return [(id_,) if are_patients[type_.name] else stored.patients for type_, id_, stored in resources]


def patients_in(type_: ResourceType, resource_id: str, stored: StoredResource) -> tuple[str, ...]:
    """Return the ids of the patients that a resource is about: itself, or those whose compartments hold it."""
    return (resource_id,) if type_.is_patient else stored.patients


@dataclass(frozen=True, slots=True)
class IndexRange:
    """A range of one index partition.

    Sort keys begin with `prefix`; `low` and `high` bound the text after it (inclusive, empty for no bound). `ordered`
    is True if the entries are sorted by the default order of their type. `forward` reads them ascending. `expected` is
    the number of entries that will probably be enough (0: all of them are wanted).
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
    """An index entry: its resource's type and id, its place in the default order, and the stored search values.

    `stored` is the text of the values. It is parsed at each access of `values`: a search may hold thousands of entries
    and look at the values of few, or of each but once. The entries of a page have them `at_hand`.
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
        """Return the entry with its values at hand."""
        return Entry(self.type, self.id, self.order, self.stored, values)

    @property
    def patients(self) -> tuple[str, ...]:
        """The ids of the patients whose compartments hold the resource."""
        if self.type.patient_parameter is None:
            return (self.id,) if self.type.is_patient else ()
        return patients_of(self.type, self.id, self.values)


@dataclass(frozen=True, slots=True)
class PageEntry:
    """An entry of a page: the patients that its resource is about, and when its version was written (epoch ms)."""

    entry: Entry
    patients: tuple[str, ...]
    changed: int


def page_entries(entries: Iterable[Entry]) -> list[PageEntry]:
    """Read from entries what a page needs of each."""
    read = []
    for type_, group in groupby(entries, lambda entry: entry.type):
        some = list(group)
        contents = entry_contents(type_, [(entry.id, _stored_in(entry)) for entry in some])
        for entry, content in zip(some, contents, strict=True):
            read.append(PageEntry(entry.holding(content.values), content.patients, content.changed))
    return read


def _stored_in(entry: Entry) -> Mapping[str, Any]:
    return entry.at_hand.stored if isinstance(entry.at_hand, StoredValues) else _parsed(entry.stored)


_DECODER: Final = json.JSONDecoder()


def _parsed(stored: str) -> Mapping[str, Any]:
    # Called for each entry, so without the checks that `json.loads` makes of foreign texts.
    values: Mapping[str, Any] = _DECODER.raw_decode(stored)[0]
    return values


NextLimit = Callable[[int], int]
"""Returns how many entries a stream asks for next, when so many were not enough."""


class EntryStream(Protocol):
    """The entries of one range, read in parts."""

    @property
    def at_least(self) -> int:
        """Entries that the range is known to hold: those of its first part, and one if it goes on."""

    def parts(self) -> Iterator[list[Entry]]:
        """Yield the entries, a list for each call, once."""


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

    def charged_to(self, budget: RequestBudget) -> "ResourceStore":
        """Return the same store, each call of which is counted in a budget before it is made.

        The calls with which a stream goes on are not counted: each returns hundreds of entries, which are.
        """

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
        self, type_: ResourceType, ranges: Iterable[IndexRange], next_limit: NextLimit | None = None
    ) -> Sequence[EntryStream]:
        """Open each range as a stream of entries, descending unless it says `forward`; the first parts come together.

        The entries themselves are not charged: whoever takes them counts them (`RequestBudget.examined`).
        """

    def systems(self, type_: ResourceType, partition: str, most: int) -> list[str] | None:
        """Return the systems of a token's entries, or None if there are more than `most`: a call for each and one."""

    def compartment(
        self, patient_type: ResourceType, patient: str, after: str, expected: int
    ) -> Iterator[list[tuple[str, Entry]]]:
        """Request a patient's compartment and yield (place, entry) pairs by type and date, a list for each call.

        It begins after a place. Without one the patient's own entry comes first, at `OWN_PLACE`, and is requested at
        the same time. `expected` entries will probably be enough (0: all of them are wanted). The entries are not
        charged, as for `entries`.
        """

    def seal_key(self) -> bytes:
        """Return the key that seals `next` links."""
