"""Go along a way of the index, no further than a page may (ADR 21)."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from careconnect.resource_types import LAST_UPDATED, ResourceType
from careconnect.search_values import order_key
from fhir_reader.budget import MOST_ENTRIES
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import Filter
from fhir_reader.search.order import IndexOrder, Place
from fhir_reader.search.plan import Way
from fhir_reader.store.stored import Entry, EntryStream, IndexRange

MOST_EXAMINED: Final = 1_000
"""Entries that one page examines to walk, and again to find out which way is short."""

_GROWTH: Final = 4
_SPARE: Final = 2
"""Several ranges hold a page unevenly: each is asked for twice its share."""


class PageShare:
    """How many entries a page may still examine."""

    def __init__(self, most: int = MOST_EXAMINED) -> None:
        self.left = most
        self.examined = 0

    def take(self) -> bool:
        """Take one more entry, if there is one left."""
        if not self.left:
            return False
        self.left -= 1
        self.examined += 1
        return True

    def next_limit(self, limit: int) -> int:
        """Return how many entries a stream asks for next: no more than are left, and the one that tells of more."""
        return min(limit * _GROWTH, self.left + 1)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may match, in order; `at_least` so many, and not more than are known to be wanted."""

    entries: Iterator[Entry]
    at_least: int


@dataclass(slots=True)
class Stretch:
    """A part of a walk: the first matches in it, how many there are in all of it, and where it ended.

    `last` is the entry that was examined last, None if there was none; `is_end` says that nothing comes after it.
    """

    matches: list[Entry] = field(default_factory=list)
    found: int = 0
    last: Entry | None = None
    is_end: bool = False


def candidates_of(
    type_: ResourceType,
    way: Way,
    order: IndexOrder,
    after: Place | None,
    context: SearchContext,
    share: PageShare,
    *,
    expected: int,
) -> Candidates:
    """Open a way in an order of the index, from after a place on; `expected` entries are likely to be enough."""
    way = way.in_order(order, dated=bool(type_.order_by))
    if after:
        way = way.from_place(after)
    streams = _open(type_, way.ranges, context, share, expected)
    later = _open(type_, way.then, context, share, 1) if way.then else []
    at_least = sum(stream.at_least for stream in (*streams, *later))
    entries = chain(_merged(streams, order), _merged(later, order))
    return Candidates(_once(entries, tuple(after) if after else None), at_least - len(streams) - len(later))


def walk(candidates: Candidates, filter_: Filter, share: PageShare, wanted: int, *, count_all: bool) -> Stretch:
    """Collect matches until there are as many as `wanted`, or all of the share is examined.

    To `count_all` goes on to the end, as long as that may be within the share.
    """
    count_all = count_all and candidates.at_least <= share.left and filter_.can_look_at(candidates.at_least)
    stretch, last = Stretch(), None
    pending: list[Entry] = []
    size = filter_.chunk(0, wanted)
    for entry in candidates.entries:
        if not size or not share.take():
            break
        last = entry
        if filter_.may_match(entry):
            pending.append(entry)
        if len(pending) < size:
            continue
        if not _settle(stretch, pending, last, filter_, wanted):
            return stretch
        if len(stretch.matches) >= wanted and not count_all:
            return stretch
        size = filter_.chunk(size, wanted)
    else:
        stretch.is_end = _settle(stretch, pending, last, filter_, wanted)
        return stretch
    _settle(stretch, pending, last, filter_, wanted)
    return stretch


def _settle(stretch: Stretch, pending: list[Entry], last: Entry | None, filter_: Filter, wanted: int) -> bool:
    """Take what matches of the pending into a stretch; False if that cannot be afforded, but for the first of them."""
    kept = filter_.keep(pending) if stretch.last is None else filter_.keep_if_affordable(pending)
    if kept is None:
        return False
    stretch.found += len(kept)
    stretch.matches += kept[: wanted - len(stretch.matches)]
    stretch.last = last or stretch.last
    pending.clear()
    return True


def whole(type_: ResourceType, way: Way, context: SearchContext, most: int) -> list[Entry] | None:
    """Return all entries of a way, each resource once, or None if there are more than `most`."""
    share = PageShare(most)
    streams = _open(type_, (*way.ranges, *way.then), context, share, most + 1)
    if sum(stream.at_least - 1 for stream in streams) > most:
        return None
    found: dict[str, Entry] = {}
    for entry in chain.from_iterable(streams):
        if not share.take():
            return None
        found.setdefault(entry.id, entry)
    if way.named_after != LAST_UPDATED.name:
        return list(found.values())
    # Entries of that index tell their time of change, where others tell their place in the type.
    return [replace(entry, order=order_key(entry.values, type_.order_by)) for entry in found.values()]


def likely(way: Way, wanted: int, before: int) -> int:
    """Return how many entries a page is likely to examine, if the page before examined so many."""
    return max(wanted * (_SPARE if len(way.ranges) > 1 else 1), min(before + before // _SPARE, MOST_EXAMINED))


def _open(
    type_: ResourceType, ranges: Sequence[IndexRange], context: SearchContext, share: PageShare, expected: int
) -> list[EntryStream]:
    most = min(expected, share.left + 1, context.budget.entries_paid + 1, MOST_ENTRIES)
    each = most // max(len(ranges), 1) + 1
    return context.store.entries(type_, [replace(one, expected=each) for one in ranges], share.next_limit)


def _merged(streams: Sequence[EntryStream], order: IndexOrder) -> Iterator[Entry]:
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
