"""A computed table answers as a table that holds the same population."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from benchmarks.scale.measure import ScaleReader, measured
from benchmarks.scale.partitions import RecordItems
from benchmarks.scale.population import KINDS, Population, numbered, resource_id
from benchmarks.scale.procedural_table import TABLES, ProceduralTables, answered_by
from benchmarks.scale.searches import SEARCHES
from moto import mock_aws

from careconnect.fhir.resource_types import Table
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.stores import new_client

RESOURCES = {Table.RECORD: "RecordTable", Table.DIRECTORY: "DirectoryTable"}
FEW = ("`identifier`", "`$everything`", "`name`, common", "`code`, of any system", "`_has`, common", "`_revinclude`")


@contextmanager
def both(patients: int) -> Iterator[tuple[ProceduralTables, Any]]:
    """Yield the computed tables of a population, and a client of moto's tables with all of its items."""
    computed = ProceduralTables(Population(patients))
    with mock_aws():
        client = new_client()
        for table, name in TABLES.items():
            create_table(client, RESOURCES[table], name)
            items = list(computed.items(table))
            for start in range(0, len(items), 25):
                puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
                client.batch_write_item(RequestItems={name: puts})
        yield computed, client


@pytest.mark.parametrize("patients", [4, pytest.param(48, marks=pytest.mark.long)])
def test_each_partition_holds_its_items_in_order(patients: int) -> None:
    records = RecordItems(Population(patients))
    partitions: dict[str, dict[str, Any]] = defaultdict(dict)
    for item in records.items():
        partitions[item["pk"]["S"]][item["sk"]["S"]] = item

    for key, items in partitions.items():
        found = records.partition(key)
        assert [found.item(position) for position in range(len(found))] == [item for _, item in sorted(items.items())]
        assert list(found) == sorted(items)
    for absent in ("Patient?name^z", "Patient?identifier=9000000099", "Patient/p999999990", "Patient?0~"):
        assert absent not in partitions
        assert not records.partition(absent)


@pytest.mark.parametrize(
    ("patients", "names"),
    [(4, FEW), pytest.param(16, [search.name for search in SEARCHES], marks=pytest.mark.long)],
    ids=["few", "all"],
)
def test_each_search_answers_the_same_at_the_same_cost(patients: int, names: Sequence[str]) -> None:
    searches = [search for search in SEARCHES if search.name in names]
    population = Population(patients)
    with both(patients) as (computed, stored):
        one, other = ScaleReader(answered_by(computed)), ScaleReader(stored)
        for search in searches:
            query = search.query(population)
            while query:
                here, there = one.get(query), other.get(query)
                assert (here.status, here.text) == (there.status, there.text), search.name
                query = here.link("next") if "link" in here.json else ""

        costs = measured(answered_by(computed), computed, population, searches)
        assert costs == measured(new_client(), stored, population, searches)
    assert len(searches) == len(names)


def test_a_resource_is_found_by_its_id_alone() -> None:
    population = Population(100_000_000)

    for kind in KINDS:
        for number in (0, 1, population.total(kind) // 3, population.total(kind) - 1):
            own = resource_id(kind, number)
            assert numbered(f"{kind.name}/{own}") == (kind, number)
            assert population.resource(kind, number)["id"] == own
