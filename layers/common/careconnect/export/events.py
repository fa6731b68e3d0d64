"""The audit event of a bulk export and a patient to whom resources in its files belong (`export.md`, Audit trail)."""

import hashlib
from dataclasses import replace

from careconnect.audit.event import EXPORTED_BY, Action, AuditEvent, Outcome, event_id
from careconnect.export.job import Job


def export_event(job: Job, patient: str, at: int) -> AuditEvent:
    """Return the event that a job's files hold data of a patient; `at` is its time, in epoch milliseconds.

    Client, token, address, request and query are the kick-off's. The id follows from the arguments, so that a
    repetition with the same time stores no second event.
    """
    digits = hashlib.sha256(f"{job.id}/{patient}".encode()).hexdigest()[:32]
    return replace(
        job.kick_off,
        id=event_id(at, digits),
        action=Action.EXECUTE,
        interaction="operation",
        patient=patient,
        job=job.id,
        outcome=Outcome.ALLOWED,
        service=EXPORTED_BY,
    )
