"""Turn a checked resource into the items of its record: a body, an index record and its entries."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.search.stored_values import stored_values
from careconnect.search.values import patients_of
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, Key, resource_key
from careconnect_records.items.actions import Item
from careconnect_records.items.extract import index_keys, search_values
from careconnect_records.items.reference_counts import targets_of
from careconnect_records.items.references import contained_in, fhir_base_of, misplaced, references_of
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.parsing.faults import MOST_FAULTS, Fault, InvalidResourceError
from careconnect_records.stu3.element_order import in_order
from careconnect_records.stu3.validation import validate

GONE: Final = "gone"
"""The digest of a deleted resource."""

LARGEST_BODY: Final = 350_000
"""Bytes of one item's texts: DynamoDB's quota is 400 KB."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TooLargeError(ValueError):
    """A resource does not fit into an item; the text says by how much."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What is asked of one resource: to be this, or (`resource` None) to be deleted."""

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

    body: Item
    index: Item
    entries: tuple[Item, ...]
    keys: frozenset[Key]


def new_version(served: ResourceType, resource: dict[str, Any]) -> NewVersion:
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
    return NewVersion(served, resource["id"], bare, digest)


def checked_version(served: ResourceType, resource: dict[str, Any], *, base_url: str = "") -> NewVersion:
    """Return what to store of a resource of a served type with its id; raises `InvalidResourceError`.

    What it refers to need not be there, but has to be of a type that may be referred to.
    """
    validate(resource)
    contained, fhir_base = contained_in(resource), fhir_base_of(base_url)
    faults = (
        Fault("not-found", reference.expression, text)
        for reference in references_of(resource)
        if (text := misplaced(reference, contained, fhir_base))
    )
    if found := list(islice(faults, MOST_FAULTS)):
        raise InvalidResourceError(found)
    return new_version(served, resource)


def deleted_version(served: ResourceType, resource_id: str) -> NewVersion:
    """Return what to store of a deleted resource."""
    return NewVersion(served, resource_id, None, GONE)


@dataclass(frozen=True, slots=True)
class Interaction:
    """How a version came to be, for the resource's history: a method, and the status of its answer."""

    method: str
    status: int

    @property
    def attributes(self) -> Item:
        """What a body's item has of it."""
        return {"method": {"S": self.method}, "status": {"S": str(self.status)}}


def build_record(
    content: NewVersion,
    version: int,
    updated: int,
    *,
    base_url: str = "",
    by: Interaction = Interaction("PUT", 200),
    patients: tuple[str, ...] = (),
) -> Record:
    """Return the items of `content` as `version`, changed at `updated` (epoch milliseconds) `by` an interaction.

    A deletion belongs to `patients`, as what it deletes did. Raises `TooLargeError`, and `SearchValueError` for a date
    that the calendar does not have.
    """
    stamp: Item = {"version": {"N": str(version)}, "updated": {"N": str(updated)}}
    values: dict[str, list[Any]] = {}
    keys: list[Key] = []
    targets: frozenset[str] = frozenset()
    resource = None if content.resource is None else with_version(content.resource, version, updated)
    if resource is not None:
        values = search_values(resource, base_url=base_url)
        keys = index_keys(content.served, content.resource_id, values)
        patients = patients_of(content.served, content.resource_id, values)
        targets = targets_of(resource, base_url=base_url)
    if patients:
        stamp["patient"] = {"S": " ".join(patients)}
    held: Item = {"gone": {"BOOL": True}} if resource is None else {"body": {"S": json_text(in_order(resource))}}
    body = {"pk": {"S": content.key}, "sk": {"S": JSON_ITEM}, **held, **stamp, **by.attributes}
    index = _index_item(content, values, keys, targets, stamp)
    for item in (body, index):
        if item_size(item) > LARGEST_BODY:
            raise TooLargeError(f"too large: {item_size(item):,} bytes as stored, {LARGEST_BODY:,} at most")
    entry_values = index["values"]
    entries = tuple({"pk": {"S": pk}, "sk": {"S": sk}, "values": entry_values} for pk, sk in keys)
    return Record(body, index, entries, frozenset(keys))


def with_version(resource: dict[str, Any], version: int, updated: int) -> dict[str, Any]:
    """Return a resource with `meta.versionId` and `meta.lastUpdated`."""
    stamp = {"versionId": str(version), "lastUpdated": instant_text(updated)}
    return {**resource, "meta": {**resource.get("meta", {}), **stamp}}


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
    return _compact([list(key) for key in keys])


def texts_text(texts: Iterable[str]) -> str:
    """Return texts as an index record keeps them: a sorted JSON array."""
    return _compact(sorted(texts))


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def entries_from(text: str) -> frozenset[Key]:
    """Return the entry keys that `entries_text` wrote."""
    return frozenset((pk, sk) for pk, sk in json.loads(text))


def unindexed(content: NewVersion, body: Item) -> Item:
    """Return the index record of a resource that cannot be indexed: which version it is, and nothing to find it by."""
    stamp: Item = {name: body[name] for name in ("version", "updated", "patient") if name in body}
    return _index_item(content, {}, (), (), stamp)


def _index_item(
    content: NewVersion, values: dict[str, list[Any]], keys: Iterable[Key], targets: Iterable[str], stamp: Item
) -> Item:
    return {
        "pk": {"S": content.key},
        "sk": {"S": INDEX_ITEM},
        "values": {"S": _compact(stored_values(content.served, values))},
        "entries": {"S": entries_text(keys)},
        "targets": {"S": texts_text(targets)},
        "digest": {"S": content.digest},
        **stamp,
    }
