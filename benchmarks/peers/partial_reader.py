"""Our reader as a measured process, whole and with parts of it left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.peers.answering import answer

if TYPE_CHECKING:
    from concurrent.futures import Future

    from careconnect.audit.event import AuditEvent
    from careconnect.endpoint.pipeline import RequestPipeline

WHOLE: Final = "whole"
NO_CALL: Final = "without GetItem"
NO_EVENT: Final = "without the audit event"
NO_LINE: Final = "without the log line"
ALIKE: Final = "without event and line"
REST: Final = "without all three"
PIN: Final = "pinning alone"
STEPS: Final = (WHOLE, NO_CALL, NO_EVENT, NO_LINE, ALIKE, REST, PIN)


class _Recalled:
    """A client of DynamoDB whose GetItem returns what it returned the first time."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_item(self, **asked: Any) -> Any:
        """Return the item of a partition."""
        partition = asked["Key"]["pk"]["S"]
        if partition not in self._answers:
            self._answers[partition] = self._client.get_item(**asked)
        return self._answers[partition]


class _NoEvents:
    """A store of audit events that stores none."""

    def begin(self, events: Sequence["AuditEvent"]) -> "list[Future[None]]":  # noqa: ARG002
        """Store nothing."""
        return []

    def keep(self, events: Sequence["AuditEvent"]) -> None:
        """Store nothing."""

    def put_action(self, event: "AuditEvent") -> dict[str, Any]:  # noqa: ARG002
        """Return nothing to do: a read has no transaction."""
        return {}


class _NoLog:
    """A log and metrics that are not written."""

    def request(self, action: str, status: int, **_: Any) -> None:
        """Log nothing."""

    def failure(self, action: str, error: BaseException, **_: Any) -> None:  # noqa: ARG002
        """Stop the measurement."""
        raise error

    def count(self, name: str) -> None:
        """Count nothing."""


def _pipelines() -> Mapping[str, "RequestPipeline"]:
    """Return the deployed pipeline, and others that lack a part."""
    from benchmarks.peers.programs import LOADED

    from careconnect.fhir.resource_types import Table
    from careconnect.runtime import aws
    from careconnect.storage.intents import StateTables
    from fhir_reader.app import FhirEndpoint
    from fhir_reader.handler import lambda_handler
    from fhir_reader.store.dynamodb import DynamoDbResourceStore

    endpoint, auditing = lambda_handler.endpoint, lambda_handler.auditing
    assert isinstance(endpoint, FhirEndpoint)
    assert auditing is not None
    tables = {Table.RECORD: LOADED["RecordTable"], Table.DIRECTORY: LOADED["DirectoryTable"]}
    states = StateTables(LOADED["TransactionTable"], LOADED["DirectoryTransactionTable"])
    recalled: Any = _Recalled(aws.dynamodb())
    store = DynamoDbResourceStore(recalled, tables, Table.RECORD, states)
    no_call = replace(endpoint, store=store)
    no_event = replace(auditing, store=_NoEvents())
    return {
        WHOLE: lambda_handler,
        NO_CALL: replace(lambda_handler, endpoint=no_call),
        NO_EVENT: replace(lambda_handler, auditing=no_event),
        NO_LINE: replace(lambda_handler, observer=_NoLog()),
        ALIKE: replace(lambda_handler, auditing=no_event, observer=_NoLog()),
        REST: replace(lambda_handler, endpoint=no_call, auditing=no_event, observer=_NoLog()),
    }


def main() -> None:
    """Run the function: each of `STEPS` reads once, but for the one that pins the threads alone."""
    pipelines = _pipelines()
    event: dict[str, Any] = {}

    def prepare(asked: Any) -> None:
        from benchmarks.peers.wire import Wire

        event.update(asked["event"])
        Wire(asked["wire"]).answer()

    def read(pipeline: "RequestPipeline") -> None:
        if (status := pipeline(event)["statusCode"]) != 200:
            raise RuntimeError(f"answered {status}")

    steps: dict[str, Callable[[], object]] = {name: partial(read, each) for name, each in pipelines.items()}
    answer(prepare, lambda: pipelines[WHOLE](event), {**steps, PIN: _pin})


def _pin() -> None:
    from careconnect.endpoint.pipeline import pinned_to_cpu

    with pinned_to_cpu():
        pass
