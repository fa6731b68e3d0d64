"""The worker of bulk exports over tables and a bucket in memory, and the state machine that asks it for its steps."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from careconnect.export.job import Job, JobFile, Selection, file_key
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.resource_types import Table
from careconnect.runtime.call_limit import SETTLE_SECONDS
from careconnect_testing.http.writes import Resource
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.export_jobs import a_job, export_table_of
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import FHIR_BASE
from export_worker.errors import TryAgainError
from export_worker.store import ExportStore
from export_worker.worker import ExportWorker

_NUMBERS = itertools.count()


@dataclass
class ObjectsInMemory:
    """A bucket; `before` is called with each operation's name and key, and may make it fail."""

    objects: dict[str, bytes] = field(default_factory=dict)
    before: Callable[[str, str], None] = lambda _operation, _key: None

    def put(self, key: str, body: bytes) -> None:
        """Put an object."""
        self.before("put", key)
        self.objects[key] = body

    def get(self, key: str) -> bytes:
        """Return an object."""
        self.before("get", key)
        return self.objects[key]

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix."""
        self.before("list", prefix)
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        self.before("delete", ",".join(keys))
        for key in keys:
            self.objects.pop(key, None)


@dataclass
class TokensInMemory:
    """Revoked tokens, by their ids."""

    revoked: set[str] = field(default_factory=set)

    def is_revoked(self, token: Any) -> bool:
        """Return True if a token was revoked."""
        return token.jti in self.revoked


@dataclass(frozen=True)
class Exported:
    """What a job has left: its manifest's files, and what they hold."""

    files: list[JobFile]
    texts: dict[str, str]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources of all files, in no order."""
        return [json.loads(line) for line in self.lines]

    @property
    def lines(self) -> list[str]:
        """The lines of the files with resources."""
        kinds = [each.name for each in self.files if each.type not in ("Bundle", "OperationOutcome")]
        return [line for name in kinds for line in self.texts[name].splitlines()]

    @property
    def names(self) -> list[str]:
        """The keys of the resources, sorted; each as often as it occurs."""
        return sorted(f"{each['resourceType']}/{each['id']}" for each in self.resources)

    @property
    def versions(self) -> dict[str, str]:
        """The versions by the resources' keys."""
        return {f"{each['resourceType']}/{each['id']}": each["meta"]["versionId"] for each in self.resources}

    @property
    def deleted(self) -> list[str]:
        """The keys of the deleted resources, sorted."""
        bundles = [
            json.loads(line)
            for each in self.files
            if each.type == "Bundle"
            for line in self.texts[each.name].splitlines()
        ]
        return sorted(entry["request"]["url"] for bundle in bundles for entry in bundle["entry"])


@dataclass
class Exports:
    """The worker, its jobs, its bucket and its audit trail, over the tables of writers."""

    writer: Writer
    jobs: DynamoDbJobs = field(init=False)
    bucket: ObjectsInMemory = field(default_factory=ObjectsInMemory)
    audit: StoredEvents = field(default_factory=StoredEvents)
    tokens: TokensInMemory = field(default_factory=TokensInMemory)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    operators: list[str] = field(default_factory=list)
    elapsed: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        """Create the table of jobs beside the others."""
        self.jobs = export_table_of(self.writer.reader.client, f"export-{next(_NUMBERS)}")

    @property
    def now(self) -> Clock:
        """The clock of the writers and of the worker."""
        return self.writer.now

    def worker(self) -> ExportWorker:
        """Return a new instance of the worker."""
        tables = self.writer.reader.tables
        store = ExportStore(
            self.writer.reader.client,
            {Table.RECORD: tables.record, Table.DIRECTORY: tables.directory},
            tables.states,
            clock=self.now,
            sleep=lambda _: None,
        )
        return ExportWorker(
            self.jobs,
            store,
            self.bucket,
            self.audit,
            self.tokens,
            self.observer,
            lambda: self.operators,
            retention_hours=24,
            clock=self.now,
            elapsed=self.elapsed,
        )

    def kick_off(self, *types: str, scope: str = "system/*.rs", ignored: tuple[str, ...] = (), **selection: Any) -> Job:
        """Start a job now, and let the time pass until it may begin to read."""
        number = next(_NUMBERS)
        job = a_job(
            self.now(),
            id=f"{number:032x}",
            scope=scope,
            fhir_base=FHIR_BASE,
            ignored=ignored,
            selection=Selection(types or ("Patient", "Observation", "Organization"), **selection),
        )
        self.jobs.put(job, 1_000)
        self.now.now += 0.001
        return job

    def settle(self) -> None:
        """Let the time pass until a job may read."""
        self.now.now += SETTLE_SECONDS

    def export(self, *types: str, **given: Any) -> Exported:
        """Do a whole job of the store as it is now."""
        job = self.kick_off(*types, **given)
        self.settle()
        return self.run(job)

    def run(self, job: Job, *, killed: type[BaseException] = TryAgainError, times: int = 10_000) -> Exported:
        """Do the steps of a job as the state machine does; one that is `killed` is repeated, by a new instance.

        Then nothing fails any more.
        """

        def step(**event: Any) -> dict[str, Any]:
            for _ in range(times):
                try:
                    return self.worker()({"job": job.id, **event})
                except killed:
                    continue
            raise AssertionError(event)

        begun = step(step="begin")
        for chain in begun.get("chains", ()):
            while step(step="read", chain=chain)["more"]:
                pass
        while step(step="record")["more"]:
            pass
        step(step="finish")
        self.bucket.before = lambda _operation, _key: None
        self.writer.faults.clear()
        return self.exported(job)

    def exported(self, job: Job) -> Exported:
        """Return what a job has left."""
        files = self.jobs.files(job.id)
        return Exported(files, {each.name: self.bucket.objects[file_key(job.id, each.name)].decode() for each in files})

    @property
    def recorded(self) -> list[str]:
        """The patients of the audit events, sorted; each as often as there are events."""
        return sorted(event.patient for event in self.audit.events)


def patient(id_: str, family: str = "Kanfeld") -> Resource:
    """Return a Patient."""
    return {"resourceType": "Patient", "id": id_, "name": [{"family": family}]}


def observation(id_: str, patient_id: str = "", date: str = "2020-01-01", code: str = "a") -> Resource:
    """Return an Observation, perhaps of a patient."""
    subject = {"subject": {"reference": f"Patient/{patient_id}"}} if patient_id else {}
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": date,
        **subject,
    }


def made(exports: Exports, *resources: Resource) -> list[Resource]:
    """Write resources, one after another."""
    stored = []
    for resource in resources:
        exports.now.now += 1
        stored.append(exports.writer.made(resource))
    return stored


def deleted(exports: Exports, *paths: str) -> None:
    """Delete resources, one after another."""
    for path in paths:
        exports.now.now += 1
        answer = exports.writer.delete(path)
        assert answer.status == 204, answer.text
