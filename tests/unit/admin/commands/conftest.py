"""Fixtures that the tests of the operator's commands share."""

import pytest

from careconnect_admin.auditing.operator_events import Operator, OperatorEvents
from careconnect_testing.parts.audit_trails import StoredEvents


@pytest.fixture
def trail_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the commands write their events to this store alone."""
    opened = OperatorEvents(StoredEvents(), Operator("operator"))
    monkeypatch.setattr("careconnect_admin.auditing.open_trail.operator_record", lambda _target: opened)
