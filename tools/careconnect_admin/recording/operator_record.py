"""Keep the event of a change before it is made (`audit.md`; ADR 27)."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlencode

from careconnect.access_record.event import AccessEvent, Action, Outcome, new_event_id
from careconnect.access_record.record import AccessRecord, RecordNotKeptError
from careconnect.resource_types import AUDIT_EVENT
from careconnect_admin.errors import OperatorError

Result = TypeVar("Result")

LOCAL_OPERATOR: Final = "operator"
"""Who changes a local stack, where everybody signs in as the same."""

SERVICE: Final = "cli"


class NotRecordedError(OperatorError):
    """A change is not made, as its event could not be kept; `code` is that of the service's error."""

    def __init__(self, change: str, code: str) -> None:
        super().__init__(
            f"{change} is not done, as the access record does not take its event ({code}): "
            "it takes dynamodb:PutItem on the stack's AuditTable"
        )
        self.code = code


@dataclass(frozen=True, slots=True)
class Operator:
    """Who changes a stack, and how many seconds AWS's clock is before this machine's."""

    name: str
    seconds_off: float = 0


class OperatorRecord:
    """The access record as the command line writes it; `clock` is this machine's, in epoch seconds."""

    def __init__(self, record: AccessRecord, operator: Operator, *, clock: Callable[[], float] = time.time) -> None:
        self._record = record
        self._operator = operator
        self._clock = clock

    def done(
        self,
        interaction: str,
        action: Action,
        about: Mapping[str, str],
        change: Callable[[], Result],
        *,
        unless: str = "conflict",
        refusals: tuple[type[Exception], ...] = (),
    ) -> Result:
        """Keep the event of a change, make it, and return what it returns.

        `about` says what is changed, and how. Of a change that returns False or raises one of `refusals`, and so did
        nothing, the event is corrected as refused for the fixed word `unless`; of one that raises anything else as
        failed. Raises `NotRecordedError`, and then nothing is changed.
        """
        event = self._keep(interaction, action, about)
        try:
            result = change()
        except refusals:
            self._correct(event, Outcome.REFUSED, unless)
            raise
        except BaseException:
            # An interruption too: nobody knows then how far it came.
            self._correct(event, Outcome.FAILED, "error")
            raise
        if result is False:
            self._correct(event, Outcome.REFUSED, unless)
        return result

    def looked(self, interaction: str, about: Mapping[str, str], patient: str = "") -> None:
        """Keep the event of a look at the access record, before what was read is shown; raises `NotRecordedError`.

        `patient` is whose events were asked for, if it was one's.
        """
        self._keep(interaction, Action.READ, about, type_=AUDIT_EVENT.name, patient=patient)

    def _keep(
        self, interaction: str, action: Action, about: Mapping[str, str], *, type_: str = "", patient: str = ""
    ) -> AccessEvent:
        event = AccessEvent(
            id=new_event_id(self._clock() + self._operator.seconds_off),
            action=action,
            interaction=interaction,
            type=type_,
            query=urlencode(about, safe="/*:"),
            patient=patient,
            client_id=self._operator.name,
            service=SERVICE,
        )
        try:
            self._record.keep([event])
        except RecordNotKeptError as error:
            raise NotRecordedError(interaction, str(error)) from error
        return event

    def _correct(self, event: AccessEvent, outcome: Outcome, why: str) -> None:
        # An event may tell of what did not happen; what the operator has to read is why it did not.
        with suppress(RecordNotKeptError):
            self._record.keep([event.corrected(outcome, why, 0)])
