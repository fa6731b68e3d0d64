"""Record an erasure in the audit trail, and find the erasures that a restore has to do again (ADR 48)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from careconnect.audit.event import Action, Outcome
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.auditing.operator_events import OperatorEvents
from careconnect_admin.loading.writer import Announce
from careconnect_records.writes.plan import WritePlan

ERASE: Final = "patients-erase"
UNLINK: Final = "patients-unlink"


def recorded_erasure(record: OperatorEvents, patient: str, erase: Callable[[Announce], None]) -> None:
    """Write an event of the patient, erase, and write another one; raises `NotAuditedError`.

    The plans that `erase` announces become an event of each patient of theirs.
    """

    def change() -> None:
        erase(_Unlinked(record).announce)
        # A restore to a time between the two events has to erase again.
        record.concerning(ERASE, Action.DELETE, [patient])

    record.concerning(ERASE, Action.DELETE, [patient])
    record.done(ERASE, Action.DELETE, {"patient": patient}, change)


def erased_since(events: Iterable[Recorded], instant: datetime) -> list[str]:
    """Return the ids of the patients who were erased at an instant or later, by their events."""
    erased = [each.event for each in events if each.event and each.event.interaction == ERASE]
    return sorted(
        {
            event.patient
            for event in erased
            if event.action is Action.DELETE
            and event.outcome is Outcome.ALLOWED
            and event.at >= int(instant.timestamp() * 1000)
        }
        - {""}
    )


class _Unlinked:
    """The patients that have an event of this erasure, because a resource of theirs is unlinked."""

    def __init__(self, record: OperatorEvents) -> None:
        self._record = record
        self._written: set[str] = set()

    def announce(self, plans: Sequence[WritePlan]) -> None:
        """Write an event of each patient of the plans that has none yet."""
        patients = {patient for plan in plans for patient in plan.patients}
        if new := sorted(patients - self._written):
            self._record.concerning(UNLINK, Action.UPDATE, new)
            self._written.update(new)
