"""Count the references to a resource: how many resources of each type refer to it, without their ids (ADR 25).

The counts of a resource (`Patient/4`) are spread over `COUNT_SHARDS` items of the reference table, by the id of the
referring resource. An item has a number for each type and their `total`. While the resource is deleted, each of its
items has a tombstone: the attribute `closed`.

A multi-step write adds to an item later. Until then the item has what it will add (`txn-` and its name), the number of
such writes (`held`), and, if one will set the tombstone, its name (`closing`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect.fhir.resource_types import resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.storage.keys import COUNT_SHARDS, count_key
from careconnect_records.items.actions import Item, table_action
from careconnect_records.items.extract import LITERAL_REFERENCE

_TOTAL: Final = "total"
_TOMBSTONE: Final = "closed"
_HELD: Final = "held"
_CLOSING: Final = "closing"
_DELTA: Final = "txn-"
_NAMES: Final = {"#total": _TOTAL, "#closed": _TOMBSTONE, "#held": _HELD, "#closing": _CLOSING}

_FREE: Final = "(attribute_not_exists(#held) OR #held = :zero)"
_OPEN: Final = "attribute_not_exists(#closed) AND attribute_not_exists(#closing)"
_ZERO: Final = {":zero": {"N": "0"}}


def local_target(reference: str, *, base_url: str = "") -> str:
    """Return the key of the resource of this server that a literal reference is to, empty for any other reference.

    The resource's type has to be one that is served.
    """
    literal = LITERAL_REFERENCE.fullmatch(reference)
    if literal is None or resource_type(literal["type"]) is None:
        return ""
    if literal["base"] not in (None, f"{base_url.rstrip('/')}{FHIR_PATH}" if base_url else None):
        return ""
    return f"{literal['type']}/{literal['id']}"


def targets_of(resource: Mapping[str, Any], *, base_url: str = "") -> frozenset[str]:
    """Return the keys of the resources of this server that a resource refers to, without its own."""
    itself = f"{resource['resourceType']}/{resource['id']}"
    found = {local_target(text, base_url=base_url) for text in literal_references(resource)}
    return frozenset(found - {"", itself})


def literal_references(node: Any) -> Iterator[str]:
    """Yield the texts of all references in a resource, its contained resources' too."""
    if isinstance(node, list):
        for item in node:
            yield from literal_references(item)
    elif isinstance(node, dict):
        reference = node.get("reference")
        # DetectedIssue and ProcessRequest have a string of that name, which is no Reference.
        if isinstance(reference, str) and "resourceType" not in node:
            yield reference
        for child in node.values():
            if isinstance(child, dict | list):
                yield from literal_references(child)


def count_keys(target: str) -> list[Item]:
    """Return the keys of all items that hold a target's counts."""
    return [{"pk": {"S": count_key(target, shard)}} for shard in range(COUNT_SHARDS)]


def counts_of(items: Iterable[Item]) -> dict[str, int]:
    """Return the number of referring resources by type, summed over the items of a target's counts."""
    counts: dict[str, int] = {}
    for item in items:
        for name, value in item.items():
            if name not in (_TOTAL, _HELD) and "N" in value and (number := int(value["N"])):
                counts[name] = counts.get(name, 0) + number
    return {name: number for name, number in counts.items() if number}


def count_action(
    table: str, target: str, shard: int, counts: Mapping[str, int], *, unless_deleted: bool = False
) -> Item:
    """Return the action that adds to the counts of a target by type, perhaps only if it has no tombstone."""
    adds, names, values = _additions(counts)
    return table_action(
        table,
        {"pk": {"S": count_key(target, shard)}},
        update=f"ADD {', '.join(adds)}",
        condition=_OPEN if unless_deleted else "",
        names={**_NAMES, **names},
        values=values,
    )


def _additions(counts: Mapping[str, int]) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """Return the terms of an ADD for counts by type, with their names and values."""
    adds, names = ["#total :total"], {}
    values: dict[str, Any] = {":total": {"N": str(sum(counts.values()))}}
    for position, (type_name, number) in enumerate(sorted(counts.items())):
        names[f"#type{position}"], values[f":type{position}"] = type_name, {"N": str(number)}
        adds.append(f"#type{position} :type{position}")
    return adds, names, values


def set_tombstone_actions(table: str, target: str, *, if_unreferred: bool) -> list[Item]:
    """Return the actions that set the tombstone of a deleted target, perhaps only if nothing refers to it.

    They fail while a multi-step write has not added to the items, as do those that remove it.
    """
    unreferred = "(attribute_not_exists(#total) OR #total = :zero)"
    return [
        table_action(
            table,
            key,
            update="SET #closed = :yes",
            condition=f"{_FREE} AND {unreferred}" if if_unreferred else _FREE,
            names=_NAMES,
            values={":yes": {"BOOL": True}, **_ZERO},
        )
        for key in count_keys(target)
    ]


def remove_tombstone_actions(table: str, target: str) -> list[Item]:
    """Return the actions that remove the tombstone of a target that is restored."""
    return [
        table_action(table, key, update="REMOVE #closed", condition=_FREE, names=_NAMES, values=_ZERO)
        for key in count_keys(target)
    ]


@dataclass(frozen=True, slots=True)
class CountChange:
    """The change of one item of a target's counts by a multi-step write.

    `counts` are added by type. `closes` says whether the tombstone is set (True), removed (False) or left (None).
    `strict` changes fail if they would refer to a deleted target, or delete one that is referred to.
    """

    target: str
    shard: int
    counts: Mapping[str, int]
    closes: bool | None = None
    is_new_reference: bool = False
    strict: bool = True

    @property
    def key(self) -> str:
        """The key of the item."""
        return count_key(self.target, self.shard)

    @property
    def _delta(self) -> Item:
        delta: Item = {"types": {"M": {each: {"N": str(number)} for each, number in self.counts.items() if number}}}
        if self.closes is not None:
            delta["closes"] = {"BOOL": self.closes}
        return {"M": delta}

    def release_action(self, table: str, name: str) -> Item:
        """Return the action that applies the change, once the write of this name is done."""
        item = {"pk": {"S": self.key}, f"{_DELTA}{name}": self._delta}
        return {"Update": release_count(table, item, name, done=True)}

    def hold_action(self, table: str, name: str) -> Item:
        """Return the action by which a multi-step write of this name holds the item."""
        values: Item = {":delta": self._delta, ":one": {"N": "1"}}
        conditions = []
        if self.strict and self.is_new_reference and self.closes is None:
            conditions.append(_OPEN)
        if self.closes is not None:
            conditions.append(_FREE)
            values |= _ZERO
        if self.closes and self.strict:
            # Nothing refers to it but what this write takes away.
            taken = -sum(self.counts.values())
            values[":taken"] = {"N": str(taken)}
            conditions.append("#total = :taken" if taken else "(attribute_not_exists(#total) OR #total = :taken)")
        if self.closes:
            values[":name"] = {"S": name}
        return table_action(
            table,
            {"pk": {"S": self.key}},
            update=f"SET #delta = :delta{', #closing = :name' if self.closes else ''} ADD #held :one",
            condition=" AND ".join(conditions),
            names={**_NAMES, "#delta": f"{_DELTA}{name}"},
            values=values,
        )


def writes_holding(item: Item) -> list[str]:
    """Return the names of the multi-step writes that have not added to an item of reference counts."""
    return [name.removeprefix(_DELTA) for name in item if name.startswith(_DELTA)]


def release_count(table: str, item: Item, name: str, *, done: bool) -> Item:
    """Return the UpdateItem request that applies the change that a write holds, or drops it if it was not `done`."""
    delta = item[f"{_DELTA}{name}"]["M"]
    names = {**_NAMES, "#delta": f"{_DELTA}{name}"}
    values: Item = {":less": {"N": "-1"}}
    adds, sets, removes = ["#held :less"], [], ["#delta"]
    closes = delta.get("closes", {}).get("BOOL")
    if closes:
        removes.append("#closing")
    if done:
        counts = {each: int(number["N"]) for each, number in delta["types"]["M"].items()}
        if counts:
            added, more_names, more_values = _additions(counts)
            adds, names, values = adds + added, names | more_names, values | more_values
        if closes:
            sets.append("#closed = :yes")
            values[":yes"] = {"BOOL": True}
        elif closes is not None:
            removes.append("#closed")
    update = f"ADD {', '.join(adds)} REMOVE {', '.join(removes)}"
    action = table_action(
        table,
        {"pk": item["pk"]},
        update=f"SET {', '.join(sets)} {update}" if sets else update,
        condition="attribute_exists(#delta)",
        names=names,
        values=values,
    )
    return dict(action["Update"])
