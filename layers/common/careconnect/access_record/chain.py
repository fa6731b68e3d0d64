"""The chain of digests that seals the access record, one a day (`audit.md`, Tamper evidence; ADR 28).

A day's chain is made of links. A link holds the digests of the items that one seal found new, and the digest of the
link before. The day's head names its last link, and KMS makes a MAC of it: who can write to both tables and not use
that key cannot make another head. What seals and what verifies agree here on the forms.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from careconnect.audit.event import WITNESS, event_key, is_event_id, new_event_id

LATE: Final = 60_000
"""Milliseconds for which an event may come late: one that is older than this at a seal has been sealed, or never is."""

MOST_IN_LINK: Final = 4_000
"""Entries of a link: some 230 KB, of the 400 that an item may have."""

START: Final = hashlib.sha256(b"careconnect access record").hexdigest()
"""What stands for the link before the first."""

HEADS: Final = "days"
"""The partition of the heads, by day."""

_CORRECTION: Final = "~"
_DAY: Final = 86_400_000
_LINK: Final = [str, int, str, int, list]
_ENTRY: Final = [str, str, int]
_TIP: Final = [str, int, str]
_FINDING: Final = [str, str, str]
_HEAD: Final = {"day": str, "links": int, "events": int, "digest": str, "until": int, "sealed_at": int}
# What stands where a seal should is read before anybody asks whose it is.
_UNREADABLE: Final = (KeyError, TypeError, ValueError, RecursionError)
_SETS: Final = frozenset({"SS", "NS", "BS"})


class ChainError(ValueError):
    """A link or a head cannot be read; the text is fixed."""


class Fault(StrEnum):
    """What was done to a sealed record."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "put in between"
    CHAIN = "chain"


class Finding(NamedTuple):
    """A fault, the id of the event that shows it (empty if none is known) and what more there is to say."""

    event_id: str
    fault: Fault
    reason: str = ""


class Entry(NamedTuple):
    """One sealed item: its sort key, its digest, and when it may be gone, in epoch seconds (0: never)."""

    sort_key: str
    digest: str
    expires_at: int


class Tip(NamedTuple):
    """How far a day's chain had come: its number of links and the digest of the last."""

    day: str
    links: int
    digest: str


def entry_of(item: Mapping[str, Any]) -> Entry:
    """Return the entry of an item of the record: SHA-256 of all that it holds, as canonical JSON."""
    text = _canonical({name: _plain(value) for name, value in item.items()})
    expires_at = item.get("expires_at", {}).get("N", "0")
    return Entry(
        item["sk"]["S"],
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        int(expires_at) if expires_at.isdigit() else 0,
    )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return an attribute's value as JSON has it; a set has no order, so it gets one."""
    if isinstance(value, Mapping):
        return {
            name: sorted(map(_plain, member)) if name in _SETS else _plain(member) for name, member in value.items()
        }
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return value


def is_witness(item: Mapping[str, Any]) -> bool:
    """Say whether an item is no event, but tells of a seal."""
    return WITNESS in item


def event_id_of(sort_key: str) -> str:
    """Return the AuditEvent's id by the sort key of its item, or of its correction."""
    return sort_key.removesuffix(_CORRECTION)


def is_in_place(item: Mapping[str, Any]) -> bool:
    """Say whether an item has a key that an event can have: its id, and the day and the shard that this tells."""
    sort_key = item["sk"]["S"]
    event_id = event_id_of(sort_key)
    if not is_event_id(event_id):
        return False
    return bool(item["pk"] == event_key(event_id)["pk"])


@dataclass(frozen=True, slots=True)
class Link:
    """What one seal found new, in the order of the sort keys.

    Everything that was recorded by `until` (epoch milliseconds) is sealed here or before, but for what came late.
    """

    day: str
    number: int
    previous: str
    until: int
    entries: tuple[Entry, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the digest of the link before and of this link's entries."""
        return hashlib.sha256(self._text()).hexdigest()

    def item(self) -> dict[str, Any]:
        """Return the link as an item of the seals' table."""
        return {**link_key(self.day, self.number), "link": {"B": zlib.compress(self._text())}}

    def _text(self) -> bytes:
        return _canonical([self.day, self.number, self.previous, self.until, self.entries]).encode()


def link_key(day: str, number: int) -> dict[str, Any]:
    """Return the key of a link."""
    return {"pk": {"S": f"links#{day}"}, "sk": {"S": f"{number:06}"}}


def link_of(item: Mapping[str, Any]) -> Link:
    """Return the link that an item holds; raises `ChainError` if it is none, or another than its key says."""
    try:
        said: Any = json.loads(zlib.decompress(item["link"]["B"]))
        day, number, previous, until, entries = said
        if not entries or _types(said) != _LINK or any(_types(entry) != _ENTRY for entry in entries):
            raise ChainError("no link")
        link = Link(day, number, previous, until, tuple(Entry(*entry) for entry in entries))
    except (*_UNREADABLE, zlib.error):
        raise ChainError("no link") from None
    if link_key(link.day, link.number) != {"pk": item["pk"], "sk": item["sk"]}:
        raise ChainError("another link")
    return link


def _types(members: Any) -> list[type]:
    return [type(member) for member in members]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a day's chain ends; times are epoch milliseconds.

    `until` is as in `Link`, and holds for all days up to this one. `before` is the tip of the day before that has a
    chain, so that no day can be taken out. `broken` is what a seal once found: it stays in every head that follows.
    """

    day: str
    links: int = 0
    events: int = 0
    digest: str = START
    until: int = 0
    sealed_at: int = 0
    before: Tip | None = None
    broken: Finding | None = None

    @property
    def tip(self) -> Tip:
        """How far the chain has come."""
        return Tip(self.day, self.links, self.digest)

    def text(self) -> str:
        """Return what KMS makes a MAC of, as JSON of less than 4 KB."""
        return _canonical({name: getattr(self, name) for name in self.__slots__})


class SealedHead(NamedTuple):
    """A head as it is stored: for which day, its text and the MAC of that."""

    day: str
    text: str
    mac: bytes

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> Self:
        """Return what the seals' table has for a day, whatever it is worth."""
        text, mac = item.get("head", {}).get("S", ""), item.get("mac", {}).get("B", b"")
        return cls(item["sk"]["S"], text, bytes(mac))

    @classmethod
    def of_witness(cls, item: Mapping[str, Any]) -> Self:
        """Return the head that a witness tells of, whatever that is worth; raises `ChainError` if it tells of none."""
        try:
            said = json.loads(item[WITNESS]["S"])
            sealed = cls(json.loads(said["head"])["day"], said["head"], base64.b64decode(said["mac"]))
        except _UNREADABLE:
            raise ChainError("no witness") from None
        return sealed

    def item(self) -> dict[str, Any]:
        """Return the head as an item of the seals' table."""
        return {"pk": {"S": HEADS}, "sk": {"S": self.day}, "head": {"S": self.text}, "mac": {"B": self.mac}}

    def witness(self, at: int, retention_days: int) -> dict[str, Any]:
        """Return an item for the record itself that tells of this head, so that nobody removes a chain unnoticed.

        It is among its day's events, of `at` or of the day's last moment, and ends when they do.
        """
        moment = min(at, end_of(self.day) - 1)
        item: dict[str, Any] = event_key(new_event_id(moment / 1000))
        item["at"] = {"N": str(moment)}
        item[WITNESS] = {"S": _canonical({"head": self.text, "mac": base64.b64encode(self.mac).decode()})}
        if retention_days:
            item["expires_at"] = {"N": str(moment // 1000 + retention_days * 86_400)}
        return item

    def head(self) -> Head:
        """Return what the text says; raises `ChainError` if it is no head of its day."""
        try:
            said: Any = json.loads(self.text)
            before, broken = said.pop("before"), said.pop("broken")
            if {name: type(value) for name, value in said.items()} != _HEAD:
                raise ChainError("no head")
            if _types(before or ("", 0, "")) != _TIP or _types(broken or ("", "", "")) != _FINDING:
                raise ChainError("no head")
            head = Head(**said, before=Tip(*before) if before else None, broken=Finding(*broken) if broken else None)
        except (*_UNREADABLE, AttributeError):
            raise ChainError("no head") from None
        if head.day != self.day:
            raise ChainError("another day's head")
        return head


def start_of(day: str) -> int:
    """Return the first millisecond of a day, since 1970; raises `ValueError` if there is no such day."""
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return int(moment.timestamp()) * 1000


def end_of(day: str) -> int:
    """Return the first millisecond after a day, since 1970."""
    return start_of(day) + _DAY


def days_from(first: str, last: str) -> list[str]:
    """Return the days from one to another, both included."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(begin + timedelta(days=number)).isoformat() for number in range((end - begin).days + 1)]
