"""The auditor over a table in memory or in moto, with its AWS calls counted and failing on demand."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore.config import Config
from moto import mock_aws

from access_auditor.app import AuditEndpoint
from access_auditor.dynamodb_event_store import DynamoDbEventStore
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import Action, AuditEvent, Outcome, event_of
from careconnect.endpoint.pipeline import Auditing, RequestPipeline
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.storage.quota import Quota
from careconnect_testing.aws.tables import create_table
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import FORM, Pairs, fhir_event
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.usage_counters import no_limit

BASE = "https://care.example"
FHIR_BASE = BASE + FHIR_PATH
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)

_NUMBERS = count()
_SESSION = boto3.session.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="eu-west-2")


def an_event(at: datetime, number: int = 0, **fields: Any) -> AuditEvent:
    """Return an event at a time; `number` gives its shard and the rest of its id."""
    event_id = f"{int(at.timestamp() * 1000):012x}-{number % 16:x}{number:031x}"
    given = {"action": Action.READ, "interaction": "read", "client_id": "client-1", "service": "fhir_reader", **fields}
    return AuditEvent(id=event_id, **given)


KEPT = [
    an_event(NOW - timedelta(minutes=5), 1, patient="4", ids=("Patient/4",), type="Patient", jti="j-1"),
    an_event(NOW - timedelta(minutes=4), 2, patient="4", ids=("Observation/o1",), type="Observation"),
    an_event(NOW - timedelta(minutes=3), 3, patient="5", ids=("Patient/5",), client_id="client-2"),
    an_event(
        NOW - timedelta(minutes=2),
        4,
        patient="4",
        interaction="search-type",
        type="Condition",
        query="patient=4",
        outcome=Outcome.REFUSED,
        why="scope",
        status=403,
    ),
    an_event(
        NOW - timedelta(minutes=1),
        5,
        action=Action.EXECUTE,
        interaction="token",
        client_id="client-2",
        service="token_issuer",
    ),
    an_event(
        NOW - timedelta(days=1),
        6,
        patient="4",
        action=Action.UPDATE,
        interaction="update",
        ids=("Patient/4",),
        outcome=Outcome.FAILED,
        why="error",
    ),
    an_event(NOW - timedelta(days=10), 7, patient="5", ids=("Observation/o5",), type="Observation"),
]
"""Events of two patients and of none, which the tests store."""


@dataclass
class Auditor:
    """The deployed auditor, for requests of any caller."""

    client: Any
    event_table: str
    scope: str = "system/AuditEvent.read"
    patient: str = ""
    client_id: str = "auditor"
    retention_days: int = 0
    now: Clock = field(default_factory=lambda: Clock.at(NOW))
    quota: Quota = field(default_factory=no_limit)
    calls: list[str] = field(default_factory=list)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    faults: list[Callable[[str], None]] = field(default_factory=list)
    """Functions that are called with each operation's name before it. One that raises makes the operation fail."""

    def __post_init__(self) -> None:
        """Build the function."""
        self.app = RequestPipeline(
            AuditEndpoint(DynamoDbEventStore(self.client, self.event_table, self.retention_days), self.quota, self.now),
            BASE,
            "eu-west-2",
            Cors(("*",)),
            self.observer,
            self.now,
            auditing=Auditing(DynamoDbAuditStore(self.client, self.event_table), "access_auditor"),
        )

    def as_caller(self, scope: str = "patient/AuditEvent.read", patient: str = "") -> "Auditor":
        """Return the same auditor for another caller."""
        return replace(self, scope=scope, patient=patient)

    def keep(self, *events: AuditEvent) -> None:
        """Store events."""
        for event in events:
            self.client.put_item(TableName=self.event_table, Item=event.item())

    def own_events(self) -> list[AuditEvent]:
        """Return the audit events of the auditor's own reads, oldest first."""
        items = self.client.scan(TableName=self.event_table)["Items"]
        found = [event_of(item) for item in items if item.get("service") == {"S": "access_auditor"}]
        return sorted(found, key=lambda event: event.id)

    def get(self, path: str, query: Pairs | str = (), method: str = "GET", **headers: str) -> Answer:
        """GET a path below the base; a query as text is decoded as the gateway decodes it."""
        pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else query
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(fhir_event(method, path, pairs, headers=given, authorizer=self.context))

    def post(self, path: str, body: str, **headers: str) -> Answer:
        """Post a form to a path below the base."""
        given = {"Content-Type": FORM} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(fhir_event("POST", path, headers=given, body=body, authorizer=self.context))

    def follow(self, url: str) -> Answer:
        """Get an absolute URL of this server."""
        assert url.startswith(FHIR_BASE + "/"), url
        parts = urlsplit(url)
        return self.get(unquote(parts.path).removeprefix(FHIR_PATH + "/"), parts.query)

    def scan(self, query: str = "") -> list[Answer]:
        """Return all pages of a search, following the next links."""
        pages = [self.get("AuditEvent", query)]
        assert pages[0].status == 200, pages[0].text
        while url := pages[-1].link("next"):
            pages.append(self.follow(url))
            assert pages[-1].status == 200, pages[-1].text
        return pages

    @property
    def context(self) -> dict[str, str]:
        """The caller's context from the authorizer."""
        context = {"client_id": self.client_id, "scope": self.scope, "expires_at": str(int(self.now()) + 600)}
        context["jti"] = "token-1"
        return context | ({"patient": self.patient} if self.patient else {})

    def send(self, event: Mapping[str, Any]) -> Answer:
        """Pass an event to the function, as if a moment had passed since the previous one."""
        self.now.now += 1
        self.calls.clear()
        return Answer.of(self.app(event))


@contextmanager
def auditor_in_memory() -> Iterator[Auditor]:
    """Create an empty table in memory, and yield the auditor over it."""
    client = InMemoryClient(Database(time.time))
    create_table(client, "AuditTable", "events")
    auditor = Auditor(client, "events")

    def before_call(operation: str, _request: Mapping[str, Any]) -> None:
        auditor.calls.append(operation)
        for fault in auditor.faults:
            fault(operation)

    client.before = before_call
    yield auditor


@contextmanager
def auditor_on_moto() -> Iterator[Auditor]:
    """Create an empty table in moto, and yield the auditor over it: for the handler."""
    with mock_aws():
        client = _SESSION.client("dynamodb", config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32))
        name = f"events-{next(_NUMBERS)}"
        create_table(client, "AuditTable", name)
        auditor = Auditor(client, name)

        def before_call(model: Any, **_: Any) -> None:
            auditor.calls.append(model.name)
            for fault in auditor.faults:
                fault(model.name)

        client.meta.events.register("before-call", before_call)
        yield auditor
