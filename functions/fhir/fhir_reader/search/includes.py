"""Follow `_include` and `_revinclude`, giving only what the caller may read (`access.md`, Rule 3)."""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Final

from careconnect import outcomes
from careconnect.record_keys import reference_prefix, resource_key
from careconnect.resource_types import ResourceType, resource_type
from careconnect.scopes import Interaction
from fhir_reader.search.context import SearchContext
from fhir_reader.search.query import Include
from fhir_reader.store.stored import BATCH, Entry, IndexRange

MOST_INCLUDED: Final = 1_000
"""Resources that one page may include."""

_FIRST_GROUP: Final = 4
"""Ranges that are asked for at once to begin with; each time that all is well, twice as many."""

_CALLS_FOR_BODIES: Final = MOST_INCLUDED // BATCH

Key = tuple[ResourceType, str]


def follow_references(
    matches: Sequence[Entry], includes: Sequence[Include], reverse: Sequence[Include], context: SearchContext
) -> list[list[Key]]:
    """Return what each of the matches includes, for as many of them, from the first on, as one page may include.

    A resource is named once, by the first match that includes it, and not at all if it is a match itself. Types that
    the token does not open are passed over in silence. Raises the 400 outcome `too-costly` if the first match alone
    includes too much.
    """
    # To find what points at a match is to search its type: `.r` alone does not open that.
    reverse = [include for include in reverse if context.caller.may_find(include.source)]
    seen: set[Key] = {(match.type, match.id) for match in matches}
    found: list[list[Key]] = []
    included, dearer = 0, "_revinclude" if reverse else "_include"
    pointing_here = _sources(matches, reverse, context) if reverse else repeat(iter(()))
    for sources, match in zip(pointing_here, matches, strict=False):
        with context.budget.charged_to("_include"):
            keys = [*_included(_targets(match, includes), seen, context)]
        with context.budget.charged_to("_revinclude"):
            keys += _included(sources, seen, context)
        included += len(keys)
        if included > MOST_INCLUDED:
            if not found:
                raise outcomes.too_costly(dearer, f"one match includes more than {MOST_INCLUDED:,} resources")
            break
        found.append(keys)
    return found


def _included(candidates: Iterator[Key], seen: set[Key], context: SearchContext) -> Iterator[Key]:
    """Yield those that are new and readable, no more of them than make a match too large."""
    yielded = 0
    for key in candidates:
        if key in seen or not context.caller.may(key[0], Interaction.READ):
            continue
        seen.add(key)
        yield key
        yielded += 1
        if yielded > MOST_INCLUDED:
            return


def _targets(match: Entry, includes: Sequence[Include]) -> Iterator[Key]:
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


def _sources(matches: Sequence[Entry], reverse: Sequence[Include], context: SearchContext) -> Iterator[Iterator[Key]]:
    """Yield what points at each match, several of them asked for at once, until the budget of the request is tight."""
    group, start = max(_FIRST_GROUP // len(reverse), 1), 0
    while start < len(matches):
        affordable = (context.budget.calls_left - _CALLS_FOR_BODIES) // len(reverse)
        if start and (affordable < 1 or context.budget.is_tight(MOST_INCLUDED)):
            return
        some = matches[start : start + max(min(group, affordable), 1)]
        with context.budget.charged_to("_revinclude"):
            by_include = [context.store.entries(include.source, _ranges(some, include)) for include in reverse]
        for streams in zip(*by_include, strict=True):
            yield ((entry.type, entry.id) for entry in chain.from_iterable(streams))
        start += len(some)
        group *= 2


def _ranges(matches: Sequence[Entry], include: Include) -> list[IndexRange]:
    prefix = reference_prefix(include.source.name, include.parameter.name)
    return [
        IndexRange(resource_key(match.type.name, match.id), prefix, expected=MOST_INCLUDED + 1) for match in matches
    ]
