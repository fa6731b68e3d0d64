"""The worker as its handler builds it, over a client of DynamoDB and of S3; and what is small in tests."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.resource_types import Table
from careconnect.oauth.revocation import DynamoDbRevocations
from careconnect.storage.intents import StateTables
from careconnect.storage.operator_work import work_under_way
from careconnect_testing.exports.world import EXPORTS
from careconnect_testing.simulation.world.names import (
    AUDIT,
    DIRECTORY,
    DIRECTORY_TRANSACTIONS,
    RECORDS,
    TOKENS,
    TRANSACTIONS,
)
from export_worker import files, patient_runs, read_chain, record_patients, store, worker
from export_worker.errors import TryAgainError
from export_worker.s3_bucket import S3Bucket
from export_worker.store import ExportStore
from export_worker.worker import ExportWorker

Step = Callable[[Mapping[str, Any]], Mapping[str, Any]]

RETENTION_HOURS: Final = 24
RETENTION_SECONDS: Final = RETENTION_HOURS * 3_600.0 + 60

SMALL: Final[Iterable[tuple[Any, str, Any]]] = (
    (files, "MAX_BYTES", 2_000),
    (files, "MAX_ESCAPED", 2_400),
    (files, "MAX_ENTRIES", 2),
    (patient_runs, "IDS", 2),
    (patient_runs, "FAN_IN", 2),
    (patient_runs, "_MAX_KNOWN", 2),
    (read_chain, "CHECKPOINT_SECONDS", 0.03),
    (record_patients, "EVENTS", 2),
    (store, "PAGE", 3),
    (store, "BATCH_BYTES", 2_000),
    (store, "_VERSIONS", 1),
    (worker, "STEP_SECONDS", 0.1),
    (worker, "ASKED_EACH", 0.05),
)
"""(owner, name, value) of the bounds that a run has small, so that a few resources reach them."""


@dataclass(frozen=True)
class Names:
    """The names of the tables that a worker uses."""

    audit: str = AUDIT
    exports: str = EXPORTS
    tokens: str = TOKENS
    records: str = RECORDS
    directory: str = DIRECTORY
    transactions: str = TRANSACTIONS
    directory_transactions: str = DIRECTORY_TRANSACTIONS


class UnexpectedError(BaseException):
    """An error that no step may have; nothing but the test catches it."""


class _Observer:
    """Logs nothing; an unexpected error breaks the run."""

    def request(self, action: str, status: int, **_: Any) -> None:
        """Ignore a step."""

    def failure(self, action: str, error: BaseException, **_: Any) -> None:
        """Pass on an unexpected error, which the worker would not."""
        raise UnexpectedError(f"{action}: {error!r}") from error

    def count(self, name: str) -> None:
        """Ignore a metric."""


def worker_over(
    client: Any,
    bucket: Any,
    names: Names,
    clock: Callable[[], float],
    sleep: Callable[[float], None] = lambda _: None,
) -> Step:
    """Return a worker's steps."""
    read = ExportStore(
        client,
        {Table.RECORD: names.records, Table.DIRECTORY: names.directory},
        StateTables(names.transactions, names.directory_transactions),
        clock=clock,
        sleep=sleep,
    )
    step: Any = ExportWorker(
        DynamoDbJobs(client, names.exports),
        read,
        S3Bucket(bucket, "exports"),
        DynamoDbAuditStore(client, names.audit, sleep=sleep),
        DynamoDbRevocations(client, names.tokens),
        _Observer(),
        lambda: work_under_way(client, names.transactions, int(clock())),
        retention_hours=RETENTION_HOURS,
        clock=clock,
        elapsed=clock,
    )
    return cast(Step, step)


def build_worker(client: Any, bucket: Any, clock: Callable[[], float], sleep: Callable[[float], None]) -> Step:
    """Return the worker of a simulated instance."""
    return worker_over(client, bucket, Names(), clock, sleep)


def is_retried(error: Exception) -> bool:
    """Return True for an error after which the state machine repeats a step."""
    return isinstance(error, TryAgainError)
