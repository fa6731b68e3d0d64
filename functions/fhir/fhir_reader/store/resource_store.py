"""The interface of the reader's store: resources, their versions and their index."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from careconnect.fhir.resource_types import ResourceType
from fhir_reader.budget import RequestBudget
from fhir_reader.store.stored import Entry, IndexRange, NextLimit, StoredResource

Result = TypeVar("Result")


class EntryStream(Protocol):
    """The entries of one range, read in parts."""

    @property
    def lower_bound(self) -> int:
        """The known minimum of entries in the range: those of its first part, and one more if it continues."""

    def parts(self) -> Iterator[list[Entry]]:
        """Yield the entries and traces, a list for each call; usable once."""


class VersionStore(Protocol):
    """The replaced versions of resources. Each call is consistent with all writes that were answered before it."""

    def read(self, type_: ResourceType, resource_id: str, version: int) -> StoredResource | None:
        """Return a replaced version, or None if it is not stored: one read."""

    def backwards(
        self, type_: ResourceType, resource_id: str, highest: int, lowest: int, expected: int
    ) -> Iterator[StoredResource]:
        """Yield the versions from the highest to the lowest; `expected` is the estimated number that is needed."""


class ResourceStore(Protocol):
    """The stored resources and their index.

    A method that reads raises `SnapshotNeededError` if it meets a multi-step write that its snapshot does not decide,
    or if there is no snapshot yet. The request is then read again, by `at_one_moment`.
    """

    def at_one_moment(self, read: Callable[["ResourceStore"], Result], *, single: bool = False) -> Result:
        """Run `read` on one snapshot of all multi-step writes, in at most three passes, and return its result.

        A `single` read shows one resource alone. Raises what `read` raises.
        """

    def charged_to(self, budget: RequestBudget | None) -> "ResourceStore":
        """Return the same store, which counts each call in a budget before it is made, or in none.

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

    def stored_keys(self, keys: Iterable[tuple[ResourceType, str]]) -> Collection[str]:
        """Return the keys of those resources that there are or were, by their index items."""

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        """Return the entries of resources by their ids."""

    def entries(
        self, type_: ResourceType, ranges: Iterable[IndexRange], next_limit: NextLimit | None = None
    ) -> Sequence[EntryStream]:
        """Open each range as a stream of entries, descending unless `forward`; request all first parts concurrently.

        The entries themselves are not charged: the caller that takes them counts them (`RequestBudget.examined`).
        """

    def systems(self, type_: ResourceType, partition: str, limit: int) -> list[str] | None:
        """Return the systems of a token's entries, or None if there are over `limit`: a call for each and one more."""

    def compartment(
        self, patient_type: ResourceType, patient: str, after: str, expected: int, types: Collection[str]
    ) -> Iterator[list[tuple[str, Entry]]]:
        """Request a patient's compartment and yield (position, entry) pairs by type and date, a list for each call.

        Only entries of the `types` with these names are yielded. The first entry is the one after the position `after`.
        If `after` is empty, the patient's own entry comes first, at `OWN_POSITION`, and is requested at the same time.
        `expected` is the estimated number of entries that will be needed (0: all of them). The entries are not charged,
        as for `entries`.
        """

    def seal_key(self) -> bytes:
        """Return the key that seals `next` links."""
