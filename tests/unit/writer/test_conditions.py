"""Conditional interactions, by one identifier alone (`write.md`, Interactions: Conditions)."""

from dataclasses import replace
from typing import Any

import pytest

from careconnect.storage.quota import Quota
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import JSON, NHS_NUMBER, PATCH, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.parts.usage_counters import UsageCounters

IDENTIFIER = f"{NHS_NUMBER}|9434765919"
CONDITION = f"identifier={IDENTIFIER}"
ASKED = [("identifier", IDENTIFIER)]

BY_CONDITION = ("POST", "PUT", "DELETE")


def conditional(writer: Writer, method: str, pairs: list[tuple[str, str]], **elements: Any) -> Answer:
    """Send a conditional request; a create has its condition in a header."""
    body = None if method == "DELETE" else patient("9434765919", **elements)
    if method == "POST":
        header = "&".join(f"{name}={value}" for name, value in pairs)
        return writer.send(method, "Patient", body, If_None_Exist=header)
    return writer.send(method, "Patient", body, pairs)


def test_a_conditional_create_creates_once(writer: Writer) -> None:
    first = conditional(writer, "POST", ASKED)
    writer.calls.clear()
    again = conditional(writer, "POST", ASKED, gender="male")

    assert (first.status, again.status) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json == first.json
    assert "TransactWriteItems" not in writer.calls


@pytest.mark.parametrize(
    "header",
    [
        CONDITION,
        f"?{CONDITION}",
        f"Patient?{CONDITION}",
        f"{FHIR_BASE}/Patient?{CONDITION}",
        "identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9434765919",
        f"  {CONDITION}  ",
    ],
)
def test_a_create_names_its_condition_as_clients_do(writer: Writer, header: str) -> None:
    writer.made(patient("9434765919"))

    assert writer.create(patient(), If_None_Exist=header).status == 200


@pytest.mark.parametrize(
    "header",
    [f"Observation?{CONDITION}", f"https://other.example/Patient?{CONDITION}", "identifier=%ff%7C1", "a&" * 30],
)
def test_a_condition_on_another_type_or_in_another_form_is_400(writer: Writer, header: str) -> None:
    answer = writer.create(patient(), If_None_Exist=header)

    assert (answer.status, issues_in(answer)) == (400, [("value", ("http.If-None-Exist",))])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("name", ["If-None-Match", "If-Unmodified-Since"])
def test_a_precondition_that_is_not_judged_is_refused(writer: Writer, method: str, name: str) -> None:
    """Ignoring the precondition would let a client overwrite that asks to create only."""
    made = writer.made({**patient(), "id": "4"})
    body = None if method == "DELETE" else [] if method == "PATCH" else {**made, "gender": "other"}
    answer = writer.send(
        method,
        "Patient" if method == "POST" else "Patient/4",
        body,
        type_=PATCH if method == "PATCH" else JSON,
        **{name: "*"},
    )

    assert (answer.status, issues_in(answer)) == (400, [("not-supported", (f"http.{name}",))])
    assert writer.reader.get("Patient/4").json == made


def test_a_conditional_update_creates_or_updates_the_one_that_matches(writer: Writer) -> None:
    created = conditional(writer, "PUT", ASKED)
    updated = conditional(writer, "PUT", ASKED, gender="male")
    same_id = conditional(writer, "PUT", ASKED, gender="other", id=created.json["id"])
    other_id = conditional(writer, "PUT", ASKED, id="another")

    assert (created.status, created.headers["Location"]) == (201, f"{FHIR_BASE}/Patient/new-0/_history/1")
    assert (updated.status, updated.json["id"], updated.headers["ETag"]) == (200, created.json["id"], 'W/"2"')
    assert same_id.status == 200
    assert (other_id.status, issues_in(other_id)) == (400, [("value", ("id",))])


def test_a_result_parameter_is_no_criterion(writer: Writer) -> None:
    answer = conditional(writer, "PUT", [*ASKED, ("_format", "json"), ("_pretty", "true")])

    assert (answer.status, answer.text[:2]) == (201, "{\n")


def test_the_id_of_a_body_that_creates_is_the_servers_to_say(writer: Writer) -> None:
    assert conditional(writer, "PUT", ASKED, id="another").json["id"] == "new-0"


def test_a_conditional_update_may_be_of_one_version(writer: Writer) -> None:
    absent = writer.send("PUT", "Patient", patient("9434765919"), ASKED, If_Match='W/"1"')
    writer.made(patient("9434765919"))
    stale = writer.send("PUT", "Patient", patient("9434765919"), ASKED, If_Match='W/"2"')
    current = writer.send("PUT", "Patient", patient("9434765919", gender="male"), ASKED, If_Match='W/"1"')

    assert (absent.status, stale.status, current.status) == (409, 409, 200)


def test_a_conditional_deletion_is_of_one_or_none(writer: Writer) -> None:
    made = writer.made(patient("9434765919"))

    assert [conditional(writer, "DELETE", ASKED).status for _ in range(2)] == [204, 204]
    assert writer.reader.get(f"Patient/{made['id']}").status == 410


@pytest.mark.parametrize("method", BY_CONDITION)
def test_more_than_one_match_is_412_and_nothing_is_written(writer: Writer, method: str) -> None:
    for _ in range(2):
        writer.made(patient("9434765919"))
    writer.calls.clear()
    answer = conditional(writer, method, ASKED, gender="male")

    assert (answer.status, issues_in(answer)) == (412, [("duplicate", ())])
    assert "TransactWriteItems" not in writer.calls
    assert "WriteRefused" in writer.observer.counts


@pytest.mark.parametrize("method", BY_CONDITION)
@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ([("name", "munoz")], 400),
        ([*ASKED, ("name", "x")], 400),
        ([("name", "x"), ("identifier", "")], 400),
        ([("identifier:not", IDENTIFIER)], 400),
        ([("_id", "4")], 400),
        ([], 412),
        ([("identifier", "")], 412),
        ([("identifier", "|")], 412),
        ([("identifier", "9434765919")], 412),
        ([("identifier", f"{NHS_NUMBER}|")], 412),
        ([("identifier", f"{NHS_NUMBER}| ")], 412),
        ([("identifier", "a|b|c")], 412),
        ([("identifier", f"{IDENTIFIER},{IDENTIFIER}")], 412),
        ([*ASKED, *ASKED], 412),
    ],
)
def test_a_condition_that_is_none_or_another_is_refused(
    writer: Writer, method: str, pairs: list[tuple[str, str]], status: int
) -> None:
    answer = conditional(writer, method, pairs)

    assert answer.status == status
    if status == 400:
        assert [code for code, _ in issues_in(answer)] == ["not-supported"]
        assert "name:" in answer.text or "identifier:not:" in answer.text or "_id:" in answer.text
    assert not writer.calls


def test_an_identifier_with_separators_is_written_with_their_escapes(writer: Writer) -> None:
    body = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "LOCAL|1,2\\3"}]}
    writer.made(body)

    assert writer.create(body, If_None_Exist=r"identifier=urn:x|LOCAL\|1\,2\\3").status == 200


def test_an_identifier_without_a_system_is_another(writer: Writer) -> None:
    writer.made(patient("9434765919"))
    bare = {"resourceType": "Patient", "identifier": [{"value": "9434765919"}]}

    assert writer.create(bare, If_None_Exist="identifier=|9434765919").status == 201
    assert writer.create(bare, If_None_Exist="identifier=|9434765919").status == 200


def test_a_type_without_identifiers_has_no_conditions(writer: Writer) -> None:
    medication = {"resourceType": "Medication"}

    assert writer.create(medication, If_None_Exist=CONDITION).status == 400
    assert writer.send("PUT", "Medication", medication, ASKED).status == 400


@pytest.mark.parametrize("method", BY_CONDITION)
def test_a_condition_needs_a_scope_that_searches_besides(writer: Writer, method: str) -> None:
    refused = conditional(writer.as_caller("user/Patient.cud"), method, ASKED)

    assert refused.status == 403
    assert 'scope="user/Patient.s"' in refused.headers["WWW-Authenticate"]
    assert conditional(writer.as_caller("user/Patient.cuds"), method, ASKED).status in (201, 204)


def test_what_lost_the_identifier_matches_no_more(writer: Writer) -> None:
    made = writer.made(patient("9434765919"))
    writer.update({**made, "identifier": [{"system": NHS_NUMBER, "value": "1"}]})

    assert conditional(writer, "POST", ASKED).status == 201


def test_an_identifier_that_a_great_many_have_is_looked_for_in_the_index(writer: Writer) -> None:
    made = [writer.made(patient("9434765919")) for _ in range(52)]
    several = conditional(writer, "POST", ASKED)
    for each in made[2:]:
        assert writer.delete(f"Patient/{each['id']}").status == 204
    two = conditional(writer, "DELETE", ASKED)
    writer.delete(f"Patient/{made[1]['id']}")
    one = conditional(writer, "POST", ASKED)
    gone = [conditional(writer, "DELETE", ASKED).status, writer.reader.get(f"Patient/{made[0]['id']}").status]

    assert (several.status, two.status, one.status) == (412, 412, 200)
    assert one.json["id"] == made[0]["id"]
    assert gone == [204, 410]
    assert conditional(writer, "POST", ASKED).status == 201


@pytest.mark.parametrize("matches", [1, 2, 12])
def test_w12_each_resource_that_meets_a_condition_is_paid_for(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, matches: int
) -> None:
    monkeypatch.setattr("careconnect.storage.quota.UNCOUNTED_UNITS", -1)
    subject = f"Patient/{writer.made(patient())['id']}"
    identified = observation(subject, identifier=[{"system": "urn:x", "value": "common"}])
    for _ in range(matches):
        writer.made(identified)
    counters = UsageCounters()

    answer = replace(writer, quota=Quota(counters, 10_000)).create(identified, If_None_Exist="identifier=urn:x|common")

    assert answer.status == (200 if matches == 1 else 412)
    assert sum(counters.charges) == 60 + 8 + 8 * matches


@pytest.mark.parametrize("longer", [f"{NHS_NUMBER}|t", f"{NHS_NUMBER}|1"])
def test_a_common_identifier_is_not_mistaken_for_one_of_a_system_that_begins_alike(writer: Writer, longer: str) -> None:
    """L15: the look-up of an overflowed lock met the systems `s|t` for `s`, and answered 412."""
    made = [writer.made(patient("9434765919")) for _ in range(52)]
    for each in made[1:]:
        assert writer.delete(f"Patient/{each['id']}").status == 204
    other = {"resourceType": "Patient", "identifier": [{"system": longer, "value": "9434765919"}]}
    for _ in range(52):
        writer.made(other)

    one = conditional(writer, "POST", ASKED)
    assert (one.status, one.json["id"]) == (200, made[0]["id"])


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "Patient/4"), ("PATCH", "Patient/4"), ("DELETE", "Patient/4"), ("POST", "Patient")]
)
@pytest.mark.parametrize("name", ["identifier", "_summary", "x"])
def test_other_writes_take_no_criterion(writer: Writer, method: str, path: str, name: str) -> None:
    answer = writer.send(method, path, patient(), [(name, "1")])

    assert (answer.status, [code for code, _ in issues_in(answer)]) == (400, ["not-supported"])


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("POST", [("access_token", "x")]),
        ("POST", [("_pretty", "\ud800")]),
        ("PUT", [("identifier", f"{NHS_NUMBER}|\ud800")]),
    ],
)
def test_a_token_and_half_a_character_are_refused_in_a_query(
    writer: Writer, method: str, query: list[tuple[str, str]]
) -> None:
    assert writer.send(method, "Patient", patient(), query).status == 400
    assert not writer.calls


def test_a_plain_write_is_never_refused_for_its_identifier(writer: Writer) -> None:
    first, second = writer.create(patient("9434765919")), writer.create(patient("9434765919"))

    assert (first.status, second.status) == (201, 201)


def test_identifiers_that_look_alike_in_a_row_have_locks_of_their_own(writer: Writer) -> None:
    """One lock for both would be two actions on one item, which DynamoDB refuses."""
    alike = [
        {"system": "urn:z", "value": "x!y"},
        {"system": "y!urn:z", "value": "x"},
        {"system": "z", "value": "x%21y"},
    ]
    made = writer.create({"resourceType": "Patient", "identifier": alike})
    assert made.status == 201

    patient_id = made.json["id"]
    assert writer.update({"resourceType": "Patient", "id": patient_id, "identifier": alike[:1]}).status == 200
    for each, status in zip(alike, (200, 201, 201), strict=True):
        condition = f"identifier={each['system']}|{each['value'].replace('%', '%25')}"
        body = {"resourceType": "Patient", "identifier": [each]}
        assert writer.create(body, If_None_Exist=condition).status == status


def test_no_search_meets_a_lock(writer: Writer) -> None:
    writer.made({"resourceType": "Patient", "identifier": [{"system": "urn:s", "value": "x"}]})

    answer = writer.reader.get("Patient", [("identifier", r"x!urn:s\|")])
    assert (answer.status, answer.json["total"]) == (200, 0)
