"""The access paths that a search tries leave calls for its index scan: trying them refuses no search (ADR 21)."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.storage import read_charges
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import LOINC, Resource, write_records
from fhir_reader import budget
from fhir_reader.search import plan_query as plan_query
from fhir_reader.search import scan, search_resources

pytestmark = pytest.mark.slow

SHARE = 10
"""Entries that a page examines in these tests."""

MANY = 40
CODES = [f"c{number}" for number in range(60)]
SYSTEM_AND_CODES = [f"{LOINC}|{code}" for code in CODES]


def _observation(number: int) -> Resource:
    codes = {"coding": [{"system": LOINC, "code": code} for code in CODES]}
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": codes,
        "valueCodeableConcept": codes,
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": f"2001-01-{number % 28 + 1:02}",
    }


def _patient(number: int) -> Resource:
    """Return a patient with the same e-mail address as all others."""
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "telecom": [{"system": "email", "value": "ward@care.example"}],
        "birthDate": f"19{number + 20}",
    }


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    records = [record for number in range(MANY) for record in (_patient(number), _observation(number))]
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("records"), records))
        yield reader


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (scan, plan_query, search_resources):
        monkeypatch.setattr(module, "MAX_ENTRIES_OF_PAGE", SHARE)


def ids(reader: Reader, type_name: str, query: str) -> list[str]:
    return sorted(one for page in reader.walk(type_name, query) for one in page.ids())


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"code={','.join(CODES[:20])}", id="systems that can be looked for", marks=pytest.mark.long),
        pytest.param(f"code={','.join(CODES)}", id="systems that are too many calls"),
        pytest.param(
            f"code={','.join(SYSTEM_AND_CODES)}&value-concept={','.join(SYSTEM_AND_CODES)}",
            id="two ways in order",
            marks=pytest.mark.long,
        ),
        pytest.param(
            f"code={','.join(CODES)}&value-concept={','.join(CODES)}", id="two ways in no order", marks=pytest.mark.long
        ),
        pytest.param(
            f"code={','.join(CODES)}&value-concept={','.join(CODES)}&patient.birthdate=ge1900",
            id="a chain too",
        ),
    ],
)
def test_many_alternatives_leave_calls_for_the_page(alike: Reader, query: str) -> None:
    assert ids(alike, "Observation", query) == sorted(f"o{number}" for number in range(MANY))


@pytest.mark.long
def test_chains_that_go_through_many_leave_calls_for_the_page(alike: Reader) -> None:
    """Each chain finds forty people, which takes forty lookups of their records."""
    chains = "&".join(f"_has:Observation:patient:patient.birthdate=ge190{year}" for year in range(3))

    assert ids(alike, "Patient", f"{chains}&_sort=_id") == sorted(f"p{number}" for number in range(MANY))


@pytest.mark.parametrize("sort", ["", "&_sort=birthdate", "&_sort=-_lastUpdated"])
def test_what_many_share_is_a_walk(alike: Reader, sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one request may examine, and more than is known from the first part of the range."""
    monkeypatch.setattr(budget, "MAX_ENTRIES", MANY - SHARE)
    monkeypatch.setattr(read_charges, "FREE_UNITS", read_charges.UNITS_PER_CALL + SHARE)

    assert ids(alike, "Patient", f"email=ward@care.example{sort}") == sorted(f"p{number}" for number in range(MANY))


@pytest.mark.parametrize(("calls_left", "ids"), [(0, []), (100, ["1", "2", "3", "4", "5"])])
def test_nothing_is_looked_for_that_the_request_cannot_spare(
    monkeypatch: pytest.MonkeyPatch, calls_left: int, ids: list[str]
) -> None:
    monkeypatch.setattr(plan_query, "named_ids", lambda _criteria: ids)
    context: Any = SimpleNamespace(
        budget=SimpleNamespace(calls_left=calls_left), caller=SimpleNamespace(patient=""), store=None
    )

    assert plan_query.matching_entries(RESOURCE_TYPES[0], [], context, 3) is None
