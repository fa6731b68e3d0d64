"""Bulk exports that an operator's command ends or fails (`erasure.md`)."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.export.job import Cause, Job, Selection, State
from careconnect_admin.errors import OperatorError
from careconnect_admin.exporting.exports import Executions, Exports, exports_of, failing_exports
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.export_jobs import EXPORT_TABLE, a_job, export_table

NOW = 1_795_676_953.0
PATIENTS = Selection(("Patient", "Observation"), is_of_patients=True, patients=("4", "6"))


@dataclass
class Table:
    """The table of jobs, and the removals that were begun, which are done with the next pause."""

    clock: Clock = field(default_factory=lambda: Clock(NOW))
    begun: dict[str, int] = field(default_factory=dict)
    is_down: bool = False
    removes: bool = True

    def __post_init__(self) -> None:
        def check(operation: str, _request: Any) -> None:
            if self.is_down:
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

        self.jobs, self.client = export_table(self.clock, check)
        self.exports = Exports(
            self.jobs, self, retention_hours=24, clock=self.clock, sleep=self.pause, elapsed=self.elapsed
        )

    def elapsed(self) -> float:
        self.clock.now += 0.001
        return self.clock()

    def begin(self, job_id: str) -> str:
        self.begun[job_id] = int(self.clock())
        return job_id

    def is_under_way(self, removal: str) -> bool:
        return self.jobs.get(removal) is not None

    def pause(self, seconds: float) -> None:
        assert seconds >= 0
        self.clock.now += seconds
        for each in self.begun if self.removes else ():
            self.jobs.remove(each)

    def put(self, number: int, types: tuple[str, ...] = ("Patient",), **fields: Any) -> Job:
        job = a_job(NOW, id=f"{number:032x}", **{"selection": Selection(types), **fields})
        self.jobs.put(job, 99)
        return job


@pytest.fixture
def table() -> Table:
    return Table()


def test_all_jobs_may_hold_a_patient_but_those_of_other_patients_and_of_types_without_any(table: Table) -> None:
    every, complete, failed = table.put(1), table.put(2, ("Organization", "Observation")), table.put(3)
    table.jobs.complete(complete.id, int(NOW * 1000) + 1)
    table.jobs.fail(failed.id, Cause.TIMEOUT, int(NOW * 1000) + 1)
    cohort = table.put(4, selection=PATIENTS)
    table.put(5, ("Organization", "Practitioner", "Medication"))

    def held(patient: str) -> list[str]:
        return sorted(each.id for each in table.exports.that_may_hold(patient))

    assert held("4") == [every.id, complete.id, failed.id, cohort.id]
    assert held("5") == [every.id, complete.id, failed.id]


def test_what_is_ended_is_unknown_at_once_and_then_removed(table: Table) -> None:
    jobs, other = [table.put(1), table.put(2)], table.put(3)

    table.exports.end(jobs)

    assert [found.state for each in jobs if (found := table.jobs.get(each.id))] == [State.ENDED] * 2
    table.clock.now += 10
    table.exports.remove(jobs)
    # Steps that were at work when they ended have ended, too.
    assert table.begun == {each.id: NOW + 30 for each in jobs}
    assert [table.jobs.get(each.id) for each in jobs] == [None, None]
    assert table.jobs.get(other.id) == other


def test_jobs_are_found_on_all_pages_and_ended_again_after_a_kill(table: Table) -> None:
    jobs = [table.put(number) for number in range(30)]
    table.exports.end(jobs[:1])

    found = table.exports.that_may_hold("4")

    assert {each.id for each in found} == {each.id for each in jobs}


def test_what_is_not_removed_in_time_is_told(table: Table) -> None:
    job, table.removes = table.put(1), False
    table.exports.end([job])

    with pytest.raises(OperatorError, match="not removed yet"):
        table.exports.remove([job])


def test_after_an_erasure_that_took_longer_nothing_is_waited_for(table: Table) -> None:
    job = table.put(1)
    table.exports.end([job])
    table.clock.now += 31

    table.exports.remove([job])

    assert table.begun == {job.id: NOW + 31}


def test_without_jobs_nothing_is_waited_for(table: Table) -> None:
    table.exports.end([])
    table.exports.remove([])

    assert table.clock() < NOW + 1


def test_jobs_under_way_fail_and_say_why(table: Table) -> None:
    running, complete = table.put(1), table.put(2)
    table.jobs.complete(complete.id, int(NOW * 1000) + 1)

    assert table.exports.fail_running("A reindex was under way.") == [running.id]

    failed = table.jobs.get(running.id)
    assert failed is not None
    assert (failed.state, failed.cause, failed.detail) == (
        State.FAILED,
        Cause.EXCEPTION,
        "A reindex was under way.",
    )
    assert failed.expires - int(NOW * 1000) - 24 * 3_600_000 in range(1_000)
    assert table.exports.fail_running("A reindex was under way.") == []


def test_what_replaces_an_index_fails_the_jobs_before_it_and_those_that_waited_for_it(table: Table) -> None:
    target = StackTarget("stack", {"ExportTable": EXPORT_TABLE, "ExportMachine": "arn"}, lambda _: table.client)
    before = table.put(1)

    with failing_exports(target, "A restore was under way."):
        meanwhile = table.put(2)
    after = table.put(3)

    states = [found.state for each in (before, meanwhile, after) if (found := table.jobs.get(each.id))]
    assert states == [State.FAILED, State.FAILED, State.RUNNING]
    with failing_exports(StackTarget("stack", {}, lambda _: None), ""):
        pass


def test_a_table_that_does_not_answer_stops_the_command(table: Table) -> None:
    job = table.put(1)
    table.is_down = True

    for attempt in (
        lambda: table.exports.that_may_hold("4"),
        lambda: table.exports.end([job]),
        lambda: table.exports.fail_running(""),
    ):
        with pytest.raises(OperatorError, match="ThrottlingException"):
            attempt()
    assert table.begun == {}


def test_a_stack_without_exports_has_none() -> None:
    assert exports_of(StackTarget("stack", {}, lambda _: None)) is None


def test_a_removal_is_an_execution_of_its_own_of_the_stacks_machine(table: Table) -> None:
    started: list[dict[str, Any]] = []
    statuses = ["RUNNING", "SUCCEEDED", "FAILED"]

    def start_execution(**request: Any) -> dict[str, str]:
        started.append(request)
        return {"executionArn": f"arn:{request['name']}"}

    machine = SimpleNamespace(
        start_execution=start_execution,
        describe_execution=lambda executionArn: {"status": statuses.pop(0)},  # noqa: N803
    )
    removals = Executions(machine, "arn:machine")

    first, second = removals.begin("a-job"), removals.begin("a-job")

    assert first != second
    assert {each["stateMachineArn"] for each in started} == {"arn:machine"}
    assert {each["input"] for each in started} == {'{"job": "a-job", "rest": true}'}
    assert (removals.is_under_way(first), removals.is_under_way(first)) == (True, False)
    with pytest.raises(OperatorError, match="FAILED"):
        removals.is_under_way(first)


def test_the_exports_of_a_stack_are_those_of_its_table(table: Table) -> None:
    clients = {"dynamodb": table.client, "stepfunctions": SimpleNamespace()}
    outputs = {"ExportTable": EXPORT_TABLE, "ExportMachine": "arn:machine"}
    exports, job = exports_of(StackTarget("stack", outputs, clients.__getitem__)), table.put(1)

    assert exports is not None
    assert exports.that_may_hold("4") == [job]
