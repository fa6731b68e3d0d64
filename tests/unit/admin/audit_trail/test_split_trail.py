"""Events of any age: from the table for the days that it keeps, from the archive for former ones, each once."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit_archiver.days import start_of
from careconnect.audit.event import Action, AuditEvent, day_of, new_event_id
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.audit_trail.split_trail import TableAndArchive, archived_days

DAYS = ["2026-03-21", "2026-03-22", "2026-03-23", "2026-03-24", "2026-03-25", "2026-03-26"]


def test_the_archive_is_asked_for_former_days_and_the_first_that_the_table_keeps() -> None:
    assert archived_days(DAYS, "2026-03-23") == DAYS[:3]
    assert archived_days(DAYS, DAYS[1]) == DAYS[:2]
    assert archived_days(DAYS, "2026-04-01") == DAYS
    # Another text of the same day.
    assert archived_days(DAYS, "".join(DAYS[0])) == archived_days(DAYS, "") == []


def event(day: str, number: int, **members: Any) -> AuditEvent:
    """Return the event of a day's noon."""
    event_id = new_event_id((start_of(day) + 43_200_000) / 1000, lambda: f"{number:032x}")
    given = {"interaction": "read", "patient": "4", "client_id": "ward", "service": "fhir_reader", **members}
    return AuditEvent(id=event_id, action=Action.READ, **given)


@dataclass
class Kept:
    """Events that are kept somewhere; `asked` are the days for which it was asked."""

    events: Sequence[AuditEvent] = ()
    asked: list[str] = field(default_factory=list)

    def of_patient(self, patient: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return a patient's events."""
        return self._of(days, {each.id for each in self.events if each.patient == patient})

    def of_client(self, client_id: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return a client's events."""
        return self._of(days, {each.id for each in self.events if each.client_id == client_id})

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> Iterable[Recorded]:
        """Return the events of jobs."""
        return self._of(days, {each.id for each in self.events if each.job in jobs})

    def _of(self, days: Sequence[str], ids: set[str]) -> Iterable[Recorded]:
        self.asked += days
        return [Recorded(each.id, each) for each in self.events if each.id in ids and day_of(each.at) in days]


def test_each_day_is_read_where_it_is_whole_and_an_event_that_is_in_both_is_told_once() -> None:
    old, late, boundary, new = (event(day, 1) for day in DAYS[:4])
    changed = event(DAYS[2], 1, client_name="changed since")
    archive, table = Kept([old, late, boundary]), Kept([late, changed, new])

    found = list(TableAndArchive(table, archive, DAYS[2]).of_patient("4", DAYS))

    assert sorted((each.event for each in found if each.event), key=lambda each: each.id) == [old, late, boundary, new]
    assert (archive.asked, table.asked) == (DAYS[:3], DAYS[2:])


def test_what_the_archive_has_not_is_looked_for_in_the_table() -> None:
    before_it, old, new = (event(day, 1) for day in (DAYS[0], DAYS[1], DAYS[3]))
    archive, table = Kept([old]), Kept([before_it, new])

    both = TableAndArchive(table, archive, DAYS[2], [DAYS[0]])

    assert {each.id for each in both.of_patient("4", DAYS)} == {before_it.id, old.id, new.id}
    assert table.asked == [DAYS[0], *DAYS[2:]]
    assert both.days_of_table == {DAYS[0], DAYS[3]}


def test_without_former_days_the_archive_is_not_asked_nor_the_table_without_recent_ones() -> None:
    archive, table = Kept(), Kept()

    assert list(TableAndArchive(table, archive, DAYS[0]).of_patient("4", DAYS)) == []
    assert archive.asked == []
    assert list(TableAndArchive(table, archive, "2026-04-01").of_patient("4", DAYS[:2])) == []
    assert (archive.asked, table.asked) == (DAYS[:2], DAYS)


def test_clients_and_exports_are_asked_of_both_too() -> None:
    old = event(DAYS[0], 1, job="job-1", client_id="lake")
    new = event(DAYS[5], 2, job="job-1", client_id="lake")
    others = [event(DAYS[5], 3, job="job-2"), event(DAYS[5], 4)]
    both = TableAndArchive(Kept([new, *others]), Kept([old]), DAYS[2])

    assert {each.id for each in both.of_client("lake", DAYS)} == {old.id, new.id}
    assert {each.id for each in both.of_jobs(["job-1"], DAYS)} == {old.id, new.id}
