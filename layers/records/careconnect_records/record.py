"""Turn a checked resource into the items of its record: two bodies, an index record and its entries."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from careconnect.record_keys import INDEX_ITEM, JSON_ITEM, XML_ITEM, Key, resource_key
from careconnect.resource_types import ResourceType
from careconnect.search_values import patients_of
from careconnect.stored_values import stored_values
from careconnect_records.exact_json import json_text
from careconnect_records.extract import index_keys, search_values
from careconnect_records.validation import validate
from careconnect_records.xml_body import xml_text

Item = dict[str, Any]
"""A DynamoDB item in its attribute form (`{"S": …}`)."""

GONE: Final = "gone"
"""The digest of a deleted resource."""

LARGEST_BODY: Final = 350_000
"""Bytes of one item's texts: DynamoDB's quota is 400 KB, and an answer has to fit into Lambda's 6 MB."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TooLargeError(ValueError):
    """A resource does not fit into an item; the text says by how much."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a load asks of one resource: to be this, or (`resource` None) to be deleted."""

    served: ResourceType
    resource_id: str
    resource: dict[str, Any] | None
    digest: str

    @property
    def key(self) -> str:
        """The partition key of the resource's items."""
        return resource_key(self.served.name, self.resource_id)


@dataclass(frozen=True, slots=True)
class Record:
    """All items of one version of a resource, and the keys of its entries."""

    bodies: tuple[Item, ...]
    index: Item
    entries: tuple[Item, ...]
    keys: frozenset[Key]


def content_of(served: ResourceType, resource: dict[str, Any]) -> Content:
    """Return what to store of a valid resource: all but the version, which is the server's to say."""
    meta = {
        name: value
        for name, value in resource.get("meta", {}).items()
        if name.lstrip("_") not in ("versionId", "lastUpdated")
    }
    bare = {name: value for name, value in resource.items() if name != "meta"}
    if meta:
        bare["meta"] = meta
    # The order of keys is not content.
    digest = hashlib.sha256(json_text(bare, sort_keys=True).encode()).hexdigest()
    return Content(served, resource["id"], bare, digest)


def checked_content(served: ResourceType, resource: dict[str, Any]) -> Content:
    """Return what to store of a resource of a served type with its id; raises `InvalidResourceError`."""
    validate(resource)
    return content_of(served, resource)


def deletion_of(served: ResourceType, resource_id: str) -> Content:
    """Return what to store of a deleted resource."""
    return Content(served, resource_id, None, GONE)


def build_record(content: Content, version: int, updated: int, *, base_url: str = "") -> Record:
    """Return the items of `content` as `version`, changed at `updated` (epoch milliseconds).

    Raises `TooLargeError`, and `SearchValueError` for a date that the calendar does not have.
    """
    stamp: Item = {"version": {"N": str(version)}, "updated": {"N": str(updated)}}
    if content.resource is None:
        bodies = tuple(
            {"pk": {"S": content.key}, "sk": {"S": sort_key}, "gone": {"BOOL": True}, **stamp}
            for sort_key in (JSON_ITEM, XML_ITEM)
        )
        return Record(bodies, _index_item(content, {}, (), stamp), (), frozenset())
    resource = with_version(content.resource, version, updated)
    values = search_values(resource, base_url=base_url)
    keys = index_keys(content.served, content.resource_id, values)
    if patients := patients_of(content.served, content.resource_id, values):
        stamp["patient"] = {"S": " ".join(patients)}
    texts = ((JSON_ITEM, json_text(resource)), (XML_ITEM, xml_text(resource)))
    bodies = tuple(
        {"pk": {"S": content.key}, "sk": {"S": sort_key}, "body": {"S": text}, **stamp} for sort_key, text in texts
    )
    stamp.pop("patient", None)
    index = _index_item(content, values, keys, stamp)
    for item in (*bodies, index):
        if item_size(item) > LARGEST_BODY:
            raise TooLargeError(f"too large: {item_size(item):,} bytes as stored, {LARGEST_BODY:,} at most")
    entry_values = index["values"]
    entries = tuple({"pk": {"S": pk}, "sk": {"S": sk}, "values": entry_values} for pk, sk in keys)
    return Record(bodies, index, entries, frozenset(keys))


def with_version(resource: dict[str, Any], version: int, updated: int) -> dict[str, Any]:
    """Return a resource with `meta.versionId` and `meta.lastUpdated`, its `meta` right after its id."""
    stamped = {
        "resourceType": resource["resourceType"],
        "id": resource["id"],
        "meta": {"versionId": str(version), "lastUpdated": instant_text(updated), **resource.get("meta", {})},
    }
    return stamped | {name: value for name, value in resource.items() if name not in stamped}


def instant_text(milliseconds: int) -> str:
    """Return epoch milliseconds as a FHIR instant in UTC (`2024-05-01T10:00:00.000Z`)."""
    instant = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def epoch_milliseconds(instant: datetime) -> int:
    """Return an instant with a zone as whole epoch milliseconds."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def item_size(item: Item) -> int:
    """Return about how many bytes DynamoDB counts for an item: its names and its texts in UTF-8."""
    size = 0
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        size += len(name) + (len(value.encode()) if kind == "S" else 21)
    return size


def entries_text(keys: Iterable[Key]) -> str:
    """Return entry keys as the index record keeps them: a JSON array of [pk, sk] pairs."""
    return json.dumps([list(key) for key in keys], ensure_ascii=False, separators=(",", ":"))


def entries_from(text: str) -> frozenset[Key]:
    """Return the entry keys that `entries_text` wrote."""
    return frozenset((pk, sk) for pk, sk in json.loads(text))


def _index_item(content: Content, values: dict[str, list[Any]], keys: Iterable[Key], stamp: Item) -> Item:
    return {
        "pk": {"S": content.key},
        "sk": {"S": INDEX_ITEM},
        "values": {"S": json.dumps(stored_values(content.served, values), ensure_ascii=False, separators=(",", ":"))},
        "entries": {"S": entries_text(keys)},
        "digest": {"S": content.digest},
        **stamp,
    }
