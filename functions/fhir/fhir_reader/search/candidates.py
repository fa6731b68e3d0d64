"""Open ranges of the index, as much of them as a page may examine (ADR 21)."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Final

from careconnect.fhir.resource_types import LAST_UPDATED, ResourceType
from careconnect.search.values import order_key
from careconnect.storage.keys import SHARDS
from fhir_reader.request_budget import MOST_ENTRIES
from fhir_reader.search.access_paths import AccessPath
from fhir_reader.search.context import SearchContext
from fhir_reader.search.result_order import IndexOrder, Place
from fhir_reader.store.stored import Entry, EntryStream, IndexRange

MOST_EXAMINED: Final = 1_000
"""Entries that one page examines to walk, and again to find out which way is short."""

_GROWTH: Final = 4
_SPARE: Final = 2
"""Several ranges hold a page unevenly: each is asked for twice its share."""


class PageShare:
    """How many entries a page may still examine."""

    def __init__(self, most: int) -> None:
        self.left = most
        self.examined = 0

    def take(self) -> bool:
        """Take one more entry, if there is one left."""
        if not self.left:
            return False
        self.left -= 1
        self.examined += 1
        return True

    def next_limit(self, limit: int, ranges: int) -> int:
        """Return how many entries one of some ranges asks for next: no more than its part of what is left."""
        # Those of a type's shards hold alike; of more ranges, one may hold the most.
        return min(limit * _GROWTH, self.left // min(ranges, SHARDS) + 1)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may match, in order; `at_least` so many, and not more than are known to be wanted."""

    entries: Iterator[Entry]
    at_least: int


def candidates_of(
    type_: ResourceType,
    path: AccessPath,
    order: IndexOrder,
    after: Place | None,
    context: SearchContext,
    share: PageShare,
    *,
    expected: int,
) -> Candidates:
    """Open a way in an order of the index, from after a place on; `expected` entries are likely to be enough."""
    path = path.in_order(order, dated=bool(type_.order_by))
    if after:
        path = path.from_place(after)
    streams = _open(type_, [one for one in path.ranges if not one.expected], context, share, expected)
    # What is in these is in the others too, or there is little of it.
    beside = _open(type_, [one for one in path.ranges if one.expected], context, share, expected)
    later = _open(type_, path.then, context, share, 1)
    # Of what a range goes on with, one may be what the place names, or nothing.
    at_least = sum(max(stream.at_least - 1, 0) for stream in (*streams, *later))
    entries = chain(_merged([*streams, *beside], order), _merged(later, order))
    return Candidates(_once(entries, tuple(after) if after else None), at_least)


def read_all(type_: ResourceType, path: AccessPath, context: SearchContext, most: int) -> list[Entry] | None:
    """Return all entries of a way, each resource once, or None if there are more than `most`."""
    share = PageShare(most)
    streams = _open(type_, (*path.ranges, *path.then), context, share, most + 1, at_once=False)
    if sum(stream.at_least - 1 for stream in streams) > most:
        return None
    found: dict[str, Entry] = {}
    for entry in chain.from_iterable(streams):
        if not share.take():
            return None
        found.setdefault(entry.id, entry)
    if path.named_after != LAST_UPDATED.name:
        return list(found.values())
    # Entries of that index tell their time of change, where others tell their place in the type.
    return [replace(entry, order=order_key(entry.values, type_.order_by)) for entry in found.values()]


def estimated_entries(path: AccessPath, wanted: int, before: int) -> int:
    """Return how many entries a page is likely to examine, if the page before had to examine so many for as much."""
    spare = _SPARE if len(path.ranges) > 1 else 1
    return wanted * spare if before <= wanted * _SPARE else min(before + before // _SPARE, MOST_EXAMINED)


def _open(
    type_: ResourceType,
    ranges: Sequence[IndexRange],
    context: SearchContext,
    share: PageShare,
    expected: int,
    *,
    at_once: bool = True,
) -> list[EntryStream]:
    """Open ranges; they are read `at_once`, or one to its end after the other."""
    if not ranges:
        return []
    most = min(expected, share.left + 1, context.budget.entries_paid + 1, MOST_ENTRIES)
    each = most // len(ranges) + 1
    opened = [replace(one, expected=min(each, one.expected or each)) for one in ranges]
    return context.store.entries(type_, opened, partial(share.next_limit, ranges=len(ranges) if at_once else 1))


def _merged(streams: Sequence[EntryStream], order: IndexOrder) -> Iterator[Entry]:
    if len(streams) == 1:
        return iter(streams[0])
    return heapq.merge(*streams, key=_place, reverse=order.descending)


def _once(entries: Iterable[Entry], after: tuple[str, str] | None) -> Iterator[Entry]:
    """Yield entries that lie in order, each resource once, and not what stands at the place itself."""
    before = after
    for entry in entries:
        if (place := _place(entry)) != before:
            before = place
            yield entry


def _place(entry: Entry) -> tuple[str, str]:
    return entry.order, entry.id
