"""The version of a resource that an index entry speaks of: never a new body for an old entry's match (ADR 23).

An entry and its body are read by two calls, between which the resource may be written. Both say when it was.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from careconnect.fhir.resource_types import LAST_UPDATED, ResourceType
from fhir_reader.search.context import SearchContext
from fhir_reader.store.stored import Entry, StoredResource

MOST_STEPS: Final = 8
"""Versions that are looked at, from the current one back, for the one that an entry speaks of."""

Key = tuple[str, str]


def matching_versions(
    keys: Iterable[tuple[ResourceType, str]], entries: Iterable[Entry], context: SearchContext
) -> Mapping[Key, StoredResource]:
    """Return resources by (type name, id), those of `entries` in the version that the entry speaks of.

    Left out is what is absent. Where nothing is written meanwhile, that is one call for a hundred. A body from before
    its entry is read again, strongly consistent; instead of one from after it, the version of then is given, or none if
    that is not kept. What was deleted, or came to a patient whom the caller may not see, is given as it is now: the
    caller is to be asked of every body that is returned.
    """
    bodies = dict(context.store.read_all(keys))
    told = {(entry.type.name, entry.id): (entry, _changed(entry)) for entry in entries}
    behind = [entry for key, (entry, changed) in told.items() if key not in bodies or bodies[key].updated < changed]
    if behind:
        again = [(entry.type, entry.id) for entry in behind]
        bodies |= context.store.consistent().read_all(again)
    for key, (entry, changed) in told.items():
        stored = bodies.get(key)
        if stored is None or stored.updated == changed or stored.gone:
            continue
        if context.caller.sees(entry.type, entry.id, stored.patients):
            del bodies[key]
            if former := _former(entry, stored, changed, context):
                bodies[key] = former
    return bodies


def _changed(entry: Entry) -> int:
    """Return when the version that an entry speaks of was written, in epoch milliseconds."""
    return int(entry.values[LAST_UPDATED.name][0][0])


def _former(entry: Entry, current: StoredResource, changed: int, context: SearchContext) -> StoredResource | None:
    """Return the version that was written at an instant before the current one was, if it is among the last few."""
    lowest = max(current.version - MOST_STEPS, 1)
    if current.updated < changed or current.version == lowest:
        return None
    versions = context.store.versions.backwards(entry.type, entry.id, current.version - 1, lowest, expected=2)
    for version in versions:
        if version.updated <= changed:
            return version if version.updated == changed else None
    return None
