"""What a write costs: its calls and write units, and the processor's time beside that of the calls alone.

    python -m benchmarks.write_cpu

Each write is made once on the emulator, and its answers are kept. Then it is made again and again on those answers,
and so are its calls alone, in turn: what is left of the difference is the writer's own. The least of all runs counts.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

from careconnect.access_record.dynamodb_record import DynamoDbAccessRecord
from careconnect.http import Cors
from careconnect.origin import Origin
from careconnect.resource_types import DATA_HOMES, Home
from careconnect.shell import Recording, Shell
from careconnect_admin.local.emulator import Emulator
from careconnect_records.record import item_size
from careconnect_records.table_index import TableIndex
from careconnect_records.tables import RecordTables
from careconnect_testing.access_records import digest_for_tests
from careconnect_testing.events import fhir_event
from careconnect_testing.observer import RecordingObserver
from careconnect_testing.tables import create_table
from careconnect_testing.writes import JSON, NHS_NUMBER, PATCH, observation, patient
from record_writer.app import WriterEndpoint
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.write_resource import ResourceWriter

_RUNS: Final = 300
_KILOBYTE: Final = 1024
_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.cruds", "expires_at": "99999999999"}


@dataclass
class _Wire:
    """What goes over the wire: the answers that came, in order, and the requests to DynamoDB."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @contextmanager
    def recording(self, client: Any) -> Iterator[None]:
        """Keep what is asked and answered."""
        real = URLLib3Session.send

        def send(session: URLLib3Session, request: Any) -> Any:
            answer = real(session, request)
            self.answers.append((answer.status_code, dict(answer.headers), answer.content))
            return answer

        def asked(model: Any, params: Any, **_: Any) -> None:
            self.calls.append((model.name, json.loads(params["body"])))

        client.meta.events.register("before-call", asked, unique_id="benchmark")
        with patch.object(URLLib3Session, "send", send):
            yield
        client.meta.events.unregister("before-call", unique_id="benchmark")

    @contextmanager
    def replaying(self) -> Iterator[Callable[[], None]]:
        """Give the same answers without a server; the function that is given begins with the first again."""
        waiting: list[tuple[int, dict[str, str], bytes]] = []

        def send(_session: URLLib3Session, request: Any) -> Any:
            status, headers, content = waiting.pop(0)
            answer: Any = AWSResponse(request.url, status, headers, None)  # type: ignore[arg-type]
            # What it would read of a connection.
            answer._content = content
            return answer

        def begin() -> None:
            waiting[:] = self.answers

        with patch.object(URLLib3Session, "send", send):
            yield begin

    def units(self) -> int:
        """Return the write units: two for each kilobyte of each item of a transaction, at least two."""
        total = 0
        for name, request in self.calls:
            if name == "TransactWriteItems":
                items = (action.get("Put", {}).get("Item", {}) for action in request["TransactItems"])
                total += sum(2 * max(1, -(-_bytes(item) // _KILOBYTE)) for item in items)
        return total


def _bytes(item: dict[str, Any]) -> int:
    return item_size({name: value for name, value in item.items() if "SS" not in value}) if item else 0


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder) / "emulator.log") as emulator:
        client = emulator.client("dynamodb")
        names = ("records", "directory", "references")
        for resource, name in zip(("RecordTable", "DirectoryTable", "ReferenceTable"), names, strict=True):
            create_table(client, resource, name)
        create_table(client, "AuditTable", "events")
        tables = RecordTables(client, *names)
        for home in DATA_HOMES:
            TableIndex(tables, home).ensure()
        writer = ResourceWriter(DynamoDbRecordStore(tables))
        shell = Shell(
            WriterEndpoint(writer, Home.RECORD), "https://care.example", "eu-west-2", Cors(("*",)),
            RecordingObserver(), time.time, Origin(),
            Recording(DynamoDbAccessRecord(client, "events"), "record_writer", digest_for_tests),
        )  # fmt: skip
        for event in _FIRST:
            assert shell(_event(*event))["statusCode"] < 300
        print("| write | calls | write units | own CPU, ms | of the calls, ms | ratio |\n|---|---|---|---|---|---|")
        for name, event in _writes():
            print(_row(name, event, shell, client))


def _row(name: str, event: dict[str, Any], shell: Shell, client: Any) -> str:
    wire = _Wire()
    with wire.recording(client):
        answer = shell(event)
    assert answer["statusCode"] < 300, answer
    operations = [_operation(client, called) for called, _ in wire.calls]
    with wire.replaying() as begin:
        whole, bare = [], []
        for _ in range(_RUNS):
            begin()
            started = time.process_time()
            again = shell(event)
            whole.append(time.process_time() - started)
            assert again["statusCode"] == answer["statusCode"], again
            begin()
            started = time.process_time()
            for operation, (_, request) in zip(operations, wire.calls, strict=True):
                operation(**request)
            bare.append(time.process_time() - started)
    own, calls = min(whole) * 1000, min(bare) * 1000
    spread = (statistics.median(whole) - min(whole)) * 1000
    return (
        f"| {name} | {', '.join(called for called, _ in wire.calls)} | {wire.units()} | {own:.2f} (+{spread:.2f}) | "
        f"{calls:.2f} | {own / calls:.2f} |"
    )


def _operation(client: Any, name: str) -> Callable[..., Any]:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    return getattr(client, snake)  # type: ignore[no-any-return]


# Whether a table is of this release is asked once in a function's life.
_FIRST: Final[tuple[Any, ...]] = (
    ("PUT", "Patient", patient("9990000000"), [("identifier", f"{NHS_NUMBER}|9990000000")]),
    ("DELETE", "Patient", None, [("identifier", f"{NHS_NUMBER}|9990000000")]),
)


def _event(method: str, path: str, body: Any = None, query: Any = (), **headers: str) -> dict[str, Any]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        given.setdefault("Content-Type", JSON)
    text = None if body is None else json.dumps(body)
    return dict(fhir_event(method, path, query, headers=given, body=text, authorizer=_CALLER))


def _writes() -> Iterator[tuple[str, dict[str, Any]]]:
    one = {**patient("9990000001", gender="female", name=[{"family": "Muñoz", "given": ["Ada"]}]), "id": "p"}
    seen = {**observation("Patient/p", valueQuantity={"value": 61.5, "unit": "kg"}), "id": "o"}
    amended = {**seen, "status": "amended"}
    other, condition = patient("9990000002"), f"identifier={NHS_NUMBER}|9990000002"
    patch_ = [{"op": "replace", "path": "/status", "value": "final"}]
    yield "`PUT` of a Patient, new", _event("PUT", "Patient/p", one)
    yield "`POST` of an Observation", _event("POST", "Observation", seen)
    yield "`POST` of a Patient unless there", _event("POST", "Patient", other, If_None_Exist=condition)
    yield "the same, there already", _event("POST", "Patient", other, If_None_Exist=condition)
    yield "`PUT` of an Observation, new", _event("PUT", "Observation/o", seen)
    yield "the same, changed", _event("PUT", "Observation/o", amended)
    yield "the same, as it is", _event("PUT", "Observation/o", amended)
    yield "`PATCH` of an Observation", _event("PATCH", "Observation/o", patch_, Content_Type=PATCH)
    yield "`DELETE` of an Observation", _event("DELETE", "Observation/o")


if __name__ == "__main__":
    main()
