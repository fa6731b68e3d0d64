"""Fill one page of results: follow includes, fetch bodies, authorise each, render, and never exceed an answer."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from careconnect.fhir import outcomes
from careconnect.fhir.rendering.bundle import BUNDLE_BYTES, RenderedEntry, search_entries
from careconnect.fhir.resource_types import ResourceType
from fhir_reader.opened import Letters, sees_version
from fhir_reader.search.chains.criteria import ChainedCondition
from fhir_reader.search.chains.led_through import led_through
from fhir_reader.search.context import SearchContext
from fhir_reader.search.includes import Included, follow_references
from fhir_reader.search.parse import Include
from fhir_reader.store.stored import Entry, NamedId, PageEntry, StoredResource, TypedId, page_entries, patients_in

MAX_STEPS: Final = 8
"""Versions that are read, from the current one back, to find the one of an index entry."""

Bodies = Mapping[NamedId, StoredResource]
_Followed = tuple[PageEntry, list[Included]]


@dataclass(frozen=True, slots=True)
class FilledPage:
    """The rendered entries of a page; `taken` counts the matches that it covers."""

    entries: list[str]
    taken: int


def fill_page(
    matches: Sequence[Entry],
    includes: Sequence[Include],
    reverse: Sequence[Include],
    context: SearchContext,
    *,
    opened_by: Letters,
    following: Sequence[Entry] | None = None,
    chained: Sequence[ChainedCondition] = (),
) -> FilledPage:
    """Fill a page with as many of `matches` as fit, each with its included resources.

    Included resources are found from index entries. So the patients of the page are known before any body is read, and
    the bodies and the audit events of all are requested at the same time. Raises the 400 outcome if one match alone
    includes more than an answer can hold, costs more than a request may, or is about more patients than one may audit.
    The letters `opened_by` have to open each match.

    `following` holds the next match, if the scan knows one, of a search with a criterion that names persons; else it is
    None. That there is a next match tells of its patient, who is disclosed too, and so are the patients through whose
    resources the conditions `chained` led to a match.
    """
    read, after = (_with_led_through(page_entries(each), chained, context) for each in (matches, following or ()))
    name = "_revinclude" if reverse else "_include"
    followed = _followed(read, includes, reverse, context)
    # A page may end before a match that does not fit: without that match the answer would have no `next`.
    next_ = [] if following is None else (read + after)[len(followed) :][:1]
    bodies = _bodies(followed, name, context, opened_by, next_)
    lost = [match for match, _ in followed if (match.type.name, match.id) not in bodies]
    if lost and (includes or reverse):
        # A resource that a lost match included first may be included by another match too, or else by none.
        there = [match for match, _ in followed if match not in lost]
        again = _followed(there, includes, reverse, context)
        included = {(match.type, match.id): more for match, more in again}
        # The matches are not read again: one that was deleted only now would be lost with what it includes first.
        bodies = {**_bodies(again, name, context, opened_by, known=bodies), **bodies}
        # The page ends before the first match for which there was no more room: none is passed over.
        with_room = takewhile(lambda one: one[0] in lost or (one[0].type, one[0].id) in included, followed)
        followed = [(match, included.get((match.type, match.id), [])) for match, _ in with_room]
    return _render(followed, bodies, name, context)


def _with_led_through(
    matches: list[PageEntry], chained: Sequence[ChainedCondition], context: SearchContext
) -> list[PageEntry]:
    """Return matches, each with the patients of the resources that its chains passed through as well."""
    if context.met is None:
        return matches
    return [
        replace(each, patients=tuple(dict.fromkeys((*each.patients, *led_through(chained, each, context)))))
        for each in matches
    ]


def _followed(
    matches: Sequence[PageEntry],
    includes: Sequence[Include],
    reverse: Sequence[Include],
    context: SearchContext,
) -> list[_Followed]:
    """Return matches with their included resources, as many as one page may include and audit.

    The places for the next match are kept free.
    """
    if includes or reverse:
        found = follow_references(matches, includes, reverse, context)
        followed = list(zip(matches, found, strict=False))
    else:
        followed = [(match, []) for match in matches]
    patients: set[str] = set()
    for position, (match, included) in enumerate(followed):
        more = {*match.patients, *(patient for one in included for patient in _patients_of(one, context))} - patients
        if more:
            patients |= more
            if not context.found.has_room_for(patients, context.places):
                if not position:
                    context.found.disclose_first(match.patients if context.places else ())
                    raise outcomes.too_many_patients()
                return followed[:position]
    return followed


def _bodies(
    followed: Sequence[_Followed],
    name: str,
    context: SearchContext,
    opened_by: Letters,
    following: Sequence[PageEntry] = (),
    known: Collection[NamedId] = (),
) -> dict[NamedId, StoredResource]:
    """Return the bodies of matches and of included resources that the caller may see, but for `known` ones.

    The audit events of all are written meanwhile, and those of the match that is `following`.
    """
    found = [one for _, included in followed for one in included]
    patients = {patient for match in (*(match for match, _ in followed), *following) for patient in match.patients}
    patients.update(patient for one in found for patient in _patients_of(one, context))
    context.found.disclose(sorted(patients))
    wanted = {(match.type, match.id): opened_by for match, _ in followed} | {one.key: one.opened_by for one in found}
    wanted = {key: letters for key, letters in wanted.items() if (key[0].name, key[1]) not in known}
    entries = [match for match, _ in followed] + [one.entry for one in found if one.entry]
    entries = [one for one in entries if (one.type.name, one.id) not in known]
    with context.budget.charged_to(name) if found else nullcontext():
        return matching_versions(wanted, entries, context)


def matching_versions(
    wanted: Mapping[TypedId, Letters], entries: Sequence[PageEntry], context: SearchContext
) -> dict[NamedId, StoredResource]:
    """Return resources by (type name, id), those of `entries` in the version that the entry was made from.

    They are those that are there, and that the caller may see by the letters in `wanted`, which have to open each.

    An entry and its body are read by two calls, and the resource may be written between them (ADR 23). Without such a
    write this is one call for a hundred resources. A body older than its entry is read again, strongly consistent; for
    one that is newer, the version of the entry is returned, or none if that is not stored, or if the caller may not see
    the resource any more. Each body is authorised by its own contents, whatever its entry said.
    """
    bodies = dict(context.store.read_all(wanted))
    of_entries = {(one.type.name, one.id): one for one in entries}
    behind = [one for key, one in of_entries.items() if key not in bodies or bodies[key].updated < one.changed]
    if behind:
        bodies |= context.store.consistent().read_all([(one.type, one.id) for one in behind])
    for key, one in of_entries.items():
        stored = bodies.get(key)
        if stored is None or stored.updated == one.changed or stored.deleted:
            continue
        if sees_version(context.caller, one.type, one.id, stored, wanted[one.type, one.id]):
            del bodies[key]
            if previous := _version_of(one, stored, context):
                bodies[key] = previous
    return {
        (type_.name, resource_id): stored
        for (type_, resource_id), letters in wanted.items()
        if (stored := bodies.get((type_.name, resource_id))) is not None
        and not stored.deleted
        and sees_version(context.caller, type_, resource_id, stored, letters)
    }


def _version_of(one: PageEntry, current: StoredResource, context: SearchContext) -> StoredResource | None:
    """Return the version that an entry was made from, if it is among the last few before the current one."""
    lowest = max(current.version - MAX_STEPS, 1)
    if current.updated < one.changed or current.version == lowest:
        return None
    versions = context.store.versions.backwards(one.type, one.id, current.version - 1, lowest, expected=2)
    for version in versions:
        if version.updated <= one.changed:
            return version if version.updated == one.changed else None
    return None


def _render(followed: Sequence[_Followed], bodies: Bodies, name: str, context: SearchContext) -> FilledPage:
    """Return a page of as many matches as fit into the bytes of an answer and the patients of a request."""
    entries: list[str] = []
    added: list[str] = []
    patients: set[str] = set()
    left, taken = BUNDLE_BYTES, 0
    for match, included in followed:
        # One by one: of large resources a page holds a few.
        key = match.type, match.id
        if entry := _rendered([key], bodies, "match", context).get((key[0].name, key[1])):
            more = [*_rendered((one.key for one in included), bodies, "include", context).values()] if included else []
            about = {patient for one in (entry, *more) for patient in one.patients} - patients
            left -= sum(one.text.size for one in (entry, *more))
            if left < 0 and more and not entries:
                raise outcomes.too_costly(name, "one match includes more than a page holds")
            if about and not context.found.has_room_for(patients | about):
                # That it does not fit tells of those in whose record it was, who are few.
                context.found.disclose(entry.patients)
                if not entries:
                    raise outcomes.too_many_patients()
                break
            if left < 0 and entries:
                break
            patients |= about
            entries.append(entry.text.text)
            added += (one.text.text for one in more)
        taken += 1
    # Included resources may be about other patients than their entries said.
    context.found.disclose(sorted(patients))
    return FilledPage([*entries, *added], taken)


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A rendered entry, and the ids of the patients that it is about."""

    text: RenderedEntry
    patients: tuple[str, ...]


def _rendered(
    keys: Iterable[tuple[ResourceType, str]], bodies: Bodies, mode: str, context: SearchContext
) -> dict[NamedId, _Rendered]:
    """Return the rendered entries of those resources that have a body."""
    found = ((type_, resource_id, bodies.get((type_.name, resource_id))) for type_, resource_id in keys)
    seen = [(type_, resource_id, stored) for type_, resource_id, stored in found if stored]
    texts = search_entries(
        [(type_, resource_id, stored.body) for type_, resource_id, stored in seen],
        mode,
        context.fhir_base,
        context.result.view,
    )
    return {
        (type_.name, resource_id): _Rendered(text, patients_in(type_, resource_id, stored))
        for (type_, resource_id, stored), text in zip(seen, texts, strict=True)
    }


def _patients_of(included: Included, context: SearchContext) -> tuple[str, ...]:
    """Return the patients that an included resource is about, as far as that is known before its body is read.

    A patient whom the caller may not see is none: the resource will be left out.
    """
    type_, resource_id = included.key
    if type_.is_patient:
        return (resource_id,) if context.caller.sees(type_, resource_id, ()) else ()
    return included.entry.patients if included.entry else ()
