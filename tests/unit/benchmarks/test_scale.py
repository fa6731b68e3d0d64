"""A page of a search costs the same whatever the number of patients, and the documents say so as it was measured."""

import pytest
from benchmarks.scale.measure import SIZES, costs_of
from benchmarks.scale.report import DRAWING, FIGURES, PAGE, drawn, is_refused, saved, settled_at, text_of, with_summary
from benchmarks.scale.searches import SEARCHES

HUGE = SIZES[-1]


def test_the_page_and_its_drawing_say_what_was_measured_last() -> None:
    page, curve = PAGE.read_text(encoding="utf-8"), saved()

    assert page == with_summary(page, curve), "run `python -m benchmarks.scale --write`"
    assert DRAWING.read_text(encoding="utf-8") == drawn(curve)
    assert FIGURES.read_text(encoding="utf-8") == text_of(curve)
    assert f"figures/{DRAWING.name}" in page


def test_each_search_settles_or_is_refused_where_its_row_says() -> None:
    curve = saved()

    assert list(curve["searches"]) == [search.name for search in SEARCHES]
    for search in SEARCHES:
        statuses = set(curve["searches"][search.name]["status"])
        assert statuses <= ({200, 400} if search.is_refused else {200}), search.name
        assert settled_at(curve, search.name) == search.settles_at, search.name
        assert is_refused(curve, search.name) == search.is_refused, search.name


def test_a_cost_settles_where_it_no_longer_changes() -> None:
    costs = {"calls": [2, 5, 5], "trips": [2, 2, 2], "units": [1.0, 7.5, 7.5], "status": [200, 200, 400]}
    curve = {"sizes": [10, 100, 1000], "searches": {"a": costs, "b": {**costs, "units": [1.0, 7.5, 8.0]}}}

    assert [settled_at(curve, name) for name in ("a", "b")] == [100, 1000]


@pytest.mark.long
def test_a_page_of_a_hundred_million_patients_costs_what_the_documents_say() -> None:
    curve = saved()
    last = curve["sizes"].index(HUGE)

    for name, cost in costs_of(HUGE).items():
        of_search = curve["searches"][name]
        said = [of_search[each][last] for each in ("status", "calls", "trips", "units")]
        assert [name, cost.status, *cost.counts] == [name, *said]
