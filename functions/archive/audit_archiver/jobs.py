"""The two Lambda jobs of this package: archive the batches of the stream, and verify on schedules."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from audit_archiver import check_heartbeat, verify_day
from audit_archiver.archive_records import ArchiveWriter, archive_records
from audit_archiver.check_heartbeat import is_archived, keep_told, previous_heartbeat, put_heartbeat
from audit_archiver.days import DAY
from audit_archiver.judge_record import Fault, fault_at_once, least_days
from audit_archiver.retentions import ArchiveReader, Retentions
from audit_archiver.stream_record import Kind, record_of_event
from audit_archiver.verify_day import Finding
from careconnect.audit.event import day_of, is_event_id
from careconnect.http.errors import Metric

HEARTBEAT: Final = "heartbeat"
VERIFY: Final = "verify"
YESTERDAY: Final = "yesterday"

MAX_NAMED: Final = 100
"""Maximum findings of one run that are logged one by one; `careconnect audit verify` reports all."""

_DONE: Final = 200
_WRONG: Final = 500


class JobError(Exception):
    """A job failed; the text is the name of the error, and the log has the location."""


class Observer(Protocol):
    """The log and the metrics; `ids` are logged as separate fields."""

    def request(self, action: str, status: int, *, ids: Mapping[str, str], reason: str = "") -> None:
        """Log one run of a job."""

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an unexpected error."""

    def count(self, name: Metric) -> None:
        """Add one to a metric."""


class Trail(verify_day.Trail, check_heartbeat.Trail, Protocol):
    """The audit trail, read access."""


class ArchiveJob:
    """Archive a batch of the stream; an error raises `JobError` for the whole batch, so that Lambda retries it."""

    def __init__(self, archive: ArchiveWriter, observer: Observer, retention_days: int) -> None:
        self._archive = archive
        self._observer = observer
        self._least_days = least_days(retention_days)

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> None:
        """Archive `Records`; report records that break the trail first, without waiting for the archive."""
        action, ids = "audit-trail.archive", _ids(context)
        try:
            judged = [(each, fault_at_once(each, self._least_days)) for each in map(record_of_event, event["Records"])]
            broken = (Finding(record.sort_key, fault) for record, fault in judged if fault is not None)
            _tell(self._observer, action, broken, ids)
            # What breaks the trail is evidence, and stays whole.
            records = [
                record.as_ended if record.kind is Kind.REMOVE and fault is None else record for record, fault in judged
            ]
            key = archive_records(self._archive, records)
        except Exception as error:  # noqa: BLE001 - any error must raise the alarm
            raise _failed(self._observer, action, error, ids) from None
        if key is not None:
            self._observer.request(action, _DONE, ids={**ids, "object": str(key)})


class VerifyJob:
    """Put heartbeats and look for them in the archive, and verify days; `clock` returns epoch seconds."""

    def __init__(
        self,
        trail: Trail,
        record: check_heartbeat.Record,
        archive: ArchiveReader,
        observer: Observer,
        clock: Callable[[], float],
        retentions: Retentions,
    ) -> None:
        self._trail = trail
        self._record = record
        self._archive = archive
        self._observer = observer
        self._clock = clock
        self._retentions = retentions

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> None:
        """Run the job of `{"heartbeat": {}}` or `{"verify": "yesterday"}` (or a day); ignore any other event.

        Raises `JobError`, which counts as an error of the function.
        """
        job = next((name for name in (HEARTBEAT, VERIFY) if name in event), None)
        if job is None:
            return
        action, ids, now = f"audit-trail.{job}", _ids(context), int(self._clock() * 1000)
        try:
            if job == HEARTBEAT:
                self._check_heartbeat(action, ids, now)
            else:
                self._verify(action, ids, event[VERIFY], now)
        except Exception as error:  # noqa: BLE001 - any error must raise the alarm
            raise _failed(self._observer, action, error, ids) from None

    def _check_heartbeat(self, action: str, ids: Mapping[str, str], now: int) -> None:
        # First, so that the next run has a heartbeat to look for even if this run fails.
        put_heartbeat(self._record, now, self._retentions)
        heartbeat = previous_heartbeat(self._trail, now)
        if heartbeat is not None:
            keep_told(self._record, heartbeat)
        if heartbeat is None or is_archived(self._archive, heartbeat, now):
            self._observer.request(action, _DONE, ids=ids)
            return
        self._observer.request(action, _WRONG, ids=ids, reason="not archived")
        self._observer.count("AuditArchiveStopped")

    def _verify(self, action: str, ids: Mapping[str, str], asked: str, now: int) -> None:
        day = day_of(now - DAY) if asked == YESTERDAY else asked
        verdict = verify_day.verify_day(self._trail, self._archive, day, now, self._retentions)
        if not _tell(self._observer, action, verdict.findings, {**ids, "day": day}):
            self._observer.request(action, _DONE, ids={**ids, "day": day})


def _tell(observer: Observer, action: str, findings: Iterable[Finding], ids: Mapping[str, str]) -> bool:
    """Log findings and count the metric, and return True if there are any."""
    number = 0
    for number, finding in enumerate(findings, start=1):
        if number <= MAX_NAMED:
            # A forged item may have any text as its id; the log must not contain it.
            named = finding.id if is_event_id(finding.id) or finding.fault is Fault.ARCHIVE else "none"
            observer.request(action, _WRONG, ids={**ids, "audit_event": named}, reason=str(finding.fault))
    if number:
        observer.count("AuditTrailBroken")
    return number > 0


def _failed(observer: Observer, action: str, error: Exception, ids: Mapping[str, str]) -> JobError:
    """Log an error and return the `JobError` to raise in its place: the original text would reach the log."""
    observer.failure(action, error, ids=ids)
    return JobError(type(error).__name__)


def _ids(context: Any) -> dict[str, str]:
    return {"function_request_id": str(getattr(context, "aws_request_id", ""))}
