"""The server's search against a linear one: generated queries, the same ids in the same order, the same totals."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from careconnect.resource_types import COMMON_PARAMETERS, RESOURCE_TYPES
from careconnect_testing.linear_search import PARAMETERS, LinearSearch, TooCostlyError, parameter_names, parameter_of
from careconnect_testing.search_queries import Query, QueryMaker
from careconnect_testing.search_reader import InProcessReader, Reader, walk
from careconnect_testing.search_stack import SearchStack

pytestmark = pytest.mark.integration

SEEDS = range(1, 8)
MIXTURES_PER_SEED = 200
MIXTURES_OVER_HTTP = 200
DEFAULT_COUNT = 20
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
"""What `ap` measures from, in this process."""


@pytest.fixture(scope="module")
def linear(search_stack: SearchStack) -> LinearSearch:
    return LinearSearch(search_stack.resources, base=search_stack.fhir_base, now=NOW)


@pytest.fixture(scope="module")
def reader(search_stack: SearchStack) -> InProcessReader:
    return search_stack.in_process(now=NOW.timestamp)


def test_the_linear_search_knows_the_parameters_of_the_one_table() -> None:
    served = {
        type_.name: {p.name: p.type.value for p in (*COMMON_PARAMETERS, *type_.searchable)} for type_ in RESOURCE_TYPES
    }
    linear = {
        type_name: {name: parameter_of(type_name, name).kind for name in parameter_names(type_name)}
        for type_name in PARAMETERS
    }

    assert linear == served


def test_each_parameter_with_each_modifier_finds_what_a_linear_search_finds(
    reader: InProcessReader, linear: LinearSearch
) -> None:
    queries = list(QueryMaker(0, linear).each_parameter())

    assert len(queries) > 400
    assert differences(queries, reader, linear) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_mixed_queries_find_what_a_linear_search_finds(
    seed: int, reader: InProcessReader, linear: LinearSearch
) -> None:
    assert differences(QueryMaker(seed, linear).mixtures(MIXTURES_PER_SEED), reader, linear) == []


def test_the_deployed_api_finds_what_a_linear_search_finds(search_stack: SearchStack) -> None:
    linear = LinearSearch(search_stack.resources, base=search_stack.fhir_base, now=datetime.now(UTC))

    assert differences(QueryMaker(99, linear).mixtures(MIXTURES_OVER_HTTP), search_stack.over_http(), linear) == []


def test_everything_is_the_patient_and_what_searches_by_it_find(
    reader: InProcessReader, linear: LinearSearch, search_stack: SearchStack
) -> None:
    with_patient = [name for name in PARAMETERS if "patient" in PARAMETERS[name]]
    patients = [one["id"] for one in search_stack.resources if one["resourceType"] == "Patient"]
    for patient in ("awkward.1", "example-1", *patients[::25]):
        pages = walk(reader, reader.get(f"Patient/{patient}/$everything", [("_count", "20")]))

        found = [reference for page in pages for reference in page.found()]
        wanted = [f"{name}/{one}" for name in with_patient for one in linear.search(name, [("patient", patient)]).ids]
        assert sorted(found) == sorted([f"Patient/{patient}", *wanted])
        assert {page.total for page in pages} == {len(found)}


def differences(queries: Iterable[Query], reader: Reader, linear: LinearSearch) -> list[str]:
    """Return what the reader answers otherwise than the linear search."""
    found = (_difference(query, reader, linear) for query in queries)
    return [difference for difference in found if difference]


def _difference(query: Query, reader: Reader, linear: LinearSearch) -> str:
    answer = reader.get(query.type_name, query.parameters)
    try:
        expected = linear.search(query.type_name, query.parameters)
    except TooCostlyError:
        is_refused = answer.status == 400 and answer.json["issue"][0]["code"] == "too-costly"
        return "" if is_refused else f"{query}: {answer.status}, not refused as too costly"
    if answer.status != 200:
        return f"{query}: {answer.status} {answer.text[:200]}"
    count = int(dict(query.parameters).get("_count", DEFAULT_COUNT))
    if query.walks:
        pages = walk(reader, answer)
        totals, ids = {page.total for page in pages}, [one for page in pages for one in page.ids()]
        wanted = expected.ids
    else:
        totals, ids = {answer.total}, answer.ids()
        wanted = expected.ids[:count]
    if totals != {expected.total}:
        return f"{query}: total {totals}, should be {expected.total}"
    if ids != wanted:
        return f"{query}: {ids[:6]}…, should be {wanted[:6]}…"
    return ""
