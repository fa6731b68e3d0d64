"""Test the logs and the alarms of the scheduled job that ends multi-step writes (ADR 43)."""

from typing import Any

import pytest

from careconnect.fhir import outcomes
from careconnect_testing.parts.observer import RecordingObserver
from write_recovery.recovery_job import RecoveryError, RecoveryJob


class Releases:
    """Stands for a `Release` that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def release_ended(self, _sleep: Any) -> int:
        """Fail."""
        raise self.error


def run(error: Exception) -> RecordingObserver:
    observer = RecordingObserver()
    job: Any = RecoveryJob
    job(Releases(error), observer)({})
    return observer


def test_tables_in_another_format_are_left_and_logged() -> None:
    (line,) = run(outcomes.other_format()).lines

    assert (line["action"], line["status"]) == ("multi-step-writes.release", 503)


def test_any_other_error_fails_the_function_and_its_text_stays_out_of_the_log() -> None:
    with pytest.raises(RecoveryError) as raised:
        run(ValueError("Patient/4"))

    assert str(raised.value) == "ValueError"
    assert raised.value.__cause__ is None
