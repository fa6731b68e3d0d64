"""Promises of the audit trail: nothing shown or done without its event, nothing recorded but what was."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect.audit.event import AuditEvent, Outcome, event_of
from careconnect_admin.audit_trail.operators import SERVICE
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.ledger import (
    BUNDLES,
    ERASER_TASK,
    MOVER_TASK,
    OPERATOR_TASK,
    Exchange,
    Ledger,
    Walk,
    parts_of,
)
from careconnect_testing.simulation.promises.answers import patients_shown, shown
from careconnect_testing.simulation.world.gateway import Gateway
from careconnect_testing.simulation.world.names import AUDIT
from careconnect_testing.simulation.world.system import BrokenPromiseError

_MINUTE: Final = 60.0

_FILTERS: Final[Mapping[str, Callable[[AuditEvent, str], bool]]] = {
    "patient": lambda event, value: event.patient == value,
    "outcome": lambda event, value: event.outcome == value,
    # All events of a run are later.
    "date": lambda _event, _value: True,
}


def _shows(resource: Mapping[str, Any], event: AuditEvent) -> bool:
    """Return True if an AuditEvent says what the stored event does."""
    references = [each["reference"]["reference"] for each in resource.get("entity", ()) if "reference" in each]
    wanted = [f"Patient/{event.patient}"] if event.patient else []
    wanted += [each for each in event.ids if each not in wanted]
    (agent,) = resource["agent"]
    return (
        references == wanted
        and resource["action"] == event.action
        and resource["outcome"] == event.outcome
        and resource.get("outcomeDesc", "") == event.why
        and agent.get("userId", {}).get("value", "") == event.client_id
    )


@dataclass
class Trail:
    """Checks the events of each request when its answer leaves, and all of them at the end."""

    database: Database
    ledger: Ledger
    gateway: Gateway
    operators: list[AuditEvent] = field(default_factory=list)
    """The events of operators' commands."""
    _seen: int = 0
    _events: dict[str, list[AuditEvent]] = field(default_factory=lambda: defaultdict(list))
    _events_in_order: list[AuditEvent] = field(default_factory=list)
    _known_at: dict[int, int] = field(default_factory=dict)
    """How many of them were stored at a place of the ledger at least."""
    _answered: set[str] = field(default_factory=set)

    def judge(self, done: Exchange) -> None:
        """Check the events of an answered request; raises `BrokenPromiseError`."""
        self._read_on()
        self._known_at[done.ended or 0] = len(self._events_in_order)
        if done.answer is None or done.request_id not in self.gateway.reached:
            return
        events = self._events[done.request_id]
        status = done.answer.status
        # Entries of a batch are refused each by itself.
        statuses = {part.status for part in parts_of(done)} if done.step.kind == "batch" else {status}
        # What was answered 503 may be done yet, and its event with it.
        if max({status, *statuses}) < 500:
            self._answered.add(done.request_id)
        if not events and 429 in statuses:
            events = self._throttled(done)
        if not events and (statuses or {status}) - {503} and done.sent.token:
            raise BrokenPromiseError(f"{done.step} was answered {status} without an event")
        allowed = {event.patient for event in events if event.outcome is Outcome.ALLOWED}
        before = (
            self.ledger.patients_before(f"{each['resourceType']}/{each['id']}", int(each["meta"]["versionId"]))
            for each in shown(done.answer)
        )
        if unrecorded := patients_shown(done.answer).union(*before) - allowed:
            raise BrokenPromiseError(f"{done.step} showed {sorted(unrecorded)} without an event of theirs")
        if (
            status < 300
            and done.sent.token
            and done.step.kind != "batch"
            and not any(event.outcome is Outcome.ALLOWED for event in events)
        ):
            named = {event.why for event in events}
            if named != {"compartment"}:
                raise BrokenPromiseError(f"{done.step} was answered {status}, and recorded as {named}")

    def check(self) -> None:
        """Check all events against everything that was sent and stored; raises `BrokenPromiseError`."""
        self._read_on()
        stored = {
            f"{key}/_history/{commit.version}": commit
            for key, commits in self.ledger.commits.items()
            for commit in commits
        }
        by_version: dict[str, set[str]] = defaultdict(set)
        sent = {each.request_id: each for each in self.ledger.exchanges}
        for request_id, events in self._events.items():
            if request_id not in sent:
                raise BrokenPromiseError(f"an event of a request that nobody sent: {request_id}")
            self._check_own(sent[request_id], events)
            self._check_once(sent[request_id], events)
            self._check_number(sent[request_id], events)
            for event in events:
                if event.outcome is Outcome.ALLOWED and sent[request_id].sent.method not in ("GET", "HEAD"):
                    self._check_made(event, stored, by_version)
        for made, commit in stored.items():
            patients = {*self.ledger.patients_before(commit.key, commit.version), *commit.patients}
            is_operators = commit.task in ("outside", OPERATOR_TASK, ERASER_TASK, MOVER_TASK)
            if not is_operators and not patients <= by_version[made]:
                raise BrokenPromiseError(f"{made} was stored without its event for each of {sorted(patients)}")

    def _throttled(self, done: Exchange) -> list[AuditEvent]:
        """Return the events that the 429s of a client share within a minute, those of requests near this one's time."""
        return [
            event
            for event in self._events_in_order
            if event.why == "throttled"
            and event.client_id == done.client
            and done.began_at - _MINUTE <= event.at / 1000 <= done.ended_at + _MINUTE
        ]

    def check_walk(self, walk: Walk) -> None:
        """Check the pages of a search of the trail: each event as it was stored, and none twice or left out."""
        if not walk.pages or any(page.status != 200 for page in walk.pages):
            return
        self._read_on()
        by_id = {event.id: event for event in self._events_in_order}
        name, _, value = walk.step.arguments[0].partition("=")
        entries = [entry for page in walk.pages if page.answer for entry in page.answer.json.get("entry", ())]
        shown = [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "AuditEvent"]
        for resource in shown:
            event = by_id.get(resource["id"])
            if event is None or not _shows(resource, event) or not _FILTERS[name](event, value):
                raise BrokenPromiseError(f"{walk.step} showed an event that is not stored so: {resource}")
        ids = [resource["id"] for resource in shown]
        if ids != sorted(set(ids), reverse=True):
            raise BrokenPromiseError(f"{walk.step} showed events twice, or out of order: {ids}")
        if walk.is_whole and name != "patient":
            # The index by patient lags.
            before = max((number for place, number in self._known_at.items() if place < walk.pages[0].began), default=0)
            for event in self._events_in_order[:before]:
                if _FILTERS[name](event, value) and event.id not in ids:
                    raise BrokenPromiseError(f"{walk.step} did not show {event}")

    @staticmethod
    def _check_made(event: AuditEvent, stored: Mapping[str, object], by_version: Mapping[str, set[str]]) -> None:
        for named in event.ids:
            if "/_history/" in named:
                if named not in stored:
                    raise BrokenPromiseError(f"an event says that {named} was made, and it is not stored")
                by_version[named].add(event.patient)

    @staticmethod
    def _check_once(exchange: Exchange, events: Iterable[AuditEvent]) -> None:
        """Check that a write is not recorded as done and as failed."""
        if exchange.step.kind in BUNDLES:
            # Its reads are recorded by themselves, and may fail.
            return
        done = {event.patient for event in events if any("/_history/" in each for each in event.ids)}
        failed = {event.patient for event in events if event.outcome is not Outcome.ALLOWED}
        if exchange.sent.method in ("PUT", "PATCH", "DELETE", "POST") and done & failed:
            raise BrokenPromiseError(f"{exchange.step} is recorded as done and as failed")

    @staticmethod
    def _check_number(exchange: Exchange, events: Iterable[AuditEvent]) -> None:
        """Check that a write made one version at most, a Bundle one for each entry, and a refused request none."""
        kind, method = exchange.step.kind, exchange.sent.method
        if method in ("GET", "HEAD"):
            return
        made = {each for event in events for each in event.ids if "/_history/" in each}
        most = 1
        if kind in BUNDLES:
            entries = json.loads(exchange.sent.body or "{}")["entry"]
            most = sum(entry["request"]["method"] != "GET" for entry in entries)
        if len(made) > most:
            raise BrokenPromiseError(f"{exchange.step} made {sorted(made)}: more than it asked for")
        if made and kind != "batch" and exchange.status >= 400 and not exchange.is_in_doubt:
            raise BrokenPromiseError(f"{exchange.step} was refused with {exchange.status}, and made {sorted(made)}")

    @staticmethod
    def _check_own(exchange: Exchange, events: Iterable[AuditEvent]) -> None:
        for event in events:
            if event.client_id and event.client_id != exchange.client:
                raise BrokenPromiseError(f"an event of {exchange.step} names the client {event.client_id}")

    def _read_on(self) -> None:
        records = self.database.stream(AUDIT, self._seen)
        for record in records:
            if record["eventName"] != "INSERT":
                raise BrokenPromiseError(f"an event was changed: {record['eventName']}")
            image = record["dynamodb"]["NewImage"]
            if "action" in image:
                event = event_of(image)
                if event.request_id in self._answered:
                    raise BrokenPromiseError(f"an event was stored after its answer: {event}")
                if event.service == SERVICE:
                    self.operators.append(event)
                else:
                    self._events[event.request_id].append(event)
                self._events_in_order.append(event)
        self._seen += len(records)
