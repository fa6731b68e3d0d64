"""`$validate` says what a write would be refused for, and writes nothing (`write.md`, $validate)."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.storage.quota import Quota
from careconnect_records.parsing.exact_json import JsonNumber, json_text
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import XML, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.recorded_writes import with_record
from careconnect_testing.parts.usage_counters import UsageCounters

BROKEN = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/4"}}
"""Breaks con-3."""
READ_CALLS = {"BatchGetItem", "GetItem", "Query"}


def validate(writer: Writer, path: str, body: Any, query: list[tuple[str, str]] | None = None) -> Answer:
    writer.calls.clear()
    return writer.send("POST", f"{path}/$validate", body, query or [])


def told(answer: Answer) -> list[tuple[str, str, str]]:
    """Return the severity, the code and the place of each issue of an OperationOutcome."""
    assert answer.status == 200, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"
    return [(each["severity"], each["code"], each.get("expression", [""])[0]) for each in answer.json["issue"]]


def parameters(resource: Resource | None = None, **values: str) -> Resource:
    given: list[Resource] = [{"name": "resource", "resource": resource}] if resource else []
    given += [{"name": name, "valueUri" if name == "profile" else "valueCode": text} for name, text in values.items()]
    return {"resourceType": "Parameters", "parameter": given}


def test_what_could_be_written_is_one_information_and_is_not_written(writer: Writer) -> None:
    made = writer.made(patient())
    answer = validate(writer, "Observation", observation(f"Patient/{made['id']}"))

    assert told(answer) == [("information", "informational", "")]
    assert set(writer.calls) <= READ_CALLS
    assert answer.headers["Cache-Control"] == "no-store"
    assert writer.reader.get("Observation").ids() == []


@pytest.mark.parametrize("wrap", [lambda each: each, parameters], ids=["resource", "Parameters"])
def test_all_faults_of_a_resource_and_of_its_references_are_told(writer: Writer, wrap: Any) -> None:
    faulty = {**observation("Patient/nobody"), "status": "odd", "unknown": 1}
    del faulty["unknown"]

    assert [place for _, _, place in told(validate(writer, "Observation", wrap(faulty)))] == [
        "Observation.status",
        "Observation.subject",
    ]


def test_an_update_is_judged_below_an_id_and_may_be_asked_for_by_mode(writer: Writer) -> None:
    made = writer.made(patient())

    assert told(validate(writer, f"Patient/{made['id']}", made))[0][0] == "information"
    assert validate(writer, f"Patient/{made['id']}", {**made, "id": "other"}).status == 400
    assert validate(writer, "Patient", patient(), [("mode", "update")]).status == 400
    assert told(validate(writer, "Patient", made, [("mode", "update")]))[0][0] == "information"


def test_a_deletion_is_judged_by_what_still_refers_to_the_resource(writer: Writer) -> None:
    made = writer.made(patient())
    delete = parameters(mode="delete")
    assert told(validate(writer, f"Patient/{made['id']}", delete)) == [("information", "informational", "")]

    writer.made(observation(f"Patient/{made['id']}"))

    assert told(validate(writer, f"Patient/{made['id']}", delete)) == [("error", "conflict", "")]
    assert writer.reader.get(f"Patient/{made['id']}").status == 200
    assert validate(writer, "Patient", delete).status == 400


def test_a_bound_clients_limits_are_told(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    writer.made({**patient(), "id": "5"})
    bound = writer.as_caller("user/*.cruds", patient="4")

    assert told(validate(bound, "Observation", observation("Patient/4")))[0][0] == "information"
    assert told(validate(bound, "Observation", observation("Patient/5")))[0][:2] == ("error", "forbidden")
    assert told(validate(bound, "Patient", patient()))[0][:2] == ("error", "forbidden")
    assert told(validate(bound, "Patient/4", parameters(mode="delete")))[0][:2] == ("error", "forbidden")


@pytest.mark.parametrize(
    ("body", "query", "status", "code"),
    [
        ("{", [], 400, "structure"),
        (patient(), [], 400, "structure"),
        (parameters(), [], 400, "invalid"),
        (parameters(observation("Patient/4"), profile="http://example.org/p"), [], 400, "not-supported"),
        (observation("Patient/4"), [("profile", "http://example.org/p")], 400, "not-supported"),
        (observation("Patient/4"), [("mode", "merge")], 400, "value"),
        (observation("Patient/4"), [("code", "x")], 400, "not-supported"),
        ({"resourceType": "Parameters", "parameter": [{"name": "x"}]}, [], 400, "invalid"),
        ({"resourceType": "Parameters", "parameter": [{"name": "mode", "valueString": "create"}]}, [], 400, "invalid"),
        ({"resourceType": "Parameters", "parameter": [{"name": "resource"}], "x": 1}, [], 400, "invalid"),
        ({"resourceType": "Parameters", "parameter": {"name": "resource"}}, [], 400, "invalid"),
        ({"resourceType": "Parameters", "parameter": [7]}, [], 400, "invalid"),
        (parameters(mode="create") | {"parameter": [{"name": "mode", "valueCode": "create"}] * 2}, [], 400, "invalid"),
        (observation("Patient/4"), [("mode", "create"), ("mode", "update")], 400, "value"),
        (parameters(patient()), [], 400, "structure"),
    ],
)
def test_what_cannot_be_judged_is_refused_as_by_a_write(
    writer: Writer, body: Any, query: list[tuple[str, str]], status: int, code: str
) -> None:
    answer = validate(writer, "Observation", body, query)

    assert (answer.status, answer.json["issue"][0]["code"]) == (status, code)


def test_a_refused_profile_is_named_unless_it_may_hold_anything(writer: Writer) -> None:
    plain = "https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-Observation-1"
    said = [
        validate(writer, "Observation", parameters(observation("Patient/4"), profile=profile)).text
        for profile in (plain, "http://example.org/p?nhs=9000000009")
    ]

    assert plain in said[0]
    assert "9000000009" not in said[1]


def test_the_same_is_told_of_xml(writer: Writer) -> None:
    heavy: Resource = {
        "resourceType": "Observation",
        "id": "o",
        "status": "odd",
        "code": {"text": "weight"},
        "subject": {"reference": "Patient/nobody"},
        "valueQuantity": {"value": JsonNumber("80.10"), "unit": "kg"},
    }
    for sent in (heavy, parameters(heavy, mode="update")):
        as_json = validate(writer, "Observation/o", sent)
        as_xml = writer.send("POST", "Observation/o/$validate", resource_xml(json_text(sent)), type_=XML)

        assert (
            told(as_xml)
            == told(as_json)
            == [
                ("error", "code-invalid", "Observation.status"),
                ("error", "not-found", "Observation.subject"),
            ]
        )
    out_of_order = resource_xml(json_text(parameters(observation("Patient/4")))).replace("<name", "<x/><name")
    assert writer.send("POST", "Observation/$validate", out_of_order, type_=XML).status == 400


def test_faults_of_different_checks_are_told_together(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    writer.made({**patient(), "id": "5"})
    bound = writer.as_caller("user/*.cruds", patient="4")
    twin = {"code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}}
    broken = observation("Patient/5", valueString="x", component=[twin], performer=[{"reference": "Organization/o"}])

    assert told(validate(bound, "Observation", broken))[:4] == [
        ("error", "forbidden", ""),
        ("error", "invariant", "Observation"),
        ("error", "not-found", "Observation.subject"),
        ("error", "not-found", "Observation.performer[0]"),
    ]
    assert told(validate(bound, "Organization", {"resourceType": "Organization", "active": True})) == [
        ("error", "forbidden", ""),
        ("error", "invariant", "Organization"),
    ]


def test_limits_are_told_with_the_references(writer: Writer) -> None:
    many = [{"system": "urn:x", "value": f"{number}" + "x" * 200} for number in range(300)]
    answer = validate(writer, "Observation", observation("Patient/nobody", identifier=many))

    assert told(answer)[0][:2] == ("error", "too-costly")
    assert ("error", "not-found", "Observation.subject") in told(answer)


def test_what_the_stored_version_breaks_as_well_is_a_warning(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    writer.loaded(BROKEN)
    answer = validate(writer, "Condition/c", BROKEN)

    assert told(answer)[:2] == [("information", "informational", ""), ("warning", "invariant", "Condition")]
    assert answer.json["issue"][1]["diagnostics"].startswith("con-3: ")
    assert told(validate(writer, "Condition", BROKEN))[0] == ("error", "invariant", "Condition")
    assert told(validate(writer, "Condition/never", {**BROKEN, "id": "never"}))[0][0] == "error"
    # A token that may neither change nor read it is not told what is stored.
    others = writer.as_caller("user/Condition.c user/Patient.r")
    assert told(validate(others, "Condition/c", BROKEN))[0] == ("error", "invariant", "Condition")
    for letter in "ru":
        known = writer.as_caller(f"user/Condition.c user/Condition.{letter} user/Patient.r")
        assert told(validate(known, "Condition/c", BROKEN))[1] == ("warning", "invariant", "Condition")


def test_it_warns_of_what_a_write_would_warn_of(writer: Writer) -> None:
    nobodys = observation("Patient/4")
    del nobodys["subject"]
    outcome = writer.create(nobodys, Prefer="return=OperationOutcome").json
    warned = [each for each in outcome["issue"] if each["severity"] == "warning"]

    assert warned
    assert validate(writer, "Observation", nobodys).json["issue"][1:] == warned


def test_a_reference_is_told_as_existing_only_if_the_token_reads_its_type(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    caller = writer.as_caller("user/Observation.crs")
    answers = [validate(caller, "Observation", observation(f"Patient/{id_}")) for id_ in ("4", "nobody")]

    assert [told(answer) for answer in answers] == [[("information", "suppressed", "Observation.subject")]] * 2
    assert answers[0].text == answers[1].text
    assert "may not read Patient" in answers[0].text
    reads = writer.as_caller("user/Observation.c user/Patient.r")
    assert told(validate(reads, "Observation", observation("Patient/nobody"))) == [
        ("error", "not-found", "Observation.subject")
    ]


def test_what_is_too_large_is_told_alone(writer: Writer) -> None:
    recorded, record = with_record(writer)
    large = observation("Patient/nobody", comment="x" * 360_000)

    (event,) = record.since(lambda: validate(recorded, "Observation", large))
    assert event.patient == "nobody"
    assert told(validate(writer, "Observation", large)) == [("error", "too-long", "")]


def test_a_reference_to_the_resource_itself_leads_there(writer: Writer) -> None:
    own = {"resourceType": "Organization", "id": "o", "name": "A", "partOf": {"reference": "Organization/o"}}
    for scope in ("system/*.cruds", "user/Organization.u"):
        caller = writer.as_caller(scope)
        assert told(validate(caller, "Organization/o", own)) == [("information", "informational", "")], scope
    two = [{"reference": "Practitioner/p"}, {"reference": "Organization/x"}]
    mixed = writer.as_caller("user/Observation.c user/Organization.r")
    assert told(validate(mixed, "Observation", observation("urn:x:1", performer=two))) == [
        ("error", "not-found", "Observation.performer[1]"),
        ("information", "suppressed", "Observation.performer[0]"),
    ]


def test_a_bound_clients_update_is_judged_by_its_references_beside_the_stored_version(writer: Writer) -> None:
    for each in ("4", "5"):
        writer.made({**patient(), "id": each})
    hidden = [{"reference": "Patient/5"}]
    writer.made(observation("Patient/4", id="o", performer=hidden))
    bound = writer.as_caller("user/*.cruds", patient="4")

    def of(*performers: str, **elements: str) -> list[tuple[str, str, str]]:
        listed = [{"reference": each} for each in performers]
        return told(validate(bound, "Observation/o", observation("Patient/4", id="o", performer=listed, **elements)))

    # What the stored version refers to may stay.
    assert of("Patient/5")[0][0] == "information"
    assert of("Patient/5", "Organization/x") == [("error", "not-found", "Observation.performer[1]")]
    # Of an invalid update the stored version is not read.
    assert of("Patient/5", "Organization/x", status="odd") == [("error", "code-invalid", "Observation.status")]
    assert told(validate(bound, "Observation/never", observation("Patient/4", id="never"))) == [
        ("error", "not-found", "")
    ]


def test_what_is_about_no_write_is_an_answer_of_its_own(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})

    def throttled(_operation: str) -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem")

    writer.faults.append(throttled)
    try:
        answers = [
            validate(writer, path, body)
            for path, body in (
                ("Patient/4", {**patient(), "id": "4"}),
                ("Observation", observation("Patient/4")),
                ("Patient/4", parameters(mode="delete")),
            )
        ]
    finally:
        writer.faults.clear()
    assert [answer.status for answer in answers] == [503] * 3


def test_a_deletion_is_told_of_the_types_that_the_token_reads(writer: Writer) -> None:
    made = writer.made(patient())
    delete = parameters(mode="delete")
    caller = writer.as_caller("user/Patient.d user/Observation.r")
    path = f"Patient/{made['id']}"
    before = told(validate(caller, path, delete))
    writer.made({**BROKEN, "clinicalStatus": "active", "subject": {"reference": path}})

    assert before == told(validate(caller, path, delete)) == [("information", "suppressed", "")]
    writer.made(observation(path))
    assert told(validate(caller, path, delete)) == [("error", "conflict", "")]
    text = validate(caller, path, delete).text
    assert "Condition" not in text
    assert "others" not in text


@pytest.mark.parametrize("wrap", [lambda each: each, parameters], ids=["resource", "Parameters"])
@pytest.mark.parametrize(
    ("references", "units"),
    [([], 60 + 10), (["Patient/4"], 60 + 8 + 10), (["Patient/4", "Patient/5", "Organization/o"], 60 + 24 + 20)],
)
def test_it_costs_its_base_price_its_references_and_its_events(
    writer: Writer, wrap: Any, references: list[str], units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect.storage.quota.UNCOUNTED_UNITS", -1)
    for each in ("4", "5"):
        writer.made({**patient(), "id": each})
    counters = UsageCounters()
    recorded, record = with_record(replace(writer, quota=Quota(counters, 100_000)))
    resource = observation("Patient/4")
    del resource["subject"]
    if references:
        resource |= {"subject": {"reference": references[0]}}
        resource["performer"] = [{"reference": each} for each in references[1:]]

    events = record.since(lambda: validate(recorded, "Observation", wrap(resource)))

    assert sum(counters.charges) == units
    assert 10 * len(events) == units - 60 - 8 * len(references)


@pytest.mark.parametrize(("letters", "status"), [("c", 200), ("u", 200), ("d", 200), ("rs", 403)])
def test_any_letter_that_writes_the_type_opens_it(writer: Writer, letters: str, status: int) -> None:
    made = writer.made(patient())
    caller = writer.as_caller(f"user/Observation.{letters} user/Patient.r")

    assert validate(caller, "Observation", observation(f"Patient/{made['id']}")).status == status


@pytest.mark.parametrize("path", ["Observation/$validate", "Observation/o/$validate"])
def test_it_is_posted_only(writer: Writer, path: str) -> None:
    for answer in (writer.reader.get(path), writer.send("PUT", path, observation("Patient/4"))):
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_its_event_is_of_the_patients_of_whom_a_refused_write_would_be(writer: Writer) -> None:
    made = writer.made(patient())
    recorded, record = with_record(writer)

    (event,) = record.since(lambda: validate(recorded, "Observation", observation(f"Patient/{made['id']}")))
    assert (event.interaction, event.action.value, event.patient) == ("operation", "E", made["id"])
    assert (event.outcome.value, event.type, event.ids) == ("0", "Observation", ())


def test_without_a_resource_there_is_nothing_to_judge(writer: Writer) -> None:
    answer = validate(writer, "Observation", "", [("mode", "create")])

    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "invalid")


def test_too_many_references_are_the_only_ones_told_of(writer: Writer) -> None:
    performers = [{"reference": f"Practitioner/{number}"} for number in range(1_001)]
    resource = {**observation("Patient/nobody"), "performer": performers}

    assert {code for severity, code, _ in told(validate(writer, "Observation", resource)) if severity == "error"} == {
        "too-costly"
    }
