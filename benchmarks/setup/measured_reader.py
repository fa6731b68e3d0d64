"""Run the reader in this process over a table, and measure each of its answers."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from benchmarks.setup.dynalite_server import Dynalite
from benchmarks.setup.saved_tables import TABLE
from benchmarks.setup.small_records import Region

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import DATA_TABLES, Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.storage.intents import StateTables
from careconnect.storage.quota import Quota
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore

_BASE: Final = "https://care.example"

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """A path below the FHIR base, and parameters."""

    path: str
    parameters: Pairs = ()


@dataclass(slots=True)
class Cost:
    """Calls of DynamoDB, and the read units that it reports."""

    calls: int = 0
    units: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """An answer, its cost and its milliseconds."""

    status: int
    body: str
    cost: Cost
    milliseconds: float

    def next_page(self) -> Request | None:
        """Return the request of the next link, if there is one."""
        for link in json.loads(self.body).get("link", ()):
            if link["relation"] == "next":
                parts = urlsplit(link["url"])
                path = unquote(parts.path).removeprefix(f"{FHIR_PATH}/")
                return Request(path, parse_qsl(parts.query, keep_blank_values=True))
        return None


@dataclass(slots=True)
class MeasuredReader:
    """Both readers, of records and of the directory, over the table of a region."""

    region: Region
    server: Dynalite
    _cost: Cost = field(default_factory=Cost)
    _shells: dict[Table, RequestPipeline] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Build the readers and count their calls."""
        events = self.server.client.meta.events
        events.register("provide-client-params.dynamodb", _counted)
        events.register("after-call.dynamodb", self._count)
        for table in DATA_TABLES:
            store = DynamoDbResourceStore(
                self.server.client, dict.fromkeys(Table, TABLE), table, StateTables(TABLE, TABLE)
            )
            endpoint = FhirEndpoint(store, table, Quota(_Unlimited(), 1))
            self._shells[table] = RequestPipeline(endpoint, _BASE, "eu-west-2", Cors(()), _Failing(), time.time)

    def ask(self, request: Request) -> Measured:
        """Answer a request."""
        type_ = resource_type(request.path.partition("/")[0])
        assert type_ is not None, request.path
        values: dict[str, list[str]] = {}
        for name, value in request.parameters:
            values.setdefault(name, []).append(value)
        event = {
            "httpMethod": "GET",
            "path": f"{FHIR_PATH}/{request.path}",
            "headers": {},
            "multiValueQueryStringParameters": values,
            "requestContext": {
                "requestId": "r",
                "authorizer": {
                    "client_id": "benchmark",
                    "scope": "system/*.read",
                    "expires_at": str(int(time.time()) + 100),
                },
            },
        }
        self._cost = Cost()
        started = time.perf_counter()
        answer = self._shells[type_.table](event)
        elapsed = (time.perf_counter() - started) * 1000
        return Measured(answer["statusCode"], answer["body"], self._cost, elapsed)

    def _count(self, parsed: Mapping[str, Any], **_: Any) -> None:
        consumed = parsed["ConsumedCapacity"]
        self._cost.calls += 1
        self._cost.units += sum(
            one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed])
        )


def _counted(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, "ReturnConsumedCapacity": "TOTAL"}


class _Unlimited:
    def add(self, client_id: str, window: int, units: int, limit: int) -> int:  # noqa: ARG002
        """Charge nothing: quotas are not measured."""
        return 0


class _Failing:
    def request(self, action: str, status: int, **_: Any) -> None:
        """Log nothing."""

    def failure(self, action: str, error: BaseException, **_: Any) -> None:  # noqa: ARG002
        """Stop the benchmark."""
        raise error

    def count(self, name: str) -> None:
        """Count nothing."""
