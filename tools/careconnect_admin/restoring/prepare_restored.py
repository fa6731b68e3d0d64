"""Make restored tables ready for service, while nothing is written (ADR 40, ADR 48)."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from careconnect_admin.erasing.erase_patient import Erasure
from careconnect_admin.restoring.carry_versions import Announce, carry_versions
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.plan import WritePlan


def prepare_restored(
    current: RecordTables,
    restored: RecordTables,
    erased: Sequence[str],
    *,
    base_url: str,
    announce: Announce,
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Carry versions over, and erase the patients who were erased since; return the number of resources carried over.

    A run that was killed is repeated. Raises `OperatorError`.
    """
    tell("Carrying versions over")
    carried = carry_versions(
        current, restored, base_url=base_url, announce=announce, progress=progress, clock=clock, sleep=sleep
    )

    def announce_plans(plans: Sequence[WritePlan]) -> None:
        announce(sorted({patient for plan in plans for patient in plan.patients}))

    # Afterwards, because a version that an erasure makes would have the number of one that was served since.
    for patient in erased:
        tell(f"Erasing Patient/{patient} again")
        # Nobody reads or writes these tables, so there is nothing to wait for.
        erasure = Erasure(restored, base_url=base_url, announce=announce_plans, clock=clock, sleep=lambda _: None)
        erasure.erase(patient, unlink=True)
    return carried
