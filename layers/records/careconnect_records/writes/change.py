"""What a resource's change takes: the record to write, whole, on what is there, and what goes or is kept with it."""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from careconnect.storage.keys import COUNT_SHARDS, Key, version_item
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import locks_among
from careconnect_records.items.record import (
    GONE,
    Interaction,
    NewVersion,
    Record,
    TooLargeError,
    build_record,
    entries_from,
    item_size,
)

# DynamoDB's quotas for a transaction: 100 actions and 4 MB, of which a part is left for its JSON.
MOST_ACTIONS: Final = 100
MOST_BYTES: Final = 3_500_000

# Each entry has all values of its resource, so their bytes grow with the square of what is indexed: 70 KB of
# identifiers would be 100 MB. These are a few transactions, well within a function's 20 s.
MOST_ENTRY_BYTES: Final = 10_000_000
MOST_TARGETS: Final = 2_000


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """The index record that a resource has, as it was read."""

    item: Item

    @property
    def version(self) -> int:
        """The version that the resource has; 0 of one that was begun to be written, and never was."""
        return int(self.item["version"]["N"])

    @property
    def updated(self) -> int:
        """When it was last written, in milliseconds since 1970."""
        return int(self.item["updated"]["N"])

    @property
    def digest(self) -> str:
        """The digest of its content."""
        return str(self.item["digest"]["S"])

    @property
    def is_gone(self) -> bool:
        """Whether it is deleted, or not there yet."""
        return self.digest == GONE or self.version == 0

    @property
    def entries(self) -> frozenset[Key]:
        """The keys of its entries in the index."""
        return entries_from(self.item["entries"]["S"])

    @property
    def targets(self) -> frozenset[str]:
        """The resources that it refers to and is counted for."""
        return frozenset(json.loads(self.item["targets"]["S"]))

    @property
    def patients(self) -> tuple[str, ...]:
        """The ids of the patients whose compartments hold it."""
        return tuple(self.item.get("patient", {}).get("S", "").split())

    @property
    def is_leased(self) -> bool:
        """Whether somebody has begun to write it in several steps, and has not come to the last."""
        return "claim" in self.item

    def condition(self) -> dict[str, Any]:
        """Return the condition under which the record is still the one that was read."""
        values: dict[str, Any] = {":version": self.item["version"]}
        claim = "attribute_not_exists(#claim)"
        if self.is_leased:
            claim = "#claim = :claim"
            values[":claim"] = self.item["claim"]
        return {
            "ConditionExpression": f"#version = :version AND {claim}",
            "ExpressionAttributeNames": {f"#{name}": name for name in ("version", "claim")},
            "ExpressionAttributeValues": values,
        }


_ABSENT: Final = {"ConditionExpression": "attribute_not_exists(pk)"}


@dataclass(frozen=True, slots=True)
class WritePlan:
    """What has to be written for one resource: its record, and what it leaves behind.

    `former` is the body of the version that it replaces, under the key by which history finds it.
    """

    position: int
    content: NewVersion
    state: StoredVersion | None
    record: Record
    stale: frozenset[Key]
    former: Item | None = None

    @property
    def version(self) -> int:
        """The version that the resource gets."""
        return int(self.record.index["version"]["N"])

    @property
    def updated(self) -> int:
        """When it is changed, in milliseconds since 1970."""
        return int(self.record.index["updated"]["N"])

    @property
    def patients(self) -> frozenset[str]:
        """The ids of the patients of its compartments, before and after the change."""
        after = self.record.index.get("patient", {}).get("S", "").split()
        return frozenset((*after, *(self.state.patients if self.state else ())))

    @property
    def needs_former(self) -> bool:
        """Whether it goes on from a body that is stored, and has to be read."""
        return self.state is not None and self.state.version > 0

    def keeping(self, body: Item | None) -> "WritePlan":
        """Return the change with the stored `body`, if that is of the version that it replaces."""
        if self.state is None or not self.needs_former or body is None or body["version"] != self.state.item["version"]:
            return self
        return replace(self, former={**body, "sk": {"S": version_item(body["sk"]["S"], self.state.version)}})

    @property
    def bodies(self) -> tuple[Item, ...]:
        """The bodies to be written: the version's, and that of the version that it replaces."""
        return tuple(item for item in (self.record.body, self.former) if item)

    @property
    def size(self) -> int:
        """About how many bytes are written."""
        return sum(item_size(item) for item in (*self.bodies, self.record.index, *self.record.entries))

    @property
    def raised(self) -> frozenset[str]:
        """What the resource refers to from now on, and has not been counted for."""
        return self._targets - (self.state.targets if self.state else frozenset())

    @property
    def lowered(self) -> frozenset[str]:
        """What the resource refers to no more."""
        return (self.state.targets if self.state else frozenset()) - self._targets

    @property
    def _targets(self) -> frozenset[str]:
        return frozenset(json.loads(self.record.index["targets"]["S"]))

    @property
    def locks_added(self) -> frozenset[Key]:
        """The guards of identifiers that the resource has from now on."""
        return self._guards - self._previous_locks

    @property
    def locks_removed(self) -> frozenset[Key]:
        """The guards of identifiers that the resource has no more."""
        return self._previous_locks - self._guards

    @property
    def _guards(self) -> frozenset[Key]:
        return locks_among(self.content.served.name, self.record.keys)

    @property
    def _previous_locks(self) -> frozenset[Key]:
        return locks_among(self.content.served.name, self.state.entries if self.state else ())

    @property
    def closes(self) -> bool:
        """Whether the resource goes, so that nothing may refer to it any more."""
        return self.content.resource is None and (self.state is None or self.state.digest != GONE)

    @property
    def opens(self) -> bool:
        """Whether the resource was deleted and is there again."""
        return self.content.resource is not None and self.state is not None and self.state.digest == GONE

    @property
    def count(self) -> int:
        """How many actions of a transaction it takes."""
        links = len(self.raised) + len(self.lowered) + len(self.locks_added) + len(self.locks_removed)
        return (
            len(self.bodies)
            + 1
            + len(self.record.entries)
            + len(self.stale)
            + links
            + (COUNT_SHARDS if self.closes or self.opens else 0)
        )

    def fits(self, others: int = 1) -> bool:
        """Say whether one transaction takes it, and so many other actions of a kilobyte at most."""
        return self.count + others <= MOST_ACTIONS and self.size <= MOST_BYTES

    @property
    def condition(self) -> dict[str, Any]:
        """The condition under which the resource is still as it was read."""
        return self.state.condition() if self.state else _ABSENT


def plan_write(
    content: NewVersion,
    state: StoredVersion | None,
    position: int = 0,
    *,
    now: int,
    base_url: str,
    method: str = "PUT",
) -> WritePlan | None:
    """Return what there is to write, None if all of it is there; `now` in milliseconds since 1970.

    `method` is the one that asks for it, for the history. Raises `TooLargeError`, and `SearchValueError` for a date
    that the calendar does not have.
    """
    if state is None and content.resource is None:
        return None
    if state is not None and state.digest == content.digest:
        return None
    change = _change(position, content, state, _record(content, state, method, now=now, base_url=base_url))
    if sum(map(item_size, change.record.entries)) > MOST_ENTRY_BYTES or len(change.raised) > MOST_TARGETS:
        raise TooLargeError("too large: more is indexed of it, or referred to, than one write takes")
    return change


def plan_rebuild(content: NewVersion, body: Item, position: int = 0, *, base_url: str) -> WritePlan:
    """Return what a resource has beside its bodies, as if it were new; `body` is its JSON item as it is stored.

    Raises what `build_record` raises.
    """
    record = build_record(
        content,
        int(body["version"]["N"]),
        int(body["updated"]["N"]),
        base_url=base_url,
        patients=tuple(body.get("patient", {}).get("S", "").split()),
    )
    return _change(position, content, None, replace(record, body={}))


def _change(position: int, content: NewVersion, state: StoredVersion | None, record: Record) -> WritePlan:
    stale = (state.entries if state else frozenset()) - record.keys
    return WritePlan(position, content, state, record, stale)


def _record(content: NewVersion, state: StoredVersion | None, method: str, *, now: int, base_url: str) -> Record:
    by = Interaction(method if content.resource else "DELETE", _status(content, state))
    if state is None:
        return build_record(content, 1, now, base_url=base_url, by=by)
    # No two versions have one time: an index entry tells by it which of them it speaks of.
    return build_record(
        content, state.version + 1, max(now, state.updated + 1), base_url=base_url, by=by, patients=state.patients
    )


def _status(content: NewVersion, state: StoredVersion | None) -> int:
    if content.resource is None:
        return 204
    return 201 if state is None or state.is_gone else 200
