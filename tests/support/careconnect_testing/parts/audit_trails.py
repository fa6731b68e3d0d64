"""The audit trail of tests: stored in memory for assertions, or in moto's tables as deployed."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from careconnect.audit.dynamodb_store import DOWN
from careconnect.audit.event import AuditEvent, event_of
from careconnect.audit.store import EventNotStoredError
from careconnect.endpoint.pipeline import Auditing
from careconnect_testing.aws.tables import create_table


@dataclass
class StoredEvents:
    """An audit store in memory; with a `fault` it can store nothing. `steps` lists each begin and store, in order.

    Each id is stored once, as in the deployed store.
    """

    events: list[AuditEvent] = field(default_factory=list)
    fault: str = ""
    steps: list[str] = field(default_factory=list)

    def begin(self, events: Sequence[AuditEvent]) -> "list[Future[None]]":
        """Store events at once, and return a finished future like the deployed store's."""
        self.steps.append(f"begin {len(events)}")
        kept: Future[None] = Future()
        try:
            self._keep(events)
        except EventNotStoredError as error:
            kept.set_exception(error)
        else:
            kept.set_result(None)
        return [kept]

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Store events, and wait."""
        self.steps.append(f"keep {len(events)}")
        self._keep(events)

    def put_action(self, event: AuditEvent) -> dict[str, Any]:
        """Return the Put of an event into a table called `audit`."""
        return {"Put": {"TableName": "audit", "Item": event.item()}}

    def _keep(self, events: Sequence[AuditEvent]) -> None:
        if self.fault:
            raise EventNotStoredError(self.fault, is_down=self.fault in DOWN)
        known = {event.id for event in self.events}
        self.events += [event for event in events if event.id not in known]

    def auditing(self, *, fails_open: bool = False) -> Auditing:
        """Return a function's auditing that stores its events here."""
        return Auditing(self, "tested", fails_open=fails_open)


def audit_table(client: Any, name: str) -> Callable[[], list[AuditEvent]]:
    """Create an audit table by a name, and return a function that lists its events by id."""
    create_table(client, "AuditTable", name)
    return lambda: [
        event_of(item)
        for item in sorted(client.scan(TableName=name)["Items"], key=lambda one: str(one["sk"]["S"]))
        if "action" in item
    ]
