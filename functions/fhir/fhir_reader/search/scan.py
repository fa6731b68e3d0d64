"""Scan ranges of the index for matches, up to the limit of a page (ADR 21)."""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Final, Protocol

from careconnect.audit.disclosures import Disclosures
from careconnect.fhir.resource_types import LAST_UPDATED, ResourceType
from careconnect.search.values import order_key
from careconnect.storage.keys import SHARDS
from fhir_reader.budget import MAX_ENTRIES, RequestBudget
from fhir_reader.search.access_paths import AccessPath
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import FilterResult, Predicate
from fhir_reader.store.resource_store import EntryStream
from fhir_reader.store.stored import GROWTH, Entry, IndexOrder, IndexRange, Position

MAX_ENTRIES_OF_PAGE: Final = 1_000
"""Most index entries that a page examines; the query planner may examine as many again to find a short access path."""

MAX_COUNTED_PATIENTS: Final = 20
"""A total over at most so many patients is audited for each; over more, for no patient (`audit.md`, Whose).

It is only so without a criterion that names persons.
"""

_SPARE: Final = 2
"""A page's entries are spread unevenly over several ranges: each range is asked for twice its share."""


class PageShare:
    """Counts how many entries a page may still examine."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.examined = 0

    def take(self) -> bool:
        """Take one more entry; return False if none is left."""
        if not self.left:
            return False
        self.left -= 1
        self.examined += 1
        return True

    def next_limit(self, limit: int, ranges: int) -> int:
        """Return how many entries each of `ranges` reads after `limit`: at most its part of the entries left."""
        # Shards of a type hold about equally many entries. Of more ranges than shards, one may hold most entries.
        return min(limit * GROWTH, self.left // min(ranges, SHARDS) + 1)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Entries that may match, in order; `lower_bound` is a lower bound of their number."""

    entries: Iterator[Entry]
    lower_bound: int


class Lookups(Protocol):
    """Filters entries by lookups, several at a time."""

    def filter(self, entries: Sequence[Entry], required: int) -> FilterResult:
        """Return the matches among as many entries as the budget allows, and among no fewer than `required`."""

    def batch_size(self, before: int, wanted: int) -> int:
        """Return how many entries to look up together, after a batch of `before`."""

    def can_afford(self, entries: int) -> bool:
        """Return True if the budget allows lookups for this number of entries."""


class CountedPatients(Protocol):
    """The patients of a total that is asked for, for the audit trail (`audit.md`, Whose)."""

    @property
    def is_full(self) -> bool:
        """True if no more patients may be counted: the total is not told."""

    @property
    def to_disclose(self) -> Collection[str]:
        """The patients to record, with or without the total in the answer."""

    def add(self, match: Entry) -> None:
        """Add the patients of one match."""


class CountedPersons:
    """The counted patients of a search with a criterion that names persons.

    Each of them is recorded. They are full as soon as they and those who are disclosed already leave fewer than
    `places`, the most patients of one match. So nobody can be the one who makes the difference and is not disclosed.
    `led_through` gives the patients through whose resources the search led to a match.
    """

    def __init__(self, found: Disclosures, places: int, led_through: Callable[[Entry], Iterable[str]]) -> None:
        self._found = found
        self._places = places
        self._led_through = led_through
        self._patients: dict[str, None] = {}

    @property
    def is_full(self) -> bool:
        """True if there is no room for the patients of one more match."""
        return not self._found.has_room_for(self._patients, self._places)

    @property
    def to_disclose(self) -> Collection[str]:
        """All patients that were counted."""
        return self._patients

    def add(self, match: Entry) -> None:
        """Add the patients of one match, and those of the resources that its chains lead through."""
        self._patients |= dict.fromkeys((*match.patients, *self._led_through(match)))


class CountedFew:
    """The counted patients of a search without a criterion that names persons.

    They are disclosed if they are few, and else nobody is.
    """

    is_full = False

    def __init__(self) -> None:
        self._patients: dict[str, None] = {}

    @property
    def to_disclose(self) -> Collection[str]:
        """The patients that were counted, nobody if they are more than `MAX_COUNTED_PATIENTS`."""
        return self._patients if len(self._patients) <= MAX_COUNTED_PATIENTS else ()

    def add(self, match: Entry) -> None:
        """Add the patients of one match."""
        if len(self._patients) <= MAX_COUNTED_PATIENTS:
            self._patients |= dict.fromkeys(match.patients)


@dataclass(slots=True)
class ScanResult:
    """The first matches of a scan, the number of all, and where it ended.

    `last` is the entry that was examined last, None if there was none; `is_end` is True if nothing comes after it.
    `examined_for_page` counts the entries that were examined until there were as many matches as wanted, or all.
    `patients` collects those whose resources are counted in `found`, None if that is not asked for.
    """

    matches: list[Entry] = field(default_factory=list)
    found: int = 0
    last: Entry | None = None
    is_end: bool = False
    examined_for_page: int = 0
    patients: CountedPatients | None = None

    def count(self, entry: Entry) -> bool:
        """Count a match, and its patients if that is asked for; return False if no more may be counted."""
        self.found += 1
        if self.patients is None:
            return True
        self.patients.add(entry)
        return not self.patients.is_full


def entries_of(stream: EntryStream, budget: RequestBudget) -> Iterator[Entry]:
    """Yield the entries and traces of a stream, each counted in the budget when it is taken."""
    for part in stream.parts():
        for entry in part:
            budget.examined += 1
            yield entry
        budget.check()


def candidates_of(
    type_: ResourceType,
    path: AccessPath,
    order: IndexOrder,
    after: Position | None,
    context: SearchContext,
    share: PageShare,
    *,
    expected: int,
) -> Candidates:
    """Open an access path in an index order, after a cursor position; `expected` entries will probably be enough."""
    path = path.in_order(order, dated=bool(type_.order_by))
    if after:
        path = path.from_position(after)
    streams = _open(type_, [one for one in path.ranges if not one.expected], context, share, expected)
    # These ranges hold few entries, or entries that the other ranges hold too.
    rare = _open(type_, [one for one in path.ranges if one.expected], context, share, expected)
    later = _open(type_, path.then, context, share, 1)
    # The first entry after the cursor position may be the one at it, and the rest of a range may be empty.
    lower_bound = sum(max(stream.lower_bound - 1, 0) for stream in (*streams, *later))
    entries = chain(_merged([*streams, *rare], order, context.budget), _merged(later, order, context.budget))
    return Candidates(_once(entries, tuple(after) if after else None), lower_bound)


def read_all(type_: ResourceType, path: AccessPath, context: SearchContext, limit: int) -> list[Entry] | None:
    """Return all entries of an access path, one for each resource, or None if there are more than `limit`."""
    share = PageShare(limit)
    streams = _open(type_, (*path.ranges, *path.then), context, share, limit + 1, at_once=False)
    if sum(stream.lower_bound - 1 for stream in streams) > limit:
        return None
    found: dict[str, Entry] = {}
    for entry in chain.from_iterable(entries_of(stream, context.budget) for stream in streams):
        if not share.take():
            return None
        if not entry.is_trace:
            found.setdefault(entry.id, entry)
    if path.named_after != LAST_UPDATED.name:
        return list(found.values())
    # Entries of the `_lastUpdated` index are ordered by their last change: compute their order in the type.
    return [replace(entry, order=order_key(entry.values, type_.order_by)) for entry in found.values()]


def estimated_entries(path: AccessPath, wanted: int, before: int) -> int:
    """Estimate how many entries a page examines, from the number that the page before had to examine."""
    spare = _SPARE if len(path.ranges) > 1 else 1
    return wanted * spare if before <= wanted * _SPARE else min(before + before // _SPARE, MAX_ENTRIES_OF_PAGE)


def scan_index(
    candidates: Candidates,
    matches: Predicate | None,
    lookups: Lookups | None,
    share: PageShare,
    budget: RequestBudget,
    wanted: int,
    *,
    count_all: bool,
    patients: CountedPatients | None = None,
) -> ScanResult:
    """Collect matches until there are as many as `wanted`, or the whole share is examined.

    Without `matches` each candidate is one. With `count_all` it goes on to the end, unless there are certainly more
    candidates than share or lookups allow. It ends before the end if `patients`, those of the matches, are full.
    """
    count_all = count_all and candidates.lower_bound <= share.left
    result = ScanResult(patients=patients)
    if lookups is None:
        _scan(candidates, matches, share, wanted, count_all=count_all, result=result)
    else:
        count_all = count_all and lookups.can_afford(candidates.lower_bound)
        _scan_with_lookups(candidates, matches, lookups, share, wanted, count_all=count_all, result=result)
    budget.check()
    return result


def _scan(
    candidates: Candidates,
    matches: Predicate | None,
    share: PageShare,
    wanted: int,
    *,
    count_all: bool,
    result: ScanResult,
) -> None:
    """Scan if an entry's own values decide whether it matches."""
    found = result.matches
    for entry in candidates.entries:
        if not share.take():
            return
        result.last = entry
        is_short = len(found) < wanted
        if is_short:
            result.examined_for_page = share.examined
        if not entry.is_trace and (matches is None or matches(entry)):
            may_go_on = result.count(entry)
            if is_short:
                found.append(entry)
            if not may_go_on:
                return
            if len(found) >= wanted and not count_all:
                return
    result.is_end = True


def _scan_with_lookups(
    candidates: Candidates,
    matches: Predicate | None,
    lookups: Lookups,
    share: PageShare,
    wanted: int,
    *,
    count_all: bool,
    result: ScanResult,
) -> None:
    """Scan if an entry's match depends on lookups, which are made for a batch of entries at a time."""
    last = None
    pending: list[Entry] = []
    size = lookups.batch_size(0, wanted)
    for entry in candidates.entries:
        if not share.take():
            _look_up(result, pending, last, lookups, wanted)
            return
        last = entry
        if len(result.matches) < wanted:
            result.examined_for_page = share.examined
        if not entry.is_trace and (matches is None or matches(entry)):
            pending.append(entry)
        if len(pending) >= size:
            if not _look_up(result, pending, last, lookups, wanted):
                return
            if len(result.matches) >= wanted and not count_all:
                return
            size = lookups.batch_size(size, wanted)
    result.is_end = _look_up(result, pending, last, lookups, wanted)


def _look_up(result: ScanResult, pending: list[Entry], last: Entry | None, lookups: Lookups, wanted: int) -> bool:
    """Add the matches among the pending entries to a result; False if the request cannot afford all lookups."""
    filtered = lookups.filter(pending, required=1 if result.last is None else 0)
    for entry in filtered.entries:
        if not result.count(entry):
            return False
    result.matches += filtered.entries[: wanted - len(result.matches)]
    if filtered.decided < len(pending):
        result.last = pending[filtered.decided - 1] if filtered.decided else result.last
        return False
    result.last = last or result.last
    pending.clear()
    return True


def _open(
    type_: ResourceType,
    ranges: Sequence[IndexRange],
    context: SearchContext,
    share: PageShare,
    expected: int,
    *,
    at_once: bool = True,
) -> Sequence[EntryStream]:
    """Open ranges, to be read side by side (`at_once`), or one after the other, each to its end."""
    if not ranges:
        return []
    limit = min(expected, share.left + 1, context.budget.entries_paid + 1, MAX_ENTRIES)
    each = limit // len(ranges) + 1
    opened = [replace(one, expected=min(each, one.expected or each)) for one in ranges]
    return context.store.entries(type_, opened, partial(share.next_limit, ranges=len(ranges) if at_once else 1))


def _merged(streams: Sequence[EntryStream], order: IndexOrder, budget: RequestBudget) -> Iterator[Entry]:
    opened = [entries_of(stream, budget) for stream in streams]
    if len(opened) == 1:
        return opened[0]

    def place(entry: Entry) -> tuple[str, str, bool]:
        # What has moved from one range to another has an entry and a trace at one position: the entry comes first.
        return entry.order, entry.id, entry.is_trace != order.descending

    return heapq.merge(*opened, key=place, reverse=order.descending)


def _once(entries: Iterable[Entry], after: tuple[str, str] | None) -> Iterator[Entry]:
    """Yield ordered entries, one for each resource, without the one at the position `after`."""
    before = after
    for entry in entries:
        position = entry.order, entry.id
        if position != before:
            before = position
            yield entry
