"""Build the items of one version of a resource: its body, its index record and its index entries."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.search.stored_values import stored_values
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, Key
from careconnect_records.items.actions import Item
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.stu3.element_order import in_order

DELETED: Final = "gone"
"""The digest of a deleted resource, as its index record stores it."""

LARGEST_BODY: Final = 350_000
"""The maximum size of an item, in bytes of its texts. DynamoDB's quota is 400 KB."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TooLargeError(ValueError):
    """A resource exceeds the limits of an item or of a write. The text names the limit."""


class IndexTooLargeError(TooLargeError):
    """The index record of a resource does not fit into an item."""


def digest_of(resource: dict[str, Any] | None) -> str:
    """Return the digest of a resource's content, without the version in its `meta`; `DELETED` for None."""
    if resource is None:
        return DELETED
    # JSON objects are unordered, so two orders of keys are the same content.
    return hashlib.sha256(json_text(_without_version(resource), sort_keys=True).encode()).hexdigest()


def with_version(resource: dict[str, Any], version: int, updated: int) -> dict[str, Any]:
    """Return a resource whose `meta` has this `versionId` and `lastUpdated`, instead of any that it had."""
    bare = _without_version(resource)
    stamp = {"versionId": str(version), "lastUpdated": instant_text(updated)}
    return {**bare, "meta": {**bare.get("meta", {}), **stamp}}


def _without_version(resource: dict[str, Any]) -> dict[str, Any]:
    meta = {
        name: value
        for name, value in resource.get("meta", {}).items()
        if name.lstrip("_") not in ("versionId", "lastUpdated")
    }
    bare = {name: value for name, value in resource.items() if name != "meta"}
    return {**bare, "meta": meta} if meta else bare


def body_item(key: str, resource: dict[str, Any] | None, stamp: Item, method: str, status: int) -> Item:
    """Return the body of a version: the JSON of a `resource` with its version, or a deletion for None.

    `method` and `status` are those of the interaction that made the version; the history shows them.
    """
    content: Item = {"gone": {"BOOL": True}} if resource is None else {"body": {"S": json_text(in_order(resource))}}
    made_by: Item = {"method": {"S": method}, "status": {"S": str(status)}}
    return {"pk": {"S": key}, "sk": {"S": JSON_ITEM}, **content, **stamp, **made_by}


def index_item(
    type_: ResourceType,
    key: str,
    digest: str,
    stamp: Item,
    *,
    values: dict[str, list[Any]] | None = None,
    entries: Iterable[Key] = (),
    references: Iterable[str] = (),
) -> Item:
    """Return the index record of a version. Without `values` and `entries` no search finds the resource."""
    return {
        "pk": {"S": key},
        "sk": {"S": INDEX_ITEM},
        "values": {"S": _compact(stored_values(type_, values or {}))},
        "entries": {"S": entries_text(entries)},
        "targets": {"S": texts_text(references)},
        "digest": {"S": digest},
        **stamp,
    }


def entry_item(key: Key, values: Item) -> Item:
    """Return an index entry with the `values` attribute of its index record."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}, "values": values}


def entries_text(keys: Iterable[Key]) -> str:
    """Return entry keys as an index record stores them: a JSON array of [pk, sk] pairs."""
    return _compact([list(key) for key in keys])


def texts_text(texts: Iterable[str]) -> str:
    """Return texts as an index record stores them: a sorted JSON array."""
    return _compact(sorted(texts))


def patients_of(item: Item | None) -> tuple[str, ...]:
    """Return the ids of the patients whose compartments hold a version, by its body or its index record."""
    return _ids_in(item, "patient")


def former_patients_of(item: Item | None) -> tuple[str, ...]:
    """Return the ids of the patients whose compartments held a version before, and do not hold this one."""
    return _ids_in(item, "former_patients")


def patients_stamp(patients: Iterable[str], former: Iterable[str]) -> Item:
    """Return the attributes of a version in the compartments of `patients`, and of `former` ones before.

    Each is absent if there are none. A patient may be in both.
    """
    held = list(dict.fromkeys(patients))
    left = [each for each in dict.fromkeys(former) if each not in held]
    named = {"patient": held, "former_patients": left}
    return {name: {"S": " ".join(ids)} for name, ids in named.items() if ids}


def _ids_in(item: Item | None, attribute: str) -> tuple[str, ...]:
    return tuple(item[attribute]["S"].split()) if item and attribute in item else ()


def item_size(item: Item) -> int:
    """Return the approximate size of an item in DynamoDB, in bytes of its names and of its texts in UTF-8."""
    size = 0
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        if kind == "S":
            size += len(name) + (len(value) if value.isascii() else len(value.encode()))
        else:
            size += len(name) + (item_size(value) if kind == "M" else 21)
    return size


def instant_text(milliseconds: int) -> str:
    """Return epoch milliseconds as a FHIR instant in UTC (`2024-05-01T10:00:00.000Z`)."""
    instant = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def epoch_milliseconds(instant: datetime) -> int:
    """Return an instant with a zone as whole epoch milliseconds."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
