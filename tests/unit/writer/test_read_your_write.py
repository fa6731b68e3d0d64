"""A write is visible at once to consistent reads (`write.md`, Promise 5).

Here a read that does not ask for what is there now is answered from copies of the tables as they were before the write,
as DynamoDB may.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import made_tables

OWN = "Patient/own"
WANTED = f"identifier={NHS_NUMBER}%7Cwanted"
CONDITION = [("identifier", f"{NHS_NUMBER}|wanted")]
READS = ("GetItem", "BatchGetItem", "Query")


@contextmanager
def lagging(writer: Writer) -> Iterator[None]:
    """Answer reads that are not consistent from copies of the tables at the beginning."""
    client, tables = writer.reader.client, writer.reader.tables
    old = made_tables(client)
    names = {tables.record: old.record, tables.directory: old.directory, tables.reference: old.reference}
    for name, previous in names.items():
        for item in client.database.items(name):
            client.put_item(TableName=previous, Item=item)

    def redirected(params: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        if "RequestItems" in params:
            asked = params["RequestItems"].items()
            return {
                **params,
                "RequestItems": {_of(name, each, names): each for name, each in asked},
            }
        return {**params, "TableName": _of(params["TableName"], params, names)}

    events = [f"provide-client-params.dynamodb.{name}" for name in READS]
    for event in events:
        client.meta.events.register(event, redirected)
    try:
        yield
    finally:
        for event in events:
            client.meta.events.unregister(event, redirected)


def _of(name: str, request: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return name if request.get("ConsistentRead") else names[name]


FIRST: Resource = {**patient("first", gender="female"), "id": "own"}
SECOND: Resource = {**patient("wanted", gender="male"), "id": "own"}
GENDER = {"op": "replace", "path": "/gender", "value": "male"}
CODE = {"op": "replace", "path": "/identifier/0/value", "value": "wanted"}

WRITES: dict[str, Callable[[Writer], Answer]] = {
    "POST": lambda writer: writer.create(patient("wanted", gender="male")),
    "POST on condition": lambda writer: writer.create(
        patient("wanted", gender="male"), If_None_Exist=f"identifier={NHS_NUMBER}|wanted"
    ),
    "PUT": lambda writer: writer.update(SECOND),
    "PUT on condition": lambda writer: writer.send(
        "PUT", "Patient", {**SECOND, "identifier": patient("wanted")["identifier"]}, CONDITION
    ),
    "PATCH": lambda writer: writer.patch(OWN, GENDER, CODE),
}


@pytest.mark.parametrize("kind", WRITES)
def test_promise_5_a_write_is_read_at_once_and_found_by_a_search_that_asks_for_it(writer: Writer, kind: str) -> None:
    writer.made({**FIRST, "identifier": patient("wanted")["identifier"]} if kind == "PUT on condition" else FIRST)
    with lagging(writer):
        answer = WRITES[kind](writer)
        assert answer.status in (200, 201), answer.text
        written, version = answer.json, answer.headers["ETag"].strip('W/"')
        path = f"Patient/{written['id']}"
        history = writer.reader.get(f"{path}/_history")
        found = writer.reader.get("Patient", WANTED, Cache_Control="no-cache")

        assert writer.reader.get(path).json == written
        assert writer.reader.get(path, method="HEAD").headers["ETag"] == answer.headers["ETag"]
        assert writer.reader.get(f"{path}/_history/{version}").json == written
        assert history.json["total"] == int(version)
        assert history.json["entry"][0]["resource"] == written
        assert [entry["resource"] for entry in found.json["entry"]] == [written]
        if version == "2":
            assert writer.reader.get(f"{path}/_history/1").json["gender"] == "female"


def test_promise_5_a_deletion_is_seen_at_once(writer: Writer) -> None:
    writer.made(FIRST)
    with lagging(writer):
        assert writer.delete(OWN).status == 204
        history = writer.reader.get(f"{OWN}/_history").json

        assert writer.reader.get(OWN).status == 410
        assert writer.reader.get(OWN, method="HEAD").status == 410
        assert writer.reader.get(f"{OWN}/_history/2").status == 410
        assert writer.reader.get(f"{OWN}/_history/1").status == 200
        assert (history["total"], history["entry"][0]["request"]["method"]) == (2, "DELETE")
        for query in ("_id=own", f"identifier={NHS_NUMBER}%7Cfirst"):
            assert writer.reader.get("Patient", query, Cache_Control="no-cache").total == 0


def test_promise_5_a_write_sees_the_one_before_it(writer: Writer) -> None:
    """All reads of a write are consistent: otherwise it would start anew until its time is over."""
    with lagging(writer):
        writer.made(SECOND)
        writer.made({"resourceType": "Organization", "id": "org", "name": "A practice"})
        refers = {**SECOND, "managingOrganization": {"reference": "Organization/org"}}

        assert WRITES["POST on condition"](writer).status == 200
        assert writer.update(refers, If_Match='W/"1"').status == 200
        assert writer.delete("Organization/org").status == 409
        assert writer.patch(OWN, {"op": "remove", "path": "/managingOrganization"}).status == 200
        assert writer.delete("Organization/org").status == 204
        assert writer.update(refers).status == 422
        assert writer.delete(OWN).status == 204
        assert WRITES["POST on condition"](writer).status == 201
    assert not writer.slept


def test_what_does_not_ask_for_it_may_be_answered_as_it_was_before(writer: Writer) -> None:
    """The copies are read by others: without that, none of these tests could fail."""
    writer.made(FIRST)
    with lagging(writer):
        assert writer.update(SECOND).status == 200
        assert writer.reader.get("Patient", WANTED).total == 0
        assert writer.reader.get("Patient", WANTED, Cache_Control="no-cache").ids() == ["own"]
    assert writer.reader.get("Patient", WANTED).ids() == ["own"]
