"""The maximum cost of one search, in whatever form it is sent (`access.md`, Kill switch and budgets; ADR 18)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from careconnect.storage import read_charges
from careconnect_testing.parts.stores import Reader
from fhir_reader import budget

REPEATED = [
    ("Patient", "birthdate=1998", "_revinclude=Condition:patient"),
    ("Observation", "patient=4", "_include=Observation:patient"),
    ("Observation", "", "patient.gender=female"),
]


@pytest.mark.parametrize(("type_name", "query", "again"), REPEATED)
def test_what_is_asked_for_again_is_asked_once(reader: Reader, type_name: str, query: str, again: str) -> None:
    once = reader.get(type_name, f"{query}&{again}")
    calls = list(reader.calls)
    reader.calls.clear()
    often = reader.get(type_name, "&".join([query, *[again] * 60]))

    assert (often.found(), often.found("include")) == (once.found(), once.found("include"))
    assert sorted(reader.calls) == sorted(calls)


SORTABLE = ("birthdate", "family", "given", "name", "address-postalcode", "_id")


def test_a_search_takes_five_keys_to_sort_by(reader: Reader) -> None:
    five, six = (",".join(SORTABLE[:number]) for number in (5, 6))

    once, often = (reader.get("Patient", f"_sort={','.join([five] * times)}") for times in (1, 100))
    assert (often.status, often.ids()) == (once.status, once.ids()) == (200, ["5", "4", "6"])
    answer = reader.get("Patient", f"_sort={six}")
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert answer.issue["diagnostics"].startswith("_sort: ")


def test_comparisons_are_paid_for_beside_the_entries(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three patients are few, and hundreds of values to look for in each of them are not."""
    monkeypatch.setattr(budget, "MAX_ENTRIES", 200)
    values = ",".join(f"{number}x" for number in range(90))

    assert reader.get("Patient", f"name:contains={values}").status == 200
    for dear in (
        "&".join(f"name:contains={values}{number}" for number in range(10)),
        "name=" + "a%20" * 2_000,
        "&".join("birthdate=" + ",".join(f"lt{year + later}" for year in range(1900, 1990)) for later in range(10)),
    ):
        answer = reader.get("Patient", dear)
        assert (answer.status, answer.issue["code"]) == (400, "too-costly")


@contextmanager
def queries_of(reader: Reader) -> Iterator[list[dict[str, Any]]]:
    """Yield the list of the queries that DynamoDB is asked meanwhile."""
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    events = reader.client.meta.events
    events.register("provide-client-params.dynamodb.Query", note)
    yield asked
    events.unregister("provide-client-params.dynamodb.Query", note)


@pytest.mark.parametrize("query", ["", "patient=4,5", "code=8867-4,x,y"])
def test_the_first_pages_of_a_search_hold_no_more_than_is_paid_for(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(read_charges, "FREE_UNITS", 300)

    with queries_of(reader) as asked:
        assert reader.get("Observation", query).status == 200

    assert asked
    assert sum(one["Limit"] for one in asked) <= 300 + len(asked)


def test_each_entry_of_a_patients_record_is_accounted_for(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_ENTRIES", 5)

    answer = reader.get("Patient/4/$everything", "_summary=count")

    assert (answer.status, answer.issue["code"]) == (400, "too-costly")


@pytest.mark.parametrize(
    "path", ["Observation", "Observation?patient.gender=female", "Observation?_id=o1", "Patient/4/$everything"]
)
def test_what_is_not_paid_for_is_not_begun(reader: Reader, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Of several expensive requests at once, none finds the quota exceeded only after its work is done."""
    overdrawn = Reader(reader.client, reader.tables, quota=0, calls=reader.calls)
    monkeypatch.setattr(read_charges, "FREE_UNITS", 0)
    path, _, query = path.partition("?")

    answer = overdrawn.get(path, query)

    assert (answer.status, answer.issue["code"]) == (429, "throttled")
    assert reader.calls == []
