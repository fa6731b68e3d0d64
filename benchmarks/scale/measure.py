"""Measure the page of a search over a computed population: its calls, round trips, read units and CPU.

The readers run in this process through boto3 itself, without a socket. Calls are let go in step (`lock_step`), so all
but the CPU is the same on every machine. The calls of the audit trail and of the quota are not counted.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from benchmarks.scale.population import Population, resource_id
from benchmarks.scale.procedural_table import LINK_KEY, TABLES, ProceduralTables, answered_by
from benchmarks.scale.searches import SEARCHES, Search

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import DATA_TABLES, Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.oauth.caller import caller_of
from careconnect.search.links import Cursor, Links
from careconnect.search.values import order_text
from careconnect.storage.intents import StateTables
from careconnect_testing.aws.lock_step import LockStep
from careconnect_testing.aws.units import UnitMeter
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import Event, fhir_event
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.usage_counters import no_limit
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
RUNS: Final = 15

_LONG: Final = 100
"""Milliseconds; a search that takes longer is repeated three times."""

_BASE: Final = "https://care.example"
_NOW: Final = 1_750_000_000.0
_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.read", "expires_at": str(int(_NOW) + 600)}


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a page: its status, matches, calls, round trips, read units and milliseconds of CPU."""

    status: int
    matches: int
    calls: int
    trips: int
    units: float
    cpu: float = 0.0

    @property
    def counts(self) -> tuple[int, int, float]:
        """The calls, round trips and units, which are the same on every machine."""
        return self.calls, self.trips, self.units


class ScaleReader:
    """Both readers over the tables of a client, without an audit trail, and at a standing clock."""

    def __init__(self, client: Any, tables: Mapping[Table, str] = TABLES) -> None:
        self._apps = {
            table: RequestPipeline(
                # Computing an answer takes longer than DynamoDB would: the budget's seconds are not measured.
                FhirEndpoint(
                    DynamoDbResourceStore(
                        client, tables, table, StateTables("transactions", "directory-transactions"), lambda: _NOW
                    ),
                    table,
                    no_limit(),
                    lambda: 0.0,
                ),
                _BASE,
                "eu-west-2",
                Cors(()),
                RecordingObserver(),
                lambda: _NOW,
            )
            for table in DATA_TABLES
        }

    def get(self, query: str) -> Answer:
        """GET a path and query below the FHIR base, or the URL of a link."""
        return self.send(_event(query.removeprefix(f"{_BASE}{FHIR_PATH}/")))

    def send(self, event: Event) -> Answer:
        """Pass an event to the reader of its type."""
        type_ = resource_type(event["path"].removeprefix(f"{FHIR_PATH}/").partition("/")[0])
        assert type_ is not None
        return Answer.of(self._apps[type_.table](event))


def measured(
    client: Any, unwatched: Any, population: Population, searches: Sequence[Search] = SEARCHES, runs: int = 0
) -> dict[str, Cost]:
    """Return the cost of each search over the tables of a client, by its name; with `runs` also its minimum CPU.

    The units are counted by reading the same items through `unwatched`, another client of the same tables.
    """
    meter = UnitMeter(unwatched)
    lock_step = LockStep(meter.before, meter.after)
    client.meta.events.register("provide-client-params.dynamodb", lock_step.hold)
    reader = ScaleReader(client)
    for of_table in ("Patient", "Organization"):
        # A new instance reads the format of each table once.
        assert reader.get(f"{of_table}?_include={of_table}:*").status == 200
    return {search.name: _cost(search, population, reader, lock_step, meter, runs) for search in searches}


def _cost(
    search: Search, population: Population, reader: ScaleReader, lock_step: LockStep, meter: UnitMeter, runs: int
) -> Cost:
    event = _event(_query(search, population))
    meter.clear()
    answer, _ = lock_step.rounds_of(lambda: reader.send(event))
    rounds = lock_step.rounds
    matches = len(answer.json.get("entry", ()))
    if runs and _cpu(reader, event) > _LONG:
        runs = 3
    cpu = round(min((_cpu(reader, event) for _ in range(runs)), default=0.0), 1)
    return Cost(answer.status, matches, sum(map(len, rounds)), len(rounds), meter.read, cpu)


def _cpu(reader: ScaleReader, event: Event) -> float:
    """Return the milliseconds of CPU of all threads for a request with prepared answers."""
    begun = time.process_time()
    reader.send(event)
    return 1000 * (time.process_time() - begun)


def _query(search: Search, population: Population) -> str:
    text = search.query(population)
    if search.middle is None:
        return text
    number = population.total(search.middle) // 2
    date = population.date(search.middle, number)
    position = [order_text(int(date.timestamp() * 1000)), resource_id(search.middle, number)]
    links = Links(f"{_BASE}{FHIR_PATH}", text, caller_of(_CALLER, _NOW), lambda: LINK_KEY, sealed=False)
    return links.next_url((), Cursor(position, None)).removeprefix(f"{_BASE}{FHIR_PATH}/")


def _event(query: str) -> Event:
    parts = urlsplit(query)
    return fhir_event("GET", parts.path, parse_qsl(parts.query, keep_blank_values=True), authorizer=_CALLER)


def costs_of(patients: int, searches: Sequence[Search] = SEARCHES, runs: int = 0) -> dict[str, Cost]:
    """Return the cost of each search over a computed population, by its name."""
    population = Population(patients)
    tables = ProceduralTables(population)
    return measured(answered_by(tables), tables, population, searches, runs)


def curve(sizes: Sequence[int] = SIZES, runs: int = RUNS) -> dict[str, Any]:
    """Return the `sizes`, and for each kind of search by name a list of each figure of its costs, by size."""
    by_size = [costs_of(size, runs=runs) for size in sizes]
    figures = [one.name for one in fields(Cost)]
    searches = {
        search.name: {figure: [getattr(costs[search.name], figure) for costs in by_size] for figure in figures}
        for search in SEARCHES
    }
    return {"sizes": list(sizes), "searches": searches}
