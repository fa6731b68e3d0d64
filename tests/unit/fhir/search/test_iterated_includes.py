"""The cost of iterated includes: a page holds only the matches that the request budget covers."""

import pytest

from careconnect.fhir.outcomes import OutcomeError
from careconnect.search.result_parameters import Handling
from careconnect_testing.parts.entries_in_memory import (
    PEOPLE,
    PEOPLE_AND_VISITS,
    VISITS,
    EntriesInMemory,
    context,
    served,
)
from careconnect_testing.parts.stores import FHIR_BASE
from fhir_reader.search import includes as follow_references
from fhir_reader.search.context import SearchContext
from fhir_reader.search.parse import SearchQuery, parse_search
from fhir_reader.store.stored import Entry, page_entries

VISITS_AND_MORE = [("_revinclude", "Encounter:patient"), ("_revinclude:iterate", "Observation:encounter")]


def query(parameters: list[tuple[str, str]]) -> SearchQuery:
    return parse_search(served("Patient"), parameters, handling=Handling.STRICT, fhir_base=FHIR_BASE, now=0)


def brought(matches: list[Entry], parameters: list[tuple[str, str]], asked: SearchContext) -> list[list[str]]:
    """Return the included resources of each match of a page."""
    parsed = query(parameters)
    found = follow_references.follow_references(page_entries(matches), parsed.includes, parsed.reverse_includes, asked)
    return [[f"{one.key[0].name}/{one.key[1]}" for one in each] for each in found]


def test_pages_are_as_long_as_their_rounds_are_affordable() -> None:
    matches, found, pages = PEOPLE_AND_VISITS.all_of("Patient"), [], 0
    while matches:
        asked = context()
        page = brought(matches, VISITS_AND_MORE, asked)
        assert page
        assert asked.budget.calls_left >= follow_references.MAX_INCLUDED // 100
        found += page
        matches = matches[len(page) :]
        pages += 1

    assert 1 < pages < PEOPLE
    expected = [
        [f"{name}{number}-{visit}" for name in ("Encounter/e", "Observation/o") for visit in range(VISITS)]
        for number in range(PEOPLE)
    ]
    assert found == expected


@pytest.mark.parametrize("most", [pytest.param(20, id="in their first"), pytest.param(30, id="in the one after it")])
def test_a_page_ends_before_the_matches_whose_rounds_include_too_many(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(follow_references, "MAX_INCLUDED", most)

    page = brought(PEOPLE_AND_VISITS.all_of("Patient"), VISITS_AND_MORE, context())

    # One and then two at a time, six resources each: the next four would be too many.
    assert [len(keys) for keys in page] == [6, 6, 6]
    monkeypatch.setattr(follow_references, "MAX_INCLUDED", 5)
    with pytest.raises(OutcomeError) as raised:
        brought(PEOPLE_AND_VISITS.all_of("Patient"), VISITS_AND_MORE, context())
    assert raised.value.text.startswith("_revinclude: one match includes more than 5 resources")


def test_a_match_whose_rounds_are_too_dear_alone_is_refused_by_name() -> None:
    busy = {"Patient/p1": {"_id": [["", "p1"]]}} | {
        f"Encounter/e{number}": {"patient": ["Patient/p1"]} for number in range(200)
    }
    store = EntriesInMemory(busy)

    with pytest.raises(OutcomeError) as raised:
        brought(store.all_of("Patient"), VISITS_AND_MORE, context(store))

    assert (raised.value.status, raised.value.code) == (400, "too-costly")
    assert raised.value.text.startswith("_revinclude: ")


def test_what_is_not_led_on_from_costs_no_lookup() -> None:
    asked = context()

    brought(PEOPLE_AND_VISITS.all_of("Patient")[:1], [("_revinclude:iterate", "Encounter:patient")], asked)

    # The encounters refer to patients, and nothing refers to encounters that would be followed.
    assert asked.budget.calls_left == context().budget.calls_left - 1
