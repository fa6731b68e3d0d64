"""The functions of a run as deployed: instances that start, keep what they know, and are killed."""

import os
import random
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from unittest.mock import patch

from botocore.exceptions import BotoCoreError, ClientError

from access_auditor.app import AuditEndpoint
from access_auditor.dynamodb_event_store import DynamoDbEventStore
from audit_archiver.jobs import ArchiveJob
from audit_archiver.s3_archive import S3Archive
from bundle_processor.app import BundleEndpoint, EntryEndpoints
from bundle_processor.refused_entry import RefusedEntries
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.endpoint.pipeline import Auditing, Endpoint, RequestPipeline
from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import DATA_TABLES, Table
from careconnect.http.messages import Cors
from careconnect.oauth.revocation import DynamoDbRevocations
from careconnect.oauth.signing_keys import KmsSigningKeys
from careconnect.storage import dynamodb
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect.storage.intents import StateTables
from careconnect.storage.quota import UNITS_PER_MINUTE, Quota
from careconnect.storage.usage_counters import DynamoDbUsageCounters
from careconnect_admin.restoring import carry_versions
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step import write
from careconnect_records.multi_step.release import Release
from careconnect_records.writes import plan
from careconnect_testing.parts.issuer import NoKeySets
from careconnect_testing.simulation.schedule.pool import without_threads
from careconnect_testing.simulation.schedule.scheduler import Home, KilledError, Scheduler
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.bucket import SimulatedS3
from careconnect_testing.simulation.world.dynamodb import SimulatedDynamoDb
from careconnect_testing.simulation.world.kms import ALIAS, SimulatedKms
from careconnect_testing.simulation.world.names import (
    AUDIT,
    BASE,
    CLIENTS,
    DIRECTORY_TRANSACTIONS,
    OF_RESOURCES,
    PROOFS,
    RESOURCE_TABLES,
    TOKENS,
    TRANSACTIONS,
    USAGE,
)
from careconnect_testing.simulation.world.remembered import REMEMBERED
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore
from record_writer.app import WriterEndpoint
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.write_resources import ResourceWriter
from scope_authorizer.app import build_authorizer
from scope_authorizer.policy_for import Direction
from token_issuer.app import OAuthEndpoint
from token_issuer.clients.authenticate_client import ClientAuthentication
from token_issuer.clients.client_store import DynamoDbClientStore
from token_issuer.tokens.bind_token import KeyBinding
from token_issuer.tokens.kms_token_signer import KmsTokenSigner
from token_issuer.tokens.proof_store import DynamoDbProofStore
from token_issuer.tokens.token_store import DynamoDbTokenStore
from write_recovery.recovery_job import RecoveryJob

REGION: Final = "eu-west-2"
FUNCTION_SECONDS: Final = 20.0
"""A function's timeout in the template."""
BUNDLE_SECONDS: Final = 26.0
"""That of the function of Bundles."""

SKEWS: Final = (-5.0, -2.5, 2.5, 5.0)
"""Seconds by which an instance's clock may be wrong."""

ACTIONS: Final = 45
"""Actions that a transaction takes in a run. With DynamoDB's 100, a write in steps would take a run's whole time."""
ACTIONS_OF_A_STEP: Final = 12

_COLD: Final = 150
"""Of 1,000 invocations, those that start an instance though one is idle."""
_SKEWED: Final = 300
"""Of 1,000 instances, those with a wrong clock."""

READER, WRITER, BUNDLE = "reader", "writer", "bundle"
TOKEN, AUDITOR, ARCHIVER, RECOVERY = "token", "auditor", "archiver", "recovery"
AUTHORIZER: Final = "authorizer"

Run = Callable[[Mapping[str, Any]], Any]


class BrokenPromiseError(AssertionError):
    """A promise does not hold; the text says which, and where."""


class Observer:
    """Logs nothing; an unexpected error breaks a promise: it is added to `failures`."""

    def __init__(self, failures: list[BaseException]) -> None:
        self.failures = failures

    def request(self, action: str, status: int, **_: Any) -> None:
        """Ignore a completed request."""

    def failure(self, action: str, error: BaseException, **_: Any) -> None:
        """Keep an unexpected error."""
        self.failures.append(error)

    def count(self, name: str) -> None:
        """Ignore a metric."""


class JobObserver(Observer):
    """The log of a job: an error of AWS is an alarm, and made good by the next run; any other breaks a promise."""

    def failure(self, action: str, error: BaseException, **_: Any) -> None:
        """Keep an error that is not one of AWS."""
        if not isinstance(error, ClientError | BotoCoreError):
            self.failures.append(error)


@dataclass(slots=True, eq=False)
class Instance(Home):
    """An instance of a function. `skew` is its clock's error in seconds."""

    run: Run = lambda _event: None
    skew: float = 0.0
    is_busy: bool = False
    frozen: list[Any] = field(default_factory=list)


@dataclass
class System:
    """All functions over one account. `has_skew` says that clocks may be wrong."""

    aws: Aws
    random: random.Random
    has_skew: bool = False
    units_per_minute: int = UNITS_PER_MINUTE
    """The quota of each client."""
    names: dict[str, str] = field(default_factory=lambda: {name: name for name in OF_RESOURCES})
    """The tables in service, which a restore replaces."""
    is_stopped: bool = False
    """Whether the writers are stopped, as during a restore."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """The archive's bucket."""
    instances: dict[str, list[Instance]] = field(default_factory=dict)
    quotas: list[Quota] = field(default_factory=list)
    """The quota of each instance, also of those that are no more."""
    longest: float = 0.0
    """Seconds of the longest invocation that somebody waits for."""

    def __post_init__(self) -> None:
        """Begin without instances."""
        self.failures: list[BaseException] = []
        self.observer, self.job_observer = Observer(self.failures), JobObserver(self.failures)

    @property
    def scheduler(self) -> Scheduler:
        """The run's scheduler."""
        return self.aws.scheduler

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Return a function's answer to an event, None if its instance was killed. What a function raises, passes."""
        instance = self._instance(function)
        task, caller = self.scheduler.current, self.scheduler.current.home
        begun = self.scheduler.now
        task.home, instance.is_busy = instance, True
        self.scheduler.tasks += instance.frozen
        instance.frozen = []
        try:
            return instance.run(event)
        except KilledError:
            if self.scheduler.is_over:
                raise
            return None
        finally:
            task.home, instance.is_busy = caller, False
            more = BUNDLE_SECONDS - FUNCTION_SECONDS if function == BUNDLE else 0
            if function != RECOVERY:
                self.longest = max(self.longest, self.scheduler.now - begun - more)
            if instance not in self.instances.get(function, ()):
                # It was replaced meanwhile.
                self.scheduler.kill(instance)
            elif instance.is_dead:
                self.instances[function].remove(instance)
            else:
                self._freeze(instance)

    def replace_functions(self) -> None:
        """Give further requests new instances, as an update of the stack does; requests in progress go on."""
        self.instances.clear()

    def _freeze(self, instance: Instance) -> None:
        """Stop what goes on after an answer, as Lambda does until the next invocation."""
        for task in self.scheduler.work_at(instance):
            self.scheduler.tasks.remove(task)
            instance.frozen.append(task)

    def _instance(self, function: str) -> Instance:
        known = self.instances.setdefault(function, [])
        idle = [each for each in known if not each.is_busy]
        choices = self.aws.choices
        if idle and not choices.rarely(_COLD):
            return idle[choices.below(len(idle))]
        instance = Instance(f"{function}.{len(known) + 1}")
        if self.has_skew and (which := choices.rarely(_SKEWED, len(SKEWS))):
            instance.skew = SKEWS[which - 1]
        instance.run = self._build(function, instance)
        known.append(instance)
        return instance

    def _build(self, function: str, instance: Instance) -> Run:
        name, _, part = function.partition("-")
        if name == AUTHORIZER:
            return self._authorizer(instance, Direction(part))
        if name == ARCHIVER:
            archive: Any = SimulatedS3(self.aws, instance, self.objects)
            job = ArchiveJob(S3Archive(archive, "archive"), self.job_observer, 0)

            def archive_all(event: Mapping[str, Any]) -> bool:
                job(event)
                return True

            return archive_all
        dynamodb_, clock = SimulatedDynamoDb(self.aws, instance), self._clock(instance)
        if name == RECOVERY:
            return self._recovery(dynamodb_, clock)
        endpoint: Endpoint
        if name == READER:
            endpoint = self._reader(dynamodb_, clock, Table(part))
        elif name == WRITER:
            endpoint = self._writer(dynamodb_, clock, Table(part), alone=True)
        elif name == BUNDLE:
            endpoint = self._bundles(dynamodb_, clock)
        elif name == TOKEN:
            endpoint = self._issuer(dynamodb_, SimulatedKms(self.aws, instance), clock)
        else:
            events: Any = dynamodb_
            endpoint = AuditEndpoint(DynamoDbEventStore(events, AUDIT), self._quota(dynamodb_), clock)
        return self._pipeline(endpoint, dynamodb_, clock, function)

    def _pipeline(self, endpoint: Endpoint, client: Any, clock: Callable[[], float], function: str) -> RequestPipeline:
        auditing = Auditing(DynamoDbAuditStore(client, AUDIT, sleep=self.scheduler.pause), function)
        return RequestPipeline(endpoint, BASE, REGION, Cors(("*",)), self.observer, clock, auditing=auditing)

    def _clock(self, instance: Instance) -> Callable[[], float]:
        return lambda: self.scheduler.now + instance.skew

    def _reader(self, client: Any, clock: Callable[[], float], table: Table) -> FhirEndpoint:
        names = {each: self.names[name] for each, name in RESOURCE_TABLES.items() if table in (each, Table.RECORD)}
        return FhirEndpoint(
            DynamoDbResourceStore(client, names, table, self._states(), clock),
            table,
            self._quota(client),
            clock,
        )

    def _states(self) -> StateTables:
        return StateTables(self.names[TRANSACTIONS], self.names[DIRECTORY_TRANSACTIONS])

    def _writer(self, client: Any, clock: Callable[[], float], table: Table, *, alone: bool = False) -> WriterEndpoint:
        tables = RecordTables(client, *(self.names[name] for name in OF_RESOURCES))
        if table is not Table.RECORD:
            tables = replace(tables, record="")
        if alone:
            # Entries of Bundles have the rights of both writers.
            tables = replace(tables, ends=(table,))
        pause = self.scheduler.pause
        store = DynamoDbRecordStore(tables, clock, pause, clock)
        writer = ResourceWriter(
            store, self._quota(client), clock, clock, pause, lambda: str(uuid.uuid4()), self.random.random
        )
        return WriterEndpoint(writer, table)

    def _bundles(self, client: Any, clock: Callable[[], float]) -> BundleEndpoint:
        endpoints = {
            table: EntryEndpoints(
                self._pipeline(self._reader(client, clock, table), client, clock, f"{READER}-{table}").respond,
                self._pipeline(self._writer(client, clock, table), client, clock, f"{WRITER}-{table}").respond,
            )
            for table in DATA_TABLES
        }
        pause, quota = self.scheduler.pause, self._quota(client)
        tables = RecordTables(client, *(self.names[name] for name in OF_RESOURCES))
        store = DynamoDbRecordStore(tables, clock, pause, clock)
        writer = ResourceWriter(store, quota, clock, clock, pause, lambda: str(uuid.uuid4()), self.random.random)
        refuse = self._pipeline(RefusedEntries(writer.stored_keys), client, clock, BUNDLE).respond
        return BundleEndpoint(endpoints, refuse, quota, writer, clock)

    def _recovery(self, client: Any, clock: Callable[[], float]) -> Run:
        tables = RecordTables(client, *(self.names[name] for name in OF_RESOURCES))
        checked = FormatCheckedClient(client, tables.of_resources, outcomes.other_format, clock=clock)
        return RecoveryJob(Release(tables.through(checked), clock), self.job_observer, self.scheduler.pause)

    def _quota(self, client: Any) -> Quota:
        quota = Quota(DynamoDbUsageCounters(client, USAGE), self.units_per_minute)
        self.quotas.append(quota)
        return quota

    def _issuer(self, client: Any, kms: Any, clock: Callable[[], float]) -> OAuthEndpoint:
        keys = KmsSigningKeys(kms, ALIAS, clock=clock)
        tokens = DynamoDbTokenStore(client, TOKENS, now=clock)
        clients = DynamoDbClientStore(client, CLIENTS, TOKENS)
        return OAuthEndpoint(
            authentication=ClientAuthentication(clients, tokens, NoKeySets(), 20),
            signer=KmsTokenSigner(kms, keys),
            keys=keys,
            tokens=tokens,
            lifetime=3600,
            binding=KeyBinding(DynamoDbProofStore(client, PROOFS)),
        )

    def _authorizer(self, instance: Instance, direction: Direction) -> Run:
        kms: Any = SimulatedKms(self.aws, instance)
        client: Any = SimulatedDynamoDb(self.aws, instance)
        clock = self._clock(instance)
        return build_authorizer(
            direction=direction,
            configured_base_url=BASE,
            keys=KmsSigningKeys(kms, ALIAS, clock=clock),
            revoked=DynamoDbRevocations(client, TOKENS),
            now=clock,
        )


@contextmanager
def isolated(scheduler: Scheduler, chance: random.Random) -> Iterator[None]:
    """Give the product tasks instead of threads, seeded randomness, and pauses that take no time."""

    def urandom(size: int) -> bytes:
        return chance.randbytes(size)

    defaults: Any = dynamodb.batch_get.__kwdefaults__
    former = defaults["sleep"]
    defaults["sleep"] = scheduler.pause
    with ExitStack() as stack:
        stack.callback(defaults.__setitem__, "sleep", former)
        stack.enter_context(without_threads(scheduler))
        for owner, name, seeded in (
            (uuid, "uuid4", lambda: uuid.UUID(bytes=chance.randbytes(16), version=4)),
            (secrets, "token_hex", lambda size: chance.randbytes(size).hex()),
            (secrets, "token_bytes", urandom),
            (os, "urandom", urandom),
            (plan, "MAX_ACTIONS", ACTIONS),
            (write, "_AT_ONCE", ACTIONS_OF_A_STEP),
            (carry_versions, "_THREADS", 1),
            *REMEMBERED,
        ):
            stack.enter_context(patch.object(owner, name, seeded))
        yield
