"""A multi-step write that is killed, met by others, or fails, between any two of its calls (ADR 25)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM
from careconnect_records.items.identifier_locks import IdentifierLock, lock_key, lock_of, read_lock
from careconnect_records.items.resource_items import TooLargeError, item_size
from careconnect_records.writes import lease, multi_step_write, plan
from careconnect_records.writes.multi_step_write import ABANDONED_AFTER, MultiStepWrite, StillAtWorkError
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target
from careconnect_records.writes.transaction import write_actions
from careconnect_testing.parts.stores import BASE, Reader, reader_in_memory
from careconnect_testing.records.stored import Stored, saved, stored, visible_entries

pytestmark = pytest.mark.slow

START = 1_700_000_000_000
MINUTE = 60_000

Request = tuple[Target, dict[str, Any] | None]
"""A target without its items, and the content to write, None to delete it."""


def request(type_name: str, resource_id: str, resource: dict[str, Any] | None) -> Request:
    served = resource_type(type_name)
    assert served is not None
    whole = None if resource is None else {"resourceType": type_name, "id": resource_id, **resource}
    return Target(served, resource_id), whole


class Killed(BaseException):
    pass


@pytest.fixture(autouse=True)
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction take 12 actions, so that an eighth of the items is enough."""
    monkeypatch.setattr(plan, "MAX_ACTIONS", 12)
    monkeypatch.setattr(lease, "_AT_ONCE", 11)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reader_in_memory() as reader:
        yield reader


@pytest.fixture
def empty(reader: Reader) -> Iterator[Reader]:
    """The reader with empty tables, which are restored afterwards."""
    put_back = saved(reader.tables)
    yield reader
    reader.faults.clear()
    put_back()


def patient(practitioners: range, identifiers: range, **elements: Any) -> Request:
    """Return the request of a Patient with that many references, and that many identifiers."""
    return request(
        "Patient",
        "1",
        {
            "identifier": [{"system": "urn:s", "value": f"v{number}"} for number in identifiers],
            "generalPractitioner": [{"reference": f"Practitioner/p{number}"} for number in practitioners],
            **elements,
        },
    )


FIRST = patient(range(14), range(13), active=True)
SECOND = patient(range(3, 17), range(4, 16), active=False)
SMALL = patient(range(1), range(1))
DELETION = request("Patient", "1", None)
BEFORE: dict[str, tuple[Request, ...]] = {
    "create": (),
    "update": (FIRST,),
    "delete": (FIRST,),
    "again": (FIRST, DELETION),
}
"""The writes that precede each kind of write."""
AFTER = {"create": FIRST, "update": SECOND, "delete": DELETION, "again": SECOND}


def target_of(reader: Reader, asked: Request) -> Target:
    """Return the target of a request with its index record as it is now."""
    return replace(asked[0], index=item_of(reader, asked, INDEX_ITEM) or None)


def item_of(reader: Reader, asked: Request, sort_key: str) -> dict[str, Any]:
    key = {"pk": {"S": asked[0].key}, "sk": {"S": sort_key}}
    found: dict[str, Any] = reader.client.get_item(
        TableName=reader.tables.name(asked[0].type.table), Key=key, ConsistentRead=True
    ).get("Item", {})
    return found


def planned(reader: Reader, asked: Request, now: int, **locks: Any) -> WritePlan | None:
    made = plan_write(replace(target_of(reader, asked), **locks), asked[1], now=now, base_url=BASE)
    return made and made.keeping(item_of(reader, asked, JSON_ITEM) or None)


def write(reader: Reader, asked: Request, now: int, clock: int | None = None) -> None:
    """Write as a writer does: recover an abandoned write, plan on the stored version, and do the plan."""
    steps = MultiStepWrite(reader.tables, lambda: now if clock is None else clock)
    target = target_of(reader, asked)
    if target.is_leased:
        steps.recover(target)
    made = planned(reader, asked, now)
    if made is None:
        return
    if made.fits():
        actions: Any = write_actions(made, reader.tables, strict=True)
        reader.client.transact_write_items(TransactItems=actions)
    else:
        steps.write(made, strict=True)


def written(reader: Reader, *requests: Request) -> Stored:
    for number, asked in enumerate(requests):
        write(reader, asked, START + number * MINUTE)
    return stored(reader.tables)


def at_call(reader: Reader, number: int, do: Callable[[], None]) -> Callable[[], bool]:
    """Call `do` before the nth write call from now on; return a function that tells if that call was made."""
    met = 0

    def count(operation: str) -> None:
        nonlocal met
        if operation in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"):
            met += 1
            if met == number:
                reader.faults.remove(count)
                do()

    reader.faults.append(count)
    return lambda: met >= number


def kill() -> None:
    raise Killed


def calls_of(reader: Reader, do: Callable[[], None]) -> list[str]:
    reader.calls.clear()
    do()
    return [call for call in reader.calls if call not in ("GetItem", "Scan")]


EVERY_RUN = "update"
KINDS = [EVERY_RUN, *(pytest.param(kind, marks=pytest.mark.long) for kind in AFTER if kind != EVERY_RUN)]


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_killed_before_any_of_its_calls_is_ended_by_the_next_writer(empty: Reader, kind: str) -> None:
    reader, content = empty, AFTER[kind]
    previous = written(reader, *BEFORE[kind])
    at = START + len(BEFORE[kind]) * MINUTE
    put_back = saved(reader.tables)
    calls = calls_of(reader, lambda: write(reader, content, at))
    wanted = stored(reader.tables)
    assert wanted != previous
    assert len(calls) >= 10
    seen = []

    for number in range(1, len(calls) + 1):
        put_back()
        at_call(reader, number, kill)
        with pytest.raises(Killed):
            write(reader, content, at)
        cut_off = stored(reader.tables)
        # Searches see the old version or the new one, whole.
        is_new = item_of(reader, content, JSON_ITEM) == wanted.get(("records", content[0].key, JSON_ITEM))
        assert visible_entries(cut_off) == visible_entries(wanted if is_new else previous), number
        seen.append(is_new)
        if number > 1:
            with pytest.raises(StillAtWorkError):
                write(reader, content, at, clock=at + ABANDONED_AFTER - 1)
            assert stored(reader.tables) == cut_off

            target = target_of(reader, content)
            MultiStepWrite(reader.tables, lambda: at + ABANDONED_AFTER).recover(target)
            assert stored(reader.tables) == (wanted if is_new else previous), number

        write(reader, content, at)
        assert stored(reader.tables) == wanted, number

    assert seen == sorted(seen)
    assert {False, True} == set(seen)


@pytest.mark.long
def test_what_ends_it_may_be_killed_too(empty: Reader) -> None:
    reader = empty
    previous = written(reader, FIRST)
    put_back = saved(reader.tables)
    length = len(calls_of(reader, lambda: write(reader, SECOND, START + MINUTE)))
    wanted = stored(reader.tables)

    for number in range(2, length + 1):
        put_back()
        at_call(reader, number, kill)
        with pytest.raises(Killed):
            write(reader, SECOND, START + MINUTE)
        for again in range(1, length):
            target = target_of(reader, SECOND)
            if not target.is_leased:
                break
            # Each recovery gets one call further than the one before.
            came = at_call(reader, again + 1, kill)
            try:
                MultiStepWrite(reader.tables, partial(int, START + again * MINUTE * 2)).recover(target)
            except Killed:
                assert came()
            reader.faults.clear()
        assert stored(reader.tables) in (previous, wanted), number


@pytest.mark.parametrize("kind", KINDS[:3])
def test_one_that_was_taken_for_dead_does_nothing_more(empty: Reader, kind: str) -> None:
    """Another writer takes the lease over before each call in turn, and writes its own version."""
    reader, content = empty, AFTER[kind]
    written(reader, *BEFORE[kind])
    at = START + len(BEFORE[kind]) * MINUTE
    put_back = saved(reader.tables)
    calls = calls_of(reader, lambda: write(reader, content, at))
    write(reader, SMALL, at + MINUTE)
    wanted_after = stored(reader.tables)
    put_back()
    write(reader, SMALL, at + MINUTE)
    wanted_instead = stored(reader.tables)
    results = []

    for number in range(2, len(calls) + 1):
        put_back()
        at_call(reader, number, lambda: write(reader, SMALL, at + MINUTE))
        try:
            write(reader, content, at)
        except ClientError:
            results.append(False)
            assert stored(reader.tables) == wanted_instead, number
        else:
            # The version was written before the lease was taken over, and the writer reports success.
            results.append(True)
            assert stored(reader.tables) == wanted_after, number

    assert results == sorted(results)
    assert {False, True} == set(results)


def test_of_two_that_end_it_at_once_one_does(empty: Reader) -> None:
    reader = empty
    previous = written(reader, FIRST)
    at_call(reader, 4, kill)
    with pytest.raises(Killed):
        write(reader, SECOND, START + MINUTE)
    target = target_of(reader, SECOND)
    put_back = saved(reader.tables)
    steps = MultiStepWrite(reader.tables, lambda: START + 2 * MINUTE)
    calls = calls_of(reader, lambda: steps.recover(target))
    assert stored(reader.tables) == previous
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        steps.recover(target)

    for number in range(1, len(calls) + 1):
        put_back()

        def take_over() -> None:
            met = target_of(reader, SECOND)
            MultiStepWrite(reader.tables, lambda: START + 3 * MINUTE).recover(met)

        at_call(reader, number, take_over)
        with pytest.raises(ClientError):
            steps.recover(target)
        assert stored(reader.tables) == previous, number


def conflict() -> None:
    raise ClientError({"Error": {"Code": "TransactionCanceledException", "Message": "as asked"}}, "TransactWriteItems")


def unreachable() -> None:
    raise EndpointConnectionError(endpoint_url="https://dynamodb.example")


@pytest.mark.parametrize("error", [conflict, pytest.param(unreachable, marks=pytest.mark.long)])
def test_an_error_before_it_is_there_leaves_no_lease_and_one_after_it_does_not_matter(
    empty: Reader, error: Callable[[], None]
) -> None:
    reader = empty
    previous = written(reader, FIRST)
    put_back = saved(reader.tables)
    calls = calls_of(reader, lambda: write(reader, SECOND, START + MINUTE))
    wanted = stored(reader.tables)
    results = []

    for number in range(1, len(calls) + 1):
        put_back()
        at_call(reader, number, error)
        try:
            write(reader, SECOND, START + MINUTE)
        except (ClientError, EndpointConnectionError):
            results.append(False)
            assert stored(reader.tables) == previous, number
        else:
            results.append(True)
            assert stored(reader.tables) == wanted, number

    assert results == sorted(results)
    assert {False, True} == set(results)


def test_an_error_of_a_transaction_that_was_done_all_the_same_is_none(empty: Reader) -> None:
    reader = empty
    written(reader, FIRST)

    def lost(**_: Any) -> None:
        if item_of(reader, SECOND, JSON_ITEM)["version"] == {"N": "2"} and not raised:
            raised.append(True)
            conflict()

    raised: list[bool] = []
    reader.client.meta.events.register("after-call.dynamodb.TransactWriteItems", lost)
    try:
        write(reader, SECOND, START + MINUTE)
    finally:
        reader.client.meta.events.unregister("after-call.dynamodb.TransactWriteItems", lost)

    assert raised
    target = target_of(reader, SECOND)
    assert (target.version, target.is_leased) == (2, False)


def test_what_cannot_be_ended_now_is_left_to_others_and_was_written(empty: Reader) -> None:
    reader = empty
    written(reader, FIRST)
    put_back = saved(reader.tables)
    write(reader, SECOND, START + MINUTE)
    wanted = stored(reader.tables)
    put_back()
    pauses: list[int] = []

    def busy(operation: str) -> None:
        if operation == "TransactWriteItems" and item_of(reader, SECOND, JSON_ITEM)["version"] == {"N": "2"}:
            conflict()

    reader.faults.append(busy)
    made = planned(reader, SECOND, START + MINUTE)
    assert made
    steps = MultiStepWrite(reader.tables, lambda: START + MINUTE, pauses.append)
    steps.write(made, strict=True)

    assert pauses == [1, 2, 3, 4]
    target = target_of(reader, SECOND)
    assert (target.version, target.is_leased) == (2, True)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        MultiStepWrite(reader.tables, lambda: START + 2 * MINUTE).recover(target)
    reader.faults.clear()
    target = target_of(reader, SECOND)
    MultiStepWrite(reader.tables, lambda: START + 3 * MINUTE).recover(target)
    assert stored(reader.tables) == wanted


def test_what_is_deleted_meanwhile_is_not_referred_to(empty: Reader) -> None:
    """A target with a tombstone makes the write fail, and its increments are undone."""
    reader = empty
    previous = written(reader, request("Practitioner", "p13", {}), request("Practitioner", "p13", None))

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        write(reader, FIRST, START + 2 * MINUTE)

    assert stored(reader.tables) == previous


def test_what_is_referred_to_is_not_deleted_in_steps(empty: Reader) -> None:
    reader = empty
    condition = request("Condition", "c", {"subject": {"reference": "Patient/1"}})
    previous = written(reader, FIRST, condition)

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        write(reader, DELETION, START + 2 * MINUTE)
    assert stored(reader.tables) == previous

    written(reader, request("Condition", "c", None))
    write(reader, DELETION, START + 3 * MINUTE)
    assert visible_entries(stored(reader.tables)) == {}


def lock(reader: Reader, value: str) -> tuple[tuple[str, str], IdentifierLock]:
    name = lock_of("Patient", "urn:s", value)
    return name, read_lock(
        reader.client.get_item(TableName=reader.tables.record, Key=lock_key(name), ConsistentRead=True).get("Item")
    )


@pytest.mark.parametrize("value", ["v0", "other", "v3"])
@pytest.mark.parametrize("comes", ["", "identifier"])
def test_it_holds_only_if_a_lock_is_as_it_was_read(empty: Reader, value: str, comes: str) -> None:
    """The writer's own id, which the second step adds, is no change; an id that another writer added is one."""
    reader = empty
    name, known = lock(reader, value)
    full: list[tuple[str, str]] = []
    if value == "v3":
        # A lock that has overflowed is known by its revision.
        overflow = {**lock_key(name), "many": {"BOOL": True}, "times": {"N": "7"}}
        reader.client.put_item(TableName=reader.tables.record, Item=overflow)
        name, known = lock(reader, value)
        full = [name]
    made = planned(reader, FIRST, START, locks={name: known})
    assert made
    if comes:
        other = planned(reader, request("Patient", "2", {comes: [{"system": "urn:s", "value": value}]}), START)
        assert other
        actions: Any = write_actions(other, reader.tables, strict=True, full=full)
        reader.client.transact_write_items(TransactItems=actions)
    steps = MultiStepWrite(reader.tables, lambda: START)
    if comes:
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            steps.write(made, strict=True, full=full)
        assert target_of(reader, FIRST).index is None
    else:
        steps.write(made, strict=True, full=full)
        target = target_of(reader, FIRST)
        assert target.exists
        assert not target.is_leased
        assert lock(reader, "v0")[1].ids == {"1"}


def test_what_an_item_does_not_hold_is_refused_before_anything_is_written(
    empty: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease lists the entries to come, and from the third step on those to remove."""
    reader = empty
    previous = written(reader, FIRST)
    for content in (SECOND, SMALL, DELETION):
        made = planned(reader, content, START + MINUTE)
        assert made
        items = multi_step_write._leased(made, START), multi_step_write._written(made)
        monkeypatch.setattr(multi_step_write, "_LARGEST_ITEM", max(map(item_size, items)) - 1)
        with pytest.raises(TooLargeError, match="more is indexed of it"):
            MultiStepWrite(reader.tables, lambda: START).write(made, strict=True)
        assert stored(reader.tables) == previous


def test_steps_keep_within_the_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    puts = [{"Put": {"TableName": "t", "Item": {"pk": {"S": "x" * 98}}}} for _ in range(5)]
    removals = [{"Delete": {"TableName": "t", "Key": {}}} for _ in range(40)]
    monkeypatch.setattr(lease, "MAX_BYTES", 200)

    assert [len(step) for step in lease.steps(puts)] == [2, 2, 1]
    assert [len(step) for step in lease.steps(removals)] == [11, 11, 11, 7]
    assert list(lease.steps([])) == []
