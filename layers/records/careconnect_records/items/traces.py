"""Build the traces that a write leaves in place of index entries (`careconnect.storage.traces`, ADR 53)."""

from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.keys import SHARDS, Key, change_partition, deletion_partition, reference_prefix
from careconnect.storage.traces import EXPIRES, NEXT, VERSION, expiry_of
from careconnect_records.items.actions import Item


def trace_in_place_of(type_: ResourceType, key: Key, version: int, next_: int) -> Item | None:
    """Return the trace that the removed entry of a `version` leaves, None if it leaves none.

    `next_` is the instant of the version that removes it, in epoch milliseconds.
    """
    if _is_by_instant(type_, key):
        return _trace(key, next_) | {VERSION: {"N": str(version)}}
    return _trace(key, next_) if is_in_compartment(type_, key) else None


def trace_before(type_: ResourceType, key: Key, next_: int) -> Item | None:
    """Return what counts as before a new entry, and stays if its write is undone; None if that is nothing.

    In a compartment there may be a trace, which the write's intent replaces.
    """
    return _trace(key, next_) if is_in_compartment(type_, key) else None


def is_in_compartment(type_: ResourceType, key: Key) -> bool:
    """Return True for the entry that puts a resource into a patient's compartment."""
    reference, parameter = key[0].partition("/"), type_.patient_parameter
    if parameter is None or not reference[1] or reference[0] not in parameter.targets:
        return False
    return key[1].startswith(reference_prefix(type_.name, parameter.name))


def _is_by_instant(type_: ResourceType, key: Key) -> bool:
    return any(
        key[0] in (change_partition(type_.name, each), deletion_partition(type_.name, each)) for each in range(SHARDS)
    )


def _trace(key: Key, next_: int) -> Item:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}, NEXT: {"N": str(next_)}, EXPIRES: expiry_of(next_)}
