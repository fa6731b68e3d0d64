"""The history of one resource: its versions, the newest first (STU3 RESTful API: history)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from careconnect.fhir.rendering.bundle import BUNDLE_BYTES, Bundle, BundleType, bytes_of, entry_text
from careconnect.fhir.rendering.views import show
from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.scopes import Letter
from careconnect.search.criteria import parse_instant
from careconnect.search.links import Cursor
from fhir_reader.history_entry import history_entry
from fhir_reader.opened import opening_scope
from fhir_reader.read_resource import read_current
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import disclose_named_patients
from fhir_reader.search.parse import HISTORY, SINCE, SearchQuery
from fhir_reader.store.stored import StoredResource, patients_in

MAX_VERSIONS: Final = 200
"""Versions that one page examines to find those that the caller may see."""


@dataclass(frozen=True, slots=True)
class _Resource:
    """The resource of the requested history; `is_open` is True if the caller may see all its versions.

    `is_limited` is True if `r` may open some of them only.
    """

    type: ResourceType
    id: str
    current: StoredResource
    is_open: bool
    is_limited: bool


@dataclass(frozen=True, slots=True)
class _HistoryPage:
    """A page of history entries.

    `next` is the version at which the next page begins (0: there is none). `found` counts the versions that the caller
    may see. `patients` are the ids of the patients that the entries are about, some of them repeatedly.
    """

    entries: list[str]
    next: int
    found: int
    patients: list[str]


def read_history(type_: ResourceType, resource_id: str, query: SearchQuery, context: SearchContext) -> Bundle:
    """Return a page of a resource's versions, without those of other patients for a bound client.

    Those that `r` does not open are left out as well; what was deleted decides on its deletion.

    The cost does not depend on the number of versions: they are numbered without a gap, and a later version was not
    written earlier. `total` is present if it follows from the numbers, or if the first page has examined all versions.
    Raises the outcomes of a read, except for a deleted resource, and 400 for a malformed `_since` or a foreign cursor.
    """
    cursor = context.links.open_cursor(query.used, query.cursor) if query.cursor else None
    since = _since(query.used)
    disclose_named_patients(type_, context)
    current = read_current(context.store, context.caller, type_, resource_id, context.found)
    whose = patients_in(type_, resource_id, current)
    is_limited = bool(context.caller.limits(type_, Letter.READ))
    is_open = context.caller.sees(type_, resource_id, ()) and not is_limited
    resource = _Resource(type_, resource_id, current, is_open, is_limited)
    links = [("self", context.links.url(query.used))]
    with context.budget.charged_to(HISTORY):
        if cursor:
            highest, lowest = cursor.position
        else:
            highest, lowest = current.version, _lowest(resource, since, context)
        total = cursor.total if cursor else (highest - lowest + 1 if resource.is_open else None)
        if total is not None and context.result.only_total:
            # A total alone tells of the patients of the resource.
            context.found.disclose(whose)
            return Bundle(total, links, [], BundleType.HISTORY)
        page = _page(resource, highest, lowest, context)
    context.found.disclose(page.patients or whose)
    if total is None and cursor is None and not page.next:
        total = page.found
    if page.next and not context.result.only_total:
        links.append(("next", context.links.next_url(query.used, Cursor([page.next, lowest], total))))
    return Bundle(total, links, page.entries, BundleType.HISTORY)


def _since(used: Sequence[tuple[str, str]]) -> int | None:
    """Return the instant in `_since`, or None without one. The last of several counts, but each must be valid."""
    since = None
    for name, text in used:
        if name == SINCE:
            since = parse_instant(name, text)
    return since


def _lowest(resource: _Resource, since: int | None, context: SearchContext) -> int:
    """Return the first version written at or after `since`, or version 1 without `since`.

    Return one beyond the current version if all were written before. This is a binary search: one read for each step.
    """
    versions, type_, current = context.store.versions, resource.type, resource.current
    if since is not None and current.updated < since:
        return current.version + 1
    lowest, highest = 1, current.version
    while since is not None and lowest < highest:
        middle = (lowest + highest) // 2
        kept = versions.read(type_, resource.id, middle)
        if kept is not None and kept.updated >= since:
            highest = middle
        else:
            lowest = middle + 1
    return lowest


def _page(resource: _Resource, highest: int, lowest: int, context: SearchContext) -> _HistoryPage:
    count = context.result.count
    wanted = 0 if context.result.only_total else count
    entries: list[str] = []
    patients: list[str] = []
    found, left = 0, BUNDLE_BYTES
    for examined, (version, content) in enumerate(_with_contents(resource, highest, lowest, context)):
        if examined == MAX_VERSIONS or (wanted and len(entries) == wanted):
            return _HistoryPage(entries, version.version, found, patients)
        if not context.caller.sees(resource.type, resource.id, version.patients):
            continue
        if opening_scope(context.caller, resource.type, content) is None:
            continue
        found += 1
        if not wanted:
            continue
        entry = _entry(resource, version, context)
        left -= bytes_of(entry)
        if left < 0 and entries:
            return _HistoryPage(entries, version.version, found, patients)
        entries.append(entry)
        patients += patients_in(resource.type, resource.id, version)
    return _HistoryPage(entries, 0, found, patients)


def _with_contents(
    resource: _Resource, highest: int, lowest: int, context: SearchContext
) -> Iterator[tuple[StoredResource, str]]:
    """Yield versions in descending order, each with the body that decides on it: of a deletion the one before it."""
    if not resource.is_limited:
        yield from ((version, version.body) for version in _versions(resource, highest, lowest, context))
        return
    deletion: StoredResource | None = None
    # One version below the last shows what that deleted. What deleted nothing is opened by no suffix.
    for version in _versions(resource, highest, max(lowest - 1, 1), context):
        if deletion:
            yield deletion, version.body
        deletion = version if version.deleted else None
        if version.version >= lowest and not deletion:
            yield version, version.body


def _versions(resource: _Resource, highest: int, lowest: int, context: SearchContext) -> Iterator[StoredResource]:
    """Yield versions in descending order; those below the current one are requested only when they are reached."""
    if highest < lowest:
        return
    current = resource.current
    if highest == current.version:
        yield current
        highest -= 1
    if highest >= lowest:
        # One version more shows where the next page begins.
        expected = min(highest - lowest, context.result.count or MAX_VERSIONS) + 1
        yield from context.store.versions.backwards(resource.type, resource.id, highest, lowest, expected)


def _entry(resource: _Resource, version: StoredResource, context: SearchContext) -> str:
    body = "" if version.deleted else show(version.body, resource.type, context.result.view)
    url = f"{resource.type.name}/{resource.id}"
    return entry_text(history_entry(body, version, context.fhir_base, url), context.result.view)
