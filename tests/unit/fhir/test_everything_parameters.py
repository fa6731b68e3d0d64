"""`$everything` selects by date, by change and by type (`fhir.md`, Everything)."""

import json
from typing import Any

import pytest

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import JSON, XML, observation, patient
from careconnect_testing.parts.record_writers import Writer, module_writer, writer
from careconnect_testing.parts.stores import Reader

__all__ = ["module_writer", "writer"]

PATH = "Patient/4/$everything"
OF_XML = '<Parameters xmlns="http://hl7.org/fhir"><parameter>'
DATES: dict[str, dict[str, Any]] = {
    "in-2017": {"effectiveDateTime": "2017"},
    "in-june": {"effectiveDateTime": "2018-06-15T10:00:00+02:00"},
    "long": {"effectivePeriod": {"start": "2016-03-01", "end": "2019-03-01"}},
    "open-end": {"effectivePeriod": {"start": "2018-07-01"}},
    "open-start": {"effectivePeriod": {"end": "2017-02-01"}},
    "undated": {},
}
"""The dates of observations, by id."""


@pytest.fixture
def record(writer: Writer) -> Reader:
    """The record of Patient/4: observations of several dates, and a condition with its asserter."""
    writer.made({"resourceType": "Practitioner", "id": "gp", "name": [{"family": "A"}]})
    writer.made({**patient(birthDate="1950-01-01"), "id": "4"})
    for name, dated in DATES.items():
        writer.made(observation("Patient/4", id=name, **dated))
    writer.made(
        {
            "resourceType": "Condition",
            "id": "c",
            "subject": {"reference": "Patient/4"},
            "assertedDate": "2018-06-20",
            "clinicalStatus": "active",
            "asserter": {"reference": "Practitioner/gp"},
        }
    )
    return writer.reader


def parameters(**values: str | list[str]) -> dict[str, Any]:
    kinds = {"start": "valueDate", "end": "valueDate", "_since": "valueInstant", "_type": "valueCode"}
    given = [(name, each) for name, value in values.items() for each in (value if isinstance(value, list) else [value])]
    listed = [{"name": name, kinds.get(name, "valueInteger"): each} for name, each in given]
    return {"resourceType": "Parameters", "parameter": listed}


def found(answer: Answer) -> set[str]:
    assert answer.status == 200, answer.text
    return {each.removeprefix("Observation/") for each in answer.found()}


@pytest.mark.parametrize(
    ("query", "dated"),
    [
        ("", {"Condition/c", *DATES}),
        ("start=2018-06", {"Condition/c", "in-june", "long", "open-end", "undated"}),
        ("start=2018-06-16", {"Condition/c", "long", "open-end", "undated"}),
        ("start=2018", {"Condition/c", "in-june", "long", "open-end", "undated"}),
        ("end=2016", {"long", "open-start", "undated"}),
        ("end=2017", {"in-2017", "long", "open-start", "undated"}),
        ("end=2018-06-14", {"in-2017", "long", "open-start", "undated"}),
        ("start=2018-06-15&end=2018-06-15", {"in-june", "long", "undated"}),
        ("start=2017-06-01&end=2017-06-01", {"in-2017", "long", "undated"}),
        ("start=2030", {"open-end", "undated"}),
        ("start=2019&end=2018", {"long", "open-end", "undated"}),
    ],
)
def test_dated_resources_that_overlap_the_time_stay_with_the_undated_and_the_patient(
    record: Reader, query: str, dated: set[str]
) -> None:
    assert found(record.get(PATH, query)) == {"Patient/4", *dated}


def test_what_a_resource_refers_to_is_included_whatever_its_date(record: Reader) -> None:
    answer = record.get(PATH, "start=2018-06-20&end=2018-06-20&_type=Condition")

    assert (answer.found(), answer.found("include")) == (["Condition/c"], ["Practitioner/gp"])


def test_what_was_changed_since_an_instant_is_found(writer: Writer, record: Reader) -> None:
    writer.now.now += 60
    writer.made(observation("Patient/4", id="undated", effectiveDateTime="2018"))
    since = record.get("Observation/undated").json["meta"]["lastUpdated"]

    assert found(record.get(PATH, [("_since", since)])) == {"undated"}
    assert record.get(PATH, [("_since", since), ("end", "2017")]).found() == []


def test_types_are_those_of_the_record_or_the_patient(record: Reader) -> None:
    assert found(record.get(PATH, "_type=Condition")) == {"Condition/c"}
    assert found(record.get(PATH, "_type=Patient,Condition")) == {"Patient/4", "Condition/c"}
    assert found(record.get(PATH, "_type=Condition&_type=Observation")) == {"Condition/c", *DATES}
    assert record.get(PATH, "_type=Goal").found() == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("_type=Practitioner", "_type"),
        ("_type=condition", "_type"),
        ("_type=Condition,", "_type"),
        ("start=soon", "start"),
        ("end=2018-13", "end"),
        ("_since=2018", "_since"),
        ("_since=2018-01-01T00:00:00", "_since"),
    ],
)
def test_a_malformed_parameter_is_refused_by_name(record: Reader, query: str, name: str) -> None:
    answer = record.get(PATH, query)

    assert (answer.status, answer.issue["code"], answer.issue["expression"]) == (400, "value", [f"http.{name}"])


@pytest.mark.parametrize("count", ["1", "2", "3", "100"])
def test_pages_and_the_total_are_of_what_is_selected(record: Reader, count: str) -> None:
    query = "start=2018-06&_type=Observation,Condition"
    whole = record.get(PATH, query)
    pages = record.walk(PATH, f"{query}&_count={count}")

    assert [one for page in pages for one in page.found()] == whole.found()
    assert {page.total for page in pages} == {5} == {record.get(PATH, f"{query}&_count=0").total}
    assert "start=2018-06" in whole.link("self")


@pytest.mark.parametrize("type_", [JSON, XML])
def test_parameters_are_posted_as_they_are_asked_for(record: Reader, type_: str) -> None:
    sent = json.dumps(parameters(start="2018-06", _type=["Observation", "Condition"]))
    body = sent if type_ == JSON else resource_xml(sent)
    asked = record.get(PATH, "start=2018-06&_type=Observation,Condition")
    posted = record.post(PATH, body, Content_Type=type_)

    assert posted.status == 200, posted.text
    assert posted.found() == asked.found()


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        ('{"resourceType": "Parameters", "id": "a", "meta": {}, "parameter": [%s]}', JSON),
        (
            '<Parameters xmlns="http://hl7.org/fhir"><id value="a"/><meta><tag id="b"/></meta>%s</Parameters>',
            XML,
        ),
    ],
)
def test_values_are_texts_numbers_and_booleans(record: Reader, body: str, type_: str) -> None:
    given = [
        ("_type", "valueCode", '"Condition"'),
        ("_pretty", "valueBoolean", "true"),
        ("_count", "valueInteger", "7"),
    ]
    as_json = ",".join(f'{{"name": "{name}", "{kind}": {text}}}' for name, kind, text in given)
    as_xml = "".join(
        f"<parameter>\n<name value='{name}'/>\n<{kind} value='{text.strip(chr(34))}'/></parameter>"
        for name, kind, text in given
    )
    answer = record.post(PATH, body % (as_json if type_ == JSON else as_xml), Content_Type=type_)

    assert answer.found() == ["Condition/c"]
    assert answer.text.startswith("{\n")


def test_the_pages_of_what_is_posted_are_read_by_their_links(record: Reader) -> None:
    first = record.post(PATH, json.dumps(parameters(end="2017", _count="2")), Content_Type=JSON)
    pages = [first]
    while url := pages[-1].link("next"):
        assert "2017" not in url
        pages.append(record.follow(url))

    assert len(pages) == 3
    assert {one for page in pages for one in page.found()} == set(record.get(PATH, "end=2017").found())


def test_an_empty_body_asks_for_all(record: Reader) -> None:
    assert found(record.post(PATH, "")) == found(record.get(PATH))
    assert found(record.post(PATH, "", [("_type", "Condition")])) == {"Condition/c"}


@pytest.mark.parametrize(
    ("body", "type_", "status", "code"),
    [
        ("start=2018", "application/x-www-form-urlencoded", 415, "not-supported"),
        ("{", JSON, 400, "invalid"),
        ("[]", JSON, 400, "invalid"),
        ("[" * 60_000, JSON, 400, "invalid"),
        ('{"resourceType": "Patient"}', JSON, 400, "invalid"),
        ('{"resourceType": "Parameters", "parameter": [{"name": "start"}]}', JSON, 400, "invalid"),
        ('{"resourceType": "Parameters", "parameter": [{"name": "a", "valueDecimal": 1.5}]}', JSON, 400, "invalid"),
        ('{"resourceType": "Parameters", "parameter": [{"name": "x", "resource": {}}]}', JSON, 400, "invalid"),
        ('{"resourceType": "Parameters", "parameter": {}}', JSON, 400, "invalid"),
        ('{"resourceType": "Parameters", "text": {}}', JSON, 400, "invalid"),
        ('{"resourceType": "Parameters", "parameter": [{"value": "a", "b": "c"}]}', JSON, 400, "invalid"),
        ('{"resourceType": "Parameters", "parameter": [{"name": "a", "b": "c"}]}', JSON, 400, "invalid"),
        (
            '{"resourceType": "Parameters", "parameter": [{"name": "a", "valueCode": "b", "id": "c"}]}',
            JSON,
            400,
            "invalid",
        ),
        ("<Parameters/>", XML, 400, "invalid"),
        ('<a:Parameters xmlns:a="http://hl7.org/fhir" a="b"/>', XML, 400, "invalid"),
        ('<Parameters xmlns="http://hl7.org/fhir"><text value="a"/></Parameters>', XML, 400, "invalid"),
        ('<Parameters xmlns="http://hl7.org/fhir"><parameter id="a"/></Parameters>', XML, 400, "invalid"),
        (
            f"{OF_XML}<name value='a'/><name value='b'/><valueCode value='c'/></parameter></Parameters>",
            XML,
            400,
            "invalid",
        ),
        (f"{OF_XML}<name value='a'/><valueCode/></parameter></Parameters>", XML, 400, "invalid"),
        (f"{OF_XML}<name value='a'/></parameter></Parameters>", XML, 400, "invalid"),
        (f"{OF_XML}<name value='a'/><valueCode xmlns='' value='b'/></parameter></Parameters>", XML, 400, "invalid"),
        (f"{OF_XML}<name value='a'/><valueCode value='b'/></parameter>", XML, 400, "invalid"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Parameters xmlns="http://hl7.org/fhir"/>', XML, 400, "invalid"),
        ('<Parameters xmlns="http://hl7.org/fhir"><parameter><part/></parameter></Parameters>', XML, 400, "invalid"),
        ('<Parameters xmlns="http://hl7.org/fhir">start</Parameters>', XML, 400, "invalid"),
        (" " * 70_000 + "{}", JSON, 413, "too-long"),
    ],
)
def test_what_is_no_parameters_is_refused(record: Reader, body: str, type_: str, status: int, code: str) -> None:
    answer = record.post(PATH, body, Content_Type=type_)

    assert (answer.status, answer.issue["code"]) == (status, code)


def test_the_first_page_names_the_types_that_the_token_leaves_out(record: Reader) -> None:
    caller = record.as_caller("user/Patient.rs user/Observation.rs user/Condition.r user/Goal.s")
    pages = caller.walk(PATH, "_count=3")
    told, *later = [
        [one["resource"]["issue"] for one in page.json["entry"] if one["search"]["mode"] == "outcome"] for page in pages
    ]

    (((issue,),),) = (told,)
    assert (issue["severity"], issue["code"]) == ("information", "suppressed")
    assert "Condition, " in issue["diagnostics"]
    assert "Goal" in issue["diagnostics"]
    assert "Observation" not in issue["diagnostics"]
    assert later == [[]] * len(later) != []
    assert {one for page in pages for one in found(page)} == {"Patient/4", *DATES}
    only = caller.get(PATH, "_type=Observation,Goal")
    assert only.json["entry"][0]["resource"]["issue"][0]["diagnostics"].endswith(": Goal.")
    # Also of a record without any, and whoever may read all is told nothing.
    assert only.json["entry"][0] == caller.get(PATH, "_type=Observation,Goal&start=2030").json["entry"][0]
    assert "outcome" not in record.get(PATH).text


def test_an_access_token_is_not_taken_from_parameters(record: Reader) -> None:
    sent = {"resourceType": "Parameters", "parameter": [{"name": "access_token", "valueString": "x"}]}

    assert record.post(PATH, json.dumps(sent), Content_Type=JSON).status == 400
