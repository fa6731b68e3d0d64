"""Check that each request has its audit events, and each audit event its request."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from audit_archiver.check_heartbeat import HEARTBEAT
from careconnect.audit.event import AuditEvent, Outcome
from careconnect_testing.ledger.entries import Entry
from careconnect_testing.ledger.scenarios import WRONG_SECRET

_NOBODY = Counter([""])
_ALLOWED = {(Outcome.ALLOWED, 0)}


def faults_of_events(events: list[AuditEvent], entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield each request whose events are not of the patients of whom its answer may tell, and events of no request."""
    by_request: defaultdict[str, list[AuditEvent]] = defaultdict(list)
    for event in events:
        if event.interaction != HEARTBEAT:
            by_request[event.request_id].append(event)
    yield from (f"no request has the events of {each}" for each in by_request.keys() - entries.keys())
    for entry in entries.values():
        found = by_request[entry.id]
        patients = Counter(event.patient for event in found)
        where = f"{entry} by {entry.sent.client}"
        if entry.is_in_doubt:
            # It may have been cut off before or after any event.
            if max(patients.values(), default=1) > 1:
                yield f"{where}: the events are of {dict(patients)}"
            continue
        if patients not in expected_patients(entry):
            yield f"{where}: the events are of {dict(patients)}"
        # An event without a status reports that the request was allowed, also if nothing was there.
        reported = {(event.outcome, event.status) for event in found}
        refused = {(Outcome.REFUSED, entry.status)}
        if not reported <= (
            _ALLOWED if entry.is_done else refused | (_ALLOWED if entry.status in (404, 410) else set())
        ):
            yield f"{where}: the events report {sorted(reported)}"
        if any(event.client_id not in (entry.sent.client, "") for event in found):
            yield f"{where}: the events name {sorted({event.client_id for event in found})}"


def expected_patients(entry: Entry) -> list[Counter[str]]:
    """Return the patients that the events of an answered request may be of, each way that the contract allows."""
    sent = entry.sent
    if sent.kind == WRONG_SECRET:
        return [Counter(), _NOBODY]
    if entry.status == 401 or (sent.by_gateway and entry.status == 403):
        return [Counter()]
    told = entry.told if entry.is_done else set()
    named = Counter(told | sent.named)
    if not sent.owner:
        return [named or _NOBODY]
    with_owner = Counter(told | sent.named | {sent.owner})
    # What is absent is nobody's.
    return [with_owner, named or _NOBODY] if entry.status in (204, 404) else [with_owner]
