"""The audit events of days that the table has forgotten, from the lines of the archive."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from audit_archiver.days import end_of, start_of
from audit_archiver.stream_record import Kind, StreamRecord, record_of_line
from careconnect.audit.event import AuditEvent, event_of, is_event_id, time_of
from careconnect_admin.audit_trail.archive_lines import MAX_EVENTS, TooManyEventsError, Wanted
from careconnect_admin.audit_trail.read_events import Recorded

if TYPE_CHECKING:
    from careconnect_admin.audit_trail.archive_lines import ArchiveLines


class ArchivedEvents:
    """Reader of events as they were first archived, newest first and each once.

    The lines are a preselection, so each event is judged here. What the archive holds of an event later (a change, its
    removal) is left to the verification.

    Raises `TooManyEventsError` if there are more than `MAX_EVENTS`; errors of the lines propagate.
    """

    def __init__(self, lines: "ArchiveLines") -> None:
        self._lines = lines

    def of_patient(self, patient: str, days: Sequence[str]) -> list[Recorded]:
        """Return a patient's events of consecutive days."""
        return self._events(days, Wanted(patient=patient))

    def of_client(self, client: str, days: Sequence[str]) -> list[Recorded]:
        """Return a client's events of consecutive days."""
        return self._events(days, Wanted(client=client))

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> list[Recorded]:
        """Return the events of files of some bulk exports, of consecutive days."""
        return self._events(days, Wanted(jobs=tuple(sorted(jobs)))) if jobs else []

    def _events(self, days: Sequence[str], wanted: Wanted) -> list[Recorded]:
        first: dict[str, tuple[int, Recorded]] = {}
        for line in self._lines.lines(days, wanted):
            record = _inserted(line)
            if record is None or not _is_wanted(record, days, wanted):
                continue
            known = first.get(record.sort_key)
            if known is None or record.sequence < known[0]:
                first[record.sort_key] = record.sequence, Recorded(record.sort_key, _event(record))
            if len(first) > MAX_EVENTS:
                raise TooManyEventsError
        return [first[event_id][1] for event_id in sorted(first, reverse=True)]


def _inserted(line: bytes) -> StreamRecord | None:
    """Return the record of an item that was inserted with an event's id; None for any other line."""
    try:
        record = record_of_line(line)
        is_of_event = record.kind is Kind.INSERT and is_event_id(record.sort_key)
    except (ValueError, KeyError, TypeError):
        return None
    return record if is_of_event and isinstance(record.new, dict) else None


def _is_wanted(record: StreamRecord, days: Sequence[str], wanted: Wanted) -> bool:
    item = record.new or {}
    return (
        start_of(days[0]) <= time_of(record.sort_key) < end_of(days[-1])
        and all(item.get(name) == {"S": text} for name, text in wanted.attributes.items())
        and (not wanted.jobs or item.get("job") in [{"S": job} for job in wanted.jobs])
    )


def _event(record: StreamRecord) -> AuditEvent | None:
    """Return the event, or None if this service did not write the item."""
    try:
        return event_of(record.new or {}) if record.is_in_place else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
