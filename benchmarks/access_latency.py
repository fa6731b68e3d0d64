"""What the audit trail adds to the time of a request, where each call to DynamoDB takes five milliseconds more.

    python -m benchmarks.access_latency

Each request is made once on the emulator, and what is answered to its reads is kept. Then it is made again and again on
those answers, with the record and without it in turn, every call held back by the delay. The medians are compared.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.endpoint.pipeline import Auditing, RequestPipeline
from careconnect.fhir.resource_types import Home
from careconnect.http.messages import Cors
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.events import fhir_event
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.records.few_records import write_records
from fhir_reader.app import FhirEndpoint
from fhir_reader.budget import Quota
from fhir_reader.store.dynamodb import DynamoDbResourceStore

_DELAY: Final = 0.005
_RUNS: Final = 200
_BASE: Final = "https://care.example"
_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.read", "expires_at": "99999999999", "jti": "a-jti"}
_TABLES: Final = {"RecordTable": "records", "DirectoryTable": "directory", "ReferenceTable": "references"}
_INSERT: Final = "BatchExecuteStatement"

_REQUESTS: Final[list[tuple[str, str, tuple[tuple[str, str], ...]]]] = [
    ("read of a patient", "Patient/4", ()),
    ("read of an observation", "Observation/o1", ()),
    ("search in a patient's record", "Observation", (("patient", "4"),)),
    ("search that finds three patients", "Patient", (("birthdate", "ge1990"),)),
    ("a patient's whole record", "Patient/4/$everything", ()),
]


@dataclass
class _Wire:
    """The answers to reads by what was asked, and how long each answer takes, in seconds."""

    answers: dict[tuple[str, bytes], tuple[int, dict[str, str], bytes]] = field(default_factory=dict)

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Keep what is answered."""
        real = URLLib3Session.send

        def send(session: URLLib3Session, request: Any) -> Any:
            answer = real(session, request)
            self.answers[_asked(request)] = (answer.status_code, dict(answer.headers), answer.content)
            return answer

        with patch.object(URLLib3Session, "send", send):
            yield

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Give the same answers, each after the delay; what is inserted is taken."""

        def send(_session: URLLib3Session, request: Any) -> Any:
            time.sleep(_DELAY)
            target, body = _asked(request)
            if target.endswith(_INSERT):
                done: Any = {"Responses": [{} for _ in json.loads(body)["Statements"]]}
                status, headers, content = 200, dict[str, str](), json.dumps(done).encode()
            else:
                status, headers, content = self.answers[target, body]
            answer: Any = AWSResponse(request.url, status, headers, None)  # type: ignore[arg-type]
            # What it would read of a connection.
            answer._content = content
            return answer

        with patch.object(URLLib3Session, "send", send):
            yield


def _asked(request: Any) -> tuple[str, bytes]:
    target = request.headers["X-Amz-Target"]
    return target.decode() if isinstance(target, bytes) else str(target), bytes(request.body)


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder) / "emulator.log") as emulator:
        client = emulator.client("dynamodb")
        for resource, name in (*_TABLES.items(), ("AuditTable", "audit")):
            create_table(client, resource, name)
        load_paths([write_records(Path(folder))], RecordTables(client, *_TABLES.values()), base_url=_BASE)
        tables = {Home.RECORD: "records", Home.DIRECTORY: "directory"}
        endpoint = FhirEndpoint(
            DynamoDbResourceStore(client, tables, Home.RECORD), Home.RECORD, Quota(UsageCounters(), 10**9)
        )
        auditing = Auditing(DynamoDbAuditStore(client, "audit"), "benchmark")
        without, with_record = (
            RequestPipeline(endpoint, _BASE, "eu-west-2", Cors(("*",)), RecordingObserver(), time.time, auditing=each)
            for each in (None, auditing)
        )
        print(
            f"{'request':36} {'without':>9} {'with':>9} {'more':>7}   median of {_RUNS}, {_DELAY * 1000:.0f} ms a call"
        )
        for name, path, query in _REQUESTS:
            event = fhir_event("GET", path, query, authorizer=_CALLER)
            wire = _Wire()
            with wire.learning():
                _answer(without, event)
            with wire.answering():
                bare, recorded = _medians(without, with_record, event)
            print(f"{name:36} {bare:6.2f} ms {recorded:6.2f} ms {100 * (recorded / bare - 1):5.1f} %")


def _medians(without: RequestPipeline, with_record: RequestPipeline, event: dict[str, Any]) -> tuple[float, float]:
    """Return the medians of both in milliseconds, asked in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_RUNS):
        for pipeline, taken in zip((without, with_record), times, strict=True):
            begun = time.perf_counter()
            _answer(pipeline, event)
            taken.append(time.perf_counter() - begun)
    bare, recorded = (1000 * statistics.median(taken) for taken in times)
    return bare, recorded


def _answer(pipeline: RequestPipeline, event: dict[str, Any]) -> None:
    answer = pipeline(event)
    assert answer["statusCode"] == 200, json.dumps(answer)


if __name__ == "__main__":
    main()
