"""The entries of one index range, read from DynamoDB in parts.

Entries of a resource that a multi-step write is changing are `pending`: its index record alone says whether each of
them holds, and with which values (ADR 23).
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.dynamodb import call
from careconnect.storage.keys import places_of
from fhir_reader.store.stored import BATCH, Entry, NextLimit

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = Mapping[str, Any]
Resource = tuple[ResourceType, str]

LookUp = Callable[[Iterable[Resource]], Mapping[tuple[str, str], Item]]
"""Returns index records by (type name, id), strongly consistent."""

_GROWTH: Final = 4
"""Factor by which a query asks for more entries, when those that were expected to be enough were not."""


@dataclass(frozen=True, slots=True)
class PendingEntries:
    """Resolves pending entries of one partition.

    `resource_of` returns the resource of a sort key. `pay` is told of each call before it is made; without pending
    entries there is none.
    """

    partition: str
    resource_of: Callable[[str], Resource | None]
    look_up: LookUp
    pay: Callable[[int], None] | None

    def resolved(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the items that hold, each with the values that hold."""
        if not any("staged" in item for item in items):
            return items
        resources = [self.resource_of(item["sk"]["S"]) if "staged" in item else None for item in items]
        wanted = dict.fromkeys(resource for resource in resources if resource)
        if self.pay:
            self.pay(math.ceil(len(wanted) / BATCH))
        records = self.look_up(wanted)
        resolved = (
            self._held(item, records.get((resource[0].name, resource[1]))) if resource else item
            for item, resource in zip(items, resources, strict=True)
        )
        return [item for item in resolved if item is not None]

    def _held(self, item: Item, record: Item | None) -> Item | None:
        """Return a pending entry as its resource's index record has it, None if the record does not list it."""
        if record is None or [self.partition, item["sk"]["S"]] not in json.loads(record["entries"]["S"]):
            return None
        return {"sk": item["sk"], "values": record["values"]}


@dataclass(frozen=True, slots=True)
class QueriedEntries:
    """An `EntryStream` with its first part already requested. `request` is the first query, `first` its answer."""

    type: ResourceType
    query: Callable[..., Any]
    request: Mapping[str, Any]
    first: "Future[Any]"
    pending: PendingEntries
    next_limit: NextLimit | None

    @property
    def at_least(self) -> int:
        """Entries that the range is known to hold: those of its first part, and one if it goes on."""
        answer = self.first.result()
        return len(answer["Items"]) + ("LastEvaluatedKey" in answer)

    def parts(self) -> Iterator[list[Entry]]:
        """Yield the entries, a list for each query."""
        for items in parts_of(self.query, self.request, self.first, self.pending, self.next_limit):
            places = places_of([item["sk"]["S"] for item in items])
            yield [
                Entry(self.type, resource_id, order, item["values"]["S"])
                for item, (order, resource_id) in zip(items, places, strict=True)
            ]


def parts_of(
    query: Callable[..., Any],
    request: Mapping[str, Any],
    first: "Future[Any]",
    pending: PendingEntries,
    next_limit: NextLimit | None = None,
) -> Iterator[Sequence[Item]]:
    """Yield the items of a query to its end, a list for each call.

    DynamoDB bills what a query reads, up to 1 MB, whether it is used or not. So a limited query begins small and asks
    for more each time.
    """
    answer, limit = first.result(), request.get("Limit", 0)
    while True:
        yield pending.resolved(answer["Items"])
        last = answer.get("LastEvaluatedKey")
        if not last:
            return
        limit = next_limit(limit) if next_limit else limit * _GROWTH
        answer = call(query, **{**request, **limit_of(limit)}, ExclusiveStartKey=last)


def limit_of(expected: int) -> dict[str, int]:
    """Return the `Limit` of a query that so many entries are expected to answer (0: no limit)."""
    return {"Limit": expected} if expected else {}
