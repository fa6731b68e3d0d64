"""What the tests of the operator's commands share."""

import pytest

from careconnect_admin.recording.operator_record import Operator, OperatorRecord
from careconnect_testing.access_records import KeptEvents


@pytest.fixture
def trail_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands write their events nowhere else."""
    opened = OperatorRecord(KeptEvents(), Operator("operator"))
    monkeypatch.setattr("careconnect_admin.recording.opened_record.operator_record", lambda _target: opened)
