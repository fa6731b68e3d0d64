"""Jobs of bulk exports, and their table in memory."""

from collections.abc import Callable
from typing import Any, Final

from careconnect.audit.event import Action, AuditEvent, Outcome, new_event_id
from careconnect.export.job import Job, Selection
from careconnect.export.jobs import DynamoDbJobs
from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.dynamodb.database import Database

EXPORT_TABLE: Final = "export"
JOB_ID: Final = "0123456789abcdef" * 2
KEYS: Final[Any] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
}


def a_job(now: float, **fields: Any) -> Job:
    """Return a job of all Patients that `client-1` has started at `now`, in epoch seconds."""
    given: dict[str, Any] = {
        "id": JOB_ID,
        "at": int(now * 1000),
        "client_id": "client-1",
        "scope": "system/*.rs",
        "jti": "token-7",
        "issued_at": int(now) - 5,
        "url": "https://a.example/$export",
        "fhir_base": "https://a.example",
        "kick_off": AuditEvent(
            id=new_event_id(now),
            action=Action.EXECUTE,
            interaction="operation",
            query="_type=Patient",
            client_id="client-1",
            client_name="Ward 7",
            subject="client-1",
            jti="token-7",
            outcome=Outcome.ALLOWED,
            request_id="asked-1",
            gateway_request_id="7d1f2c8e",
            address="203.0.113.7",
            service="export_keeper",
        ),
        "selection": Selection(("Patient",)),
        **fields,
    }
    return Job(**given)


def export_table(clock: Callable[[], float], *checks: Any) -> tuple[DynamoDbJobs, Any]:
    """Return the table of jobs in memory and its client; `checks` see each call first, and may fail it."""
    client: Any = InMemoryClient(Database(clock=clock), *checks)
    return export_table_of(client, EXPORT_TABLE), client


def export_table_of(client: Any, table: str) -> DynamoDbJobs:
    """Create a table of jobs beside other tables in memory, and return it."""
    client.database.create_table(TableName=table, **KEYS)
    return DynamoDbJobs(client, table)
