"""Count the references to a resource: how many resources of each type refer to it, without their ids (ADR 25).

The counts of a resource (`Patient/4`) are spread over `COUNT_SHARDS` items of the reference table, by the id of the
referring resource. An item has a number for each type and their `total`. While the resource is deleted, each of its
items has a tombstone: the attribute `closed`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from careconnect.fhir.resource_types import resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.storage.keys import COUNT_SHARDS, count_key
from careconnect_records.items.actions import Item, table_action
from careconnect_records.items.extract import LITERAL_REFERENCE

_TOTAL: Final = "total"
_TOMBSTONE: Final = "closed"
_NAMES: Final = {"#total": _TOTAL, "#closed": _TOMBSTONE}


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
            if name != _TOTAL and "N" in value and (number := int(value["N"])):
                counts[name] = counts.get(name, 0) + number
    return {name: number for name, number in counts.items() if number}


def count_action(
    table: str, target: str, shard: int, counts: Mapping[str, int], *, unless_deleted: bool = False
) -> Item:
    """Return the action that adds to the counts of a target by type, perhaps only if it has no tombstone."""
    names = dict(_NAMES)
    values: dict[str, Any] = {":total": {"N": str(sum(counts.values()))}}
    adds = ["#total :total"]
    for position, (type_name, number) in enumerate(sorted(counts.items())):
        names[f"#type{position}"], values[f":type{position}"] = type_name, {"N": str(number)}
        adds.append(f"#type{position} :type{position}")
    return table_action(
        table,
        {"pk": {"S": count_key(target, shard)}},
        update=f"ADD {', '.join(adds)}",
        condition="attribute_not_exists(#closed)" if unless_deleted else "",
        names=names,
        values=values,
    )


def set_tombstone_actions(table: str, target: str, *, if_unreferred: bool) -> list[Item]:
    """Return the actions that set the tombstone of a deleted target, perhaps only if nothing refers to it."""
    return [
        table_action(
            table,
            key,
            update="SET #closed = :yes",
            condition="attribute_not_exists(#total) OR #total = :none" if if_unreferred else "",
            names=_NAMES,
            values={":yes": {"BOOL": True}, **({":none": {"N": "0"}} if if_unreferred else {})},
        )
        for key in count_keys(target)
    ]


def remove_tombstone_actions(table: str, target: str) -> list[Item]:
    """Return the actions that remove the tombstone of a target that is restored."""
    return [table_action(table, key, update="REMOVE #closed", names=_NAMES) for key in count_keys(target)]
