"""One request of each kind that a deployment serves, over the few records and some more."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from careconnect.http.base_url import FHIR_PATH
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.aws.moto_deployment import BASE, CLIENT, MotoDeployment, token_event
from careconnect_testing.http.bound_event import bound_event
from careconnect_testing.http.events import Event, authorizer_event, fhir_event
from careconnect_testing.http.writes import JSON, LONG_TEXT, NHS_NUMBER, PATCH, observation, patient
from careconnect_testing.parts.auditor import an_event
from careconnect_testing.parts.dpop_proofs import dpop_proof
from careconnect_testing.records.few_records import LOINC, Resource

Sent = Callable[[MotoDeployment], Event]
"""Returns a request's event, created for a deployment when it is called."""

RECORDS = "PatientRecordFunction"
DIRECTORY = "DirectoryFunction"
WRITER = "RecordWriterFunction"
ISSUER = "TokenFunction"
AUDITOR = "AuditFunction"

_CALLER = {
    "client_id": CLIENT,
    "scope": "system/*.cruds system/*.read system/AuditEvent.read",
    "expires_at": "99999999999",
    "jti": "token-1",
}
_OBSERVED = 104
"""Observations besides the twelve of Patient 4."""
_CODES = ("29463-7", "8302-2")
_DAY = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
"""The day of the audit events that are searched for: long past, so that no other event is of that day."""
_EVENTS = 25
_FREE = "9434765870"
"""The NHS number of a patient that no resource refers to."""
_UNKNOWN = "9434765919"
_LARGE_TEXT = {**LONG_TEXT, "div": LONG_TEXT["div"].replace("x" * 30_000, "x" * 300_000)}


@dataclass(frozen=True, slots=True)
class RequestKind:
    """A kind of request: its name, its function, an example, and the expected status.

    The authorizer answers without a status: 0.
    """

    name: str
    function: str
    sent: Sent
    status: int = 200


def beside() -> list[Resource]:
    """Return the resources besides the few records: many observations of Patient 4, and an unreferenced patient."""
    observed = [
        observation(
            "Patient/4",
            id=f"w{number}",
            code={"coding": [{"system": LOINC, "code": _CODES[number % 2]}]},
            effectiveDateTime=f"2018-{1 + number // 28:02}-{1 + number % 28:02}T08:00:00Z",
            valueQuantity={"value": 60 + number, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        )
        for number in range(_OBSERVED)
    ]
    return [*observed, _free()]


def prepare(deployment: MotoDeployment) -> None:
    """Replace a version of two resources, and store audit events."""
    for path in ("Patient/free", "Observation/w0"):
        reader = deployment.answer(RECORDS, _get(path)(deployment))
        changed = {**reader.json, "language": "en"}
        assert deployment.answer(WRITER, _write("PUT", path, changed)(deployment)).status == 200
    for number in range(_EVENTS):
        kept = an_event(_DAY.replace(minute=number), number, patient="4", ids=("Patient/4",), type="Patient")
        deployment.client.put_item(TableName="events", Item=kept.item())
    # Signing the first link creates the key of all links.
    _an_id(deployment)


def _free(**elements: Any) -> Resource:
    return {**patient(_FREE, gender="female", birthDate="1980-02-29", name=[{"family": "Oyelaran"}]), **elements} | {
        "id": "free"
    }


def _bound_token() -> Event:
    """Return the request for a token that is bound to a key."""
    proof = dpop_proof("POST", f"{BASE}/token", time.time(), jti=token_hex())
    sent = token_event("/token", grant_type="client_credentials", scope="profile")
    return sent | {"multiValueHeaders": sent["multiValueHeaders"] | {"DPoP": [proof]}}


def _get(path: str, query: str = "", **headers: str) -> Sent:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: fhir_event("GET", path, parse_qsl(query), headers=given, authorizer=_CALLER)


def _write(method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Sent:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        given["Content-Type"] = PATCH if method == "PATCH" else JSON
    text = None if body is None else json_text(body)
    return lambda _: fhir_event(method, path, parse_qsl(query), headers=given, body=text, authorizer=_CALLER)


def _bound(sent: Sent) -> Sent:
    """Return a request as it is with a bound token."""
    return lambda on: bound_event(sent(on), BASE)


def _next(function: str, path: str, query: str) -> Sent:
    """Return the request for the second page of a search."""

    def sent(deployment: MotoDeployment) -> Event:
        url = urlsplit(deployment.answer(function, _get(path, query)(deployment)).link("next"))
        path_of_link = unquote(url.path).removeprefix(f"{FHIR_PATH}/")
        return fhir_event("GET", path_of_link, parse_qsl(url.query, strict_parsing=True), authorizer=_CALLER)

    return sent


def _seen(number: int, **elements: Any) -> Resource:
    return {**beside()[number], **elements}


def _new() -> Resource:
    return {name: value for name, value in _seen(1).items() if name != "id"}


def _nhs(number: str) -> str:
    return f"identifier={NHS_NUMBER}|{number}"


_GENDER = [{"op": "replace", "path": "/gender", "value": "other"}]

KINDS = [
    RequestKind(
        "`POST /token`", ISSUER, lambda _: token_event("/token", grant_type="client_credentials", scope="profile")
    ),
    RequestKind("… with a DPoP proof", ISSUER, lambda _: _bound_token()),
    RequestKind(
        "… with a scope that is not the client's",
        ISSUER,
        lambda _: token_event("/token", grant_type="client_credentials", scope="user/Patient.read"),
        400,
    ),
    RequestKind("`POST /introspect`", ISSUER, lambda on: token_event("/introspect", token=on.token())),
    RequestKind("… of a token that was revoked", ISSUER, lambda on: token_event("/introspect", token=_ended(on))),
    RequestKind("`POST /revoke`", ISSUER, lambda on: token_event("/revoke", token=on.token())),
    RequestKind(
        "The authorizer's judgement", "ReadAuthorizerFunction", lambda on: authorizer_event(f"Bearer {on.token()}"), 0
    ),
    RequestKind("Read of a Patient", RECORDS, _get("Patient/4")),
    RequestKind("Read of a Patient by a bound token", RECORDS, _bound(_get("Patient/4"))),
    RequestKind("Read of a Patient that is not there", RECORDS, _get("Patient/nobody"), 404),
    RequestKind("Read of a Patient that has not changed, 304", RECORDS, _get("Patient/4", If_None_Match='W/"1"'), 304),
    RequestKind("Read of an Observation", RECORDS, _get("Observation/o1")),
    RequestKind("Read of an Organization", DIRECTORY, _get("Organization/P1")),
    RequestKind("Version of a Patient, the current one", RECORDS, _get("Patient/4/_history/1")),
    RequestKind("Version of a Patient that was replaced", RECORDS, _get("Patient/free/_history/1")),
    RequestKind("Version of an Observation that was replaced", RECORDS, _get("Observation/w0/_history/1")),
    RequestKind("History of a Patient, two versions", RECORDS, _get("Patient/free/_history")),
    RequestKind("History of an Observation, one version", RECORDS, _get("Observation/o1/_history")),
    RequestKind("Search in a patient's record, 20 of 116", RECORDS, _get("Observation", "patient=4")),
    RequestKind("… the second page, by its `next` link", RECORDS, _next(RECORDS, "Observation", "patient=4")),
    RequestKind("… and by a code, 20 of 52", RECORDS, _get("Observation", f"patient=4&code={LOINC}|{_CODES[0]}")),
    RequestKind("… the number alone, `_summary=count`", RECORDS, _get("Observation", "patient=4&_summary=count")),
    RequestKind(
        "… with the patient, `_include`", RECORDS, _get("Observation", "patient=4&_include=Observation:patient")
    ),
    RequestKind(
        "… by the patient's identifier, chained", RECORDS, _get("Observation", f"patient.{_nhs('9658218873')}")
    ),
    RequestKind("Search of a Patient by id", RECORDS, _get("Patient", "_id=4")),
    RequestKind("Search of a Patient by identifier", RECORDS, _get("Patient", _nhs("9658218873"))),
    RequestKind("… with its Organization, `_include`", RECORDS, _get("Patient", "_id=4&_include=Patient:organization")),
    RequestKind(
        "… with its 116 Observations, `_revinclude`", RECORDS, _get("Patient", "_id=4&_revinclude=Observation:patient")
    ),
    RequestKind("Search that finds three Patients", RECORDS, _get("Patient", "birthdate=ge1998")),
    RequestKind("Search of an Organization by name", DIRECTORY, _get("Organization", "name=moorside")),
    RequestKind("`Patient/4/$everything`, 20 of 130", RECORDS, _get("Patient/4/$everything")),
    RequestKind("… the second page of it", RECORDS, _next(RECORDS, "Patient/4/$everything", "")),
    RequestKind("Create of an Observation", WRITER, _write("POST", "Observation", _new()), 201),
    RequestKind(
        "Create of an Observation by a bound token", WRITER, _bound(_write("POST", "Observation", _new())), 201
    ),
    RequestKind("Create of a Patient", WRITER, _write("POST", "Patient", patient(_UNKNOWN)), 201),
    RequestKind(
        "Create of a Patient on a condition that nothing meets",
        WRITER,
        _write("POST", "Patient", patient(_UNKNOWN), If_None_Exist=_nhs(_UNKNOWN)),
        201,
    ),
    RequestKind(
        "Create of a Patient on a condition that one meets",
        WRITER,
        _write("POST", "Patient", patient(_FREE), If_None_Exist=_nhs(_FREE)),
        200,
    ),
    RequestKind("Update that makes a Patient", WRITER, _write("PUT", "Patient/new", {**patient(), "id": "new"}), 201),
    RequestKind("Update of a Patient", WRITER, _write("PUT", "Patient/free", _free(gender="other"))),
    RequestKind(
        "Update of a Patient on a condition", WRITER, _write("PUT", "Patient", _free(gender="other"), _nhs(_FREE))
    ),
    RequestKind(
        "Update of a Patient with the same content", WRITER, _write("PUT", "Patient/free", _free(language="en"))
    ),
    RequestKind("Update of an Observation", WRITER, _write("PUT", "Observation/w1", _seen(1, status="amended"))),
    # Costly enough that it is charged by itself.
    RequestKind("… with a text of 300 KB", WRITER, _write("PUT", "Observation/w1", _seen(1, text=_LARGE_TEXT))),
    RequestKind("Patch of a Patient", WRITER, _write("PATCH", "Patient/free", _GENDER)),
    RequestKind("Delete of a Patient", WRITER, _write("DELETE", "Patient/free"), 204),
    RequestKind("Delete of a Patient on a condition", WRITER, _write("DELETE", "Patient", query=_nhs(_FREE)), 204),
    RequestKind("Delete of a Patient that is referred to, 409", WRITER, _write("DELETE", "Patient/4"), 409),
    RequestKind("Delete of an Observation", WRITER, _write("DELETE", "Observation/w1"), 204),
    RequestKind("Read of an AuditEvent", AUDITOR, lambda on: _get(f"AuditEvent/{_an_id(on)}")(on)),
    RequestKind("Search of AuditEvents by patient", AUDITOR, _get("AuditEvent", "patient=4&date=2026-01-15")),
    RequestKind("… the second page of them", AUDITOR, _next(AUDITOR, "AuditEvent", "patient=4&date=2026-01-15")),
    RequestKind("Search of AuditEvents of a day", AUDITOR, _get("AuditEvent", "date=2026-01-15")),
]


def _an_id(deployment: MotoDeployment) -> str:
    found = deployment.answer(AUDITOR, _get("AuditEvent", "patient=4&date=2026-01-15&_count=1")(deployment))
    return str(found.json["entry"][0]["resource"]["id"])


def _ended(deployment: MotoDeployment) -> str:
    token = deployment.token()
    assert deployment.answer(ISSUER, token_event("/revoke", token=token)).status == 200
    return token
