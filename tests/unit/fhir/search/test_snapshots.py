"""A request shows the old or the new version of what a multi-step write changes, never a mixture (ADR 43)."""

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.intents import BASE, BASES, DONE, PARTITIONS, bases_key, state_key, write_of
from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect_records.items.actions import Item
from careconnect_records.multi_step.intents import content_intents, former_action, former_of, index_intent
from careconnect_records.writes.plan import WritePlan, plan_version
from careconnect_records.writes.target import Target
from careconnect_testing.parts.stores import Reader
from careconnect_testing.records.former_versions import FIRST_CHANGE, HOUR
from careconnect_testing.records.stored import saved

NEW, OLD = "9990-1", "9990-2"

# A listing of all states: a Query of each partition.
LISTING = ["Query" for partitions in PARTITIONS.values() for _ in partitions]
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


def plan_of(
    code: str, version: int, before: WritePlan | None = None, base: str = "", *, id_: str = "held", day: int = 0
) -> WritePlan:
    """Return the plan of one version of the observation, none of the code deletes it.

    `base` is the write, done and not released, that made the version `before`.
    """
    served = resource_type("Observation")
    assert served
    resource = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/4"},
        "context": {"reference": "Encounter/e1"},
        "effectiveDateTime": f"2024-05-0{day or version}",
    }
    former = former_of(index_intent(before, base)) if before and base else None
    target = Target(served, id_, before.index if before else None, intent=base, base=base, former=former)
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
    if former := former_action(plan, reader.tables.record, name):
        put(reader, former["Put"]["Item"])
        follow(reader, name, plan.target.base)
    decide(reader, name, status)


def decide(reader: Reader, name: str, status: str) -> None:
    state = {**state_key(name), "status": {"S": status}, "beat": {"N": "1"}}
    put(reader, state, table=reader.tables.states.of(name))


def follow(reader: Reader, name: str, *bases: str) -> None:
    """Say that a write follows others."""
    put(reader, {**bases_key(name), BASES: {"SS": list(bases)}}, table=reader.tables.states.of(name))


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


def once(do: Callable[[], None]) -> Callable[[], None]:
    """Return what calls `do` the first time alone, whichever of a request's concurrent calls comes first."""
    todo, one_at_a_time = [do], Lock()

    def first() -> None:
        with one_at_a_time:
            if todo:
                todo.pop()()

    return first


def after_states(reader: Reader, monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Call `do` once, after the states of the writes that a request has met were read."""
    read, first = reader.client.batch_get_item, once(do)

    def then(**request: Any) -> Any:
        answer = read(**request)
        if reader.tables.transaction in request["RequestItems"]:
            first()
        return answer

    monkeypatch.setattr(reader.client, "batch_get_item", then)


def reads(reader: Reader) -> list[str]:
    """Return the calls that read."""
    return [each for each in reader.calls if each != "PutItem"]


@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_what_is_created_is_there_once_its_write_is_done(reader: Reader, path: str, query: str) -> None:
    as_it_was = codes(reader, path, query)
    hold(reader, plan_of(NEW, 1), "r0w", PENDING)
    assert codes(reader, path, query) == as_it_was
    decide(reader, "r0w", ABORTED)
    assert codes(reader, path, query) == as_it_was

    decide(reader, "r0w", DONE)
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
        hold(reader, after, "r0w", status)
        assert codes(reader, path, query) == as_it_was
        assert codes(reader, "Observation", f"code={OLD}") == [OLD]

    decide(reader, "r0w", DONE)
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
    hold(reader, plan_of(NEW, 2, before), "r0w", PENDING)

    reader.calls.clear()
    reader.get("Observation", "patient=4&_count=100")
    # The second call reads the state, the last one the former body.
    assert reader.calls == ["Query", "BatchGetItem", "Query", "BatchGetItem", "BatchGetItem"]
    decide(reader, "r0w", DONE)
    reader.calls.clear()
    reader.get("Observation", "patient=4&_count=100")
    assert reader.calls == ["Query", "BatchGetItem", "Query", "BatchGetItem"]
    reader.calls.clear()
    reader.get("Observation/held")
    # Of one resource the first pass decides.
    assert reader.calls == ["GetItem", "BatchGetItem"]


def test_what_the_queries_of_one_moment_meet_is_decided_together(reader: Reader) -> None:
    """Each meets a write of its own: none is met anew by the second pass, so that no states are listed."""
    hold(reader, plan_of(NEW, 1), "r0w1", DONE)
    hold(reader, plan_of(OLD, 1, id_="other"), "r1w2", DONE)
    reader.calls.clear()

    assert sorted(reader.get("Observation", f"code={NEW},{OLD}").ids()) == ["held", "other"]
    assert reader.calls == ["Query", "Query", "BatchGetItem", "Query", "Query", "BatchGetItem"]


def test_thousands_of_other_writes_cost_a_request_nothing(reader: Reader) -> None:
    before = plan_of(OLD, 1)
    put_plainly(reader, before)
    for number in range(3_000):
        decide(reader, f"r1-{number}", DONE)
    hold(reader, plan_of(NEW, 2, before), "r0w", DONE)
    reader.calls.clear()

    assert codes(reader, "Observation", f"code={NEW}") == [NEW]
    assert reader.calls == ["Query", "BatchGetItem", "Query", "BatchGetItem"]


def test_a_request_that_meets_many_writes_lists_the_states(reader: Reader) -> None:
    """One Query of each partition of states instead of a look at each state."""
    for number in range(30):
        hold(reader, plan_of(NEW, 1, id_=f"many-{number}"), f"r0-{number}", ABORTED if number % 2 else DONE)
    reader.calls.clear()
    answer = reader.get("Observation", f"code={NEW}&_count=100")

    assert sorted(answer.ids()) == sorted(f"many-{number}" for number in range(0, 30, 2))
    assert reader.calls == ["Query", *LISTING, "Query", "BatchGetItem"]


def test_a_write_that_is_done_within_a_request_is_left_out_with_what_follows_it(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two resources of one write, one of which another write changes at once."""
    first = {id_: plan_of(OLD, 1, id_=id_) for id_ in ("held", "other")}
    second = {id_: plan_of(NEW, 2, first[id_], id_=id_) for id_ in first}
    for id_, each in first.items():
        put_plainly(reader, each)
        hold(reader, second[id_], "r0w1", PENDING)

    def both() -> None:
        decide(reader, "r0w1", DONE)
        hold(reader, plan_of(NEW, 3, second["held"], base="r0w1"), "r0w2", PENDING)

    after_states(reader, monkeypatch, both)
    reader.calls.clear()
    answer = reader.get("Observation", f"code={OLD}")

    assert sorted(answer.ids()) == ["held", "other"]
    assert {entry["resource"]["meta"]["versionId"] for entry in answer.json["entry"]} == {"1"}
    assert reads(reader).count("Query") == 2


def test_a_write_that_is_met_late_and_done_needs_a_listing(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been answered before the request began, for all that is known."""
    before = plan_of(OLD, 1)
    put_plainly(reader, before)
    hold(reader, plan_of(OLD, 1, id_="first"), "r0w1", DONE)
    after_states(reader, monkeypatch, lambda: hold(reader, plan_of(NEW, 2, before), "r0w2", DONE))
    reader.calls.clear()

    assert reader.get("Observation", f"code={OLD}").ids() == ["first"]
    states = "BatchGetItem"
    assert reads(reader) == ["Query", states, "Query", states, *LISTING, "Query", "BatchGetItem"]


def test_a_listing_is_closed_under_what_its_writes_follow(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing is of no one moment: it may have the second of two writes, and have read the first one's state before.

    The second changes another resource as well. That one alone is read, and the first one's other resource.
    """
    first = {id_: plan_of(OLD, 1, id_=id_) for id_ in ("held", "other", "third")}
    for each in first.values():
        put_plainly(reader, each)
    second = {id_: plan_of(NEW, 2, first[id_], id_=id_) for id_ in ("held", "other")}
    for each in second.values():
        hold(reader, each, "r0w1", DONE)
    hold(reader, plan_of(NEW, 2, first["third"], id_="third"), "r0w3", DONE)
    hold(reader, plan_of(OLD, 3, second["held"], base="r0w1"), "r0w2", DONE)
    follow(reader, "r0w3", "r0w2")
    for number in range(30):
        hold(reader, plan_of(NEW, 1, id_=f"many-{number}"), f"r0-{number}", PENDING)
    query = reader.client.query

    def torn(**request: Any) -> Any:
        answer = query(**request)
        if request["TableName"] not in reader.tables.states:
            return answer
        early = [each for each in answer["Items"] if write_of(each) not in ("r0w1", "r0w2")]
        return {**answer, "Items": early}

    monkeypatch.setattr(reader.client, "query", torn)

    assert sorted(reader.get("Observation", f"code={NEW}&_count=100").ids()) == ["other", "third"]


def test_the_states_are_listed_to_the_last_page(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        hold(reader, plan_of(NEW, 1, id_=f"many-{number}"), f"r0-{number}", DONE)
    query = reader.client.query

    def in_pages(**request: Any) -> Any:
        return query(**request, Limit=7) if request["TableName"] in reader.tables.states else query(**request)

    monkeypatch.setattr(reader.client, "query", in_pages)

    assert len(reader.get("Observation", f"code={NEW}&_count=100").ids()) == 30


def test_the_directorys_own_writes_are_decided_by_their_own_table(reader: Reader) -> None:
    first = plan_of(OLD, 1)
    put_plainly(reader, first)
    hold(reader, plan_of(NEW, 2, first), "d0-w", DONE)
    put(reader, {**state_key("d0-w"), "status": {"S": ABORTED}, "beat": {"N": "1"}}, table=reader.tables.transaction)

    assert codes(reader, "Observation/held", "") == [NEW]
    assert codes(reader, "Observation", f"code={NEW}") == [NEW]


def test_a_state_that_changes_within_a_request_changes_nothing_of_it(reader: Reader) -> None:
    """Two resources of one write: the first is read before the write is done, and the second after it."""
    before = {id_: plan_of(OLD, 1, id_=id_) for id_ in ("held", "other")}
    for each in before.values():
        put_plainly(reader, each)
    for id_, each in before.items():
        hold(reader, plan_of(NEW, 2, each, id_=id_), "r0w", PENDING)
    # Before the bodies are read.
    meanwhile(reader, "BatchGetItem", 2, lambda: decide(reader, "r0w", DONE))
    answer = reader.get("Observation", f"code={OLD}")

    assert sorted(answer.ids()) == ["held", "other"]
    assert {entry["resource"]["meta"]["versionId"] for entry in answer.json["entry"]} == {"1"}


@pytest.mark.parametrize(("path", "query"), SEARCHES)
@pytest.mark.parametrize("status", [PENDING, ABORTED, DONE])
@pytest.mark.parametrize("code", [OLD, ""])
def test_what_was_before_two_writes_is_shown_while_both_are_left_out(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, path: str, query: str, status: str, code: str
) -> None:
    """The second write's intent has the first one's result in `prev`: what was before follows from a former record."""
    first = plan_of(OLD, 1)
    put_plainly(reader, first)
    as_it_was = codes(reader, path, query)
    second = plan_of(NEW, 2, first)
    hold(reader, second, "r0w1", PENDING)
    third = plan_of(code, 3, second, base="r0w1")
    assert index_intent(third, "r0w2")[BASE] == {"S": "r0w1"}

    def both() -> None:
        decide(reader, "r0w1", DONE)
        hold(reader, third, "r0w2", status)

    after_states(reader, monkeypatch, both)
    shown = codes(reader, path, query)

    of_one_resource = path.startswith("Observation/held")
    assert shown == (as_it_was if of_one_resource or status != DONE else codes(reader, path, query))


@pytest.mark.parametrize(("code", "found"), [(OLD, [OLD]), (NEW, [])])
def test_a_chain_of_writes_that_are_left_out_is_followed_to_its_beginning(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, code: str, found: list[str]
) -> None:
    plans = [plan_of(OLD, 1)]
    put_plainly(reader, plans[0])
    plans.append(plan_of(NEW, 2, plans[0], day=9))
    hold(reader, plans[1], "r0w2", PENDING)
    for number in range(30):
        hold(reader, plan_of(code, 1, id_=f"many-{number}"), f"r0-{number}", ABORTED)
    query = reader.client.query

    def others() -> None:
        for version in range(3, 7):
            decide(reader, f"r0w{version - 1}", DONE)
            plans.append(plan_of(NEW, version, plans[-1], base=f"r0w{version - 1}", day=9))
            hold(reader, plans[-1], f"r0w{version}", DONE)

    first = once(others)

    def then_others(**request: Any) -> Any:
        answer = query(**request)
        if request["TableName"] == reader.tables.transaction:
            first()
        return answer

    monkeypatch.setattr(reader.client, "query", then_others)

    assert codes(reader, "Observation", f"code={code}&_count=100") == found
    assert codes(reader, "Observation", f"code={NEW}&_count=100") == [NEW]


def test_a_base_that_was_released_meanwhile_belongs_to_the_snapshot(reader: Reader) -> None:
    first, name = plan_of(OLD, 1), "r0w2"
    put_plainly(reader, first)
    hold(reader, plan_of(NEW, 2, first, base="r0w1"), name, PENDING)

    assert codes(reader, "Observation", f"code={OLD}") == [OLD]
    assert codes(reader, "Observation/held", "") == [OLD]


def test_a_former_body_that_was_released_meanwhile_is_read_anew(reader: Reader) -> None:
    first = plan_of(OLD, 1)
    put_plainly(reader, first)
    hold(reader, plan_of(NEW, 2, first), "r0w", PENDING)

    def release() -> None:
        assert first.body
        put(reader, first.body)
        sort_key = version_item(JSON_ITEM, 1)
        key = {"pk": {"S": "Observation/held"}, "sk": {"S": sort_key}}
        reader.client.delete_item(TableName=reader.tables.record, Key=key)

    # Before the read of the former body.
    meanwhile(reader, "BatchGetItem", 1, release)
    assert codes(reader, "Observation/held", "") == [OLD]


def test_a_request_that_meets_ever_new_writes_ends_in_three_passes(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = [plan_of(OLD, 1)]
    put_plainly(reader, plans[0])
    hold(reader, plan_of(NEW, 2, plans[0]), "r0w2", DONE)
    plans.append(plan_of(NEW, 2, plans[0]))

    query = reader.client.query

    def another(**request: Any) -> Any:
        if request["TableName"] == reader.tables.record:
            version = len(plans) + 1
            plans.append(plan_of(NEW, version, plans[-1], base=f"r0w{version - 1}"))
            hold(reader, plans[-1], f"r0w{version}", DONE)
        return query(**request)

    monkeypatch.setattr(reader.client, "query", another)
    reader.calls.clear()
    answer = reader.get("Observation", f"code={NEW}")

    assert answer.ids() == ["held"]
    assert answer.json["entry"][0]["resource"]["meta"]["versionId"] == "4"
    assert reads(reader).count("Query") == 3 + len(LISTING)
    assert len(reads(reader)) <= 10 + len(LISTING)


def test_an_identifier_that_is_asked_for_is_looked_up_by_a_snapshot_too(reader: Reader) -> None:
    answer = reader.get("Patient", "_has:Observation:patient:code=x&identifier=https://fhir.nhs.uk/Id/nhs-number|none")
    assert answer.status == 200
    calls: list[Any] = list(reader.calls)

    hold(reader, plan_of(NEW, 1), "r0w", DONE)
    reader.calls.clear()
    again = reader.get("Patient", "_has:Observation:patient:code=x&identifier=https://fhir.nhs.uk/Id/nhs-number|none")

    assert again.status == 200
    assert reader.calls == calls
