"""The audit events of one request: each is written once, as soon as its patient is known (`audit.md`).

Outcome 0 means that a request was allowed; its events are written at the same time as the request's work. If a request
is refused before any event was written, `finish` writes its events at the end, and the answer waits for them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from careconnect.audit.disclosures import COMPARTMENT, NOBODY
from careconnect.audit.event import Action, AuditEvent, Outcome, new_event_id
from careconnect.audit.failures import one_a_minute
from careconnect.audit.query import MAX_PATIENTS, PATIENT, AuditQuery
from careconnect.audit.store import AuditStore, EventNotStoredError
from careconnect.http.errors import ApiError
from careconnect.http.messages import Request

if TYPE_CHECKING:
    from concurrent.futures import Future

_ACTIONS: Final = {"POST": Action.EXECUTE, "PUT": Action.UPDATE, "PATCH": Action.UPDATE, "DELETE": Action.DELETE}
_WHY: Final[Mapping[int, str]] = {
    401: "token",
    403: "scope",
    404: "not found",
    409: "conflict",
    410: "deleted",
    412: "conflict",
    429: "throttled",
}
"""The reason for a refusal by the status of the answer, where the error gives none."""


class AuditTrail:
    """Writes the events of one request; without a `store` it writes none.

    `clock` returns epoch seconds. With `fails_open`, a request is carried out even if the store is down. `pay` charges
    events that are about to be written to the request budget, `pay_for_refusal` those of a refusal to the client.
    """

    def __init__(
        self,
        store: AuditStore | None = None,
        *,
        clock: Callable[[], float] = lambda: 0.0,
        service: str = "",
        request: Request | None = None,
        fails_open: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._fails_open = fails_open
        self._method = request.method if request else ""
        caller = request.authorizer if request else {}
        client_id = str(caller.get("client_id", ""))
        self._event = AuditEvent(
            id="",
            action=_ACTIONS.get(self._method, Action.READ),
            interaction="unknown",
            client_id=client_id,
            client_name=unquote(str(caller.get("client_name", ""))),
            # A token's subject is its client (RFC 9068 §2.2; the authorizer accepts no other).
            subject=client_id,
            jti=str(caller.get("jti", "")),
            request_id=request.request_id if request else "",
            gateway_request_id=request.gateway_request_id if request else "",
            trace=request.trace if request else "",
            address=request.source_ip if request else "",
            service=service,
        )
        self._query = AuditQuery()
        self._texts: dict[str | None, tuple[str, int]] = {}
        self._named: tuple[str, ...] = ()
        self._concerned: tuple[str, ...] = ()
        self._written: dict[str, None] = {}
        self._withheld: dict[str, str] = {}
        self._within: dict[str, AuditEvent] = {}
        self._goes_without = False
        self._is_of_parts = False
        self._found: list[Future[None]] = []
        self._begun: list[Future[None]] = []
        self._lock = Lock()
        self.pay: Callable[[int], None] = lambda _events: None
        self.pay_for_refusal: Callable[[int], None] = lambda _events: None

    def start(
        self,
        interaction: str,
        action: Action | None,
        type_: str = "",
        ids: Iterable[str] = (),
        query: AuditQuery | None = None,
        patients: Iterable[str] = (),
    ) -> None:
        """Set the interaction, its target and the patients it names; `action` defaults to that of the HTTP method."""
        self._event = replace(
            self._event,
            interaction=interaction,
            action=action or self._event.action,
            type=type_,
            ids=tuple(ids),
            unknown_parameters=query.unknown if query else 0,
        )
        self._query, self._texts = query or AuditQuery(), {}
        self._named = tuple(patients)

    def leave_to_parts(self) -> None:
        """Write no event unless the request is refused: each of its parts is a request with events of its own."""
        self._is_of_parts = True

    def identify(self, *, client_id: str = "", client_name: str = "", subject: str = "", jti: str = "") -> None:
        """Set the caller, or the token that the request is about, where the gateway does not know it."""
        known: dict[str, Any] = {"client_id": client_id, "client_name": client_name, "subject": subject, "jti": jti}
        self._event = replace(self._event, **{name: text for name, text in known.items() if text})

    def concerns(self, patients: Iterable[str], ids: Iterable[str] | None = None) -> None:
        """Replace the patients, and the resources, that the request turns out to be about.

        They are recorded if the request is refused. The events of an abandoned write attempt are discarded.
        """
        if ids is not None:
            self._event = replace(self._event, ids=tuple(ids))
        self._concerned, self._within = tuple(patients), {}

    def fits(self, patients: Collection[str]) -> bool:
        """Return True if the request may disclose these patients in addition to those recorded already."""
        few = len(self._written) + len(patients) <= MAX_PATIENTS
        return few or len({*self._written, *patients} - {NOBODY}) <= MAX_PATIENTS

    def touched(self, patients: Collection[str] = ()) -> None:
        """Start writing an event with outcome 0 for each patient that the answer may disclose.

        Without patients this is one event that names none, unless there is an event already. Errors of `pay` pass
        through.
        """
        if self._store is not None and (events := self._new(patients)):
            begun = self._store.begin(events)
            with self._lock:
                self._begun += begun

    def touched_when(self, find: Callable[[], Collection[str]]) -> None:
        """Start `find` at the same time as the request's work, and write events of its patients as `touched` does.

        `finish` raises the errors of `find`, including an `ApiError`.
        """
        if (store := self._store) is None:
            return

        def work() -> None:
            if patients := find():
                self.touched(patients)

        self._found.append(store.run(work))

    def await_lookups(self) -> None:
        """Wait until `touched_when` has found its patients; raises its errors."""
        for found in self._found:
            found.result()

    def withheld(self, patients: Collection[str] = (), why: str = COMPARTMENT) -> None:
        """Record patients of resources that the answer hides as if they were absent: outcome 4 at the end."""
        self._withheld |= dict.fromkeys(patients or (NOBODY,), why)

    def put_actions(self, patients: Collection[str], made: str) -> list[dict[str, Any]]:
        """Return the actions that store the events of a write within its own transaction, one for each patient.

        `made` is the version that the write creates (`Patient/4/_history/2`). Each attempt needs new actions. Call
        `committed` once the transaction has succeeded.
        """
        return self.put_all(dict.fromkeys(patients or (NOBODY,), (made,)))

    def put_all(self, made: Mapping[str, Collection[str]]) -> list[dict[str, Any]]:
        """Return such actions for several writes together: `made` are the versions that concern each patient."""
        self._within = {}
        if self._store is None or self._goes_without:
            return []
        for patient, versions in made.items():
            self._within[patient] = replace(self._of(patient), ids=tuple(versions))
        return [self._store.put_action(event) for event in self._within.values()]

    def committed(self, patients: Collection[str], made: str) -> None:
        """Record that a write has succeeded, and with it the events of `put_actions`, if any.

        Events of `patients` that were not among those are written now.
        """
        self._event = replace(self._event, ids=(made,))
        self._written |= dict.fromkeys(self._within)
        self._within = {}
        self.touched(patients)

    def goes_without(self) -> bool:
        """Return True if a failed write may be retried without its events; `put_actions` then returns no more of them.

        The events are written after the write, if possible.
        """
        may = self._fails_open and not self._goes_without
        self._goes_without = self._fails_open
        return may

    def finish(self, status: int, refusal: ApiError | None) -> None:
        """Write the remaining events of a request answered with `status`, and wait for all events in progress.

        Raises `EventNotStoredError`, and the errors of `touched_when` and `pay_for_refusal`.
        """
        fault = self._await(self._found)
        if isinstance(fault, ApiError):
            status, refusal = fault.status, fault
        events = [] if self._store is None else self._last(status, refusal)
        if len(events) > 1 and status < HTTPStatus.INTERNAL_SERVER_ERROR and not self._within:
            # The events of patients that are merely named cost a client nothing else.
            try:
                self.pay_for_refusal(len(events))
            except ApiError as error:
                fault = fault if isinstance(fault, EventNotStoredError) else error
                events = self._last(error.status, error)
        if self._store is not None and events:
            try:
                self._store.keep(events)
            except EventNotStoredError as error:
                fault = fault or error
        fault = self._await(self._begun) or fault
        if fault is not None:
            raise fault

    def _await(self, begun: "Iterable[Future[None]]") -> ApiError | EventNotStoredError | None:
        """Wait for all futures, and return the error of one of them; an `EventNotStoredError` takes precedence."""
        fault: ApiError | EventNotStoredError | None = None
        for each in begun:
            try:
                each.result()
            except EventNotStoredError as error:
                fault = error
            except ApiError as error:
                fault = fault or error
        return fault

    def _last(self, status: int, refusal: ApiError | None) -> list[AuditEvent]:
        """Return the events of refused and hidden patients, or the event of a request that discloses no patient."""
        ended: dict[str, AuditEvent] = {}
        throttled = status == HTTPStatus.TOO_MANY_REQUESTS
        if refusal is None:
            if not self._written and not self._withheld and not self._is_of_parts:
                ended[NOBODY] = self._of(NOBODY)
        elif self._within or not self._written:
            outcome, why = outcome_of(status, refusal)
            is_one_of_many = throttled or not self._event.client_id
            self.identify(client_id=self._event.client_id or refusal.claimed_client_id)
            named = () if throttled else (*self._named, *(refusal.patients or self._concerned))
            patients = dict.fromkeys((*named, *self._within))
            for patient in patients or (NOBODY,):
                event = replace(self._of(patient), outcome=outcome, why=why, status=status)
                if patient in self._within:
                    # The write may have been done. Its two events share an id, so if this is put, a late write fails.
                    event = replace(event, id=self._within[patient].id)
                ended[patient] = one_a_minute(event) if is_one_of_many and patient == NOBODY else event
        for patient, why in self._withheld.items():
            if patient not in self._written and not throttled:
                ended[patient] = replace(self._of(patient), outcome=Outcome.REFUSED, why=why, status=status)
        return list(ended.values())

    def _new(self, patients: Collection[str]) -> list[AuditEvent]:
        """Return events for the patients that have none yet, charged with `pay`."""
        with self._lock:
            wanted = patients or (() if self._written else (NOBODY,))
            new = [patient for patient in dict.fromkeys(wanted) if patient not in self._written]
            if new:
                self.pay(len(new))
            self._written |= dict.fromkeys(new)
            return list(map(self._of, new))

    def _of(self, patient: str) -> AuditEvent:
        """Return an event about a patient, which names no other patient."""
        # The query is the same for all patients that the request does not name.
        key = patient if not patient or patient in self._query.patients else None
        if key not in self._texts:
            self._texts[key] = self._query.text(patient)
        query, parameters = self._texts[key]
        return replace(
            self._event,
            id=new_event_id(self._clock()),
            patient=patient,
            ids=tuple(each for each in self._event.ids if not patient or not _is_another_patient(each, patient)),
            query=query,
            parameters=parameters,
        )


def outcome_of(status: int, refusal: ApiError) -> tuple[Outcome, str]:
    """Return the outcome of a refused request and the reason, in fixed words."""
    if status >= 500:
        return Outcome.FAILED, "error"
    return Outcome.REFUSED, refusal.why or _WHY.get(status, "bad request")


def _is_another_patient(reference: str, patient: str) -> bool:
    type_name, _, rest = reference.partition("/")
    return type_name == PATIENT.name and rest.partition("/")[0] != patient
