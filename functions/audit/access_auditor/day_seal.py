"""The seal of one day's events, which never heals (`audit.md`, Tamper evidence; ADR 28)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from careconnect.access_record.chain import (
    LATE,
    MOST_IN_LINK,
    ChainError,
    Entry,
    Fault,
    Finding,
    Head,
    Link,
    SealedHead,
    Tip,
    end_of,
    entry_of,
    event_id_of,
    is_in_place,
    is_witness,
)
from careconnect.audit.event import time_of

MOST_AT_ONCE: Final = 10 * MOST_IN_LINK
"""Entries of one transaction, which may hold 4 MB."""

MOST_ASKED: Final = 100
"""Witnesses of one day of which KMS is asked whether they are ours."""

_MARGIN: Final = 10_000
"""Milliseconds that the last transaction of a run may take."""


class Chain(Protocol):
    """The record and its chain."""

    def heads(self, up_to: str) -> Iterator[SealedHead]:
        """Return the heads of a day and of those before it, the newest first."""

    def head(self, day: str) -> SealedHead | None:
        """Return a day's head."""

    def links(self, day: str, after: int = 0, *, backward: bool = False) -> Iterator[tuple[int, Link | None]]:
        """Return a day's links and their numbers; nothing for one that cannot be read."""

    def items(self, day: str, since: int | None = None, before: int | None = None) -> Iterator[Mapping[str, Any]]:
        """Return a day's items by their sort keys."""

    def append(self, old: SealedHead | None, new: SealedHead, links: Sequence[Link], at: int) -> bool:
        """Put links and the new head; False if the head is no longer the `old` one."""


class Seal(Protocol):
    """The deployment's sealing key."""

    def close(self, head: Head) -> SealedHead:
        """Return a head with its MAC."""

    def opened(self, sealed: SealedHead | None) -> Head | None:
        """Return the head if this key sealed it, or nothing."""


class OutrunError(Exception):
    """Another seal was quicker: what is left is its to do."""


class DaySeal:
    """The seal of one day's events.

    `since` is from when on it looks, `last` up to when the last seal had come, if there was one; `stored` is the day's
    head as it is in the table, `before` the head of the day before.
    """

    def __init__(
        self,
        chain: Chain,
        seal: Seal,
        day: str,
        now: int,
        since: int,
        last: int | None,
        stored: SealedHead | None,
        before: Head | None,
    ) -> None:
        self._chain = chain
        self._seal = seal
        self._day = day
        self._now = now
        self._since = since
        self._last = last
        self._stored = stored
        self._before = before
        opened = seal.opened(stored)
        self.head = opened or Head(day=day)
        self._asked = 0
        self._found: list[Finding] = []
        self.sealed = 0
        self.findings: list[Finding] = []
        self._tip = self.head.tip
        if stored is not None and opened is None:
            self._found.append(Finding("", Fault.CHAIN, "the day's head was altered"))

    @property
    def is_stored(self) -> bool:
        """Whether the day has a head."""
        return self._stored is not None

    def run(self, has_time: Callable[[int], bool]) -> bool:
        """Seal the day's events and say whether these are all; raises `OutrunError`."""
        known = self._known()
        entries: list[Entry] = []
        for number, item in enumerate(self._chain.items(self._day, self._since, self._now + LATE)):
            if number % 100 == 0 and not has_time(_MARGIN):
                self._write(entries, is_last=False)
                return False
            if entry := self._unsealed(item, known):
                entries.append(entry)
            if len(entries) == MOST_AT_ONCE:
                self._write(entries, is_last=False)
                entries = []
        self._found += [
            Finding(event_id_of(each.sort_key), Fault.REMOVED)
            for each in known.values()
            if time_of(each.sort_key) >= self._since and not 0 < each.expires_at * 1000 <= self._now
        ]
        self._write(entries, is_last=True)
        return True

    def _known(self) -> dict[str, Entry]:
        """Return what is sealed already of the time that the run looks at, by sort keys."""
        known: dict[str, Entry] = {}
        newest: Link | None = None
        highest = 0
        for number, link in self._chain.links(self._day, backward=True):
            highest = max(highest, number)
            if link is None:
                self._found.append(Finding("", Fault.CHAIN, "a link was altered"))
                continue
            newest = newest or link
            known |= {each.sort_key: each for each in link.entries}
            if link.until < self._since - LATE:
                break
        if highest != self.head.links or (newest and newest.digest != self.head.digest):
            self._found.append(Finding("", Fault.CHAIN, "the day's head and its links do not agree"))
            # What is there is left as it is, and what is new comes behind it.
            if newest and highest > self.head.links:
                self._tip = self._tip._replace(links=highest, digest=newest.digest)
        return known

    def _unsealed(self, item: Mapping[str, Any], known: dict[str, Entry]) -> Entry | None:
        """Return the entry of an item that is to be sealed; takes sealed ones out of `known`."""
        if is_witness(item):
            self._hear(item)
            return None
        entry = entry_of(item)
        event_id = event_id_of(entry.sort_key)
        if sealed := known.pop(entry.sort_key, None):
            if sealed != entry:
                self._found.append(Finding(event_id, Fault.CHANGED))
        elif not is_in_place(item) or (self._last is not None and time_of(event_id) < self._last - LATE):
            self._found.append(Finding(event_id, Fault.ADDED))
        else:
            return entry
        return None

    def _hear(self, item: Mapping[str, Any]) -> None:
        """Compare the day's head with what a witness tells of it."""
        try:
            told = SealedHead.of_witness(item)
            head = told.head()
        except ChainError:
            return
        # Only what is beyond the head is worth the question whether it is ours, and not without end.
        is_beyond = head.day == self._day and (head.links, head.until) > (self.head.links, self.head.until)
        if not is_beyond or self._asked == MOST_ASKED:
            return
        self._asked += 1
        if self._seal.opened(told):
            self._found.append(Finding("", Fault.CHAIN, "a later head of the day was removed"))
        else:
            self._found.append(Finding(item["sk"]["S"], Fault.ADDED, "it tells of a seal that was never made"))

    def _write(self, entries: Sequence[Entry], *, is_last: bool) -> None:
        """Append entries to the chain, and what was found to its head."""
        found, self._found = self._found, []
        broken = self.head.broken
        if found and not broken:
            next_id = event_id_of(entries[0].sort_key) if entries else ""
            broken = found[0]._replace(event_id=found[0].event_id or next_id)
        if entries or broken != self.head.broken:
            until = min(self._now, end_of(self._day)) if is_last else time_of(entries[-1].sort_key) if entries else 0
            self._append(entries, max(min(until, self._now), self.head.until), broken)
        self.findings += found

    def _append(self, entries: Sequence[Entry], until: int, broken: Finding | None) -> None:
        tip = self._tip
        links = []
        for start in range(0, len(entries), MOST_IN_LINK):
            part = tuple(entries[start : start + MOST_IN_LINK])
            is_last = start + MOST_IN_LINK >= len(entries)
            link_until = until if is_last else min(until, time_of(part[-1].sort_key))
            links.append(Link(self._day, tip.links + 1, tip.digest, link_until, part))
            tip = tip._replace(links=tip.links + 1, digest=links[-1].digest)
        head = Head(
            day=self._day,
            links=tip.links,
            events=self.head.events + len(entries),
            digest=tip.digest,
            until=until,
            sealed_at=self._now,
            before=self._tip_before(),
            broken=broken,
        )
        sealed = self._seal.close(head)
        if not self._chain.append(self._stored, sealed, links, self._now):
            raise OutrunError
        self.head, self._stored, self._tip = head, sealed, tip
        self.sealed += len(entries)

    def _tip_before(self) -> Tip | None:
        """Return the tip of the day before, which only ever goes forward."""
        old = self.head.before
        new = self._before.tip if self._before else None
        if old is None or new is None:
            return old or new
        return max(old, new, key=lambda tip: (tip.day, tip.links))
