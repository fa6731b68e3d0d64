"""Our reader as a measured process: as deployed, with DynamoDB answered on the wire, or over a store in memory."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.peers.answering import answer

if TYPE_CHECKING:
    from careconnect.endpoint.pipeline import RequestPipeline
    from careconnect.fhir.rendering.formats import Format
    from careconnect.fhir.resource_types import ResourceType
    from fhir_reader.app import FhirEndpoint
    from fhir_reader.store.stored import StoredResource

# What is imported before a process is ready counts as its load: each variant imports what it is made of and no more.


def deployed() -> None:
    """Be the deployed function, handler and all.

    At the place where a request would go onto the network it is given an answer that was kept of a first call: all that
    its client does counts.
    """
    from fhir_reader.handler import lambda_handler

    _answer_on_wire(lambda_handler)


def in_memory() -> None:
    """Be the function without AWS: its store holds a resource in memory, and its access record its events."""
    from benchmarks.peers.memory_record import auditing

    from careconnect.endpoint.composition import pipeline_of
    from careconnect.runtime.settings import Settings

    store = _MemoryStore()
    _answer_over(store, pipeline_of(Settings(os.environ), _endpoint(store), auditing("fhir_reader")))


def bare() -> None:
    """Be the function without AWS that keeps no access record and logs nothing: what it does is read."""
    store = _MemoryStore()
    _answer_over(store, _quiet_pipeline(_endpoint(store)))


def bare_on_dynamodb() -> None:
    """Be the deployed function, but for its access record and its log."""
    from careconnect.fhir.resource_types import Home
    from careconnect.runtime import aws
    from fhir_reader.store.dynamodb import DynamoDbResourceStore

    store = DynamoDbResourceStore(aws.dynamodb(), {Home.RECORD: os.environ["RECORD_TABLE"]}, Home.RECORD)
    _answer_on_wire(_quiet_pipeline(_endpoint(store)))


class _MemoryStore:
    """Resources by type and id; a read asks a store for nothing else."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], StoredResource] = {}

    def read(self, type_: "ResourceType", resource_id: str, _format: "Format") -> "StoredResource | None":
        """Return one resource."""
        return self.held.get((type_.name, resource_id))


class _Reading:
    """The read that is measured."""

    def __init__(self, handler: Callable[[Any], dict[str, Any]]) -> None:
        self._handler = handler
        self.event: Any = None

    def ask(self) -> dict[str, Any]:
        """Return the answer."""
        return self._handler(self.event)

    def read(self) -> None:
        """Ask once; what is not answered as a read is no measurement."""
        if (status := self.ask()["statusCode"]) != 200:
            raise RuntimeError(f"answered {status}")


def _endpoint(store: Any) -> "FhirEndpoint":
    from careconnect.fhir.resource_types import Home
    from fhir_reader.app import FhirEndpoint
    from fhir_reader.budget import Quota

    # A read is never charged, so nobody asks for an account.
    counters: Any = None
    return FhirEndpoint(store, Home.RECORD, Quota(counters, 0))


def _quiet_pipeline(endpoint: "FhirEndpoint") -> "RequestPipeline":
    import time

    from careconnect.endpoint.pipeline import RequestPipeline
    from careconnect.http.messages import Cors

    class Silence:
        def request(self, action: str, status: int, **said: Any) -> None:
            """Say nothing of an answered request."""

        def failure(self, action: str, error: BaseException, **said: Any) -> None:
            """Let an error through."""
            raise RuntimeError(f"{action}: {said}") from error

        def count(self, name: str) -> None:
            """Count nothing."""

    base, region = os.environ["BASE_URL"], os.environ["AWS_REGION"]
    return RequestPipeline(endpoint, base, region, Cors(("*",)), Silence(), time.time)


def _answer_over(store: _MemoryStore, handler: Callable[[Any], dict[str, Any]]) -> None:
    reading = _Reading(handler)

    def prepare(asked: Any) -> None:
        from fhir_reader.store.stored import StoredResource

        reading.event, resource = asked["event"], asked["resource"]
        store.held[resource["resourceType"], resource["id"]] = StoredResource(asked["body"], 1, 1_700_000_000_000)

    answer(prepare, reading.ask, {"call": reading.read})


def _answer_on_wire(handler: Callable[[Any], dict[str, Any]]) -> None:
    """Answer with what AWS said: as it was kept in another process, or as it says to a first call, and tell that."""
    reading = _Reading(handler)

    def prepare(asked: Any) -> Any:
        from benchmarks.peers.wire import Wire

        reading.event = asked["event"]
        wire = Wire(asked["wire"])
        if not asked["wire"]:
            with wire.learning():
                reading.read()
        wire.answer()
        return wire.kept()

    answer(prepare, reading.ask, {"call": reading.read})
