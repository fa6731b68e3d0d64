"""Events of any age: from the table for the days that it keeps, from the archive for former ones, each once."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit_archiver.days import end_of, start_of
from careconnect.audit.event import Action, AuditEvent, day_of, new_event_id
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.audit_trail.split_trail import TableAndArchive, archived_days, kept_since
from careconnect_testing.running.cases import each_of

NOW = start_of("2026-03-26") + 43_200_000
DAYS = ["2026-03-21", "2026-03-22", "2026-03-23", "2026-03-24", "2026-03-25", "2026-03-26"]


@each_of(
    ("own", "told", "since"),
    [
        (0, [], ""),
        (0, [("2026-03-25", 0)], ""),
        # The event of noon two days ago has ended, so that day is not whole.
        (2, [], "2026-03-25"),
        # Longer since a while: what was written before still had the former retention.
        (90, [("2026-03-21", 2), ("2026-03-22", 90)], "2026-03-23"),
        # An instance of the former release may have written after midnight, by which nothing has ended of later days.
        (90, [("2026-03-24", 2)], "2026-03-25"),
        # Shorter since a while: nobody asks the table for what it may or may not have.
        (2, [("2026-03-21", 90)], "2026-03-25"),
        # Kept for ever once, but events of then may have been stamped since.
        (2, [("2026-03-21", 0)], "2026-03-25"),
        (0, [("2026-03-20", 2)], "2026-03-22"),
        (0, [("2026-03-26", 90)], "2025-12-27"),
    ],
)
def test_the_table_keeps_all_since_the_day_after_the_last_that_may_have_lost_an_event(
    own: int, told: list[tuple[str, int]], since: str
) -> None:
    assert kept_since(NOW, own, told) == since


def test_nothing_that_may_have_ended_is_on_a_day_that_the_table_keeps() -> None:
    for own in (1, 2, 90):
        for now in (start_of(DAYS[-1]), NOW, end_of(DAYS[-1]) - 1):
            first = start_of(kept_since(now, own, []))
            assert first + own * 86_400_000 > now >= first - 86_400_000 + own * 86_400_000


def test_the_archive_is_asked_for_former_days_and_the_first_that_the_table_keeps() -> None:
    assert archived_days(DAYS, "2026-03-23") == DAYS[:3]
    assert archived_days(DAYS, "2026-04-01") == DAYS
    assert archived_days(DAYS, DAYS[0]) == archived_days(DAYS, "") == []


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

    found = TableAndArchive(table, archive, DAYS[2], [DAYS[0]]).of_patient("4", DAYS)

    assert {each.id for each in found} == {before_it.id, old.id, new.id}
    assert table.asked == [DAYS[0], *DAYS[2:]]


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
