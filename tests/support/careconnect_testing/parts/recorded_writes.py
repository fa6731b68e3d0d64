"""Writers with their audit events in a table in memory, as deployed, and the events of their writes."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import AuditEvent, Outcome
from careconnect.endpoint.pipeline import Auditing
from careconnect_testing.dynamodb import Database
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.record_writers import WRITE, Writer

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Record:
    """The writers' audit table in memory: its name, and all its events."""

    database: Database
    table: str
    all: Callable[[], list[AuditEvent]]

    def since(self, act: Callable[[], object]) -> list[AuditEvent]:
        """Run `act`, and return its events."""
        before = {event.id for event in self.all()}
        act()
        return [event for event in self.all() if event.id not in before]

    def forget(self) -> None:
        """Delete all events, which no writer may do."""
        self.database.clear(self.table)


def with_record(writer: Writer, *, fails_open: bool = False) -> tuple[Writer, Record]:
    """Return the same writers with an empty audit table of their own."""
    client, name = writer.reader.client, f"audit-{next(_NUMBERS)}"
    record = Record(client.database, name, audit_table(client, name))
    kept = DynamoDbAuditStore(client, name)
    return replace(writer, auditing=Auditing(kept, "tested", fails_open=fails_open)), record


def made_by(events: Iterable[AuditEvent]) -> list[tuple[str, str]]:
    """Return the version and the patient of each event of a created version."""
    return sorted(
        (of, event.patient)
        for event in events
        for of in event.ids
        if event.outcome is Outcome.ALLOWED and "/_history/" in of
    )


def cancelling(writer: Writer, table: str, reason: str, others: str = "None", times: int = 1) -> None:
    """Have transactions on a table cancelled, with `reason` for its items and `others` for those of other tables."""
    events, event = writer.reader.client.meta.events, f"provide-client-params.dynamodb.{WRITE}"
    left = itertools.count(times, -1)

    def cancel(params: Any, **_: Any) -> None:
        names = [each["TableName"] for one in params["TransactItems"] for each in one.values()]
        if table not in names:
            return
        if next(left) <= 0:
            events.unregister(event, cancel)
            return
        reasons = [{"Code": reason if name == table else others} for name in names]
        response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(response, WRITE)

    events.register(event, cancel)
