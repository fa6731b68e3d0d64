"""The paths of the API, and the request that each stands for (`access.md`, S13; STU3 RESTful API §2.21)."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.interactions import EVERYTHING, Shape
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.request import parse_path
from careconnect.fhir.resource_types import AUDIT_EVENT, RESOURCE_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.running.cases import each_of

LONGEST_ID = "A" * 64


@each_of("name", [each.name for each in RESOURCE_TYPES])
@each_of(
    ("rest", "shape", "resource_id", "version"),
    [
        ("", Shape.TYPE, "", ""),
        ("/_search", Shape.SEARCH, "", ""),
        ("/4", Shape.INSTANCE, "4", ""),
        ("/a.B-9", Shape.INSTANCE, "a.B-9", ""),
        (f"/{LONGEST_ID}", Shape.INSTANCE, LONGEST_ID, ""),
        ("/.", Shape.INSTANCE, ".", ""),
        ("/4/_history/1", Shape.VERSION, "4", "1"),
        ("/4/_history", Shape.HISTORY, "4", ""),
        ("/4/_history/nonsense", Shape.VERSION, "4", "nonsense"),
        ("/%34", Shape.INSTANCE, "4", ""),
    ],
)
def test_a_path_says_what_it_asks_for(name: str, rest: str, shape: Shape, resource_id: str, version: str) -> None:
    parsed = parse_path(f"{FHIR_PATH}/{name}{rest}")

    assert (parsed.type.name, parsed.shape, parsed.id, parsed.version) == (name, shape, resource_id, version)


def test_the_audit_trail_is_read_and_searched_and_has_no_history() -> None:
    paths = {"": Shape.TYPE, "/_search": Shape.SEARCH, "/4": Shape.INSTANCE}
    parsed = {rest: parse_path(f"{FHIR_PATH}/AuditEvent{rest}") for rest in paths}

    assert {rest: each.shape for rest, each in parsed.items()} == paths
    assert {each.type for each in parsed.values()} == {AUDIT_EVENT}
    assert parsed["/4"].id == "4"
    for rest in ("/4/_history", "/4/_history/1", "/4/$everything", "/4/AuditEvent", "/4/Patient", "/_history", "/4/"):
        assert refused(f"{FHIR_PATH}/AuditEvent{rest}") == (404, "not-supported")
    assert refused(f"{FHIR_PATH}/Patient/4/AuditEvent") == (404, "not-supported")
    assert refused(f"{FHIR_PATH}/auditevent") == (404, "not-supported")


@pytest.mark.parametrize("operation", ["$everything", "%24everything"])
def test_everything_is_an_operation_of_a_patient_alone(operation: str) -> None:
    parsed = parse_path(f"{FHIR_PATH}/Patient/4/{operation}")

    assert (parsed.shape, parsed.id, parsed.operation) == (Shape.OPERATION, "4", "$everything")
    assert parsed.interactions == (EVERYTHING,)
    for path in (f"Encounter/4/{operation}", f"Patient/{operation}", f"{operation}"):
        assert refused(f"{FHIR_PATH}/{path}") == (404, "not-supported")


OF_NOBODY = {
    *("Patient", "Medication"),
    *("Organization", "Location", "Practitioner", "PractitionerRole", "HealthcareService"),
}
"""The types that are in no patient's record."""


@each_of("name", [each.name for each in RESOURCE_TYPES])
@each_of(("rest", "shape"), [("", Shape.RECORD), ("/_search", Shape.RECORD_SEARCH)])
def test_a_type_of_a_record_is_searched_below_its_patient(name: str, rest: str, shape: Shape) -> None:
    path = f"{FHIR_PATH}/Patient/a.B-9/{name}{rest}"
    if name in OF_NOBODY:
        assert refused(path) == (404, "not-supported")
        return
    parsed = parse_path(path)

    assert parsed.compartment is not None
    assert (parsed.type.name, parsed.shape, parsed.id) == (name, shape, "")
    assert (parsed.compartment.reference.name, parsed.compartment.owner) == ("patient", "Patient/a.B-9")
    assert parsed.asked == f"Patient/a.B-9/{name}"


def test_a_path_of_a_bulk_export_names_its_job_and_its_file_as_sent() -> None:
    paths = ("$export", "%24export", "$export/J-_1", "$export/a%2F..%2Fb/x%20y", "Patient/$export")
    parsed = [parse_path(f"{FHIR_PATH}/{path}") for path in paths]

    assert [(each.type.name, each.job, each.file) for each in parsed] == [
        ("", "", ""),
        ("", "", ""),
        ("", "J-_1", ""),
        ("", "a/../b", "x y"),
        ("Patient", "", ""),
    ]
    assert all(each.is_export and (each.target, each.patient) == ("", "") for each in parsed)
    for path in (
        "$export/",
        "$export//x",
        "$export/j/",
        "$export/j/f/x",
        "$exports",
        "Group/1/$export",
        "Goal/$export",
    ):
        assert refused(f"{FHIR_PATH}/{path}") == (404, "not-supported")


def refused(path: str) -> tuple[int, str]:
    with pytest.raises(OutcomeError) as caught:
        parse_path(path)
    return caught.value.status, caught.value.code


@each_of(
    "path",
    [
        "",
        "/",
        FHIR_PATH,
        f"{FHIR_PATH}/",
        f"/live{FHIR_PATH}/Patient/4",
        f"{FHIR_PATH.lower()}/Patient/4",
        f"{FHIR_PATH}X/Patient/4",
        f"{FHIR_PATH}//Patient/4",
        f"/{FHIR_PATH}/Patient/4",
        f"{FHIR_PATH}/Patient//4",
        f"{FHIR_PATH}/Patient/",
        f"{FHIR_PATH}/Patient/4/",
        f"{FHIR_PATH}/Patient//",
        f"{FHIR_PATH}/patient/4",
        f"{FHIR_PATH}/PATIENT/4",
        f"{FHIR_PATH}/Patient;a=b/4",
        f"{FHIR_PATH}/Patient;/4",
        f"{FHIR_PATH}/Patient%2F4",
        f"{FHIR_PATH}/Patient%3Ba/4",
        f"{FHIR_PATH}/Patient%00/4",
        f"{FHIR_PATH}/../STU3/Patient/4",
        f"{FHIR_PATH}/./Patient/4",
        f"{FHIR_PATH}/%2e%2e/Patient/4",
        f"{FHIR_PATH}/Patient/../Condition/1",
        f"{FHIR_PATH}/Patient/%2e%2e/Condition/1",
        f"{FHIR_PATH}/Patient/4/Organization",
        f"{FHIR_PATH}/Patient/4/Patient",
        f"{FHIR_PATH}/Patient/4/Appointment",
        f"{FHIR_PATH}/Patient/4/*",
        f"{FHIR_PATH}/Patient/4/_search",
        f"{FHIR_PATH}/Patient/4/condition",
        f"{FHIR_PATH}/Patient/4/Condition/",
        f"{FHIR_PATH}/Patient/4//Condition",
        f"{FHIR_PATH}/Patient//Condition",
        f"{FHIR_PATH}/Patient/4/Condition;a=b",
        f"{FHIR_PATH}/Patient/4/Condition%2F_search",
        f"{FHIR_PATH}/Patient/4/Condition/1",
        f"{FHIR_PATH}/Patient/4/Condition/$everything",
        f"{FHIR_PATH}/Patient/4/Condition/_search/1",
        f"{FHIR_PATH}/Patient/_search/Condition",
        f"{FHIR_PATH}/Patient/$everything/Condition",
        f"{FHIR_PATH}/Patient/4/Encounter/1/Condition",
        f"{FHIR_PATH}/Encounter/1/Condition",
        f"{FHIR_PATH}/Condition/1/Patient",
        f"{FHIR_PATH}/Patient/4/_history/1/2",
        f"{FHIR_PATH}/Patient/_history",
        f"{FHIR_PATH}/Patient/_search/4",
        f"{FHIR_PATH}/Patient/$match",
        f"{FHIR_PATH}/Patient/4/$meta",
        f"{FHIR_PATH}/Patient/4/%2524everything",
        f"{FHIR_PATH}/Appointment/4",
        f"{FHIR_PATH}/Binary",
        f"{FHIR_PATH}/*",
        f"{FHIR_PATH}/metadata",
        f"{FHIR_PATH}/P\u0430tient/4",
        f"{FHIR_PATH}/Patient\n/4",
    ],
)
def test_s13_every_other_spelling_is_another_path_which_is_not_there(path: str) -> None:
    assert refused(path) == (404, "not-supported")


@pytest.mark.parametrize(
    "resource_id",
    ["4%2F..%2F5", "4;a=b", "4%00", "4 5", "4%0A", "é", "4%", LONGEST_ID + "A", "4,5", "a_b", "%252e%252e", "4?x=y"],
)
def test_an_id_outside_the_syntax_is_a_bad_request(resource_id: str) -> None:
    assert refused(f"{FHIR_PATH}/Patient/{resource_id}") == (400, "value")
    assert refused(f"{FHIR_PATH}/Patient/{resource_id}/_history/1") == (400, "value")
    assert refused(f"{FHIR_PATH}/Patient/{resource_id}/Condition") == (400, "value")
    assert refused(f"{FHIR_PATH}/Patient/{resource_id}/Condition/_search") == (400, "value")


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1).map(lambda text: quote(text, safe="/%;.$")))
def test_any_path_is_understood_or_refused_with_an_outcome(rest: str) -> None:
    try:
        parsed = parse_path(f"{FHIR_PATH}/{rest}")
    except OutcomeError as error:
        status = error.status
    else:
        status = 200
        assert rest.startswith(parsed.asked if parsed.compartment else parsed.type.name)
    assert status in (200, 400, 404)


ALLOWED = [
    ("Patient", "GET, HEAD, POST, PUT, DELETE"),
    ("Patient/4", "GET, HEAD, PUT, PATCH, DELETE"),
    ("Patient/_search", "POST"),
    ("Patient/4/_history", "GET, HEAD"),
    ("Patient/4/_history/1", "GET, HEAD"),
    ("Patient/4/$everything", "GET, HEAD, POST"),
    ("Patient/4/Condition", "GET, HEAD"),
    ("Patient/4/Condition/_search", "POST"),
    ("AuditEvent", "GET, HEAD"),
    ("AuditEvent/4", "GET, HEAD"),
    ("AuditEvent/_search", "POST"),
    ("$export", "GET, POST"),
    ("Patient/$export", "GET, POST"),
    ("$export/j", "GET, HEAD, DELETE"),
    ("$export/j/Patient.0.1.ndjson", "GET, HEAD"),
]


@pytest.mark.parametrize(("path", "methods"), ALLOWED)
def test_a_path_says_which_methods_it_takes_whichever_function_answers_them(path: str, methods: str) -> None:
    assert parse_path(f"{FHIR_PATH}/{path}").allowed == methods


def test_the_links_of_what_is_asked_in_pages_begin_with_its_path() -> None:
    for path in ("Patient", "Patient/4/_history", "Patient/4/$everything", "Patient/4/Condition"):
        assert parse_path(f"{FHIR_PATH}/{path}").asked == path
