"""End bulk exports that may hold a patient's data, and fail those that run (`erasure.md`; ADR 54).

A job that is ended is unknown to its client at once. A step that is at work on it may go on for some seconds. After
these its objects and rows are removed by the state machine that runs jobs: nobody else opens the bucket.
"""

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from careconnect.export.job import Cause, Job, State
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.outcomes import OutcomeError
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget

AT_WORK_SECONDS: Final = 30.0
"""How long a step may go on that was at work on a job when it ended: it asks every five seconds, before it writes."""

_PAUSE_SECONDS: Final = 2.0
_LONGEST_REMOVAL: Final = 600.0


class Removals(Protocol):
    """Removes the objects and rows of jobs that are over."""

    def begin(self, job_id: str) -> str:
        """Begin to remove a job, and return the name of its removal."""

    def is_under_way(self, removal: str) -> bool:
        """Return False for a removal that is done; raises `OperatorError` for one that has failed."""


class Exports:
    """The jobs of a stack; `retention_hours` is how long a failed one is told. Raises `OperatorError`."""

    def __init__(
        self,
        jobs: DynamoDbJobs,
        removals: Removals,
        *,
        retention_hours: int,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._removals = removals
        self._retention_hours = retention_hours
        self._clock = clock
        self._sleep = sleep
        self._elapsed = elapsed
        self._ended_at = elapsed()

    def that_may_hold(self, patient: str) -> list[Job]:
        """Return the jobs, under way or done, that may hold something of a patient."""
        with _answered():
            return [job for job in self._jobs.every() if _may_hold(job, patient)]

    def end(self, jobs: Collection[Job]) -> None:
        """End jobs: no step goes on, and no file is answered any more."""
        with _answered():
            for job in jobs:
                self._jobs.end(job.id)
        self._ended_at = self._elapsed()

    def remove(self, jobs: Collection[Job]) -> None:
        """Remove jobs that were ended, and wait until nothing is stored of them; raises `OperatorError`."""
        if not jobs:
            return
        self._sleep(max(0.0, self._ended_at + AT_WORK_SECONDS - self._elapsed()))
        began = self._elapsed()
        left = [self._removals.begin(job.id) for job in jobs]
        while left := [each for each in left if self._removals.is_under_way(each)]:
            if self._elapsed() - began > _LONGEST_REMOVAL:
                raise OperatorError("exports that were ended are not removed yet: run it again")
            self._sleep(_PAUSE_SECONDS)

    def fail_running(self, detail: str) -> list[str]:
        """Fail the jobs under way, for a reason that their clients are told, and return their ids."""
        expires = int(self._clock() * 1000) + self._retention_hours * 3_600_000
        with _answered():
            running = [job.id for job in self._jobs.every() if job.state is State.RUNNING]
            return [each for each in running if self._jobs.fail(each, Cause.EXCEPTION, expires, detail)]


def exports_of(target: "StackTarget") -> Exports | None:
    """Return the exports of a stack, None if it has none (`BulkExport=off`)."""
    if "ExportTable" not in target.outputs:
        return None
    jobs = DynamoDbJobs(target.client("dynamodb"), target.output("ExportTable"))
    removals = Executions(target.client("stepfunctions"), target.output("ExportMachine"))
    return Exports(jobs, removals, retention_hours=int(target.parameters.get("ExportRetentionHours", "24")))


class Executions:
    """Removals by executions of the state machine that runs jobs."""

    def __init__(self, client: Any, machine: str) -> None:
        self._client = client
        self._machine = machine

    def begin(self, job_id: str) -> str:
        """Begin to remove a job, and return the execution's ARN."""
        started = self._client.start_execution(
            stateMachineArn=self._machine,
            # An execution of a name that was used before would not be started.
            name=f"{job_id}-{secrets.token_hex(4)}",
            input=json.dumps({"job": job_id, "rest": True}),
        )
        return str(started["executionArn"])

    def is_under_way(self, removal: str) -> bool:
        """Return False for an execution that has succeeded; raises `OperatorError` for one that has failed."""
        status = self._client.describe_execution(executionArn=removal)["status"]
        if status not in ("RUNNING", "SUCCEEDED"):
            raise OperatorError(f"an export that was ended could not be removed ({status}): run it again")
        return bool(status == "RUNNING")


@contextmanager
def failing_exports(target: "StackTarget", detail: str) -> Iterator[None]:
    """Fail the jobs of a stack that are under way before and after what this context does to all resources.

    Those that begin meanwhile wait for its end, and could not be exact: an index that is rebuilt has no traces.
    """
    exports = exports_of(target)
    if exports:
        exports.fail_running(detail)
    yield
    if exports:
        exports.fail_running(detail)


def _may_hold(job: Job, patient: str) -> bool:
    """Return True if the files of a job, finished or not, may hold something of a patient.

    A cohort's hold what belongs to its patients and to no other; those of a type without patients nothing of anybody.
    """
    selection = job.selection
    if selection.patients:
        return patient in selection.patients
    return any(each.is_patient or each.patient_parameter for each in selection.resource_types)


@contextmanager
def _answered() -> Iterator[None]:
    """Turn the error of a table that does not answer into an `OperatorError`."""
    try:
        yield
    except OutcomeError as error:
        raise OperatorError(f"the table of exports does not answer ({error.reason}): run it again") from error
