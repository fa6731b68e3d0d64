"""Stores that are equal but for one patient, each with all functions of the FHIR API over it, in this process."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from careconnect.audit.event import AuditEvent, event_of
from careconnect.fhir.resource_types import Table
from careconnect_testing.aws.tables import create_table
from careconnect_testing.dynamodb import InMemoryClient
from careconnect_testing.http.answer import Answer
from careconnect_testing.pairs.lives import Life, others
from careconnect_testing.pairs.requests import CALLERS, Asked
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.stores import NOW, Reader
from careconnect_testing.records.stored import saved
from careconnect_testing.running.bundle_service import Bundles

_FIRST: Final = NOW - 1_000_000
"""When first versions are made."""
_VERSION: Final = 3_600
_EVENTS: Final = "audit"
"""The table of events that `StoredEvents` puts with a write."""


@dataclass
class Store:
    """One store: `answer` has it answer a request, and leaves it as it was."""

    writer: Writer
    kept: StoredEvents
    restore: Callable[[], None]
    _apps: dict[tuple[str, str], Callable[[Any], Any]] = field(default_factory=dict)
    _callers: dict[str, Writer] = field(default_factory=dict)

    def answer(self, asked: Asked) -> tuple[Answer, list[AuditEvent]]:
        """Return the answer to a request, and the events that were stored before it."""
        writer = self._callers.setdefault(asked.caller, self.writer.as_caller(**CALLERS[asked.caller]))
        writer.ids = itertools.count()
        database = writer.reader.client.database
        self.kept.events.clear()
        try:
            answer = Answer.of(self._app(writer, asked)(asked.event(writer.context)))
            # Those of a write are in its own transaction.
            return answer, [*self.kept.events, *map(event_of, database.items(_EVENTS))]
        finally:
            if not asked.is_read:
                self.restore()
                database.clear(_EVENTS)

    def _app(self, writer: Writer, asked: Asked) -> Callable[[Any], Any]:
        table = asked.type.table if asked.type else Table.RECORD
        key = asked.caller, "bundles" if asked.entries else f"{table} {asked.is_read}"
        if key not in self._apps:
            if asked.entries:
                self._apps[key] = Bundles(writer).app
            elif asked.is_read:
                self._apps[key] = replace(writer.reader.app(table), auditing=writer.auditing)
            else:
                self._apps[key] = writer.app(table)
        return self._apps[key]


class Stores:
    """The stores of lives, each built at its first use."""

    def __init__(self) -> None:
        with writer_in_memory() as writer:
            _live(writer, others())
            self._beginning: Any = writer.reader.client.database
            self._tables = writer.reader.tables
        self._made: dict[int, Store] = {}

    def of(self, life: Life) -> Store:
        """Return the store with a life of the patient."""
        key = id(life)
        if key not in self._made:
            client: Any = InMemoryClient(self._beginning.copy())
            create_table(client, "AuditTable", _EVENTS)
            kept = StoredEvents()
            writer = Writer(Reader(client, replace(self._tables, client=client), kept=kept))
            _live(writer, life)
            writer = replace(writer, auditing=kept.auditing())
            self._made[key] = Store(writer, kept, saved(writer.reader.tables))
        return self._made[key]


def _live(writer: Writer, life: Life) -> None:
    """Store the versions of a life, each at a time of its own, whatever else is stored."""
    versions: dict[str, int] = {}
    for step in life:
        versions[step.path] = number = versions.get(step.path, -1) + 1
        writer.now.now = _FIRST + number * _VERSION
        if step.resource is None:
            assert writer.delete(step.path).status == 204
        else:
            writer.made(step.resource)
    writer.now.now = NOW
