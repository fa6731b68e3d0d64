"""Do a step of a bulk export, as the state machine asks for it (ADR 54).

An answer says how the machine goes on. A job that does not run any more is over, whether it was ended or has failed:
that is no error. An error that is raised lets the machine repeat the step.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from careconnect.audit.store import AuditStore, EventNotStoredError
from careconnect.export.ended import Revocations, is_ended
from careconnect.export.job import CHAINS, ERROR_FILE, MAX_FILES, Cause, Job, JobFile, State, file_key
from careconnect.export.jobs import CheckpointTakenError, DynamoDbJobs
from careconnect.fhir.outcomes import Issue, OperationOutcome, OutcomeError
from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.http.errors import Metric
from careconnect.oauth.revocation import RevocationsUnknownError
from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from careconnect.runtime.call_limit import SETTLE_SECONDS
from export_worker.errors import OverError, TryAgainError
from export_worker.read_chain import ReadChain, TooManyFilesError
from export_worker.record_patients import RecordPatients
from export_worker.remove_job import remove_job
from export_worker.s3_bucket import Bucket
from export_worker.store import ExportStore

STEP_SECONDS: Final = 240.0
"""How long a step reads or records. A day of steps of all chains fits into the history of an execution."""

SPARE_SECONDS: Final = 30.0
"""What a step leaves of the function's time for its last checkpoint."""

ASKED_EACH: Final = 5.0
"""Seconds after which a step asks again whether the job still runs."""

OPERATOR_SECONDS: Final = 60
"""How long the machine waits for an operator's command that writes, before it asks again.

An execution has 25,000 events in its history at most, and each time it asks makes nine: a day of them has to fit.
"""

_HOUR: Final = 3_600_000
_OVER: Final = {"over": True}
_OUTCOME: Final = "OperationOutcome"


class Observer(Protocol):
    """The log; `ids` are logged as separate fields."""

    def request(
        self, action: str, status: int, *, ids: Mapping[str, str], reason: str = "", milliseconds: int = 0
    ) -> None:
        """Log one step."""

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an unexpected error."""

    def count(self, name: Metric) -> None:
        """Count one of the functions' metrics."""


class ExportWorker:
    """Does the steps of all jobs.

    `operators` returns the names of operators' commands that write and are under way. `clock` returns epoch seconds,
    `elapsed` seconds since an arbitrary start.
    """

    def __init__(
        self,
        jobs: DynamoDbJobs,
        store: ExportStore,
        bucket: Bucket,
        audit: AuditStore,
        revocations: Revocations,
        observer: Observer,
        operators: Callable[[], Sequence[str]],
        *,
        retention_hours: int,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._bucket = bucket
        self._audit = audit
        self._revocations = revocations
        self._observer = observer
        self._operators = operators
        self._retention = retention_hours * _HOUR
        self._clock = clock
        self._elapsed = elapsed

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """Do the `step` of a `job`, or return which of the `patients` are absent.

        Raises `TryAgainError` if the step is to be repeated: its text is a service's error code.
        """
        if "patients" in event:
            return self._repeatable("absent", {}, lambda: self._absent(event["patients"]))
        step, job_id = str(event["step"]), str(event["job"])
        ids = {"job": job_id, "function_request_id": str(getattr(context, "aws_request_id", ""))}
        if step == "remove":
            return self._repeatable(
                step, ids, lambda: {"more": remove_job(self._jobs, self._bucket, job_id, self._now())}
            )
        if "chain" in event:
            ids["chain"] = str(event["chain"])
        return self._repeatable(step, ids, lambda: self._of_job(step, job_id, event, ids, self._end(context)))

    def _repeatable(self, step: str, ids: Mapping[str, str], do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the result of a step; raises `TryAgainError`, whatever the error."""
        begun = self._elapsed()
        try:
            result = do()
        except (OutcomeError, EventNotStoredError, RevocationsUnknownError, TryAgainError, *SERVICE_ERRORS) as error:
            reason = _code(error)
            self._observer.request(f"Export.{step}", 503, ids=ids, reason=reason)
            # The text of the original would reach the history of the execution.
            raise TryAgainError(reason) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not reach the history
            self._observer.failure(f"Export.{step}", error, ids=ids)
            raise TryAgainError(type(error).__name__) from None
        taken = int((self._elapsed() - begun) * 1_000)
        self._observer.request(f"Export.{step}", 200, ids=ids, milliseconds=taken)
        return result

    def _of_job(
        self, step: str, job_id: str, event: Mapping[str, Any], ids: dict[str, str], end: float
    ) -> dict[str, Any]:
        """Do a step of a job that runs; one of a job that does not is over."""
        try:
            job = self._running(job_id, step)
            match step:
                case "begin":
                    return self._begin(job)
                case "read":
                    return self._read(job, int(event["chain"]), end, ids)
                case "record":
                    return self._record(job, end, ids)
                case _:
                    return self._finish(job)
        except CheckpointTakenError:
            # Another execution of this step is ahead: the next one goes on from its checkpoint.
            return {"more": True}
        except OverError:
            pass
        except TooManyFilesError:
            self._fail(job_id, Cause.TOO_COSTLY)
        except (OutcomeError, EventNotStoredError, RevocationsUnknownError, TryAgainError, *SERVICE_ERRORS):
            raise
        except Exception as error:  # noqa: BLE001 - a job that cannot be done must not be tried for a day
            self._observer.failure(f"Export.{step}", error, ids=ids)
            self._fail(job_id, Cause.EXCEPTION)
        return {"more": False} if step in ("read", "record") else _OVER

    def _begin(self, job: Job) -> dict[str, Any]:
        """Wait until no write stamped up to the job's instant can commit any more."""
        wait = math.ceil((job.at + SETTLE_SECONDS * 1_000 - self._now()) / 1_000)
        if wait > 0:
            return {"wait": wait}
        if names := self._operators():
            self._observer.request("Export.begin", 202, ids={"job": job.id}, reason=f"waits for {', '.join(names)}")
            return {"wait": OPERATOR_SECONDS}
        return {"chains": list(range(CHAINS))}

    def _read(self, job: Job, chain: int, end: float, ids: dict[str, str]) -> dict[str, Any]:
        if sum(each.files for each in self._jobs.chains(job.id).values()) > MAX_FILES:
            raise TooManyFilesError
        self._store.forget()
        read = ReadChain(self._jobs, self._store, self._bucket, job, chain, self._go_on(job), self._elapsed)
        more = read(end)
        ids["lines"] = str(read.lines)
        return {"more": more}

    def _record(self, job: Job, end: float, ids: dict[str, str]) -> dict[str, Any]:
        record = RecordPatients(
            self._jobs, self._bucket, self._audit, job, self._go_on(job), self._clock, self._elapsed
        )
        more = record(end)
        ids["events"] = str(record.events)
        return {"more": more}

    def _finish(self, job: Job) -> dict[str, Any]:
        """Complete a job, whose events are kept by now."""
        if job.state is State.COMPLETE:
            return {"expires": _instant(job.expires)}
        if job.ignored:
            issues = [Issue("not-supported", each, "warning") for each in job.ignored]
            lines = "".join(f"{OperationOutcome((issue,)).json()}\n" for issue in issues)
            self._bucket.put(file_key(job.id, ERROR_FILE), lines.encode())
            self._jobs.put_file(job, JobFile(ERROR_FILE, _OUTCOME, len(issues)))
        if sum(each.files for each in self._jobs.chains(job.id).values()) > MAX_FILES:
            raise TooManyFilesError
        expires = self._now() + self._retention
        if not self._jobs.complete(job.id, expires):
            # Another execution of this step may have completed it.
            return self._finish(self._running(job.id, "finish"))
        return {"expires": _instant(expires)}

    def _absent(self, patients: Sequence[str]) -> dict[str, Any]:
        (patient_type,) = (each for each in RESOURCE_TYPES if each.is_patient)
        self._store.forget()
        found = self._store.now(patient_type, patients)
        there = {id_ for id_, body in found.items() if "body" in body}
        return {
            "absent": [each for each in patients if each not in there],
            "never": [each for each in patients if each not in found],
        }

    def _running(self, job_id: str, step: str = "") -> Job:
        """Return a job that runs; raises `OverError` for any other, and ends or fails one that has to end.

        A job may be finished again, if the answer of the step was lost.
        """
        job = self._jobs.get(job_id)
        if job and step == "finish" and job.state is State.COMPLETE and job.is_known(self._now()):
            return job
        if job is None or job.state is not State.RUNNING:
            raise OverError
        if is_ended(job, self._revocations):
            self._jobs.end(job_id)
            raise OverError
        if cause := job.cause_at(self._now()):
            names = self._operators() if step == "begin" else ()
            self._fail(job_id, cause, f"It waited for an operator's command: {', '.join(names)}." if names else "")
            raise OverError
        return job

    def _go_on(self, job: Job) -> Callable[[], None]:
        """Return a function that raises `OverError` if a job does not run any more; it asks now and then."""
        asked = self._elapsed()

        def go_on() -> None:
            nonlocal asked
            if self._elapsed() - asked >= ASKED_EACH:
                self._running(job.id)
                asked = self._elapsed()

        return go_on

    def _fail(self, job_id: str, cause: Cause, detail: str = "") -> None:
        if self._jobs.fail(job_id, cause, self._now() + self._retention, detail):
            self._observer.request("Export.fail", 500, ids={"job": job_id}, reason=cause)
            self._observer.count("ExportFailed")

    def _end(self, context: Any) -> float:
        left = getattr(context, "get_remaining_time_in_millis", lambda: math.inf)()
        return self._elapsed() + max(min(STEP_SECONDS, left / 1_000 - SPARE_SECONDS), 0.0)

    def _now(self) -> int:
        return int(self._clock() * 1_000)


def _code(error: Exception) -> str:
    """Return the code of a service's error."""
    if isinstance(error, OutcomeError):
        return error.reason or error.code
    return str(error) if isinstance(error, (TryAgainError, EventNotStoredError)) else error_code(error)


def _instant(milliseconds: int) -> str:
    """Return a time in epoch milliseconds as the machine takes it, in whole seconds, none too early."""
    return datetime.fromtimestamp(-(-milliseconds // 1_000), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
