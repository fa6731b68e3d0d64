"""The ledger: every request that was sent, and its answer or the lack of one."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.writes import JSON, PATCH, Resource

OF_RECORDS: Final = (
    *("Observation", "Condition", "Encounter", "Procedure", "AllergyIntolerance"),
    *("Immunization", "MedicationRequest", "MedicationStatement", "EpisodeOfCare"),
)
"""The types of the resources whose patients the checks know."""


@dataclass(frozen=True)
class Sent:
    """A request, the client that sends it, and what its sender knows of it.

    `path` is below the FHIR base unless it begins with a slash, and may have a query. `key` is the resource that is
    read or written (`Patient/4`), empty if the server decides. `named` are the patients that the request names; `owner`
    is the patient in whose record the resource is, if it is stored. `marker` is a text that no other request writes.
    A request that the gateway refuses has no event.
    """

    method: str
    path: str
    client: str
    kind: str = ""
    key: str = ""
    named: frozenset[str] = frozenset()
    owner: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    marker: str = ""
    by_gateway: bool = False

    @property
    def writes(self) -> bool:
        """Whether the request writes a resource, if it is allowed."""
        return not self.path.startswith("/") and self.method not in ("GET", "HEAD")

    @property
    def if_match(self) -> int:
        """The version of the request's If-Match, 0 without one."""
        return version_in(self.headers.get("If-Match", ""))


@dataclass
class Entry:
    """A request with its outcome; times are in seconds of `time.monotonic`, status 0 says that the connection was lost.

    `told` are the patients that the answer mentions, `found` the keys of a Bundle's resources in order, `resource` the
    answer itself if it is neither a Bundle nor an OperationOutcome.
    """

    id: str
    sent: Sent
    began: float
    ended: float = 0.0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)
    next: str = ""
    resource: Resource = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the request and its status, for a fault's text."""
        return f"{self.id} ({self.sent.kind}: {self.sent.method} {self.sent.path}, {self.status})"

    @property
    def is_in_doubt(self) -> bool:
        """Whether the request may or may not have been done."""
        return self.status == 0 or self.status >= 500

    @property
    def is_done(self) -> bool:
        """Whether the request was answered as done."""
        return 200 <= self.status < 400

    @property
    def version(self) -> int:
        """The version that the answer names, 0 if it names none."""
        return version_in(self.headers.get("etag", ""))

    @property
    def key(self) -> str:
        """The resource that the request is about, also if the server assigned its id."""
        place = self.headers.get("location", "").partition(FHIR_PATH + "/")[2]
        return "/".join(place.split("/")[:2]) or self.sent.key


@dataclass
class Walk:
    """A search that was followed to its end: the keys that its pages had, in order, and when it began and ended."""

    patient: str
    began: float
    ended: float
    found: list[str] = field(default_factory=list)


@dataclass
class Outcomes:
    """What several requests together came to: complete walks by operation, and the entries of each token's end."""

    walks: list[tuple[str, Walk]] = field(default_factory=list)
    ended: list[tuple[Entry, Entry, Entry, Entry]] = field(default_factory=list)


def version_in(tag: str) -> int:
    """Return the version of an entity tag, 0 for an empty one."""
    return int(tag.removeprefix("W/").strip('"') or 0)


def patients_in(resource: Mapping[str, Any]) -> Iterator[str]:
    """Yield the patients that a resource or a Bundle is about, as its content says."""
    if resource["resourceType"] == "Bundle":
        for entry in resource.get("entry", ()):
            if "resource" in entry:
                yield from patients_in(entry["resource"])
    elif resource["resourceType"] == "Patient":
        yield resource["id"]
    elif resource["resourceType"] in OF_RECORDS:
        type_, _, patient = (
            (resource.get("subject") or resource.get("patient") or {}).get("reference", "").partition("/")
        )
        if type_ == "Patient":
            yield patient


class Ledger:
    """Sends requests for many threads at once, and enters each of them.

    `tokens` holds the token of each client. While `is_open` is not set no request is sent.
    """

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.entries: list[Entry] = []
        self.tokens: dict[str, str] = {}
        self.is_open = threading.Event()
        self.is_open.set()
        self._lock = threading.Lock()
        self._numbers = iter(range(10**9))

    def number(self) -> int:
        """Return a number that was not returned before."""
        with self._lock:
            return next(self._numbers)

    def send(self, sent: Sent, **options: Any) -> Entry:
        """Send a request and enter it; `options` are those of httpx, such as a form."""
        self.is_open.wait()
        entry = Entry(f"ledger-{self.number()}", sent, time.monotonic())
        headers = {"X-Request-Id": entry.id, **sent.headers}
        content = None
        if sent.body is not None:
            headers["Content-Type"] = PATCH if sent.method == "PATCH" else JSON
            content = json.dumps(sent.body)
        url = sent.path if sent.path.startswith("/") else f"{FHIR_PATH}/{sent.path}"
        if "auth" not in options:
            headers.setdefault("Authorization", f"Bearer {self.tokens[sent.client]}")
        with self._lock:
            self.entries.append(entry)
        try:
            answer = self.http.request(
                sent.method, url, params=sent.parameters or None, headers=headers, content=content, **options
            )
        except httpx.TransportError:
            entry.ended = time.monotonic()
            return entry
        _enter(entry, answer)
        entry.ended = time.monotonic()
        return entry

    def send_again(self, entry: Entry) -> Entry:
        """Send a request in doubt once more, which is safe for all but a plain create; return the last entry."""
        return self.send(entry.sent) if entry.is_in_doubt else entry


def _enter(entry: Entry, answer: httpx.Response) -> None:
    entry.status, entry.headers = answer.status_code, answer.headers
    if not answer.content or "json" not in answer.headers.get("content-type", ""):
        return
    found = answer.json()
    kind = found.get("resourceType")
    if kind == "Bundle":
        resources = [each["resource"] for each in found.get("entry", ()) if "resource" in each]
        entry.found = [f"{each['resourceType']}/{each['id']}" for each in resources]
        links = {each["relation"]: each["url"] for each in found.get("link", ())}
        entry.next = links.get("next", "")
        # The newest version of a history is its first entry.
        entry.resource = (
            {"versions": [each["response"] for each in found["entry"]]} if found["type"] == "history" else {}
        )
    elif kind != "OperationOutcome":
        entry.resource = found
    if kind and entry.is_done:
        entry.told = set(patients_in(found))
