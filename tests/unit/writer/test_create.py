"""Creating resources (`write.md`, Interactions: POST Type)."""

import json

import pytest
from lxml import etree

from careconnect_records.parsing.exact_json import parse_json
from careconnect_testing.http.writes import JSON, XML, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.records.fhir_models import valid_json, valid_xml

ORGANIZATION = {"resourceType": "Organization", "name": "A practice"}


def test_a_created_resource_has_the_servers_id_and_its_first_version(writer: Writer) -> None:
    answer = writer.create(patient("1", gender="female"))

    assert answer.status == 201
    assert answer.headers["Location"] == f"{FHIR_BASE}/Patient/new-0/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"] == "Sun, 15 Jun 2025 15:06:40 GMT"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["meta"] == {"versionId": "1", "lastUpdated": "2025-06-15T15:06:40.000Z"}
    assert writer.reader.get("Patient/new-0").json == answer.json


def test_an_id_and_a_version_in_the_body_are_the_servers_to_say(writer: Writer) -> None:
    meta = {"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"code": "kept"}]}
    created = writer.create({**patient(), "id": "not an id", "meta": meta}).json

    assert created["id"] == "new-0"
    assert created["meta"] == {
        "versionId": "1",
        "lastUpdated": "2025-06-15T15:06:40.000Z",
        "tag": [{"code": "kept"}],
    }


@pytest.mark.parametrize("encoding", ["", "identity", " Identity"])
def test_a_body_that_is_sent_as_it_is_may_say_so(writer: Writer, encoding: str) -> None:
    assert writer.send("POST", "Patient", json.dumps(patient()), Content_Encoding=encoding).status == 201


def test_promise_7_a_create_costs_two_calls_whatever_the_table_holds(writer: Writer) -> None:
    made = writer.made(patient())
    writer.calls.clear()
    writer.create(observation(f"Patient/{made['id']}"))

    assert writer.calls == ["BatchGetItem", "TransactWriteItems"]


def test_what_is_written_in_one_format_reads_back_equal_in_the_other(writer: Writer) -> None:
    made = writer.made(patient())
    resource = observation(
        f"Patient/{made['id']}",
        contained=[{"resourceType": "Practitioner", "id": "p"}],
        performer=[{"reference": "#p"}],
        _issued={"extension": [{"url": "http://example.org/why", "valueString": "unknown  & <odd>"}]},
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A <b>note</b></div>'},
    )
    body = json.dumps(resource)[:-1] + ',"valueQuantity":{"value":1.500}}'
    first = writer.send("POST", "Observation", body, Accept=XML)
    again = writer.send("POST", "Observation", first.text, type_=XML, Accept=JSON)

    assert (first.status, again.status) == (201, 201)
    valid_xml(first.text, "Observation")
    valid_json(again.text, "Observation")
    assert '"value":1.500}' in again.text
    assert {**again.json, "id": "", "meta": ""} == {**json.loads(body), "id": "", "meta": ""}


def test_a_body_that_has_its_white_space_is_the_same(writer: Writer) -> None:
    resource = patient("1", gender="female")
    answer = writer.send("POST", "Patient", json.dumps(resource, indent=8))

    assert {**answer.json, "id": "", "meta": ""} == {**resource, "id": "", "meta": ""}


@pytest.mark.parametrize(
    ("prefer", "text"),
    [
        ("return=minimal", ""),
        ("respond-async, return=minimal", ""),
        ('RETURN="minimal"', ""),
        ("return=OperationOutcome", "OperationOutcome"),
        ("return=representation", "Patient"),
        ("return=something", "Patient"),
        ("handling=strict", "Patient"),
    ],
)
def test_rfc_7240_an_answer_is_as_preferred(writer: Writer, prefer: str, text: str) -> None:
    answer = writer.create(patient(), Prefer=prefer)

    assert answer.status == 201
    assert answer.headers["Location"] == f"{FHIR_BASE}/Patient/new-0/_history/1"
    assert (json.loads(answer.text)["resourceType"] if answer.text else "") == text


def test_an_outcome_that_was_preferred_says_what_was_done_in_the_format_asked_for(writer: Writer) -> None:
    created = writer.create(patient(), Prefer="return=OperationOutcome", Accept=XML)
    named = patient(name=[{"use": "official", "family": "Bee"}])
    updated = writer.update({**named, "id": "new-0"}, Prefer="return=OperationOutcome")

    root = etree.fromstring(created.text.encode())
    assert root.xpath("string(//*[local-name()='severity']/@value)") == "information"
    assert updated.status == 200
    assert updated.issue == {
        "severity": "information",
        "code": "informational",
        "diagnostics": "The resource is as it was asked to be.",
    }


def test_who_may_not_read_learns_of_the_version_alone(writer: Writer) -> None:
    answers = [
        writer.as_caller("user/Patient.write").create(patient(), Prefer=prefer)
        for prefer in ("return=representation", "return=OperationOutcome")
    ]

    assert [(answer.status, answer.text) for answer in answers] == [(201, ""), (201, "")]
    assert answers[0].headers["ETag"] == 'W/"1"'


def test_the_directory_is_written_by_a_function_without_the_table_of_records(writer: Writer) -> None:
    made = writer.made(ORGANIZATION)
    child = writer.create({**ORGANIZATION, "partOf": {"reference": f"Organization/{made['id']}"}})
    device = {"url": "http://example.org/x", "valueReference": {"reference": "Patient/4"}}
    beyond = writer.create({**ORGANIZATION, "extension": [device]})

    assert child.status == 201
    assert beyond.status == 422
    assert parse_json(writer.reader.get(f"Organization/{made['id']}").text)["name"] == "A practice"


def test_a_line_of_the_log_names_the_interaction_and_no_id(writer: Writer) -> None:
    writer.update({**patient("9434765919"), "id": "4"})
    (line,) = writer.observer.lines

    assert (line["action"], line["status"], line["client_id"], line["reason"]) == (
        "Patient.update",
        201,
        "client-1",
        "",
    )
    assert "9434765919" not in str(line)


def test_what_is_too_large_for_an_answer_in_its_form_is_written_and_refused_to_readers(writer: Writer) -> None:
    """Nothing grows as much in XML as an array of small numbers: 340 KB become 5.5 MB."""
    items = [{"sequence": 1, "informationLinkId": [1] * 174_000}]
    claim = {"resourceType": "Claim", "id": "c", "item": items}
    body = patient(contained=[claim], extension=[{"url": "urn:x", "valueReference": {"reference": "#c"}}])

    made = writer.create(body, Accept=XML)
    assert (made.status, made.text) == (201, "")
    path = made.headers["Location"].partition("STU3/")[2]
    assert writer.reader.get(path).json["contained"] == [claim]
    for query in ("_format=xml", "_format=xml&_pretty=true"):
        refused = writer.reader.get(path, query)
        assert (refused.status, refused.text.count('<code value="too-costly"/>')) == (400, 1)
    assert writer.reader.get("Patient", "_format=xml&_id=" + path.split("/")[1]).status == 400


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_an_answer_is_laid_out_if_so_asked(writer: Writer, format_: str) -> None:
    plain = writer.send("POST", "Patient", patient("1"), f"_format={format_}&_pretty=false")
    pretty = writer.send("POST", "Patient", patient("1"), f"_format={format_}&_pretty=true")

    assert "\n" not in plain.text
    assert "\n  " in pretty.text


def test_a_layout_that_there_is_none_of_is_400_before_anything_is_written(writer: Writer) -> None:
    answer = writer.send("POST", "Patient", patient(), "_pretty=maybe")

    assert (answer.status, answer.issue["expression"]) == (400, ["http._pretty"])
    assert not writer.calls
