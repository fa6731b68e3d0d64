"""One page of results: bodies fetched in batches, what they point at included, and never too large to send."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from careconnect import outcomes
from careconnect.http import MAX_ANSWER_BYTES
from careconnect.resource_types import ResourceType
from fhir_reader.rendering.bundle import BundleEntry
from fhir_reader.rendering.views import indent, show
from fhir_reader.search.context import SearchContext
from fhir_reader.search.includes import TooManyIncludedError, follow_references
from fhir_reader.search.query import Include
from fhir_reader.store.stored import Entry, StoredResource

# Room for the Bundle's own text, its links and the gateway's envelope.
_ROOM: Final = MAX_ANSWER_BYTES - 100_000

_ENVELOPE: Final = 500
"""An entry's own text around its resource: `fullUrl`, `search` and, indented, their lines."""

_DEPTH_IN_BUNDLE: Final = 6
"""Spaces by which a Bundle indents each line of a resource further."""


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of a page; `taken` says how many of the offered matches it covers."""

    entries: list[BundleEntry]
    taken: int


def fill_page(
    matches: Sequence[Entry], includes: Sequence[Include], reverse: Sequence[Include], context: SearchContext
) -> Page:
    """Fill a page with as many of `matches` as fit, and with what they include.

    Raises the 400 outcome if one match alone includes more than an answer can hold.
    """
    keys = [(match.type, match.id) for match in matches]
    bodies = context.store.read_all(keys, context.view.format)
    shown: list[BundleEntry] = []
    room = _ROOM
    taken = 0
    for match in matches:
        stored = bodies.get((match.type.name, match.id))
        # What was deleted since its entry was read is passed over.
        if stored is not None and not stored.gone:
            entry = _entry(match.type, match.id, stored, "match", context)
            room -= _cost(entry, context)
            if room < 0 and shown:
                break
            shown.append(entry)
        taken += 1
    if not includes and not reverse:
        return Page(shown, taken)
    return _with_included(matches[:taken], shown, includes, reverse, context)


def _with_included(
    matches: Sequence[Entry],
    shown: Sequence[BundleEntry],
    includes: Sequence[Include],
    reverse: Sequence[Include],
    context: SearchContext,
) -> Page:
    """Add what the matches include, giving up half of them for as long as it is too much."""
    try:
        found = follow_references(matches, includes, reverse, context)
    except TooManyIncludedError:
        found = None
    if found is not None:
        included = [_entry(type_, id_, stored, "include", context) for type_, id_, stored in found]
        if sum(_cost(entry, context) for entry in (*shown, *included)) <= _ROOM:
            return Page([*shown, *included], len(matches))
    if len(matches) <= 1:
        raise outcomes.too_costly()
    half = fill_page(matches[: len(matches) // 2], (), (), context)
    return _with_included(matches[: half.taken], half.entries, includes, reverse, context)


def _entry(
    type_: ResourceType, resource_id: str, stored: StoredResource, mode: str, context: SearchContext
) -> BundleEntry:
    body = show(stored.body, type_, context.view)
    return BundleEntry(body, mode, f"{context.fhir_base}/{type_.name}/{resource_id}")


def _cost(entry: BundleEntry, context: SearchContext) -> int:
    """Return an entry's size as JSON text inside the function's JSON answer, indented if it is to be."""
    if not context.view.pretty:
        return len(json.dumps(entry.body)) + _ENVELOPE
    indented = indent(entry.body, context.view.format)
    return len(json.dumps(indented)) + indented.count("\n") * _DEPTH_IN_BUNDLE + _ENVELOPE
