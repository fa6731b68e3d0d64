"""Lock identifiers: one item lists the resources that have one, so that a transaction can verify it (ADR 25).

A lock's name is the key (partition, prefix) of its identifier's entries. Its item has `ids`, the ids of the resources
with the identifier, and `times`, its revision, which every change increments. Beyond `MAX_IDS` ids it overflows: it has
`many` then, and its ids are incomplete.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from careconnect.storage.intents import TXN
from careconnect.storage.keys import (
    LOCK_ITEM,
    Key,
    lock_partition,
    prefix_of,
    token_partition,
    token_prefix,
)
from careconnect_records.items.actions import Item, table_action

MAX_IDS: Final = 50
"""The number of ids that a lock lists. Beyond it, a condition on the identifier reads the index."""

_NAMES: Final = {"#ids": "ids", "#many": "many"}


@dataclass(frozen=True, slots=True)
class IdentifierLock:
    """The state of a lock: the ids, whether it has overflowed, and its revision."""

    ids: frozenset[str] = frozenset()
    overflow: bool = False
    revision: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it takes no further id."""
        return self.overflow or len(self.ids) >= MAX_IDS


def lock_of(type_name: str, system: str, code: str) -> Key:
    """Return the name of an identifier's lock; `code` is folded as in a token's entries."""
    return token_partition(type_name, "identifier", code), token_prefix(system)


def locks_among(type_name: str, entries: Iterable[Key]) -> frozenset[Key]:
    """Return the names of the locks of all identifiers that have entries among `entries`."""
    beginning = token_partition(type_name, "identifier", "")
    return frozenset((pk, prefix_of(sk)) for pk, sk in entries if pk.startswith(beginning))


def lock_key(lock: Key) -> Item:
    """Return the key of a lock's item."""
    return {"pk": {"S": lock_partition(*lock)}, "sk": {"S": LOCK_ITEM}}


def read_lock(item: Item | None) -> IdentifierLock:
    """Return the state of a lock from its item; without an item no resource has the identifier."""
    if not item:
        return IdentifierLock()
    return IdentifierLock(
        ids=frozenset(item.get("ids", {}).get("SS", ())),
        overflow=bool(item.get("many", {}).get("BOOL", False)),
        revision=int(item.get("times", {}).get("N", "0")),
    )


def lock_action(
    table: str,
    lock: Key,
    *,
    added: str = "",
    removed: str = "",
    full: bool = False,
    expected: IdentifierLock | None = None,
) -> Item:
    """Return the action that adds or removes a resource's id, on condition that the lock is as `expected`.

    A `full` lock overflows. A lock that is not `full` has to have room, or the action fails. So it does while a
    multi-step write holds the lock.
    """
    values: dict[str, Any] = {}
    conditions = ["attribute_not_exists(#txn)", *([] if expected is None else [_unchanged(expected, values)])]
    update = ""
    if added and full:
        update, values[":yes"], values[":one"] = "SET #many = :yes ADD #times :one", {"BOOL": True}, {"N": "1"}
    elif added:
        update, values[":id"], values[":one"] = "ADD #ids :id, #times :one", {"SS": [added]}, {"N": "1"}
        values[":most"] = {"N": str(MAX_IDS)}
        conditions.append("attribute_not_exists(#many) AND (attribute_not_exists(#ids) OR size(#ids) < :most)")
    elif removed:
        update, values[":id"], values[":one"] = "ADD #times :one DELETE #ids :id", {"SS": [removed]}, {"N": "1"}
    return table_action(
        table,
        lock_key(lock),
        update=update,
        condition=" AND ".join(conditions),
        names={**_NAMES, "#times": "times", "#txn": TXN},
        values=values,
    )


def _unchanged(expected: IdentifierLock, values: dict[str, Any]) -> str:
    """Return the condition under which a lock is unchanged, and add the condition's values to `values`."""
    if expected.overflow:
        values[":times"] = {"N": str(expected.revision)}
        return "#times = :times"
    if not expected.ids:
        return "attribute_not_exists(#ids) AND attribute_not_exists(#many)"
    values[":size"] = {"N": str(len(expected.ids))}
    contained = []
    for position, one in enumerate(sorted(expected.ids)):
        values[f":has{position}"] = {"S": one}
        contained.append(f"contains(#ids, :has{position})")
    # A lock that has overflowed since may still have the same ids.
    return " AND ".join(["attribute_not_exists(#many)", *contained, "size(#ids) = :size"])


def changed_lock(known: IdentifierLock, added: frozenset[str], removed: frozenset[str]) -> IdentifierLock:
    """Return the next state of a lock, with the ids of the resources that gain and lose its identifier."""
    ids = (known.ids | added) - removed
    if known.overflow or len(ids) > MAX_IDS:
        return IdentifierLock(known.ids - removed, overflow=True, revision=known.revision + 1)
    return IdentifierLock(ids, revision=known.revision + 1)


def lock_item(lock: Key, state: IdentifierLock) -> Item:
    """Return the item of a lock."""
    item = {**lock_key(lock), "times": {"N": str(state.revision)}}
    if state.ids:
        item["ids"] = {"SS": sorted(state.ids)}
    if state.overflow:
        item["many"] = {"BOOL": True}
    return item


def unchanged_item(item: Item | None) -> dict[str, Any]:
    """Return the condition of a Put under which a lock, which no multi-step write holds, is as it was read."""
    if item is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    # An erasure removes locks, after which revisions begin anew: the same one may have other ids.
    same_ids = "#ids = :ids" if "ids" in item else "attribute_not_exists(#ids)"
    return {
        "ConditionExpression": f"attribute_not_exists(#txn) AND #times = :times AND {same_ids}",
        "ExpressionAttributeNames": {"#txn": TXN, "#times": "times", "#ids": "ids"},
        "ExpressionAttributeValues": {
            ":times": item["times"],
            **({":ids": item["ids"]} if "ids" in item else {}),
        },
    }
