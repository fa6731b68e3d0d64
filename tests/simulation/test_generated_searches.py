"""Searches that are made up: the server finds what a linear search finds, and no query makes it fail.

Of a query that both understand, the same ids in the same order are asked for, and the same total where there is one.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careconnect.fhir.resource_types import COMMON_PARAMETERS, RESOURCE_TYPES
from careconnect_testing.records.generated import cases, is_long_run
from careconnect_testing.search.differences import differences
from careconnect_testing.search.linear_parameters import PARAMETERS, parameter_names, parameter_of
from careconnect_testing.search.linear_search import LinearSearch
from careconnect_testing.search.search_queries import QueryMaker
from careconnect_testing.search.search_reader import InProcessReader, walk
from careconnect_testing.search.search_tables import SearchTables

SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6)))
MIXTURES_PER_SEED = 200 if is_long_run() else 60
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
"""What `ap` measures from, in this process."""


@pytest.fixture(scope="module")
def linear(search_tables: SearchTables) -> LinearSearch:
    return LinearSearch(search_tables.resources, base=search_tables.fhir_base, now=NOW)


@pytest.fixture(scope="module")
def reader(search_tables: SearchTables) -> InProcessReader:
    return search_tables.reader(now=NOW.timestamp)


def test_the_linear_search_knows_the_parameters_of_the_one_table() -> None:
    served = {
        type_.name: {p.name: (p.type.value, set(p.targets)) for p in (*COMMON_PARAMETERS, *type_.searchable)}
        for type_ in RESOURCE_TYPES
    }
    linear = {
        type_name: {
            name: (parameter_of(type_name, name).kind, set(parameter_of(type_name, name).targets))
            for name in parameter_names(type_name)
        }
        for type_name in PARAMETERS
    }

    assert linear == served


@pytest.mark.generated
def test_each_parameter_with_each_modifier_finds_what_a_linear_search_finds(
    reader: InProcessReader, linear: LinearSearch
) -> None:
    queries = list(QueryMaker(0, linear).each_parameter())

    assert len(queries) > 1_000
    assert differences(queries[:: step()], reader, linear) == []


@pytest.mark.generated
def test_each_link_there_and_back_finds_what_a_linear_search_finds(
    reader: InProcessReader, linear: LinearSearch
) -> None:
    queries = list(QueryMaker(0, linear).each_link())

    assert len(queries) > 100
    assert differences(queries[:: step()], reader, linear) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_mixed_queries_find_what_a_linear_search_finds(
    seed: int, reader: InProcessReader, linear: LinearSearch
) -> None:
    assert differences(QueryMaker(seed, linear).mixtures(MIXTURES_PER_SEED), reader, linear) == []


def test_everything_is_the_patient_and_what_searches_by_it_find(
    reader: InProcessReader, linear: LinearSearch, search_tables: SearchTables
) -> None:
    with_patient = [name for name in PARAMETERS if "patient" in PARAMETERS[name]]
    patients = [one["id"] for one in search_tables.resources if one["resourceType"] == "Patient"]
    for patient in ("awkward.1", "example-1", *patients[::25]):
        pages = walk(reader, reader.get(f"Patient/{patient}/$everything", [("_count", "20")]))

        found = [reference for page in pages for reference in page.found()]
        wanted = [f"{name}/{one}" for name in with_patient for one in linear.search(name, [("patient", patient)]).ids]
        assert sorted(found) == sorted([f"Patient/{patient}", *wanted])
        assert {page.total for page in pages} == {len(found)}


def step() -> int:
    """Of what is asked of each parameter and link: all in the long run, a part in every one."""
    return 1 if is_long_run() else 12


_NAMES = sorted({parameter.name for type_ in RESOURCE_TYPES for parameter in type_.parameters})
_PARTS = st.sampled_from(
    [
        *_NAMES,
        *(parameter.name for parameter in COMMON_PARAMETERS),
        *("_count", "_sort", "_total", "_include", "_revinclude", "_summary", "_elements", "_format"),
        *("_has", "_has:Observation:patient:code", "_has:Observation:patient:_has:Location:organization:name"),
    ]
)
_MODIFIERS = st.sampled_from(
    ["", "", "", ":exact", ":contains", ":not", ":missing", ":Patient", ":recurse", ".name", ".a.b.c", ":", "."]
)
_VALUES = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="0123456789-:TZ+gelpasbn.,|\\$/ %&=#\x00\x7f\ud7ffé\u0301", max_size=30),
    st.sampled_from(
        ["male", "2017-10", "ge2017", "Patient/1", "-date", "Patient:organization", "0", "true", "x" * 3000]
    ),
    st.sampled_from(
        ["5.4||kg", "gt-1e3|http://unitsofmeasure.org|kg", "eq1e999999999", "1e-999999999", "8480-6$gt1", "$", "*"]
    ),
)
_PAIRS = st.lists(st.tuples(st.tuples(_PARTS, _MODIFIERS).map("".join), _VALUES), max_size=4)
_TYPE_NAMES = st.sampled_from([type_.name for type_ in RESOURCE_TYPES])
_MEASURED = st.sampled_from(["value-quantity", "code-value-quantity", "component-code-value-quantity"])


@settings(max_examples=cases(100), suppress_health_check=list(HealthCheck))
@given(type_name=_TYPE_NAMES, pairs=_PAIRS)
def test_no_query_makes_the_reader_fail(reader: InProcessReader, type_name: str, pairs: list[tuple[str, str]]) -> None:
    for answer in (reader.get(type_name, pairs), reader.post(f"{type_name}/_search", pairs)):
        assert answer.status in (200, 400, 406), (type_name, pairs, answer.text)
        assert answer.text


@settings(max_examples=cases(100), suppress_health_check=list(HealthCheck))
@given(name=_MEASURED, value=st.one_of(_VALUES, st.text(alphabet="0123456789.eE+-|$,\\gtapeqx٣", max_size=20)))
def test_no_measured_value_makes_the_reader_fail(reader: InProcessReader, name: str, value: str) -> None:
    answer = reader.get("Observation", [(name, value), ("_count", "1")])

    assert answer.status in (200, 400), (name, value, answer.text)
