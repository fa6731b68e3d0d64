"""Record a load in the audit trail: one event of the load, and one of each patient before their data change."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, TypeVar

from careconnect.audit.event import Action
from careconnect_admin.auditing.operator_events import OperatorEvents
from careconnect_admin.loading.reading.sources import Sources
from careconnect_admin.loading.writer import Announce
from careconnect_records.writes.plan import WritePlan

Report = TypeVar("Report")

_LOAD: Final = ("load", Action.UPDATE)
_DELETION: Final = ("load-delete", Action.DELETE)


def recorded_load(
    record: OperatorEvents, load: Callable[[Announce], Report], sources: Sources, deletions: int = 0
) -> Report:
    """Write the event of a load of `sources`, then run the load and return its report.

    The event has the numbers of files, bytes and `deletions`. The plans that `load` announces become an event of each
    patient. Raises `NotAuditedError`; all changes made until then are in the audit trail.
    """
    numbers = {"files": len(sources.files), "bytes": sources.total_bytes, "deletions": deletions}
    about = {name: str(number) for name, number in numbers.items() if number}
    kind = _DELETION if deletions and not sources.files else _LOAD
    return record.done(*kind, about, lambda: load(_Patients(record).announce))


class _Patients:
    """The patients that have an event of this load. Safe for use by several threads."""

    def __init__(self, record: OperatorEvents) -> None:
        self._record = record
        self._lock = Lock()
        self._written: dict[tuple[str, Action], set[str]] = {_LOAD: set(), _DELETION: set()}

    def announce(self, plans: Sequence[WritePlan]) -> None:
        """Write an event of each patient of the plans that has none yet."""
        for kind, written in self._written.items():
            concerned = {
                patient for plan in plans if (_DELETION if plan.deletes else _LOAD) == kind for patient in plan.patients
            }
            # Under the lock, so that no thread changes a patient's data before the event of that patient is stored.
            with self._lock:
                if new := sorted(concerned - written):
                    self._record.concerning(*kind, new)
                    written.update(new)
