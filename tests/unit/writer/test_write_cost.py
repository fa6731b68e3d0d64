"""The costs of a write in calls and units, for tables of any size (`write.md`, Promise 7; ADR 25)."""

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from math import ceil
from typing import Any

import pytest

from careconnect_admin.project import PROJECT
from careconnect_records.items.resource_items import item_size
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource, observation, patient
from careconnect_testing.parts.record_writers import WRITE, Writer, writer_in_memory
from careconnect_testing.parts.stores import load
from careconnect_testing.records.stored import saved, stored

HEADING = "| write | calls | items | write units |"
ADR = (PROJECT / "docs/adr/0025-writes.md").read_text(encoding="utf-8")

ORGANISATION = "Organization/org"
OWN: Resource = {
    **patient("9434765919", gender="female", birthDate="1980-02-29"),
    "id": "own",
    "name": [{"family": "Oyelaran", "given": ["Adaeze"]}],
    "address": [{"line": ["1 The Street"], "city": "Leeds", "postalCode": "LS1 3EX"}],
    "managingOrganization": {"reference": ORGANISATION},
}
FREE: Resource = {**OWN, "id": "free", "identifier": patient("9434765870")["identifier"]}


def measured(subject: str, number: int) -> Resource:
    """Return an observation with its own identifier."""
    return observation(
        subject,
        id=f"o{number}",
        identifier=[{"system": "urn:x", "value": f"o{number}"}],
        effectiveDateTime="2017-10-03T08:00:00+01:00",
        performer=[{"reference": ORGANISATION}],
        valueQuantity={"value": 72, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    )


OBSERVED = measured("Patient/own", 0)
NEW = {name: value for name, value in measured("Patient/own", 1).items() if name != "id"}
GENDER = {"op": "replace", "path": "/gender", "value": "other"}
KINDS = {"record": "records", "directory": "directory", "reference": "references"}
CONDITION = f"identifier={NHS_NUMBER}|"

WRITES: dict[str, Callable[[Writer], Answer]] = {
    "POST of an Observation": lambda writer: writer.create(NEW),
    "POST of a Patient": lambda writer: writer.create({**OWN, "identifier": patient("1")["identifier"]}),
    "… on a condition that nothing meets": lambda writer: writer.create(
        {**OWN, "identifier": patient("1")["identifier"]}, If_None_Exist=f"{CONDITION}1"
    ),
    "… that one meets": lambda writer: writer.create(OWN, If_None_Exist=f"{CONDITION}9434765919"),
    "PUT of an Observation": lambda writer: writer.update({**OBSERVED, "status": "amended"}),
    "PUT of a Patient": lambda writer: writer.update({**OWN, "gender": "other"}),
    "… with another identifier": lambda writer: writer.update({**OWN, "identifier": patient("1")["identifier"]}),
    "… on a condition": lambda writer: writer.send(
        "PUT", "Patient", {**OWN, "gender": "other"}, [("identifier", f"{NHS_NUMBER}|9434765919")]
    ),
    "… with the same content": lambda writer: writer.update(OWN),
    "PATCH of a Patient": lambda writer: writer.patch("Patient/own", GENDER),
    "DELETE of an Observation": lambda writer: writer.delete("Observation/o0"),
    "DELETE of a Patient": lambda writer: writer.delete("Patient/free"),
    "… that is referred to": lambda writer: writer.delete("Patient/own"),
    "… that is not there": lambda writer: writer.delete("Patient/never"),
}


@pytest.fixture(scope="module")
def writer() -> Iterator[Writer]:
    """Writers that have read what they cache of their tables, which hold the few resources that are written."""
    with writer_in_memory() as made:
        made.made({"resourceType": "Organization", "id": "org", "name": "A practice"})
        for each in (OWN, FREE, OBSERVED):
            made.made(each)
        put_back = saved(made.reader.tables)
        for kind in ("… that one meets", "DELETE of a Patient"):
            WRITES[kind](made)
        put_back()
        yield made


@pytest.fixture(scope="module")
def grown(writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], None]:
    """Return a function that adds a thousand records to the tables."""
    few = saved(writer.reader.tables)
    records = [measured("Patient/own", number) for number in range(1000, 1900)]
    records += [
        {**FREE, "id": f"p{number}", "identifier": patient(f"p{number}")["identifier"]} for number in range(100)
    ]
    path = tmp_path_factory.mktemp("records") / "records.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    load(writer.reader, path)
    many = saved(writer.reader.tables)
    few()
    return many


def cost_of(writer: Writer, kind: str) -> tuple[str, int, int]:
    """Return a write's calls, the items of its transaction and their write units, and undo the write."""
    put_back, before = saved(writer.reader.tables), stored(writer.reader.tables)
    kinds = {getattr(writer.reader.tables, name): label for name, label in KINDS.items()}
    touched: list[tuple[str, str, str]] = []

    def note(params: Any, **_: Any) -> None:
        for each in params["TransactItems"]:
            ((_, action),) = each.items()
            key = action.get("Key") or action["Item"]
            touched.append((kinds[action["TableName"]], key["pk"]["S"], key.get("sk", {"S": ""})["S"]))

    event = f"provide-client-params.dynamodb.{WRITE}"
    writer.reader.client.meta.events.register(event, note)
    writer.calls.clear()
    WRITES[kind](writer)
    writer.reader.client.meta.events.unregister(event, note)
    calls = ", ".join(f"{len(list(same))} {name}" for name, same in groupby(writer.calls))
    after = stored(writer.reader.tables)
    put_back()
    # A transaction writes each item twice, and charges its size before or after, the larger of the two.
    units = sum(
        2 * max(1, *(ceil(item_size(items.get(key, {})) / 1024) for items in (before, after))) for key in touched
    )
    return calls, len(touched), units


def rows() -> dict[str, tuple[str, int, int]]:
    """Return the rows of the ADR's table by their first cells."""
    lines = ADR.partition(HEADING + "\n")[2].splitlines()[1:]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[: lines.index("")]]
    return {name: (calls, int(items), int(units)) for name, calls, items, units in table}


@pytest.mark.parametrize("kind", WRITES)
def test_promise_7_a_write_costs_what_the_adr_says(writer: Writer, kind: str) -> None:
    assert cost_of(writer, kind) == rows()[kind]


def test_promise_7_the_adr_tells_of_each_of_them_and_of_nothing_else() -> None:
    assert list(rows()) == list(WRITES)


@pytest.mark.long
@pytest.mark.parametrize("kind", WRITES)
def test_promise_7_it_costs_no_more_in_a_table_of_a_hundred_times_as_many(
    writer: Writer, grown: Callable[[], None], kind: str
) -> None:
    few = saved(writer.reader.tables)
    grown()
    try:
        assert cost_of(writer, kind) == rows()[kind]
    finally:
        few()
