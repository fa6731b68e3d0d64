"""Read events of any age: of recent days from the audit trail's table, of former ones from its archive.

The table keeps an event for a retention, the archive for years. Nothing is archived for its first minute, and the table
costs nothing to ask, so the archive is asked only for what the table may have lost.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from careconnect.audit.event import day_of
from careconnect_admin.audit_trail.disclosure_report import KeptEvents
from careconnect_admin.audit_trail.read_events import Recorded


def archived_days(days: Sequence[str], since: str) -> list[str]:
    """Return those of consecutive days that have to be read in the archive, if the table keeps all `since` a day.

    This day is read from both, if there are any before: the table may lose the first of its events meanwhile.
    """
    return [each for each in days if each <= since] if days[0] < since else []


@dataclass(frozen=True, slots=True)
class TableAndArchive:
    """The events of both, each once; `kept_since` is the first day of which the table has all.

    Those of `not_archived`, days of which the archive lacks hours, are looked for in the table, too: it keeps what had
    no retention when it was written. It may answer days in between. `days_of_table` are the days of the events that the
    table alone had.
    """

    table: KeptEvents
    archive: KeptEvents
    kept_since: str
    not_archived: Collection[str] = ()
    days_of_table: set[str] = field(default_factory=set)

    def of_patient(self, patient: str, days: Sequence[str]) -> Iterator[Recorded]:
        """Return a patient's events of consecutive days."""
        return self._of(days, lambda source, own: source.of_patient(patient, own))

    def of_client(self, client_id: str, days: Sequence[str]) -> Iterator[Recorded]:
        """Return a client's events of consecutive days."""
        return self._of(days, lambda source, own: source.of_client(client_id, own))

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> Iterator[Recorded]:
        """Return the events of the files of bulk exports on consecutive days."""
        return self._of(days, lambda source, own: source.of_jobs(jobs, own))

    def _of(
        self, days: Sequence[str], asked: Callable[[KeptEvents, Sequence[str]], Iterable[Recorded]]
    ) -> Iterator[Recorded]:
        """Yield the events of both; of one that is in both the archived one, which nobody can have changed."""
        in_table = [each for each in days if each >= self.kept_since or each in self.not_archived]
        yielded = set[str]()
        for source, own in ((self.archive, archived_days(days, self.kept_since)), (self.table, in_table)):
            for each in asked(source, own) if own else ():
                if each.id not in yielded:
                    yielded.add(each.id)
                    if source is self.table and each.event:
                        self.days_of_table.add(day_of(each.event.at))
                    yield each
