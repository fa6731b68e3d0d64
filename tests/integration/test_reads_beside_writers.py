"""Reads beside two clients that write all that their quotas allow: none pays for writes that it does not meet (ADR 43).

`BESIDE_WRITERS_SECONDS` is how long they write; 600 is the full measure. `pytest -s` prints the numbers.
"""

import math
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from statistics import mean, median
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from careconnect.fhir.resource_types import Table
from careconnect.storage.intents import PARTITIONS
from careconnect.storage.keys import CURSOR_KEY
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.resource_items import item_size
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.states import WriteStates
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import Resource, WritingClient, observation
from careconnect_testing.parts.stores import Reader
from careconnect_testing.records.held_writes import hold
from careconnect_testing.running.bundle_service import entry, transaction

pytestmark = [pytest.mark.integration, pytest.mark.long]

SECONDS = float(os.environ.get("BESIDE_WRITERS_SECONDS", "15"))
MINUTE = 60.0
WRITERS = ("busy-1", "busy-2")
OWN, THEIRS = "beside-own", "beside-theirs"
"""A patient of whom one intent is there, and the patient of whom the clients write."""
STATE_BYTES = 200
"""At most so much are the state of a write and the list of the two that it follows."""
LISTED = [name for names in PARTITIONS.values() for name in names]
"""The partitions of a listing of all states: a Query of each."""
LISTING = "a search of what they write"

READS: dict[str, str] = {
    "the one intent": f"Observation/{OWN}-1",
    "a search that meets it": f"Observation?patient={OWN}&_count=20",
    "… with includes": f"Patient?_id={OWN}&_revinclude=Observation:patient",
    "… of everything": f"Patient/{OWN}/$everything?_count=50",
    LISTING: f"Observation?patient={THEIRS}&_count=20",
    "what they write again and again": f"Observation/{THEIRS}-1",
    "their patient": f"Patient/{THEIRS}",
}


@dataclass
class Cost:
    """What one request took: its status, its passes, calls, read units and milliseconds."""

    status: int
    passes: int
    calls: int
    units: float
    milliseconds: float


@dataclass
class Meter:
    """Counts the calls and read units of a client, whose user sends one request at a time."""

    calls: int = 0
    units: float = 0.0
    _asked: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, client: Any) -> None:
        """Count the calls of a client from now on."""
        client.meta.events.register("provide-client-params.dynamodb", self._before)
        client.meta.events.register("after-call.dynamodb", self._after)

    def _before(self, params: Mapping[str, Any], **_: Any) -> None:
        self._asked[threading.get_ident()] = params

    def _after(self, parsed: Mapping[str, Any], **_: Any) -> None:
        asked = self._asked[threading.get_ident()]
        if asked.get("Key", {}).get("pk") == {"S": CURSOR_KEY[0]}:
            # The check of a table's format, once in a while.
            return
        with self._lock:
            self.calls += 1
            self.units += _units(asked, parsed)


def _units(asked: Mapping[str, Any], answered: Mapping[str, Any]) -> float:
    """Return the read units of one call."""
    if "RequestItems" in asked:
        found = answered.get("Responses", {})
        return sum(
            sum(_of_4_kb(item_size(dict(item)), wanted) for item in found.get(table, ()))
            + (len(wanted["Keys"]) - len(found.get(table, ()))) * _of_4_kb(1, wanted)
            for table, wanted in asked["RequestItems"].items()
        )
    items = answered.get("Items") or [answered.get("Item") or {}]
    return _of_4_kb(sum(item_size(dict(item)) for item in items), asked)


def _of_4_kb(size: int, asked: Mapping[str, Any]) -> float:
    return max(1, math.ceil(size / 4096)) * (1.0 if asked.get("ConsistentRead") else 0.5)


@dataclass
class Beside:
    """The tables, the readers' function in this process with its costs, and the two writing clients."""

    tables: RecordTables
    reader: Reader
    meter: Meter
    writers: tuple[WritingClient, ...]
    over_http: WritingClient
    stop: threading.Event = field(default_factory=threading.Event)
    written: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    states: list[int] = field(default_factory=list)
    released: list[tuple[int, float]] = field(default_factory=list)

    def cost(self, path: str) -> Cost:
        """Send a read to the function in this process."""
        passes = self.reader.passes  # type: ignore[attr-defined]
        self.meter.calls, self.meter.units, before, begun = 0, 0.0, len(passes), time.perf_counter()
        name, _, query = path.partition("?")
        answer = self.reader.get(name, query)
        took = (time.perf_counter() - begun) * 1000
        return Cost(answer.status, len(passes) - before, self.meter.calls, self.meter.units, took)

    def write(self, client: WritingClient, name: str) -> None:
        """Send one transaction after another, as many as the quota allows: of new resources, or of the same two."""
        number = 0
        while not self.stop.is_set():
            number += 1
            made = observation(f"Patient/{THEIRS}", valueString=f"{number}")
            same = [entry("PUT", f"Observation/{THEIRS}-{each}", {**made, "id": f"{THEIRS}-{each}"}) for each in "12"]
            new = [entry("POST", "Observation", made)] * 2
            answer = client.send("POST", "", transaction(*(new if name == WRITERS[0] else same)))
            self.written[f"{name} {answer.status_code}"] += 1
            if answer.status_code == 429:
                self.stop.wait(min(5.0, float(answer.headers["Retry-After"])))

    def read_over_http(self) -> None:
        """Send the reads to the deployed functions."""
        while not self.stop.is_set():
            for path in READS.values():
                self.statuses[self.over_http.send("GET", path).status_code] += 1

    def recover(self) -> None:
        """Release writes as RecoveryFunction does: each minute, whether the last run has ended or not."""
        runs = []
        while not self.stop.is_set():
            runs.append(threading.Thread(target=self._release))
            runs[-1].start()
            self.stop.wait(MINUTE)
        for run in runs:
            run.join()

    def _release(self) -> None:
        begun = time.monotonic()
        with suppress(ClientError):
            found = Release(self.tables).release_ended(self._wait)
            self.released.append((found, time.monotonic() - begun - 30))

    def _wait(self, seconds: float) -> None:
        self.stop.wait(seconds)

    def keep_one_intent(self) -> None:
        """Put an intent on the one patient's Observation again and again, of a write that is cut off or not."""
        done = False
        while not self.stop.wait(3):
            with suppress(ClientError):
                self.states.append(sum(1 for _ in WriteStates(self.tables).all()))
            item: Any = self.tables.client.get_item(
                TableName=self.tables.record,
                Key={"pk": {"S": f"Observation/{OWN}-1"}, "sk": {"S": "#index"}},
                ConsistentRead=True,
            )["Item"]
            if "txn" not in item:
                hold(self.tables, _of_own(1), done=done)
                done = not done


def _of_own(number: int) -> Resource:
    return {**observation(f"Patient/{OWN}"), "id": f"{OWN}-{number}"}


@pytest.fixture
def beside(local_stack: LocalStack) -> Iterator[Beside]:
    tables = RecordTables(local_stack.client("dynamodb"), *(local_stack.stack.outputs[name] for name in OUTPUTS))
    client: Any = local_stack.role_client("dynamodb", "PatientRecordFunction")
    reader, meter = Reader(client, replace(tables, client=client)), Meter()
    meter.on(client)
    passes: list[None] = []
    store: Any = type(reader._apps[Table.RECORD].endpoint.store)  # type: ignore[attr-defined]
    at_one_moment = store.at_one_moment

    def counted(self: Any, read: Callable[[Any], Any], **options: Any) -> Any:
        def one(store: Any) -> Any:
            passes.append(None)
            return read(store)

        return at_one_moment(self, one, **options)

    store.at_one_moment = counted
    reader.passes = passes  # type: ignore[attr-defined]
    with httpx.Client(base_url=local_stack.base_url, timeout=60, trust_env=False) as http:
        api = Api(local_stack, http)
        clients = tuple(WritingClient(http, api.register(name, "system/*.cruds")) for name in WRITERS)
        setup = WritingClient(http, api.register("beside-reader", "system/*.cruds"))
        for patient in (OWN, THEIRS):
            assert setup.update({"resourceType": "Patient", "id": patient}).status_code in (200, 201)
        for number in range(1, 9):
            assert setup.update(_of_own(number)).status_code in (200, 201)
        for each in "12":
            made = {**observation(f"Patient/{THEIRS}"), "id": f"{THEIRS}-{each}"}
            assert setup.update(made).status_code in (200, 201)
        for _ in range(25):
            assert setup.create(observation(f"Patient/{THEIRS}")).status_code == 201
        yield Beside(tables, reader, meter, clients, setup)
    store.at_one_moment = at_one_moment


def test_reads_beside_two_busy_clients_cost_little_more_than_alone(beside: Beside) -> None:
    alone = {kind: beside.cost(path) for kind, path in READS.items()}
    assert {(cost.status, cost.passes) for cost in alone.values()} == {(200, 1)}
    costs: defaultdict[str, list[Cost]] = defaultdict(list)
    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(beside.write, each, name) for each, name in zip(beside.writers, WRITERS, strict=True)]
        working += [pool.submit(each) for each in (beside.read_over_http, beside.recover, beside.keep_one_intent)]
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end:
                for kind, path in READS.items():
                    costs[kind].append(beside.cost(path))
                time.sleep(0.05)
        finally:
            beside.stop.set()
    for one in working:
        one.result()
    Release(beside.tables).release_all()
    # The patient's record has grown meanwhile.
    for kind, path in READS.items():
        after = beside.cost(path)
        assert after.passes == 1
        alone[kind].calls = max(alone[kind].calls, after.calls)
        alone[kind].units = max(alone[kind].units, after.units)
    _report(beside, alone, costs)

    assert {cost.status for each in costs.values() for cost in each} == {200}
    assert beside.statuses.keys() <= {200, 429}
    assert max(cost.passes for each in costs.values() for cost in each) <= 3
    for kind, each in costs.items():
        quiet = alone[kind]
        # The search of what is written this moment meets so many writes that it lists all that there are.
        lists = kind == LISTING
        more_units = max(beside.states) * STATE_BYTES / 4096
        assert mean(cost.calls for cost in each) <= 3 * quiet.calls + lists * len(LISTED), kind
        assert mean(cost.units for cost in each) <= 3 * quiet.units + lists * more_units, kind


def _report(beside: Beside, alone: Mapping[str, Cost], costs: Mapping[str, list[Cost]]) -> None:
    lines = [f"{SECONDS:.0f} s: {dict(sorted(beside.written.items()))}, over HTTP {dict(beside.statuses)}"]
    for kind, each in costs.items():
        quiet = alone[kind]
        calls, units = [cost.calls for cost in each], [cost.units for cost in each]
        times = sorted(cost.milliseconds for cost in each)
        passes = dict(sorted(Counter(cost.passes for cost in each).items()))
        lines.append(
            f"{kind}: {len(each)} times, passes {passes}, calls {mean(calls):.1f} at most {max(calls)} (alone"
            f" {quiet.calls}), units {mean(units):.1f} at most {max(units):.0f} (alone {quiet.units:.1f}),"
            f" ms {median(times):.0f} at most {times[-1]:.0f} (alone {quiet.milliseconds:.0f})"
        )
    lines.append(f"states at most {max(beside.states)}, last {beside.states[-1]}; runs of recovery {beside.released}")
    print("", *lines, sep="\n")  # noqa: T201 - for `pytest -s`
