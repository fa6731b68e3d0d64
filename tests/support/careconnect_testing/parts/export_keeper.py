"""The keeper of bulk exports over a table in memory, with a machine and a worker that note what they are asked."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.export.job import Job
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir import outcomes
from careconnect.http.messages import Cors
from careconnect.oauth.revocation import IssuedToken
from careconnect.storage.quota import Quota
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import Pairs, fhir_event
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.export_jobs import EXPORT_TABLE, export_table
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.usage_counters import UsageCounters
from export_keeper.app import KeeperEndpoint
from export_keeper.worker_patients import Absent

NOW: Final = 1_795_676_953.25
BASE: Final = "https://care.example/careconnect-ri/STU3"
ASYNC: Final = {"Prefer": "respond-async"}


@dataclass
class Keeper:
    """`calls` are those of the state machine, `deleted` and `never` the ids of absent patients.

    `fault` names what does not answer: `machine`, `worker` or an operation of DynamoDB.
    """

    places: int = 2
    units: int = 10**9
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    kept: StoredEvents = field(default_factory=StoredEvents)
    counters: UsageCounters = field(default_factory=UsageCounters)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    calls: list[tuple[str, str]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    never: set[str] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)
    fault: str = ""
    table: DynamoDbJobs | None = None
    fails_open: bool = False

    def __post_init__(self) -> None:
        """Compose the keeper, over a table of its own unless it is given one."""
        own, self.client = export_table(self.clock, self._check)
        self.jobs: DynamoDbJobs = self.table or own
        endpoint = KeeperEndpoint(self.jobs, self, self, self, Quota(self.counters, self.units), self.places)
        self.app = RequestPipeline(
            endpoint,
            "https://care.example",
            "eu-west-2",
            Cors(("*",)),
            self.observer,
            self.clock,
            auditing=self.kept.auditing(fails_open=self.fails_open),
        )

    def _check(self, operation: str, _request: Mapping[str, Any]) -> None:
        self._require(operation)

    def _require(self, name: str) -> None:
        if self.fault == name:
            raise outcomes.unavailable(name)

    def run(self, job_id: str) -> None:
        """Note a job that is started."""
        self._require("machine")
        self.calls.append(("run", job_id))

    def remove(self, job_id: str) -> None:
        """Note a job that is to be removed."""
        self._require("machine")
        self.calls.append(("remove", job_id))

    def absent_among(self, patients: Collection[str]) -> Absent:
        """Return which patients are absent."""
        self._require("worker")
        self.asked.append(list(patients))
        return Absent(frozenset(patients) & (self.deleted | self.never), frozenset(patients) & self.never)

    def is_revoked(self, token: IssuedToken) -> bool:
        """Return True for the id of a revoked token."""
        self._require("tokens")
        return token.jti in self.revoked

    def ask(
        self,
        method: str,
        path: str,
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        **caller: str,
    ) -> Answer:
        """Answer a request; `caller` changes the authorizer's context. A `body` that is no text is sent as JSON."""
        context = {
            "client_id": "client-1",
            "client_name": "Ward%207",
            "scope": "system/*.rs",
            "expires_at": str(int(self.clock()) + 600),
            "issued_at": str(int(NOW) - 5),
            "jti": "token-7",
        }
        text = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        given = {**({} if text is None else {"Content-Type": "application/fhir+json"}), **(headers or {})}
        event = fhir_event(method, path, query, headers=given, body=text, authorizer=context | caller)
        return Answer.of(self.app(event))

    def kick_off(self, query: Pairs = (), path: str = "$export", **more: Any) -> Answer:
        """Answer a kick-off that prefers to be answered later: by POST if it has a body."""
        headers = {**ASYNC, **more.pop("headers", {})}
        return self.ask("POST" if "body" in more else "GET", path, query, headers, **more)

    def started(self, query: Pairs = (), path: str = "$export", **more: Any) -> Job:
        """Return the job that a kick-off has started."""
        answer = self.kick_off(query, path, **more)
        assert answer.status == 202, answer.text
        return self.stored(answer.headers["Content-Location"].rpartition("/")[2])

    def stored(self, job_id: str) -> Job:
        """Return a job that is there."""
        job = self.jobs.get(job_id)
        assert job is not None
        return job

    def rows(self) -> list[Any]:
        """Return the rows of jobs that run."""
        items = self.client.scan(TableName=EXPORT_TABLE)["Items"]
        return [each for each in items if each.get("state") == {"S": "running"}]


def parameters(*given: tuple[str, str, Any]) -> dict[str, Any]:
    """Return a Parameters resource with a name, the type of `value[x]` and a value each."""
    listed = [{"name": name, f"value{type_}": value} for name, type_, value in given]
    return {"resourceType": "Parameters", "parameter": listed}


def cohort(*patients: str) -> dict[str, Any]:
    """Return a Parameters resource that selects patients by their ids."""
    return parameters(*(("patient", "Reference", {"reference": f"Patient/{each}"}) for each in patients))
