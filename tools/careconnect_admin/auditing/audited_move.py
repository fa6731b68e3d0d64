"""Record in the audit trail that resources leave the record of one patient, and come into that of another (ADR 49)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from careconnect.audit.event import Action
from careconnect_admin.auditing.operator_events import OperatorEvents

MOVE: Final = "patients-move"
MOVE_OUT: Final = "patients-move-out"
MOVE_IN: Final = "patients-move-in"


def recorded_move(
    record: OperatorEvents,
    former: str,
    patient: str,
    versions: Mapping[str, Sequence[str]],
    move: Callable[[], None],
    *,
    refusals: tuple[type[Exception], ...],
) -> None:
    """Write an event of each patient whom a move concerns, and move; raises `NotAuditedError`.

    `versions` are those that are made, by the ids of these patients: an event names no other patient. If the move
    fails, `former` and `patient` have a second event; with one of `refusals` nothing was moved.
    """
    for other in sorted(versions.keys() - {former, patient}):
        record.concerning(MOVE, Action.UPDATE, [other], versions[other])

    def change(interaction: str, whose: str, then: Callable[[], None]) -> None:
        record.done(interaction, Action.UPDATE, {}, then, refusals=refusals, patient=whose, ids=versions[whose])

    change(MOVE_OUT, former, lambda: change(MOVE_IN, patient, move))
