"""Turn the facts of a request and the patients that it disclosed into audit events (`audit.md`; ADR 33).

Outcome 0 means that a request was allowed; its events are stored at the same time as the request's work, as soon as a
patient is known. `finish` stores all others, and the answer waits for it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from careconnect.audit.disclosures import NOBODY, Disclosures
from careconnect.audit.event import Action, AuditEvent, Outcome, new_event_id
from careconnect.audit.facts import Facts, target_key
from careconnect.audit.failures import one_a_minute
from careconnect.audit.nhs_numbers import is_nhs_number
from careconnect.audit.query import LEFT_OUT, LONGEST_QUERY, MAX_PATIENTS, PATIENT
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

WhichExist = Callable[[Collection[str]], Collection[str]]
"""Returns those of the keys of resources (`Patient/4`) that one has or had, as far as it can look them up."""

Charge = Callable[[int], None]
"""Charges a number of events to somebody; raises the 429 error if that is too much."""


def _all_exist(keys: Collection[str]) -> Collection[str]:
    """Look up nothing."""
    return keys


def _free(_events: int) -> None:
    """Charge nobody."""


class EventRecorder:
    """Makes the events of one request; without a `store` it stores none.

    `clock` returns epoch seconds. With `fails_open`, a request is carried out even if the store is down. `facts` may
    be set again as more is known of the request. `charge_refusal` charges several events of a request that is refused
    before its work, and may refuse them. `owe` charges those of work that was done, and refuses nothing.
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
        self._caller = AuditEvent(
            id="",
            action=Action.READ,
            interaction="",
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
        self.charge_refusal: Charge = _free
        self.owe: Charge = _free
        self.which_exist: WhichExist = _all_exist
        self._numbered: tuple[str, ...] | None = None
        self._existence: dict[str, bool] = {}
        self._facts = Facts()
        self._texts: dict[tuple[str | None, bool, int], tuple[str, int]] = {}
        self._stored: dict[str, None] = {}
        self._within: dict[str, AuditEvent] = {}
        self._made: Mapping[str, Collection[str]] = {}
        self._versions: Mapping[str, Collection[str]] = {}
        self._goes_without = False
        self._begun: list[Future[None]] = []
        self._was_read = False
        self.found = Disclosures()
        """The disclosures of the request; at first those whom its path and its body name, before any look-up."""
        self.has_written = False
        """Whether the request has written, so that events which cannot be stored come too late to keep it from that."""
        self._has_begun = False
        self._is_allowed = False
        self._owed = 0

    @property
    def facts(self) -> Facts:
        """The facts of the request, as far as they are known."""
        return self._facts

    @facts.setter
    def facts(self, facts: Facts) -> None:
        self._facts, self._texts, self._numbered, self._existence = facts, {}, None, {}

    def identify(
        self, *, client_id: str = "", client_name: str = "", subject: str = "", jti: str = "", jkt: str = ""
    ) -> None:
        """Set the caller, the token that the request is about, or its key, where the gateway does not know it."""
        known: dict[str, Any] = {
            "client_id": client_id,
            "client_name": client_name,
            "subject": subject,
            "jti": jti,
            "jkt": jkt,
        }
        self._caller = replace(self._caller, **{name: text for name, text in known.items() if text})

    def while_reading(self, charge: Charge = _free) -> Disclosures:
        """Return the disclosures of a request whose path, scopes and parameters allow it, whatever it then finds.

        Their events have outcome 0, and are charged and begun as soon as a patient is disclosed, beside the work. A
        request that is read again, on another snapshot, takes new ones: only from their first reading are events begun.
        If the charge is refused, those whom the work has found are recorded all the same.
        """
        is_first, self._was_read = not self._was_read, True

        def on_new(patients: Collection[str]) -> None:
            new = [patient for patient in patients if patient not in self._stored]
            # Whom the work finds is there: only ids that the request names are looked up.
            self._existence |= {_key(patient): True for patient in self._found_among(new)}
            if new:
                try:
                    charge(len(new))
                except ApiError:
                    found = self._found_among(new)
                    self._owed += len(found)
                    self._begin(found)
                    raise
                if is_first:
                    self._begin(new)

        self.found, self._is_allowed, self._has_begun = Disclosures(on_new), True, True
        return self.found

    def while_writing(self) -> Disclosures:
        """Return the disclosures of an attempt to write: its patients' events have the outcome of the request.

        Another attempt takes new ones.
        """
        self.found, self._is_allowed, self._has_begun = Disclosures(), False, True
        self._within = {}
        return self.found

    def put_actions(self, made: Mapping[str, Collection[str]]) -> list[dict[str, Any]]:
        """Return the actions that store a write's events within its own transaction.

        `made` are the versions that the write makes (`Patient/4/_history/2`) by the patient whose record they are in.
        Each attempt needs new actions. Call `committed` once the transaction has succeeded.
        """
        self._within = {}
        self._made = made
        if self._store is None or self._goes_without:
            return []
        for patient, versions in made.items():
            self._within[patient] = self._of(patient, versions)
        return [self._store.put_action(event) for event in self._within.values()]

    def committed(self) -> None:
        """Note that a write has succeeded, and with it the events of `put_actions`; the others have outcome 0, too."""
        self._is_allowed = self.has_written = True
        self._versions = {**self.found.versions, **self._made}
        self.facts = replace(self.facts, ids=())
        self.found.resources = None
        self._stored |= dict.fromkeys(self._within)
        self._within = {}

    def begin_found(self) -> None:
        """Begin the events of a request that is not refused any more, beside what is left to do for its answer."""
        missing = [patient for patient in self.found.disclosed if patient not in self._stored]
        self._begin(missing or ([] if self._stored or self.found.hidden else [NOBODY]))

    def require_stored(self) -> None:
        """Wait for the events that the request has begun, before work that must not be done without them.

        Raises `EventNotStoredError`, unless the request is carried out even if the store is down.
        """
        error = self._await()
        if isinstance(error, EventNotStoredError) and error.is_down and self._fails_open:
            return
        if error:
            raise error

    def goes_without(self) -> bool:
        """Return True if a failed write may be retried without its events; `put_actions` then returns no more of them.

        The events are stored after the write, if possible.
        """
        may = self._fails_open and not self._goes_without
        self._goes_without = self._fails_open
        return may

    def for_later(self) -> AuditEvent:
        """Return an event of nobody, of which later events of a job that this request starts take what it says.

        Its query leaves out every patient that the request names, as the event of any other patient does.
        """
        return replace(self._of(LEFT_OUT), patient=NOBODY)

    def finish(self, status: int, refusal: ApiError | None) -> None:
        """Store the remaining events of a request answered with `status`, and wait for all events in progress.

        Raises `EventNotStoredError`, and the errors of the look-ups of patients and of `charge_refusal`.
        """
        try:
            fault = self._keep_last(status, refusal)
        finally:
            # Whatever fails: no answer leaves before the events that the request has begun.
            not_stored = self._await()
        if raised := not_stored or fault:
            raise raised

    def _keep_last(self, status: int, refusal: ApiError | None) -> Exception | None:
        """Store the remaining events of a request, and return the error that its answer then is."""
        fault: Exception | None = None
        try:
            self.found.settle()
        except ApiError as error:
            fault, status, refusal = error, error.status, error
        if self._is_allowed or refusal is None:
            self._begin([patient for patient in self.found.disclosed if patient not in self._stored])
        events = self._last(status, refusal)
        try:
            self._pay_for(events, status)
        except ApiError as error:
            fault = fault or error
            events = self._last(error.status, error)
        if self._store is not None and events:
            try:
                self._store.keep(events)
            except EventNotStoredError as error:
                fault = error
        return fault

    def _pay_for(self, events: Collection[AuditEvent], status: int) -> None:
        """Charge the client for several last events, which cost it nothing else; raises the errors of `charge_refusal`.

        Only events of patients that the request merely names may be refused. Those of its work are owed.
        """
        is_charged = len(events) > 1 and status < HTTPStatus.INTERNAL_SERVER_ERROR and not self._within
        is_of_work = self._has_begun and bool(self._found_among(event.patient for event in events))
        owed, self._owed = self._owed + (len(events) if is_charged and is_of_work else 0), 0
        if owed:
            self.owe(owed)
        if is_charged and not is_of_work:
            self.charge_refusal(len(events))

    def _found_among(self, patients: Iterable[str]) -> list[str]:
        """Return the patients that the request does not name itself."""
        return [patient for patient in patients if patient != NOBODY and patient not in self.facts.patients]

    def _begin(self, patients: Collection[str]) -> None:
        """Begin to store events with outcome 0."""
        if self._store is not None and patients:
            whose = [patient for patient in self._whose(patients) if patient not in self._stored]
            self._begun += self._store.begin([self._of(patient) for patient in whose])
            self._stored |= dict.fromkeys((*whose, *patients))

    def _absent_numbers(self, patients: Collection[str] = ()) -> Collection[str]:
        """Return the keys with an NHS number, of the request and of patients, that no resource has or had.

        Each is looked up once, before its first event, and costs as much as an event: all patients, and of the others
        so many that they are `MAX_PATIENTS` together. The rest counts as absent. If that fails, none is known to be
        absent. What a write makes, or may have made, is not looked up: it was absent before.
        """
        if self._within:
            return ()
        if self._numbered is None:
            self._numbered = self._facts.numbered
        whose = [_key(each) for each in (*patients, *self._facts.patients) if is_nhs_number(each)]
        new = [key for key in dict.fromkeys((*whose, *self._numbered)) if key not in self._existence]
        if new:
            sought = new[: max(len(whose), MAX_PATIENTS)]
            exist: Collection[str] = new
            with suppress(ApiError):
                exist = self.which_exist(sought)
                self._owed += len(sought)
            self._existence |= {key: key in exist for key in new}
        return frozenset(key for key, exists in self._existence.items() if not exists)

    def _whose(self, patients: Collection[str]) -> list[str]:
        """Return the patients of events, each once: nobody in place of an id that is an absent NHS number."""
        absent = self._absent_numbers(patients)
        return list(dict.fromkeys(NOBODY if _key(each) in absent else each for each in patients))

    def _await(self) -> BaseException | None:
        """Wait for all events in progress, and return the error of one."""
        errors = [each.exception() for each in self._begun]
        return next(filter(None, errors), None)

    def _last(self, status: int, refusal: ApiError | None) -> list[AuditEvent]:
        """Return the events of refused and hidden patients, or the event of a request that discloses no patient."""
        ended: dict[str, AuditEvent] = {}
        throttled = status == HTTPStatus.TOO_MANY_REQUESTS
        # A 429 tells of those whom the work has found, not of those whom the request names.
        found = Disclosures() if throttled and not self._has_begun else self.found
        only_named = self.facts.patients if throttled else ()
        hidden = {patient: why for patient, why in found.hidden.items() if patient not in only_named}
        if refusal is None:
            if not self._stored and not self.found.hidden and not self.facts.is_by_entries:
                ended[NOBODY] = self._of(NOBODY)
        elif self._within or not self._stored:
            outcome, why = outcome_of(status, refusal)
            # Before its work any 429 is like others; after it one is that found nobody, and names nobody.
            is_like_others = throttled and not (self._has_begun and self.facts.patients)
            is_one_of_many = is_like_others or not self._caller.client_id
            self.identify(client_id=self._caller.client_id or refusal.claimed_client_id)
            about = refusal.patients or found.disclosed
            named = () if throttled else self.facts.patients
            patients = dict.fromkeys(self._whose((*named, *about, *self._within)))
            for patient in patients or (() if hidden else (NOBODY,)):
                event = replace(self._of(patient), outcome=outcome, why=why, status=status)
                if patient in self._within:
                    # The write may have been done. Its two events share an id, so if this is put, a late write fails.
                    event = replace(event, id=self._within[patient].id)
                ended[patient] = one_a_minute(event) if is_one_of_many and patient == NOBODY else event
        for patient, why in hidden.items():
            if patient not in self._stored:
                (whose,) = self._whose([patient])
                ended[whose] = replace(self._of(whose), outcome=Outcome.REFUSED, why=why, status=status)
        return list(ended.values())

    def _of(self, patient: str, made: Collection[str] = ()) -> AuditEvent:
        """Return an event with outcome 0 about a patient, which names no other patient.

        `made` are the versions that a write makes in the patient's record.
        """
        facts, absent = self.facts, () if made else self._absent_numbers()
        scope = self.found.scope
        longest = LONGEST_QUERY - sum(map(len, (scope, self._caller.jkt, facts.job, facts.file)))
        # The query is the same for all patients that the request does not name.
        key = patient if not patient or patient in facts.query.patients else None, bool(absent), longest
        if key not in self._texts:
            self._texts[key] = facts.query.text(patient, absent, longest)
        query, parameters = self._texts[key]
        about = facts.ids if self.found.resources is None else self.found.resources
        ids = self._versions.get(patient, about)
        return replace(
            self._caller,
            id=new_event_id(self._clock()),
            interaction=facts.interaction,
            action=facts.action or _ACTIONS.get(self._method, Action.READ),
            type=facts.type,
            patient=patient,
            scope=scope,
            job=facts.job,
            file=facts.file,
            ids=tuple(
                made
                or (
                    _without_number(each, absent)
                    for each in ids
                    if not patient or not _is_another_patient(each, patient)
                )
            ),
            query=query,
            parameters=parameters,
            unknown_parameters=facts.query.unknown,
        )


def outcome_of(status: int, refusal: ApiError) -> tuple[Outcome, str]:
    """Return the outcome of a refused request and the reason, in fixed words."""
    if status >= 500:
        return Outcome.FAILED, "error"
    return Outcome.REFUSED, refusal.why or _WHY.get(status, "bad request")


def _key(patient: str) -> str:
    return f"{PATIENT.name}/{patient}"


def _without_number(target: str, absent: Collection[str]) -> str:
    """Return a requested resource without its id, if that is an absent NHS number."""
    key = target_key(target)
    return f"{key.partition('/')[0]}/{LEFT_OUT}{target.removeprefix(key)}" if key in absent else target


def _is_another_patient(reference: str, patient: str) -> bool:
    type_name, _, rest = reference.partition("/")
    return type_name == PATIENT.name and rest.partition("/")[0] != patient
