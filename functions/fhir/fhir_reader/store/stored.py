"""Stored resources and index entries, and the entries of an index range, read in parts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from careconnect.fhir.resource_types import LAST_UPDATED, ResourceType
from careconnect.search.stored_values import StoredValues
from careconnect.search.values import SearchValues, order_text
from careconnect.storage.keys import positions_of

if TYPE_CHECKING:
    from concurrent.futures import Future

BATCH: Final = 100
"""Maximum resources in one call (DynamoDB's quota for BatchGetItem)."""

GROWTH: Final = 4
"""Factor by which a query asks for more entries, when those that were expected to be enough were not."""

OWN_POSITION: Final = "!"
"""The cursor position of the patient itself: before every entry of its compartment."""

Item = Mapping[str, Any]

TypedId = tuple[ResourceType, str]
"""The type and the id of a resource."""

NamedId = tuple[str, str]
"""The name of a resource's type, and its id."""


@dataclass(frozen=True, slots=True)
class StoredResource:
    """One version of a resource: `body` is its JSON text, `updated` is in epoch milliseconds.

    `patients` are the ids of the patients whose compartments hold it, `former_patients` of those whose compartments
    held a version before, which its number tells of. A deleted resource has no body. `method` and `status` are those of
    the request that created the version.
    """

    body: str
    version: int
    updated: int
    patients: tuple[str, ...] = ()
    deleted: bool = False
    method: str = "PUT"
    status: int = 200
    former_patients: tuple[str, ...] = ()


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
        deleted=bool(item.get("gone", {}).get("BOOL", False)),
        method=item["method"]["S"],
        status=int(item["status"]["S"]),
        former_patients=tuple(item["former_patients"]["S"].split()) if "former_patients" in item else (),
    )


def patients_in(type_: ResourceType, resource_id: str, stored: StoredResource) -> tuple[str, ...]:
    """Return the ids of the patients of a version and of the versions before it.

    A Patient's version is of that patient alone.
    """
    return (resource_id,) if type_.is_patient else stored.patients + stored.former_patients


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
    """An index entry: its resource's type and id, its order key, and the text of the stored search values.

    The text is parsed at each access of `values`: a search may hold thousands of entries, and use the values of only a
    few, or of each only once. A `PageEntry` keeps them. A trace has no values: it is read, and no resource's (ADR 53).
    """

    type: ResourceType
    id: str
    order: str
    stored: str

    @property
    def is_trace(self) -> bool:
        """Whether it is what a replaced entry has left."""
        return not self.stored

    @property
    def values(self) -> SearchValues:
        """The search values of the resource."""
        return StoredValues.of(self.type, self)

    @property
    def patients(self) -> tuple[str, ...]:
        """The ids of the patients that have the resource in their compartments."""
        return self.type.patients_of(self.id, self.values)


Position = list[Any]
"""A cursor position: the sort values of a result, its id last; every part is JSON."""


class IndexOrder(Enum):
    """The orders in which an index holds all of a type, so that the cost of a page depends only on its size.

    `by_change` is True for an order of the index of last changes, `descending` if positions descend.
    """

    LATEST_FIRST = (False, True)
    """By the type's date, then by the greater id, undated last: the default."""
    EARLIEST_FIRST = (False, False)
    """By the type's date, then by the lesser id, undated last."""
    CHANGED_LAST_FIRST = (True, True)
    """By the time of the last change, then by id, both descending."""
    CHANGED_FIRST_FIRST = (True, False)
    """By the time of the last change, then by id, both ascending."""

    def __init__(self, by_change: bool, descending: bool) -> None:
        self.by_change = by_change
        self.descending = descending

    def position(self, entry: Entry) -> Position:
        """Return an entry's cursor position."""
        # A trace is read in this order alone, which its key has.
        is_by_value = self.by_change and not entry.is_trace
        order = order_text(entry.values[LAST_UPDATED.name][0][0]) if is_by_value else entry.order
        return [order, entry.id]


@dataclass(frozen=True, slots=True)
class PageEntry:
    """The index entry of a page's resource, with its parsed values.

    `patients` are the ids of its resource's patients, `changed` is the time of its version in epoch milliseconds.
    """

    type: ResourceType
    id: str
    values: SearchValues = field(compare=False, repr=False)
    patients: tuple[str, ...]
    changed: int


def page_entries(entries: Iterable[Entry]) -> list[PageEntry]:
    """Return each entry with its parsed values, patients and time of change."""
    found = []
    for entry in entries:
        type_, resource_id, values = entry.type, entry.id, entry.values
        patients = type_.patients_of(resource_id, values)
        found.append(PageEntry(type_, resource_id, values, patients, values[LAST_UPDATED.name][0][0]))
    return found


NextLimit = Callable[[int], int]
"""Return the limit of a stream's next query, given the number of entries that were not enough."""


@dataclass(frozen=True, slots=True)
class QueriedEntries:
    """An `EntryStream` with its first part already requested.

    `request` is the first query, `first` its answer. `query` makes another one; raises the 503 outcome.
    """

    type: ResourceType
    query: Callable[..., Any]
    request: Mapping[str, Any]
    first: "Future[Any]"
    next_limit: NextLimit | None

    @property
    def lower_bound(self) -> int:
        """Entries that the range is known to hold: those of its first part, and one if it goes on."""
        answer = self.first.result()
        return len(answer["Items"]) + ("LastEvaluatedKey" in answer)

    def parts(self) -> Iterator[list[Entry]]:
        """Yield the entries and traces, a list for each query."""
        for items in parts_of(self.query, self.request, self.first, self.next_limit):
            positions = positions_of([item["sk"]["S"] for item in items])
            yield [
                Entry(self.type, resource_id, order, values_text(item))
                for item, (order, resource_id) in zip(items, positions, strict=True)
            ]


def values_text(item: Item) -> str:
    """Return the search values of an index entry as they are stored, an empty text for a trace."""
    return str(item["values"]["S"]) if "values" in item else ""


def parts_of(
    query: Callable[..., Any],
    request: Mapping[str, Any],
    first: "Future[Any]",
    next_limit: NextLimit | None = None,
) -> Iterator[Sequence[Item]]:
    """Yield the items of a query to its end, a list for each call.

    DynamoDB bills what a query reads, up to 1 MB, whether it is used or not. So a limited query begins small and asks
    for more each time.
    """
    answer, limit = first.result(), request.get("Limit", 0)
    while True:
        yield answer["Items"]
        last = answer.get("LastEvaluatedKey")
        if not last:
            return
        limit = next_limit(limit) if next_limit else limit * GROWTH
        answer = query(**{**request, **limit_of(limit)}, ExclusiveStartKey=last)


def limit_of(expected: int) -> dict[str, int]:
    """Return the `Limit` of a query that so many entries are expected to answer (0: no limit)."""
    return {"Limit": expected} if expected else {}
