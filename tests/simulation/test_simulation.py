"""The simulation itself: a seed repeats, a failing run shrinks, and each check can fail."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from access_auditor import event_resource
from audit_archiver.verify_day import Verdict
from careconnect.oauth.client_record import client_record
from careconnect.storage.intents import state_key
from careconnect_records.multi_step.release import Release
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.http.answer import Answer
from careconnect_testing.simulation.actors.plan import AUDITOR, EDITOR, OPERATOR, READER, Line, Plan, Step, plan_of
from careconnect_testing.simulation.ledger import Commit, Exchange, Ledger, Walk
from careconnect_testing.simulation.promises.answers import Answers
from careconnect_testing.simulation.promises.quota import Charges
from careconnect_testing.simulation.promises.store import check_store
from careconnect_testing.simulation.promises.waiting import Waiting
from careconnect_testing.simulation.promises.walks import check_walk
from careconnect_testing.simulation.run import Outcome, run_schedule
from careconnect_testing.simulation.schedule.choices import Choices
from careconnect_testing.simulation.schedule.pool import SimulatedFuture, SimulatedPool
from careconnect_testing.simulation.schedule.scheduler import Home, Scheduler
from careconnect_testing.simulation.shrink import shrunk
from careconnect_testing.simulation.story import story_of
from careconnect_testing.simulation.world import operator
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.beginning import beginning
from careconnect_testing.simulation.world.faults import Fault
from careconnect_testing.simulation.world.gateway import Sent
from careconnect_testing.simulation.world.names import (
    DIRECTORY,
    DIRECTORY_TRANSACTIONS,
    RECORDS,
    REFERENCES,
    TRANSACTIONS,
    USAGE,
)
from careconnect_testing.simulation.world.system import BrokenPromiseError
from record_writer import refusals
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.record_store import ConflictError
from token_issuer.clients import client_store

Item = dict[str, Any]


def test_a_seed_repeats_to_the_byte_and_so_do_its_choices() -> None:
    for seed in (3, 7, 12):
        first = run_schedule(seed)
        assert run_schedule(seed).digest == first.digest
        assert run_schedule(seed, plan=first.plan, given=first.choices).digest == first.digest


_RUN_SEEDS = """
from careconnect_testing.simulation.run import run_schedule
for seed in range(1160000, 1160100):
    outcome = run_schedule(seed)
    print(seed, outcome.choices, [each.status for each in outcome.ledger.exchanges])
"""


@pytest.mark.long
def test_a_seed_repeats_in_another_process() -> None:
    """The order of a set of texts differs from process to process."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _RUN_SEEDS], stdout=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": number}
        )
        for number in ("1", "2")
    ]
    first, second = (process.communicate()[0].splitlines() for process in started)

    assert len(first) == 100
    assert first == second


@pytest.mark.parametrize(
    ("seconds", "has_faults", "holds"), [(8.5, True, True), (7.5, True, False), (8.5, False, False)]
)
def test_a_read_may_be_refused_for_its_time_once_that_is_over(seconds: float, *, has_faults: bool, holds: bool) -> None:
    answer = Answer(400, {}, "Observation: it takes more than 8 seconds, which is too much for one request")
    sent = Sent("GET", "/Observation", token="x")
    done = Exchange(1, "reader-1", Step("search"), sent, "r", 0, 100.0, 1, 100.0 + seconds, answer)
    judge = Answers(Ledger(), has_faults=has_faults).judge

    if holds:
        judge(done)
    else:
        with pytest.raises(BrokenPromiseError):
            judge(done)


def test_seeds_make_different_runs_in_which_things_fail() -> None:
    outcomes = [run_schedule(seed) for seed in range(40, 60)]

    assert len({outcome.digest for outcome in outcomes}) == len(outcomes)
    assert any(outcome.kills for outcome in outcomes)
    statuses = {each.status for outcome in outcomes for each in outcome.ledger.exchanges}
    assert {0, 200, 201, 204, 404, 409, 503} <= statuses


def test_every_actor_has_its_steps() -> None:
    for seed in range(100):
        plan = plan_of(seed)
        assert [line.number for line in plan] == [1, 2, 3, 4, 5, 6]
        assert {len(line.steps) for line in plan} == {3}


# ------------------------------------------------------------ tasks


def test_the_choices_say_who_goes_on() -> None:
    def order(given: Sequence[int]) -> list[str]:
        scheduler, seen = Scheduler(Choices(0, given), 0.0), []

        def work(name: str) -> None:
            for _ in range(2):
                seen.append(name)
                scheduler.pause()

        for name in ("a", "b"):
            scheduler.spawn(name, lambda name=name: work(name))  # type: ignore[misc]
        scheduler.run()
        return seen

    assert order([]) == ["a", "a", "b", "b"]
    assert order([1, 0, 0, 0]) == ["b", "b", "a", "a"]
    assert order([0, 1, 1]) == ["a", "b", "a", "b"]


def test_time_passes_only_as_it_is_asked_for() -> None:
    scheduler = Scheduler(Choices(0, []), 100.0)
    ends: dict[str, float] = {}

    def work(name: str, seconds: float) -> None:
        scheduler.pause(seconds)
        ends[name] = scheduler.now

    scheduler.spawn("late", lambda: work("late", 30))
    scheduler.spawn("soon", lambda: work("soon", 10))
    scheduler.run()

    assert ends == {"soon": 110.0, "late": 130.0}


def test_work_of_a_pool_is_waited_for_and_ends_with_its_instance() -> None:
    scheduler, home, seen = Scheduler(Choices(0, []), 0.0), Home("instance"), []
    pool = SimulatedPool(scheduler)

    def part(number: int) -> int:
        scheduler.pause(number)
        seen.append(number)
        return number * 2

    def whole() -> None:
        assert list(pool.map(part, [1, 2])) == [2, 4]
        pool.submit(part, 9)
        scheduler.pause(3)
        scheduler.kill(home)
        scheduler.pause()
        seen.append(-1)

    scheduler.spawn("whole", whole, home)
    scheduler.run()

    assert seen == [1, 2]


def test_what_waits_outside_of_tasks_is_an_error_and_does_not_hang() -> None:
    unfinished = SimulatedFuture(Scheduler(Choices(0, []), 0.0))

    with pytest.raises(RuntimeError, match="for ever"):
        unfinished.result()


def test_an_error_in_a_pool_reaches_who_waits() -> None:
    scheduler, caught = Scheduler(Choices(0, []), 0.0), []
    pool = SimulatedPool(scheduler)

    def whole() -> None:
        try:
            pool.submit(lambda: 1 // 0).result()
        except ZeroDivisionError as error:
            caught.append(error)

    scheduler.spawn("whole", whole)
    scheduler.run()

    assert len(caught) == 1


def test_a_pool_is_left_when_its_work_has_ended() -> None:
    scheduler, seen = Scheduler(Choices(0, []), 0.0), []

    def part() -> None:
        scheduler.pause(5)
        seen.append(scheduler.now)

    def whole() -> None:
        with SimulatedPool(scheduler) as pool:
            pool.submit(part)
        seen.append(-1)

    scheduler.spawn("whole", whole)
    scheduler.run()

    assert seen == [5.0, -1]


# ------------------------------------------------------------ jobs


RECOVERING: Plan = (Line(1, OPERATOR, (Step("recover", ("1",)),)),)


def test_an_error_of_a_job_that_is_not_one_of_aws_breaks_a_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a thread of the functions that is no task of the scheduler: a call in it raises such an error."""
    assert run_schedule(1, plan=RECOVERING).broken == ""

    monkeypatch.setattr(Release, "release_ended", lambda: None)

    assert "TypeError" in run_schedule(1, plan=RECOVERING).broken


def test_ended_writes_are_released_before_a_run_is_at_rest() -> None:
    """The last call of a release removes the write's state."""
    bundle = Step("bundle", (";".join(["put Patient/p1 p1", *["create p1"] * 6]),))
    plan: Plan = (
        Line(1, EDITOR, (bundle,)),
        Line(2, OPERATOR, (Step("wait", ("6",)), Step("recover", ("1",)), Step("recover", ("1",)))),
    )

    outcome = run_schedule(1, plan=plan, given=[], is_told=True)

    assert outcome.broken == ""
    deletions = [call for call in outcome.calls if call.operation == "delete_item"]
    removed = [call for call in deletions if TRANSACTIONS in str(call.request["TableName"])]
    assert {call.task for call in removed} == {"operator-2"}


# ------------------------------------------------------------ shrinking and telling


PLAN: Plan = tuple(Line(number, EDITOR, (Step("a"), Step("b"), Step("c"))) for number in (1, 2, 3))


def test_a_failing_run_shrinks_to_what_it_takes() -> None:
    empty = run_schedule(1, plan=(), given=[])

    def run(plan: Plan, given: Sequence[int]) -> Outcome:
        """Fail if the second actor does "b", and choices 5 and 17 are made."""
        does = any(line.number == 2 and Step("b") in line.steps for line in plan)
        fails = does and len(given) > 17 and given[5] > 0 and given[17] > 0
        return replace(empty, plan=plan, choices=list(given), broken="it failed" if fails else "")

    least = shrunk(run(PLAN, [1] * 40), run=run)

    assert least.broken
    assert [(line.number, line.steps) for line in least.plan] == [(2, (Step("b"),))]
    assert [place for place, choice in enumerate(least.choices) if choice] == [5, 17]


def test_a_story_tells_who_called_what_in_order() -> None:
    delete, read = Step("delete", ("Observation/o1", "")), Step("read", ("Observation/o1",))
    plan = (Line(1, EDITOR, (delete,)), Line(2, READER, (Step("wait", ("6",)), read)))
    story = story_of(run_schedule(1, plan=plan, given=[]))

    assert "all promises hold" in story
    for part in (
        "editor-1 asks: DELETE",
        "transact_write_items",
        "editor-1 is answered 204",
        "reader-2 is answered 410",
    ):
        assert part in story
    assert story.index("editor-1 is answered") < story.index("reader-2 is answered")


# ------------------------------------------------------------ checks that can fail


def stored(change: str, table: str, sort_key: str) -> Database:
    """Return the beginning with the first item of a kind removed or changed."""
    database = beginning().database.copy()
    item = next(dict(each) for each in database.items(table) if sort_key in each.get("sk", each["pk"])["S"])
    key = {name: item[name] for name in ("pk", "sk") if name in item}
    if change == "removed":
        database.execute("delete_item", {"TableName": table, "Key": key})
    else:
        name = change
        database.execute("put_item", {"TableName": table, "Item": {**item, name: {"S": "[]"}}})
    return database


@pytest.mark.parametrize(
    ("change", "table", "sort_key", "broken"),
    [
        ("removed", RECORDS, "Observation?patient", "Observation.patient.* is not there"),
        ("removed", RECORDS, "#guard", "the lock .* is not there"),
        ("removed", REFERENCES, "Patient/p1", "Patient/p1#. is not there"),
        ("values", RECORDS, "Observation?patient", "follows from no body"),
        ("entries", RECORDS, "#index", "follows from no body"),
        ("digest", DIRECTORY, "#index", "follows from no body"),
        ("txn", RECORDS, "#index", "follows from no body"),
    ],
)
def test_a_store_that_is_not_as_its_bodies_say_is_found(change: str, table: str, sort_key: str, broken: str) -> None:
    with pytest.raises(BrokenPromiseError, match=broken):
        check_store(stored(change, table, sort_key))


def test_the_beginning_is_as_its_bodies_say() -> None:
    check_store(beginning().database)


def test_a_request_that_waits_too_long_for_a_write_is_found() -> None:
    scheduler = Scheduler(Choices(1, None), 0.0)
    waiting = Waiting(scheduler, dict.fromkeys((TRANSACTIONS, DIRECTORY_TRANSACTIONS), TRANSACTIONS))
    asked = {"TableName": TRANSACTIONS, "Key": state_key("w")}
    pending, done = ({"Item": {**state_key("w"), "status": {"S": status}}} for status in ("pending", "committed"))

    waiting.read(asked, pending)
    scheduler.pause(9.9)
    waiting.read(asked, pending)
    scheduler.pause(1.0)
    waiting.read(asked, done)
    with pytest.raises(BrokenPromiseError, match=r"10\.9 seconds"):
        waiting.read(asked, pending)
    waiting.ended(scheduler.current.name)
    waiting.read(asked, pending)


READ_AND_AUDITED: Plan = (
    Line(1, READER, (Step("read", ("Observation/o1",)),)),
    Line(2, AUDITOR, (Step("wait", ("6",)), Step("audit", ("outcome=0",)))),
)
DISABLED: Plan = (
    Line(1, OPERATOR, (Step("disable", ("reader-2",)),)),
    Line(2, READER, (Step("wait", ("6",)), Step("token"))),
)


@pytest.mark.parametrize(
    ("plan", "owner", "name", "mistake", "broken"),
    [
        (
            READ_AND_AUDITED,
            operator,
            "verify_day",
            lambda day, *_: Verdict(day, 0, 0, frozenset(), 0, ()),
            "does not miss the event",
        ),
        (
            READ_AND_AUDITED,
            event_resource,
            "_agent",
            lambda _: {"userId": {"value": "somebody"}, "requestor": True},
            "showed an event that is not stored so",
        ),
        (
            DISABLED,
            client_store,
            "client_record",
            lambda item: replace(client_record(item), enabled=True),
            "after it was disabled",
        ),
    ],
)
def test_a_mistake_of_the_functions_is_found(
    plan: Plan, owner: Any, name: str, mistake: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_schedule(1, plan=plan, given=[]).broken == ""
    monkeypatch.setattr(owner, name, mistake)

    found = run_schedule(1, plan=plan, given=[]).broken

    assert broken in found


def test_a_client_that_is_refused_before_its_quota_is_used_up_is_found() -> None:
    sent = Sent("PUT", "/Observation/o1", token="x")
    done = Exchange(1, "editor-1", Step("put"), sent, "r", 0, 0.0, 1, 1.0, Answer(429, {}, ""))
    database = beginning().database.copy()
    used = {"pk": {"S": "editor-1#1"}, "units": {"N": "100"}, "expires_at": {"N": "0"}}
    database.execute("put_item", {"TableName": USAGE, "Item": used})

    Charges().judge(done, database, 100, Counter())
    Charges().judge(done, database, 101, Counter({"editor-1": 1}))
    with pytest.raises(BrokenPromiseError, match="charged 100 of 101"):
        Charges().judge(done, database, 101, Counter())


def test_a_client_that_is_refused_for_longer_than_it_owes_is_found() -> None:
    sent = Sent("PUT", "/Observation/o1", token="x")
    database = beginning().database.copy()
    for minute, units in ((0, "100"), (1, "350"), (2, "250"), (3, "150")):
        used = {"pk": {"S": f"editor-1#{minute}"}, "units": {"N": units}, "expires_at": {"N": "0"}}
        database.execute("put_item", {"TableName": USAGE, "Item": used})

    def judge(seconds: int) -> None:
        answer = Answer(429, {"Retry-After": str(seconds)}, "")
        done = Exchange(1, "editor-1", Step("put"), sent, "r", 0, 0.0, 1, 50.0, answer)
        Charges().judge(done, database, 100, Counter())

    judge(190)
    with pytest.raises(BrokenPromiseError, match="the minute 4 has room before"):
        judge(310)


OF_ONE: Plan = (Line(1, EDITOR, (Step("bundle", ("put Observation/o1 p1;create p1",)),)),)
CREATE: Plan = (Line(1, EDITOR, (Step("create", ("Observation", "p1")),)),)
PUT: Plan = (Line(1, EDITOR, (Step("put", ("Observation/o1", "new", "", "p1")),)),)


def _done_and_then(*, raises: Callable[[], Exception]) -> Callable[..., None]:
    """Return the writer's commit with the mistake that its first success raises an error."""
    write = DynamoDbRecordStore.write
    failed: list[bool] = []

    def mistaken(*arguments: Any) -> None:
        write(*arguments)
        if not failed:
            failed.append(True)
            raise raises()

    return mistaken


@pytest.mark.parametrize(
    ("plan", "first", "second", "status"),
    [
        # Two steps, and the commit.
        (OF_ONE, (Fault.NONE, Fault.NONE, Fault.UNANSWERED), Fault.NONE, 200),
        # What is done is not cancelled by the second attempt, though this one is throttled.
        (CREATE, (Fault.TIMED_OUT_AFTER,), Fault.THROTTLED_ITEM, 503),
    ],
)
def test_a_transaction_that_is_not_answered_is_done_once(
    plan: Plan, first: Sequence[Fault], second: Fault, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list(first)

    def fault(aws: Aws, operation: str, *, again: bool) -> Fault:
        if operation != "transact_write_items" or aws.scheduler.is_outside:
            return Fault.NONE
        return second if again else left.pop(0) if left else Fault.NONE

    monkeypatch.setattr(Aws, "_fault", fault)

    outcome = run_schedule(1, plan=plan, given=[], is_told=True)

    assert outcome.broken == ""
    transactions = [call for call in outcome.calls if call.operation == "transact_write_items"]
    assert isinstance(transactions[len(first) - 1].answer, ReadTimeoutError)
    assert isinstance(transactions[len(first)].answer, ReadTimeoutError if second is Fault.NONE else ClientError)
    assert [each.status for each in outcome.ledger.exchanges] == [status]


@pytest.mark.parametrize(
    ("plan", "raises", "broken"),
    [
        (OF_ONE, ConflictError, "more than it asked for"),
        (OF_ONE, refusals.another_version, "was refused with 409, and made"),
        (PUT, refusals.another_version, "was refused with 409, and made"),
    ],
)
def test_a_write_that_is_done_and_taken_for_failed_is_found(
    plan: Plan, raises: Callable[[], Exception], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_schedule(1, plan=plan, given=[]).broken == ""
    monkeypatch.setattr(DynamoDbRecordStore, "write", _done_and_then(raises=raises))

    assert broken in run_schedule(1, plan=plan, given=[]).broken


@pytest.mark.parametrize(
    ("seconds", "has_faults", "holds"), [(9.9, False, True), (10.1, True, True), (10.1, False, False)]
)
def test_a_write_that_takes_too_long_is_found(seconds: float, *, has_faults: bool, holds: bool) -> None:
    sent = Sent("DELETE", "/Observation/o9", token="x")
    done = Exchange(1, "editor-1", Step("delete"), sent, "r", 0, 100.0, 1, 100.0 + seconds, Answer(204, {}, ""))
    judge = Answers(Ledger(), has_faults=has_faults).judge

    if holds:
        judge(done)
    else:
        with pytest.raises(BrokenPromiseError, match=r"took 10\.1 seconds"):
            judge(done)


def test_a_history_without_its_newest_version_is_found() -> None:
    commits = [Commit(place, 0.0, "Patient/p1", place, {"resourceType": "Patient"}, ("p1",), "x") for place in (1, 2)]
    ledger = Ledger(commits={"Patient/p1": commits})
    history = {"entry": [{"resource": {"meta": {"versionId": "1"}}}]}
    page = Exchange(
        1, "reader-1", Step("history"), Sent("GET", ""), "r", 1, 0.0, 3, 1.0, Answer(200, {}, json.dumps(history))
    )
    walk = Walk(1, Step("history", ("Patient/p1", "1")), [page], is_whole=True)

    # The second version was stored while the history was read.
    check_walk(walk, ledger, "")
    page.began = 2
    with pytest.raises(BrokenPromiseError, match="version 2 was stored before"):
        check_walk(walk, ledger, "")
