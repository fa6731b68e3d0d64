"""Clients that write one resource without pause, on DynamoDB as the emulator has it (`write.md`, Cost; ADR 38)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Event

import pytest

from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_testing.http.writes import patient
from careconnect_testing.running.write_service import WriteService, make_tables

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timed]

WRITERS = 4
SECONDS = 6
ROUNDS = 2
LONGEST = 10.0
"""Seconds after which each write is done or refused."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WriteService]]:
    """One instance for each writer, and one for the client that writes another resource."""
    with Emulator(tmp_path_factory.mktemp("contention") / "emulator.log") as emulator:
        make_tables(emulator.client("dynamodb"))
        yield [WriteService.over(emulator.client("dynamodb")) for _ in range(WRITERS + 1)]


def writes(service: WriteService, resource_id: str, stop: Event) -> list[tuple[int, float]]:
    """Replace a resource again and again; return the status and the seconds of each write."""
    done: list[tuple[int, float]] = []
    while not stop.is_set():
        name = [{"family": f"{id(service)}-{len(done)}"}]
        began = time.monotonic()
        answer = service.send("PUT", f"Patient/{resource_id}", {**patient(name=name), "id": resource_id})
        done.append((answer.status, time.monotonic() - began))
    return done


def beside(
    services: list[WriteService], id_of: Callable[[int], str]
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Return the writes of the writers, each of the resource that `id_of` names, and those of the other client."""
    stop = Event()
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        crowd = [pool.submit(writes, services[number], id_of(number), stop) for number in range(WRITERS)]
        other = pool.submit(writes, services[WRITERS], "other", stop)
        time.sleep(SECONDS)
        stop.set()
        return [each for one in crowd for each in one.result()], other.result()


def test_m5_four_that_write_one_resource_end_in_time_and_slow_no_other(services: list[WriteService]) -> None:
    """M5: one PUT waited for 5 s, and other clients' writes waited with it."""
    of_one: list[tuple[int, float]] = []
    beside_one: list[float] = []
    beside_several: list[float] = []
    for _ in range(ROUNDS):
        _, others = beside(services, lambda number: f"own-{number}")
        beside_several += [seconds for _, seconds in others]
        crowd, others = beside(services, lambda _: "one")
        of_one += crowd
        beside_one += [seconds for _, seconds in others]

    assert {status for status, _ in of_one} <= {200, 201, 409, 503}
    assert max(seconds for _, seconds in of_one) <= LONGEST
    assert median(beside_one) <= 2 * median(beside_several)
