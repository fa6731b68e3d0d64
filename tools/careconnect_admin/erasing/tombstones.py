"""The tombstones of an erasure: a version without content, patient and identifier (ADR 48).

A reader takes one for a deletion. `erased` tells it from the deletion of a resource that may come back as it was: what
refers to it may be unlinked.
"""

from typing import Final

from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import former_patients_of, patients_of, patients_stamp

ERASED: Final = "erased"
"""The attribute of a body that an erasure has left."""

_PATIENTS: Final = ("patient", "former_patients")
_KEPT: Final = ("pk", "sk", "version", "updated")


def tombstone(body: Item) -> Item:
    """Return the tombstone of a version: its key, number and time, as a deletion."""
    kept = {name: body[name] for name in _KEPT}
    return {**kept, "gone": {"BOOL": True}, "method": {"S": "DELETE"}, "status": {"S": "204"}, ERASED: {"BOOL": True}}


def is_former(item: Item, current: int) -> bool:
    """Return True if a body is that of a version before `current`, stored as such: it never changes any more."""
    number = int(item["version"]["N"])
    return number < current and bool(item["sk"]["S"] == version_item(JSON_ITEM, number))


def forgotten(item: Item, patient: str) -> Item:
    """Return an index record or a body without a patient among the former ones."""
    former = [each for each in former_patients_of(item) if each != patient]
    rest = {name: value for name, value in item.items() if name not in _PATIENTS}
    return rest | patients_stamp(patients_of(item), former)
