"""A month's bill of `docs/capacity.md`: its parts, its targets, its steps, and the alternatives' published prices."""

from dataclasses import replace

import pytest
from benchmarks.costs import load, prices
from benchmarks.costs.audit_cost import Trail, archive_gigabytes, objects_of, trail_cost
from benchmarks.costs.bill import (
    FORMER,
    NOW,
    added_to_peers,
    bill_of,
    cognito,
    fhir_works,
    healthlake,
    snapshot_functions,
    steps,
)
from benchmarks.costs.request_cost import cost_of, gateway_log
from benchmarks.costs.sizes import SIZES, Size
from benchmarks.costs.starts import calls_of, kept, starts_of
from benchmarks.figures import audit_bytes
from benchmarks.measurements import audit_bytes as measured

PRACTICE, TRUST, REGION = SIZES.values()
WITH_SNAPSHOTS = replace(NOW, snapshots=snapshot_functions())


def test_a_practice_and_a_trust_cost_less_than_what_they_would_buy() -> None:
    assert bill_of(PRACTICE).total <= 15
    assert bill_of(TRUST).total < bill_of(TRUST, WITH_SNAPSHOTS).total <= 160
    # Its shortfall is told in the page.
    assert bill_of(REGION).total <= 2_100


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_steps_add_up_to_the_difference_of_the_bills(size: Size) -> None:
    in_turn = sum(step[2] for step in steps(size))

    assert in_turn == pytest.approx(bill_of(size).total - bill_of(size, FORMER).total, abs=0.01)


def test_no_change_costs_anything_alone() -> None:
    for size in SIZES.values():
        for name, alone, _ in steps(size):
            assert alone is None or alone <= 0, name


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
    assert (more.requests, more.trail, more.snapshots) == (bill.requests, bill.trail, bill.snapshots)
    assert 1.9 < busier.trail.table / bill.trail.table <= 2
    assert busier.fixed == pytest.approx(bill.fixed)


def test_the_archive_costs_by_windows_below_an_event_each_and_by_events_beyond() -> None:
    few, some, many = (Size(0, requests, 5) for requests in (1_000_000, 2_000_000, 50_000_000))

    def objects(size: Size) -> float:
        return objects_of(size, removes=False)

    assert objects(some) < 1.5 * objects(few)
    assert objects(many) == pytest.approx(objects(replace(many, requests=2 * many.requests)), rel=0.001)
    # A removal is a change, too, which may come in a window that has no other.
    assert 1.2 * objects(PRACTICE) < objects_of(PRACTICE, removes=True) <= 2 * objects(PRACTICE)
    assert trail_cost(PRACTICE, Trail()).puts > trail_cost(PRACTICE, Trail(audit_days=0)).puts
    assert archive_gigabytes(replace(many, requests=2 * many.requests), Trail()) == pytest.approx(
        2 * archive_gigabytes(many, Trail()), rel=0.1
    )


def test_what_the_table_keeps_longer_or_twice_costs_more() -> None:
    one = trail_cost(TRUST, Trail()).table

    assert trail_cost(TRUST, Trail(audit_days=1)).table == pytest.approx(one / 90)
    # In the first year nothing has ended that a table keeps for a year or for ever.
    assert trail_cost(TRUST, Trail(audit_days=0)).table == pytest.approx(4 * one)
    assert trail_cost(TRUST, Trail(backed_up=True)).table == pytest.approx(one * (0.297 + 0.238) / 0.297)
    assert trail_cost(TRUST, Trail(whole_index=True)).table > 1.3 * one
    assert trail_cost(TRUST, Trail(months=96)).storage > 8 * trail_cost(TRUST, Trail()).storage


def test_the_bytes_of_an_event_are_those_of_the_code() -> None:
    for form, kinds in measured.audit_bytes().items():
        for kind, of_kind in kinds.items():
            for part, number in of_kind.items():
                saved = audit_bytes(form)[kind][part]
                where = f"{form}, {kind}, {part}"
                assert number == pytest.approx(saved, rel=0.06), f"{where}: python -m {measured.__name__} --write"


def test_the_gateways_line_is_that_of_the_template() -> None:
    assert 150 < gateway_log() < 380


def test_snapshots_cost_their_gigabytes_and_starts_hardly_anything() -> None:
    # Six functions with 3.5 GB.
    assert bill_of(Size(0, 0, 1), WITH_SNAPSHOTS).snapshots == pytest.approx(13.65, abs=0.01)
    assert bill_of(PRACTICE).snapshots == 0
    for size in SIZES.values():
        assert 13.65 < bill_of(size, WITH_SNAPSHOTS).snapshots < 13.65 + 2


def test_the_kept_starts_are_those_of_the_simulation() -> None:
    for name in ("TokenFunction", "WriteAuthorizerFunction"):
        calls, seconds = calls_of(PRACTICE)[name]
        saved = kept()["a practice"][name]

        assert saved["calls"] == round(calls)
        assert saved["starts"] == pytest.approx(starts_of(calls, seconds), rel=0.02), "benchmarks.costs.starts --write"


def test_a_function_that_is_called_more_starts_less_often_for_each_call() -> None:
    seldom, often = starts_of(1_000, 0.02), starts_of(100_000, 0.02)

    assert seldom / 1_000 > 10 * often / 100_000
    # One instance a day at least, and none more than calls.
    assert starts_of(30, 0.02) <= 60


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


def test_a_peer_needs_a_token_issuer_and_sends_what_we_send() -> None:
    ours = bill_of(TRUST).requests

    assert cognito(TRUST) == pytest.approx(50 * 6 + 36_000 * 0.00225)
    assert added_to_peers(TRUST) == pytest.approx(cognito(TRUST) + ours.data + ours.logs)


def _list(usage_type: str, *tiers: tuple[str, str]) -> dict[str, object]:
    """Return a price list of one usage type, whose tiers begin at an amount and cost so much."""
    dimensions = {
        str(number): {"beginRange": begin, "pricePerUnit": {"USD": dollars}}
        for number, (begin, dollars) in enumerate(tiers)
    }
    return {
        "products": {
            "SKU1": {"attributes": {"usagetype": usage_type}},
            "SKU2": {"attributes": {"usagetype": "EUW2-Other"}},
            "SKU3": {"attributes": {}},
        },
        "terms": {"OnDemand": {"SKU1": {"SKU1.TERM": {"priceDimensions": dimensions}}}},
    }


@pytest.mark.parametrize(
    ("tiers", "told"),
    [
        # A free tier, the first that costs, and a cheaper one.
        ([("0", "0.0"), ("1", "0.0000053000"), ("1000", "0.0000040000")], []),
        ([("0", "0.0000060000")], ["S3 Standard, put or list: 0.0053 for 1,000 here, 0.006 in "]),
        ([], ["S3 Standard, put or list: EUW2-Requests-Tier1 is not in "]),
    ],
)
def test_a_price_is_compared_with_its_list(tiers: list[tuple[str, str]], told: list[str]) -> None:
    lists = {"AmazonS3": _list("EUW2-Requests-Tier1", *tiers)}

    found = list(prices.differences(lists, [prices.S3_PUT]))

    address = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonS3/current/eu-west-2/index.json"
    assert found == [text + address for text in told]


def test_a_price_without_a_list_is_told_as_it_is_quoted() -> None:
    (told,) = prices.differences({}, [prices.HEALTHLAKE_HOUR])

    assert told == "HealthLake, data store: no list of London, 0.27 for hour stays as quoted"
