"""What refers to a resource, and whether the caller may know of it."""

from collections.abc import Iterable, Iterator, Sequence

from careconnect.record_keys import reference_prefix, resource_key
from careconnect.resource_types import ResourceType, SearchParameter
from fhir_reader.search.context import SearchContext
from fhir_reader.store.stored import Entry, IndexRange


def is_visible(entry: Entry, context: SearchContext) -> bool:
    """Say whether an entry is within the caller's compartment."""
    return not context.caller.patient or context.caller.sees(entry.type, entry.id, entry.patients)


def referrers_of(
    entries: Sequence[Entry], source: ResourceType, reference: SearchParameter, context: SearchContext, expected: int
) -> list[Iterator[Entry]]:
    """Open for each entry a stream of the resources of a type that refer to it, latest first: one call each.

    A reference that lies within another has its entries under the other's name.
    """
    prefix = reference_prefix(source.name, reference.within or reference.name)
    keys = [resource_key(entry.type.name, entry.id) for entry in entries]
    streams = context.store.entries(source, [IndexRange(key, prefix, expected=expected) for key in keys])
    if not reference.within:
        return [iter(stream) for stream in streams]
    return [_which_refer(stream, reference, key) for stream, key in zip(streams, keys, strict=True)]


def _which_refer(stream: Iterable[Entry], reference: SearchParameter, key: str) -> Iterator[Entry]:
    return (entry for entry in stream if key in entry.values.get(reference.name, ()))
