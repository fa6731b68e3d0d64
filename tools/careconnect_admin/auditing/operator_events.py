"""Write the event of a change before it is made (`audit.md`; ADR 33)."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from careconnect.audit.event import Action, AuditEvent, Outcome, new_event_id
from careconnect.audit.query import bounded_query
from careconnect.audit.store import AuditStore, EventNotStoredError
from careconnect.fhir.resource_types import AUDIT_EVENT
from careconnect_admin.audit_trail.operators import SERVICE
from careconnect_admin.errors import OperatorError

Result = TypeVar("Result")

LOCAL_OPERATOR: Final = "operator"
"""The operator's name on a local stack, which has one principal for everybody."""

_GONE: Final = frozenset({"ResourceNotFound", "ResourceNotFoundException"})


class NotAuditedError(OperatorError):
    """A change is not made because its audit event could not be stored; `code` is the AWS error code.

    `is_gone` is True if the audit trail no longer exists.
    """

    def __init__(self, change: str, code: str) -> None:
        super().__init__(
            f"{change} is not done, as the audit trail does not take its event ({code}): "
            "it takes dynamodb:PartiQLInsert on the stack's AuditTable"
        )
        self.code = code
        self.is_gone = code in _GONE


@dataclass(frozen=True, slots=True)
class Operator:
    """The principal that changes a stack, and the seconds by which AWS's clock is ahead of this machine's."""

    name: str
    seconds_off: float = 0


class OperatorEvents:
    """The audit trail as the command line writes it; `clock` is this machine's, in epoch seconds."""

    def __init__(self, store: AuditStore, operator: Operator, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
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
        patient: str = "",
        ids: Sequence[str] = (),
    ) -> Result:
        """Write the event of a change, make the change, and return its result.

        `about` describes the change; `patient` and `ids` say whose record and which resources it is about. A change
        that returns False or raises one of `refusals` did nothing. A second event then follows, with the outcome
        refused and the fixed word `unless` as its reason. After any other exception the second event has the outcome
        failed. Raises `NotAuditedError`, and then nothing is changed.
        """
        event = self._write(interaction, action, about, patient=patient, ids=ids)
        try:
            result = change()
        except refusals:
            self._follow(event, Outcome.REFUSED, unless)
            raise
        except BaseException:
            # An interruption counts too: the change may be partly done.
            self._follow(event, Outcome.FAILED, "error")
            raise
        if result is False:
            self._follow(event, Outcome.REFUSED, unless)
        return result

    def looked(self, interaction: str, about: Mapping[str, str], patient: str = "") -> str:
        """Write the event of reading the audit trail, before the result is shown, and return its id.

        `patient` is the id of the patient if one patient's events were requested. Raises `NotAuditedError`.
        """
        return self._write(interaction, Action.READ, about, type_=AUDIT_EVENT.name, patient=patient).id

    def concerning(self, interaction: str, action: Action, patients: Iterable[str], ids: Sequence[str] = ()) -> None:
        """Write an event for each patient before a change of many records continues; raises `NotAuditedError`."""
        self._keep(
            [self._event(interaction, action, {}, patient=patient, ids=ids) for patient in patients],
            f"the rest of the {interaction}",
        )

    def _write(
        self,
        interaction: str,
        action: Action,
        about: Mapping[str, str],
        *,
        type_: str = "",
        patient: str = "",
        ids: Sequence[str] = (),
    ) -> AuditEvent:
        event = self._event(interaction, action, about, type_=type_, patient=patient, ids=ids)
        self._keep([event], interaction)
        return event

    def _event(
        self,
        interaction: str,
        action: Action,
        about: Mapping[str, str],
        *,
        type_: str = "",
        patient: str = "",
        ids: Sequence[str] = (),
    ) -> AuditEvent:
        query, parameters = bounded_query(about.items())
        return AuditEvent(
            id=self._new_id(),
            action=action,
            interaction=interaction,
            type=type_,
            ids=tuple(ids),
            query=query,
            parameters=parameters,
            patient=patient,
            client_id=self._operator.name,
            service=SERVICE,
        )

    def _keep(self, events: Sequence[AuditEvent], change: str) -> None:
        try:
            self._store.keep(events)
        except EventNotStoredError as error:
            raise NotAuditedError(change, str(error)) from error

    def _follow(self, event: AuditEvent, outcome: Outcome, why: str) -> None:
        # If this event is lost, the first one only overstates the change. The operator needs the change's own error.
        with suppress(EventNotStoredError):
            self._store.keep([replace(event, id=self._new_id(), outcome=outcome, why=why)])

    def _new_id(self) -> str:
        return new_event_id(self._clock() + self._operator.seconds_off)
