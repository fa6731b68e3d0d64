"""Refusals before any table is read (`write.md`, What is refused; `access.md`, Rules)."""

import base64
from typing import Any

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType, Table
from careconnect.http.origin import Origin
from careconnect.oauth.scopes import grants_of
from careconnect_testing.http.events import event, fhir_event
from careconnect_testing.http.writes import JSON, PATCH, XML, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.running.cases import each_of

PATIENT = '{"resourceType":"Patient"}'
CALLER = {"client_id": "c", "scope": "user/Patient.crud", "expires_at": "9999999999"}


@pytest.fixture(autouse=True)
def _nothing_is_read_or_written(writer: Writer) -> Any:
    yield
    assert not writer.calls


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "type_", "status", "code"),
    [
        ("", JSON, 400, "structure"),
        (" ", JSON, 400, "structure"),
        ("{", JSON, 400, "structure"),
        ("[]", JSON, 400, "structure"),
        ("{}", JSON, 400, "structure"),
        ('{"resourceType":"Patient","gender":"male","gender":"male"}', JSON, 400, "structure"),
        ('{"resourceType":"Patient","multipleBirthInteger":NaN}', JSON, 400, "structure"),
        ('{"resourceType":"Patient","language":"\\ud800"}', JSON, 400, "structure"),
        ('{"resourceType":"Patient","extension":' + "[" * 70 + "]" * 70 + "}", JSON, 400, "structure"),
        ('{"resourceType":"Observation"}', JSON, 400, "structure"),
        ('{"resourceType":["Patient"]}', JSON, 400, "structure"),
        ("", XML, 400, "structure"),
        ("<Patient", XML, 400, "structure"),
        ('<Observation xmlns="http://hl7.org/fhir"/>', XML, 400, "structure"),
        ('<!DOCTYPE Patient><Patient xmlns="http://hl7.org/fhir"/>', XML, 400, "structure"),
        ("<" * 1_050_001, XML, 413, "too-long"),
        ('{"resourceType":"Patient","id":"4","language":"' + "x" * 350_000 + '"}', JSON, 413, "too-long"),
        (PATIENT, "", 415, "not-supported"),
        (PATIENT, "json", 415, "not-supported"),
        (PATIENT, "text/plain", 415, "not-supported"),
        (PATIENT, PATCH, 415, "not-supported"),
        (PATIENT, f"{JSON}; charset=utf-16", 415, "not-supported"),
        (PATIENT, f"{JSON}; fhirVersion=4.0", 415, "not-supported"),
    ],
)
def test_what_is_no_resource_of_the_paths_type(
    writer: Writer, method: str, body: str, type_: str, status: int, code: str
) -> None:
    answer = writer.send(method, "Patient" if method == "POST" else "Patient/4", body, type_=type_)

    assert (answer.status, [each for each, _ in issues_in(answer)]) == (status, [code])


def test_a_compressed_body_is_415(writer: Writer) -> None:
    assert writer.send("POST", "Patient", PATIENT, Content_Encoding="gzip").status == 415
    assert writer.send("PATCH", "Patient/4", "[]", type_=PATCH, Content_Encoding="br").status == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("!", 400),
        (base64.b64encode(b"{").decode(), 400),
        (base64.b64encode(b" " * 1_050_001).decode(), 413),
        (base64.b64encode(b" " * 1_100_000).decode(), 413),
        (base64.b64encode('{"resourceType":"Patient","gender":"\u00e4"}'.encode()).decode(), 422),
    ],
)
def test_a_body_may_come_in_base64(writer: Writer, body: str, status: int) -> None:
    headers = {"Content-Type": JSON}
    sent = fhir_event("POST", "Patient", headers=headers, body="{}", authorizer=CALLER) | {"body": body}

    assert writer.answer(sent).status == status


@each_of(
    ("method", "path", "type_", "body", "text"),
    [
        ("POST", "Patient", JSON, b'{"resourceType":"Patient","language":"\xff"}', "line 1, column 39"),
        ("PUT", "Patient/4", "application/json", b'{\n"resourceType":"\xed\xa0\x80"}', "line 2, column 17"),
        ("POST", "Patient", XML, b'<Patient xmlns="http://hl7.org/fhir">\n\xc3(</Patient>', "line 2, column 1"),
        ("PUT", "Patient/4", "text/xml; charset=utf-8", b"<Patient>\xf0\x9f</Patient>", "line 1, column 10"),
        ("PATCH", "Patient/4", PATCH, b'[{"op":"remove","path":"/\xff"}]', "line 1, column 26"),
    ],
)
def test_f1_a_body_that_is_not_utf_8_is_refused_where_it_is(
    writer: Writer, method: str, path: str, type_: str, body: bytes, text: str
) -> None:
    sent = fhir_event(method, path, headers={"Content-Type": type_}, body=body, authorizer=CALLER)
    as_text = sent | {"body": body.decode(errors="replace"), "isBase64Encoded": False}
    assert sent["isBase64Encoded"]

    answer = writer.answer(sent)
    assert (answer.status, issues_in(answer)) == (400, [("structure", ())])
    assert answer.json["issue"][0]["diagnostics"] == f"The body is not UTF-8 ({text})."
    # Whoever hands it over as text must not have it stored with what stands in the bytes' place.
    answer = writer.answer(as_text)
    assert (answer.status, answer.json["issue"][0]["diagnostics"]) == (400, "The body is not UTF-8.")


@each_of("value", ["urn:x|\ufffd", "\ufffd", "\ud800"])
def test_a_condition_that_is_not_utf_8_is_400(writer: Writer, value: str) -> None:
    for method in ("PUT", "DELETE"):
        answer = writer.send(method, "Patient", PATIENT if method == "PUT" else None, [("identifier", value)])

        assert (answer.status, issues_in(answer)) == (400, [("invalid", ())])


def test_every_fault_is_reported_with_its_place_and_no_value(writer: Writer) -> None:
    answer = writer.create(patient(gender="unheard-of", birthDate="the third", link=[{"type": "seealso"}]))

    assert answer.status == 422
    places = {place for _, found in issues_in(answer) for place in found}
    assert places >= {"Patient.gender", "Patient.birthDate", "Patient.link[0].other"}
    assert "unheard-of" not in answer.text
    assert writer.observer.counts == ["ResourceInvalid"]


def test_a_date_that_the_calendar_does_not_have_is_422(writer: Writer) -> None:
    for date in ("2017-02-30", "9999-12-31T23:59:59-14:00"):
        answer = writer.create(observation("", effectiveDateTime=date) | {"subject": {"display": "A"}})

        assert answer.status == 422
        assert {code for code, _ in issues_in(answer)} == {"value"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/4", "GET, HEAD, PUT, PATCH, DELETE"),
        ("PATCH", "Patient", "GET, HEAD, POST, PUT, DELETE"),
        ("PUT", "Patient/4/_history/1", "GET, HEAD"),
        ("DELETE", "Patient/4/_history", "GET, HEAD"),
        ("POST", "Patient/4/Observation", "GET, HEAD"),
        ("PUT", "Patient/_search", "POST"),
    ],
)
def test_other_methods_are_405_and_say_which_there_are(writer: Writer, method: str, path: str, allowed: str) -> None:
    for scope in ("user/Patient.cruds", "user/Patient.d"):
        answer = writer.as_caller(scope).send(method, path, patient())

        assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_a_type_that_is_read_only_is_405(writer: Writer) -> None:
    (type_,) = (each for each in RESOURCE_TYPES if each.name == "Patient")
    object.__setattr__(type_, "writable", False)
    try:
        answer = writer.send("POST", "Patient", patient())
    finally:
        object.__setattr__(type_, "writable", True)
        # The rights of a scope are cached, and may have been computed by an earlier test.
        grants_of.cache_clear()

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("method", "path", "letter"),
    [("POST", "Patient", "c"), ("PUT", "Patient/4", "u"), ("PATCH", "Patient/4", "u"), ("DELETE", "Patient/4", "d")],
)
def test_each_interaction_needs_its_letter(writer: Writer, method: str, path: str, letter: str) -> None:
    others = "".join(each for each in "cruds" if each != letter)
    # The scope is checked before query, body and format.
    for query, headers in (([], {}), ([("_format", "nonsense"), ("name", "x")], {"Content_Type": "text/plain"})):
        refused = writer.as_caller(f"user/Patient.{others}").send(method, path, "no body", query, **headers)

        assert refused.status == 403
        assert f'scope="user/Patient.{letter}"' in refused.headers["WWW-Authenticate"]
    assert writer.calls == []


@pytest.mark.parametrize(
    "type_", [each for each in RESOURCE_TYPES if each.table is Table.DIRECTORY], ids=lambda t: t.name
)
def test_profile_opens_the_directory_for_reading_alone(writer: Writer, type_: ResourceType) -> None:
    assert writer.as_caller("profile").create({"resourceType": type_.name}).status == 403


def test_a_medication_opens_with_its_own_scope_alone(writer: Writer) -> None:
    assert writer.as_caller("user/MedicationRequest.write").create({"resourceType": "Medication"}).status == 403


def test_without_a_context_or_with_one_that_has_expired_it_is_401(writer: Writer) -> None:
    expired = {"client_id": "c", "scope": "user/*.write", "expires_at": "1"}

    assert writer.answer(fhir_event("DELETE", "Patient/4")).status == 401
    assert writer.answer(fhir_event("DELETE", "Patient/4", authorizer=expired)).status == 401


@pytest.mark.parametrize(("path", "status"), [("Patient/4$", 400), ("Nothing/4", 404), ("Patient/4/", 404)])
def test_a_path_is_read_as_strictly_as_for_reading(writer: Writer, path: str, status: int) -> None:
    assert writer.send("DELETE", path).status == status


def test_each_writer_writes_its_own_types(writer: Writer) -> None:
    context = {"client_id": "c", "scope": "user/*.cruds", "expires_at": "9999999999"}
    record = fhir_event("DELETE", "Patient/4", authorizer=context)
    directory = fhir_event("DELETE", "Organization/4", authorizer=context)

    assert writer.answer(record, Table.DIRECTORY).status == 404
    assert writer.answer(directory, Table.RECORD).status == 404


def test_a_format_that_there_is_none_of_is_406_before_anything_is_written(writer: Writer) -> None:
    assert writer.create(patient(), Accept="text/plain").status == 406
    assert writer.send("POST", "Patient", patient(), "_format=yaml").status == 406


def test_a_refusal_is_in_the_format_asked_for_and_cached_nowhere(writer: Writer) -> None:
    answer = writer.send("POST", "Patient", "{", "_format=xml")

    assert answer.text.startswith("<?xml")
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_should_never_happen_is_a_fixed_500(writer: Writer) -> None:
    answer = writer.answer(
        event("patient-record-read") | {"requestContext": 5, "path": "/careconnect-ri/STU3/Patient/4"}
    )

    assert (answer.status, issues_in(answer)) == (500, [("exception", ())])


def test_what_did_not_come_through_the_edge_is_403(writer: Writer) -> None:
    around = writer.app(Table.RECORD, Origin("the-fronts-own"))

    assert around(fhir_event("DELETE", "Patient/4"))["statusCode"] == 403
