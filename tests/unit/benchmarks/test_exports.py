"""A bulk export costs what it holds, whatever is stored; the figures of the page are within the contract's bounds."""

from typing import Any

import pytest
from benchmarks.exports.figures import KINDS, SIZES, measured, merged
from benchmarks.figures import bench

SMALL = SIZES[0]
ROWS: list[dict[str, Any]] = bench()["exports"]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["kind"] == kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_costs_what_was_measured(kind: str) -> None:
    found, saved = measured(kind, SMALL), of_kind(kind)[0]

    assert (found.stored, found.exported, found.events) == (saved["stored"], saved["exported"], saved["events"])
    assert found.calls <= 1.1 * saved["calls"]
    assert found.reads <= 1.1 * saved["reads"]
    assert found.writes <= 1.1 * saved["writes"]


@pytest.mark.parametrize("kind", ["_since", "patient"])
def test_a_part_costs_the_same_of_any_store(kind: str) -> None:
    rows = of_kind(kind)

    assert {row["exported"] for row in rows} == {rows[0]["exported"]}
    assert max(row["reads"] for row in rows) <= 1.05 * rows[0]["reads"]
    assert rows[-1]["calls"] <= rows[1]["calls"] * 1.05


def test_a_thousand_resources_cost_the_same_in_any_export() -> None:
    costs = [row["reads"] / row["exported"] for row in of_kind("all")]

    assert max(costs) <= 1.25 * costs[-1]


def test_the_figures_are_within_the_contract() -> None:
    largest = of_kind("all")[-1]

    assert max(row["megabytes"] for row in ROWS) < 200
    assert max(row["rate"] for row in of_kind("all")) >= 0.6
    assert largest["dollars"] / largest["exported"] * 1_000_000 <= 0.5


def test_new_figures_take_the_place_of_those_of_their_size() -> None:
    saved = [{"kind": "all", "stored": 1, "calls": 1}, {"kind": "all", "stored": 9, "calls": 9}]
    new = [{"kind": "_type", "stored": 1, "calls": 5}, {"kind": "all", "stored": 1, "calls": 2}]

    assert [row["calls"] for row in merged(new, saved)] == [2, 9, 5]
