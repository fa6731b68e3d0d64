"""A record of the audit table's stream, and its line in the archive (`archive.md`, The archive)."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from audit_archiver.days import is_in_place
from careconnect.audit.event import time_of

Image = Mapping[str, Any]
"""An item in DynamoDB's JSON."""

_SETS: Final = frozenset({"SS", "NS", "BS"})
STAMP: Final = "expires_at"
"""The attribute of an event with the epoch second at which the time to live removes it."""
_OF_AN_END: Final = ("pk", "sk", STAMP)
"""The attributes that the archive holds of a removed event that has ended."""
_OTHER_PARTITIONS: Final = "$"
"""The prefix of partitions that hold no events, such as that with the key of an AuditEvent search's `next` links."""


class Kind(StrEnum):
    """The kind of change in a stream record."""

    INSERT = "INSERT"
    MODIFY = "MODIFY"
    REMOVE = "REMOVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """One change of one item.

    `time` is the stream's own, in epoch milliseconds (its resolution is a second); `sequence` orders the records of a
    partition; `principal` is the service that made the change, empty if no service did.
    """

    time: int
    sequence: int
    kind: Kind
    partition: str
    sort_key: str
    new: Image | None
    old: Image | None
    principal: str = ""

    @property
    def is_of_event(self) -> bool:
        """Return True if the item is in a partition of events."""
        return not self.partition.startswith(_OTHER_PARTITIONS)

    @property
    def is_in_place(self) -> bool:
        """Return True if the item's key is one that an event can have."""
        return is_in_place(self.partition, self.sort_key)

    @property
    def claimed(self) -> int:
        """The time that the event's id claims, in epoch milliseconds; only of an item that is in place."""
        return time_of(self.sort_key)

    @property
    def as_ended(self) -> "StreamRecord":
        """The record of an event's end: key and stamp, as the archive has the rest already."""
        old = self.old or {}
        return replace(self, old={name: old[name] for name in _OF_AN_END if name in old})

    @property
    def first_image(self) -> Image | None:
        """The event before anything that follows this record, or None if the record does not hold it."""
        image = self.new if self.kind is Kind.INSERT else self.old
        return None if image is None or image.keys() <= set(_OF_AN_END) else image

    def line(self) -> bytes:
        """Return the record as a line of JSON."""
        members = {
            "time": self.time,
            "sequence": str(self.sequence),
            "event": self.kind.value,
            "pk": self.partition,
            "sk": self.sort_key,
            "principal": self.principal,
            "old": self.old,
            "new": self.new,
        }
        # In ASCII: a text that is not valid UTF-8 must not stop the stream.
        return json.dumps(members, separators=(",", ":")).encode() + b"\n"


def record_of_event(record: Mapping[str, Any]) -> StreamRecord:
    """Return the record from one of a Lambda event's `Records`."""
    change = record["dynamodb"]
    keys = change["Keys"]
    return StreamRecord(
        time=round(float(change["ApproximateCreationDateTime"]) * 1000),
        sequence=int(change["SequenceNumber"]),
        kind=Kind(record["eventName"]),
        partition=keys["pk"]["S"],
        sort_key=keys["sk"]["S"],
        new=change.get("NewImage"),
        old=change.get("OldImage"),
        principal=(record.get("userIdentity") or {}).get("principalId", ""),
    )


def record_of_line(line: bytes) -> StreamRecord:
    """Return the record that a line of the archive holds; raises `ValueError` or `KeyError` if it holds none."""
    members = json.loads(line)
    return StreamRecord(
        time=int(members["time"]),
        sequence=int(members["sequence"]),
        kind=Kind(members["event"]),
        partition=members["pk"],
        sort_key=members["sk"],
        new=members["new"],
        old=members["old"],
        principal=members["principal"],
    )


def digest_of(image: Image) -> bytes:
    """Return SHA-256 of an item without its stamp, the same for an item from the stream and from the table."""
    stored = {name: value for name, value in image.items() if name != STAMP}
    text = json.dumps(_plain(stored), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _plain(value: Any) -> Any:
    """Return an attribute's value in the form of the stream: bytes as base64, the members of a set sorted."""
    if isinstance(value, dict):
        return {
            name: sorted(map(_plain, member)) if name in _SETS else _plain(member) for name, member in value.items()
        }
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return value
