"""Both writers over the tables of a reader, for any caller."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from careconnect.endpoint.pipeline import Auditing, RequestPipeline
from careconnect.fhir.resource_types import DATA_TABLES, Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.http.origin import Origin
from careconnect.storage.quota import Quota
from careconnect_admin.loading.load_request import LoadOutcome, LoadRequest
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.items.table_formats import begin_table
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.writes.target import Target
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import Pairs, fhir_event
from careconnect_testing.http.writes import JSON, PATCH, Resource
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.stores import BASE, NOW, Reader, made_tables, reader_in_memory
from careconnect_testing.parts.usage_counters import no_limit
from record_writer.app import WriterEndpoint
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.write_resources import ResourceWriter

EVERYTHING = "system/*.cruds"

WRITE = "TransactWriteItems"


@dataclass
class Writer:
    """Both deployed writers, and the readers of the same tables.

    `slept` are the writers' pauses: no pause takes real time, but each advances `stopwatch`. Without an `auditing`,
    requests store no events.
    """

    reader: Reader
    scope: str = EVERYTHING
    patient: str = ""
    identifier_systems: tuple[str, ...] = ()
    client_id: str = "client-1"
    now: Clock = field(default_factory=lambda: Clock(NOW))
    stopwatch: Clock = field(default_factory=Clock)
    slept: list[float] = field(default_factory=list)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    ids: Iterator[int] = field(default_factory=itertools.count)
    auditing: Auditing | None = None
    quota: Quota = field(default_factory=no_limit)

    def __post_init__(self) -> None:
        """Build the two apps, each with the tables that its function has."""
        self._apps = {table: self.app(table) for table in DATA_TABLES}

    def app(self, table: Table, origin: Origin | None = None) -> RequestPipeline:
        """Return the pipeline of a new instance of a writer's function, perhaps behind an edge."""
        tables = replace(self.reader.tables, ends=(table,))
        if table is Table.DIRECTORY:
            tables = replace(tables, record="")
        store = DynamoDbRecordStore(tables, self.now, self._sleep, self.stopwatch)
        writer = ResourceWriter(
            store, self.quota, self.now, self.stopwatch, self._sleep, lambda: f"new-{next(self.ids)}"
        )
        endpoint = WriterEndpoint(writer, table)
        return RequestPipeline(
            endpoint, BASE, "eu-west-2", Cors(("*",)), self.observer, self.now, origin or Origin(), self.auditing
        )

    def together(self) -> ResourceWriter:
        """Return what writes transaction Bundles, as the function of Bundles has it."""
        store = DynamoDbRecordStore(self.reader.tables, self.now, self._sleep, self.stopwatch)
        return ResourceWriter(store, self.quota, self.now, self.stopwatch, self._sleep, lambda: f"new-{next(self.ids)}")

    def as_caller(
        self,
        scope: str = EVERYTHING,
        patient: str = "",
        client_id: str = "client-1",
        identifier_systems: tuple[str, ...] = (),
    ) -> "Writer":
        """Return the same writers and readers for another caller."""
        reader = self.reader.as_caller(scope, patient, client_id)
        return replace(
            self,
            reader=reader,
            scope=scope,
            patient=patient,
            client_id=client_id,
            identifier_systems=identifier_systems,
        )

    @property
    def calls(self) -> list[str]:
        """The names of the operations that were called."""
        return self.reader.calls

    @property
    def faults(self) -> list[Callable[[str], None]]:
        """Functions that are called with each operation's name before it. One that raises makes the operation fail."""
        return self.reader.faults

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Pairs | str = (),
        *,
        type_: str = JSON,
        **headers: str,
    ) -> Answer:
        """Send a request below the base; a `body` that is no text is sent as JSON."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if body is None or isinstance(body, str) else json_text(body)
        if text is not None:
            given.setdefault("Content-Type", type_)
        pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else query
        return self.answer(fhir_event(method, path, pairs, headers=given, body=text, authorizer=self.context))

    @property
    def context(self) -> dict[str, str]:
        """The caller's context from the authorizer."""
        context = {"client_id": self.client_id, "scope": self.scope, "expires_at": str(int(self.now()) + 600)}
        context |= {"jti": "a-jti"} | ({"patient": self.patient} if self.patient else {})
        if self.identifier_systems:
            context["identifier_systems"] = " ".join(self.identifier_systems)
        return context

    def answer(self, event: Mapping[str, Any], table: Table | None = None) -> Answer:
        """Return the response of the writer that an event's path is routed to, or of another."""
        type_ = resource_type(event["path"].removeprefix(FHIR_PATH + "/").partition("/")[0])
        return Answer.of(self._apps[table or (type_.table if type_ else Table.RECORD)](event))

    def create(self, resource: Resource, **headers: str) -> Answer:
        """Create a resource."""
        return self.send("POST", resource["resourceType"], resource, **headers)

    def update(self, resource: Resource, **headers: str) -> Answer:
        """Update a resource, or create it under its own id."""
        return self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **headers)

    def patch(self, path: str, *operations: Any, **headers: str) -> Answer:
        """Patch a resource."""
        return self.send("PATCH", path, list(operations), type_=PATCH, **headers)

    def delete(self, path: str, query: Pairs | str = (), **headers: str) -> Answer:
        """Delete a resource, or the one that a condition finds."""
        return self.send("DELETE", path, None, query, **headers)

    def made(self, resource: Resource) -> Resource:
        """Write a resource, under its own id if it has one, and return it as it is stored."""
        answer = self.update(resource) if "id" in resource else self.create(resource)
        assert answer.status in (200, 201), answer.text
        stored: Resource = json.loads(answer.text)
        return stored

    def loaded(self, resource: Resource) -> None:
        """Store a resource that breaks invariants, as `careconnect load --accept-invariants` does."""
        type_ = resource_type(resource["resourceType"])
        assert type_ is not None
        loader = RecordWriter(self.reader.tables, clock=lambda: datetime.fromtimestamp(self.now(), UTC))
        [result] = loader.write([LoadRequest(Target(type_, resource["id"]), resource)])
        assert result.outcome is LoadOutcome.LOADED

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.stopwatch.now += seconds


@contextmanager
def writer_in_memory() -> Iterator[Writer]:
    """Make empty tables of this release in memory, and yield the writers over them."""
    with reader_in_memory() as reader:
        yield _with_tables_of_this_release(reader)


@pytest.fixture(scope="module")
def module_writer() -> Iterator[Writer]:
    """Writers that live as long as the module's tests."""
    with writer_in_memory() as made:
        yield made


@pytest.fixture
def writer(module_writer: Writer) -> Writer:
    """Both writers over empty tables of this release."""
    return with_other_tables(module_writer)


def with_other_tables(writer: Writer) -> Writer:
    """Return writers over other, empty tables beside the former."""
    former = writer.reader
    former.faults.clear()
    reader = Reader(former.client, made_tables(former.client), calls=former.calls, faults=former.faults)
    return _with_tables_of_this_release(reader)


def _with_tables_of_this_release(reader: Reader) -> Writer:
    for table in reader.tables.of_resources:
        begin_table(reader.client, table)
    reader.calls.clear()
    return Writer(reader)


def issues_in(answer: Answer) -> list[tuple[str, tuple[str, ...]]]:
    """Return the code and the expressions of each issue of an OperationOutcome in JSON."""
    outcome = answer.json
    assert outcome["resourceType"] == "OperationOutcome", outcome
    return [(issue["code"], tuple(issue.get("expression", ()))) for issue in outcome["issue"]]
