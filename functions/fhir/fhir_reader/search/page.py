"""One page of results: bodies fetched in batches, what they point at included, and never too large to send."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from careconnect.fhir import outcomes
from careconnect.fhir.rendering.bundle import search_entry
from careconnect.fhir.rendering.size_budget import ROOM, bytes_of
from careconnect.fhir.rendering.views import show
from careconnect.fhir.resource_types import ResourceType
from fhir_reader.search.context import SearchContext
from fhir_reader.search.includes import Included, follow_references
from fhir_reader.search.matching_version import matching_versions
from fhir_reader.search.query import Include
from fhir_reader.store.stored import Entry, StoredResource, patients_in


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of a page; `taken` says how many of the offered matches it covers."""

    entries: list[str]
    taken: int


@dataclass(frozen=True, slots=True)
class _Shown:
    """An entry of the page, and the ids of the patients whom it tells of."""

    text: str
    patients: tuple[str, ...]


def fill_page(
    matches: Sequence[Entry], includes: Sequence[Include], reverse: Sequence[Include], context: SearchContext
) -> Page:
    """Fill a page with as many of `matches` as fit, each with what it includes.

    What they include is found from their entries. So it is known whom the page may tell of before any body is there:
    the bodies of all and the events of all are asked for side by side. Raises the 400 outcome if one match alone
    includes more than an answer can hold, costs more than a request may, or tells of more patients than one may.
    """
    matches = [match.holding(match.values) for match in matches]
    name = "_revinclude" if reverse else "_include"
    followed = _followed(matches, includes, reverse, context)
    bodies = _bodies(followed, name, context)
    lost = {match for match, _ in followed if _body_of(match, bodies, context) is None}
    if lost and (includes or reverse):
        # What they have included first, others may include too. Nobody else is on the page for that.
        there = [match for match, _ in followed if match not in lost]
        included = dict(_followed(there, includes, reverse, context))
        bodies |= _bodies(list(included.items()), name, context)
        followed = [(match, included.get(match, [])) for match, _ in followed if match in lost or match in included]
    return _page(followed, bodies, name, context)


_Followed = tuple[Entry, list[Included]]


def _followed(
    matches: Sequence[Entry], includes: Sequence[Include], reverse: Sequence[Include], context: SearchContext
) -> list[_Followed]:
    """Return matches with what they include, for as many of them as one page may include and tell of."""
    if includes or reverse:
        followed = list(zip(matches, follow_references(matches, includes, reverse, context), strict=False))
    else:
        followed = [(match, []) for match in matches]
    context.trail.settle()
    patients: set[str] = set()
    for place, (match, included) in enumerate(followed):
        patients.update(match.patients, *(_patients_of(one) for one in included))
        if not context.trail.fits(patients):
            if not place:
                raise outcomes.too_many_patients()
            return followed[:place]
    return followed


def _bodies(followed: Sequence[_Followed], name: str, context: SearchContext) -> dict[tuple[str, str], StoredResource]:
    """Return the bodies of matches and of what they include, and begin the events of all beside."""
    found = [one for _, included in followed for one in included]
    patients = {patient for match, _ in followed for patient in match.patients}
    patients.update(patient for one in found for patient in _patients_of(one))
    if patients:
        context.trail.touched(sorted(patients))
    keys = [(match.type, match.id) for match, _ in followed] + [one.key for one in found]
    entries = [match for match, _ in followed] + [one.entry for one in found if one.entry]
    with context.budget.charged_to(name) if found else nullcontext():
        return dict(matching_versions(keys, entries, context))


def _page(
    followed: Sequence[_Followed],
    bodies: Mapping[tuple[str, str], StoredResource],
    name: str,
    context: SearchContext,
) -> Page:
    """Return a page of as many matches as there is room for, in bytes and in patients."""
    entries: list[_Shown] = []
    beside: list[_Shown] = []
    patients: set[str] = set()
    room, taken = ROOM, 0
    for match, included in followed:
        if entry := _matched(match, bodies, context):
            added = _included_entries(included, bodies, context)
            told = {patient for one in (entry, *added) for patient in one.patients}
            room -= sum(bytes_of(one.text) for one in (entry, *added))
            if room < 0 and added and not entries:
                raise outcomes.too_costly(name, "one match includes more than a page holds")
            if not context.trail.fits(patients | told):
                if not entries:
                    raise outcomes.too_many_patients()
                break
            if room < 0 and entries:
                break
            patients |= told
            entries.append(entry)
            beside += added
        taken += 1
    # What is included may be of others than those who were known before its body was there.
    if patients:
        context.trail.touched(sorted(patients))
    return Page([one.text for one in (*entries, *beside)], taken)


def _patients_of(included: Included) -> tuple[str, ...]:
    """Return the patients whom something included tells of, as far as that is known before its body is there."""
    type_, resource_id = included.key
    if type_.is_patient:
        return (resource_id,)
    return included.entry.patients if included.entry else ()


def _matched(match: Entry, bodies: Mapping[tuple[str, str], StoredResource], context: SearchContext) -> _Shown | None:
    stored = _body_of(match, bodies, context)
    return _entry(match.type, match.id, stored, "match", context) if stored else None


def _body_of(
    match: Entry, bodies: Mapping[tuple[str, str], StoredResource], context: SearchContext
) -> StoredResource | None:
    """Return a match's body; none of what was deleted, or came to another patient, since its entry was read."""
    stored = bodies.get((match.type.name, match.id))
    if stored is None or stored.gone or not context.caller.sees(match.type, match.id, stored.patients):
        return None
    return stored


def _included_entries(
    included: Sequence[Included], bodies: Mapping[tuple[str, str], StoredResource], context: SearchContext
) -> list[_Shown]:
    keys = (one.key for one in included)
    found = ((type_, id_, bodies.get((type_.name, id_))) for type_, id_ in keys)
    return [
        _entry(type_, id_, stored, "include", context)
        for type_, id_, stored in found
        if stored is not None and not stored.gone and context.caller.sees(type_, id_, stored.patients)
    ]


def _entry(type_: ResourceType, resource_id: str, stored: StoredResource, mode: str, context: SearchContext) -> _Shown:
    body = show(stored.body, type_, context.view)
    text = search_entry(body, mode, f"{context.fhir_base}/{type_.name}/{resource_id}", context.view)
    return _Shown(text, patients_in(type_, resource_id, stored))
