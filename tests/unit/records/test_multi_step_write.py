"""A multi-step write that is killed, met by others, or fails, between any two of its calls (ADR 43)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from careconnect.fhir.resource_types import Table, resource_type
from careconnect.storage.intents import TXN, states_with, write_of
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, count_key, count_shard
from careconnect_records.items.identifier_locks import IdentifierLock, lock_key, lock_of, read_lock
from careconnect_records.items.reference_counts import counts_of, writes_holding
from careconnect_records.items.resource_items import TooLargeError, item_size
from careconnect_records.multi_step import release as release_module
from careconnect_records.multi_step import write as multi_step
from careconnect_records.multi_step.intents import index_intent
from careconnect_records.multi_step.reading import read_items
from careconnect_records.multi_step.release import MAX_SECONDS, Release
from careconnect_records.multi_step.resolve import ABANDONED_SECONDS, IntentResolver, StillAtWorkError
from careconnect_records.multi_step.states import WriteStates
from careconnect_records.multi_step.write import SECONDS, InDoubtError, MultiStepWrite, OutOfTimeError, OvertakenError
from careconnect_records.writes import plan
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target
from careconnect_records.writes.transaction import write_actions
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.stores import BASE, Reader, reader_in_memory
from careconnect_testing.records.stored import Stored, is_committed, saved, stored, visible_entries

pytestmark = pytest.mark.slow

START = 1_700_000_000_000
MINUTE = 60_000

GATEWAY_SECONDS = 29
"""How long API Gateway waits for an answer: no request that is answered takes longer."""

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
    monkeypatch.setattr(multi_step, "_AT_ONCE", 11)


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
KINDS = ["update", *(pytest.param(kind, marks=pytest.mark.long) for kind in AFTER if kind != "update")]


def item_of(reader: Reader, asked: Request, sort_key: str) -> dict[str, Any]:
    key = {"pk": {"S": asked[0].key}, "sk": {"S": sort_key}}
    found: dict[str, Any] = reader.client.get_item(
        TableName=reader.tables.name(asked[0].type.table), Key=key, ConsistentRead=True
    ).get("Item", {})
    return found


def planned(
    reader: Reader, asked: Request, now: int, resolver: IntentResolver | None = None, **locks: Any
) -> WritePlan | None:
    """Plan a request on the stored version, as a writer does."""
    resolver = resolver or IntentResolver(reader.tables)
    table = reader.tables.name(asked[0].type.table)
    target = replace(asked[0], **locks)
    if item := item_of(reader, asked, INDEX_ITEM):
        target = resolver.resolved(table, item).as_index_of(target)
    made = plan_write(target, asked[1], now=now, base_url=BASE)
    body = item_of(reader, asked, JSON_ITEM)
    return made and made.keeping(resolver.resolved(table, body).item if body else None)


def write(reader: Reader, asked: Request, now: int, resolver: IntentResolver | None = None) -> None:
    """Write as a writer does: plan on the stored version, and do the plan."""
    resolver = resolver or IntentResolver(reader.tables)
    made = planned(reader, asked, now, resolver)
    if made is None:
        return
    try:
        if made.fits():
            actions: Any = write_actions(made, reader.tables, strict=True)
            reader.client.transact_write_items(TransactItems=actions)
        else:
            MultiStepWrite(reader.tables, resolver, lambda _: None).write([made], strict=True)
    except ClientError:
        with suppress(StillAtWorkError):
            resolver.release_hidden(made)
        raise


def write_patiently(reader: Reader, asked: Request, now: int) -> None:
    """Write, and again for as long as another write holds something; the clock goes on by a second each time."""
    clock = Clock(0.0)
    resolver = IntentResolver(reader.tables, clock)
    while True:
        try:
            write(reader, asked, now, resolver)
        except (ClientError, StillAtWorkError):
            clock.now += 1
            assert clock.now < 10
        else:
            return


def released(reader: Reader) -> Stored:
    """Return everything stored, once all writes have been released."""
    Release(reader.tables).release_all()
    return stored(reader.tables)


def written(reader: Reader, *requests: Request) -> Stored:
    for number, asked in enumerate(requests):
        write(reader, asked, START + number * MINUTE)
    return released(reader)


WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


def at_call(reader: Reader, number: int, do: Callable[[], None], of: Sequence[str] = WRITES) -> None:
    """Call `do` before the nth call of some operations from now on."""
    met = 0

    def count(operation: str) -> None:
        nonlocal met
        if operation in of:
            met += 1
            if met == number:
                reader.faults.remove(count)
                do()

    reader.faults.append(count)


def kill() -> None:
    raise Killed


def calls_of(reader: Reader, do: Callable[[], object]) -> list[str]:
    """Return the calls that write of what `do` does."""
    reader.calls.clear()
    do()
    return [call for call in reader.calls if call in WRITES]


def commit_of(reader: Reader, do: Callable[[], None]) -> int:
    """Return the number of the call, of those that write, with which the multi-step write that `do` makes is done."""
    pending = 0

    def look(operation: str) -> None:
        nonlocal pending
        if operation in WRITES:
            pending += not is_committed(reader.tables)

    reader.faults.append(look)
    do()
    reader.faults.remove(look)
    return pending


def begun(reader: Reader, kind: str) -> tuple[Stored, Request, int]:
    """Write what precedes a kind of write; return everything stored, the content to write, and its time."""
    previous = written(reader, *BEFORE[kind])
    return previous, AFTER[kind], START + len(BEFORE[kind]) * MINUTE


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_killed_before_any_of_its_calls_was_done_or_not(empty: Reader, kind: str) -> None:
    reader = empty
    previous, content, at = begun(reader, kind)
    put_back = saved(reader.tables)
    length = len(calls_of(reader, lambda: write(reader, content, at)))
    unreleased = visible_entries(stored(reader.tables))
    wanted = released(reader)
    put_back()
    commit = commit_of(reader, lambda: write(reader, content, at))
    assert wanted != previous
    assert 6 <= commit <= length
    assert unreleased == visible_entries(wanted)

    for number in range(1, length + 1):
        put_back()
        at_call(reader, number, kill)
        with pytest.raises(Killed):
            write(reader, content, at)
        # Before the commit searches see the former version.
        now = previous if number <= commit else wanted
        assert visible_entries(stored(reader.tables)) == visible_entries(now), number
        cut_off = saved(reader.tables)
        assert released(reader) == now, number

        cut_off()
        if 1 < number <= commit:
            with pytest.raises(StillAtWorkError):
                write(reader, content, at)
        write_patiently(reader, content, at)
        assert visible_entries(stored(reader.tables)) == visible_entries(wanted), number
        assert released(reader) == wanted, number


@pytest.mark.parametrize("actions", [1, 2, 11])
def test_of_two_that_are_cut_off_one_after_the_other_nothing_is_left(
    empty: Reader, monkeypatch: pytest.MonkeyPatch, actions: int
) -> None:
    """Kill a write that has replaced a part of the intents of one that was aborted."""
    monkeypatch.setattr(multi_step, "_AT_ONCE", actions)
    reader = empty
    previous = written(reader, FIRST)
    put_back = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, SECOND, START + MINUTE))
    put_back()
    at_call(reader, commit, kill)
    with pytest.raises(Killed):
        write(reader, SECOND, START + MINUTE)
    Release(reader.tables).abort_pending()
    first_is_cut_off = saved(reader.tables)
    third = patient(range(2, 9), range(1, 6), gender="male")
    commit = commit_of(reader, lambda: write(reader, third, START + 2 * MINUTE))

    for number in range(1, commit + 1):
        first_is_cut_off()
        at_call(reader, number, kill)
        with pytest.raises(Killed):
            write(reader, third, START + 2 * MINUTE)
        assert released(reader) == previous, number


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_done", [True, False])
def test_a_release_may_be_killed_and_two_may_run_at_once(empty: Reader, kind: str, *, is_done: bool) -> None:
    reader = empty
    previous, content, at = begun(reader, kind)
    before = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, content, at))
    if not is_done:
        before()
        at_call(reader, commit, kill)
        with pytest.raises(Killed):
            write(reader, content, at)
    put_back = saved(reader.tables)
    release = Release(reader.tables)
    length = len(calls_of(reader, release.release_all))
    wanted = stored(reader.tables)
    assert (wanted != previous) is is_done

    for number in range(1, length + 1):
        put_back()
        at_call(reader, number, kill)
        with pytest.raises(Killed):
            release.release_all()
        assert visible_entries(stored(reader.tables)) == visible_entries(wanted), number
        assert released(reader) == wanted, number

        put_back()
        at_call(reader, number, release.release_all)
        assert released(reader) == wanted, number


@pytest.mark.parametrize("kind", KINDS[:3])
def test_one_that_was_taken_for_dead_does_nothing_more(empty: Reader, kind: str) -> None:
    """Another writer comes before each call in turn, aborts the write, and writes its own version."""
    reader = empty
    _, content, at = begun(reader, kind)
    put_back = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, content, at))
    put_back()
    write(reader, SMALL, at + MINUTE)
    wanted = released(reader)

    for number in range(2, commit + 1):
        put_back()
        at_call(reader, number, lambda: write_patiently(reader, SMALL, at + MINUTE))
        with pytest.raises(ClientError):
            write(reader, content, at)
        assert visible_entries(stored(reader.tables)) == visible_entries(wanted), number
        assert released(reader) == wanted, number


@pytest.mark.parametrize("second", [FIRST, SMALL, DELETION])
def test_a_write_on_one_that_is_not_released_yet_writes_over_it(empty: Reader, second: Request) -> None:
    reader = empty
    put_back = saved(reader.tables)
    written(reader, FIRST, SECOND)
    wanted = written_at(reader, second)
    put_back()

    for number, asked in enumerate((FIRST, SECOND)):
        write(reader, asked, START + number * MINUTE)
    write_patiently(reader, second, START + 2 * MINUTE)

    assert visible_entries(stored(reader.tables)) == visible_entries(wanted)
    assert released(reader) == wanted


def test_a_write_that_was_undone_leaves_the_one_that_it_had_followed(empty: Reader) -> None:
    """Whoever writes over it follows that one too: its readers have to see all of both, or neither (Promise 8)."""
    reader = empty
    write(reader, FIRST, START)
    followed = item_of(reader, FIRST, INDEX_ITEM)[TXN]["S"]
    at_call(reader, 3, kill, of=("TransactWriteItems",))
    with pytest.raises(Killed):
        write(reader, SECOND, START + MINUTE)
    assert Release(reader.tables).abort_pending()[followed]

    found = IntentResolver(reader.tables).resolved(reader.tables.record, item_of(reader, FIRST, INDEX_ITEM))

    assert found.base == followed
    assert found.intent not in ("", followed)


def written_at(reader: Reader, asked: Request) -> Stored:
    write(reader, asked, START + 2 * MINUTE)
    return released(reader)


def conflict() -> None:
    raise ClientError({"Error": {"Code": "TransactionCanceledException", "Message": "as asked"}}, "TransactWriteItems")


def unreachable() -> None:
    raise EndpointConnectionError(endpoint_url="https://dynamodb.example")


@pytest.mark.parametrize("error", [conflict, pytest.param(unreachable, marks=pytest.mark.long)])
def test_after_an_error_nothing_is_written_and_the_next_writer_need_not_wait(
    empty: Reader, error: Callable[[], None]
) -> None:
    reader = empty
    previous = written(reader, FIRST)
    put_back = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, SECOND, START + MINUTE))
    wanted = released(reader)

    for number in range(1, commit + 1):
        put_back()
        at_call(reader, number, error)
        with pytest.raises((ClientError, EndpointConnectionError)):
            write(reader, SECOND, START + MINUTE)
        assert visible_entries(stored(reader.tables)) == visible_entries(previous), number

        write(reader, SECOND, START + MINUTE)
        assert released(reader) == wanted, number


def cancelled(*codes: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "as asked"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_a_step_that_passing_reasons_cancel_is_repeated(empty: Reader, code: str) -> None:
    reader = empty
    written(reader, FIRST)

    def passing() -> None:
        raise cancelled("None", code)

    at_call(reader, 3, passing)
    write(reader, SECOND, START + MINUTE)

    assert planned(reader, SECOND, START + 2 * MINUTE) is None


def test_one_that_takes_too_long_gives_up(empty: Reader) -> None:
    reader = empty
    previous = written(reader, FIRST)
    clock = Clock(0.0)
    resolver = IntentResolver(reader.tables, clock)
    made = planned(reader, SECOND, START + MINUTE, resolver)
    assert made

    def late() -> None:
        clock.now += SECONDS + 1

    at_call(reader, 3, late)
    with pytest.raises(OutOfTimeError):
        MultiStepWrite(reader.tables, resolver).write([made], strict=True)

    assert [state.done for _, state in WriteStates(reader.tables).all()] == [False]
    assert released(reader) == previous


@contextmanager
def lost(reader: Reader, number: int) -> Iterator[None]:
    """Lose the answer of the nth transaction, which is done."""
    met = 0
    events, event = reader.client.meta.events, "after-call.dynamodb.TransactWriteItems"

    def lose(**_: Any) -> None:
        nonlocal met
        met += 1
        if met == number:
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

    events.register(event, lose)
    try:
        yield
    finally:
        events.unregister(event, lose)


def test_a_commit_without_an_answer_was_done_if_its_state_says_so(empty: Reader) -> None:
    reader = empty
    written(reader, FIRST)
    put_back = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, SECOND, START + MINUTE))
    wanted = released(reader)
    put_back()

    with lost(reader, commit):
        write(reader, SECOND, START + MINUTE)

    assert released(reader) == wanted


def test_a_commit_of_which_nobody_can_tell_is_in_doubt(empty: Reader) -> None:
    reader = empty
    written(reader, FIRST)
    before = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, SECOND, START + MINUTE))
    before()

    def down(operation: str) -> None:
        if operation == "UpdateItem":
            unreachable()

    reader.faults.append(down)
    with lost(reader, commit), pytest.raises(InDoubtError) as raised:
        write(reader, SECOND, START + MINUTE)
    assert isinstance(raised.value.__cause__, ReadTimeoutError)


def test_what_is_deleted_meanwhile_is_not_referred_to(empty: Reader) -> None:
    reader = empty
    previous = written(reader, request("Practitioner", "p13", {}), request("Practitioner", "p13", None))

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        write(reader, FIRST, START + 2 * MINUTE)

    assert released(reader) == previous


def test_what_is_referred_to_is_not_deleted_in_steps(empty: Reader) -> None:
    reader = empty
    condition = request("Condition", "c", {"subject": {"reference": "Patient/1"}})
    previous = written(reader, FIRST, condition)

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        write(reader, DELETION, START + 2 * MINUTE)
    assert released(reader) == previous

    written(reader, request("Condition", "c", None))
    write(reader, DELETION, START + 3 * MINUTE)
    assert {pk.partition("^")[0] for pk, _ in visible_entries(released(reader))} == {
        "Condition?_deleted",
        "Patient?_deleted",
    }


def test_counts_that_cannot_be_released_are_left_to_others(empty: Reader) -> None:
    reader = empty
    put_back = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, FIRST, START))
    wanted = released(reader)
    put_back()

    at_call(reader, commit + 1, unreachable)
    write(reader, FIRST, START)

    assert not reader.faults
    assert released(reader) == wanted


def test_one_that_is_done_holds_no_counts_of_what_many_refer_to(empty: Reader) -> None:
    reader = empty
    write(reader, FIRST, START)

    counts = [item for (table, *_), item in stored(reader.tables).items() if table == "references"]
    assert counts_of(counts) == {"Patient": 14}
    assert not any(map(writes_holding, counts))


@pytest.mark.parametrize("is_done", [True, False])
def test_a_reference_that_a_write_holds_counts_once_it_has_ended(empty: Reader, *, is_done: bool) -> None:
    """A deletion waits for the write, and then depends on how it ended."""
    reader = empty
    practitioner = request("Practitioner", "p5", {})
    written(reader, practitioner)
    before = saved(reader.tables)
    commit = commit_of(reader, lambda: write(reader, FIRST, START + MINUTE))
    before()
    at_call(reader, commit, kill)
    with pytest.raises(Killed):
        write(reader, FIRST, START + MINUTE)
    states = WriteStates(reader.tables)
    ((name, _),) = states.all()
    deletion = request("Practitioner", "p5", None)

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        write(reader, deletion, START + 2 * MINUTE)
    if is_done:
        actions: Any = states.commit_actions(name)
        reader.client.transact_write_items(TransactItems=actions)
        for _ in range(2):
            with pytest.raises(ClientError, match="ConditionalCheckFailed"):
                write(reader, deletion, START + 2 * MINUTE)
    else:
        assert states.abort(name)
        # The first attempt releases the count, and the next one deletes.
        write_patiently(reader, deletion, START + 2 * MINUTE)
    released(reader)
    key = {"pk": {"S": count_key("Practitioner/p5", count_shard("1"))}}
    item = reader.client.get_item(TableName=reader.tables.reference, Key=key)["Item"]
    assert ("closed" in item) is not is_done


def lock(reader: Reader, value: str) -> tuple[tuple[str, str], IdentifierLock]:
    name = lock_of("Patient", "urn:s", value)
    return name, read_lock(
        reader.client.get_item(TableName=reader.tables.record, Key=lock_key(name), ConsistentRead=True).get("Item")
    )


@pytest.mark.parametrize("value", ["v0", "other", "v3"])
@pytest.mark.parametrize("comes", ["", "identifier"])
@pytest.mark.parametrize("call", [1, 3])
def test_it_holds_only_if_a_lock_is_as_it_was_read(empty: Reader, value: str, comes: str, call: int) -> None:
    """Another writer may come before the write begins, and not while it holds the lock."""
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
    other = planned(reader, request("Patient", "2", {"identifier": [{"system": "urn:s", "value": value}]}), START)
    assert other
    failed: list[bool] = []

    def come() -> None:
        actions: Any = write_actions(other, reader.tables, strict=True, full=full)
        try:
            reader.client.transact_write_items(TransactItems=actions)
        except ClientError:
            failed.append(True)

    if comes and call == 1:
        come()
    elif comes:
        at_call(reader, call, come)
    steps = MultiStepWrite(reader.tables, IntentResolver(reader.tables))
    if comes and call == 1:
        with pytest.raises(OvertakenError):
            steps.write([made], strict=True)
        assert not item_of(reader, FIRST, INDEX_ITEM)
        return
    steps.write([made], strict=True)
    released(reader)
    assert bool(failed) is bool(comes)
    assert item_of(reader, FIRST, INDEX_ITEM)["version"] == {"N": "1"}
    assert lock(reader, "v0")[1].ids == {"1"}
    assert lock(reader, "v3")[1].overflow is (value == "v3")


def test_what_an_item_does_not_hold_is_refused_before_anything_is_written(
    empty: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The intent on an index record has the record before, too."""
    reader = empty
    previous = written(reader, FIRST)
    for content in (SECOND, SMALL, DELETION):
        made = planned(reader, content, START + MINUTE)
        assert made
        monkeypatch.setattr(multi_step, "_LARGEST_ITEM", item_size(index_intent(made, "x" * 32)) - 1)
        with pytest.raises(TooLargeError, match="more is indexed of it"):
            MultiStepWrite(reader.tables, IntentResolver(reader.tables)).write([made], strict=True)
        assert stored(reader.tables) == previous


def test_steps_keep_within_the_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    puts = [{"Put": {"TableName": "t", "Item": {"pk": {"S": "x" * 98}}}} for _ in range(5)]
    removals = [{"Delete": {"TableName": "t", "Key": {}}} for _ in range(40)]
    monkeypatch.setattr(multi_step, "MAX_BYTES", 200)

    def sizes(*groups: Sequence[Any]) -> list[int]:
        return [len(step) for step in multi_step._steps(groups)]

    assert sizes(*([each] for each in puts)) == [2, 2, 1]
    assert sizes(*([each] for each in removals)) == [11, 11, 11, 7]
    assert sizes(removals[:10], removals[:2], puts[:1], puts[:2]) == [10, 3, 2]
    assert sizes() == []


def test_a_write_that_ended_stays_for_as_long_as_a_request_may_read_it(empty: Reader) -> None:
    reader = empty
    states = WriteStates(reader.tables)
    release = Release(reader.tables)
    pauses: list[float] = []
    assert release.release_ended(pauses.append) == 0
    assert pauses == []
    write(reader, FIRST, START)
    at_call(reader, 4, kill, of=["TransactWriteItems"])
    with pytest.raises(Killed):
        write(reader, SECOND, START + MINUTE)

    def another_ends(seconds: float) -> None:
        pauses.append(seconds)
        write(reader, request("Patient", "2", FIRST[1] and {**FIRST[1], "identifier": []}), START)

    assert release.release_ended(another_ends) == 2
    assert pauses[0] >= GATEWAY_SECONDS
    # The first is released, the second is aborted, and the third ended only now.
    assert sorted(str(state.done) for _, state in states.all()) == ["False", "True"]
    assert release.release_ended(lambda _: None) == 2
    assert list(states.all()) == []
    assert released(reader) == stored(reader.tables)


def test_a_run_leaves_to_the_next_what_it_has_no_time_for(empty: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_module, "WRITES_AT_ONCE", 1)
    reader, clock = empty, Clock(0.0)
    for number in range(3):
        write(reader, request("Patient", str(number), FIRST[1] and {**FIRST[1], "identifier": []}), START)
    states = WriteStates(reader.tables)
    release = Release(reader.tables, clock)
    assert len(list(states.all())) == 3

    def slow(_operation: str) -> None:
        clock.now += 6

    reader.faults.append(slow)
    assert release.release_ended(lambda _: None) == 3
    left = [name for name, _ in states.all()]
    reader.faults.clear()

    assert len(left) == 1
    assert clock.now > MAX_SECONDS
    while release.release_ended(lambda _: None):
        pass
    assert released(reader) == stored(reader.tables)


def test_keys_that_are_left_over_again_and_again_are_an_error(empty: Reader) -> None:
    class Throttled:
        def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    pauses: list[float] = []
    client: Any = Throttled()

    with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
        list(read_items(client, [(empty.tables.record, {"pk": {"S": "Patient/1"}})], pauses.append))
    assert sum(pauses) < ABANDONED_SECONDS + 1


def test_a_run_goes_on_after_a_conflict_with_what_comes_behind_it(empty: Reader) -> None:
    reader = empty
    for number in range(3):
        write(reader, request("Patient", str(number), FIRST[1] and {**FIRST[1], "identifier": []}), START)
    states = WriteStates(reader.tables)
    release = Release(reader.tables)
    conflict: Any = {"Error": {"Code": "TransactionConflictException", "Message": "as asked"}}
    met: list[str] = []

    def once(operation: str) -> None:
        if operation == "UpdateItem" and not met:
            met.append(operation)
            raise ClientError(conflict, operation)

    reader.faults.append(once)
    with pytest.raises(ClientError, match="TransactionConflictException"):
        release.release_ended(lambda _: None)

    assert len(list(states.all())) == 1
    assert release.release_ended(lambda _: None) == 1
    assert released(reader) == stored(reader.tables)


def test_a_write_that_goes_on_is_not_aborted(empty: Reader) -> None:
    reader = empty
    written(reader, FIRST)
    states = WriteStates(reader.tables)

    def step(_seconds: float) -> None:
        for name, state in states.all():
            if state.done is None:
                actions: Any = states.step_actions(name)
                reader.client.transact_write_items(TransactItems=actions)

    at_call(reader, 4, kill)
    with pytest.raises(Killed):
        write(reader, SECOND, START + MINUTE)
    Release(reader.tables).release_ended(step)

    assert [state.done for _, state in states.all()] == [None]


def test_a_writer_aborts_one_that_has_made_no_step_for_seconds(empty: Reader) -> None:
    reader = empty
    written(reader, FIRST)
    at_call(reader, 4, kill)
    with pytest.raises(Killed):
        write(reader, SECOND, START + MINUTE)
    states = WriteStates(reader.tables)
    clock = Clock(0.0)
    resolver = IntentResolver(reader.tables, clock)

    for later, done in ((0.0, None), (ABANDONED_SECONDS - 0.1, None), (0.2, False)):
        clock.now += later
        with pytest.raises(StillAtWorkError):
            planned(reader, SECOND, START, resolver)
        assert [state.done for _, state in states.all()] == [done]
    write(reader, SECOND, START + MINUTE, resolver)


def abandoned(reader: Reader) -> str:
    """Return the name of a write of a role that writes records, cut off before its third transaction."""
    written(reader, FIRST)
    at_call(reader, 4, kill)
    with pytest.raises(Killed):
        write(reader, SECOND, START + MINUTE)
    ((name, state),) = WriteStates(reader.tables).all()
    assert states_with(name) is Table.RECORD
    assert state.done is None
    return name


def test_a_writer_aborts_one_of_another_role_by_a_veto(empty: Reader) -> None:
    """It may not change that state; but no step and no commit follows, although the state says that it is pending."""
    name = abandoned(empty)
    clock = Clock(0.0)
    resolver = IntentResolver(replace(empty.tables, ends=(Table.DIRECTORY,)), clock)
    states = WriteStates(empty.tables)
    for later in (0.0, ABANDONED_SECONDS):
        clock.now += later
        with pytest.raises(StillAtWorkError):
            planned(empty, SECOND, START, resolver)

    assert planned(empty, SECOND, START, resolver)
    assert [state.done for _, state in states.all()] == [None]
    actions: Any
    for actions in (states.step_actions(name), states.commit_actions(name)):
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            empty.client.transact_write_items(TransactItems=actions)
    assert released(empty)
    left = [empty.client.scan(TableName=each)["Items"] for each in empty.tables.states]
    assert left == [[], []]


@pytest.mark.parametrize("goes_on", ["steps", "commits", "is gone"])
def test_a_write_that_goes_on_is_not_vetoed(empty: Reader, goes_on: str) -> None:
    name = abandoned(empty)
    clock = Clock(0.0)
    resolver = IntentResolver(replace(empty.tables, ends=(Table.DIRECTORY,)), clock)
    states = WriteStates(empty.tables)
    with pytest.raises(StillAtWorkError):
        planned(empty, SECOND, START, resolver)

    def go_on() -> None:
        if goes_on == "is gone":
            states.abort(name)
            released(empty)
        else:
            actions: Any = states.commit_actions(name) if goes_on == "commits" else states.step_actions(name)
            empty.client.transact_write_items(TransactItems=actions)

    # After the state and the absence of a veto were read, before the veto.
    clock.now = ABANDONED_SECONDS
    at_call(empty, 1, go_on)
    with pytest.raises(StillAtWorkError):
        planned(empty, SECOND, START, resolver)

    assert empty.client.scan(TableName=empty.tables.directory_transaction)["Items"] == []


def test_the_directorys_writer_has_its_states_in_a_table_of_its_own(empty: Reader) -> None:
    of_directory = replace(empty.tables, record="", ends=(Table.DIRECTORY,))
    place = request("Organization", "g1", {"name": "A"})
    plan = plan_write(place[0], place[1], now=START, base_url=BASE)
    assert plan
    MultiStepWrite(of_directory, IntentResolver(of_directory), lambda _: None).write([plan], strict=True)

    def names(table: str) -> set[str]:
        return {write_of(item) for item in empty.client.scan(TableName=table)["Items"]}

    assert names(empty.tables.transaction) == set()
    (name,) = names(empty.tables.directory_transaction)
    assert states_with(name) is Table.DIRECTORY
    assert released(empty)
    assert names(empty.tables.directory_transaction) == set()


def test_one_of_which_nothing_is_left_was_released_meanwhile(empty: Reader) -> None:
    reader = empty
    write(reader, FIRST, START)
    item = item_of(reader, FIRST, INDEX_ITEM)
    released(reader)

    with pytest.raises(StillAtWorkError):
        IntentResolver(reader.tables).resolved(reader.tables.record, item)
