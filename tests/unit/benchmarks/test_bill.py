"""A month's bill of `docs/capacity.md`: its parts, and the alternatives' published prices."""

from dataclasses import replace

import pytest
from benchmarks.costs import load
from benchmarks.costs.bill import SIZES, Size, bill_of, fhir_works, healthlake
from benchmarks.costs.request_cost import cost_of

PRACTICE, TRUST, REGION = SIZES.values()


def test_the_base_load_costs_what_the_table_of_requests_says() -> None:
    base = Size(0, round(20 * load.MONTH), load.CLIENTS)

    assert base.authorized == pytest.approx(load.authorized())
    requests = bill_of(base).requests
    million = [cost_of(name, load.authorized()).times(rate * load.MONTH / 1e6) for name, rate in load.BASE.items()]
    tokens = cost_of("token").times(load.tokens() * load.MONTH / 1e6)
    assert requests.total == pytest.approx(sum(each.total for each in million) + tokens.total)


def test_what_grows_with_patients_requests_and_nothing() -> None:
    bill, more = bill_of(TRUST), bill_of(replace(TRUST, patients=2 * TRUST.patients))
    busier = bill_of(replace(TRUST, requests=2 * TRUST.requests))

    assert more.storage == pytest.approx(2 * bill.storage)
    assert (more.requests, more.audit, more.snapshots) == (bill.requests, bill.audit, bill.snapshots)
    assert 1.9 < busier.audit / bill.audit <= 2
    assert busier.fixed == bill.fixed == pytest.approx(2 * 1.00 + 56 * 0.10 + 22 * 0.30)
    assert bill.total == pytest.approx(bill.without_snapshots + bill.snapshots)


def test_without_requests_snapshots_cost_their_gigabytes() -> None:
    # Six functions with 3.5 GB.
    assert bill_of(Size(0, 0, 1)).snapshots == pytest.approx(13.61, abs=0.1)


@pytest.mark.parametrize(
    ("size", "dollars"),
    [
        # A data store for 720 hours includes 2,520,000 queries and 10 GB.
        (PRACTICE, 194.40),
        (Size(0, 2_520_000, 5), 194.40),
        (Size(0, 3_520_000, 5), 194.40 + 4.80),
        (TRUST, 194.40 + 7_480_000 / 10_000 * 0.048 + 0.37 * (TRUST.resource_gigabytes - 10)),
    ],
)
def test_healthlake_costs_its_hours_and_what_they_do_not_include(size: Size, dollars: float) -> None:
    assert healthlake(size) == pytest.approx(dollars)


def test_fhir_works_costs_its_search_domain_even_without_requests() -> None:
    nodes = 720 * (4 * 0.128 + 3 * 0.113)

    assert fhir_works(Size(0, 0, 1)) == pytest.approx(nodes + 292 * 0.135)
    assert fhir_works(REGION) == pytest.approx(nodes + 292 * 0.135 + 200 * 3.50)
