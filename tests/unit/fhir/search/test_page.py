"""An answer never exceeds Lambda's 6 MB: pages shrink instead (`fhir.md`, Statuses)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careconnect.http.messages import MAX_ANSWER_BYTES
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import Resource, write_records
from fhir_reader import budget
from fhir_reader.search import includes as follow_references

pytestmark = pytest.mark.slow

LAMBDA_LIMIT = 6 * 1024 * 1024
BIG = 24
"""Conditions of about 400 KB each in Lambda's answer, 9 MB in all."""


def condition(number: int) -> Resource:
    return {
        "resourceType": "Condition",
        "id": f"big{number:02}",
        "clinicalStatus": "active",
        "verificationStatus": "confirmed",
        "subject": {"reference": "Patient/4"},
        # Quotes and letters beyond ASCII take more room in Lambda's answer than here.
        "note": [{"text": 'é"' * 30_000 + "x" * 100_000}],
    }


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("big")
    patients: list[Resource] = [{"resourceType": "Patient", "id": "4"}]
    with reader_in_memory() as reader:
        load(reader, write_records(folder, patients + [condition(number) for number in range(BIG)]))
        yield reader


@pytest.mark.parametrize(
    ("path", "query"), [("Condition", "_sort=_id&_count=100"), ("Patient/4/$everything", "_count=100")]
)
@pytest.mark.parametrize("format_", ["json", "xml"])
def test_a_page_holds_as_much_as_fits_and_the_next_goes_on(big: Reader, path: str, query: str, format_: str) -> None:
    pages = (
        big.walk(path, f"{query}&_format={format_}") if format_ == "json" else [big.get(path, f"{query}&_format=xml")]
    )

    for page in pages:
        assert len(json.dumps({"statusCode": 200, "headers": dict(page.headers), "body": page.text})) < LAMBDA_LIMIT
    if format_ == "json":
        assert len(pages) > 1
        found = [one for page in pages for one in page.found() if one.startswith("Condition/")]
        assert sorted(found) == [f"Condition/big{number:02}" for number in range(BIG)]
        assert len({page.total for page in pages}) == 1
    else:
        assert '<relation value="next"/>' in pages[0].text


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Conditions of many small elements, 6 MB of them once they are indented."""
    conditions: list[Resource] = [
        condition(number) | {"evidence": [{"detail": [{"display": "x"}]}] * 6_000} for number in range(20)
    ]
    for one in conditions:
        del one["note"]
    with reader_in_memory() as reader:
        folder = tmp_path_factory.mktemp("crowded")
        load(reader, write_records(folder, [{"resourceType": "Patient", "id": "4"}, *conditions]))
        yield reader


@pytest.mark.long
@pytest.mark.parametrize("format_", ["json", "xml"])
def test_an_indented_page_fits_too(crowded: Reader, format_: str) -> None:
    """Indentation makes small elements several times as long."""
    plain = crowded.get("Condition", f"_count=100&_format={format_}")
    pretty = crowded.get("Condition", f"_count=100&_format={format_}&_pretty=true")

    assert len(pretty.text) > len(plain.text) / 2
    assert len(json.dumps({"statusCode": 200, "headers": dict(pretty.headers), "body": pretty.text})) < LAMBDA_LIMIT


def test_matches_make_room_for_what_they_include(big: Reader) -> None:
    """One patient includes 9 MB of conditions: no page can hold it."""
    answer = big.get("Patient", "_revinclude=Condition:patient")

    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert big.get("Condition", "_count=5&_include=Condition:patient").found("include") == ["Patient/4"]


def test_what_is_deleted_between_index_and_body_is_passed_over(tmp_path: Path) -> None:
    patients: list[Resource] = [{"resourceType": "Patient", "id": id_} for id_ in ("1", "2", "3")]
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path, patients))

        def delete(operation: str) -> None:
            if operation == "BatchGetItem":
                key = {"pk": {"S": "Patient/2"}, "sk": {"S": "#json"}}
                reader.client.delete_item(TableName=reader.tables.record, Key=key)

        reader.faults.append(delete)
        pages = reader.walk("Patient", "_count=2")

    assert [id_ for page in pages for id_ in page.ids()] == ["3", "1"]


def test_matches_that_are_deleted_one_after_another_take_no_included_resource_along(tmp_path: Path) -> None:
    records: list[Resource] = [{"resourceType": "Patient", "id": "4"}, *map(condition, range(3))]
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path, records))
        # The default order: the greater id is found first, and is the first to include the patient.
        deleted = iter(("big02", "big01"))

        def delete(operation: str) -> None:
            if operation == "BatchGetItem":
                reader.client.update_item(
                    TableName=reader.tables.record,
                    Key={"pk": {"S": f"Condition/{next(deleted, 'none')}"}, "sk": {"S": "#json"}},
                    UpdateExpression="SET gone = :yes REMOVE body",
                    ExpressionAttributeValues={":yes": {"BOOL": True}},
                )

        reader.faults.append(delete)
        answer = reader.get("Condition", "patient=4&_include=Condition:patient")

    assert "big00" in answer.ids()
    assert answer.found("include") == ["Patient/4"]


def test_a_page_ends_before_the_match_that_includes_too_many(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_references, "MAX_INCLUDED", 2)

    pages = reader.walk(
        "Observation", "_id=o1,o2,o3,o4,o50&_include=Observation:patient&_include=Observation:encounter"
    )

    assert [len(page.ids()) for page in pages] == [4, 1]
    assert sorted(id_ for page in pages for id_ in page.ids()) == ["o1", "o2", "o3", "o4", "o50"]
    assert {page.total for page in pages} == {None}, "no page has all matches"


def test_one_match_that_includes_too_many_is_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_references, "MAX_INCLUDED", 2)

    answer = reader.get("Encounter", "_id=e1&_revinclude=Observation:encounter")

    assert (answer.status, answer.issue["code"]) == (400, "too-costly")


CROWD = 14
"""Patients, of whom each has three conditions: more than one group of ranges."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    people: list[Resource] = [{"resourceType": "Patient", "id": f"p{number:02}"} for number in range(CROWD)]
    theirs: list[Resource] = [
        {
            "resourceType": "Condition",
            "id": f"c{number:02}",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "subject": {"reference": f"Patient/p{number % CROWD:02}"},
        }
        for number in range(3 * CROWD)
    ]
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("crowd"), [*people, *theirs]))
        yield reader


REVERSE = "&".join(f"_revinclude={name}:patient" for name in ("Condition", "Procedure", "Immunization"))


@pytest.mark.parametrize("calls", [120, 40, 20, 17])
def test_a_page_shrinks_to_the_calls_that_are_left(crowd: Reader, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    monkeypatch.setattr(budget, "MAX_CALLS", calls)

    pages = crowd.walk("Patient", f"_count=100&{REVERSE}")

    assert (len(pages) > 1) is (calls < 120)
    assert sorted(id_ for page in pages for id_ in page.ids()) == [f"p{number:02}" for number in range(CROWD)]
    for page in pages:
        # Each match has all that points at it on its own page.
        assert len(page.found("include")) == 3 * len(page.ids())
    assert sorted(one for page in pages for one in page.found("include")) == sorted(
        f"Condition/c{number:02}" for number in range(3 * CROWD)
    )


def test_one_match_that_cannot_be_followed_within_the_calls_is_refused_by_name(
    crowd: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MAX_CALLS", 7)

    answer = crowd.get("Patient", REVERSE)

    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert answer.issue["diagnostics"].startswith("_revinclude: more than 7 lookups")


def test_a_page_ends_when_half_of_its_time_is_over(crowd: Reader) -> None:
    clock = Clock(0.0)
    slow = replace(crowd, stopwatch=clock)

    def pass_time(operation: str) -> None:
        clock.now += 0.25 if operation == "Query" else 0

    crowd.faults.append(pass_time)
    pages = slow.walk("Patient", f"_count=100&{REVERSE}")
    crowd.faults.clear()

    assert len(pages) > 1
    assert sorted(id_ for page in pages for id_ in page.ids()) == [f"p{number:02}" for number in range(CROWD)]


def test_the_bound_leaves_room_below_lambdas() -> None:
    assert MAX_ANSWER_BYTES < LAMBDA_LIMIT
