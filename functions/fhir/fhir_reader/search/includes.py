"""Follow `_include` and `_revinclude`, giving only what the caller may read (`access.md`, Rule 3)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from careconnect.record_keys import reference_prefix, resource_key
from careconnect.resource_types import ResourceType, resource_type
from careconnect.scopes import Interaction
from fhir_reader.search.context import SearchContext
from fhir_reader.search.query import Include
from fhir_reader.store.stored import Entry, IndexRange, StoredResource

MOST_INCLUDED: Final = 1000
"""Resources that one page may include."""


class TooManyIncludedError(Exception):
    """The matches include more than `MOST_INCLUDED` resources."""


def follow_references(
    matches: Sequence[Entry],
    includes: Sequence[Include],
    reverse: Sequence[Include],
    context: SearchContext,
) -> list[tuple[ResourceType, str, StoredResource]]:
    """Return what the matches include, each resource once and none that is a match itself.

    Types that the token does not open and resources outside the caller's compartment are passed over in
    silence. Raises `TooManyIncludedError`.
    """
    present = {(match.type.name, match.id) for match in matches}
    wanted: dict[tuple[str, str], ResourceType] = {}
    for type_, resource_id in (
        *_targets(matches, includes),
        *_sources(matches, reverse, context),
    ):
        if (type_.name, resource_id) in present or not context.caller.may(type_, Interaction.READ):
            continue
        wanted[type_.name, resource_id] = type_
        if len(wanted) > MOST_INCLUDED:
            raise TooManyIncludedError
    bodies = context.store.read_all([(type_, id_) for (_, id_), type_ in wanted.items()], context.view.format)
    return [
        (wanted[key], key[1], stored)
        for key, stored in bodies.items()
        if not stored.gone and context.caller.sees(wanted[key], key[1], stored.patients)
    ]


def _targets(matches: Iterable[Entry], includes: Sequence[Include]) -> Iterator[tuple[ResourceType, str]]:
    for match in matches:
        values = match.values if includes else {}
        for include in includes:
            if include.source is not match.type:
                continue
            for reference in values.get(include.parameter.name, ()):
                name, _, resource_id = reference.partition("/")
                type_ = resource_type(name)
                allowed = (include.target,) if include.target else include.parameter.targets
                if type_ is not None and name in allowed:
                    yield type_, resource_id


def _sources(
    matches: Sequence[Entry], reverse: Sequence[Include], context: SearchContext
) -> Iterator[tuple[ResourceType, str]]:
    for include in reverse:
        # To find what points at a match is to search its type: `.r` alone does not open that.
        if not context.caller.may_find(include.source):
            continue
        prefix = reference_prefix(include.source.name, include.parameter.name)
        ranges = [IndexRange(resource_key(match.type.name, match.id), prefix) for match in matches]
        for stream in context.store.entries(include.source, ranges):
            for entry in stream:
                yield entry.type, entry.id
