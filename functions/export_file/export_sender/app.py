"""The endpoint of a bulk export's files: a file is answered as it is stored, to the client that started its job."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol

from careconnect.audit.disclosures import NOBODY
from careconnect.endpoint.interaction_endpoint import Handler, InteractionEndpoint, Requested
from careconnect.export.ended import Revocations, is_ended
from careconnect.export.job import Job, JobFile, State, is_file_name, is_job_id, kind_of
from careconnect.export.opened import covers
from careconnect.fhir import outcomes
from careconnect.fhir.interactions import FILE, Interaction
from careconnect.fhir.request import FhirPath, parameters_of, parse_path
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Request, Response

NDJSON: Final = "application/fhir+ndjson"


class Jobs(Protocol):
    """The jobs of bulk exports; raises the 503 outcome."""

    def get(self, job_id: str) -> Job | None:
        """Return a job, None if there is none."""

    def file(self, job_id: str, name: str) -> JobFile | None:
        """Return a finished file of a job, None if there is none."""


class Files(Protocol):
    """The contents of files; raises the 503 outcome."""

    def text(self, job_id: str, name: str) -> str | None:
        """Return the text of a file, None if it cannot be opened: it may have been removed."""


@dataclass(frozen=True, slots=True)
class FileEndpoint(InteractionEndpoint):
    """The endpoint of the deployed function; files cost nothing of a client's quota."""

    jobs: Jobs
    files: Files
    revocations: Revocations
    table: Table = Table.RECORD

    client_quota: ClassVar[None] = None

    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        """Return the keys: the request names no resource."""
        return keys

    def path_of(self, request: Request) -> FhirPath:
        """Return the path of a request; raises the outcomes 404."""
        path = parse_path(request.path)
        if FILE not in path.interactions:
            raise outcomes.not_supported()
        return path

    def _file(self, requested: Requested) -> Response:
        parameters_of(requested.request, requested.path)
        job, name = self._job(requested), requested.path.file
        types = job.selection.resource_types
        # A file of deletions or of what was ignored is of all types.
        of_file = [each for each in types if each.name == kind_of(name)] or types
        for each in of_file:
            if not covers(requested.caller, job, each):
                raise outcomes.insufficient_scope(f"system/{each.name}.rs")
        if self.jobs.file(job.id, name) is None:
            raise outcomes.not_found()
        # Its event is stored beside the reading of the file, and before the answer.
        requested.context.recorder.while_reading().disclose([NOBODY])
        text = self.files.text(job.id, name)
        if text is None:
            # It went after it was found: with its job, else it cannot be read.
            self._job(requested)
            raise outcomes.unavailable("no object")
        return Response(200, text, {"Content-Type": NDJSON, "Cache-Control": "no-store"})

    def _job(self, requested: Requested) -> Job:
        """Return the complete job in a path; raises the outcome 404, also if it is another client's, and 503."""
        path, recorder = requested.path, requested.context.recorder
        if not is_job_id(path.job) or not is_file_name(path.file):
            raise outcomes.not_found()
        job = self.jobs.get(path.job)
        if job is None:
            raise outcomes.not_found()
        recorder.facts = replace(recorder.facts, job=job.id, file=path.file)
        is_own = job.client_id == requested.caller.client_id and job.state is State.COMPLETE
        if not is_own or not job.is_known(int(requested.context.now * 1000)) or is_ended(job, self.revocations):
            raise outcomes.not_found()
        return job

    handlers: ClassVar[Mapping[Interaction, Handler]] = {FILE: _file}
