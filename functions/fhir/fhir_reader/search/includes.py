"""Follow `_include` and `_revinclude`; return only resources that the caller may read (`access.md`, Rule 3)."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.fhir.result_parameter_names import MAX_COUNT
from careconnect.oauth.scopes import Letter
from fhir_reader.opened import FOUND, READ, Letters
from fhir_reader.search.chains.referrers import referrers_of
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import is_visible
from fhir_reader.search.parse import Include
from fhir_reader.store.stored import BATCH, Entry, PageEntry, TypedId, page_entries

MAX_INCLUDED: Final = 1_000
"""Maximum resources that one page may include."""

_FIRST_GROUP: Final = 4
"""Ranges that the first group queries concurrently; doubled after each group that fits."""

_CALLS_FOR_BODIES: Final = (MAX_INCLUDED + MAX_COUNT) // BATCH + 3
"""Calls that are reserved for the bodies of a page: of its matches, of its includes, and a few second reads."""


@dataclass(frozen=True, slots=True)
class Included:
    """A resource that a match includes: the match's index in its group, and the resource's index entry, if known."""

    position: int
    key: TypedId
    entry: PageEntry | None

    @property
    def opened_by(self) -> Letters:
        """The letters that the resource takes: `s` too if its index entry was found, as a search of its type would."""
        return FOUND if self.entry else READ


def follow_references(
    matches: Sequence[PageEntry], includes: Sequence[Include], reverse: Sequence[Include], context: SearchContext
) -> list[list[Included]]:
    """Return the included resources of each match, for as many leading matches as fit on one page.

    A resource is included once, for the first match that includes it, and not at all if it is a match itself. Types
    that the token does not permit are skipped without an error. Raises the 400 outcome `too-costly` if the first match
    alone includes too much.
    """
    # Finding the referrers of a match is a search of their type, which `.r` alone does not permit.
    reverse = [include for include in reverse if context.caller.may_find(include.source)]
    return _Inclusion(matches, includes, reverse, context).follow()


class _Inclusion:
    """Follows the references of one page's matches, a group of matches at a time."""

    def __init__(
        self,
        matches: Sequence[PageEntry],
        includes: Sequence[Include],
        reverse: Sequence[Include],
        context: SearchContext,
    ) -> None:
        self._matches = matches
        self._includes = includes
        self._reverse = [include for include in reverse if any(_may_refer_to(include, one.type) for one in matches[:1])]
        self._again = [include for include in includes if include.iterate]
        self._reverse_again = [include for include in reverse if include.iterate]
        self._context = context
        self._seen: set[TypedId] = {(match.type, match.id) for match in matches}
        self._included = 0

    def follow(self) -> list[list[Included]]:
        """Return the included resources of each match, until the matches end or the request budget is tight."""
        found: list[list[Included]] = []
        group = self._first_group()
        while len(found) < len(self._matches):
            affordable = self._affordable()
            if found and (affordable < 1 or self._context.budget.is_tight(MAX_INCLUDED)):
                break
            start = len(found)
            some = self._matches[start : start + max(min(group, affordable), 1)]
            brought = self._brought(some, is_first=not found)
            found += brought
            if len(brought) < len(some):
                break
            group *= 2
        return found

    def _first_group(self) -> int:
        if self._again or self._reverse_again:
            # The number of resources that one match leads to is not known in advance.
            return 1
        return max(_FIRST_GROUP // len(self._reverse), 1) if self._reverse else len(self._matches)

    def _affordable(self) -> int:
        calls = self._context.budget.calls_left - _CALLS_FOR_BODIES
        return calls // len(self._reverse) if self._reverse else len(self._matches)

    def _brought(self, matches: Sequence[PageEntry], *, is_first: bool) -> list[list[Included]]:
        """Return the included resources of each match in a group, for as many leading matches as fit on the page."""
        brought: list[list[Included]] = []
        new: list[Included] = []
        for position, (match, sources) in enumerate(zip(matches, self._sources(matches), strict=False)):
            mine = self._new(position, self._targets(match, self._includes))
            if self._reverse:
                mine += self._new_referrers(position, sources)
            if self._is_too_much(mine):
                if is_first and not brought:
                    raise self._too_costly()
                break
            brought.append(mine)
            new += mine
        while new and (self._again or self._reverse_again):
            if not self._can_go_on(new, is_first=is_first):
                return []
            new = self._next_round(new)
            if self._is_too_much(new):
                if is_first:
                    raise self._too_costly()
                return []
            for one in new:
                brought[one.position].append(one)
        return brought

    def _is_too_much(self, more: Sequence[Included]) -> bool:
        self._included += len(more)
        return self._included > MAX_INCLUDED

    def _too_costly(self) -> OutcomeError:
        dearer = "_revinclude" if self._reverse or self._reverse_again else "_include"
        return outcomes.too_costly(dearer, f"one match includes more than {MAX_INCLUDED:,} resources")

    def _new_referrers(self, position: int, sources: Iterable[tuple[TypedId, Entry]]) -> list[Included]:
        """Return the referrers that are new and readable; taking them from their streams costs entries."""
        with self._context.budget.charged_to("_revinclude"):
            return self._new(position, sources)

    def _new(self, position: int, candidates: Iterable[tuple[TypedId, Entry | None]]) -> list[Included]:
        """Return the candidates that are new and readable; stop at the number that makes a match too large."""
        new: list[tuple[TypedId, Entry | None]] = []
        for key, entry in candidates:
            if key in self._seen or not self._context.caller.may(key[0], Letter.READ):
                continue
            self._seen.add(key)
            new.append((key, entry))
            if len(new) > MAX_INCLUDED:
                break
        known = iter(page_entries(entry for _, entry in new if entry))
        return [Included(position, key, next(known) if entry else None) for key, entry in new]

    def _targets(self, entry: PageEntry, includes: Sequence[Include]) -> Iterator[tuple[TypedId, None]]:
        for include in includes:
            if include.source is not entry.type:
                continue
            for reference in entry.values.get(include.parameter.name, ()):
                name, _, resource_id = reference.partition("/")
                type_ = resource_type(name)
                allowed = (include.target,) if include.target else include.parameter.targets
                if type_ is not None and name in allowed:
                    yield (type_, resource_id), None

    def _sources(self, matches: Sequence[PageEntry]) -> Iterable[Iterable[tuple[TypedId, Entry]]]:
        """Return the referrers of each match; all are queried concurrently."""
        if not self._reverse:
            return repeat(())
        with self._context.budget.charged_to("_revinclude"):
            by_include = [self._referrers(matches, include) for include in self._reverse]
        return (_keyed(chain.from_iterable(streams)) for streams in zip(*by_include, strict=True))

    def _referrers(self, entries: Sequence[PageEntry], include: Include) -> list[Iterator[Entry]]:
        return referrers_of(entries, include.source, include.parameter, self._context, MAX_INCLUDED + 1, FOUND)

    def _can_go_on(self, new: Sequence[Included], *, is_first: bool) -> bool:
        """Return True if the budget allows another round; the first match's rounds continue until the budget is spent.

        Each round takes calls, so the maximum number of calls bounds the number of rounds.
        """
        taking_part = [one for one in new if self._takes_part(one.key[0])]
        looked_up = Counter(one.key[0] for one in taking_part if one.entry is None)
        calls = sum(math.ceil(number / BATCH) for number in looked_up.values())
        calls += sum(_may_refer_to(include, one.key[0]) for include in self._reverse_again for one in taking_part)
        budget = self._context.budget
        return is_first or (budget.calls_left - _CALLS_FOR_BODIES >= calls and not budget.is_tight(MAX_INCLUDED))

    def _takes_part(self, type_: ResourceType) -> bool:
        return any(include.source is type_ for include in self._again) or any(
            _may_refer_to(include, type_) for include in self._reverse_again
        )

    def _next_round(self, new: Sequence[Included]) -> list[Included]:
        """Return the resources that the last round's resources include."""
        known = self._entries(new)
        found: list[Included] = []
        for position, entry in known:
            found += self._new(position, self._targets(entry, self._again))
        for include in self._reverse_again:
            referred_to = [(position, entry) for position, entry in known if _may_refer_to(include, entry.type)]
            with self._context.budget.charged_to("_revinclude"):
                streams = self._referrers([entry for _, entry in referred_to], include)
            for (position, _), stream in zip(referred_to, streams, strict=True):
                found += self._new_referrers(position, _keyed(stream))
        return found

    def _entries(self, new: Sequence[Included]) -> list[tuple[int, PageEntry]]:
        """Return the entries of included resources that may include others; skip those that the caller may not see."""
        entries = {one.key: one.entry for one in new if one.entry is not None}
        wanted = [one.key for one in new if one.entry is None and self._takes_part(one.key[0])]
        with self._context.budget.charged_to("_include"):
            for type_ in dict.fromkeys(type_ for type_, _ in wanted):
                ids = [resource_id for each, resource_id in wanted if each is type_]
                found = self._context.store.entries_by_id(type_, ids)
                entries |= {(entry.type, entry.id): entry for entry in page_entries(found)}
        known = ((one, entries.get(one.key)) for one in new)
        return [
            (one.position, entry)
            for one, entry in known
            if entry is not None and is_visible(entry, self._context, one.opened_by)
        ]


def _keyed(entries: Iterable[Entry]) -> Iterator[tuple[TypedId, Entry]]:
    return (((entry.type, entry.id), entry) for entry in entries)


def _may_refer_to(include: Include, type_: ResourceType) -> bool:
    return type_.name in ((include.target,) if include.target else include.parameter.targets)
