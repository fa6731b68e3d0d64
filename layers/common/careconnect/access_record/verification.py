"""Verify that a day of the access record is as it was sealed (`audit.md`, Tamper evidence; ADR 28).

Events and links are read side by side, both in the order of their ids, so that a day of a million events needs no more
memory than a few links.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from careconnect.access_record.chain import (
    LATE,
    ChainError,
    Fault,
    Finding,
    Head,
    Link,
    SealedHead,
    end_of,
    entry_of,
    event_id_of,
    is_in_place,
    is_witness,
)
from careconnect.access_record.links import LinkReader
from careconnect.audit.event import day_of, time_of

_SEALED_BY_NOW: Final = 3_600_000
"""Milliseconds after its end in which a day gets its first seal, if it has events."""

_MOST_ASKED: Final = 100
"""Witnesses that contradict the chain, of which KMS is asked whether they are ours."""


class Chain(Protocol):
    """The record and its chain, to be read."""

    def heads(self, up_to: str) -> Iterator[SealedHead]:
        """Return the heads of a day and of those before it, the newest first."""

    def heads_after(self, day: str) -> Iterator[SealedHead]:
        """Return the heads of later days, the next first."""

    def head(self, day: str) -> SealedHead | None:
        """Return a day's head."""

    def links(self, day: str, after: int = 0) -> Iterator[tuple[int, Link | None]]:
        """Return the numbers of a day's links after one, and the links; nothing for one that cannot be read."""

    def items(self, day: str) -> Iterator[Mapping[str, Any]]:
        """Return a day's items by their sort keys."""


class Seal(Protocol):
    """The deployment's sealing key."""

    def opened(self, sealed: SealedHead | None) -> Head | None:
        """Return the head if this key sealed it, or nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a day's verification found.

    `sealed` are the items in the chain, of which `ended` are gone because their retention is over; `unsealed` are in no
    link yet. `first` is what was found first in the order of the ids, and `findings` says how much there is of it.
    """

    day: str
    sealed: int
    unsealed: int
    ended: int
    findings: int
    first: Finding | None

    @property
    def stands(self) -> bool:
        """Whether all that is sealed is as it was sealed."""
        return self.first is None


def verify_day(chain: Chain, seal: Seal, day: str, now: int) -> Verdict:
    """Verify a day (`2026-11-26`) as of `now`, in epoch milliseconds; while it is sealed further, too."""
    return _Verification(chain, seal, day, now).verdict()


class _Told(NamedTuple):
    """What a witness tells, and its own id."""

    sort_key: str
    sealed: SealedHead
    head: Head


class _Verification:
    def __init__(self, chain: Chain, seal: Seal, day: str, now: int) -> None:
        self._chain = chain
        self._seal = seal
        self._day = day
        self._now = now
        self._first: Finding | None = None
        self._first_event = ""
        self._findings = 0
        self._unsealed = 0
        self._first_unsealed = ""
        self._ended = 0
        self._links = LinkReader(chain, day, self._find)

    def verdict(self) -> Verdict:
        """Read the day and return what is to be said of it."""
        stored = self._chain.head(self._day)
        head = self._seal.opened(stored)
        self._links.sealed_before = head.links if head else 0
        heads = self._chain.heads(day_of(self._now))
        newest = next((each for sealed in heads if (each := self._seal.opened(sealed))), None)
        last = newest.until - LATE if newest else None
        met = (self._meet(item, last) for item in self._chain.items(self._day))
        told = [each for each in met if each]
        # What is sealed meanwhile is no fault: there may be more links now, each of which came with a head.
        self._links.read_rest()
        known = self._links.number
        stored = self._chain.head(self._day)
        head = self._seal.opened(stored)
        self._links.read_rest()
        self._miss(None)
        self._judge_head(stored, head, known, newest)
        self._judge_following(head)
        self._judge_witnesses(told, head)
        return Verdict(self._day, self._links.entries, self._unsealed, self._ended, self._findings, self._named())

    def _named(self) -> Finding | None:
        """Return the first finding, by the id of the next event if it has none of its own."""
        if self._first is None or self._first.event_id:
            return self._first
        return self._first._replace(event_id=self._any_id())

    def _any_id(self) -> str:
        return self._links.id_of(1) or self._first_event

    def _find(self, event_id: str, fault: Fault, reason: str = "") -> None:
        self._findings += 1
        # Without an id it comes after those that have one.
        found = Finding(event_id, fault, reason)
        if self._first is None or (event_id or "~") < (self._first.event_id or "~"):
            self._first = found

    def _meet(self, item: Mapping[str, Any], last: int | None) -> _Told | None:
        """Compare an item with its entry, or return what it tells if it is a witness.

        `last` is from when on an event may be without a seal.
        """
        sort_key = item["sk"]["S"]
        event_id = event_id_of(sort_key)
        if is_witness(item):
            return self._hear(item)
        self._first_event = self._first_event or event_id
        if not is_in_place(item):
            self._find(event_id, Fault.ADDED, "it has a key that no event has")
            return None
        self._links.read_to(time_of(event_id), event_id)
        self._miss(sort_key)
        entry = self._links.take(sort_key)
        if entry is None and last is not None and time_of(event_id) < last:
            self._find(event_id, Fault.ADDED)
        elif entry is None:
            self._unsealed += 1
            self._first_unsealed = self._first_unsealed or event_id
        elif entry != entry_of(item):
            self._find(event_id, Fault.CHANGED)
        return None

    def _hear(self, item: Mapping[str, Any]) -> _Told | None:
        try:
            told = SealedHead.of_witness(item)
            return _Told(item["sk"]["S"], told, told.head())
        except ChainError:
            self._find(item["sk"]["S"], Fault.ADDED, "it tells of a seal that was never made")
            return None

    def _miss(self, sort_key: str | None) -> None:
        """Tell the entries before a sort key, or all that are left, for which no event was met."""
        for entry in self._links.missed(sort_key):
            if 0 < entry.expires_at * 1000 <= self._now:
                self._ended += 1
            else:
                self._find(event_id_of(entry.sort_key), Fault.REMOVED)

    def _judge_head(self, stored: SealedHead | None, head: Head | None, known: int, newest: Head | None) -> None:
        """Compare the day's head with its links, of which `known` were there before the head was read."""
        if stored is not None and head is None:
            self._find(self._any_id(), Fault.CHAIN, "the day's head was altered")
        elif head is None and self._links.number:
            self._find(self._any_id(), Fault.CHAIN, "the day's head is missing")
        elif head is None:
            self._judge_unsealed(newest)
        elif head.links < known:
            self._find(self._links.id_of(head.links + 1), Fault.CHAIN, "the day's head knows less links than there are")
        elif self._links.digests.get(head.links) != head.digest:
            self._find(
                self._links.id_of(head.links) or self._any_id(),
                Fault.CHAIN,
                "the day's head and its links do not agree",
            )
        if head and head.broken:
            event_id, fault, reason = head.broken
            said = f"{fault}, {reason}" if reason else str(fault)
            self._find(event_id or self._any_id(), Fault.CHAIN, f"a seal found it broken: {said}")

    def _judge_unsealed(self, newest: Head | None) -> None:
        """Judge a day without a chain: one that has events, long over, where no day was ever sealed."""
        if self._first_event and newest is None and self._now > end_of(self._day) + _SEALED_BY_NOW:
            self._find(self._first_event, Fault.CHAIN, "the day has no chain")

    def _judge_following(self, head: Head | None) -> None:
        """Compare the chain with what the next day's head tells of it."""
        following = (self._seal.opened(each) for each in self._chain.heads_after(self._day))
        before = next((each.before for each in following if each), None)
        if before is None or before.day < self._day:
            return
        if before.day == self._day and self._links.digests.get(before.links) != before.digest:
            self._find(self._any_id(), Fault.CHAIN, "a later day's head tells of another chain")
        elif before.day > self._day and head is None:
            self._find(self._any_id(), Fault.CHAIN, f"nothing tells of this day: the head of {before.day} is missing")

    def _judge_witnesses(self, told: list[_Told], head: Head | None) -> None:
        """Compare the chain with what its witnesses tell of it; one that agrees need not be asked after."""
        asked = 0
        for sort_key, sealed, said in told:
            if said.day != self._day or self._agrees(said, head) or asked == _MOST_ASKED:
                continue
            asked += 1
            if self._seal.opened(sealed):
                at = self._links.id_of(said.links) if said.links <= self._links.number else self._first_unsealed
                self._find(at or self._any_id(), Fault.CHAIN, "the chain was made anew or cut off")
                return
            self._find(sort_key, Fault.ADDED, "it tells of a seal that was never made")

    def _agrees(self, said: Head, head: Head | None) -> bool:
        """Say whether a witness agrees with the chain; one of a link that is missing is no news."""
        return (
            head is not None
            and (self._links.is_missing(said.links) or self._links.digests.get(said.links) == said.digest)
            and said.until <= head.until
            and (said.broken is None or head.broken is not None)
        )
