"""One page of results: bodies fetched in batches, what they point at included, and never too large to send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from careconnect import outcomes
from careconnect.rendering.bundle import search_entry
from careconnect.rendering.room import ROOM, bytes_of
from careconnect.rendering.views import show
from careconnect.resource_types import ResourceType
from fhir_reader.search.body_of_entry import bodies_of_entries
from fhir_reader.search.context import SearchContext
from fhir_reader.search.includes import Included, follow_references
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

    Raises the 400 outcome if one match alone includes more than an answer can hold, or than a request may cost.
    """
    matches = [match.holding(match.values) for match in matches]
    # Beside the bodies, so that the record costs no time: whoever is not told of after all is corrected at the end.
    context.access.begin(patient for match in matches for patient in match.patients)
    bodies = bodies_of_entries([(match.type, match.id) for match in matches], matches, context)
    shown: list[_Shown | None] = []
    room = ROOM
    for match in matches:
        entry = _matched(match, bodies, context)
        cost = bytes_of(entry.text) if entry else 0
        if cost > room and any(shown):
            break
        room -= cost
        shown.append(entry)
    if not includes and not reverse:
        return _page([entry for entry in shown if entry], len(shown), context)
    return _with_included(matches, shown, includes, reverse, context)


def _with_included(
    matches: Sequence[Entry],
    shown: Sequence[_Shown | None],
    includes: Sequence[Include],
    reverse: Sequence[Include],
    context: SearchContext,
) -> Page:
    """Add what the matches include, one match after the other, for as long as there is room."""
    followed = [match for match, entry in zip(matches, shown, strict=False) if entry]
    included = dict(zip(followed, follow_references(followed, includes, reverse, context), strict=False))
    with context.budget.charged_to("_revinclude" if reverse else "_include"):
        found = [one for each in included.values() for one in each]
        context.access.begin(patient for one in found for patient in _patients_of(one))
        bodies = bodies_of_entries([one.key for one in found], [one.entry for one in found if one.entry], context)
    entries: list[_Shown] = []
    beside: list[_Shown] = []
    room, taken = ROOM, 0
    for match, entry in zip(matches, shown, strict=False):
        if entry:
            if match not in included:
                break
            added = _included_entries(included[match], bodies, context)
            room -= sum(bytes_of(one.text) for one in (entry, *added))
            if room < 0:
                break
            entries.append(entry)
            beside += added
        taken += 1
    if followed and not entries:
        raise outcomes.too_costly("_revinclude" if reverse else "_include", "one match includes more than a page holds")
    return _page([*entries, *beside], taken, context)


def _page(shown: Sequence[_Shown], taken: int, context: SearchContext) -> Page:
    context.access.discloses(patient for one in shown for patient in one.patients)
    return Page([one.text for one in shown], taken)


def _patients_of(included: Included) -> tuple[str, ...]:
    """Return the patients whom something included tells of, as far as that is known before its body is there."""
    type_, resource_id = included.key
    if type_.is_patient:
        return (resource_id,)
    return included.entry.patients if included.entry else ()


def _matched(match: Entry, bodies: Mapping[tuple[str, str], StoredResource], context: SearchContext) -> _Shown | None:
    """Return a match's entry; none for what was deleted, or came to another patient, since its entry was read."""
    stored = bodies.get((match.type.name, match.id))
    if stored is None or stored.gone or not context.caller.sees(match.type, match.id, stored.patients):
        return None
    return _entry(match.type, match.id, stored, "match", context)


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
