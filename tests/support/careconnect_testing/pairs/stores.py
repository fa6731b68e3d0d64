"""Stores that are equal but for one patient, each with all functions of the FHIR API over it, in this process."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from unittest.mock import patch

from access_auditor.app import AuditEndpoint
from access_auditor.dynamodb_event_store import DynamoDbEventStore
from careconnect.audit.disclosures import Disclosures
from careconnect.audit.event import Action, AuditEvent, event_of
from careconnect.endpoint import pipeline
from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Cors
from careconnect.storage.quota import Quota
from careconnect_admin.erasing.erase_patient import Erasure
from careconnect_testing.aws.tables import create_table
from careconnect_testing.dynamodb import InMemoryClient
from careconnect_testing.http.answer import Answer
from careconnect_testing.pairs.asked import SPENT, Asked, caller
from careconnect_testing.pairs.crowd import crowd
from careconnect_testing.pairs.lives import HE, MOVED, Life, others
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.stores import BASE, NOW, Reader
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.records.stored import saved
from careconnect_testing.running.bundle_service import Bundles

_FIRST: Final = NOW - 1_000_000
"""When first versions are made."""
_VERSION: Final = 3_600
_AFTER_ALL_OF_HIS: Final = 4
"""Times after the first, at which a resource comes into the record of another."""
_HIM: Final = {"reference": f"Patient/{HE}"}
EVENTS: Final = "audit"
"""The table of events that `StoredEvents` puts with a write."""
_TRAIL: Final = "trail"
"""The table of the events of former requests."""
_UNITS: Final = 100_000
_App = Callable[[Any], Any]

_FOUND: set[str] = set()


@contextmanager
def finds_noted() -> Iterator[None]:
    """Note whom a request finds, whether its events are stored or not."""
    disclose = Disclosures.disclose

    def noted(self: Disclosures, patients: Any) -> None:
        several = [*patients]
        _FOUND.update(several)
        disclose(self, several)

    with patch.object(Disclosures, "disclose", noted):
        yield


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Do what is submitted to pools at once: handing it to another thread takes longer than doing it."""

    def submit(_pool: ThreadPoolExecutor, do: Callable[..., Any], *args: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(do(*args, **named))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
            future.set_exception(error)
        return future

    with patch.object(ThreadPoolExecutor, "submit", submit), patch.object(pipeline, "pinned_to_cpu", nullcontext):
        yield


@dataclass(frozen=True)
class Answered:
    """An answer, the events that were stored before it, and the patients whom its work found."""

    answer: Answer
    events: Sequence[AuditEvent]
    found: frozenset[str]

    @property
    def patients(self) -> frozenset[str]:
        """The patients of the events."""
        return frozenset(each.patient for each in self.events)


@dataclass
class Store:
    """One store: `answer` has it answer a request, and leaves it as it was."""

    writer: Writer
    kept: StoredEvents
    restore: Callable[[], None]
    _apps: dict[tuple[str, str], _App] = field(default_factory=dict)
    _callers: dict[str, Writer] = field(default_factory=dict)

    def answer(self, asked: Asked, link: str = "", *, look: Callable[[Writer], None] | None = None) -> Answered:
        """Return the answer to a request, or to one for a link that its answer gave; `look` at what it wrote."""
        if asked.caller not in self._callers:
            self._callers[asked.caller] = self.writer.as_caller(**caller(asked.caller))
        writer = self._callers[asked.caller]
        writer.ids = itertools.count()
        database = writer.reader.client.database
        self.kept.events.clear()
        _FOUND.clear()
        try:
            answer = Answer.of(self._app_of(writer, asked)(asked.event(writer.context, link)))
            # Those of a write are in its own transaction.
            events = [*self.kept.events, *map(event_of, database.items(EVENTS))]
            if look:
                look(self.writer)
            return Answered(answer, events, frozenset(_FOUND))
        finally:
            if not asked.is_read:
                self.restore()
                database.clear(EVENTS)

    def next_link(self, asked: Asked) -> str:
        """Return the link to the page after the one that a request asks for, empty if there is none."""
        answer = self.answer(replace(asked, method="GET" if asked.method == "HEAD" else asked.method)).answer
        links = answer.json.get("link", ()) if answer.text.startswith("{") else ()
        return next((str(each["url"]) for each in links if each["relation"] == "next"), "")

    def _app_of(self, writer: Writer, asked: Asked) -> _App:
        if asked.quota is not None:
            return self._app(_with_quota(writer, asked.quota), asked)
        key = asked.caller, "bundles" if asked.entries else f"{asked.table} {asked.is_read}"
        if key not in self._apps:
            self._apps[key] = self._app(writer, asked)
        return self._apps[key]

    def _app(self, writer: Writer, asked: Asked) -> _App:
        auditing, reader = self.kept.auditing(), writer.reader
        if asked.entries:
            return Bundles(writer).app
        if asked.table is Table.AUDIT:
            endpoint = AuditEndpoint(DynamoDbEventStore(reader.client, _TRAIL), writer.quota, writer.stopwatch)
            cors, clock = Cors(("*",)), writer.now
            return RequestPipeline(endpoint, BASE, "eu-west-2", cors, writer.observer, clock, auditing=auditing)
        if asked.is_read:
            app = reader.app(asked.table)
            endpoint_: Any = app.endpoint
            return replace(app, endpoint=replace(endpoint_, quota=writer.quota), auditing=auditing)
        return writer.app(asked.table)


def _with_quota(writer: Writer, left: int) -> Writer:
    """Return a writer whose client has so many units left in the minute."""
    counters = UsageCounters()
    quota = Quota(counters, _UNITS)
    # One that owes is known to.
    quota.consume(writer.client_id, 2 * _UNITS if left == SPENT else _UNITS - left, writer.now())
    return replace(writer, quota=quota, reader=replace(writer.reader, counters=counters, quota=_UNITS))


class Stores:
    """The stores of lives, each built at its first use, with a crowd or without one, perhaps after an erasure."""

    def __init__(self, *, with_crowd: bool, is_erased: bool = False) -> None:
        self._is_erased = is_erased
        with writer_in_memory() as writer:
            _live(writer, (*others(), *(crowd() if with_crowd else ())))
            self._beginning: Any = writer.reader.client.database
            self._tables = writer.reader.tables
        self._made: dict[int, Store] = {}

    def of(self, life: Life) -> Store:
        """Return the store with a life of the patient."""
        key = id(life)
        if key not in self._made:
            client: Any = InMemoryClient(self._beginning.copy())
            for table in (EVENTS, _TRAIL):
                create_table(client, "AuditTable", table)
            kept = StoredEvents()
            writer = Writer(Reader(client, replace(self._tables, client=client), kept=kept))
            _live(writer, life)
            if self._is_erased:
                _erase(writer)
            for number, step in enumerate((*others(), *life)):
                client.put_item(TableName=_TRAIL, Item=_event_of(step.path, number, step.resource).item())
            writer = replace(writer, auditing=kept.auditing())
            self._made[key] = Store(writer, kept, saved(writer.reader.tables))
        return self._made[key]


def _live(writer: Writer, life: Life) -> None:
    """Store the versions of a life, each at a time of its own, whatever else is stored."""
    versions: dict[str, int] = {}
    for step in life:
        versions[step.path] = number = versions.get(step.path, -1) + 1
        if step.path.endswith(f"/{MOVED}") and step.resource and step.resource["subject"] != _HIM:
            # Another's version has its own time, however many were his before.
            number = _AFTER_ALL_OF_HIS
        writer.now.now = _FIRST + number * _VERSION
        if step.resource is None:
            assert writer.delete(step.path).status == 204
        else:
            writer.made(step.resource)
    writer.now.now = NOW


def _erase(writer: Writer) -> None:
    """Erase the patient, as `careconnect patients erase --unlink` does."""
    erasure = Erasure(
        writer.reader.tables,
        base_url=BASE,
        announce=lambda _: None,
        clock=lambda: datetime.fromtimestamp(NOW - _VERSION, UTC),
        sleep=lambda _: None,
    )
    erasure.erase(HE, unlink=True)


def _event_of(path: str, number: int, resource: Any) -> AuditEvent:
    """Return the event of a step of a life."""
    id_ = path.partition("/")[2]
    whose = id_ if path.startswith("Patient/") else id_[:1]
    return AuditEvent(
        id=f"{int((NOW - 1_000 + number) * 1_000):012x}-{number % 16:x}{number:031x}",
        action=Action.DELETE if resource is None else Action.UPDATE,
        interaction="delete" if resource is None else "update",
        type=path.partition("/")[0],
        ids=(path,),
        patient=whose,
        client_id="client-1",
        service="record_writer",
    )
