"""Generated searches over HTTP: the deployed API agrees with a linear search, and no query makes it fail."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_testing.search.differences import differences
from careconnect_testing.search.linear_search import LinearSearch
from careconnect_testing.search.search_queries import QueryMaker
from careconnect_testing.search.search_reader import HttpReader
from careconnect_testing.stacks.search_stack import SearchStack

pytestmark = [pytest.mark.integration, pytest.mark.long]

MIXTURES = 100
RAW_QUERIES = 50


@pytest.fixture(scope="module")
def deployed(search_stack: SearchStack) -> HttpReader:
    return search_stack.over_http()


def test_the_deployed_api_finds_what_a_linear_search_finds(search_stack: SearchStack, deployed: HttpReader) -> None:
    linear = LinearSearch(search_stack.resources, base=search_stack.fhir_base, now=datetime.now(UTC))

    assert differences(QueryMaker(99, linear).mixtures(MIXTURES), deployed, linear) == []


@settings(max_examples=RAW_QUERIES, suppress_health_check=list(HealthCheck))
@given(
    type_name=st.sampled_from([type_.name for type_ in RESOURCE_TYPES]),
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
