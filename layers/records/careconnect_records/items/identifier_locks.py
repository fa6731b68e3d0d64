"""The guards of identifiers: which resources have one, in one item, so that a condition on it can be verified (ADR 25).

A guard is named by the key (partition, prefix) of its identifier's entries. Its item has `ids`, the ids of the
resources that have the identifier; beyond `MOST_IDS` of them `many` instead, and `times`, which every change raises.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from careconnect.storage.keys import (
    LOCK_ITEM,
    Key,
    lock_partition,
    prefix_of,
    token_partition,
    token_prefix,
)
from careconnect_records.items.actions import Item, table_action

MOST_IDS: Final = 50
"""Beyond that an identifier is no identifier; a condition on it looks into the index."""

_NAMES: Final = {"#ids": "ids", "#many": "many"}


@dataclass(frozen=True, slots=True)
class IdentifierLock:
    """What a guard's item says: the ids, or, of `many`, how often it was changed."""

    ids: frozenset[str] = frozenset()
    overflow: bool = False
    revision: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it takes no further id."""
        return self.overflow or len(self.ids) >= MOST_IDS


def lock_of(type_name: str, system: str, code: str) -> Key:
    """Return the name of the guard of an identifier; `code` as a token's entries have it."""
    return token_partition(type_name, "identifier", code), token_prefix(system)


def locks_among(type_name: str, entries: Iterable[Key]) -> frozenset[Key]:
    """Return the guards of the identifiers that have entries among `entries`."""
    beginning = token_partition(type_name, "identifier", "")
    return frozenset((pk, prefix_of(sk)) for pk, sk in entries if pk.startswith(beginning))


def lock_key(lock: Key) -> Item:
    """Return the key of a guard's item."""
    return {"pk": {"S": lock_partition(*lock)}, "sk": {"S": LOCK_ITEM}}


def read_lock(item: Item | None) -> IdentifierLock:
    """Return what a guard's item says; without one nothing has the identifier."""
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
    """Return the action that adds or removes a resource's id, on condition that the guard is as `expected`.

    A guard that is known to be `full` becomes one of many; one that is not has room, or the action fails.
    """
    values: dict[str, Any] = {}
    conditions = [] if expected is None else [_is(expected, values)]
    update = ""
    if added and full:
        update, values[":yes"], values[":one"] = "SET #many = :yes ADD #times :one", {"BOOL": True}, {"N": "1"}
    elif added:
        update, values[":id"], values[":one"] = "ADD #ids :id, #times :one", {"SS": [added]}, {"N": "1"}
        values[":most"] = {"N": str(MOST_IDS)}
        conditions.append("attribute_not_exists(#many) AND (attribute_not_exists(#ids) OR size(#ids) < :most)")
    elif removed:
        update, values[":id"], values[":one"] = "ADD #times :one DELETE #ids :id", {"SS": [removed]}, {"N": "1"}
    return table_action(
        table,
        lock_key(lock),
        update=update,
        condition=" AND ".join(conditions),
        names={**_NAMES, "#times": "times"},
        values=values,
    )


def _is(expected: IdentifierLock, values: dict[str, Any]) -> str:
    """Return the condition that a guard is still as it was read, and add its values."""
    if expected.overflow:
        values[":times"] = {"N": str(expected.revision)}
        return "#times = :times"
    if not expected.ids:
        return "attribute_not_exists(#ids) AND attribute_not_exists(#many)"
    values[":size"] = {"N": str(len(expected.ids))}
    contained = []
    for place, one in enumerate(sorted(expected.ids)):
        values[f":has{place}"] = {"S": one}
        contained.append(f"contains(#ids, :has{place})")
    # One that has become full since, and then one of many, may have the same ids.
    return " AND ".join(["attribute_not_exists(#many)", *contained, "size(#ids) = :size"])
