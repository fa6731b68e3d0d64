"""The cost of each kind of search: its calls to DynamoDB, and the read units that they consume (ADR 3)."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from careconnect.storage.keys import SHARDS
from careconnect_records.items.resource_items import item_size
from careconnect_testing.search.search_reader import InProcessReader, follow
from careconnect_testing.search.search_tables import SearchTables

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Kind:
    """A kind of search, an example of it, the calls it makes and the most read units they may consume."""

    name: str
    path: str
    calls: dict[str, int]
    units: float
    parameters: tuple[tuple[str, str], ...] = ()


ONE_PATIENT = ("identifier", "https://fhir.nhs.uk/Id/nhs-number|9990548609")
RECORD = ("patient", "example-1")

KINDS = [
    Kind("read", "Patient/example-1", {"GetItem": 1}, 1),
    Kind("search by id", "Patient", {"BatchGetItem": 2}, 1, (("_id", "example-1"),)),
    # One query more than the search takes finds the patient that the audit trail names.
    Kind("search by identifier", "Patient", {"Query": 2, "BatchGetItem": 1}, 1.5, (ONE_PATIENT,)),
    Kind("count of an identifier", "Patient", {"Query": 2}, 1, (ONE_PATIENT, ("_count", "0"))),
    Kind("search by name", "Patient", {"Query": 1, "BatchGetItem": 1}, 2, (("name", "munoz garcia"),)),
    Kind("patient's record, 20 of 47", "Observation", {"Query": 1, "BatchGetItem": 1}, 13, (RECORD,)),
    Kind(
        "patient's record by code",
        "Observation",
        {"Query": 1, "BatchGetItem": 1},
        13,
        (RECORD, ("code", "http://snomed.info/sct|27113001")),
    ),
    Kind(
        "patient's record by date, 2 of 47",
        "Observation",
        {"Query": 1, "BatchGetItem": 1},
        2,
        (RECORD, ("date", "2018-01-10T01:30:00Z")),
    ),
    Kind(
        "patient's record by chain",
        "Condition",
        {"Query": 3, "BatchGetItem": 1},
        2.5,
        (("patient.identifier", ONE_PATIENT[1]),),
    ),
    Kind("_include", "Patient", {"BatchGetItem": 2}, 1.5, (("_id", "example-1"), ("_include", "Patient:organization"))),
    Kind(
        "_revinclude",
        "Patient",
        {"BatchGetItem": 2, "Query": 1},
        4,
        (("_id", "example-1"), ("_revinclude", "Encounter:patient")),
    ),
    Kind("$everything, 20 of 53", "Patient/example-1/$everything", {"GetItem": 1, "BatchGetItem": 2, "Query": 1}, 17),
    Kind("by nothing selective", "Patient", {"Query": SHARDS, "BatchGetItem": 1}, 40, (("gender", "male"),)),
    Kind("all of a large type", "Observation", {"Query": SHARDS, "BatchGetItem": 1}, 250, (("_count", "20"),)),
]


@pytest.fixture(scope="module")
def reader(search_tables: SearchTables) -> InProcessReader:
    reader = search_tables.reader()
    # Each function reads these once at its start: both tables' formats, and the key that signs `next` links.
    assert reader.get("Observation", [RECORD, ("_count", "1")]).link("next")
    assert reader.get("Patient", [("_id", "example-1"), ("_include", "Patient:organization")]).status == 200
    return reader


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_each_kind_of_search_makes_its_calls_and_no_more(
    reader: InProcessReader, kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    reader.calls.clear()

    answer = reader.get(kind.path, kind.parameters)

    calls = list(reader.calls)
    units = sum(_read_units(reader.client, name, asked) for name, asked in calls)
    record_property("cost", f"{kind.name}: {_listed(calls)}: {units:g} read units")
    assert answer.status == 200
    assert Counter(name for name, _ in calls) == kind.calls
    assert units <= kind.units


def test_a_later_page_costs_itself_alone(reader: InProcessReader) -> None:
    page = reader.get("Observation", [RECORD, ("_count", "10")])
    examined = []
    while url := page.link("next"):
        reader.calls.clear()
        page = follow(reader, url)
        calls = list(reader.calls)
        assert Counter(name for name, _ in calls) == {"Query": 1, "BatchGetItem": 1}
        examined.append(len(_items(reader.client, *calls[0])))

    # The last entry of the page before, ten, and one that shows that there are more.
    assert examined == [12, 12, 12, 8]


def test_a_later_page_of_everything_costs_itself_alone(reader: InProcessReader) -> None:
    page = reader.get("Patient/example-1/$everything", [("_count", "10")])
    examined = []
    while url := page.link("next"):
        reader.calls.clear()
        page = follow(reader, url)
        (query,) = [asked for name, asked in reader.calls if name == "Query"]
        examined.append(len(_items(reader.client, "Query", query)))

    assert len(examined) == 5
    # Entries that are found by another reference (Observation?encounter) are not of the compartment.
    assert all(number <= 12 for number in examined)


def test_a_later_page_that_finds_little_asks_for_more_each_time(reader: InProcessReader) -> None:
    by_code = [RECORD, ("code", "http://snomed.info/sct|27113001"), ("_count", "5")]
    first = reader.get("Observation", by_code)
    reader.calls.clear()

    second = follow(reader, first.link("next"))

    assert len(second.ids()) == 5
    assert [asked["Limit"] for name, asked in reader.calls if name == "Query"] == [7, 28]


def _listed(calls: list[tuple[str, Mapping[str, Any]]]) -> str:
    return ", ".join(f"{number} {name}" for name, number in Counter(name for name, _ in calls).items())


def _read_units(client: Any, name: str, asked: Mapping[str, Any]) -> float:
    """Return the read units that DynamoDB charges for a call: one for 4 KB, half of that if eventually consistent.

    A query is charged for the sum of the items that it reads, whatever it projects; a batch for each item by itself.
    """
    sizes = [item_size(item) for item in _items(client, name, asked)] or [0]
    per_unit = 1.0 if asked.get("ConsistentRead") else 0.5
    if name == "Query":
        sizes = [sum(sizes)]
    return sum(max(1, math.ceil(size / 4096)) * per_unit for size in sizes)


def _items(client: Any, name: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the items that a call reads, whole."""
    if name == "GetItem":
        return [client.get_item(**asked)["Item"]]
    if name == "BatchGetItem":
        return [item for items in client.batch_get_item(**asked)["Responses"].values() for item in items]
    projection = ("ProjectionExpression", "ExpressionAttributeNames")
    whole = {key: value for key, value in asked.items() if key not in projection}
    items: list[dict[str, Any]] = client.query(**whole)["Items"]
    return items
