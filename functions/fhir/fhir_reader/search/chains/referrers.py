"""Find the resources that refer to a resource and that the caller may see."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from careconnect.fhir.resource_types import ResourceType, SearchParameter
from careconnect.storage.keys import reference_prefix, resource_key
from fhir_reader.opened import Letters
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import is_visible
from fhir_reader.search.scan import entries_of
from fhir_reader.store.stored import Entry, IndexRange, PageEntry


def referrers_of(
    entries: Sequence[Entry | PageEntry],
    source: ResourceType,
    reference: SearchParameter,
    context: SearchContext,
    expected: int,
    letters: Letters,
) -> list[Iterator[Entry]]:
    """Open for each entry a stream of the resources of a type that refer to it, latest first: one call each.

    Resources that the caller may not see, or that one of the letters does not open, are left out. A reference with a
    parent parameter has its index entries under the parent's name.
    """
    keys = [resource_key(entry.type.name, entry.id) for entry in entries]
    ranges = [_range(entry, source, reference, context) for entry in entries]
    streams = context.store.entries(source, [replace(one, expected=expected) for one in ranges])
    return [
        _which_refer(
            entries_of(stream, context.budget),
            reference,
            key,
            context,
            letters,
            known=not reference.parent and one.partition == key,
        )
        for stream, key, one in zip(streams, keys, ranges, strict=True)
    ]


def _range(
    entry: Entry | PageEntry, source: ResourceType, reference: SearchParameter, context: SearchContext
) -> IndexRange:
    """Return the index range of the resources that refer to an entry.

    The records of every patient may refer to a resource that is in no compartment. For a bound caller, the range is
    therefore in the caller's own compartment.
    """
    own = source.patient_parameter
    if context.caller.patient and own and not entry.type.is_patient and not entry.type.patient_parameter:
        (owner,) = own.targets
        return IndexRange(resource_key(owner, context.caller.patient), reference_prefix(source.name, own.name))
    key = resource_key(entry.type.name, entry.id)
    return IndexRange(key, reference_prefix(source.name, reference.parent or reference.name))


def _which_refer(
    stream: Iterable[Entry],
    reference: SearchParameter,
    key: str,
    context: SearchContext,
    letters: Letters,
    *,
    known: bool,
) -> Iterator[Entry]:
    """Yield the visible entries that refer to the resource of a key; `known` means that the whole stream does."""
    for entry in stream:
        if entry.is_trace or not is_visible(entry, context, letters):
            continue
        if known or key in entry.values.get(reference.name, ()):
            yield entry
