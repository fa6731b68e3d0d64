"""Searches that are made up: the server finds what a linear search finds, and no query makes it fail.

Of a query that both understand, the same ids in the same order and the same totals are asked for.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careconnect.resource_types import COMMON_PARAMETERS, RESOURCE_TYPES
from careconnect_testing.generated import cases
from careconnect_testing.linear_parameters import PARAMETERS, parameter_names, parameter_of
from careconnect_testing.linear_search import LinearSearch
from careconnect_testing.search_queries import Query, QueryMaker
from careconnect_testing.search_reader import HttpReader, InProcessReader, Reader, walk
from careconnect_testing.search_stack import SearchStack

pytestmark = pytest.mark.integration

SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 31)))
MIXTURES_PER_SEED = 200
MIXTURES_OVER_HTTP = cases(100)
DEFAULT_COUNT = 20
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
"""What `ap` measures from, in this process."""


@pytest.fixture(scope="module")
def linear(search_stack: SearchStack) -> LinearSearch:
    return LinearSearch(search_stack.resources, base=search_stack.fhir_base, now=NOW)


@pytest.fixture(scope="module")
def reader(search_stack: SearchStack) -> InProcessReader:
    return search_stack.in_process(now=NOW.timestamp)


@pytest.fixture(scope="module")
def deployed(search_stack: SearchStack) -> HttpReader:
    return search_stack.over_http()


def test_the_linear_search_knows_the_parameters_of_the_one_table() -> None:
    served = {
        type_.name: {p.name: p.type.value for p in (*COMMON_PARAMETERS, *type_.searchable)} for type_ in RESOURCE_TYPES
    }
    linear = {
        type_name: {name: parameter_of(type_name, name).kind for name in parameter_names(type_name)}
        for type_name in PARAMETERS
    }

    assert {name: {**linear[name], **served[name]} for name in served} == linear


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


@pytest.mark.generated
def test_the_deployed_api_finds_what_a_linear_search_finds(search_stack: SearchStack, deployed: HttpReader) -> None:
    linear = LinearSearch(search_stack.resources, base=search_stack.fhir_base, now=datetime.now(UTC))

    assert differences(QueryMaker(99, linear).mixtures(MIXTURES_OVER_HTTP), deployed, linear) == []


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
    expected = linear.search(query.type_name, query.parameters)
    if answer.status == 400 and answer.json["issue"][0]["code"] == "too-costly":
        return ""
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


_NAMES = sorted({parameter.name for type_ in RESOURCE_TYPES for parameter in type_.parameters})
_PARTS = st.sampled_from(
    [*_NAMES, "_id", "_lastUpdated", "_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_format"]
)
_MODIFIERS = st.sampled_from(["", "", "", ":exact", ":contains", ":not", ":missing", ":Patient", ".name", ":", "."])
_VALUES = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="0123456789-:TZ+gelpasbn.,|\\$/ %&=#\x00\x7f\ud7ffé\u0301", max_size=30),
    st.sampled_from(
        ["male", "2017-10", "ge2017", "Patient/1", "-date", "Patient:organization", "0", "true", "x" * 3000]
    ),
)
_PAIRS = st.lists(st.tuples(st.tuples(_PARTS, _MODIFIERS).map("".join), _VALUES), max_size=4)
_TYPE_NAMES = st.sampled_from([type_.name for type_ in RESOURCE_TYPES if type_.name != "Observation"])


@settings(max_examples=cases(100), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(type_name=_TYPE_NAMES, pairs=_PAIRS)
def test_no_query_makes_the_reader_fail(reader: InProcessReader, type_name: str, pairs: list[tuple[str, str]]) -> None:
    for answer in (reader.get(type_name, pairs), reader.post(f"{type_name}/_search", pairs)):
        assert answer.status in (200, 400, 406), (type_name, pairs, answer.text)
        assert answer.text


@settings(max_examples=cases(50), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    type_name=_TYPE_NAMES,
    raw=st.lists(
        st.one_of(
            st.sampled_from(["name", "=", "&", "%", "%zz", "%FF", "%C3", "%00", "+", ";", "birthdate", "ge", "|", "?"]),
            st.text(alphabet="abz=&%+;?/:@!$'()*,~._-0129", max_size=6),
        ),
        max_size=20,
    ).map("".join),
)
def test_no_raw_query_string_makes_the_deployed_api_fail(deployed: HttpReader, type_name: str, raw: str) -> None:
    answer = deployed.raw(f"{type_name}?{raw}")

    assert answer.status in (200, 400, 406), (raw, answer.text)
