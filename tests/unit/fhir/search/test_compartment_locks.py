"""A bound client's search has two locks, its plan and the check of each entry; each holds alone (`access.md`, S4)."""

import pytest

from careconnect.oauth.caller import Caller
from careconnect_testing.parts.stores import Reader
from fhir_reader.search import search_resources

SEARCHES = [("Patient", ["4"]), ("Condition", ["c1", "c2"])]


@pytest.mark.parametrize(("type_name", "ids"), SEARCHES)
def test_s4_the_check_of_entries_holds_though_the_plan_reads_everybodys(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, type_name: str, ids: list[str]
) -> None:
    monkeypatch.setattr(search_resources, "compartment_criterion", lambda *_: iter(()))

    answer = reader.as_caller(patient="4").get(type_name, "")

    assert (answer.ids(), answer.total) == (ids, len(ids))


@pytest.mark.parametrize(("type_name", "ids"), SEARCHES)
def test_s4_the_plan_holds_though_no_entry_is_checked(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, type_name: str, ids: list[str]
) -> None:
    monkeypatch.setattr(Caller, "sees", lambda *_: True)

    answer = reader.as_caller(patient="4").get(type_name, "")

    assert (answer.ids(), answer.total) == (ids, len(ids))
