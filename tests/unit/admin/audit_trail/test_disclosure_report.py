"""The disclosure report: visits instead of requests, what was seen in them, and refusals apart."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from audit_archiver.judge_record import Fault
from audit_archiver.verify_day import Finding, Verdict
from careconnect.audit.event import Action, AuditEvent, Outcome, new_event_id
from careconnect_admin.audit_trail.disclosure_report import DisclosureReport, report_disclosures
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.errors import OperatorError
from careconnect_testing.running.cases import each_of

NOON = 1_774_526_400
MINUTE = 60
DAY = "2026-03-26"

_numbers = count()


def event(seconds: float = 0, **members: Any) -> AuditEvent:
    """Return a read of a Patient, `seconds` after noon, or another event."""
    given: dict[str, Any] = {
        "action": Action.READ, "interaction": "read", "type": "Patient", "patient": "4", "client_id": "ward",
        "subject": "ward", "service": "fhir_reader",
    }  # fmt: skip
    event_id = new_event_id(NOON + seconds, lambda: f"{next(_numbers):032x}")
    return AuditEvent(id=event_id, **{**given, **members})


@dataclass
class Kept:
    """Events that are kept somewhere, newest first."""

    events: Sequence[Recorded]

    def of_patient(self, patient: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return the events of a patient."""
        assert days == [DAY]
        return [each for each in self.events if each.event is None or each.event.patient == patient]

    def of_client(self, client_id: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return the events of a client."""
        assert days == [DAY]
        return [each for each in self.events if each.event is None or each.event.client_id == client_id]

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> Iterable[Recorded]:
        """Return the events of the files of exports."""
        assert days == [DAY]
        files = [each for each in self.events if each.event and each.event.service == "export_sender"]
        return [each for each in files if each.event and each.event.job in jobs]


def report(
    *events: AuditEvent, patient: str = "4", forged: Sequence[str] = (), client_id: str = ""
) -> DisclosureReport:
    kept = [*(Recorded(each.id, each) for each in reversed(events)), *(Recorded(each, None) for each in forged)]
    return report_disclosures(Kept(kept), patient, [DAY], client_id)


def test_requests_that_follow_each_other_within_fifteen_minutes_are_one_visit() -> None:
    first, second, last = event(0), event(15 * MINUTE), event(30 * MINUTE + 0.001)

    later, earlier = report(first, second, last).visits

    assert (earlier.events, later.events) == ((first, second), (last,))
    assert (earlier.first_at, earlier.last_at, earlier.requests) == (first.at, second.at, 2)


def test_each_client_and_each_subject_has_visits_of_its_own_newest_first() -> None:
    one, clinic, two = event(0), event(1, client_id="clinic"), event(2, subject="another")
    again = event(3)

    assert [each.events for each in report(one, clinic, two, again).visits] == [(one, again), (two,), (clinic,)]
    assert [each.client_id for each in report(one, clinic, two, again, client_id="clinic").visits] == ["clinic"]


def test_whom_a_client_saw_is_a_visit_of_each_patient_and_of_nobody_none() -> None:
    four, five, again = event(0), event(1, patient="5"), event(2)
    of_nobody, others = event(3, patient=""), event(4, client_id="clinic")

    found = report(four, five, again, of_nobody, others, patient="", client_id="ward", forged=["x"])

    assert [(each.patient, each.events) for each in found.visits] == [("4", (four, again)), ("5", (five,))]
    assert (found.refusals, found.forged) == ((), ("x",))


def test_what_was_refused_or_failed_is_apart_with_its_reasons() -> None:
    seen = event(0)
    refused = [event(second, outcome=Outcome.REFUSED, why="scope", status=403) for second in (1, 2)]
    failed = event(3, outcome=Outcome.FAILED, why="error", status=503, interaction="create", type="Condition")

    found = report(seen, *refused, failed)

    assert [each.events for each in found.visits] == [(seen,)]
    (apart,) = found.refusals
    assert apart.reasons == "error 503, scope 403 ×2"
    assert apart.seen == "asked for create Condition; read Patient ×2"
    assert found.visits[0].reasons == ""
    assert found.lines == (*found.visits, *found.refusals)


@each_of(
    ("members", "told"),
    [
        ({"interaction": "vread"}, "read Patient"),
        ({"interaction": "search-type", "type": "Observation"}, "read Observation"),
        ({"interaction": "history-instance", "type": "Condition", "ids": ("Condition/7",)}, "read Condition"),
        ({"interaction": "operation", "ids": ("Patient/4",)}, "read $everything"),
        ({"interaction": "operation", "type": "Condition", "service": "record_writer"}, "validated Condition"),
        ({"interaction": "create", "ids": ("Condition/7/_history/1",)}, "created Condition/7"),
        ({"interaction": "patch", "ids": ("Condition/7/_history/2",)}, "changed Condition/7"),
        ({"interaction": "delete", "ids": ("Condition/7/_history/3",)}, "deleted Condition/7"),
        ({"interaction": "transaction", "ids": ("A/1/_history/1", "B/2/_history/1")}, "wrote A/1, B/2"),
        ({"interaction": "patients-move-out", "ids": ("A/1/_history/2",), "service": "cli"}, "moved out A/1"),
        ({"interaction": "patients-move-in", "ids": ("A/1/_history/2",), "service": "cli"}, "moved in A/1"),
        # A conditional create that found its match made nothing.
        ({"interaction": "create", "ids": ("Patient/4",)}, "found for create Patient"),
        ({"interaction": "update", "ids": ("Patient/4",)}, "found for update Patient"),
        ({"interaction": "load", "type": "", "service": "cli", "action": Action.UPDATE}, "load"),
        ({"interaction": "patients-erase", "type": "", "service": "cli"}, "listed for patients-erase"),
        ({"interaction": "patients-erase", "type": "", "service": "cli", "action": Action.DELETE}, "patients-erase"),
    ],
)
def test_a_request_is_told_by_what_it_did(members: dict[str, Any], told: str) -> None:
    (visit,) = report(event(**members)).visits

    assert visit.seen == told


def test_what_was_done_more_than_once_in_a_visit_is_counted() -> None:
    reads = [event(second, type="Observation") for second in range(3)]
    written = event(4, interaction="create", type="Condition", ids=("Condition/7/_history/1",))

    (visit,) = report(event(), *reads, written).visits

    assert visit.seen == "created Condition/7; read Observation ×3, Patient"


def test_the_fetched_files_of_the_exports_that_hold_the_patients_data_are_apart() -> None:
    job = {"interaction": "operation", "action": Action.EXECUTE, "type": "", "job": "job-1", "client_id": "lake"}
    file = {**job, "patient": "", "service": "export_sender", "file": "Patient.0.1.ndjson"}
    exported = event(0, **job, service="export_worker")
    fetched = [event(seconds, **file) for seconds in (60, 120)]
    others = [
        event(61, **{**file, "job": "job-2"}),
        event(62, **file, outcome=Outcome.REFUSED, why="scope", status=403),
        event(63, **{**file, "service": "export_keeper", "file": ""}),
    ]

    found = report(exported, *fetched, *others)

    assert [each.seen for each in found.visits] == ["exported job-1"]
    assert [(each.events, each.seen) for each in found.fetched] == [
        (tuple(fetched), "fetched job-1/Patient.0.1.ndjson ×2")
    ]
    assert found.lines == (*found.visits, *found.fetched)
    # Whoever has no data in an export is told nothing of its files.
    assert report(event(0), *fetched).fetched == ()


def test_a_visit_has_the_newest_name_of_its_client() -> None:
    (visit,) = report(event(0, client_name="Old"), event(1, client_name="New"), event(2)).visits

    assert visit.client_name == "New"
    assert report(event(0)).visits[0].client_name == ""


def test_a_visit_is_as_archived_unless_the_archive_says_something_of_its_events() -> None:
    first, last = event(0), event(1)
    (visit,) = report(first, last).visits

    def verdict(waiting: Sequence[str] = (), *findings: Finding) -> str:
        return visit.archive_verdict([Verdict(DAY, 2, 0, frozenset(waiting), 0, findings)])

    assert verdict() == "as archived"
    assert verdict(["another"], Finding("another", Fault.CHANGED)) == "as archived"
    assert verdict([last.id]) == "not archived yet"
    faults = (Finding(first.id, Fault.CHANGED), Finding(last.id, Fault.ADDED))
    assert verdict([last.id], *faults) == "added, changed"


def test_a_visit_of_a_day_that_is_not_verified_is_from_the_archive() -> None:
    midnight = 43_200
    (visit,) = report(event(midnight - 1), event(midnight)).visits
    of_day, of_next = (Verdict(day, 1, 0, frozenset(), 0, ()) for day in (DAY, "2026-03-27"))

    assert visit.archive_verdict([]) == "from the archive"
    assert visit.archive_verdict([of_day]) == "from the archive"
    assert visit.archive_verdict([of_day, of_next]) == "as archived"


def test_what_this_service_did_not_write_is_named_and_in_no_visit() -> None:
    found = report(event(), forged=["x"])

    assert (len(found.visits), found.refusals, found.forged) == (1, (), ("x",))


def test_more_events_than_memory_takes_are_no_report() -> None:
    one = Recorded("x", event())

    assert len(report_disclosures(Kept([one] * 100_000), "4", [DAY]).visits) == 1
    with pytest.raises(OperatorError, match="more than 100,000 events"):
        report_disclosures(Kept([one] * 100_001), "4", [DAY])
