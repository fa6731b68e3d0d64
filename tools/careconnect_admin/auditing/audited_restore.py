"""Record a switch to restored tables: one event of each patient before their data change."""

from collections.abc import Sequence
from threading import Lock
from typing import Final

from careconnect.audit.event import Action
from careconnect_admin.auditing.operator_events import OperatorEvents

RESTORE: Final = "restore"


class RestoredPatients:
    """The patients that have an event of this switch. Safe for use by several threads."""

    def __init__(self, record: OperatorEvents) -> None:
        self._record = record
        self._lock = Lock()
        self._written: set[str] = set()

    def announce(self, patients: Sequence[str]) -> None:
        """Write an event of each patient that has none yet; raises `NotAuditedError`."""
        # Under the lock, so that no thread changes a patient's data before the event of that patient is stored.
        with self._lock:
            if new := sorted(set(patients) - self._written):
                self._record.concerning(RESTORE, Action.UPDATE, new)
                self._written.update(new)
