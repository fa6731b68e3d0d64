"""Reading one resource: statuses, versions, validators, formats (`fhir.md`, Versions and Statuses)."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType, Table
from careconnect_testing.http.events import event, event_names, fhir_event
from careconnect_testing.parts.stores import LOADED, Reader, load, reader_in_memory
from careconnect_testing.records.few_records import NARRATIVE, few_records, write_deletion, write_records
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.running.cases import each_of

if TYPE_CHECKING:
    from careconnect_testing.http.answer import Answer

LATER = LOADED + timedelta(days=1)
SOURCES = {(each["resourceType"], each["id"]): each for each in few_records()}


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Yield a reader with Patient 4 in its second version, and Patient 6 deleted."""
    folder = tmp_path_factory.mktemp("aged")
    with reader_in_memory() as reader:
        load(reader, write_records(folder))
        changed = {**SOURCES["Patient", "4"], "active": False}
        load(reader, write_records(folder, [changed]), LATER)
        load(reader, write_deletion(folder, "Patient", "6"), LATER)
        yield reader


@each_of(("name", "resource_id"), SOURCES)
def test_every_resource_reads_back_as_it_was_loaded(reader: Reader, name: str, resource_id: str) -> None:
    answer = reader.get(f"{name}/{resource_id}")

    assert answer.status == 200
    read, source = answer.json, dict(SOURCES[name, resource_id])
    meta = {"versionId": "1", "lastUpdated": "2024-05-01T10:00:00.250Z", **source.pop("meta", {})}
    assert read.pop("meta") == meta
    assert read == json.loads(json.dumps(source, default=float))
    valid_json(answer.text, name)
    valid_xml(reader.get(f"{name}/{resource_id}", "_format=xml").text, name)


def test_a_read_is_one_call(reader: Reader) -> None:
    reader.get("Patient/4")
    assert reader.calls == ["GetItem"]

    reader.calls.clear()
    reader.get("Organization/P1", "_format=xml")
    assert reader.calls == ["GetItem"]


def test_decimals_keep_their_digits_and_letters_their_accents(reader: Reader) -> None:
    text = reader.get("Observation/o1").text

    assert '"value":36.10' in text
    assert '"value":1.0e1' in text
    assert "°C" in text
    assert 'value="36.10"' in reader.get("Observation/o1", "_format=xml").text
    assert "Muñoz" in reader.get("Patient/5").text


def test_fhir_md_versions_are_reported_by_etag_and_last_modified(aged: Reader) -> None:
    answer = aged.get("Patient/4")

    assert answer.headers["ETag"] == 'W/"2"'
    assert answer.headers["Last-Modified"] == "Thu, 02 May 2024 10:00:00 GMT"
    assert answer.json["meta"]["versionId"] == "2"
    assert answer.json["meta"]["lastUpdated"] == "2024-05-02T10:00:00.250Z"
    assert {part.strip() for part in answer.headers["Vary"].split(",")} == {"Accept", "Authorization"}


@each_of("type_", RESOURCE_TYPES)
def test_no_cache_keeps_a_patients_data_and_the_directory_is_asked_about_again(
    reader: Reader, type_: ResourceType
) -> None:
    kept = "no-store" if type_.table is Table.RECORD else "private, no-cache"
    bundle = reader.get(type_.name, "_count=1")
    read = reader.get(f"{type_.name}/{bundle.ids()[0]}")
    known = reader.get(f"{type_.name}/{bundle.ids()[0]}", If_None_Match=read.headers["ETag"])

    posted = reader.post(f"{type_.name}/_search", "_count=1")
    assert [answer.status for answer in (bundle, posted, read, known)] == [200, 200, 200, 304]
    assert {answer.headers["Cache-Control"] for answer in (bundle, posted, read, known)} == {kept}
    assert reader.get(f"{type_.name}/absent").headers["Cache-Control"] == "no-store"


def test_no_cache_keeps_a_whole_record(reader: Reader) -> None:
    assert reader.get("Patient/4/$everything").headers["Cache-Control"] == "no-store"


CONDITIONS: list[tuple[dict[str, str], int]] = [
    ({"If_None_Match": 'W/"2"'}, 304),
    ({"If_None_Match": '"2"'}, 304),
    ({"If_None_Match": "*"}, 304),
    ({"If_None_Match": 'W/"1", W/"2"'}, 304),
    ({"If_None_Match": 'W/"1"'}, 200),
    ({"If_None_Match": "2"}, 200),
    ({"If_None_Match": 'W/"22"'}, 200),
    ({"If_Modified_Since": "Thu, 02 May 2024 10:00:00 GMT"}, 304),
    ({"If_Modified_Since": "Fri, 03 May 2024 10:00:00 GMT"}, 304),
    ({"If_Modified_Since": "Thu, 02 May 2024 09:59:59 GMT"}, 200),
    ({"If_Modified_Since": "Thu, 02 May 2024 11:00:00 +0200"}, 200),
    ({"If_Modified_Since": "yesterday"}, 200),
    ({"If_Modified_Since": "Thu, 99 May 2024 10:00:00 GMT"}, 200),
    ({"If_Modified_Since": ""}, 200),
    # RFC 9110 §13.1.3: If-None-Match decides alone where both are sent.
    ({"If_None_Match": 'W/"1"', "If_Modified_Since": "Fri, 03 May 2024 10:00:00 GMT"}, 200),
    ({"If_None_Match": 'W/"2"', "If_Modified_Since": "Wed, 01 May 2024 10:00:00 GMT"}, 304),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_rfc9110_13_conditional_reads(aged: Reader, headers: dict[str, str], status: int, method: str) -> None:
    answer = aged.get("Patient/4", method=method, **headers)

    assert answer.status == status
    assert answer.headers["ETag"] == 'W/"2"'
    if status == 304:
        assert answer.text == ""
        assert "Content-Type" not in answer.headers


def test_rfc9110_9_3_2_head_answers_as_get_without_the_body(aged: Reader) -> None:
    for path in ("Patient/4", "Patient", "Patient/unknown", "Patient/6", "Patient/4/$everything"):
        got, headed = aged.get(path), aged.get(path, method="HEAD")

        assert headed.text == ""
        assert headed.status == got.status
        assert headed.headers == {**got.headers, "Content-Length": str(len(got.text.encode()))}


def test_fhir_md_a_vread_gives_the_version_that_is_asked_for(aged: Reader) -> None:
    assert aged.get("Patient/4/_history/2").json["active"] is False
    assert aged.get("Patient/4/_history/3").status == 404


def test_fhir_md_a_deleted_resource_is_gone(aged: Reader) -> None:
    answer = aged.get("Patient/6")

    assert answer.status == 410
    assert answer.issue["code"] == "not-found"
    assert aged.get("Patient/6/_history/2").status == 410
    assert aged.get("Patient", "_id=6").total == 0
    assert aged.get("Patient", "name=hanlon").total == 0


def test_an_unknown_resource_is_not_found(reader: Reader) -> None:
    for each in RESOURCE_TYPES:
        answer = reader.get(f"{each.name}/no-such-id")
        assert (answer.status, answer.issue["code"]) == (404, "not-found")


@each_of("name", [each.name for each in RESOURCE_TYPES])
def test_s5_a_scope_for_another_type_is_not_enough(reader: Reader, name: str) -> None:
    other = "Condition" if name != "Condition" else "Patient"
    answer = reader.as_caller(f"user/{other}.read").get(f"{name}/4")

    assert (answer.status, answer.issue["code"]) == (403, "forbidden")
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="careconnect", error="insufficient_scope", scope="user/{name}.r"'
    )
    assert f" user/{name}.r " in answer.diagnostics
    assert reader.calls == []


def test_s3_the_reader_itself_refuses_what_the_scope_does_not_allow(reader: Reader) -> None:
    assert reader.as_caller("user/Patient.write").get("Patient/4").status == 403
    assert reader.as_caller("user/Patient.s").get("Patient/4").status == 403
    assert reader.as_caller("user/Patient.s").get("Patient/4/_history/1").status == 403
    assert reader.as_caller("user/Patient.s").get("Patient/4/$everything").status == 403
    assert reader.as_caller("user/Patient.r").get("Patient", "_id=4").status == 403
    assert reader.as_caller("user/Patient.r").post("Patient/_search", "_id=4").status == 403
    assert reader.as_caller("user/Patient.r").get("Patient/4").status == 200
    assert reader.as_caller("user/Patient.s").get("Patient", "_id=4").status == 200


def test_s4_a_foreign_resource_looks_like_an_absent_one_to_a_bound_client(reader: Reader) -> None:
    bound = reader.as_caller(patient="4")

    assert bound.get("Patient/4").status == 200
    assert bound.get("Condition/c1").status == 200
    assert bound.get("Organization/P1").status == 200
    assert bound.get("Medication/m1").status == 200
    absent = bound.get("Condition/no-such-id")
    for foreign in ("Patient/5", "Condition/c5", "Observation/o50", "MedicationRequest/mr5", "Condition/c5/_history/1"):
        answer = bound.get(foreign)
        assert (answer.status, answer.text) == (404, absent.text)
    assert bound.get("Patient/5/$everything").text == absent.text


FORMATS: list[tuple[str, str, str]] = [
    ("", "", "json"),
    ("", "*/*", "json"),
    ("", "application/fhir+json", "json"),
    ("", "application/json+fhir", "json"),
    ("", "application/json", "json"),
    ("", "application/fhir+xml", "xml"),
    ("", "application/xml+fhir", "xml"),
    ("", "application/xml", "xml"),
    ("", "text/xml", "xml"),
    ("", "application/fhir+xml;q=0.9, application/fhir+json;q=0.8", "xml"),
    ("", "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "xml"),
    ("json", "application/fhir+xml", "json"),
    ("xml", "application/fhir+json", "xml"),
    ("application/fhir+xml", "", "xml"),
    ("application/fhir xml", "", "xml"),
    ("text/xml", "text/html", "xml"),
    ("html", "application/fhir+json", "406"),
    ("", "text/html", "406"),
    ("", "application/fhir+json;q=0", "406"),
]


@each_of(("parameter", "accept", "expected"), FORMATS)
@each_of("path", ["Patient/4", "Patient", "Patient/4/$everything"])
def test_fhir_md_formats(reader: Reader, parameter: str, accept: str, expected: str, path: str) -> None:
    query = [("_format", parameter)] if parameter else []
    answer = reader.get(path, query, **({"Accept": accept} if accept else {}))

    if expected == "406":
        assert (answer.status, answer.issue["code"]) == (406, "not-supported")
    elif expected == "xml":
        assert answer.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"
        assert answer.text.startswith('<?xml version="1.0" encoding="UTF-8"?><')
        assert etree.fromstring(answer.text.encode()).tag.startswith("{http://hl7.org/fhir}")
    else:
        assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
        assert answer.json["resourceType"] in ("Patient", "Bundle")


ERRORS: list[tuple[str, str, int]] = [
    ("GET", "Patient/unknown", 404),
    ("GET", "Nonsense/1", 404),
    ("GET", "Patient/bad_id", 400),
    ("GET", "Patient?birthdate=nonsense", 400),
    ("POST", "Patient", 405),
    ("POST", "Patient/_search", 415),
]


@pytest.mark.parametrize(("method", "target", "status"), ERRORS)
@pytest.mark.parametrize("asked", ["accept", "parameter"])
def test_fhir_md_errors_are_outcomes_in_the_asked_format(
    reader: Reader, method: str, target: str, status: int, asked: str
) -> None:
    path, _, query = target.partition("?")
    pairs = [tuple(query.split("=", 1))] if query else []
    for format_ in ("json", "xml"):
        headers = {"Accept": f"application/fhir+{format_}"} if asked == "accept" else {}
        if status == 415:
            headers |= {"Content-Type": "application/json"}
        with_format = [*pairs, ("_format", format_)] if asked == "parameter" else pairs
        request = fhir_event(method, path, with_format, headers=headers, body="{}", authorizer=reader.context)  # type: ignore[arg-type]
        answer = reader.send(request)

        assert answer.status == status
        assert answer.headers["Content-Type"].startswith(f"application/fhir+{format_}")
        outcome = (valid_xml if format_ == "xml" else valid_json)(answer.text, "OperationOutcome")
        assert outcome.issue[0].severity == "error"


@each_of("name", [each.name for each in RESOURCE_TYPES])
@each_of("method", ["PUT", "PATCH", "DELETE", "TRACE", "POST"])
def test_fhir_md_verbs_that_a_reader_does_not_answer_are_405_with_what_the_path_takes(
    reader: Reader, name: str, method: str
) -> None:
    for path, allowed in (
        (name, "GET, HEAD, POST, PUT, DELETE"),
        (f"{name}/4", "GET, HEAD, PUT, PATCH, DELETE"),
        (f"{name}/4/_history", "GET, HEAD"),
        (f"{name}/4/_history/1", "GET, HEAD"),
        (f"{name}/_search", "POST"),
    ):
        if method == allowed:
            continue
        answer = reader.send(fhir_event(method, path, authorizer=reader.context))
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_a_get_of_search_is_405(reader: Reader) -> None:
    assert reader.get("Patient/_search").headers["Allow"] == "POST"


@each_of(
    ("query", "status"),
    [
        ("access_token=abc", 400),
        ([("name", "x" * 8200)], 400),
        ([("name", "x")] * 201, 400),
        ([("name", "\ud800")], 400),
        ([("name", "M\ufffdnoz")], 400),
        ([("\ufffd", "x")], 400),
        ("_summary=nonsense", 400),
        ("_elements=a b", 400),
    ],
)
@each_of("path", ["Patient", "Patient/4", "Patient/4/$everything"])
def test_what_cannot_be_honoured_is_a_bad_request(reader: Reader, path: str, query: Any, status: int) -> None:
    assert reader.get(path, query).status == status


def test_rfc6750_2_a_token_in_the_body_is_refused(reader: Reader) -> None:
    assert reader.post("Patient/_search", "_id=4&access_token=abc").status == 400


def test_x_request_id_is_echoed_if_it_is_a_plain_one(reader: Reader) -> None:
    for path in ("Patient/4", "Patient/unknown", "Nonsense/1"):
        answer = reader.get(path, X_Request_Id="my-request.1")
        assert answer.headers["X-Request-Id"] == answer.headers["X-Correlation-Id"] == "my-request.1"
        for strange in ("a b", "x" * 129, "a\r\nSet-Cookie: b", "<script>"):
            answer = reader.get(path, X_Request_Id=strange)
            assert answer.headers["X-Request-Id"] == event("patient-record-read")["requestContext"]["requestId"]


@pytest.mark.parametrize("path", ["Patient/4", "Patient/unknown", "Nonsense/1", "Patient"])
def test_cors_headers_are_on_every_answer(reader: Reader, path: str) -> None:
    answer = reader.get(path, Origin="https://app.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]

    listed = Reader(reader.client, reader.tables, origins=("https://app.example",))
    assert listed.get(path, Origin="https://app.example").headers["Access-Control-Allow-Origin"] == (
        "https://app.example"
    )
    other = listed.get(path, Origin="https://other.example")
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Origin" in other.headers["Vary"]


def test_a_request_body_that_is_not_base64_is_a_bad_request(reader: Reader) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = fhir_event("POST", "Patient/_search", headers=form, body="é!", authorizer=reader.context)

    as_json = {"Content-Type": "application/fhir+json"}
    posted = fhir_event("POST", "Patient/4/$everything", headers=as_json, body="é!", authorizer=reader.context)

    assert [reader.send(each | {"isBase64Encoded": True}).status for each in (request, posted)] == [400, 400]


@pytest.mark.parametrize("name", event_names("PatientRecordFunction", "DirectoryFunction"))
def test_the_events_of_the_readers_are_answered(reader: Reader, name: str) -> None:
    answer = reader.send(event(name))

    expected = {"patient-record-expired": 401, "directory-read": 404}
    assert answer.status == expected.get(name, 200), answer.text


def test_an_event_without_an_authorizer_is_refused(reader: Reader) -> None:
    answer = reader.send(fhir_event("GET", "Patient/4"))

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="careconnect"'
    assert reader.calls == []


def test_an_event_that_is_no_request_does_not_raise(reader: Reader) -> None:
    answer = reader.send(fhir_event("GET", "Patient/4") | {"headers": ["no mapping"], "multiValueHeaders": None})

    assert (answer.status, answer.issue["code"]) == (500, "exception")
    assert [type(error) for error in reader.observer.failures] == [AttributeError]


def test_each_function_answers_for_its_own_types_alone(reader: Reader) -> None:
    for each in RESOURCE_TYPES:
        other = Table.DIRECTORY if each.table is Table.RECORD else Table.RECORD
        answer = reader.send(fhir_event("GET", f"{each.name}/4", authorizer=reader.context), other)
        assert (answer.status, answer.issue["code"]) == (404, "not-supported")
    assert reader.calls == []


def test_narratives_stay_as_they_are(reader: Reader) -> None:
    assert reader.get("Patient/4").json["text"]["div"] == NARRATIVE
    for query in ("_format=xml", "_format=xml&_pretty=true", "_format=xml&_summary=text"):
        assert NARRATIVE in reader.get("Patient/4", query).text


def test_the_log_says_what_was_done_and_nothing_of_the_record(reader: Reader) -> None:
    reader.get("Patient/4", "_format=json")
    reader.get("Patient", "identifier=https://fhir.nhs.uk/Id/nhs-number|9658218873")
    reader.get("Patient/unknown")
    reader.as_caller("profile").get("Patient/4")
    reader.get("Nonsense/9658218873")

    logged = [(line["action"], line["status"], line["client_id"]) for line in reader.observer.lines]
    assert logged == [
        ("Patient.read", 200, "client-1"),
        ("Patient.search", 200, "client-1"),
        ("Patient.read", 404, "client-1"),
        ("Patient.read", 403, "client-1"),
        ("unknown", 404, "client-1"),
    ]
    assert not any(text in repr(reader.observer.lines) for text in ("9658218873", "Kanfeld", "identifier"))


def test_a_fault_of_the_code_is_a_500_with_a_fixed_text(reader: Reader) -> None:
    def fault(_: str) -> None:
        raise ZeroDivisionError("secret detail")

    reader.faults.append(fault)
    answers: list[Answer] = [reader.get("Patient/4"), reader.get("Organization"), reader.get("Patient/4/$everything")]

    for answer in answers:
        assert (answer.status, answer.issue["code"]) == (500, "exception")
        assert "secret detail" not in answer.text
    assert [type(error) for error in reader.observer.failures] == [ZeroDivisionError] * 3
