"""The endpoint of bulk exports' jobs: the rows that start, tell of and cancel them (`export.md`)."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol
from urllib.parse import urlencode

from careconnect.audit.disclosures import NOBODY
from careconnect.audit.query import PATIENT
from careconnect.audit.store import EventNotStoredError
from careconnect.endpoint.interaction_endpoint import Handler, InteractionEndpoint, Requested
from careconnect.export.ended import Revocations, is_ended
from careconnect.export.job import CHAINS, Chain, Job, JobFile, Selection, State, is_job_id, new_job_id, percent_of
from careconnect.export.jobs import NoPlaceError
from careconnect.export.opened import covers, opened_types, system_scope
from careconnect.fhir import outcomes
from careconnect.fhir.interactions import CANCEL, KICK_OFF, PATIENT_KICK_OFF, STATUS, Interaction
from careconnect.fhir.outcomes import Issue, OperationOutcome, OutcomeError
from careconnect.fhir.rendering.formats import Format, fhir_response
from careconnect.fhir.request import FhirPath, parameters_of, parse_path
from careconnect.fhir.resource_types import ResourceType, Table
from careconnect.http.messages import Request, Response
from careconnect.oauth.caller import Caller
from careconnect.search.result_parameters import Handling, handling_of
from careconnect.storage.quota import Quota
from export_keeper.audit_parameters import audit_parameters
from export_keeper.job_status import complete, failed, job_url, running
from export_keeper.kick_off_parameters import given_parameters, require_headers
from export_keeper.parse_kick_off import Leniency, Level, check_parameters, selection_of
from export_keeper.worker_patients import Absent

KICK_OFF_UNITS: Final = 3_000
STATUS_UNITS: Final = 50
_PLACE_SECONDS: Final = 60
"""When a client without a place may try again: nobody knows when its jobs are done."""


class Jobs(Protocol):
    """The jobs of bulk exports; each method raises the 503 outcome."""

    def put(self, job: Job, places: int) -> None:
        """Store a new job in one of its client's places; raises `NoPlaceError`."""

    def get(self, job_id: str) -> Job | None:
        """Return a job, None if there is none."""

    def end(self, job_id: str) -> None:
        """Note that a job has ended."""

    def count_status(self, job_id: str, now: float) -> int | None:
        """Count a status request; return the seconds to wait if the minute has had too many."""

    def chains(self, job_id: str) -> Mapping[int, Chain]:
        """Return how far each chain has come."""

    def files(self, job_id: str) -> Sequence[JobFile]:
        """Return the finished files of a job."""


class Machine(Protocol):
    """The engine that runs the steps of jobs; both methods raise the 503 outcome."""

    def run(self, job_id: str) -> None:
        """Start the steps of a job."""

    def remove(self, job_id: str) -> None:
        """Start the removal of a job that is about to end."""


class Patients(Protocol):
    """The existence of patients."""

    def absent_among(self, patients: Collection[str]) -> Absent:
        """Return which patients are absent; raises the 503 outcome."""


@dataclass(frozen=True, slots=True)
class KeeperEndpoint(InteractionEndpoint):
    """The endpoint of the deployed function; a client has so many `places` for running jobs."""

    jobs: Jobs
    machine: Machine
    patients: Patients
    revocations: Revocations
    quota: Quota
    places: int
    table: Table = Table.RECORD

    @property
    def client_quota(self) -> Quota:
        """The quota of the clients."""
        return self.quota

    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        """Return the keys of the patients that there are or were; a kick-off names nothing else."""
        prefix = f"{PATIENT.name}/"
        never = self.patients.absent_among([key.removeprefix(prefix) for key in keys if key.startswith(prefix)]).never
        return [key for key in keys if key.removeprefix(prefix) not in never]

    def path_of(self, request: Request) -> FhirPath:
        """Return the path of a request; raises the outcomes 404."""
        path = parse_path(request.path)
        if not path.is_export or self.handlers.keys().isdisjoint(path.interactions):
            raise outcomes.not_supported()
        return path

    def _kick_off(self, requested: Requested) -> Response:
        context, caller, recorder = requested.context, requested.caller, requested.context.recorder
        selection, ignored = _asked(requested)
        self.quota.consume(caller.client_id, KICK_OFF_UNITS, context.now, context.bill)
        self._require_patients(requested, selection.patients)
        job = Job(
            id=new_job_id(),
            at=int(context.now * 1_000),
            client_id=caller.client_id,
            scope=system_scope(caller.scope),
            jti=caller.jti,
            issued_at=caller.issued_at,
            url=_url(requested),
            fhir_base=context.base_url.fhir,
            kick_off=recorder.for_later(),
            selection=selection,
            ignored=ignored,
        )
        if is_ended(job, self.revocations):
            raise outcomes.expired_token(reason="revoked since the policy was cached")
        self._start(requested, job)
        return _accepted("The export has begun.", {"Content-Location": job_url(job)})

    def _require_patients(self, requested: Requested, patients: Collection[str]) -> None:
        """Raise the 422 outcome unless all patients exist."""
        if not patients:
            return
        absent, never = self.patients.absent_among(patients)
        requested.context.recorder.which_exist = lambda keys: [
            key for key in keys if key.partition("/")[2] not in never
        ]
        if absent:
            text = "patient: of those named, one or more do not exist or are deleted."
            raise OutcomeError(422, "not-found", text, where="http.patient")

    def _start(self, requested: Requested, job: Job) -> None:
        """Store a job and the events of its kick-off, then start it; raises the outcomes 429 and 503."""
        recorder = requested.context.recorder
        try:
            self.jobs.put(job, self.places)
            recorder.facts = replace(recorder.facts, job=job.id)
            recorder.while_reading().disclose(job.selection.patients or (NOBODY,))
            recorder.require_stored()
            self.machine.run(job.id)
        except NoPlaceError:
            text = f"This client has {self.places} running exports, as many as it may have: wait for one, or delete it."
            raise OutcomeError(
                429, "throttled", text, {"Retry-After": str(_PLACE_SECONDS)}, reason="no place"
            ) from None
        except (OutcomeError, EventNotStoredError) as error:
            # What is not answered has not begun, and takes no place.
            with suppress(OutcomeError):
                self.jobs.end(job.id)
            if isinstance(error, OutcomeError):
                raise
            raise outcomes.unavailable(f"no event: {error}") from error

    def _status(self, requested: Requested) -> Response:
        context, caller = requested.context, requested.caller
        self.quota.consume(caller.client_id, STATUS_UNITS, context.now, context.bill)
        job = self._job(requested)
        for type_ in job.selection.resource_types:
            if not covers(caller, job, type_):
                raise _insufficient(type_.name)
        if seconds := self.jobs.count_status(job.id, context.now):
            text = f"The export's status was asked for too often: try again in {seconds} seconds."
            raise OutcomeError(429, "throttled", text, {"Retry-After": str(seconds)}, reason="status")
        if cause := job.cause_at(int(context.now * 1_000)):
            raise failed(job, cause)
        if job.state is State.COMPLETE:
            return complete(job, self.jobs.files(job.id))
        chains = self.jobs.chains(job.id)
        return running(job, percent_of(chains[each] for each in range(CHAINS) if each in chains), context.now)

    def _cancel(self, requested: Requested) -> Response:
        self._end(self._job(requested))
        return _accepted("The export has ended, and its files are deleted.")

    def _end(self, job: Job) -> None:
        """End a job and start to remove its files; raises the 503 outcome, after which it may be tried again."""
        # The removal comes first, since of an ended job nobody would start it: it looks for the end more than once.
        self.machine.remove(job.id)
        self.jobs.end(job.id)

    def _job(self, requested: Requested) -> Job:
        """Return the job in a path; raises the outcomes 400, 404, also if it is another's or has ended, and 503."""
        parameters_of(requested.request, requested.path)
        job_id, recorder = requested.path.job, requested.context.recorder
        job = self.jobs.get(job_id) if is_job_id(job_id) else None
        if job is None:
            raise outcomes.not_found()
        recorder.facts = replace(recorder.facts, job=job.id)
        if job.client_id != requested.caller.client_id or not job.is_known(int(requested.context.now * 1_000)):
            raise outcomes.not_found()
        if is_ended(job, self.revocations):
            self._end(job)
            raise outcomes.not_found()
        return job

    handlers: ClassVar[Mapping[Interaction, Handler]] = {
        KICK_OFF: _kick_off,
        PATIENT_KICK_OFF: _kick_off,
        STATUS: _status,
        CANCEL: _cancel,
    }


def _asked(requested: Requested) -> tuple[Selection, tuple[str, ...]]:
    """Return the selection of a kick-off and its ignored items; the audit trail gets its parameters.

    Raises the outcomes 400, 403, 406, 413 and 415.
    """
    context, request, recorder = requested.context, requested.request, requested.context.recorder
    fhir_base = context.base_url.fhir
    level = Level(requested.interaction is PATIENT_KICK_OFF)
    opened = _opened(requested.caller, level)
    require_headers(request.headers)
    given = given_parameters(request)
    query = audit_parameters(given, fhir_base)
    recorder.facts = replace(recorder.facts, query=query, patients=query.patients)
    leniency = Leniency(handling_of(request.headers.get("prefer", "")) is Handling.LENIENT)
    check_parameters(given, level, leniency)
    now = int(context.now * 1_000)
    selection = selection_of(given, level, opened, leniency, fhir_base=fhir_base, now=now)
    return selection, tuple(leniency.ignored)


def _opened(caller: Caller, level: Level) -> Collection[ResourceType]:
    """Return the types that a token exports; raises the outcome 403 if it starts no export of the level."""
    if caller.patient:
        raise _insufficient("*", "A token that is bound to a patient exports nothing: it has Patient/{id}/$everything.")
    opened = opened_types(caller.scope)
    if not opened:
        raise _insufficient("*")
    if level.is_of_patients and PATIENT not in opened:
        raise _insufficient(PATIENT.name)
    return opened


def _insufficient(type_name: str, advice: str = "") -> OutcomeError:
    return outcomes.insufficient_scope(f"system/{type_name}.rs", advice)


def _url(requested: Requested) -> str:
    """Return the URL of a kick-off as sent; the gateway hands on its query decoded."""
    query = urlencode(requested.request.query, safe="*")
    return f"{requested.context.base_url.root}{requested.request.path}{'?' if query else ''}{query}"


def _accepted(text: str, headers: Mapping[str, str] | None = None) -> Response:
    body = OperationOutcome((Issue("informational", text, severity="information"),)).json()
    return fhir_response(202, body, Format.JSON, {**(headers or {}), "Cache-Control": "no-store"})
