"""The preconditions of a request: If-Match, and one identifier."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import resource_type
from record_writer.request.preconditions import Identifier, if_match_of, if_none_exist_of, one_identifier

PATIENT = resource_type("Patient")
assert PATIENT is not None


def escaped(text: str) -> str:
    for each in "\\,|$":
        text = text.replace(each, f"\\{each}")
    return text


@given(st.text(alphabet=st.characters(codec="utf-8")), st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_an_identifier_is_read_as_it_was_written(system: str, value: str) -> None:
    assert PATIENT is not None
    if value.strip():
        assert one_identifier(PATIENT, [f"{escaped(system)}|{escaped(value)}"]) == Identifier(system, value)


def refusal(decide: Callable[[], object]) -> int:
    """Return the status of a refusal, 0 if there is none."""
    try:
        decide()
    except OutcomeError as error:
        return error.status
    return 0


@given(st.lists(st.text(alphabet="a|,\\ "), max_size=3))
def test_what_is_no_identifier_is_412(values: list[str]) -> None:
    assert PATIENT is not None
    status = refusal(lambda: one_identifier(PATIENT, values))

    assert status in (0, 412)
    assert status == 412 or (len(values) == 1 and "|" in values[0])


@given(st.text())
def test_a_header_is_a_query_or_400(header: str) -> None:
    assert PATIENT is not None
    base = "https://care.example/careconnect-ri/STU3"

    assert refusal(lambda: if_none_exist_of(header, PATIENT, base)) in (0, 400)


@given(st.text(alphabet='W/"*1a, '))
def test_an_if_match_is_a_tag_or_400(header: str) -> None:
    status = refusal(lambda: if_match_of({"if-match": header}))

    assert status == 400 or (status == 0 and (header.strip() == "*" or '"' in header))


def test_without_the_header_there_is_no_condition() -> None:
    assert if_match_of({}) is None


@pytest.mark.parametrize(("header", "allowed"), [("*", {1, 2, 3}), ('W/"2"', {2}), ('"1",W/"3"', {1, 3})])
def test_a_condition_allows_the_versions_that_it_names(header: str, allowed: set[int]) -> None:
    found = if_match_of({"if-match": header})

    assert found is not None
    assert {version for version in (1, 2, 3) if found.allows(version)} == allowed
