"""Promises of searches: what stood still is found once, what a page shows belongs there."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from careconnect_testing.http.writes import NHS_NUMBER
from careconnect_testing.simulation.ledger import Commit, Exchange, Ledger, Walk
from careconnect_testing.simulation.promises.answers import FRESH_SECONDS
from careconnect_testing.simulation.world.system import BrokenPromiseError

Resource = Mapping[str, Any]
Matches = Callable[[Resource, "At"], bool]
At = Callable[[str], Resource | None]
"""Returns a resource by its key, as it was."""


def _has_code(code: str) -> Matches:
    return lambda one, _at: {"system": NHS_NUMBER, "value": code} in one.get("identifier", ())


def _of(patient: str) -> Matches:
    return lambda one, _at: one["subject"]["reference"] == f"Patient/{patient}"


def _of_male(one: Resource, at: At) -> bool:
    subject = at(one["subject"]["reference"])
    return subject is not None and subject.get("gender") == "male"


_ALL: Final[Matches] = lambda _one, _at: True  # noqa: E731

# By the search without its count: the type, and which resources match. A chain's other resources are not followed.
_MATCHES: Final[Mapping[str, tuple[str, Matches]]] = {
    "Patient?identifier=A": ("Patient", _has_code("A")),
    "Patient?identifier=C": ("Patient", _has_code("C")),
    "Patient?name=w": ("Patient", _ALL),
    "Patient?gender=male": ("Patient", lambda one, _: one.get("gender") == "male"),
    "Patient?organization=Organization/g1": (
        "Patient",
        lambda one, _: one.get("managingOrganization", {}).get("reference") == "Organization/g1",
    ),
    "Patient?_id=p1,p2,p3": ("Patient", lambda one, _: one["id"] in ("p1", "p2", "p3")),
    "Patient?_id:not=p1": ("Patient", lambda one, _: one["id"] != "p1"),
    "Patient?_id=p1&_revinclude=Observation:patient": ("Patient", lambda one, _: one["id"] == "p1"),
    "Observation?patient=p1": ("Observation", _of("p1")),
    "Observation?patient=p2": ("Observation", _of("p2")),
    "Observation?patient=p3": ("Observation", _of("p3")),
    "Observation?patient=p1&_include=Observation:patient": ("Observation", _of("p1")),
    "Patient/p1/Observation?": ("Observation", _of("p1")),
    "Patient/p1/$everything?": ("Observation", _of("p1")),
    "Patient/p3/$everything?": ("Observation", _of("p3")),
    "Observation?code=29463-7": ("Observation", _ALL),
    "Observation?code=29463-7&_include=Observation:patient": ("Observation", _ALL),
    "Observation?_lastUpdated=ge2020-01-01": ("Observation", _ALL),
    "Observation?status=final&_sort=-_lastUpdated": ("Observation", _ALL),
    "Observation?patient.gender=male": ("Observation", _of_male),
}

_FOUND_AGAIN: Final = 8
"""The versions among which a search finds that of a match (ADR 23)."""

# The searches in whose index a resource has the same place while it matches, whatever else is written of it.
_IN_PLACE: Final = {
    target
    for target, (_, matches) in _MATCHES.items()
    if matches is not _of_male and not any(part in target for part in ("name=", "_lastUpdated"))
}


def matches_of(target: str) -> tuple[str, Matches]:
    """Return the type that a search finds, and which resources match; no type if that depends on others."""
    type_name, matches = _MATCHES.get(target, ("", _ALL))
    return ("", _ALL) if matches is _of_male else (type_name, matches)


def check_walk(walk: Walk, ledger: Ledger, own_patient: str) -> None:
    """Check the pages of one search or history; `own_patient` is the patient of a bound client."""
    if not walk.pages or any(page.status != 200 for page in walk.pages):
        return
    if walk.step.kind == "history":
        _check_history(walk, ledger, is_bound=bool(own_patient))
    elif walk.step.kind == "search":
        _check_includes(walk, ledger, own_patient)
        _check_search(walk, ledger, own_patient)


def _check_history(walk: Walk, ledger: Ledger, *, is_bound: bool) -> None:
    """Check that a history has each version once, the newest first, from the current one down to the first.

    A bound client sees those versions alone that were in its patient's record.
    """
    entries = [entry for page in walk.pages if page.answer for entry in page.answer.json.get("entry", ())]
    # A deletion has no number in its entry.
    versions = [int(entry["resource"]["meta"]["versionId"]) if "resource" in entry else 0 for entry in entries]
    if is_bound:
        seen = [version for version in versions if version]
        if seen != sorted(set(seen), reverse=True):
            raise BrokenPromiseError(f"{walk.step} showed the versions {versions}")
        return
    current = ledger.current_at(walk.step.arguments[0], walk.pages[0].began)
    if walk.is_whole and current and len(versions) < current.version:
        raise BrokenPromiseError(f"{walk.step} showed {versions}, and version {current.version} was stored before")
    expected = range(len(versions), 0, -1) if walk.is_whole else None
    for place, version in enumerate(versions):
        wanted = expected[place] if expected else versions[0] - place if versions[0] else 0
        if version and wanted and version != wanted:
            raise BrokenPromiseError(f"{walk.step} showed the versions {versions}")


def _check_includes(walk: Walk, ledger: Ledger, own_patient: str) -> None:
    """Check that a page includes all resources that its matches lead to or that lead to them, and no others."""
    query = walk.step.arguments[0]
    for page in walk.pages:
        by_mode: dict[str, list[Resource]] = {"match": [], "include": [], "outcome": []}
        for entry in page.answer.json.get("entry", ()) if page.answer else ():
            by_mode[entry["search"]["mode"]].append(entry["resource"])
        matches = {_key(each) for each in by_mode["match"]}
        led_to = {each["subject"]["reference"] for each in by_mode["match"] if "subject" in each}
        for each in by_mode["include"]:
            is_led_to = _key(each) in led_to or _subject(each) in matches
            if not is_led_to and "$everything" not in query:
                raise BrokenPromiseError(f"{walk.step} included {_key(each)}, and no match leads to it")
        there = matches | {_key(each) for each in by_mode["include"]}
        for key in (each for each in ledger.commits if each not in there):
            still = _still(walk, ledger, key, page, page)
            if still is None or still.content is None or (own_patient and own_patient not in still.patients):
                continue
            if ("_include=" in query and key in led_to) or (
                "_revinclude=" in query and _subject(still.content) in matches
            ):
                raise BrokenPromiseError(f"{walk.step} did not include {key}")


def _key(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _subject(resource: Resource) -> str:
    return str(resource.get("subject", {}).get("reference", ""))


def _still(walk: Walk, ledger: Ledger, key: str, first: Exchange, last: Exchange) -> Commit | None:
    """Return the version of a resource that stood still from one page to another, None if there is none."""
    assert last.ended is not None
    stale = 0.0 if walk.step.arguments[2] else FRESH_SECONDS
    commits = ledger.commits[key]
    since = [each for each in commits if each.at <= first.began_at - stale and each.place <= first.began]
    is_changed = any(each.place <= last.ended for each in commits[len(since) :])
    return None if is_changed or not since else since[-1]


def _check_search(walk: Walk, ledger: Ledger, own_patient: str) -> None:
    first, last = walk.pages[0], walk.pages[-1]
    assert last.ended is not None
    found = Counter(key for page in walk.pages if page.answer for key in page.answer.found("match"))
    target = walk.step.arguments[0]
    type_name, matches = _MATCHES.get(target, ("", _ALL))
    _check_shown(walk, type_name, matches)
    stale = 0.0 if walk.step.arguments[2] else FRESH_SECONDS
    for key, commits in ledger.commits.items():
        if type_name and not key.startswith(type_name + "/"):
            continue
        since = [each for each in commits if each.at <= first.began_at - stale and each.place <= first.began]
        if changes := [each for each in commits[len(since) :] if each.place <= last.ended]:
            if since:
                _check_changing(walk, [since[-1], *changes], found[key], own_patient)
            continue
        if found[key] > 1:
            raise BrokenPromiseError(f"{walk.step} found {key} {found[key]} times, and it did not change")
        if not type_name or not walk.is_whole:
            continue
        now = since[-1].content if since else None
        others_moved = _others_moved(now, ledger, first.began, last.ended, first.began_at - stale)
        if others_moved and matches is _of_male:
            continue
        is_match = now is not None and matches(now, lambda other: _at(ledger, other, first.began))
        if is_match and own_patient:
            is_match = own_patient in (since[-1].patients or (own_patient,))
        if is_match != (found[key] == 1):
            word = "missed" if is_match else "found"
            raise BrokenPromiseError(f"{walk.step} {word} {key}: {json.dumps(now)[:200]}")


def _check_changing(walk: Walk, versions: Sequence[Commit], found: int, own_patient: str) -> None:
    """Check that a match that changed while the search went on, in place and to a match each time, is found once."""
    target = walk.step.arguments[0]
    _, matches = _MATCHES.get(target, ("", _ALL))
    if not walk.is_whole or target not in _IN_PLACE or len(versions) > _FOUND_AGAIN:
        return
    for each in versions:
        if each.content is None or not matches(each.content, lambda _: None):
            return
        if own_patient and own_patient not in each.patients:
            return
    if found != 1:
        raise BrokenPromiseError(f"{walk.step} found {versions[0].key} {found} times, a match in all its versions")


def _check_shown(walk: Walk, type_name: str, matches: Matches) -> None:
    """Check that each match is shown in a version that matches, also if it changed meanwhile."""
    if matches is _of_male:
        return
    for page in walk.pages:
        for entry in page.answer.json.get("entry", ()) if page.answer else ():
            shown = entry["resource"]
            is_match = entry["search"]["mode"] == "match" and shown["resourceType"] == type_name
            if is_match and not matches(shown, lambda _: None):
                raise BrokenPromiseError(f"{walk.step} showed a version that does not match: {json.dumps(shown)[:200]}")


def _at(ledger: Ledger, key: str, place: int) -> Resource | None:
    commit = ledger.current_at(key, place)
    return None if commit is None else commit.content


def _others_moved(one: Resource | None, ledger: Ledger, since: int, until: int, at: float) -> bool:
    """Return True if the patient of a resource changed meanwhile."""
    subject = (one or {}).get("subject", {}).get("reference", "")
    return any(since < each.place <= until or each.at > at for each in ledger.commits.get(subject, ()))
