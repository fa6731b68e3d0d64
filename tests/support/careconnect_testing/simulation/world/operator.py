"""What operators and AWS itself do in a run: keys rotate, clients are disabled, the stream is archived."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from typing import Any, Final

from audit_archiver.dynamodb_trail import DynamoDbTrail
from audit_archiver.jobs import JobError
from audit_archiver.retentions import Retentions
from audit_archiver.s3_archive import S3Archive
from audit_archiver.verify_day import verify_day
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import day_of
from careconnect.fhir.resource_types import resource_type
from careconnect.oauth.access_token import REVOCATION_KEPT_AFTER_EXPIRY, client_cutoff_key
from careconnect.oauth.signing_keys import CURRENT, NEXT, PREVIOUS
from careconnect_admin.audit_trail.read_events import AccessRecordReader
from careconnect_admin.auditing.audited_clients import AuditedClientRegistry
from careconnect_admin.auditing.audited_erasure import erased_since, recorded_erasure
from careconnect_admin.auditing.audited_revocations import RecordedRevocations
from careconnect_admin.auditing.operator_events import LOCAL_OPERATOR, OperatorEvents
from careconnect_admin.auditing.operator_events import Operator as OperatorPrincipal
from careconnect_admin.clients.cut_off import cut_off_patient
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.clients.token_revocation import DynamoDbTokenRevocations
from careconnect_admin.erasing.erase_patient import Erasure
from careconnect_admin.errors import OperatorError, OtherFormatError
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.reindex import reindex
from careconnect_admin.loading.writer import Announce, RecordWriter
from careconnect_admin.moving.move_resources import Move
from careconnect_admin.restoring.prepare_restored import prepare_restored
from careconnect_admin.restoring.switch_tables import WAIT_SECONDS
from careconnect_records.items.table_formats import close_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_records.writes.target import Target
from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.ledger import ERASER_TASK, MOVER_TASK, OPERATOR_TASK, Erasing, Ledger, Moved
from careconnect_testing.simulation.promises.restored import check_restored, restored_contents
from careconnect_testing.simulation.world.aws import LATENCY, Aws
from careconnect_testing.simulation.world.bucket import Bucket
from careconnect_testing.simulation.world.names import (
    AUDIT,
    BASE,
    CLIENTS,
    DIRECTORY,
    OF_RESOURCES,
    RECORDS,
    START,
    TOKENS,
)
from careconnect_testing.simulation.world.system import ARCHIVER, RECOVERY, BrokenPromiseError, System
from careconnect_testing.simulation.world.usage import used_in
from write_recovery.recovery_job import RecoveryError

_LIFETIME: Final = 3600
_VERIFIED_AFTER: Final = 1_000.0
"""Seconds after which every event should be archived."""
_RETENTIONS: Final = Retentions(0, 365)


class _KilledError(Exception):
    """A command was killed."""


class _CommandClient(InMemoryClient):
    """boto3's client of DynamoDB for an operator's command: others go on at each call, and none fails.

    The command is killed after `calls`; 0 for never.
    """

    def __init__(self, aws: Aws, calls: int = 0) -> None:
        super().__init__(aws.database)
        self._aws = aws
        self._left = calls or -1

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return an operation by boto3's name."""

        def call(**request: Any) -> Any:
            if self._left == 0:
                raise _KilledError
            self._left -= 1
            self._aws.scheduler.pause(LATENCY)
            return self._aws.done(operation, request, partial(self._aws.database.execute, operation))

        return call


def _killed_after(database: Database, calls: int) -> InMemoryClient:
    """Return a client for a command beside which nobody is at work; it is killed after `calls`, 0 for never."""
    left = iter(range(calls)) if calls else repeat(0)

    def before(_operation: str, _request: Mapping[str, Any]) -> None:
        if next(left, None) is None:
            raise _KilledError

    return InMemoryClient(database, before)


@dataclass
class Operator:
    """Operators' commands, each of their calls at its own moment, and the services that work by themselves."""

    system: System
    ledger: Ledger
    switched: Callable[[], None] = lambda: None
    """Called when restored tables are in service."""
    archived: int = 0
    """Records of the stream that the archiver has taken."""
    spent: Counter[str] = field(default_factory=Counter)
    """Units charged by counters that have expired, by client."""
    _rotation: int = 0
    _is_rotating: bool = False
    _restores: int = 0
    _backup: tuple[Database, float] | None = None
    """The tables as they were, and when."""
    _erasing: int = 0
    """Erasures in progress, beside which no restore may run."""

    def disable(self, client: str) -> None:
        """Disable a client and end its tokens, as `careconnect clients disable` does."""
        self._do(
            "update_item",
            {
                "TableName": CLIENTS,
                "Key": {"client_id": {"S": client}},
                "UpdateExpression": "SET enabled = :no",
                "ExpressionAttributeValues": {":no": {"BOOL": False}},
            },
        )
        self.ledger.disabled.setdefault(client, self.ledger.next_place())
        self.cut_off(client)

    def cut_off(self, client: str) -> None:
        """End all tokens of a client that were issued until now."""
        now = int(self.system.scheduler.now)
        self._do(
            "put_item",
            {
                "TableName": TOKENS,
                "Item": {
                    "pk": {"S": client_cutoff_key(client)},
                    "before": {"N": str(now)},
                    "expires_at": {"N": str(now + _LIFETIME + REVOCATION_KEPT_AFTER_EXPIRY)},
                },
            },
        )
        self.ledger.cut_off[client] = self.system.scheduler.now

    def rotate(self) -> None:
        """Take the next step of a rotation, waiting first as the command does: publish, promote, retire.

        Nothing is done while another operator takes a step.
        """
        if self._is_rotating:
            return
        self._is_rotating = True
        stage, self._rotation = self._rotation % 3, self._rotation + 1
        (self._publish, self._promote, self._retire)[stage](self.system.aws.keys.places)
        self._is_rotating = False

    def _publish(self, places: dict[str, int]) -> None:
        places[NEXT] = (places[CURRENT] + 1) % 3

    def _promote(self, places: dict[str, int]) -> None:
        # Published for longer than all caches of key sets.
        self.system.scheduler.pause(70)
        places[PREVIOUS] = places[CURRENT]
        self.system.scheduler.pause()
        places[CURRENT] = places[NEXT]

    def _retire(self, places: dict[str, int]) -> None:
        # The last token of the former key has expired.
        self.system.scheduler.pause(_LIFETIME + 100)
        places[PREVIOUS] = places[CURRENT]

    def archive(self, most: int) -> bool:
        """Have the archiver take a batch of the stream, at least once; return False if there was none."""
        begun = self.archived
        batch = self.system.aws.database.stream(AUDIT, begun, most)
        if not batch:
            return False
        try:
            is_done = self.system.invoke(ARCHIVER, {"Records": batch}) is True
        except JobError:
            is_done = False
        # Otherwise Lambda sends the batch again. Nobody else takes it, since there is one shard.
        if is_done and self.archived == begun:
            self.archived += len(batch)
        return True

    def recover(self) -> None:
        """Run the recovery of multi-step writes, as a schedule does each minute."""
        with suppress(RecoveryError):
            self.system.invoke(RECOVERY, {})

    def back_up(self) -> None:
        """Note the tables as they are: the time that a restore will go back to."""
        if not self.system.is_stopped:
            copied = self.system.aws.database.copy(list(self.system.names.values()))
            self._backup = copied, self.system.scheduler.now

    def restore(self, calls: int = 0) -> None:
        """Restore the record tables beside those in service, make them ready, and switch (ADR 40).

        What makes them ready is killed after some `calls`, and run again.
        """
        system, database = self.system, self.system.aws.database
        if self._backup is None or system.is_stopped or self._erasing:
            return
        (backup, since), self._backup, replaced = self._backup, None, dict(system.names)
        system.is_stopped = self.ledger.was_closed = True
        system.scheduler.pause(WAIT_SECONDS)
        self._restores += 1
        restored = {name: f"{name}-{self._restores}" for name in replaced}
        for name, new in restored.items():
            table = backup.table(replaced[name])
            database.create_table(time_to_live=table.time_to_live, **{**table.request, "TableName": new})
            database.table(new).restore(table.rows)
        client: Any = InMemoryClient(database)
        tables = RecordTables(client, *(restored[name] for name in OF_RESOURCES))
        current = RecordTables(client, *(replaced[name] for name in OF_RESOURCES))
        while Release(current).release_ended(system.scheduler.pause):
            pass
        with system.scheduler.alone():
            # Nothing else uses these tables.
            reindex(tables, lambda *_: None, base_url=BASE, sleep=lambda _: None, writers=1)
            before = restored_contents(database, restored)
            with suppress(_KilledError):
                self._prepare(current, tables, since, calls)
            try:
                self._prepare(current, tables, since)
            except OperatorError as error:
                raise BrokenPromiseError(f"a restore does not end: {error}") from error
            check_restored(before, restored_contents(database, restored), self.ledger, since)
        system.scheduler.pause()
        system.names.update(restored)
        system.replace_functions()
        with self._as_operator():
            self.switched()
        for table_name in (replaced[RECORDS], replaced[DIRECTORY]):
            close_table(client, table_name, "restore")
        system.is_stopped = False

    def _prepare(self, current: RecordTables, restored: RecordTables, since: float, calls: int = 0) -> None:
        """Make restored tables ready, as a switch of `careconnect restore` does."""
        client: Any = _killed_after(self.system.aws.database, calls)
        days = sorted({day_of(int(at * 1000)) for at in (START, self.system.scheduler.now)})
        events = AccessRecordReader(client, AUDIT).of_days(days)
        prepare_restored(
            current.through(client),
            restored.through(client),
            erased_since(events, datetime.fromtimestamp(since, UTC)),
            base_url=BASE,
            announce=lambda _: None,
            clock=self._utc,
            sleep=self.system.scheduler.pause,
        )

    def load(self, key: str, resource: dict[str, Any]) -> None:
        """Load a resource, as `careconnect load` does beside requests."""
        system, (type_name, _, resource_id) = self.system, key.partition("/")
        type_ = resource_type(type_name)
        if system.is_stopped or type_ is None:
            return
        tables = RecordTables(self._client(), *(system.names[name] for name in OF_RESOURCES))
        writer = RecordWriter(
            tables, clock=self._utc, base_url=BASE, sleep=system.scheduler.pause, elapsed=self._elapsed
        )
        with self._as_operator(), suppress(OtherFormatError):
            writer.write([LoadRequest(Target(type_, resource_id), resource)])

    def erase(self, patient: str, calls: int = 0) -> None:
        """Erase a patient, as `careconnect patients erase --unlink` does beside requests; killed after some `calls`."""
        system = self.system
        if system.is_stopped:
            return
        client = self._client(calls)
        run = Erasing(patient, self.ledger.next_place(), system.scheduler.now)
        self.ledger.erasures.append(run)
        self._erasing += 1
        with self._as_operator(ERASER_TASK), suppress(_KilledError, OperatorError):
            self._cut_off(client, patient)
            record = self._record(client)
            recorded_erasure(
                record, patient, lambda announce: self._erasure(client, announce).erase(patient, unlink=True)
            )
            run.is_done = True
        run.ended_at = system.scheduler.now
        self._erasing -= 1

    def _erasure(self, client: Any, announce: Announce) -> Erasure:
        scheduler = self.system.scheduler
        return Erasure(
            RecordTables(client, *(self.system.names[name] for name in OF_RESOURCES)),
            base_url=BASE,
            announce=announce,
            clock=self._utc,
            sleep=scheduler.pause,
            elapsed=self._elapsed,
        )

    def _cut_off(self, client: Any, patient: str) -> None:
        """Disable the clients of a patient, and end the patient's tokens."""
        registry = AuditedClientRegistry(DynamoDbClientRegistry(client, CLIENTS), lambda: self._record(client))
        revocations = RecordedRevocations(
            DynamoDbTokenRevocations(
                client, TOKENS, tell=lambda _: None, clock=self._elapsed, sleep=self.system.scheduler.pause
            ),
            lambda: self._record(client),
            lambda _: True,
        )
        cut_off_patient(registry, revocations, patient)
        for each in DynamoDbClientRegistry(client, CLIENTS).every():
            if each.patient == patient:
                self.ledger.disabled.setdefault(each.client_id, self.ledger.next_place())
                self.ledger.cut_off[each.client_id] = self.system.scheduler.now

    def _record(self, client: Any) -> OperatorEvents:
        store = DynamoDbAuditStore(client, AUDIT, sleep=self.system.scheduler.pause)
        return OperatorEvents(store, OperatorPrincipal(LOCAL_OPERATOR), clock=self._elapsed)

    def move(self, patient: str, keys: Sequence[str], calls: int = 0) -> None:
        """Move resources to a patient, as `careconnect patients move --with` does; killed after some `calls`.

        They are those of `keys` that are in the record of the same other patient. No other move may go on.
        """
        system, ledger = self.system, self.ledger
        now = {key: commit for key in keys if (commit := ledger.current_at(key, ledger.place)) and commit.content}
        former = next((each for commit in now.values() for each in commit.patients if each != patient), "")
        own = [key for key, commit in now.items() if former in commit.patients]
        if system.is_stopped or not own:
            return
        tables = RecordTables(self._client(calls), *(system.names[name] for name in OF_RESOURCES))
        timed: Any = {"clock": self._utc, "sleep": system.scheduler.pause, "elapsed": self._elapsed}
        move = Move(tables, former, patient, base_url=BASE, **timed)
        begun, found, is_done = ledger.place, None, False
        with self._as_operator(MOVER_TASK), suppress(_KilledError, OperatorError):
            found = move.survey(own, along=True)
            move.move(found)
            is_done = True
        every = (commit for commits in ledger.commits.values() for commit in commits)
        made = {commit.key: commit for commit in every if commit.task == MOVER_TASK and commit.place > begun}
        if found is not None:
            ledger.moves.append(Moved(former, patient, frozenset(found.moving), made, is_done))

    def finish_erasures(self) -> None:
        """Run the erasures again that were killed, or gave up."""
        last = {each.patient: each.is_done for each in self.ledger.erasures}
        for patient in sorted(patient for patient, is_done in last.items() if not is_done):
            self.erase(patient)
            if not self.ledger.erasures[-1].is_done:
                raise BrokenPromiseError(f"{patient} is not erased though nobody else is at work")

    def reindex(self) -> None:
        """Rebuild everything from the bodies, as `careconnect reindex` does beside requests."""
        system = self.system
        if system.is_stopped:
            return
        self.ledger.was_closed = system.is_stopped = True
        watch = system.aws.changed

        def wait(seconds: float) -> None:
            system.scheduler.pause(seconds)
            # What was written before has ended by now.
            system.aws.changed = lambda _operation, _request: None

        tables = RecordTables(self._client(), *(system.names[name] for name in OF_RESOURCES))
        try:
            reindex(tables, lambda *_: None, base_url=BASE, sleep=wait, writers=2)
        finally:
            system.aws.changed = watch
            system.is_stopped = False
        self.switched()

    def _client(self, calls: int = 0) -> Any:
        return _CommandClient(self.system.aws, calls)

    def _elapsed(self) -> float:
        return self.system.scheduler.now

    @contextmanager
    def _as_operator(self, name: str = OPERATOR_TASK) -> Iterator[None]:
        """Let what is stored meanwhile be an operator's."""
        task = self.system.scheduler.current
        former, task.name = task.name, name
        try:
            yield
        finally:
            task.name = former

    def _utc(self) -> datetime:
        return datetime.fromtimestamp(self.system.scheduler.now, UTC)

    def check_archive(self) -> None:
        """Verify the run's days of the audit trail against the archive; raises `BrokenPromiseError`."""
        now = int((self.system.scheduler.now + _VERIFIED_AFTER) * 1000)
        client: Any = InMemoryClient(self.system.aws.database)
        bucket: Any = Bucket(self.system.objects)
        for day in sorted({day_of(int(START * 1000)), day_of(int(self.system.scheduler.now * 1000))}):
            verdict = verify_day(DynamoDbTrail(client, AUDIT), S3Archive(bucket, "archive"), day, now, _RETENTIONS)
            if not verdict.stands:
                raise BrokenPromiseError(f"the archive of {day} is not the trail: {verdict.findings[:3]}")
            self._check_verifier(day, now)

    def _check_verifier(self, day: str, now: int) -> None:
        """Check that the verification notices that an event is not archived, though it is in the trail."""
        objects = {key: gzip.decompress(body) for key, body in self.system.objects.items()}
        lost = next((str(item["sk"]["S"]) for item in self._events_of(day)), None)
        if lost is None:
            return
        left = {key: self.system.objects[key] for key, body in objects.items() if lost.encode() not in body}
        client: Any = InMemoryClient(self.system.aws.database)
        bucket: Any = Bucket(left)
        if verify_day(DynamoDbTrail(client, AUDIT), S3Archive(bucket, "archive"), day, now, _RETENTIONS).stands:
            raise BrokenPromiseError(f"the verification of {day} does not miss the event {lost}")

    def _events_of(self, day: str) -> Iterator[Mapping[str, Any]]:
        return (each for each in self.system.aws.database.items(AUDIT) if each["pk"]["S"].startswith(day))

    def expire(self) -> None:
        """Delete expired items, as DynamoDB does, and add the charges of expired counters to `spent`."""
        database, quota = self.system.aws.database, self.system.units_per_minute
        before = used_in(database, quota)
        database.expire()
        self.spent += before - used_in(database, quota)

    def _do(self, operation: str, request: Mapping[str, Any]) -> None:
        self.system.scheduler.pause(0.01)
        self.system.aws.database.execute(operation, request)
        self.system.aws.written[request["TableName"]].append(self.system.scheduler.now)
