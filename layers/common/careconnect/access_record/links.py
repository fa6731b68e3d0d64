"""The links of one day, read as far as its events are (`audit.md`, Tamper evidence; ADR 28)."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from careconnect.access_record.chain import LATE, START, Entry, Fault, Link, event_id_of


class Links(Protocol):
    """Where links are."""

    def links(self, day: str, after: int = 0) -> Iterator[tuple[int, Link | None]]:
        """Return the numbers of a day's links after one, and the links; nothing for one that cannot be read."""


class Find(Protocol):
    """Who is told of faults."""

    def __call__(self, event_id: str, fault: Fault, reason: str) -> None:
        """Take down a fault, by the id of the event that shows it."""


class _Pending(NamedTuple):
    entry: Entry
    is_new: bool


class LinkReader:
    """Reads the links of a day one after another, and keeps the entries for which no event was met yet.

    `digests` are those of the links by their numbers, `number` is the last one that was read, `entries` how many there
    were in all. `sealed_before` is the number of links from before the events began to be read.
    """

    def __init__(self, chain: Links, day: str, find: Find) -> None:
        self._chain = chain
        self._day = day
        self._find = find
        self._links = chain.links(day)
        self._is_read = False
        self._until = 0
        self._at = ""
        self._first_ids: dict[int, str] = {}
        self._pending: dict[str, _Pending] = {}
        # The sort keys of what is pending, and of some that no longer is.
        self._order: list[str] = []
        self.number = 0
        self.entries = 0
        self.digests = {0: START}
        self.sealed_before = 0

    def read_to(self, time: int, event_id: str) -> None:
        """Read links until none that follows can hold an event of `time`, which is that of `event_id`."""
        self._at = event_id
        while not self._is_read and self._until - LATE <= time:
            link = next(self._links, None)
            if link is None:
                self._is_read = True
            else:
                self._add(*link)

    def read_rest(self) -> None:
        """Read all links that were not read yet, and those that were made since."""
        self._at = ""
        for number, link in self._links:
            self._add(number, link)
        for number, link in self._chain.links(self._day, self.number):
            self._add(number, link)

    def take(self, sort_key: str) -> Entry | None:
        """Return the entry of an event that was met, and keep it no longer."""
        pending = self._pending.pop(sort_key, None)
        return pending.entry if pending else None

    def missed(self, sort_key: str | None) -> Iterator[Entry]:
        """Return, and keep no longer, the entries before a sort key, or all that are left."""
        while self._order and (sort_key is None or self._order[0] < sort_key):
            pending = self._pending.pop(heapq.heappop(self._order), None)
            # An event that came and was sealed while the day was read may have passed by.
            if pending and not pending.is_new:
                yield pending.entry

    def id_of(self, number: int) -> str:
        """Return the first event of a link, or of the next one that is there, or of the last; empty for none."""
        at = [each for each in self._first_ids if each >= number]
        return self._first_ids[min(at)] if at else next(reversed(self._first_ids.values()), "")

    def is_missing(self, number: int) -> bool:
        """Say whether a link is missing though there are later ones."""
        return number < self.number and number not in self.digests

    def _add(self, number: int, link: Link | None) -> None:
        if number != self.number + 1:
            self._find(self._at, Fault.CHAIN, f"link {self.number + 1} of the day is missing")
        before = self.digests.get(number - 1)
        self.number = max(number, self.number)
        if link is None:
            self._find(self._at, Fault.CHAIN, f"link {number} of the day was altered")
            return
        first_id = event_id_of(link.entries[0].sort_key)
        if before is not None and link.previous != before:
            self._find(self._first_ids.get(number - 1, first_id), Fault.CHAIN, f"link {number - 1} was altered")
        self.digests[number] = link.digest
        self._first_ids[number] = first_id
        self._until = link.until
        self.entries += len(link.entries)
        for entry in link.entries:
            self._pending[entry.sort_key] = _Pending(entry, number > self.sealed_before)
            heapq.heappush(self._order, entry.sort_key)
