"""The pages with measurements agree with the measured figures."""

import copy
from pathlib import Path
from typing import Any

import pytest
from benchmarks import report
from benchmarks.figures import bench

FIGURES = bench()


@pytest.mark.parametrize("page", report.PAGES, ids=lambda page: page.name)
def test_a_page_says_what_was_measured_last(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == report.with_tables(text, FIGURES), 'run `make bench ARGS="--only machine --write"`'


@pytest.mark.parametrize("name", report.TABLES)
def test_each_table_stands_on_a_page(name: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in report.PAGES]

    assert sum(page.count(f"<!-- bench: {name} -->") for page in pages) == 1
    assert report.TABLES[name](FIGURES)


def test_what_is_over_its_budget_is_named_so() -> None:
    figures: dict[str, Any] = copy.deepcopy(FIGURES)
    for row in figures["own_cpu"]:
        row["own"]["least"] = row["bare"]["least"] * row["budget"] * 0.9
    for row in figures["cold_start"]:
        row["ratio"] = 1.0
    assert not any("missed" in report.TABLES[name](figures) for name in ("own_cpu", "cold_start", "summary"))

    figures["own_cpu"][0]["own"]["least"] *= 2
    figures["cold_start"][0]["ratio"] = 1.2

    assert report.own_cpu(figures).count("missed") == 1
    assert report.cold_start(figures).count("missed") == 1
    assert report.summary(figures).count("missed") == 2


def test_a_read_over_its_budget_is_named_so_beside_reads_by_bound_tokens() -> None:
    figures: dict[str, Any] = copy.deepcopy(FIGURES)
    for row in figures["own_cpu"]:
        row["own"]["least"] = row["bare"]["least"] * row["budget"] * 0.9
    read = next(row for row in figures["own_cpu"] if row["name"] == "read of a patient")
    read["own"]["least"] = read["bare"]["least"] * read["budget"] * 1.05

    lines = [line for line in report.summary(figures).splitlines() if line.startswith("| Read")]
    assert ["missed" in line for line in lines] == [True, False]
