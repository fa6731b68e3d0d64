"""Entries of Bundles of all kinds, good and at fault, over a few records; and the single request of each."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import resource_type
from careconnect.http.messages import Cors
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import fhir_event
from careconnect_testing.http.writes import JSON, NHS_NUMBER, Resource, observation, patient
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE, FHIR_BASE
from careconnect_testing.running.bundle_service import Entry, entry
from service_discovery.app import DiscoveryEndpoint

OWN_SYSTEM = "urn:own"
MARKUP = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><!-- x --></div>'}


def _numbered(value: str) -> str:
    return f"identifier={NHS_NUMBER}%7C{value}"


def _patient(id_: str, *identifiers: str, **elements: Any) -> Resource:
    return {**patient(*identifiers, **elements), "id": id_}


def _observation(subject: str, id_: str = "", **elements: Any) -> Resource:
    return observation(f"Patient/{subject}", **elements) | ({"id": id_} if id_ else {})


_CONDITION = {"resourceType": "Condition", "clinicalStatus": "active", "subject": {"reference": "Patient/4"}}

RECORDS: tuple[Resource, ...] = (
    *(_patient(id_) for id_ in ("4", "9", "same", "stale", "matched", "lone", "old", "named")),
    *(_patient(id_, id_) for id_ in ("found", "changed", "dropped", "moved")),
    *(_patient(id_, "twice") for id_ in ("one", "two")),
    _patient("held"),
    _observation("held", "holding"),
    _observation("4", "own"),
    *(_observation("9", id_) for id_ in ("other", "theirs", "hers")),
    _observation("4", "known", identifier=[{"system": "urn:foreign", "value": "1"}]),
    {**_CONDITION, "id": "sound"},
    {"resourceType": "Organization", "id": "place", "name": "A practice"},
)
"""What is stored at first. Each entry that writes is of another resource."""


@dataclass(frozen=True)
class EntryKind:
    """An entry, and the check of `bundles.md` that refuses it (What is refused as a whole), if one does.

    One that is refused for the token, before anything is looked up, is refused by the first.
    """

    entry: Entry
    check: int = 1
    is_alike: bool = True
    """Whether it is judged in a transaction as alone: no reference to another entry, and no operation."""


CONDITION, STORED, REFERENCE, HELD = 3, 4, 5, 6

KINDS: Mapping[str, EntryKind] = {
    # What is done.
    "create": EntryKind(entry("POST", "Patient", patient("fresh"))),
    "create of the directory": EntryKind(entry("POST", "Organization", {"resourceType": "Organization", "name": "x"})),
    "create in a record": EntryKind(entry("POST", "Observation", _observation("4")), REFERENCE),
    "create under an id": EntryKind(entry("PUT", "Patient/unborn", _patient("unborn")), STORED),
    "create unless found": EntryKind(
        entry("POST", "Patient", patient("found"), ifNoneExist=_numbered("found")), CONDITION
    ),
    "create as not found": EntryKind(
        entry("POST", "Patient", patient("missed"), ifNoneExist=f"Patient?{_numbered('missed')}"), CONDITION
    ),
    "update of nothing": EntryKind(entry("PUT", "Patient/same", _patient("same"))),
    "update": EntryKind(entry("PUT", f"{FHIR_BASE}/Observation/own", _observation("4", "own", status="amended"))),
    "update of a version": EntryKind(
        entry("PUT", "/Patient/matched", _patient("matched", gender="male"), ifMatch='W/"1"'), STORED
    ),
    "update by condition": EntryKind(
        entry("PUT", f"Patient?{_numbered('changed')}", patient("changed", gender="male")), CONDITION
    ),
    "delete": EntryKind(entry("DELETE", "Patient/lone"), STORED),
    "delete by condition": EntryKind(entry("DELETE", f"Patient?{_numbered('dropped')}"), CONDITION),
    "delete of nothing": EntryKind(entry("DELETE", "Observation/none")),
    "validate": EntryKind(entry("POST", "Observation/$validate", _observation("4")), is_alike=False),
    "validate of what is not valid": EntryKind(
        entry("POST", "Observation/$validate", _observation("none", status="odd")), is_alike=False
    ),
    # What is read.
    "read": EntryKind(entry("GET", "Patient/4")),
    "read of a version": EntryKind(entry("GET", "Patient/4/_history/1?_summary=true")),
    "read of what did not change": EntryKind(entry("GET", "Patient/4", ifNoneMatch='W/"1"')),
    "read of what is not new": EntryKind(entry("GET", "Patient/4", ifModifiedSince="2030-01-01T00:00:00+01:00")),
    "read since no moment": EntryKind(entry("GET", "Patient/4", ifModifiedSince="yesterday")),
    "read of what is not there": EntryKind(entry("GET", "Patient/none")),
    "history": EntryKind(entry("GET", "Patient/same/_history")),
    "search": EntryKind(entry("GET", "Observation?patient=4&_include=Observation:patient")),
    "search in a record": EntryKind(entry("GET", "Patient/4/Observation?status=final,amended")),
    "record": EntryKind(entry("GET", "Patient/4/$everything")),
    "search that is posted without a form": EntryKind(entry("POST", "Patient/_search?gender=male")),
    "search by what is no parameter": EntryKind(entry("GET", "Patient?_sort=shoe-size")),
    "search by many parameters": EntryKind(entry("GET", f"Patient?{'&'.join(['a='] * 300)}")),
    "search of a token": EntryKind(entry("GET", "Patient?access_token=x")),
    "search that is not UTF-8": EntryKind(entry("GET", "Patient?name=%FF")),
    # What is refused without a look-up.
    "no resource": EntryKind(entry("POST", "Observation")),
    "another type's resource": EntryKind(entry("POST", "Patient", _observation("4"))),
    "another id": EntryKind(entry("PUT", "Patient/5", _patient("6"))),
    "a malformed id": EntryKind(entry("PUT", "Patient/a_b", _patient("a_b"))),
    "an invalid value": EntryKind(entry("POST", "Observation", _observation("4", status="odd"))),
    "an unknown element": EntryKind(entry("POST", "Observation", _observation("4", shoe=1, status=7))),
    "a narrative with markup": EntryKind(entry("POST", "Patient", patient(text=MARKUP))),
    "a broken invariant": EntryKind(entry("POST", "Condition", {**_CONDITION, "abatementString": "x"})),
    "a malformed ifMatch": EntryKind(entry("PUT", "Patient/old", _patient("old"), ifMatch="1")),
    "a malformed ifNoneExist": EntryKind(entry("POST", "Patient", patient(), ifNoneExist="Observation?identifier=x|1")),
    "an empty ifMatch": EntryKind(entry("DELETE", "Patient/old", ifMatch="")),
    "an empty ifNoneExist": EntryKind(entry("POST", "Patient", patient(), ifNoneExist="")),
    "a condition that is no identifier": EntryKind(entry("POST", "Patient", patient(), ifNoneExist="name=x")),
    "a condition without a value": EntryKind(entry("DELETE", "Patient?identifier=urn:x%7C")),
    "a condition of many parts": EntryKind(entry("DELETE", f"Patient?{'&'.join(['identifier=a%7Cb'] * 300)}")),
    "an unsupported precondition": EntryKind(entry("PUT", "Patient/old", _patient("old"), ifNoneMatch="*")),
    "a parameter of a write": EntryKind(entry("PUT", "Patient/old?name=x", _patient("old"))),
    "an update without an id": EntryKind(entry("PUT", "Observation", _observation("4"))),
    "a method of another path": EntryKind(entry("POST", "Patient/4", patient())),
    "a change of a version": EntryKind(entry("DELETE", "Patient/4/_history/1")),
    "a type that is not served": EntryKind(entry("GET", "DiagnosticReport/1")),
    "a write of a type that is not served": EntryKind(entry("PUT", "DiagnosticReport/1", {"resourceType": "x"})),
    "a type that there is not": EntryKind(entry("POST", "Nonsense", {"resourceType": "Nonsense"})),
    "a type in lower case": EntryKind(entry("DELETE", "patient/4")),
    "an operation that there is not": EntryKind(entry("POST", "Patient/4/$nope", patient())),
    "a history of a type": EntryKind(entry("GET", "Patient/_history")),
    "a slash at the end": EntryKind(entry("PUT", "Patient/4/", _patient("4"))),
    "an empty segment": EntryKind(entry("DELETE", "Patient//4")),
    "a history that is changed": EntryKind(entry("PUT", "Patient/a_b/_history", patient())),
    # What is refused after a look-up.
    "several matches": EntryKind(entry("DELETE", f"Patient?{_numbered('twice')}"), CONDITION),
    "several matches of a create": EntryKind(
        entry("POST", "Patient", patient("others"), ifNoneExist=_numbered("twice")), CONDITION
    ),
    "another id than the match": EntryKind(
        entry("PUT", f"Patient?{_numbered('moved')}", _patient("elsewhere", "moved")), STORED
    ),
    "another version that is deleted": EntryKind(entry("DELETE", "Patient/stale", ifMatch='W/"7"'), STORED),
    "another version that is changed": EntryKind(
        entry("PUT", "Patient/named", _patient("named", gender="male"), ifMatch='W/"7", W/"8"'), REFERENCE
    ),
    "an invariant that the stored version keeps": EntryKind(
        entry("PUT", "Condition/sound", {**_CONDITION, "id": "sound", "abatementString": "x"}), STORED
    ),
    "somebody else's": EntryKind(
        entry("PUT", "Observation/other", _observation("9", "other", status="amended")), STORED
    ),
    "somebody else's that is taken": EntryKind(entry("PUT", "Observation/theirs", _observation("4", "theirs")), STORED),
    "somebody else's that is deleted": EntryKind(entry("DELETE", "Observation/hers"), STORED),
    "another's identifier": EntryKind(entry("PUT", "Observation/known", _observation("4", "known")), STORED),
    "a reference to nothing": EntryKind(entry("POST", "Observation", _observation("none")), REFERENCE),
    "a reference to a type that it may not have": EntryKind(
        entry("POST", "Observation", {**_observation("4"), "subject": {"reference": "Organization/place"}}), REFERENCE
    ),
    "what is referred to": EntryKind(entry("DELETE", "Patient/held"), HELD),
    # What a transaction judges otherwise.
    "a full URL": EntryKind(entry("POST", "Patient", patient(), "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9")),
    "a reference to a full URL": EntryKind(
        entry("POST", "Observation", observation("urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9")), is_alike=False
    ),
    "a reference by a condition": EntryKind(
        entry("POST", "Observation", observation(f"Patient?{_numbered('found')}")), is_alike=False
    ),
    # What a Bundle alone refuses.
    "a patch": EntryKind(entry("PATCH", "Patient/4", {"resourceType": "Binary", "contentType": "x"})),
    "the headers of a read": EntryKind(entry("HEAD", "Patient/4")),
    "the service's description": EntryKind(entry("GET", "metadata")),
    "the audit trail": EntryKind(entry("GET", "AuditEvent?patient=4")),
    "a change of the audit trail": EntryKind(entry("DELETE", "AuditEvent/1")),
    "another server": EntryKind(entry("PUT", "https://elsewhere.example/Patient/4", _patient("4"))),
    "another server that is read": EntryKind(entry("GET", "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9")),
    "too many parameters": EntryKind(entry("DELETE", f"Patient?{'&'.join(['_pretty=true'] * 1_001)}")),
    "another Bundle": EntryKind(entry("POST", "/", {"resourceType": "Bundle", "type": "batch"})),
}

OF_A_BUNDLE: Mapping[str, tuple[int, str]] = {
    "a patch": (405, "not-supported"),
    "the headers of a read": (405, "not-supported"),
    "the service's description": (404, "not-supported"),
    "the audit trail": (404, "not-supported"),
    "a change of the audit trail": (404, "not-supported"),
    "another server": (400, "structure"),
    "another server that is read": (400, "structure"),
    "too many parameters": (400, "invalid"),
    "another Bundle": (404, "not-supported"),
}
"""The status and the code of what only a Bundle refuses."""

CALLERS: Mapping[str, dict[str, Any]] = {
    "may do everything": {},
    "reads patients": {"scope": "system/Patient.rs system/Observation.cruds"},
    "only writes": {"scope": "system/*.cud"},
    "is bound": {"scope": "patient/*.cruds", "patient": "4", "identifier_systems": (OWN_SYSTEM,)},
}


def write_records(writer: Writer) -> None:
    """Store the records."""
    for each in RECORDS:
        writer.made(each)


def writes(given: Entry) -> bool:
    """Return True if an entry asks for a change, or for what is none of a read's paths."""
    method, path = given["request"]["method"], given["request"]["url"].partition("?")[0]
    return method not in ("GET", "HEAD") and not path.endswith("/_search")


class _NoKeys:
    def jwks(self) -> Mapping[str, Any]:
        raise NotImplementedError


def alone(writer: Writer, given: Entry) -> Answer:
    """Send the request of an entry by itself, to the function that the gateway routes it to."""
    request = given["request"]
    path, _, query = request["url"].removeprefix(f"{FHIR_BASE}/").removeprefix("/").partition("?")
    headers = {"Accept": JSON, "Content-Type": JSON}
    for element, name in (("ifMatch", "If-Match"), ("ifNoneMatch", "If-None-Match"), ("ifNoneExist", "If-None-Exist")):
        if element in request:
            headers[name] = request[element]
    if since := request.get("ifModifiedSince"):
        headers["If-Modified-Since"] = since
        with suppress(ValueError):
            headers["If-Modified-Since"] = format_datetime(datetime.fromisoformat(since).astimezone(UTC), usegmt=True)
    body = given.get("resource", "")
    event = fhir_event(
        request["method"],
        path,
        parse_qsl(query, keep_blank_values=True),
        headers=headers,
        body=json_text(body) if body else "",
        authorizer=writer.context,
    )
    name, _, below = path.partition("/")
    type_ = resource_type(name)
    if type_ is None:
        discovery = DiscoveryEndpoint(_NoKeys())
        return Answer.of(RequestPipeline(discovery, BASE, "", Cors(("*",)), RecordingObserver(), writer.now)(event))
    is_read = request["method"] in ("GET", "HEAD") or (
        request["method"] == "POST" and below and not below.endswith("$validate")
    )
    app = writer.reader.app(type_.table) if is_read else writer.app(type_.table)
    return Answer.of(replace(app, auditing=writer.auditing)(event))
