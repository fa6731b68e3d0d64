"""What would still make a bill smaller (`docs/savings.md`): each lever, and the items of a write."""

from dataclasses import replace

import pytest
from benchmarks.costs import prices
from benchmarks.costs.audit_cost import Trail, audit_units, table_gigabytes
from benchmarks.costs.bill import NOW, Settings, bill_of
from benchmarks.costs.events import events_of
from benchmarks.costs.levers import LEVERS, Lever, alone, in_turn
from benchmarks.costs.request_cost import cost_of
from benchmarks.costs.sizes import SIZES
from benchmarks.figures import requests
from benchmarks.measurements.write_items import write_items

REGION = SIZES["a region"]


def _saved(settings: Settings) -> float:
    return bill_of(REGION).total - bill_of(REGION, settings).total


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.name)
def test_each_lever_saves_something_at_every_size(lever: Lever) -> None:
    assert all(alone(size, lever) < 0 for size in SIZES.values())


def test_in_turn_less_is_left_after_each_but_less_saved_than_alone() -> None:
    left = list(in_turn(REGION))

    assert left == sorted(left, reverse=True)
    assert bill_of(REGION).total - left[-1] < -sum(alone(REGION, lever) for lever in LEVERS)


def test_events_that_share_an_item_save_all_items_but_its_two_units() -> None:
    pages = REGION.rates["search: page of 20 patients"]

    saved = audit_units(REGION, Trail()) - audit_units(REGION, Trail(shared=True))

    assert saved == pytest.approx(18 * pages)
    assert table_gigabytes(REGION, Trail(shared=True)) < 0.8 * table_gigabytes(REGION, Trail())


def test_the_class_standard_ia_costs_less_to_store_and_more_to_write() -> None:
    now, then = bill_of(REGION), bill_of(REGION, replace(NOW, infrequent_events=True))

    assert then.trail.table == pytest.approx(0.4 * now.trail.table)
    assert then.audit_units == pytest.approx(1.248 * now.audit_units, rel=1e-4)
    assert then.requests.tables - then.audit_units == pytest.approx(now.requests.tables - now.audit_units)
    name = "read of a patient"
    assert cost_of(name, settings=replace(NOW, infrequent_events=True)).total > cost_of(name).total


def test_what_other_parts_of_aws_save_is_the_difference_of_their_prices() -> None:
    asked = REGION.requests + REGION.tokens

    assert _saved(replace(NOW, http_api=True)) == pytest.approx((3.50 - 1.16) * asked / 1e6)
    assert _saved(replace(NOW, infrequent_logs=True)) == pytest.approx(bill_of(REGION).requests.logs / 2)
    provisioned = 0.000772 / 3600 / 0.7
    assert _saved(replace(NOW, provisioned=True)) == pytest.approx(
        bill_of(REGION).requests.tables * (1 - provisioned * 1e6 / 0.7423), rel=0.01
    )


def test_without_the_access_log_a_function_still_logs() -> None:
    logs = bill_of(REGION, replace(NOW, access_log=False)).requests.logs

    assert 0 < logs < bill_of(REGION).requests.logs


def test_a_write_takes_the_units_of_its_items() -> None:
    items = write_items()

    assert sum(item.units for item in items) == requests()["write: `POST` of an Observation"].writes
    _, table, index = events_of("write: `POST` of an Observation")
    assert [item.units for item in items if item.is_event] == [table + index]
    assert len({item.what for item in items}) == len(items)


def test_body_and_index_record_of_an_observation_fit_into_no_kilobyte() -> None:
    body, record = (next(item for item in write_items() if item.what == what) for what in ("body", "index record"))

    assert (body.bytes or 0) + (record.bytes or 0) > 1024


def test_the_prices_in_the_proportion_of_another_region_are_in_it() -> None:
    for price, of_london, there, standard_there in (
        (prices.INFREQUENT_WRITE_UNIT, prices.WRITE_UNIT, 0.78, 0.625),
        (prices.INFREQUENT_READ_UNIT, prices.READ_UNIT, 0.155, 0.125),
        (prices.INFREQUENT_STORAGE, prices.STORAGE, 0.10, 0.25),
        (prices.WRITE_CAPACITY, prices.WRITE_UNIT, 0.00065, 0.625),
        (prices.READ_CAPACITY, prices.READ_UNIT, 0.00013, 0.125),
        (prices.INFREQUENT_LOGS, prices.LOGS, 0.25, 0.50),
    ):
        assert price.dollars == pytest.approx(of_london.dollars * there / standard_there, rel=1e-3), price.what
