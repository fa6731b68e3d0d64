"""Record in the audit trail that resources leave the record of one patient, and come into that of another (ADR 49)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from careconnect.audit.event import Action, Outcome
from careconnect_admin.audit_trail.read_events import Recorded
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


def moved_out_since(events: Iterable[Recorded], instant: datetime) -> dict[str, list[str]]:
    """Return by the ids of patients what has left their records at an instant or later, or was about to."""
    found: dict[str, set[str]] = {}
    for event in (each.event for each in events if each.event):
        is_move = event.interaction == MOVE_OUT and event.outcome is Outcome.ALLOWED
        if is_move and event.at >= int(instant.timestamp() * 1000):
            found.setdefault(event.patient, set()).update(each.partition("/_history/")[0] for each in event.ids)
    return {patient: sorted(keys) for patient, keys in found.items()}
