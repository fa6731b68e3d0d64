"""One account for everything that a request asks for (`access.md`, Kill switch and budgets)."""

from collections.abc import Callable

import pytest

from careconnect.fhir.outcomes import OutcomeError
from careconnect.storage.quota import Quota
from careconnect.storage.read_charges import (
    FREE_UNITS,
    FREE_UNITS_WHEN_SPENT,
    UNITS_PER_CALL,
    UNITS_PER_CHARGE,
    free_units,
)
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.usage_counters import UsageCounters
from fhir_reader.budget import (
    MAX_CALLS,
    MAX_ENTRIES,
    MAX_SECONDS,
    RequestBudget,
)

FREE = 1_000
NOW = 1_750_000_000.0
"""Twenty seconds before a minute is over."""


def free(clock: Clock | None = None) -> RequestBudget:
    return RequestBudget(FREE, lambda _units: None, clock or Clock())


def one_by_one(budget: RequestBudget, entries: int) -> None:
    for _ in range(entries):
        budget.examine()


def test_what_is_allowed_is_allowed_to_the_last_entry_and_call() -> None:
    budget = free()

    budget.examine(MAX_ENTRIES)
    budget.call(MAX_CALLS)

    assert (budget.entries_left, budget.calls_left) == (0, 0)


def _examine_too_much(budget: RequestBudget) -> None:
    budget.examine(MAX_ENTRIES + 1)


def _call_too_often(budget: RequestBudget) -> None:
    budget.call(MAX_CALLS + 1)


@pytest.mark.parametrize(
    ("spend", "why"),
    [
        (_examine_too_much, "more than 20,000 index entries would be examined"),
        (_call_too_often, "more than 120 lookups would be made"),
    ],
)
def test_more_is_too_costly_by_the_name_of_what_asked_for_it(spend: Callable[[RequestBudget], None], why: str) -> None:
    budget = free()

    with budget.charged_to("patient.name"), pytest.raises(OutcomeError) as raised:
        spend(budget)

    assert (raised.value.status, raised.value.code, raised.value.where) == (400, "too-costly", "http.patient.name")
    assert raised.value.text.startswith(f"patient.name: {why}")


def test_the_name_is_that_of_the_innermost_part() -> None:
    budget = free()

    with budget.charged_to("code"):
        with budget.charged_to("_include"):
            budget.examine()
        with pytest.raises(OutcomeError) as raised:
            budget.call(MAX_CALLS + 1)

    assert raised.value.where == "http.code"


def test_time_is_up_before_the_functions_is() -> None:
    clock = Clock()
    budget = free(clock)

    clock.now += MAX_SECONDS
    budget.call()
    clock.now += 0.1
    with budget.charged_to("code"), pytest.raises(OutcomeError) as raised:
        one_by_one(budget, UNITS_PER_CALL)

    assert raised.value.text.startswith("code: it takes more than 8 seconds")


def test_a_page_had_better_end_with_half_of_the_time_or_too_few_entries_left() -> None:
    clock = Clock()
    budget = free(clock)

    assert not budget.is_tight(MAX_ENTRIES)
    assert budget.is_tight(MAX_ENTRIES + 1)
    clock.now += MAX_SECONDS / 2 + 0.1
    assert budget.is_tight(0)


def test_a_cheap_request_draws_nothing_from_its_clients_quota() -> None:
    drawn: list[int] = []
    budget = RequestBudget(FREE, drawn.append, Clock())

    budget.call(10)
    budget.examine(FREE - 10 * UNITS_PER_CALL)

    assert drawn == []


def test_a_dear_one_draws_a_part_at_a_time() -> None:
    drawn: list[int] = []
    budget = RequestBudget(FREE, drawn.append, Clock())

    one_by_one(budget, MAX_ENTRIES)

    assert drawn == [2_000] * 10
    assert MAX_ENTRIES - FREE <= sum(drawn) < MAX_ENTRIES + UNITS_PER_CHARGE


def test_a_clients_refusal_ends_the_request_where_it_has_become_dear() -> None:
    class OverdrawnError(Exception):
        pass

    def refuse(_units: int) -> None:
        raise OverdrawnError

    budget = RequestBudget(FREE, refuse, Clock())
    budget.call(FREE // UNITS_PER_CALL)
    with pytest.raises(OverdrawnError):
        budget.examine()


def test_a_client_that_has_spent_it_gets_small_things_only() -> None:
    quota = Quota(UsageCounters(), 1_000)
    assert free_units(quota, "client-1", NOW) == FREE_UNITS
    quota.consume("client-1", 1_001, NOW)

    assert free_units(quota, "client-1", NOW) == FREE_UNITS_WHEN_SPENT
    assert free_units(quota, "client-1", NOW + 20) == FREE_UNITS
    assert free_units(quota, "client-2", NOW) == FREE_UNITS
