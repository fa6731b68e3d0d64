"""The scheduled job that removes the intents of ended multi-step writes, and aborts abandoned writes (ADR 43)."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from careconnect.fhir.outcomes import OutcomeError
from careconnect_records.multi_step.release import Release

ACTION: Final = "multi-step-writes.release"


class RecoveryError(Exception):
    """The job failed; the text is the name of the error, and the log has the location."""


class Observer(Protocol):
    """The log."""

    def request(self, action: str, status: int, *, ids: Mapping[str, str], reason: str = "") -> None:
        """Log one run of a job."""

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an unexpected error."""


class RecoveryJob:
    """Releases the multi-step writes that have ended. Tables in another release's format are left as they are."""

    def __init__(self, release: Release, observer: Observer, sleep: Callable[[float], None] = time.sleep) -> None:
        self._release = release
        self._observer = observer
        self._sleep = sleep

    def __call__(self, _event: Mapping[str, Any], context: Any = None) -> None:
        """Run once; raises `RecoveryError`, which counts as an error of the function."""
        ids = {"function_request_id": str(getattr(context, "aws_request_id", ""))}
        try:
            self._release.release_ended(self._sleep)
        except OutcomeError as refusal:
            self._observer.request(ACTION, refusal.status, ids=ids, reason=refusal.reason)
        except Exception as error:  # noqa: BLE001 - any error must raise the alarm
            self._observer.failure(ACTION, error, ids=ids)
            # The original text would reach the log.
            raise RecoveryError(type(error).__name__) from None
