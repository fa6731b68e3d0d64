"""The tables of `docs/capacity.md` and `docs/savings.md` follow from the kept figures, the prices and the quotas."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.costs import load, prices
from benchmarks.costs.audit_cost import objects_of
from benchmarks.costs.capacity import PAGES, with_tables
from benchmarks.costs.events import events_of
from benchmarks.costs.report_cost import report_cost
from benchmarks.costs.request_cost import cost_of, milliseconds, total_of
from benchmarks.costs.sizes import SIZES
from benchmarks.figures import requests


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_the_tables_of_its_figures(path: Path) -> None:
    page = path.read_text(encoding="utf-8")

    assert with_tables(page, PAGES[path]) == page, "python -m benchmarks.costs.capacity --write"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_another_figure_makes_another_page(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = path.read_text(encoding="utf-8")
    monkeypatch.setattr(prices, "WRITE_UNIT", replace(prices.WRITE_UNIT, dollars=0.8))

    assert with_tables(page, PAGES[path]) != page


def test_a_table_without_its_place_is_reported() -> None:
    with pytest.raises(ValueError, match="0 places for the table cost"):
        with_tables("# A page without marks\n", {"cost": lambda: ""})


def test_each_table_has_rows() -> None:
    for tables in PAGES.values():
        for name, made in tables.items():
            lines = made().splitlines()
            assert len(lines) > 2, name
            assert len({line.count("|") for line in lines}) == 1, name


def test_a_token_costs_what_its_parts_cost() -> None:
    token, cost = requests()["token"], cost_of("token")

    assert cost.gateway == pytest.approx(3.50)
    assert 0.20 < cost.functions < 1
    # One signature, and three public keys a minute of an instance that is called sixty times.
    assert cost.keys == pytest.approx(1.05 * 3.00)
    assert cost.tables == pytest.approx(token.reads * 0.1487 + token.writes * 0.7423)
    assert cost.total == pytest.approx(cost.gateway + cost.functions + cost.tables + cost.keys + cost.logs + cost.data)


def test_a_read_costs_its_share_of_the_authorizer() -> None:
    name = "read of a patient"

    alone, asked = cost_of(name, authorized=0), cost_of(name, authorized=1)

    assert asked.functions > alone.functions + 0.20
    assert asked.tables - alone.tables == pytest.approx(requests()["authorizer"].reads * 0.1487)
    assert asked.keys - alone.keys == pytest.approx(0.15)
    assert alone.total < cost_of(name).total < asked.total


def test_the_cost_of_a_load_is_the_sum_of_its_requests() -> None:
    one, other = cost_of("token"), cost_of("read of a patient")

    assert total_of([one.times(3), other]).total == pytest.approx(3 * one.total + other.total)


def test_a_call_is_charged_by_the_started_millisecond_and_slower_with_less_memory() -> None:
    one = replace(requests()["token"], waits=20.0, cpu=3.2)

    assert milliseconds(one, 1769) == milliseconds(one, 3008) == math.ceil(23.2)
    assert milliseconds(one, 256) == math.ceil(20 + 3.2 * 1769 / 256)


def test_the_base_load_is_twenty_requests_a_second_and_a_token_an_hour() -> None:
    assert sum(load.BASE.values()) == pytest.approx(20)
    assert load.tokens() * load.HOUR == load.CLIENTS
    assert load.BASE.keys() <= requests().keys()


@pytest.mark.parametrize("name", [name for name in load.BASE if not name.startswith("write")])
def test_what_a_read_writes_is_its_events(name: str) -> None:
    _, table, index = events_of(name)

    assert requests()[name].writes == table + index


def test_limits_come_in_the_order_in_which_they_are_reached() -> None:
    limits = load.limits()

    assert [limit.reached_at for limit in limits] == sorted(limit.reached_at for limit in limits)
    assert all(limit.used * limit.reached_at == pytest.approx(limit.most) for limit in limits)


def test_each_number_has_a_source() -> None:
    for one in (*prices.PRICES, *prices.QUOTAS):
        assert one.source or one.standing is prices.Standing.UNVERIFIED, one.what


def test_a_report_costs_in_proportion_to_its_period() -> None:
    for size in SIZES.values():
        month, year = report_cost(size, 1), report_cost(size, 12)

        # From the fourth month on, the keys of events that have ended are archived too, and read.
        ending = objects_of(size, removes=True)
        assert year.objects == pytest.approx(3 * month.objects + 9 * ending, abs=6)
        assert 12 <= round(year.gigabytes / month.gigabytes) <= 14
        most = year.objects / month.objects
        assert 11 < year.athena / month.athena < max(14, most)
        assert 11 < year.download / month.download < max(14, most)
