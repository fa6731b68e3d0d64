"""The reader over DynamoDB tables that hold a few records, with its AWS calls counted and failing on demand."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore.config import Config
from moto import mock_aws

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import DATA_TABLES, Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.storage.keys import CURSOR_KEY, JSON_ITEM
from careconnect.storage.quota import Quota
from careconnect_admin.loading.load import load_paths
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.tables import create_table
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import FORM, Pairs, fhir_event
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.usage_counters import UsageCounters
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore

BASE = "https://care.example"
FHIR_BASE = BASE + FHIR_PATH
EVERYTHING = "system/*.read profile"
LOADED = datetime(2024, 5, 1, 10, 0, 0, 250_000, tzinfo=UTC)
NOW = 1_750_000_000.0

_NUMBERS = count()

KINDS = ("records", "directory", "references", "transactions", "directory-transactions")
"""The tables of `RecordTables`, as tests name them."""

# One session for the whole run: creating one takes longer than many tests.
_SESSION = boto3.session.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="eu-west-2")


@dataclass
class Reader:
    """Both deployed readers over tables in memory or in moto, for requests of any caller."""

    client: Any
    tables: RecordTables
    scope: str = EVERYTHING
    patient: str = ""
    client_id: str = "client-1"
    origins: tuple[str, ...] = ("*",)
    now: Clock = field(default_factory=lambda: Clock(NOW))
    stopwatch: Callable[[], float] = lambda: 0.0
    """It stands still: a busy machine would shorten pages."""
    counters: UsageCounters = field(default_factory=UsageCounters)
    quota: int = 10**12
    calls: list[str] = field(default_factory=list)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    kept: StoredEvents = field(default_factory=StoredEvents)
    """The audit events of the requests."""
    faults: list[Callable[[str], None]] = field(default_factory=list)
    """Functions that are called with each operation's name before it. One that raises makes the operation fail."""

    def __post_init__(self) -> None:
        """Build the two apps, each with the tables that its function has."""
        self._apps = {table: self.app(table) for table in DATA_TABLES}

    def app(self, table: Table) -> RequestPipeline:
        """Return the pipeline of a new instance of a reader's function."""
        names: dict[Table, str] = {Table.RECORD: self.tables.record, Table.DIRECTORY: self.tables.directory}
        own: dict[Table, str] = names if table is Table.RECORD else {table: names[table]}
        store = DynamoDbResourceStore(self.client, own, table, self.tables.states)
        endpoint = FhirEndpoint(store, table, Quota(self.counters, self.quota), self.stopwatch)
        return RequestPipeline(
            endpoint, BASE, "eu-west-2", Cors(self.origins), self.observer, self.now, auditing=self.kept.auditing()
        )

    def as_caller(self, scope: str = EVERYTHING, patient: str = "", client_id: str = "client-1") -> "Reader":
        """Return the same reader for another caller; calls are counted together."""
        return replace(self, scope=scope, patient=patient, client_id=client_id)

    @property
    def context(self) -> dict[str, str]:
        """The caller's context from the authorizer."""
        context = {"client_id": self.client_id, "scope": self.scope, "expires_at": str(int(self.now()) + 600)}
        return context | ({"patient": self.patient} if self.patient else {})

    def get(self, path: str, query: Pairs | str = (), method: str = "GET", **headers: str) -> Answer:
        """GET a path below the base; a query as text is decoded as the gateway decodes it."""
        pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else query
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(fhir_event(method, path, pairs, headers=given, authorizer=self.context))

    def post(self, path: str, body: str, query: Pairs = (), **headers: str) -> Answer:
        """Post a form to a path below the base."""
        given = {"Content-Type": FORM} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(fhir_event("POST", path, query, headers=given, body=body, authorizer=self.context))

    def follow(self, url: str) -> Answer:
        """Get an absolute URL of this server."""
        assert url.startswith(FHIR_BASE + "/"), url
        parts = urlsplit(url)
        return self.get(unquote(parts.path).removeprefix(FHIR_PATH + "/"), parts.query)

    def walk(self, path: str, query: Pairs | str = ()) -> list[Answer]:
        """Return all pages of a search, following the next links."""
        pages = [self.get(path, query)]
        assert pages[0].status == 200, pages[0].text
        while url := pages[-1].link("next"):
            pages.append(self.follow(url))
            assert pages[-1].status == 200, pages[-1].text
        return pages

    def give_away(self, reference: str, patient: str) -> None:
        """Assign a record to another patient in its body alone, as a load does before it writes the index entries."""
        self.client.update_item(
            TableName=self.tables.record,
            Key={"pk": {"S": reference}, "sk": {"S": JSON_ITEM}},
            UpdateExpression="SET patient = :patient",
            ExpressionAttributeValues={":patient": {"S": patient}},
        )

    def send(self, event: Mapping[str, Any], table: Table | None = None) -> Answer:
        """Pass an event to the reader that its path is routed to, or to another."""
        name = event["path"].removeprefix(FHIR_PATH + "/").partition("/")[0]
        type_ = resource_type(name)
        return Answer.of(self._apps[table or (type_.table if type_ else Table.RECORD)](event))


def new_client() -> Any:
    """Return a client of DynamoDB in moto, whose calls nobody counts yet."""
    return _SESSION.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))


@contextmanager
def reader_on_moto() -> Iterator[Reader]:
    """Create empty tables in moto, and yield the reader over them: for handlers, and for more than DynamoDB's items."""
    with mock_aws():
        client = new_client()
        reader = Reader(client, made_tables(client))

        def before_call(model: Any, params: Any, **_: Any) -> None:
            if model.name == "GetItem" and CURSOR_KEY[0].encode() in params["body"]:
                # The check of the tables' format happens once an instance, and is not under test.
                return
            reader.calls.append(model.name)
            for fault in reader.faults:
                fault(model.name)

        client.meta.events.register("before-call", before_call)
        yield reader


@contextmanager
def reader_in_memory() -> Iterator[Reader]:
    """Create empty tables in memory, and yield the reader over them."""
    client = InMemoryClient(Database(time.time))
    reader = Reader(client, made_tables(client))

    def before_call(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "GetItem" and request["Key"]["pk"]["S"] == CURSOR_KEY[0]:
            # The check of the tables' format happens once an instance, and is not under test.
            return
        reader.calls.append(operation)
        for fault in reader.faults:
            fault(operation)

    client.before = before_call
    yield reader


def made_tables(client: Any) -> RecordTables:
    """Create empty tables, beside those that the client has."""
    number = next(_NUMBERS)
    names = [f"{kind}-{number}" for kind in KINDS]
    for resource, name in zip(OUTPUTS, names, strict=True):
        create_table(client, resource, name)
    return RecordTables(client, *names)


def load(reader: Reader, path: Path, at: datetime = LOADED) -> None:
    """Load a file into the reader's tables."""
    report = load_paths([path], reader.tables, clock=Clock.at(at).utc, base_url=BASE, writers=1)
    assert not report.problems, report.problems
    reader.calls.clear()
