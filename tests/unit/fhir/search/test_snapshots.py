"""A request shows the old or the new version of what a multi-step write changes, never a mixture (ADR 43)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.intents import BASE, DONE, STATES
from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect_records.items.actions import Item
from careconnect_records.multi_step.intents import content_intents, index_intent
from careconnect_records.writes.plan import WritePlan, plan_version
from careconnect_records.writes.target import Target
from careconnect_testing.parts.stores import Reader
from careconnect_testing.records.former_versions import FIRST_CHANGE, HOUR
from careconnect_testing.records.stored import saved

NEW, OLD = "9990-1", "9990-2"
# Each finds the resource with the new code, of Patient 4, by another access path.
SEARCHES = [
    ("Observation", f"code={NEW}"),
    ("Observation", f"code=http://loinc.org|{NEW}"),
    ("Observation", f"code=|{NEW},{NEW}"),
    ("Observation", f"code={NEW}&patient=4"),
    ("Observation", f"code:not={OLD},8867-4&_count=100"),
    ("Observation", f"_id=held&code={NEW}"),
    ("Observation", f"_lastUpdated=ge2020&code={NEW}"),
    ("Observation", f"_sort=date&code={NEW}"),
    ("Patient/4/Observation", f"code={NEW}"),
    ("Patient", f"_has:Observation:patient:code={NEW}"),
    ("Encounter", f"_has:Observation:encounter:code={NEW}"),
    ("Patient", "_id=4&_revinclude=Observation:patient"),
    ("Patient/4/$everything", "_count=100"),
    ("Observation/held", ""),
    ("Observation/held/_history", ""),
    ("Observation/held/_history/1", ""),
]
PENDING, ABORTED = "pending", "aborted"


@pytest.fixture
def reader(loaded: Reader) -> Iterator[Reader]:
    """The few records. What a test writes is removed after it."""
    put_back = saved(loaded.tables)
    loaded.calls.clear()
    yield loaded
    loaded.faults.clear()
    put_back()


def plan_of(code: str, version: int, before: WritePlan | None = None, base: str = "", **names: str) -> WritePlan:
    """Return the plan of one version of the observation, None of the code deletes it."""
    served = resource_type("Observation")
    assert served
    id_ = names.get("id_", "held")
    resource = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/4"},
        "context": {"reference": "Encounter/e1"},
        "effectiveDateTime": f"2024-05-0{version}",
    }
    target = Target(served, id_, index=before.index if before else None, base=base)
    at = FIRST_CHANGE + version * HOUR
    plan = plan_version(target, resource if code else None, version, at, patients=("4",))
    return plan.keeping(before.body) if before else plan


def put(reader: Reader, *items: Item, table: str = "") -> None:
    for item in items:
        reader.client.put_item(TableName=table or reader.tables.record, Item=item)


def put_plainly(reader: Reader, plan: WritePlan) -> None:
    put(reader, plan.index, *plan.bodies, *plan.entries.values())


def hold(reader: Reader, plan: WritePlan, name: str, status: str) -> None:
    """Put the intents of a plan, and then the state of its write."""
    put(reader, index_intent(plan, name), *content_intents(plan, name))
    decide(reader, name, status)


def decide(reader: Reader, name: str, status: str) -> None:
    state = {"pk": {"S": STATES}, "sk": {"S": name}, "status": {"S": status}, "beat": {"N": "1"}}
    put(reader, state, table=reader.tables.transaction)


def codes(reader: Reader, path: str, query: str) -> str | list[str]:
    """Return the codes that the observation is shown with; for `_has`, the ids that were found."""
    answer = reader.get(path, query)
    if answer.status in (404, 410):
        return str(answer.status)
    assert answer.status == 200, answer.text
    if "_has" in query:
        return answer.ids()
    if answer.json["resourceType"] == "Observation":
        resources = [answer.json]
    else:
        resources = [entry["resource"] for entry in answer.json.get("entry", ()) if "resource" in entry]
    return [each["code"]["coding"][0]["code"] for each in resources if each["id"] == "held"]


def meanwhile(reader: Reader, operation: str, number: int, do: Callable[[], None]) -> None:
    """Call `do` before the nth call of an operation."""
    met = 0

    def count(called: str) -> None:
        nonlocal met
        met += called == operation
        if called == operation and met == number:
            do()

    reader.faults.append(count)


@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_what_is_created_is_there_once_its_write_is_done(reader: Reader, path: str, query: str) -> None:
    as_it_was = codes(reader, path, query)
    hold(reader, plan_of(NEW, 1), "w", PENDING)
    assert codes(reader, path, query) == as_it_was
    decide(reader, "w", ABORTED)
    assert codes(reader, path, query) == as_it_was

    decide(reader, "w", DONE)
    by_intents = codes(reader, path, query)
    put_plainly(reader, plan_of(NEW, 1))

    assert by_intents == codes(reader, path, query) != as_it_was


@pytest.mark.parametrize(("path", "query"), SEARCHES)
@pytest.mark.parametrize("code", [NEW, ""])
def test_what_is_changed_is_shown_as_it_was_until_its_write_is_done(
    reader: Reader, path: str, query: str, code: str
) -> None:
    before = plan_of(OLD, 1)
    put_plainly(reader, before)
    as_it_was = codes(reader, path, query)
    after = plan_of(code, 2, before)
    for status in (PENDING, ABORTED):
        hold(reader, after, "w", status)
        assert codes(reader, path, query) == as_it_was
        assert codes(reader, "Observation", f"code={OLD}") == [OLD]

    decide(reader, "w", DONE)
    by_intents = codes(reader, path, query)
    assert codes(reader, "Observation", f"code={OLD}") == []
    for pk, sk in after.removed:
        reader.client.delete_item(TableName=reader.tables.record, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    put_plainly(reader, after)

    assert by_intents == codes(reader, path, query)


def test_a_request_that_meets_intents_begins_again_with_one_snapshot(reader: Reader) -> None:
    before = plan_of(OLD, 1)
    put_plainly(reader, before)
    reader.calls.clear()
    reader.get("Observation", "patient=4&_count=100")
    assert reader.calls == ["Query", "BatchGetItem"]
    hold(reader, plan_of(NEW, 2, before), "w", PENDING)

    reader.calls.clear()
    reader.get("Observation", "patient=4&_count=100")
    # The last call reads the former body.
    assert reader.calls == ["Query", "Query", "Query", "Query", "BatchGetItem", "BatchGetItem"]
    decide(reader, "w", DONE)
    reader.calls.clear()
    reader.get("Observation", "patient=4&_count=100")
    assert reader.calls == ["Query", "Query", "Query", "Query", "BatchGetItem"]
    reader.calls.clear()
    reader.get("Observation/held")
    assert reader.calls == ["GetItem", "Query", "Query", "GetItem"]


def test_a_snapshot_is_of_one_moment_though_a_query_is_not(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Query may have the second of two writes, and have read the first one's state before that was done."""
    first = {id_: plan_of(OLD, 1, id_=id_) for id_ in ("held", "other")}
    second = {id_: plan_of(NEW, 2, first[id_], id_=id_) for id_ in first}
    for id_, each in first.items():
        put_plainly(reader, each)
        hold(reader, second[id_], "w1", DONE)
    hold(reader, plan_of(OLD, 3, second["held"], base="w1"), "w2", DONE)
    query = reader.client.query
    torn = ["w1"]

    def torn_once(**request: Any) -> Any:
        answer = query(**request)
        if request["TableName"] == reader.tables.transaction and torn:
            hidden = torn.pop()
            answer["Items"] = [each for each in answer["Items"] if each["sk"]["S"] != hidden]
        return answer

    monkeypatch.setattr(reader.client, "query", torn_once)
    found = {each["resource"]["id"] for each in reader.get("Observation", f"code={NEW}").json["entry"]}

    assert (found, torn) == ({"other"}, [])


def test_the_states_are_read_to_the_last_page(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(reader, plan_of(NEW, 1), "w", DONE)
    query = reader.client.query

    def in_two_pages(**request: Any) -> Any:
        if request["TableName"] == reader.tables.transaction and "ExclusiveStartKey" not in request:
            return {"Items": [], "LastEvaluatedKey": {"pk": {"S": STATES}, "sk": {"S": "a"}}}
        return query(**request)

    monkeypatch.setattr(reader.client, "query", in_two_pages)

    assert codes(reader, "Observation", f"code={NEW}") == [NEW]


def test_without_two_equal_looks_at_the_states_it_is_503(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(reader, plan_of(NEW, 1), "w", DONE)
    query = reader.client.query
    ended: list[Item] = []

    def another_ends(**request: Any) -> Any:
        answer = query(**request)
        if request["TableName"] == reader.tables.transaction:
            ended.append({"sk": {"S": f"w-{len(ended)}"}})
            answer["Items"] = [*answer["Items"], *ended]
        return answer

    monkeypatch.setattr(reader.client, "query", another_ends)

    assert reader.get("Observation", f"code={NEW}").status == 503
    assert len(ended) < 10


def test_a_state_that_changes_within_a_request_changes_nothing_of_it(reader: Reader) -> None:
    """Two resources of one write: the first is read before the write is done, and the second after it."""
    before = {id_: plan_of(OLD, 1, id_=id_) for id_ in ("held", "other")}
    for each in before.values():
        put_plainly(reader, each)
    for id_, each in before.items():
        hold(reader, plan_of(NEW, 2, each, id_=id_), "w", PENDING)
    meanwhile(reader, "BatchGetItem", 1, lambda: decide(reader, "w", DONE))
    answer = reader.get("Observation", f"code={OLD}")

    assert sorted(answer.ids()) == ["held", "other"]
    assert {entry["resource"]["meta"]["versionId"] for entry in answer.json["entry"]} == {"1"}


def test_a_write_over_one_that_a_snapshot_does_not_have_needs_another_snapshot(reader: Reader) -> None:
    """The second write's intent has the first one's result in `prev`: a snapshot without the first may not show it."""
    first = plan_of(OLD, 1)
    put_plainly(reader, first)
    second = plan_of(NEW, 2, first)
    third = plan_of(OLD, 3, second, base="w1")
    assert index_intent(third, "w2")[BASE] == {"S": "w1"}
    hold(reader, second, "w1", PENDING)

    def both() -> None:
        decide(reader, "w1", DONE)
        hold(reader, third, "w2", PENDING)

    # After the snapshot, before the search is made again.
    meanwhile(reader, "Query", 4, both)
    assert codes(reader, "Observation", f"code={NEW}") == [NEW]
    assert reader.calls.count("Query") == 7


def test_a_base_that_was_released_meanwhile_belongs_to_the_snapshot(reader: Reader) -> None:
    first, name = plan_of(OLD, 1), "w2"
    put_plainly(reader, first)
    hold(reader, plan_of(NEW, 2, first, base="w1"), name, PENDING)

    assert codes(reader, "Observation", f"code={OLD}") == [OLD]
    assert codes(reader, "Observation/held", "") == [OLD]


def test_a_former_body_that_was_released_meanwhile_is_read_anew(reader: Reader) -> None:
    first = plan_of(OLD, 1)
    put_plainly(reader, first)
    hold(reader, plan_of(NEW, 2, first), "w", PENDING)

    def release() -> None:
        assert first.body
        put(reader, first.body)
        sort_key = version_item(JSON_ITEM, 1)
        key = {"pk": {"S": "Observation/held"}, "sk": {"S": sort_key}}
        reader.client.delete_item(TableName=reader.tables.record, Key=key)

    # Before the read of the former body.
    meanwhile(reader, "BatchGetItem", 1, release)
    assert codes(reader, "Observation/held", "") == [OLD]


def test_a_request_that_meets_ever_new_writes_ends(reader: Reader) -> None:
    first = plan_of(OLD, 1)
    put_plainly(reader, first)
    numbers = iter(range(100))

    def another(operation: str) -> None:
        if operation == "GetItem":
            number = next(numbers)
            hold(reader, plan_of(NEW, 2, first, base=f"base-{number}"), f"w-{number}", PENDING)

    reader.faults.append(another)
    answer = reader.get("Observation/held")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")


def test_an_identifier_that_is_asked_for_is_looked_up_by_a_snapshot_too(reader: Reader) -> None:
    answer = reader.get("Patient", "_has:Observation:patient:code=x&identifier=https://fhir.nhs.uk/Id/nhs-number|none")
    assert answer.status == 200
    calls: list[Any] = list(reader.calls)

    hold(reader, plan_of(NEW, 1), "w", DONE)
    reader.calls.clear()
    again = reader.get("Patient", "_has:Observation:patient:code=x&identifier=https://fhir.nhs.uk/Id/nhs-number|none")

    assert again.status == 200
    assert reader.calls == calls
