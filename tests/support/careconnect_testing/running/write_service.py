"""Writers and readers over tables of the emulator, each with a connection of its own, without API Gateway between."""

import time
from dataclasses import dataclass
from typing import Any

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.endpoint.pipeline import Auditing, RequestPipeline
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Cors
from careconnect.http.origin import Origin
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.table_formats import begin_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import fhir_event
from careconnect_testing.http.writes import JSON
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.stores import BASE
from careconnect_testing.parts.usage_counters import no_limit
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore
from record_writer.app import WriterEndpoint
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.write_resources import ResourceWriter

_KINDS = ("records", "directory", "references", "transactions", "directory-transactions")
TABLES, EVENTS = tuple(f"storm-{kind}" for kind in _KINDS), "storm-events"


def make_tables(client: Any) -> None:
    """Create the tables of this release, and one of events."""
    for resource, name in zip(OUTPUTS, TABLES, strict=True):
        create_table(client, resource, name)
    create_table(client, "AuditTable", EVENTS)
    for table in TABLES[:2]:
        begin_table(client, table)


@dataclass(frozen=True)
class WriteService:
    """A writer with its audit trail, and a reader of the records, as one instance of each function has them."""

    tables: RecordTables

    @classmethod
    def over(cls, client: Any) -> "WriteService":
        """Return new instances over the tables that `make_tables` created."""
        return cls(RecordTables(client, *TABLES))

    def __post_init__(self) -> None:
        names = {Table.RECORD: self.tables.record, Table.DIRECTORY: self.tables.directory}
        writer = WriterEndpoint(ResourceWriter(DynamoDbRecordStore(self.tables), no_limit()), Table.RECORD)
        store = DynamoDbResourceStore(self.tables.client, names, Table.RECORD, self.tables.states)
        reader = FhirEndpoint(store, Table.RECORD, no_limit(), time.monotonic)
        record = Auditing(DynamoDbAuditStore(self.tables.client, EVENTS), "storm")
        for name, endpoint, auditing in (("_writer", writer, record), ("_reader", reader, None)):
            observer = RecordingObserver()
            pipeline = RequestPipeline(
                endpoint, BASE, "eu-west-2", Cors(("*",)), observer, time.time, Origin(), auditing
            )
            object.__setattr__(self, name, pipeline)

    def send(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """Send a request to the function that the gateway would hand it to."""
        path, _, query = target.partition("?")
        pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")] if query else []
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given["Content-Type"] = JSON
        context = {"client_id": "storm", "scope": "system/*.cruds", "expires_at": str(int(time.time()) + 600)}
        event = fhir_event(
            method,
            path,
            pairs,  # type: ignore[arg-type]
            headers=given,
            body=None if body is None else json_text(body),
            authorizer=context,
        )
        pipeline = self._reader if method == "GET" else self._writer  # type: ignore[attr-defined]
        return Answer.of(pipeline(event))
