"""Fixtures that the tests of the operator's commands share."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from careconnect_admin.auditing.operator_events import Operator, OperatorEvents
from careconnect_records.items.tables import RecordTables
from careconnect_testing.parts.audit_trails import StoredEvents


@pytest.fixture
def trail_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the commands write their events to this store alone."""
    opened = OperatorEvents(StoredEvents(), Operator("operator"))
    monkeypatch.setattr("careconnect_admin.auditing.open_trail.operator_record", lambda _target: opened)


@pytest.fixture(autouse=True)
def registrations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were registered as writing resources, and the word `end` after each."""
    found: list[str] = []

    @contextmanager
    def registered(_tables: RecordTables, command: str) -> Iterator[None]:
        found.append(command)
        try:
            yield
        finally:
            found.append("end")

    monkeypatch.setattr("careconnect_admin.stack.operator_work.registered", registered)
    return found
