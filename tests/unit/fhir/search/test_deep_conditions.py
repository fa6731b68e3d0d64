"""What chains and `_has` cost from the candidates' side: calls for hundreds, parts that a page can afford."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from careconnect.formats import Format
from careconnect.outcomes import OutcomeError
from careconnect.resource_types import ResourceType, resource_type
from careconnect.scopes import grants_of
from careconnect_testing.stores import EVERYTHING, FHIR_BASE
from fhir_reader.budget import MOST_CALLS, Budget
from fhir_reader.caller import Caller
from fhir_reader.rendering.views import View
from fhir_reader.search.context import SearchContext
from fhir_reader.search.criteria import Criterion
from fhir_reader.search.deep_conditions import Kept, keep, narrow
from fhir_reader.search.deep_query import Deep, parse_deep
from fhir_reader.search.result_parameters import ResultParameters
from fhir_reader.store.metered import MeteredStore
from fhir_reader.store.stored import Entry, IndexRange, StoredResource

PEOPLE = 240
VISITS = 3
"""Encounters of each person."""


def served(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


class FewEntries:
    """A store of entries alone, by whose values references are found back."""

    def __init__(self, values: dict[str, dict[str, list[Any]]]) -> None:
        self._entries = {
            key: Entry(served(name), resource_id, "0" * 15, json.dumps(values[key]))
            for key in values
            for name, _, resource_id in [key.partition("/")]
        }

    def all_of(self, name: str) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.type.name == name]

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        keys = (f"{type_.name}/{resource_id}" for resource_id in ids)
        return [self._entries[key] for key in keys if key in self._entries]

    def entries(self, type_: ResourceType, ranges: Iterable[IndexRange]) -> list[Iterator[Entry]]:
        return [iter(self._in_range(type_, one)) for one in ranges]

    def _in_range(self, type_: ResourceType, range_: IndexRange) -> list[Entry]:
        if "?" in range_.partition:
            # The type's entries are all in its first shard.
            return self.all_of(type_.name) if range_.partition.endswith("?0") else []
        parameter = range_.prefix.partition("?")[2].removesuffix("#")
        return [one for one in self.all_of(type_.name) if range_.partition in one.values.get(parameter, ())]

    def read(self, *_: object) -> StoredResource | None:
        raise NotImplementedError

    def read_all(self, _keys: object, _format: Format) -> dict[tuple[str, str], StoredResource]:
        raise NotImplementedError

    def compartment(self, *_: object) -> Iterator[tuple[str, Entry]]:
        raise NotImplementedError

    def seal_key(self) -> bytes:
        raise NotImplementedError


def _values(number: int) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """A person, whose visits at an own clinic of no importance end in an observation each."""
    patient = [f"Patient/p{number}"]
    yield patient[0], {"_id": [["", f"p{number}"]], "gender": [["", "male" if number % 2 else "female"]]}
    for visit in range(VISITS):
        encounter = f"e{number}-{visit}"
        finished = "finished" if number % 3 == 0 and visit == VISITS - 1 else "planned"
        yield f"Encounter/{encounter}", {"_id": [["", encounter]], "patient": patient, "status": [["", finished]]}
        yield (
            f"Observation/o{number}-{visit}",
            {
                "patient": patient,
                "encounter": [f"Encounter/{encounter}"],
                "code": [["", "rare" if number % 5 == 0 and visit == VISITS - 1 else "common"]],
            },
        )


STORE = FewEntries(dict(one for number in range(PEOPLE) for one in _values(number)))


def context(*, calls: int = MOST_CALLS, patient: str = "") -> SearchContext:
    """Return a context with so many calls left."""
    budget = Budget(10**9, lambda _: None, lambda: 0.0)
    budget.call(MOST_CALLS - calls)
    caller = Caller("c", EVERYTHING, grants_of(EVERYTHING), patient)
    return SearchContext(
        MeteredStore(STORE, budget), budget, caller, ResultParameters(View(Format.JSON)), FHIR_BASE, ""
    )  # fmt: skip


def deep(type_name: str, name: str, text: str) -> Deep:
    return parse_deep(served(type_name), name, text, fhir_base=FHIR_BASE, now=0)


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
    entries, kept, parts = STORE.all_of(type_name), [], 0
    wanted = [entry.id for entry in entries if expected(number_of(entry))]
    while entries:
        asked = context()
        part = keep([deep(type_name, name, text)], entries, asked, at_least=1)
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

    keep([deep("Observation", "patient.gender", "male")], STORE.all_of("Observation"), asked)

    # 720 observations in eight parts, each about 34 people.
    assert MOST_CALLS - asked.budget.calls_left == 8


def test_has_costs_a_call_for_each_candidate_and_stops_at_the_first_match() -> None:
    asked = context()
    few = STORE.all_of("Patient")[:10]
    before = asked.budget.entries_left

    kept = keep([deep("Patient", "_has:Observation:patient:code", "common")], few, asked)

    assert [entry.id for entry in kept.entries] == [entry.id for entry in few]
    assert (MOST_CALLS - asked.budget.calls_left, before - asked.budget.entries_left) == (10, 10)


@pytest.mark.parametrize(("type_name", "name", "text", "expected"), CONDITIONS)
def test_what_a_page_needs_is_left_to_it(type_name: str, name: str, text: str, expected: Expected) -> None:
    condition, entries = deep(type_name, name, text), STORE.all_of(type_name)[:50]

    assert keep([condition], entries, context(calls=30)) == Kept([], 0)
    # Where a page has to begin, it begins.
    begun = keep([condition], entries, context(calls=30), at_least=1)
    assert begun.decided >= 1
    assert [entry.id for entry in begun.entries] == [
        entry.id for entry in entries[: begun.decided] if expected(number_of(entry))
    ]


def test_what_is_too_dear_alone_is_refused_by_name() -> None:
    name = "_has:Encounter:patient:_has:Observation:encounter:code"

    with pytest.raises(OutcomeError) as raised:
        keep([deep("Patient", name, "nothing")], STORE.all_of("Patient"), context(calls=3), at_least=1)

    assert (raised.value.status, raised.value.code) == (400, "too-costly")
    assert raised.value.text.startswith(f"{name}: ")


def test_several_conditions_hold_together_and_what_one_drops_is_decided() -> None:
    conditions = [
        deep("Patient", "_has:Encounter:patient:status", "finished"),
        deep("Patient", "_has:Observation:patient:code", "rare"),
    ]
    entries, kept = STORE.all_of("Patient"), []
    while entries:
        part = keep(conditions, entries, context(), at_least=1)
        assert part.decided >= 1
        kept += [entry.id for entry in part.entries]
        entries = entries[part.decided :]

    assert kept == [f"p{number}" for number in range(0, PEOPLE, 15)]


def test_a_bound_callers_candidates_are_decided_by_its_own_alone() -> None:
    condition = deep("Observation", "encounter.status", "finished,planned")

    kept = keep([condition], STORE.all_of("Observation"), context(patient="p7"))

    assert [entry.id for entry in kept.entries] == [f"o7-{visit}" for visit in range(VISITS)]


def test_few_matches_narrow_a_chain_to_its_targets_and_has_to_ids() -> None:
    chain = narrow(deep("Observation", "encounter._id", "e3-0,e3-1"), context(), 1_000)
    has = narrow(deep("Patient", "_has:Encounter:patient:status", "finished"), context(), 1_000)

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
def test_many_matches_narrow_nothing_and_refuse_nothing(type_name: str, name: str, text: str, most: int) -> None:
    assert narrow(deep(type_name, name, text), context(), most) is None
