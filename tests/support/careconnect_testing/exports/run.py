"""Run cases: a generated store, a kick-off or two, writers beside them, and workers that are killed at any call."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final
from unittest.mock import patch

from careconnect.audit.event import Action, AuditEvent, event_of, new_event_id
from careconnect.export.job import (
    DELETED,
    Job,
    JobFile,
    Selection,
    State,
    TypeFilter,
    file_key,
    kind_of,
    new_job_id,
    prefix_of,
)
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.resource_types import RESOURCE_TYPES as ROWS
from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.exports.kick_offs import KickOff, generated_kick_off
from careconnect_testing.exports.machine import Machine
from careconnect_testing.exports.oracle import Expected, expected_of, is_line, patients_in
from careconnect_testing.exports.registered import RegisteredOperator
from careconnect_testing.exports.stored_versions import Recorded
from careconnect_testing.exports.workers import RETENTION_SECONDS, SMALL, UnexpectedError, build_worker, is_retried
from careconnect_testing.exports.world import EXPORTS, WORKER, ExportAws, ExportSystem, Stored, stored
from careconnect_testing.exports.writers import Writer, plan_of
from careconnect_testing.simulation.actors.plan import OPERATOR
from careconnect_testing.simulation.ledger import Ledger
from careconnect_testing.simulation.schedule.choices import Choices
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world import aws as simulated_aws
from careconnect_testing.simulation.world.beginning import secret_of
from careconnect_testing.simulation.world.gateway import Gateway
from careconnect_testing.simulation.world.kms import Keys
from careconnect_testing.simulation.world.names import AUDIT, BASE, START
from careconnect_testing.simulation.world.system import BrokenPromiseError, isolated

_CASES_OF_STORE: Final = 25
_FAULTS: Final = (0.0, 0.0, 10.0, 40.0)
_KILLS: Final = (0.0, 10.0, 40.0, 120.0)
"""How many of 1,000 calls fail, and how many kill a worker, by the seed."""
_LATER: Final = (0.0, 0.5, 2.5)
"""Seconds after which a call may be done that its caller has given up: the writers' limits count on no more."""
_AGAIN: Final = 0.4
"""The part of the cases in which a second export follows, of what has changed since the first."""
_ENDED: Final = 0.1
"""The part of the cases in which the job ends before it is done."""
_MINUTES: Final = 180.0
"""Seconds between the two removals of a job."""
_MOST_DELETIONS: Final = 1_000


@dataclass
class Export:
    """One export of a case: what is asked, its job, and what is wrong with what it made."""

    kick_off: KickOff
    job: Job
    is_done: bool = False


@dataclass
class Case:
    """A run of a seed."""

    seed: int
    random: Random = field(init=False)
    told: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Choose what the seed decides at once."""
        self.random = random = Random(f"export {self.seed}")
        self.stored: Stored = stored(self.seed // _CASES_OF_STORE)
        self.after = random.uniform(0.2, 3.0)
        """Seconds until the kick-off."""
        self.plan = plan_of(random, self.stored.resources, self.after)
        self.per_mille, self.kills = random.choice(_FAULTS), random.choice(_KILLS)
        choices = Choices(self.seed)
        self.scheduler = Scheduler(choices, START)
        self.database = self.stored.database.copy(clock=lambda: self.scheduler.now)
        self.database.auto_propagate = False
        create_export_table(self.database)
        self.aws = ExportAws(self.database, self.scheduler, choices, Keys(), self.per_mille)
        self.aws.kills_per_mille = self.kills
        self.system = ExportSystem(self.aws, random, build_worker=build_worker)
        self.gateway = Gateway(self.system)
        self.ledger = Ledger()
        self.operator = RegisteredOperator(self.system, self.ledger)
        self.jobs = DynamoDbJobs(_client(self.database), EXPORTS)
        self.versions = Recorded(self.database, self.ledger, self.scheduler, self.system.names)
        self.machine = Machine(self.scheduler, lambda payload: self.system.invoke(WORKER, payload), is_retried)
        self.exports: list[Export] = []

    def run(self) -> str:
        """Run the case, and return what is wrong, empty if nothing is."""
        with ExitStack() as stack:
            stack.enter_context(isolated(self.scheduler, self.random))
            # What a killed instance leaves half-way is collected by and by, and is no error.
            stack.enter_context(patch.object(sys, "unraisablehook", lambda _: None))
            for owner, name, value in ((simulated_aws, "LATER", _LATER), *SMALL):
                stack.enter_context(patch.object(owner, name, value))
            self.versions.begin()
            self.operator.switched = self.versions.switched
            self.aws.changed = self.versions.changed
            for line in self.plan:
                client = f"{line.role}-{line.number}"
                token = "" if line.role == OPERATOR else self.stored.deployed.tokens[client]
                writer = Writer(
                    line,
                    client,
                    secret_of(client),
                    token,
                    self.scheduler,
                    self.gateway,
                    self.ledger,
                    self.operator,
                    lambda _: None,
                    {},
                )
                self.scheduler.spawn(client, writer.run)
            self.scheduler.spawn("exporter", self._export)
            try:
                self.scheduler.run()
                if self.system.failures:
                    raise BrokenPromiseError(f"an unexpected error: {self.system.failures[0]!r}")
                for export in self.exports:
                    self._check_removed(export)
            except (BrokenPromiseError, UnexpectedError, RuntimeError) as error:
                return str(error) or repr(error)
        return ""

    def _export(self) -> None:
        self.scheduler.pause(self.after)
        instants = sorted({each.updated for versions in self.versions.versions.values() for each in versions})
        kick_off = generated_kick_off(self.random, instants, int(self.scheduler.now * 1000))
        if self.random.random() < _ENDED:
            self.scheduler.spawn("client", self._end)
        first = self._run(kick_off)
        if first.is_done and self.random.random() < _AGAIN:
            self.scheduler.pause(self.random.choice((0.0, 0.5, 3.0)))
            since = replace(kick_off, since=first.job.at, until=None)
            self._run(since)
        self.scheduler.pause(RETENTION_SECONDS if any(each.is_done for each in self.exports) else 0)
        for export in self.exports:
            self.machine.remove(export.job.id)
            self.scheduler.pause(_MINUTES)
            self.machine.remove(export.job.id)

    def _end(self) -> None:
        """Have the client delete its job."""
        self.scheduler.pause(self.random.choice((5.0, 25.0, 25.1, 25.3, 26.0, 28.0)))
        for export in self.exports:
            self.jobs.end(export.job.id)

    def _run(self, kick_off: KickOff) -> Export:
        at = int(self.scheduler.now * 1000)
        job = Job(
            id=new_job_id(),
            at=at,
            client_id="editor-1",
            scope=str(kick_off.token.caller),
            jti=f"jti-{len(self.exports)}",
            issued_at=at // 1000 - 60,
            url=f"{BASE}/STU3/$export",
            fhir_base=f"{BASE}/STU3",
            kick_off=AuditEvent(id=new_event_id(at / 1000), action=Action.EXECUTE, interaction="operation"),
            selection=selection_of(kick_off),
        )
        self.jobs.put(job, 100)
        export = Export(kick_off, job)
        self.exports.append(export)
        export.is_done = self.machine.run(job.id)
        found = self.jobs.get(job.id)
        if found is None or found.state is not (State.COMPLETE if export.is_done else State.ENDED):
            raise BrokenPromiseError(f"the job is done: {export.is_done}, and is {found and found.state}")
        if export.is_done:
            self._check(export)
        return export

    def _check(self, export: Export) -> None:
        """Compare what an export has made with what the oracle says."""
        job, told = export.job, expected_of(export.kick_off, export.job.at, self.versions.versions)
        files = self.jobs.files(job.id)
        found = _Found(self.system.exports, job.id, files)
        for fault in found.faults(export.kick_off, told):
            raise BrokenPromiseError(f"{fault}\n  {export.kick_off}\n  at {job.at}")
        held = {each.patient for each in self._events(job.id)}
        whose = patients_in(told, found.missing)
        if held != whose:
            raise BrokenPromiseError(f"events of {sorted(held)}, not of {sorted(whose)}\n  {export.kick_off}")
        self.counts["lines"] += found.lines
        self.counts["files"] += len(files)

    def _events(self, job_id: str) -> Iterator[AuditEvent]:
        events = map(event_of, self.database.items(AUDIT))
        return (each for each in events if each.job == job_id and each.service == WORKER)

    def _check_removed(self, export: Export) -> None:
        """Check that nothing of a job is left after its end."""
        left = [key for key in self.system.exports if key.startswith(prefix_of(export.job.id))]
        rows = [each["sk"]["S"] for each in self.database.items(EXPORTS) if each["pk"]["S"].endswith(export.job.id)]
        if left or rows:
            raise BrokenPromiseError(f"after its end the job has left {left} and {rows}")


@dataclass
class _Found:
    """What the files of a job hold."""

    objects: Mapping[str, bytes]
    job_id: str
    files: Sequence[JobFile]
    lines: int = 0
    missing: set[str] = field(default_factory=set)

    def faults(self, kick_off: KickOff, told: Expected) -> Iterator[str]:
        """Yield what is wrong with the files."""
        expected = {key: text for lines in told.lines.values() for key, text in lines.items()}
        met: Counter[str] = Counter()
        deleted: Counter[str] = Counter()
        for file in self.files:
            body = self.objects.get(file_key(self.job_id, file.name))
            if body is None:
                yield f"{file.name} is listed and not there"
                return
            text = body.decode()
            lines = text.split("\n")
            if lines.pop() or len(lines) != file.count or not lines:
                yield f"{file.name} has {len(lines)} lines, and the manifest says {file.count}"
            self.lines += len(lines)
            if kind_of(file.name) == DELETED:
                for line in lines:
                    deleted.update(_deleted_in(line))
                continue
            for line in lines:
                resource = json.loads(line)
                key = f"{resource['resourceType']}/{resource['id']}"
                met[key] += 1
                if resource["resourceType"] != file.type:
                    yield f"{file.name} of {file.type} holds {key}"
                if key not in expected:
                    yield f"{key} is in {file.name}, as {line}"
                elif not is_line(kick_off, line, expected[key]):
                    yield f"{key} is not as it was: {line}\n  but {expected[key]}"
        yield from (f"{each} is there {times} times" for each, times in (met + deleted).items() if times > 1)
        self.missing = expected.keys() - met.keys()
        if lost := sorted(self.missing - told.excused):
            yield f"{lost} are missing"
        if deleted.keys() != told.deleted:
            yield f"deleted are {sorted(deleted)}, not {sorted(told.deleted)}"


def _deleted_in(line: str) -> list[str]:
    bundle = json.loads(line)
    if bundle["type"] != "transaction" or not 0 < len(bundle["entry"]) <= _MOST_DELETIONS:
        raise BrokenPromiseError(f"no Bundle of deletions: {line}")
    requests = [each["request"] for each in bundle["entry"]]
    if any(each["method"] != "DELETE" for each in requests):
        raise BrokenPromiseError(f"no deletions: {line}")
    return [str(each["url"]) for each in requests]


def selection_of(kick_off: KickOff) -> Selection:
    """Return a kick-off as a job keeps it."""
    exported = [each.name for each in ROWS if each.name in kick_off.exported]
    elements = {
        type_: tuple(each.rpartition(".")[2] for each in kick_off.elements if each.partition(".")[0] in (type_, each))
        for type_ in exported
    }
    return Selection(
        types=tuple(exported),
        is_of_patients=kick_off.is_of_patients,
        since=kick_off.since,
        until=kick_off.until,
        elements=tuple((type_, names) for type_, names in elements.items() if names),
        filters=tuple(TypeFilter(type_, criteria) for type_, criteria in kick_off.filters),
        patients=kick_off.patients,
    )


def create_export_table(database: Database) -> None:
    """Create the table of jobs."""
    names = ("pk", "sk")
    database.create_table(
        TableName=EXPORTS,
        time_to_live="expires_at",
        KeySchema=[
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
    )


def _client(database: Database) -> Any:
    return InMemoryClient(database)


def findings(seeds: Iterable[int]) -> Iterator[str]:
    """Yield what is wrong with the exports of some seeds."""
    for seed in seeds:
        if broken := Case(seed).run():
            yield f"seed {seed}: {broken}"
