"""The audit events of days that the table has forgotten, from the lines of the archive."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from audit_archiver.days import end_of, start_of
from audit_archiver.stream_record import Kind, StreamRecord, record_of_line
from careconnect.audit.event import AuditEvent, event_of, is_event_id, time_of
from careconnect_admin.audit_trail.archive_lines import MAX_EVENTS, TooManyEventsError, Wanted
from careconnect_admin.audit_trail.read_events import FETCHED_FROM, Recorded

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
        self._fetched: list[Recorded] = []

    def of_patient(self, patient: str, days: Sequence[str]) -> list[Recorded]:
        """Return a patient's events of consecutive days."""
        return self._read(days, Wanted("patient", patient))

    def of_client(self, client: str, days: Sequence[str]) -> list[Recorded]:
        """Return a client's events of consecutive days."""
        return self._read(days, Wanted("client", client))

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> list[Recorded]:
        """Return the events of files of bulk exports, on days that were read last.

        They came with the events of which the exports are, so that nothing is read again.
        """
        return [each for each in self._fetched if each.event and each.event.job in jobs and _is_of(days, each.id)]

    def _read(self, days: Sequence[str], wanted: Wanted) -> list[Recorded]:
        """Return the wanted events, and keep those of files."""
        found, fetched = _FirstArchived(), _FirstArchived()
        for line in self._lines.lines(days, wanted):
            record = _inserted(line)
            if record is None or not _is_of(days, record.sort_key):
                continue
            if _has(record, wanted.attribute, wanted.text):
                found.add(record)
            if _has(record, "service", FETCHED_FROM):
                fetched.add(record)
        self._fetched = fetched.newest_first()
        return found.newest_first()


class _FirstArchived:
    """Events, each as it was first archived; raises `TooManyEventsError`."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, Recorded]] = {}

    def add(self, record: StreamRecord) -> None:
        """Add the record of an inserted event."""
        known = self._first.get(record.sort_key)
        if known is None or record.sequence < known[0]:
            self._first[record.sort_key] = record.sequence, Recorded(record.sort_key, _event(record))
        if len(self._first) > MAX_EVENTS:
            raise TooManyEventsError

    def newest_first(self) -> list[Recorded]:
        """Return the events."""
        return [self._first[event_id][1] for event_id in sorted(self._first, reverse=True)]


def _is_of(days: Sequence[str], event_id: str) -> bool:
    return start_of(days[0]) <= time_of(event_id) < end_of(days[-1])


def _has(record: StreamRecord, attribute: str, text: str) -> bool:
    return (record.new or {}).get(attribute) == {"S": text}


def _inserted(line: bytes) -> StreamRecord | None:
    """Return the record of an item that was inserted with an event's id; None for any other line."""
    try:
        record = record_of_line(line)
        is_of_event = record.kind is Kind.INSERT and is_event_id(record.sort_key)
    except (ValueError, KeyError, TypeError):
        return None
    return record if is_of_event and isinstance(record.new, dict) else None


def _event(record: StreamRecord) -> AuditEvent | None:
    """Return the event, or None if this service did not write the item."""
    try:
        return event_of(record.new or {}) if record.is_in_place else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
