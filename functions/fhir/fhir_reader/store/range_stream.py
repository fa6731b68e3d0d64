"""The entries of a range of the index, asked for in parts."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.dynamodb import call
from careconnect.storage.keys import place_of
from fhir_reader.store.pending_entries import PendingEntries
from fhir_reader.store.stored import Entry, NextLimit

if TYPE_CHECKING:
    from concurrent.futures import Future

_GROWTH: Final = 4
"""How many times more entries to ask for, when those that were expected to be enough were not."""


class RangeStream:
    """The entries of one range of the index, the first part of which is asked for already."""

    def __init__(
        self,
        type_: ResourceType,
        query: Callable[..., Any],
        asked: Mapping[str, Any],
        first: "Future[Any]",
        pending: PendingEntries,
        next_limit: NextLimit | None,
    ) -> None:
        self._type = type_
        self._query = query
        self._asked = asked
        self._first = first
        self._pending = pending
        self._next_limit = next_limit

    @property
    def at_least(self) -> int:
        """How many entries the range is known to hold: those of its first part, and one if it goes on."""
        answer = self._first.result()
        return len(answer["Items"]) + ("LastEvaluatedKey" in answer)

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries."""
        for item in items_of(self._query, self._asked, self._first, self._pending, self._next_limit):
            order, resource_id = place_of(item["sk"]["S"])
            yield Entry(self._type, resource_id, order, item["values"]["S"])


def items_of(
    query: Callable[..., Any],
    asked: Mapping[str, Any],
    first: "Future[Any]",
    pending: PendingEntries,
    next_limit: NextLimit | None = None,
) -> Iterator[Mapping[str, Any]]:
    """Yield the items of a query that hold, to its end, `asked` being its first request.

    What a query reads is paid for, up to 1 MB, whether it is used or not. So a limited one begins small and
    asks for more each time, since what was expected not to be needed has turned out to be.
    """
    answer, most = first.result(), asked.get("Limit", 0)
    while True:
        yield from pending.resolved(answer["Items"])
        last = answer.get("LastEvaluatedKey")
        if not last:
            return
        most = next_limit(most) if next_limit else most * _GROWTH
        answer = call(query, **{**asked, **limit_of(most)}, ExclusiveStartKey=last)


def limit_of(expected: int) -> dict[str, int]:
    """Return the `Limit` of a query that is likely to be answered by so many entries (0: all of them are wanted)."""
    return {"Limit": expected} if expected else {}
