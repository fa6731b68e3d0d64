"""What the auditor does unasked: seal each minute, verify each day (`audit.md`, Tamper evidence)."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from access_auditor import day_seal
from access_auditor.seal_events import seal_events
from careconnect.access_record import verification
from careconnect.access_record.chain import Fault, Finding
from careconnect.audit.event import day_of, is_event_id

SEAL: Final = "seal"
VERIFY: Final = "verify"
YESTERDAY: Final = "yesterday"

_DAY: Final = 86_400_000
_DONE: Final = 200
_BROKEN: Final = 500
_WITHOUT_A_CONTEXT: Final = 60_000


class JobError(Exception):
    """A job failed; the text is the name of what it failed for, and the log says where."""


class Chain(day_seal.Chain, verification.Chain, Protocol):
    """The record and its chain."""


class Observer(Protocol):
    """Where the auditor says what it did; `ids` are fields of their own."""

    def request(self, action: str, status: int, *, ids: Mapping[str, str], reason: str = "") -> None:
        """Log one run of a job."""

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an unexpected error."""

    def count(self, name: str) -> None:
        """Add one to a metric."""


class Jobs:
    """Seals and verifies by events that are no requests; `clock` gives epoch seconds."""

    def __init__(
        self,
        chain: Chain,
        seal: Callable[[], day_seal.Seal],
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._chain = chain
        self._seal = seal
        self._observer = observer
        self._clock = clock

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """Do what an event asks for, `{"seal": {}}` or `{"verify": "yesterday"}` (or a day), and say what came of it.

        `{"seal": {"seconds": 10}}` begins nothing more after so long, for who waits for the answer.
        A seal counts `AccessRecordSealed`, also if there was nothing to seal, and what is broken `AccessRecordBroken`.
        Of another event nothing is done. Raises `JobError`, which counts as an error of the function.
        """
        if not {SEAL, VERIFY} & event.keys():
            return {}
        ids = {"function_request_id": str(getattr(context, "aws_request_id", ""))}
        action = "access-record.verify" if VERIFY in event else "access-record.seal"
        try:
            return self._verify(event[VERIFY], ids) if VERIFY in event else self._seal_new(event, context, ids)
        except Exception as error:  # noqa: BLE001 - whatever it is, the alarm is to ring
            self._observer.failure(action, error, ids=ids)
            # An exception's own text would reach the log.
            raise JobError(type(error).__name__) from None

    def _seal_new(self, event: Mapping[str, Any], context: Any, ids: Mapping[str, str]) -> dict[str, Any]:
        left: Callable[[], int] = getattr(context, "get_remaining_time_in_millis", lambda: _WITHOUT_A_CONTEXT)
        begun = self._clock()
        seconds = event[SEAL].get("seconds", math.inf)

        def has_time(needed: int) -> bool:
            return left() > needed and self._clock() - begun < seconds

        done = seal_events(self._chain, self._seal(), int(begun * 1000), has_time)
        self._tell("access-record.seal", done.findings[0] if done.findings else None, ids)
        self._observer.count("AccessRecordSealed")
        return {
            "sealed": done.events,
            "findings": [_told(each) for each in done.findings],
            "is_outrun": done.is_outrun,
            "is_unfinished": done.is_unfinished,
        }

    def _verify(self, day: str, ids: Mapping[str, str]) -> dict[str, Any]:
        now = int(self._clock() * 1000)
        verdict = verification.verify_day(
            self._chain, self._seal(), day_of(now - _DAY) if day == YESTERDAY else day, now
        )
        self._tell("access-record.verify", verdict.first, ids)
        return {
            "day": verdict.day,
            "sealed": verdict.sealed,
            "unsealed": verdict.unsealed,
            "findings": [_told(verdict.first)] if verdict.first else [],
        }

    def _tell(self, action: str, finding: Finding | None, ids: Mapping[str, str]) -> None:
        """Log what a run found first, with the id of the event, which says nothing of a patient."""
        if finding is None:
            self._observer.request(action, _DONE, ids=ids)
            return
        reason = finding.reason if finding.fault is Fault.CHAIN else str(finding.fault)
        # What stands in an id's place may be anything.
        event_id = finding.event_id if is_event_id(finding.event_id) else "none"
        self._observer.request(action, _BROKEN, ids={**ids, "audit_event": event_id}, reason=reason)
        self._observer.count("AccessRecordBroken")


def _told(finding: Finding) -> dict[str, str]:
    return {"id": finding.event_id, "fault": str(finding.fault), "reason": finding.reason}
