"""A match is shown as it was when it matched, whatever is written meanwhile (`write.md`, Promises 1 and 5; ADR 23)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from careconnect_testing.aws.altered import Altered
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.stores import EVERYTHING, Reader
from careconnect_testing.records.few_records import few_records
from careconnect_testing.records.former_versions import Version, write_versions
from careconnect_testing.running.cases import each_of
from fhir_reader.search.page import MAX_STEPS

O7 = next(each for each in few_records() if each["id"] == "o7")
BATCH = "BatchGetItem"
# Each leads to o7 by its entries.
SEARCHES = [
    ("Observation", "_id=o7"),
    ("Observation", "patient=4&_count=100"),
    ("Observation", "_count=100"),
    ("Patient/4/$everything", "_count=100"),
    ("Patient", "_id=4&_revinclude=Observation:patient"),
]


def changed(text: str, of: str = "4") -> dict[str, Any]:
    return {**O7, "code": {"text": text}, "subject": {"reference": f"Patient/{of}"}}


@pytest.fixture
def reader(loaded: Reader) -> Iterator[Reader]:
    """The few records, of which a test changes o7's own items alone; they are put back after it."""
    before = items_of_o7(loaded)
    loaded.calls.clear()
    yield loaded
    for item in items_of_o7(loaded):
        key = {name: item[name] for name in ("pk", "sk")}
        loaded.client.delete_item(TableName=loaded.tables.record, Key=key)
    for item in before:
        loaded.client.put_item(TableName=loaded.tables.record, Item=item)


def items_of_o7(reader: Reader) -> list[dict[str, Any]]:
    answer = reader.client.query(
        TableName=reader.tables.record,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "Observation/o7"}},
    )
    return list(answer["Items"])


def shown(answer: Answer) -> list[dict[str, Any]]:
    """Return o7 as a Bundle shows it."""
    assert answer.status == 200, answer.text
    resources = [entry["resource"] for entry in answer.json.get("entry", ())]
    return [resource for resource in resources if resource.get("id") == "o7"]


@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_what_was_replaced_meanwhile_is_shown_as_it_matched(reader: Reader, path: str, query: str) -> None:
    (before,) = shown(reader.get(path, query))
    write_versions(reader, "Observation/o7", [Version(O7), Version(changed("after"))])
    reader.calls.clear()

    answer = reader.get(path, query)

    assert shown(answer) == [before]
    assert before["meta"]["versionId"] == "1"
    assert "after" not in reader.get(path, f"{query}&_format=xml").text
    assert json.loads(reader.get("Observation/o7").text)["code"] == {"text": "after"}


def test_what_was_replaced_takes_one_call_more_and_everything_else_none(reader: Reader) -> None:
    reader.get("Observation", "_id=o6,o7")
    assert reader.calls == [BATCH, BATCH]

    write_versions(reader, "Observation/o7", [Version(O7), Version(changed("after"))])
    reader.calls.clear()
    reader.get("Observation", "_id=o6,o7")
    assert reader.calls == [BATCH, BATCH, "Query"]


@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_what_is_not_stored_is_left_out(reader: Reader, path: str, query: str) -> None:
    write_versions(reader, "Observation/o7", [Version(changed("after"), hours=1)], first=2)

    assert shown(reader.get(path, query)) == []
    assert reader.get("Observation", "_id=o6,o7").ids() == ["o6"]


def test_the_first_version_of_all_has_none_before_it(reader: Reader) -> None:
    write_versions(reader, "Observation/o7", [Version(changed("made again"), hours=1)])
    reader.calls.clear()

    assert shown(reader.get("Observation", "_id=o7")) == []
    assert "Query" not in reader.calls


@pytest.mark.parametrize(("later", "found"), [(1, True), (MAX_STEPS, True), (MAX_STEPS + 1, False)])
def test_the_last_few_versions_are_looked_at(reader: Reader, later: int, *, found: bool) -> None:
    write_versions(reader, "Observation/o7", [Version(O7), *(Version(changed(f"n{n}")) for n in range(later))])

    answer = shown(reader.get("Observation", "_id=o7"))

    assert [resource["meta"]["versionId"] for resource in answer] == (["1"] if found else [])


def test_a_version_of_another_time_is_not_the_one_that_matched(reader: Reader) -> None:
    long_before, after = Version(changed("long before"), hours=-1), Version(changed("after"), hours=1)
    write_versions(reader, "Observation/o7", [long_before, after])

    assert shown(reader.get("Observation", "_id=o7")) == []


@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_what_was_deleted_meanwhile_is_left_out(reader: Reader, path: str, query: str) -> None:
    write_versions(reader, "Observation/o7", [Version(O7), Version(None, "DELETE", 204, patient="4")])

    assert shown(reader.get(path, query)) == []


@each_of(("path", "query"), SEARCHES)
@each_of("former", [O7, changed("another's", of="5")])
@each_of("current", ["4", "5"])
def test_a_bound_client_sees_what_was_and_is_its_patients_alone(
    reader: Reader, path: str, query: str, former: dict[str, Any], current: str
) -> None:
    write_versions(reader, "Observation/o7", [Version(former), Version(changed("after", of=current))])

    found = shown(reader.as_caller(EVERYTHING, "4").get(path, query))

    assert bool(found) is (former is O7 and current == "4")
    assert len(shown(reader.get(path, query))) == 1


def lagging(reader: Reader, lag: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Reader:
    """Return a reader that gets o7's bodies in batches as `lag` has them, unless the batch is strongly consistent."""

    def read(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        answer = real(**arguments)
        if any(one.get("ConsistentRead") for one in arguments["RequestItems"].values()):
            return answer
        responses = {
            table: [kept for item in items if (kept := lag(item) if is_o7(item) else item)]
            for table, items in answer["Responses"].items()
        }
        return {**answer, "Responses": responses}

    def is_o7(item: dict[str, Any]) -> bool:
        return (item["pk"]["S"], item["sk"]["S"]) == ("Observation/o7", "#json")

    return Reader(Altered(reader.client, batch_get_item=read), reader.tables)


def older(item: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"resourceType": "Observation", "id": "o7", "code": {"text": "old"}})
    return {**item, "body": {"S": body}, "updated": {"N": "1"}}


def long_gone(item: dict[str, Any]) -> dict[str, Any]:
    return {**older(item), "gone": {"BOOL": True}}


@pytest.mark.parametrize("lag", [older, long_gone, lambda _: None])
@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_a_body_that_lags_behind_its_entry_is_read_again(
    reader: Reader, path: str, query: str, lag: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> None:
    expected = shown(reader.get(path, query))
    reader.calls.clear()

    answer = lagging(reader, lag).get(path, query)

    assert shown(answer) == expected
    assert len(expected) == 1
    assert reader.calls[-2:] == [BATCH, BATCH]


def test_a_body_that_stays_behind_its_entry_is_left_out(reader: Reader) -> None:
    write_versions(reader, "Observation/o7", [Version(changed("before"), hours=-2), Version(changed("old"), hours=-1)])

    assert shown(reader.get("Observation", "_id=o7")) == []


@pytest.mark.parametrize("cache_control", ["no-cache", "No-Cache", "max-age=0, no-cache"])
@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_no_cache_reads_everything_consistently(reader: Reader, path: str, query: str, cache_control: str) -> None:
    asked: list[bool] = []

    def note(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        each = arguments.get("RequestItems", {"": arguments}).values()
        asked.extend(one.get("ConsistentRead", False) for one in each)
        return real(**arguments)

    noting = Reader(Altered(reader.client, batch_get_item=note, query=note), reader.tables)
    assert noting.get(path, query, Cache_Control=cache_control).status == 200
    assert set(asked) == {True}

    for other in ("", "no-store", "max-age=0", "x-no-cache"):
        asked.clear()
        noting.get(path, query, Cache_Control=other)
        assert set(asked) == {False}
