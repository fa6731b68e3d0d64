"""Check that each resource's versions are the acknowledged writes, and perhaps some in doubt, in a possible order."""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from careconnect_testing.http.writes import Resource
from careconnect_testing.ledger.entries import Entry
from careconnect_testing.ledger.stored_items import Stored, content_of, written_by

_DOUBT_SECONDS = 5.0
"""For how long after its end a request in doubt may still be done."""


@dataclass(frozen=True)
class Version:
    """A stored version, and the request that wrote it, None if it was loaded."""

    number: int
    content: Resource | None
    entry: Entry | None

    @property
    def began(self) -> float:
        """The time before which the version was not there."""
        return self.entry.began if self.entry else -math.inf

    @property
    def ended(self) -> float:
        """The time from which on the version was there."""
        if self.entry is None:
            return -math.inf
        return self.entry.ended + (_DOUBT_SECONDS if self.entry.is_in_doubt else 0)


Versions = Mapping[str, list[Version]]


def versions_of(stored: Stored, entries: Mapping[str, Entry], loaded: Mapping[str, Any]) -> tuple[Versions, list[str]]:
    """Return the versions of each resource with the requests that wrote them, and the faults among them.

    `entries` are the requests by id; the versions 1 of `loaded` resources have none.
    """
    events, faults = written_by(stored.events()), []
    found: dict[str, list[Version]] = {}
    for key, bodies in stored.bodies().items():
        if sorted(bodies) != list(range(1, len(bodies) + 1)):
            faults.append(f"{key} has the versions {sorted(bodies)}")
        for number, body in sorted(bodies.items()):
            of_version = {event.request_id for event in events.pop(f"{key}/_history/{number}", ())}
            expected = 0 if number == 1 and key in loaded else 1
            if len(of_version) != expected:
                faults.append(f"{key} version {number} has events of the requests {sorted(of_version)}")
            entry = entries.get(next(iter(of_version), ""))
            found.setdefault(key, []).append(Version(number, content_of(body), entry))
    faults += [f"an event reports {each}, which is not stored" for each in events]
    return found, faults


def faults_of_writes(versions: Versions, entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield each version that its request could not have made, and each acknowledged write that is not stored."""
    made: dict[str, tuple[str, int]] = {}
    for key, history in versions.items():
        previous: Resource | None = None
        for version in history:
            entry = version.entry
            if entry is not None:
                where = f"{key} version {version.number}, {entry}"
                made[entry.id] = key, version.number
                if not entry.sent.writes or not (entry.is_done or entry.is_in_doubt):
                    yield f"{where}: it was not written"
                elif version.content != expected_content(entry, key, previous):
                    yield f"{where}: {version.content} is not what was sent"
                if entry.sent.if_match and entry.sent.if_match != version.number - 1:
                    yield f"{where}: it was written for version {entry.sent.if_match}"
                if entry.is_done and entry.version and (entry.key, entry.version) != (key, version.number):
                    yield f"{where}: {entry.key} version {entry.version} was acknowledged"
            previous = version.content
    for entry in entries.values():
        # What is written without a marker is a deletion, which may have found nothing.
        if entry.sent.writes and entry.is_done and entry.sent.marker and entry.id not in made:
            yield from _faults_of_unchanged(entry, versions)


def _faults_of_unchanged(entry: Entry, versions: Versions) -> Iterator[str]:
    """Yield a fault unless a write that made no version found what it would have written."""
    history = versions.get(entry.key, [])
    stored = history[entry.version - 1].content if 0 < entry.version <= len(history) else None
    is_match = entry.sent.kind == "conditional create" and _identifier(stored) == _identifier(entry.sent.body)
    if entry.status != 200 or not (is_match or _marker_in(stored) == entry.sent.marker):
        yield f"{entry}: {entry.key} version {entry.version} is lost"


def expected_content(entry: Entry, key: str, previous: Resource | None) -> Resource | None:
    """Return the content that a request writes over another; the requests' patches replace one text."""
    sent = entry.sent
    if sent.method == "DELETE":
        return None
    if sent.method != "PATCH":
        return {**sent.body, "id": key.partition("/")[2]}
    changed = deepcopy(previous or {})
    if key.startswith("Patient/"):
        changed["name"][0]["family"] = sent.marker
    else:
        changed["valueString"] = sent.marker
    return changed


def _marker_in(content: Resource | None) -> str:
    content = content or {}
    name = content.get("name", [{}])
    if isinstance(name, str):
        return name.removeprefix("Zz ")
    return str(content.get("valueString") or name[0].get("family", ""))


def _identifier(content: Resource | None) -> Any:
    return (content or {}).get("identifier")


def faults_of_order(versions: Versions, entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield each answer that no order of the requests allows: each is done at one instant between its ends.

    The versions of a resource are one order of its writes, so that a pass over its requests by time is enough.
    """
    makers = {one.entry.id: one.number for history in versions.values() for one in history if one.entry}
    by_key: dict[str, list[Entry]] = {}
    for entry in entries.values():
        if entry.key in versions:
            by_key.setdefault(entry.key, []).append(entry)
    for key, requests in by_key.items():
        history = versions[key]
        seen = [(entry, _seen(entry, makers, history)) for entry in requests]
        ends = sorted((entry.ended, min(found)) for entry, found in seen if found and not entry.is_in_doubt)
        for entry, found in seen:
            if not found:
                continue
            least = max((version for ended, version in ends if ended < entry.began), default=0)
            if entry.id in makers:
                least += 1
            begun = {0} | {one.number for one in history if one.began < entry.ended or one.entry is entry}
            if not any(version >= least and version in begun for version in found):
                yield f"{entry} of {key} saw one of {found}, not {least} or later"


def _seen(entry: Entry, makers: Mapping[str, int], history: list[Version]) -> list[int]:
    """Return the versions of which one was the current one at a request's instant, empty if it does not say."""
    if entry.id in makers:
        return [makers[entry.id]]
    if entry.is_in_doubt or entry.sent.kind == "vread":
        return []
    if entry.sent.kind == "history of written" and entry.status == 200:
        return [max(int(each["etag"].strip('W/"')) for each in entry.resource["versions"])]
    if entry.status in (200, 201) and entry.sent.method != "DELETE":
        return [entry.version] if entry.version else []
    deletions = [one.number for one in history if one.content is None]
    if entry.status == 410:
        return deletions
    if entry.status == 404 and entry.sent.client.startswith("all-"):
        return [0]
    if entry.status == 204 and not entry.sent.if_match:
        # There was nothing to delete.
        return [0, *deletions]
    if entry.status == 409 and entry.sent.if_match:
        return [0, *(one.number for one in history if one.number != entry.sent.if_match or one.content is None)]
    return []
