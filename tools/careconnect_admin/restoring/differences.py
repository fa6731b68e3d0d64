"""Find the resources whose current versions differ between the tables in service and restored ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from careconnect.storage.keys import JSON_ITEM
from careconnect_records.items.actions import Item
from careconnect_records.items.tables import RecordTables


class Effect(Enum):
    """The effect of a switch on a resource, as seen by clients."""

    REMOVED = "removed"
    """Created since: it is deleted."""
    RETURNED = "returned"
    """Deleted since: it exists again."""
    CHANGED = "changed"
    """Written since: it has its former content again."""
    NONE = ""
    """Deleted before and now: only its history is longer."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A current version: its number, its time in epoch milliseconds, and whether it is a deletion."""

    version: int
    updated: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A resource with its current version in service, and its restored version, None if it was created since."""

    key: str
    current: Stamp
    restored: Stamp | None

    @property
    def type_name(self) -> str:
        """The resource's type."""
        return self.key.partition("/")[0]

    @property
    def effect(self) -> Effect:
        """The effect of a switch."""
        if self.restored is None or self.restored.deleted:
            return Effect.NONE if self.current.deleted else Effect.REMOVED
        return Effect.RETURNED if self.current.deleted else Effect.CHANGED


def differences(current: RecordTables, restored: RecordTables) -> Iterator[Difference]:
    """Yield the resources that were written since the restored time, in no order.

    A resource whose restored version is above the current one is left out: its versions were carried over already.
    """
    for in_service, beside in zip(current.of_resources, restored.of_resources, strict=True):
        stamps = {item["pk"]["S"]: _stamp(item) for item in _bodies(restored.client, beside)}
        for item in _bodies(current.client, in_service):
            key, now = item["pk"]["S"], _stamp(item)
            then = stamps.get(key)
            if then is None or (then != now and then.version <= now.version):
                yield Difference(key, now, then)


def _stamp(item: Item) -> Stamp:
    return Stamp(int(item["version"]["N"]), int(item["updated"]["N"]), "gone" in item)


def _bodies(client: Any, table: str) -> Iterator[Item]:
    """Yield the stamps of all current bodies of a table."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression="sk = :json",
        ProjectionExpression="pk, version, updated, gone",
        ExpressionAttributeValues={":json": {"S": JSON_ITEM}},
    )
    for page in pages:
        yield from page["Items"]
