"""A store whose use is paid for from the budget of a request."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from careconnect.fhir.resource_types import ResourceType
from fhir_reader.request_budget import RequestBudget
from fhir_reader.store.stored import (
    BATCH,
    Entry,
    EntryStream,
    IndexRange,
    NextLimit,
    Pay,
    ResourceStore,
    StoredResource,
    VersionStore,
)

_Streamed = TypeVar("_Streamed")


@dataclass(frozen=True, slots=True)
class MeteredStore:
    """Asks `store` for one request, of which each call and each entry is accounted for before it is used.

    The calls that follow when a stream goes on are not counted: each of them brings hundreds of entries, which are.
    """

    store: ResourceStore
    budget: RequestBudget

    @property
    def versions(self) -> "MeteredVersions":
        """The versions that were replaced."""
        return MeteredVersions(self.store.versions, self.budget)

    def consistent(self) -> "MeteredStore":
        """Return the same store, of which each call sees all that was answered before it."""
        return MeteredStore(self.store.consistent(), self.budget)

    def read(self, type_: ResourceType, resource_id: str) -> StoredResource | None:
        """Return one resource: one call."""
        self.budget.call()
        return self.store.read(type_, resource_id)

    def read_all(self, keys: Iterable[tuple[ResourceType, str]]) -> Mapping[tuple[str, str], StoredResource]:
        """Return many resources: one call per hundred."""
        wanted = list(keys)
        self.budget.call(math.ceil(len(wanted) / BATCH))
        return self.store.read_all(wanted)

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        """Return the entries of known ids: one call per hundred."""
        wanted = list(ids)
        self.budget.call(math.ceil(len(wanted) / BATCH))
        self.budget.examine(len(wanted))
        return self.store.entries_by_id(type_, wanted)

    def entries(
        self,
        type_: ResourceType,
        ranges: Iterable[IndexRange],
        next_limit: NextLimit | None = None,
        _pay: Pay | None = None,
    ) -> list[EntryStream]:
        """Open ranges, one call each, and one for each hundred of entries that are staged."""
        wanted = list(ranges)
        self.budget.call(len(wanted))
        streams = self.store.entries(type_, wanted, next_limit, self.budget.call)
        return [PaidStream(stream, self.budget) for stream in streams]

    def systems(self, type_: ResourceType, partition: str, most: int) -> list[str] | None:
        """Return the systems of a token's entries: one call for each, and one that finds no other."""
        self.budget.call()
        found = self.store.systems(type_, partition, most)
        self.budget.call(most if found is None else len(found))
        return found

    def compartment(
        self, patient_type: ResourceType, patient: str, after: str, expected: int, _pay: Pay | None = None
    ) -> Iterator[tuple[str, Entry]]:
        """Stream a patient's compartment: one call to begin with, which brings no more than is paid for.

        Where the patient's own entry comes first, that is another.
        """
        self.budget.call(1 if after else 2)
        most = min(expected, self.budget.entries_paid + 1)
        return self._paid(self.store.compartment(patient_type, patient, after, most, self.budget.call))

    def seal_key(self) -> bytes:
        """Return the key that seals `next` links, which a function reads once in its life."""
        return self.store.seal_key()

    def _paid(self, stream: Iterator[_Streamed]) -> Iterator[_Streamed]:
        for one in stream:
            self.budget.examine()
            yield one


@dataclass(frozen=True, slots=True)
class PaidStream:
    """A range of the index, each entry of which is accounted for before it is used."""

    stream: EntryStream
    budget: RequestBudget

    @property
    def at_least(self) -> int:
        """How many entries the range is known to hold."""
        return self.stream.at_least

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries."""
        for entry in self.stream:
            self.budget.examine()
            yield entry


@dataclass(frozen=True, slots=True)
class MeteredVersions:
    """Versions that were replaced, each call and each of a stream accounted for."""

    store: VersionStore
    budget: RequestBudget

    def read(self, type_: ResourceType, resource_id: str, version: int) -> StoredResource | None:
        """Return a version: one call."""
        self.budget.call()
        return self.store.read(type_, resource_id, version)

    def backwards(
        self, type_: ResourceType, resource_id: str, highest: int, lowest: int, expected: int
    ) -> Iterator[StoredResource]:
        """Stream versions: one call to begin with."""
        self.budget.call()
        for version in self.store.backwards(type_, resource_id, highest, lowest, expected):
            self.budget.examine()
            yield version
