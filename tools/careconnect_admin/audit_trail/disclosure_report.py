"""Report who saw a patient, or whom a client saw, a line for each visit, not each request (`audit.md`, Visits)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final, Protocol

from careconnect.audit.event import EXPORTED_BY, AuditEvent, Outcome, day_of
from careconnect_admin.audit_trail.archive_lines import MAX_EVENTS, TooManyEventsError
from careconnect_admin.audit_trail.operators import is_listing
from careconnect_admin.audit_trail.read_events import FETCHED_FROM, Recorded

if TYPE_CHECKING:
    from audit_archiver.verify_day import Verdict

VISIT_MINUTES: Final = 15
"""A request that comes later than this after the client's last one begins another visit."""

AS_ARCHIVED: Final = "as archived"
NOT_ARCHIVED_YET: Final = "not archived yet"
NO_LONGER_ARCHIVED: Final = "no longer archived"
FROM_ARCHIVE: Final = "from the archive"

_VISIT_MILLISECONDS: Final = VISIT_MINUTES * 60_000
_READS: Final = frozenset({"read", "vread", "history-instance", "search-type"})
_WRITES: Final = {
    "create": "created",
    "update": "changed",
    "patch": "changed",
    "delete": "deleted",
    "transaction": "wrote",
    "patients-move-out": "moved out",
    "patients-move-in": "moved in",
}
_OPERATION: Final = "operation"
_EVERYTHING_BY: Final = "fhir_reader"
_EXPORT_ASKED_OF: Final = "export_keeper"
_VERSION: Final = "/_history/"


class KeptEvents(Protocol):
    """What answers a report: the audit trail's table, its archive, or both."""

    def of_patient(self, patient: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return a patient's events of consecutive days."""

    def of_client(self, client_id: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return a client's events of the given days, of whichever patient or of none."""

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> Iterable[Recorded]:
        """Return the events of the given days that say which files of bulk exports were fetched, or were refused."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The requests of one client for one subject and about one patient that follow each other closely, in order."""

    events: tuple[AuditEvent, ...]

    @property
    def patient(self) -> str:
        """The id of the patient; empty for the files of an export, which are of several."""
        return self.events[-1].patient

    @property
    def client_id(self) -> str:
        """The client's id, or an operator's principal; empty if unknown."""
        return self.events[-1].client_id

    @property
    def first_at(self) -> int:
        """The time of the first request, in epoch milliseconds."""
        return self.events[0].at

    @property
    def last_at(self) -> int:
        """The time of the last request, in epoch milliseconds."""
        return self.events[-1].at

    @property
    def client_name(self) -> str:
        """The client's name at the last request that has it; empty if none has."""
        return next((each.client_name for each in reversed(self.events) if each.client_name), "")

    @property
    def requests(self) -> int:
        """The number of requests; each entry of a batch is one."""
        return len(self.events)

    @property
    def seen(self) -> str:
        """What was read and written: `read Observation ×3, Patient; created Condition/7`."""
        deeds: dict[str, Counter[str]] = defaultdict(Counter)
        for event in self.events:
            for verb, what in _deeds(event):
                deeds[verb][what] += 1
        return "; ".join(f"{verb} {_listed(counted)}".strip() for verb, counted in sorted(deeds.items()))

    @property
    def reasons(self) -> str:
        """Why requests were refused or failed: `compartment 403, error 503`; empty if none was."""
        reasons = Counter(f"{each.why} {each.status or ''}".strip() for each in self.events if each.why or each.status)
        return _listed(reasons)

    def archive_verdict(self, verdicts: "Iterable[Verdict]") -> str:
        """Return what the verdicts on its days say of the visit's events; without a verdict an event was archived."""
        ids = {each.id for each in self.events}
        verdicts = tuple(verdicts)
        faults = sorted({str(finding.fault) for each in verdicts for finding in each.findings if finding.id in ids})
        if faults:
            return ", ".join(faults)
        if any(ids & each.not_archived for each in verdicts):
            return NOT_ARCHIVED_YET
        if any(ids & each.no_longer_archived for each in verdicts):
            return NO_LONGER_ARCHIVED
        verified = {each.day for each in verdicts}
        return AS_ARCHIVED if all(day_of(each.at) in verified for each in self.events) else FROM_ARCHIVE


@dataclass(frozen=True, slots=True)
class DisclosureReport:
    """The visits, newest first, and apart from them what was refused or failed, which showed nothing.

    `patient` is empty in the report of a client, which is of all patients. `fetched` are the files of the exports in
    these visits that were fetched on the days of the report, by whom and when: with them data left that an export had
    collected. `forged` are the ids of items that this service did not write.
    """

    patient: str
    visits: tuple[Visit, ...]
    fetched: tuple[Visit, ...]
    refusals: tuple[Visit, ...]
    forged: tuple[str, ...]

    @property
    def lines(self) -> tuple[Visit, ...]:
        """The visits, what was fetched, then the refusals."""
        return self.visits + self.fetched + self.refusals


def report_disclosures(
    trail: KeptEvents, patient: str, days: Sequence[str], client_id: str = "", *, without: str = ""
) -> DisclosureReport:
    """Return who saw a patient's record on consecutive days; `client_id` limits it to one client.

    Without a patient it is whom this client saw: its events that are of nobody showed nobody. `without` is the id of
    the report's own event, which is there before the report is. Raises `TooManyEventsError`.
    """
    kept = trail.of_patient(patient, days) if patient else trail.of_client(client_id, days)
    found = list(islice((each for each in kept if each.id != without), MAX_EVENTS + 1))
    if len(found) > MAX_EVENTS:
        raise TooManyEventsError
    events = [
        each.event for each in found if each.event and each.event.patient and client_id in ("", each.event.client_id)
    ]
    jobs = {each.job for each in events if each.service == EXPORTED_BY}
    # These events are of no patient. Without an export nobody reads the days again for them.
    of_files = [each.event for each in trail.of_jobs(jobs, days) if each.event] if jobs else []
    return DisclosureReport(
        patient,
        _visits(each for each in events if each.outcome == Outcome.ALLOWED),
        _visits(each for each in of_files if each.outcome == Outcome.ALLOWED),
        _visits(each for each in events if each.outcome != Outcome.ALLOWED),
        tuple(each.id for each in found if each.event is None),
    )


def _visits(events: Iterable[AuditEvent]) -> tuple[Visit, ...]:
    of_one: dict[tuple[str, str, str], list[AuditEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda each: each.id):
        of_one[event.patient, event.client_id, event.subject].append(event)
    visits = [Visit(tuple(each)) for own in of_one.values() for each in _apart(own)]
    return tuple(sorted(visits, key=lambda each: (each.last_at, each.events[-1].id), reverse=True))


def _apart(events: Sequence[AuditEvent]) -> Iterable[Sequence[AuditEvent]]:
    """Yield the events of one client in parts, which end where it paused for longer than a visit does."""
    begin = 0
    for number, (former, later) in enumerate(pairwise(events), start=1):
        if later.at - former.at > _VISIT_MILLISECONDS:
            yield events[begin:number]
            begin = number
    yield events[begin:]


def _deeds(event: AuditEvent) -> Collection[tuple[str, str]]:
    """Return what a request did, each a verb and what it was done to."""
    if event.interaction in _READS:
        return (("read", event.type),)
    if event.interaction == _OPERATION:
        return (_operation(event),)
    if is_listing(event):
        return ((f"listed for {event.interaction}", ""),)
    verb = _WRITES.get(event.interaction)
    if verb is None:
        return ((event.interaction, event.type),)
    if event.outcome != Outcome.ALLOWED:
        return ((f"asked for {event.interaction}", event.type),)
    written = tuple(each.partition(_VERSION)[0] for each in event.ids if _VERSION in each)
    # Without a version nothing was written: a conditional create found its match, or an update changed nothing.
    return tuple((verb, each) for each in written) or ((f"found for {event.interaction}", event.type),)


def _operation(event: AuditEvent) -> tuple[str, str]:
    """Return what an operation did; each is answered by a function of its own."""
    if event.service == _EVERYTHING_BY:
        return ("read", "$everything")
    if event.service == EXPORTED_BY:
        return ("exported", event.job)
    if event.service == FETCHED_FROM:
        return ("fetched", f"{event.job}/{event.file}")
    if event.service == _EXPORT_ASKED_OF:
        return ("asked for $export", event.job)
    return ("validated", event.type)


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{what} ×{count}".lstrip() if count > 1 else what for what, count in sorted(counted.items()))
