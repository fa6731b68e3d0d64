"""What one request comes to know of itself for the access record, and the events that follow from it (`audit.md`).

Each patient disclosed is one event, and so is a request that disclosed none. An event that names who is asked for may
be kept beside the read; what it says did not happen then is corrected. `close` ends a request: the answer waits for it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from careconnect.access_record.event import AccessEvent, Action, Outcome, new_event_id
from careconnect.access_record.query import recorded_query
from careconnect.access_record.record import AccessRecord, DigestKeyError, left_out
from careconnect.http import Request
from careconnect.refusal import RefusalError

if TYPE_CHECKING:
    from concurrent.futures import Future

NOBODY: Final = ""
"""In a patient's place: of an event that names none."""

NOT_DISCLOSED: Final = "not disclosed"
"""Why an event is corrected whose request was answered, but told nothing of the patient."""

COMPARTMENT: Final = "compartment"
"""Why an event is of a refusal whose answer looks as if there were nothing."""

_ACTIONS: Final[Mapping[str, Action]] = {"PUT": Action.UPDATE, "PATCH": Action.UPDATE, "DELETE": Action.DELETE}
_WHY: Final[Mapping[int, str]] = {
    401: "token",
    403: "scope",
    404: "not found",
    409: "conflict",
    410: "deleted",
    412: "conflict",
    429: "throttled",
}
"""Why a request is refused, by the status of its answer, where the refusal does not say it."""


@dataclass(slots=True)
class Access:
    """What is known so far: the answering code says it as it learns it. Without a `record` nothing is kept.

    `clock` gives epoch seconds, `digest` the digest of a personal value, for which it may have to be called. Where it
    `fails_open`, what is asked for is done whether its events can be kept or not.
    """

    record: AccessRecord | None = None
    clock: Callable[[], float] = lambda: 0.0
    service: str = ""
    digest: Callable[[str], str] = left_out
    client_id: str = ""
    subject: str = ""
    jti: str = ""
    request: Request | None = None
    fails_open: bool = False
    interaction: str = "unknown"
    action: Action | None = None
    type: str = ""
    ids: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    remark: str = ""
    """A fixed word on what was done, where that it was says too little."""
    _named: dict[str, None] = field(default_factory=dict)
    _concerned: tuple[str, ...] = ()
    _disclosed: dict[str, None] = field(default_factory=dict)
    _withheld: dict[str, None] = field(default_factory=dict)
    _begun: dict[str, AccessEvent] = field(default_factory=dict)
    _kept: "list[Future[None]]" = field(default_factory=list)
    _within: dict[str, AccessEvent] = field(default_factory=dict)
    _goes_without: bool = False
    _query_text: str | None = None

    def asks(
        self,
        interaction: str,
        action: Action | None,
        type_: str = "",
        ids: Iterable[str] = (),
        parameters: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Say what is asked for: `ids` as in `Observation/1`, the `parameters` of a search as they were sent.

        Without an `action` it is what the method says.
        """
        self.interaction, self.action, self.type = interaction, action, type_
        self.ids, self.parameters = tuple(ids), tuple(parameters)

    def names(self, *patients: str) -> None:
        """Say whom the request names: each is told of by an event, whatever comes of it."""
        self._named |= dict.fromkeys(patients)

    def discloses(self, patients: Iterable[str]) -> None:
        """Say of whom the answer will tell."""
        self._disclosed |= dict.fromkeys(patients)

    def finds(self, ids: Iterable[str], patients: Iterable[str]) -> None:
        """Say what a request turns out to be about: a refusal that names nobody tells of these `patients`.

        Said again it takes the place of what was said before: of a write, each attempt finds anew what is there.
        """
        self.ids, self._concerned, self._within = tuple(ids), tuple(patients), {}

    def withholds(self, patients: Collection[str]) -> None:
        """Say whose record an answer kept closed that looks as if there were none, and is no refusal."""
        self._withheld |= dict.fromkeys(patients or (NOBODY,))

    def begin(self, patients: Iterable[str] = ()) -> None:
        """Begin to keep the events of those who are named, and of those whom the answer will likely tell of.

        One that names no patient is that of `NOBODY`, of whom the answer then has to tell like of another.
        """
        if self.record is None:
            return
        try:
            new = [self._event(each) for each in {**self._named, **dict.fromkeys(patients)} if self._is_new(each)]
        except DigestKeyError:
            # To be met again at the end, where it is answered.
            return
        if not new:
            return
        self._begun |= {event.patient: event for event in new}
        self._kept += self.record.begin(new)

    def put_actions(self, patients: Collection[str], status: int, made: str) -> list[dict[str, Any]]:
        """Return the actions that keep the events of a write within its own transaction, one for each patient.

        `made` is the version that the write makes (`Patient/4/_history/2`), `status` that of its answer. Each attempt
        takes its own. `committed` is to be called once the transaction is. Raises `DigestKeyError`.
        """
        self._within = {}
        if self.record is None or self._goes_without:
            return []
        for patient in dict.fromkeys(patients or (NOBODY,)):
            self._within[patient] = replace(self._event(patient), status=status, ids=(made,))
        return [self.record.put_action(event) for event in self._within.values()]

    def goes_without(self) -> bool:
        """Say whether a write that was not taken may be tried without its events: `put_actions` has none from then on.

        They are kept at the end, if they can be.
        """
        may = self.fails_open and not self._goes_without
        self._goes_without = self.fails_open
        return may

    def committed(self, patients: Collection[str], made: str) -> None:
        """Say that a write of these patients is done, and that the events of `put_actions` are kept with it."""
        self.ids = (made,)
        self._begun |= self._within
        self.discloses(patients or (NOBODY,))

    def close(self, status: int, refusal: RefusalError | None) -> None:
        """Keep what is not kept yet, and wait for all that was begun.

        A `refusal` tells of nobody but whom it or the request names, or whose the request was found to be. Raises
        `RecordNotKeptError` and `DigestKeyError`.
        """
        if self.record is None:
            return
        if refusal is not None:
            self.names(*(refusal.patients or self._concerned), *filter(None, self._within))
        missing = self._corrections(status, refusal) + self._last(status, refusal)
        if missing:
            self.record.keep(missing)
        for kept in self._kept:
            kept.result()

    def _corrections(self, status: int, refusal: RefusalError | None) -> list[AccessEvent]:
        """Return what corrects the events that were begun and say what did not happen."""
        if refusal is not None:
            outcome, why = outcome_of(status, refusal)
            # A write that was done stays done, whatever becomes of its answer.
            begun = (event for patient, event in self._begun.items() if patient not in self._within)
            return [event.corrected(outcome, why, status) for event in begun]
        told = {**self._named, **self._disclosed}
        unsaid = [event for patient, event in self._begun.items() if patient in told] if self.remark else []
        return [
            *(event.corrected(Outcome.DONE, self.remark, status) for event in unsaid),
            *(
                event.corrected(Outcome.REFUSED, NOT_DISCLOSED, status)
                for patient, event in self._begun.items()
                if patient not in told
            ),
        ]

    def _last(self, status: int, refusal: RefusalError | None) -> list[AccessEvent]:
        """Return the events that were not begun: of each patient, or the one of a request that tells of none."""
        told = self._named if refusal is not None else {**self._named, **self._disclosed, **self._withheld}
        patients = [patient for patient in told if self._is_new(patient)]
        if not patients and not self._begun:
            patients = [NOBODY]
        return [self._ended(patient, status, refusal) for patient in patients]

    def _ended(self, patient: str, status: int, refusal: RefusalError | None) -> AccessEvent:
        """Return a patient's event at the end of a request.

        Of a write whose transaction may have come about or not it has the id of the event therein: only one of the two
        can be put, and if it is this one, the write is not done any more.
        """
        event = self._event(patient)
        if patient in self._within:
            event = replace(event, id=self._within[patient].id)
        if refusal is not None:
            outcome, why = outcome_of(status, refusal)
        elif patient in self._withheld:
            outcome, why = Outcome.REFUSED, COMPARTMENT
        else:
            outcome, why = Outcome.DONE, self.remark
        return replace(event, outcome=outcome, why=why, status=status)

    def _is_new(self, patient: str) -> bool:
        return patient not in self._begun

    def _event(self, patient: str) -> AccessEvent:
        request = self.request
        method = request.method if request else ""
        if self._query_text is None:
            self._query_text = recorded_query(self.parameters, self.digest)
        return AccessEvent(
            id=new_event_id(self.clock()),
            action=self.action or _ACTIONS.get(method, Action.EXECUTE if method == "POST" else Action.READ),
            interaction=self.interaction,
            type=self.type,
            ids=self.ids,
            query=self._query_text,
            patient=patient,
            client_id=self.client_id,
            subject=self.subject,
            jti=self.jti,
            request_id=request.request_id if request else "",
            gateway_request_id=request.gateway_request_id if request else "",
            trace=request.trace if request else "",
            address=request.source_ip if request else "",
            service=self.service,
        )


def outcome_of(status: int, refusal: RefusalError) -> tuple[Outcome, str]:
    """Return what came of a request that was refused, and why, in fixed words."""
    if status >= 500:
        return Outcome.FAILED, "error"
    return Outcome.REFUSED, refusal.why or _WHY.get(status, "bad request")
