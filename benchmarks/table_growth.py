"""Does a search cost more in a large table? Measures the reader over 1,000 and over 100,000 patients.

Both tables are up at the same time and asked in turn, so that whatever else the machine does meets both alike.
Exit code 1 if a median grows by the factor that is allowed, or more.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.dynalite_server import Dynalite, install
from benchmarks.small_records import NHS_NUMBER, OBSERVATIONS_PER_PATIENT, items, nhs_number

from careconnect.http import Cors
from careconnect.resource_types import FHIR_PATH, Home
from fhir_reader.app import Deployment, build_app
from fhir_reader.store.dynamodb import DynamoDbResourceStore

SIZES: Final = (1_000, 100_000)
ROUNDS: Final = 1_500
WARM_UP: Final = 200
ALLOWED: Final = 1.3
_TABLE: Final = "records"

Ask = Callable[[int], tuple[str, dict[str, str]]]
"""From a patient's number to a path and its parameters."""

KINDS: Final[Mapping[str, Ask]] = {
    "read": lambda number: (f"Patient/p{number}", {}),
    "identifier search": lambda number: ("Patient", {"identifier": f"{NHS_NUMBER}|{nhs_number(number)}"}),
    "patient-record search": lambda number: ("Observation", {"patient": f"p{number}"}),
}


class _Silent:
    def request(self, action: str, status: int, **details: Any) -> None:
        """Log nothing."""

    def failure(self, action: str, error: BaseException, *, request_id: str) -> None:  # noqa: ARG002
        """Stop the benchmark."""
        raise error


class Table:
    """A server with a table of records of `patients` patients, and the reader over it."""

    def __init__(self, server: Dynalite, patients: int) -> None:
        self.patients = patients
        server.client.create_table(
            TableName=_TABLE,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        server.client.get_waiter("table_exists").wait(TableName=_TABLE, WaiterConfig={"Delay": 1})
        started = time.perf_counter()
        written = server.write(_TABLE, items(patients))
        print(f"{patients:,} patients: {written:,} items in {time.perf_counter() - started:.0f} s", flush=True)
        store = DynamoDbResourceStore(server.client, dict.fromkeys(Home, _TABLE), Home.RECORD)
        deployment = Deployment(store, Home.RECORD, "https://care.example", "eu-west-2", Cors(()), _Silent(), time.time)
        self._app = build_app(deployment)

    def milliseconds(self, ask: Ask, number: int) -> float:
        """Ask for one patient, check the answer and return the time that it took."""
        path, parameters = ask(number)
        event = {
            "httpMethod": "GET",
            "path": f"{FHIR_PATH}/{path}",
            "headers": {},
            "queryStringParameters": parameters,
            "requestContext": {
                "requestId": "r",
                "authorizer": {
                    "client_id": "benchmark",
                    "scope": "system/*.read",
                    "expires_at": str(int(time.time()) + 100),
                },
            },
        }
        started = time.perf_counter()
        answer = self._app(event)
        elapsed = (time.perf_counter() - started) * 1000
        expected = OBSERVATIONS_PER_PATIENT if "patient" in parameters else 1
        assert answer["statusCode"] == 200, answer["body"]
        assert not parameters or f'"total":{expected},' in answer["body"], answer["body"]
        return elapsed


def measure(tables: tuple[Table, ...]) -> Iterator[tuple[str, list[list[float]]]]:
    """Yield each kind of request with the times of each table."""
    choose = random.Random(1948)
    for name, ask in KINDS.items():
        times: list[list[float]] = [[] for _ in tables]
        for number in range(WARM_UP + ROUNDS):
            for table, series in zip(tables, times, strict=True):
                elapsed = table.milliseconds(ask, choose.randrange(table.patients))
                if number >= WARM_UP:
                    series.append(elapsed)
        yield name, times


def main() -> int:
    """Load both tables, measure, print a table of the results."""
    install()
    grown = False
    with tempfile.TemporaryDirectory(prefix="careconnect-bench-") as folder, ExitStack() as servers:
        tables = tuple(
            Table(servers.enter_context(Dynalite(Path(folder) / str(patients))), patients) for patients in SIZES
        )
        print(f"{'milliseconds':24}" + "".join(f"{size:>10,} p50 {'p95':>6}" for size in SIZES) + "   ratio of p50")
        for name, times in measure(tables):
            medians = [median(series) for series in times]
            ratio = medians[-1] / medians[0]
            grown = grown or ratio >= ALLOWED
            shown = "".join(f"{median(series):14.2f} {quantiles(series, n=20)[-1]:6.2f}" for series in times)
            print(f"{name:24}{shown}   {ratio:.2f}", flush=True)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
