"""The cost of chains and `_has` from the candidates' side: calls for hundreds, parts that a page can afford."""

from collections.abc import Callable

import pytest

from careconnect.fhir.outcomes import OutcomeError
from careconnect.search.criteria import Criterion
from careconnect_testing.parts.entries_in_memory import (
    PEOPLE,
    PEOPLE_AND_VISITS,
    VISITS,
    EntriesInMemory,
    context,
    served,
)
from careconnect_testing.parts.stores import FHIR_BASE
from fhir_reader.budget import MAX_CALLS
from fhir_reader.search.chains.criteria import ChainedCondition, parse_chained
from fhir_reader.search.chains.resolve import filter_entries, resolve_condition
from fhir_reader.search.filter import FilterResult
from fhir_reader.store.stored import Entry


def chained(type_name: str, name: str, text: str) -> ChainedCondition:
    return parse_chained(served(type_name), name, text, fhir_base=FHIR_BASE, now=0)


def number_of(entry: Entry) -> int:
    return int(entry.id[1:].partition("-")[0])


Expected = Callable[[int], bool]
CONDITIONS: list[tuple[str, str, str, Expected]] = [
    ("Observation", "patient.gender", "male", lambda number: number % 2 == 1),
    ("Observation", "encounter.patient.gender", "male", lambda number: number % 2 == 1),
    ("Patient", "_has:Encounter:patient:status", "finished", lambda number: number % 3 == 0),
    ("Patient", "_has:Observation:patient:encounter.status", "finished", lambda number: number % 3 == 0),
    ("Patient", "_has:Encounter:patient:_has:Observation:encounter:code", "rare", lambda number: number % 5 == 0),
    ("Observation", "patient._has:Encounter:patient:status", "finished", lambda number: number % 3 == 0),
]


@pytest.mark.parametrize(("type_name", "name", "text", "expected"), CONDITIONS)
def test_a_walk_in_parts_decides_each_of_them_once_and_rightly(
    type_name: str, name: str, text: str, expected: Expected
) -> None:
    entries, kept, parts = PEOPLE_AND_VISITS.all_of(type_name), [], 0
    wanted = [entry.id for entry in entries if expected(number_of(entry))]
    while entries:
        asked = context()
        part = filter_entries([chained(type_name, name, text)], entries, asked, required=1)
        assert part.decided >= 1
        # A page has calls left for its bodies and includes.
        assert asked.budget.calls_left >= 10
        kept += [entry.id for entry in part.entries]
        entries = entries[part.decided :]
        parts += 1

    assert kept == wanted
    assert parts > 1 or "_has" not in name


def test_a_chain_costs_a_call_for_a_hundred() -> None:
    asked = context()

    filter_entries([chained("Observation", "patient.gender", "male")], PEOPLE_AND_VISITS.all_of("Observation"), asked)

    # 720 observations in eight parts, each about 34 people.
    assert MAX_CALLS - asked.budget.calls_left == 8


def test_has_costs_a_call_for_each_candidate_and_stops_at_the_first_match() -> None:
    asked = context()
    few = PEOPLE_AND_VISITS.all_of("Patient")[:10]
    before = asked.budget.entries_left

    kept = filter_entries([chained("Patient", "_has:Observation:patient:code", "common")], few, asked)

    assert [entry.id for entry in kept.entries] == [entry.id for entry in few]
    assert (MAX_CALLS - asked.budget.calls_left, before - asked.budget.entries_left) == (10, 10)


@pytest.mark.parametrize(("type_name", "name", "text", "expected"), CONDITIONS)
def test_what_a_page_needs_is_left_to_it(type_name: str, name: str, text: str, expected: Expected) -> None:
    condition, entries = chained(type_name, name, text), PEOPLE_AND_VISITS.all_of(type_name)[:50]

    assert filter_entries([condition], entries, context(calls=30)) == FilterResult([], 0)
    # Where a page has to begin, it begins.
    begun = filter_entries([condition], entries, context(calls=30), required=1)
    assert begun.decided >= 1
    assert [entry.id for entry in begun.entries] == [
        entry.id for entry in entries[: begun.decided] if expected(number_of(entry))
    ]


@pytest.fixture(scope="module")
def long_records() -> EntriesInMemory:
    """Of twelve people, each with three thousand observations."""
    return EntriesInMemory(
        {f"Patient/p{number}": {"_id": [["", f"p{number}"]]} for number in range(12)}
        | {
            f"Observation/o{number}": {
                "patient": [f"Patient/p{number % 12}"],
                "encounter": [f"Encounter/e{number}"],
                "code": [["", "common"]],
            }
            for number in range(12 * 3_000)
        }
    )


@pytest.mark.parametrize("name", ["_has:Observation:patient:code", "_has:Observation:patient:encounter.status"])
def test_long_records_in_which_nothing_is_found_end_a_part_and_refuse_nothing(
    long_records: EntriesInMemory, name: str
) -> None:
    condition, asked, entries = chained("Patient", name, "rare"), context(long_records), long_records.all_of("Patient")

    decided = [
        filter_entries([condition], entries[start : start + 4], asked, required=1 - start).decided
        for start in (0, 4, 8)
    ]

    assert decided[0] >= 1
    assert decided[-1] < 4
    # Something is left for the page itself.
    assert asked.budget.entries_left >= 100


def test_what_is_too_dear_alone_is_refused_by_name() -> None:
    name = "_has:Encounter:patient:_has:Observation:encounter:code"

    with pytest.raises(OutcomeError) as raised:
        filter_entries(
            [chained("Patient", name, "nothing")], PEOPLE_AND_VISITS.all_of("Patient"), context(calls=3), required=1
        )

    assert (raised.value.status, raised.value.code) == (400, "too-costly")
    assert raised.value.text.startswith(f"{name}: ")


def test_several_conditions_hold_together_and_what_one_drops_is_decided() -> None:
    conditions = [
        chained("Patient", "_has:Encounter:patient:status", "finished"),
        chained("Patient", "_has:Observation:patient:code", "rare"),
    ]
    entries, kept = PEOPLE_AND_VISITS.all_of("Patient"), []
    while entries:
        part = filter_entries(conditions, entries, context(), required=1)
        assert part.decided >= 1
        kept += [entry.id for entry in part.entries]
        entries = entries[part.decided :]

    assert kept == [f"p{number}" for number in range(0, PEOPLE, 15)]


def test_a_bound_callers_candidates_are_decided_by_its_own_alone() -> None:
    condition = chained("Observation", "encounter.status", "finished,planned")

    kept = filter_entries([condition], PEOPLE_AND_VISITS.all_of("Observation"), context(patient="p7"))

    assert [entry.id for entry in kept.entries] == [f"o7-{visit}" for visit in range(VISITS)]


def test_few_matches_resolve_a_chain_to_its_targets_and_has_to_ids() -> None:
    chain = resolve_condition(chained("Observation", "encounter._id", "e3-0,e3-1"), context(), 1_000)
    has = resolve_condition(chained("Patient", "_has:Encounter:patient:status", "finished"), context(), 1_000)

    assert isinstance(chain, Criterion)
    assert (chain.parameter.name, chain.values) == ("encounter", ("Encounter/e3-0", "Encounter/e3-1"))
    assert isinstance(has, tuple)
    assert sorted(has) == sorted(f"p{number}" for number in range(0, PEOPLE, 3))


@pytest.mark.parametrize(
    ("type_name", "name", "text", "most"),
    [
        # more than a hundred people
        ("Observation", "patient.gender", "male", 1_000),
        # more encounters than are examined
        ("Patient", "_has:Encounter:patient:status", "finished", PEOPLE * VISITS - 1),
        ("Patient", "_has:Observation:patient:encounter.status", "finished", PEOPLE * VISITS - 1),
    ],
)
def test_many_matches_resolve_nothing_and_refuse_nothing(type_name: str, name: str, text: str, most: int) -> None:
    assert resolve_condition(chained(type_name, name, text), context(), most) is None
