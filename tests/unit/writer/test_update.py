"""Updating resources by id (`write.md`, Interactions: PUT Type/{id})."""

import pytest

from careconnect.storage.keys import INDEX_ITEM
from careconnect_testing.http.writes import LONG_TEXT, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.stores import FHIR_BASE

OWN = {**patient(gender="female"), "id": "own-1"}


def test_a_put_creates_under_the_callers_own_id(writer: Writer) -> None:
    answer = writer.update(OWN)

    assert (answer.status, answer.headers["ETag"]) == (201, 'W/"1"')
    assert answer.headers["Location"] == f"{FHIR_BASE}/Patient/own-1/_history/1"
    assert writer.reader.get("Patient/own-1").json == answer.json


@pytest.mark.parametrize("id_", [".", ".."])
def test_rfc_3986_5_2_4_an_id_that_no_address_can_end_in_is_422(writer: Writer, id_: str) -> None:
    """`Patient/..` is the path above it: a resource with that id could be neither read nor deleted."""
    answer = writer.send("PUT", f"Patient/{'%2e' * len(id_)}", {**patient(), "id": id_})

    assert (answer.status, issues_in(answer)) == (422, [("value", ("Patient.id",))])
    assert writer.update({**patient(), "id": "a..b"}).status == 201


def test_an_update_is_the_next_version(writer: Writer) -> None:
    writer.made(OWN)
    writer.now.now += 60
    answer = writer.update({**OWN, "gender": "male"})

    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    assert answer.json["gender"] == "male"
    assert answer.json["meta"]["lastUpdated"] == "2025-06-15T15:07:40.000Z"
    assert writer.reader.get("Patient/own-1").json == answer.json


def test_promise_7_an_update_costs_two_calls_whatever_it_replaces(writer: Writer) -> None:
    writer.made(OWN)
    writer.calls.clear()
    writer.update({**OWN, "gender": "male"})

    assert writer.calls == ["BatchGetItem", "TransactWriteItems"]


def test_what_was_deleted_is_brought_back_as_the_next_version(writer: Writer) -> None:
    writer.made(OWN)
    writer.delete("Patient/own-1")
    answer = writer.update(OWN)

    assert (answer.status, answer.headers["ETag"]) == (201, 'W/"3"')


def test_content_equal_to_the_current_versions_writes_nothing(writer: Writer) -> None:
    made = writer.made(OWN)
    writer.calls.clear()
    stamped = {**OWN, "meta": {"versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z"}}
    answers = [writer.update(OWN), writer.update(dict(reversed(stamped.items())))]
    minimal = writer.update(OWN, Prefer="return=minimal")

    assert [(answer.status, answer.json) for answer in answers] == [(200, made), (200, made)]
    assert (minimal.status, minimal.text, minimal.headers["ETag"]) == (200, "", 'W/"1"')
    assert "TransactWriteItems" not in writer.calls


@pytest.mark.parametrize("body", [patient(), {**OWN, "id": "another"}, {**OWN, "id": 1}])
def test_a_body_without_the_resources_id_is_400(writer: Writer, body: dict[str, object]) -> None:
    answer = writer.send("PUT", "Patient/own-1", body)

    assert answer.status == 400
    assert issues_in(answer) == [("value", ("id",))]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('W/"1"', 200),
        ('"1"', 200),
        ("*", 200),
        ('W/"7", W/"1"', 200),
        ('W/"2"', 409),
        ('W/"01"', 409),
        ('W/"abc"', 409),
        ("1", 400),
        ("", 400),
        ('W/""', 400),
        ('W/"1" W/"2"', 400),
        ('W/"1", 2', 400),
        ('w/"1"', 400),
    ],
)
def test_rfc_9110_13_1_1_if_match_says_which_version_has_to_be_there(
    writer: Writer, if_match: str, status: int
) -> None:
    writer.made(OWN)

    assert writer.update({**OWN, "gender": "male"}, If_Match=if_match).status == status
    assert writer.reader.get("Patient/own-1").json["gender"] == ("male" if status == 200 else "female")


@pytest.mark.parametrize("if_match", ['W/"1"', 'W/"2"', "*"])
def test_if_match_of_what_is_absent_or_deleted_is_409(writer: Writer, if_match: str) -> None:
    absent = writer.update(OWN, If_Match=if_match)
    writer.made(OWN)
    writer.delete("Patient/own-1")
    deleted = writer.update(OWN, If_Match=if_match)

    assert (absent.status, deleted.status) == (409, 409)
    assert issues_in(deleted) == [("conflict", ("http.If-Match",))]
    assert "WriteRefused" in writer.observer.counts


def test_equal_content_under_a_stale_if_match_is_409(writer: Writer) -> None:
    writer.made(OWN)
    changed = writer.made({**OWN, "gender": "male"})

    assert writer.update(changed, If_Match='W/"1"').status == 409


def test_the_previous_version_is_stored_with_its_interaction(writer: Writer) -> None:
    writer.made(OWN)
    writer.update({**OWN, "gender": "male"})
    item = writer.reader.client.get_item(
        TableName=writer.reader.tables.record, Key={"pk": {"S": "Patient/own-1"}, "sk": {"S": "#json#000000001"}}
    )["Item"]

    assert (item["version"]["N"], item["method"]["S"], item["status"]["S"]) == ("1", "PUT", "201")
    assert '"female"' in item["body"]["S"]


def test_an_update_of_what_has_more_entries_than_a_transaction_takes_is_whole(writer: Writer) -> None:
    codes = [f"code-{number}" for number in range(50)]
    names = [{"family": f"Abc{number}"} for number in range(60)]
    made = writer.made({**patient(*codes, name=names, text=LONG_TEXT), "id": "large"})
    answer = writer.update({**made, "identifier": made["identifier"][30:], "gender": "male"})

    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    index = writer.reader.client.get_item(
        TableName=writer.reader.tables.record, Key={"pk": {"S": "Patient/large"}, "sk": {"S": INDEX_ITEM}}
    )["Item"]
    assert "claim" not in index
    assert writer.reader.get("Patient", "identifier=code-49&gender=male").ids() == ["large"]
    assert writer.reader.get("Patient", "identifier=code-0").ids() == []


def test_a_resource_may_refer_to_itself(writer: Writer) -> None:
    answer = writer.update({**observation("Patient/own-1"), "id": "o"})
    writer.made(OWN)
    itself = observation("Patient/own-1", related=[{"target": {"reference": "Observation/o"}}])

    assert answer.status == 422
    assert writer.update({**itself, "id": "o"}).status == 201
    assert writer.delete("Observation/o").status == 204
