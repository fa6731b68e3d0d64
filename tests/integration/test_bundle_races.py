"""Reads and searches over HTTP beside transactions: each sees all of one, or nothing (`bundles.md`, Promise 8).

`BUNDLE_RACES` is the number of requests that race.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import Resource, WritingClient, observation
from careconnect_testing.running.bundle_service import entry, transaction

pytestmark = [pytest.mark.integration, pytest.mark.long]

RACES = int(os.environ.get("BUNDLE_RACES", "600"))
FAMILIES = ("race-a", "race-b", "race-c")
OBSERVATIONS = 6
READERS = 6

READS: dict[str, Callable[[str], str]] = {
    "search": lambda of: f"Observation?patient={of}&_count=50",
    "includes": lambda of: f"Patient?_id={of}&_revinclude=Observation:patient",
    "everything": lambda of: f"Patient/{of}/$everything?_count=50",
    "count": lambda of: f"Observation?patient={of}&_summary=count",
    "chain": lambda of: f"Observation?patient.identifier=urn:race|{of}&_count=50",
}


def family(of: str, number: int) -> Resource:
    """Return a transaction that writes the number into all of a patient's records; an odd one deletes the last."""
    marker = f"n{number}"
    person = {
        "resourceType": "Patient",
        "id": of,
        "identifier": [{"system": "urn:race", "value": of}],
        "name": [{"family": marker}],
    }
    entries = [entry("PUT", f"Patient/{of}", person)]
    for each in range(OBSERVATIONS):
        name = f"{of}-{each}"
        if number % 2 and each == OBSERVATIONS - 1:
            entries.append(entry("DELETE", f"Observation/{name}"))
        else:
            resource = {**observation(f"Patient/{of}", valueString=marker), "id": name}
            entries.append(entry("PUT", f"Observation/{name}", resource))
    return transaction(*entries)


@dataclass
class Race:
    """The writers and the readers; `written` counts transactions, `seen` the answers by kind."""

    client: WritingClient
    stop: threading.Event = field(default_factory=threading.Event)
    written: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)

    def write(self, of: str) -> None:
        """Send one transaction after another."""
        number = 0
        while not self.stop.is_set():
            answer = self.send("POST", "", family(of, number))
            assert answer.status_code == 200, answer.text
            self.written[of] += 1
            number += 1

    def read(self, seed: int, requests: int) -> None:
        """Send reads of any kind, and note the torn ones."""
        chance = random.Random(seed)
        for _ in range(requests):
            kind, of = chance.choice(list(READS)), chance.choice(FAMILIES)
            answer = self.send("GET", READS[kind](of))
            assert answer.status_code == 200, answer.text
            self.seen[kind] += 1
            if fault := _fault(kind, answer.json()):
                self.torn.append(f"{kind} of {of}: {fault}")

    def send(self, method: str, path: str, body: Resource | None = None) -> httpx.Response:
        """Send a request until it is neither throttled nor in conflict."""
        while True:
            answer = self.client.send(method, path, body, Cache_Control="no-cache")
            if answer.status_code not in (409, 429, 503):
                return answer
            time.sleep(0.2)


def _fault(kind: str, body: Any) -> str:
    """Return how an answer shows two transactions, empty if it shows one."""
    if kind == "count":
        return "" if body["total"] in (OBSERVATIONS, OBSERVATIONS - 1) else f"total {body['total']}"
    resources = [each["resource"] for each in body["entry"]]
    markers = {each["valueString"] if "valueString" in each else each["name"][0]["family"] for each in resources}
    if len(markers) != 1:
        return f"{sorted(markers)}"
    number = int(markers.pop()[1:])
    found = sum(each["resourceType"] == "Observation" for each in resources)
    return "" if found == OBSERVATIONS - number % 2 else f"{found} observations of {number}"


@pytest.fixture
def race(local_stack: LocalStack) -> Iterator[Race]:
    """The race, by a client of its own: it draws all of a client's quota."""
    with httpx.Client(base_url=local_stack.base_url, timeout=60, trust_env=False) as http:
        token = Api(local_stack, http).register("racer", "user/*.read user/*.write")
        made = Race(WritingClient(http, token))
        for of in FAMILIES:
            assert made.send("POST", "", family(of, 0)).status_code == 200
        yield made
        for of in FAMILIES:
            observations = [entry("DELETE", f"Observation/{of}-{each}") for each in range(OBSERVATIONS)]
            answer = made.send("POST", "", transaction(*observations, entry("DELETE", f"Patient/{of}")))
            assert answer.status_code == 200, answer.text


def test_promise_8_a_read_beside_transactions_sees_one_state_of_all(race: Race) -> None:
    with ThreadPoolExecutor(len(FAMILIES) + READERS) as pool:
        writers = [pool.submit(race.write, of) for of in FAMILIES]
        readers = [pool.submit(race.read, seed, RACES // READERS) for seed in range(READERS)]
        try:
            for each in readers:
                each.result()
        finally:
            race.stop.set()
        for each in writers:
            each.result()
    print(f"{sum(race.seen.values())} answers beside {sum(race.written.values())} transactions")  # noqa: T201 - for -s

    assert race.torn == []
    assert set(race.seen) == set(READS)
    assert min(race.written.values()) >= RACES // 200
