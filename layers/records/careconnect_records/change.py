"""What a resource's change takes: the records to write on what is there, whole, and how many share a transaction."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from careconnect.record_keys import Key
from careconnect_records.record import (
    Content,
    Item,
    Record,
    build_record,
    entries_from,
    item_size,
)

# DynamoDB's quotas for a transaction: 100 actions and 4 MB, of which a part is left for its JSON.
MOST_ACTIONS: Final = 100
MOST_BYTES: Final = 3_500_000


@dataclass(frozen=True, slots=True)
class State:
    """The index record that a resource has, as it was read."""

    item: Item

    @property
    def version(self) -> int:
        """The version that the resource has."""
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
    def entries(self) -> frozenset[Key]:
        """The keys of its entries in the index."""
        return entries_from(self.item["entries"]["S"])

    @property
    def is_claimed(self) -> bool:
        """Whether somebody has begun to write it in several steps, and has not come to the last."""
        return "claim" in self.item

    def condition(self) -> dict[str, Any]:
        """Return the condition under which the record is still the one that was read."""
        values: dict[str, Any] = {":version": self.item["version"]}
        claim = "attribute_not_exists(#claim)"
        if self.is_claimed:
            claim = "#claim = :claim"
            values[":claim"] = self.item["claim"]
        return {
            "ConditionExpression": f"#version = :version AND {claim}",
            "ExpressionAttributeNames": {"#version": "version", "#claim": "claim"},
            "ExpressionAttributeValues": values,
        }


_ABSENT: Final = {"ConditionExpression": "attribute_not_exists(pk)"}


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be written for one resource: its record, and the entries that it leaves behind."""

    position: int
    content: Content
    state: State | None
    record: Record
    stale: frozenset[Key]
    size: int

    @property
    def count(self) -> int:
        """How many actions of a transaction it takes."""
        return len(self.record.bodies) + 1 + len(self.record.entries) + len(self.stale)

    @property
    def fits(self) -> bool:
        """Whether one transaction takes it."""
        return self.count <= MOST_ACTIONS and self.size <= MOST_BYTES

    @property
    def condition(self) -> dict[str, Any]:
        """The condition under which the resource is still as it was read."""
        return self.state.condition() if self.state else _ABSENT

    def actions(self, table: str) -> list[dict[str, Any]]:
        """Return the actions of a transaction that writes it whole."""
        return [*body_actions(table, self.record, self.condition), *self.entry_actions(table)]

    def entry_actions(self, table: str) -> list[dict[str, Any]]:
        """Return the writes of its entries, then the removals of those that it leaves behind."""
        return [
            *({"Put": {"TableName": table, "Item": item}} for item in self.record.entries),
            *(
                {"Delete": {"TableName": table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}}
                for pk, sk in sorted(self.stale)
            ),
        ]


def planned_change(
    content: Content, state: State | None, position: int = 0, *, now: int, base_url: str
) -> Change | None:
    """Return what there is to write, None if all of it is there; `now` in milliseconds since 1970.

    Raises `TooLargeError`, and `SearchValueError` for a date that the calendar does not have.
    """
    if state is None and content.resource is None:
        return None
    record = _record(content, state, now=now, base_url=base_url)
    if state is not None and record.index == state.item:
        return None
    return _change(position, content, state, record)


def planned_renewal(
    content: Content, state: State, body: Item, indexed: str, position: int = 0, *, base_url: str
) -> Change | None:
    """Return what of a resource's record is not as this release makes it, if anything; its version and its time stay.

    `content` is that of `body`, the resource's JSON item as it is stored; `indexed` are the values of its type's entry.
    Raises what `planned_change` raises.
    """
    record = build_record(content, state.version, state.updated, base_url=base_url)
    bodies = () if record.bodies[0] == body else record.bodies
    entries = record.entries
    if entries[0]["values"]["S"] == indexed and not state.is_claimed:
        if record.index == state.item and not bodies:
            return None
        # They hold nothing but the values, so those that are there stay as they are.
        entries = tuple(item for item in entries if (item["pk"]["S"], item["sk"]["S"]) not in state.entries)
    return _change(position, content, state, replace(record, bodies=bodies, entries=entries))


def _change(position: int, content: Content, state: State | None, record: Record) -> Change:
    stale = (state.entries if state else frozenset()) - record.keys
    size = sum(item_size(item) for item in (*record.bodies, record.index, *record.entries))
    return Change(position, content, state, record, stale, size)


def _record(content: Content, state: State | None, *, now: int, base_url: str) -> Record:
    if state is None:
        return build_record(content, 1, now, base_url=base_url)
    if state.digest == content.digest:
        # The same content is the same version; only its index may be out of date after an upgrade.
        return build_record(content, state.version, state.updated, base_url=base_url)
    return build_record(content, state.version + 1, max(now, state.updated), base_url=base_url)


def body_actions(table: str, record: Record, condition: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the writes of the index record, under `condition`, and of the bodies."""
    return [
        {"Put": {"TableName": table, "Item": record.index, **condition}},
        *({"Put": {"TableName": table, "Item": item}} for item in record.bodies),
    ]


def packed(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Group changes, in order, into as few transactions as the quotas allow; one that does not fit stands alone."""
    group: list[Change] = []
    actions = size = 0
    for change in changes:
        if group and (actions + change.count > MOST_ACTIONS or size + change.size > MOST_BYTES):
            yield group
            group, actions, size = [], 0, 0
        group.append(change)
        actions += change.count
        size += change.size
    if group:
        yield group
