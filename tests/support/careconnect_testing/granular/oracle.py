"""The answers that the contract promises, over plain lists of resources; written from the contract alone.

It shares no rule with the functions: searches are those of the linear search, which asks each resource in turn, and
what a scope opens is asked of each resource too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Final

from careconnect_testing.granular.scopes import Token
from careconnect_testing.granular.told import Page, Told
from careconnect_testing.granular.worlds import Resource, Version, World, current, present
from careconnect_testing.pairs.asked import Asked, Pairs
from careconnect_testing.parts.stores import FHIR_BASE, NOW
from careconnect_testing.search.linear_parameters import CLINICAL_DATE, PARAMETERS, parameter_of
from careconnect_testing.search.linear_search import LinearSearch
from careconnect_testing.search.linear_values import Period, date_range

MEMBERS: Final = ("Condition", "Encounter", "EpisodeOfCare", "MedicationRequest", "Observation")
"""The types of a record that worlds have, in the order of `$everything`."""
_WITHIN: Final = ("patient", "subject", "encounter", "context", "episodeofcare", "condition")
"""References that stay within a record."""
_OTHER_MEMBERS: Final = ("Procedure", "AllergyIntolerance", "Immunization", "MedicationStatement", "Goal")
NEW: Final = "new"
"""The beginning of the ids of what a request makes."""
_RESULT: Final = ("_count", "_sort", "_total", "_summary", "_include", "_revinclude", "_type", "_since", "start")
_NAMING: Final = ("_id", "identifier", "patient", "encounter", "context", "performer", "episodeofcare", "condition")
"""Parameters that name persons."""
_DEFAULT_COUNT: Final = 20


class RefusedError(Exception):
    """The answer is an error."""

    def __init__(self, status: int, code: str, scope: str = "") -> None:
        super().__init__(status, code)
        self.told = Told(status, code, scope)


@dataclass(frozen=True)
class Oracle:
    """What a token is told of a world."""

    world: World
    token: Token

    def read(self, asked: Asked) -> list[Told]:
        """Return the answer to a request that reads: several if it may tell a number, or not."""
        try:
            answer = self._read(asked)
        except RefusedError as error:
            answer = error.told
        if asked.method == "HEAD":
            return [Told(answer.status)]
        is_limited = not self.token.holds_all("r", asked.path.partition("/")[0])
        if asked.path.endswith("/_history") and is_limited and "_count" in dict(asked.query):
            # As to a bound client, the number is told if the first page is known to have all: older versions may
            # follow of which none is shown.
            untold = replace(answer, total=None)
            return [answer, untold, replace(untold, more=True)]
        return [answer]

    def _read(self, asked: Asked) -> Told:
        parts = asked.path.removesuffix("/_search").split("/")
        match parts:
            case [type_]:
                return self._search(type_, asked.query)
            case ["Patient", id_, "$everything"]:
                return self._everything(id_, asked.query)
            case [owner, id_, "_history", number]:
                return self._version(f"{owner}/{id_}", int(number), dict(asked.headers))
            case [owner, id_, "_history"]:
                return self._history(f"{owner}/{id_}", dict(asked.query))
            case ["Patient", id_, type_]:
                return self._search(type_, (*asked.query, ("patient", f"Patient/{id_}")))
        return self._current(asked.path, dict(asked.headers))

    # Resources, their versions and histories.

    def _current(self, path: str, headers: dict[str, str]) -> Told:
        last = self.visible(path)
        if last.content is None:
            raise RefusedError(410, "not-found")
        return _shown(last, headers)

    def _version(self, path: str, number: int, headers: dict[str, str]) -> Told:
        self.visible(path)
        versions = self.world[path]
        if number > len(versions) or not self.token.opens("r", versions[number - 1].last):
            raise RefusedError(404, "not-found")
        version = versions[number - 1]
        if version.content is None:
            raise RefusedError(410, "not-found")
        return _shown(version, headers)

    def visible(self, path: str) -> Version:
        """Return the current version, a deletion too, if the token may read it."""
        self.require("r", path.partition("/")[0])
        last = current(self.world, path)
        if last is None or not self.token.opens("r", last.last):
            raise RefusedError(404, "not-found")
        return last

    def _history(self, path: str, query: dict[str, str]) -> Told:
        self.visible(path)
        since = date_range(query["_since"])[0] if "_since" in query else None
        seen = [each for each in self.world[path] if self.token.opens("r", each.last)]
        if since:
            seen = [each for each in seen if each.moment >= since.timestamp()]
        found = [f'W/"{each.number}" {each.method}' for each in reversed(seen)]
        return self._paged(found, query, is_counted=self.token.holds_all("r", path.partition("/")[0]))

    def require(self, letter: str, type_: str) -> None:
        """Refuse a request that takes a letter that the token has not."""
        if not self.token.holds(letter, type_):
            raise RefusedError(403, "forbidden", self.token.least(letter, type_))

    def require_all(self, letter: str, type_: str) -> None:
        """Refuse a request that takes a letter on all resources of a type."""
        if not self.token.holds_all(letter, type_):
            raise RefusedError(403, "forbidden", self.token.least(letter, type_))

    # Searches.

    @cached_property
    def _linear(self) -> LinearSearch:
        return _search_of(self._present.values())

    def _chained(self, criteria: Iterable[tuple[str, str]]) -> LinearSearch:
        """Return a search in which what chains only pass is absent, if the token's `s` does not open it."""
        passed = {each for name, _ in criteria for each in _passed(name) if self.token.holds("s", each)}
        if all(self.token.holds_all("s", each) for each in passed):
            return self._linear
        return _search_of(
            each for each in self._present.values() if each["resourceType"] not in passed or self.token.opens("s", each)
        )

    @cached_property
    def _present(self) -> dict[str, Resource]:
        return present(self.world)

    def _search(self, type_: str, query: Pairs) -> Told:
        self.require("s", type_)
        for name, _ in query:
            for each in _looked_at(name):
                self.require_all("s", each)
        criteria = [(name, value) for name, value in query if name.partition(":")[0] not in _RESULT]
        sort = [(name, value) for name, value in query if name == "_sort"]
        ids = self._chained(criteria).search(type_, (*criteria, *sort)).ids
        paths = [path for id_ in ids if self.token.opens("s", self._present[path := f"{type_}/{id_}"])]
        pages = self._paged(paths, dict(query), is_counted=not any(_names_persons(type_, each) for each in criteria))
        return replace(pages, pages=tuple(self._including(each, query) for each in pages.pages))

    def _paged(self, found: list[str], query: dict[str, str], *, is_counted: bool) -> Told:
        """Return pages; a number that nobody asks for is told if it is counted, or if one page has all."""
        count = int(query.get("_count", _DEFAULT_COUNT))
        if query.get("_summary") == "count" or count == 0:
            return Told(200, pages=(Page(()),), total=len(found))
        pages = [Page(tuple(found[start : start + count])) for start in range(0, len(found), count)]
        is_asked = query.get("_total") == "accurate"
        is_told = query.get("_total") != "none" and (is_asked or is_counted or len(pages) < 2)
        return Told(200, pages=tuple(pages) or (Page(()),), total=len(found) if is_told else None)

    def _including(self, page: Page, query: Pairs) -> Page:
        """Return a page with what its matches include, and the versions of all."""
        steps = [(name, value) for name, value in query if name.partition(":")[0] in ("_include", "_revinclude")]
        again = [(name, value) for name, value in steps if ":" in name]
        found: list[str] = []
        new = self._step(page.matches, steps, seen=page.matches)
        while new:
            found += new
            new = self._step(new, again, seen=(*page.matches, *found))
        return Page(tuple(map(self._with_version, page.matches)), frozenset(map(self._with_version, found)))

    def _step(self, paths: Iterable[str], includes: Iterable[tuple[str, str]], seen: Iterable[str]) -> list[str]:
        """Return what some resources include, as far as the token may read it, and to find it search it too."""
        found: dict[str, None] = {}
        for path in paths:
            for name, value in includes:
                if name.startswith("_rev"):
                    found |= dict.fromkeys(each for each in self._referrers(path, value) if self._may_find(each))
                else:
                    found |= dict.fromkeys(each for each in self._referred(path, value) if self._may_read(each))
        return [each for each in found if each not in seen]

    def _referred(self, path: str, include: str) -> list[str]:
        type_, _, name = include.partition(":")
        return _references(self._present[path], name) if path.startswith(f"{type_}/") else []

    def _referrers(self, path: str, include: str) -> Iterator[str]:
        type_ = include.partition(":")[0]
        return (
            each for each in self._present if each.startswith(f"{type_}/") and path in self._referred(each, include)
        )

    def _may_read(self, path: str) -> bool:
        return path in self._present and self.token.opens("r", self._present[path])

    def _may_find(self, path: str) -> bool:
        return self._may_read(path) and self.token.opens("s", self._present[path])

    def _with_version(self, path: str) -> str:
        return named(self.world[path][-1])

    # A whole record.

    def _everything(self, patient: str, query: Pairs) -> Told:
        path, asked = f"Patient/{patient}", dict(query)
        self._current(path, {})
        types = asked.get("_type", ",".join(("Patient", *MEMBERS, *_OTHER_MEMBERS))).split(",")
        found = [path, *(each for type_ in MEMBERS for each in self._members(type_, path) if self._may_find(each))]
        found = [each for each in found if each.partition("/")[0] in types and self._is_within(each, asked)]
        pages = self._paged(found, asked, is_counted=True)
        left_out = [each for each in types if each != "Patient" and not self._may_find_any(each)]
        # What a page's resources refer to is on it.
        return replace(pages, pages=tuple(map(self._with_all_references, pages.pages)), warned=bool(left_out))

    def _may_find_any(self, type_: str) -> bool:
        return self.token.holds("r", type_) and self.token.holds("s", type_)

    def _members(self, type_: str, patient: str) -> list[str]:
        query = [("patient", patient), ("_sort", CLINICAL_DATE[type_])]
        found = [f"{type_}/{each}" for each in self._linear.search(type_, query).ids]
        # What has no date comes first here.
        return sorted(found, key=lambda path: bool(self._periods(path)))

    def _is_within(self, path: str, asked: dict[str, str]) -> bool:
        """Return True for what was changed since, and lies in the time that is asked for."""
        if "_since" in asked and self.world[path][-1].moment < date_range(asked["_since"])[0].timestamp():
            return False
        periods = [] if path.startswith("Patient/") else self._periods(path)
        start = date_range(asked["start"])[0] if "start" in asked else None
        return not (start and periods) or any(end > start for _, end in periods)

    def _periods(self, path: str) -> list[Period]:
        """Return the times of a resource."""
        type_ = path.partition("/")[0]
        return parameter_of(type_, CLINICAL_DATE[type_]).values(self._present[path])

    def _with_all_references(self, page: Page) -> Page:
        found = {
            each
            for path in page.matches
            for name, parameter in PARAMETERS[path.partition("/")[0]].items()
            if parameter.kind == "reference" and name not in _WITHIN
            for each in _references(self._present[path], name)
            if each not in page.matches and self._may_read(each)
        }
        return Page(tuple(map(self._with_version, page.matches)), frozenset(map(self._with_version, found)))


def _shown(version: Version, headers: dict[str, str]) -> Told:
    if headers.get("If-None-Match") == f'W/"{version.number}"':
        return Told(304)
    return Told(200, shown=named(version))


def named(version: Version) -> str:
    """Return the address of a version, without the number of what a request has made."""
    path, _, number = version.path.partition(f"/{NEW}-")
    return f"{path}/{NEW if number else ''}".rstrip("/") + f"/_history/{version.number}"


def _search_of(resources: Iterable[Resource]) -> LinearSearch:
    return LinearSearch(resources, base=FHIR_BASE, now=datetime.fromtimestamp(NOW, UTC))


def _looked_at(name: str) -> list[str]:
    """Return the types that a chain or a `_has` looks at, in turn: not one of which nothing is asked but who refers."""
    return [type_ for type_, is_asked in _behind(name) if is_asked]


def _passed(name: str) -> list[str]:
    """Return the types that a chain leads through and does not look at."""
    return [type_ for type_, is_asked in _behind(name) if not is_asked]


def _behind(name: str) -> list[tuple[str, bool]]:
    """Return the types behind a criterion's own, each with whether anything is asked of it."""
    steps = [*_steps("", name)]
    is_asked = [each.startswith("_has:") or not rest.startswith("_has:") for (_, each), (_, rest) in pairwise(steps)]
    return [(type_, asked) for (type_, _), asked in zip(steps[1:], is_asked, strict=True)]


def _steps(type_: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the type of a criterion and what it asks of it, then those that its chain or `_has` leads to."""
    yield type_, name
    if name.startswith("_has:"):
        _, source, _, rest = name.split(":", 3)
        yield from _steps(source, rest)
    elif "." in name:
        head, _, rest = name.partition(".")
        yield from _steps(head.partition(":")[2], rest)


def _names_persons(type_: str, criterion: tuple[str, str]) -> bool:
    """Return True if a criterion names persons, at the end of a chain too."""
    last, name = [*_steps(type_, criterion[0])][-1]
    name = name.partition(":")[0]
    is_instant = name == "_lastUpdated" and "T" in criterion[1]
    return last != "Medication" and (name in _NAMING or is_instant)


def _references(resource: Resource, name: str) -> list[str]:
    return [str(each) for each in parameter_of(resource["resourceType"], name).values(resource)]
