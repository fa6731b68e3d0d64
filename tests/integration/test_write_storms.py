"""Many writers at once, on DynamoDB as the emulator has it: each promise of the contract holds in a storm.

The writers are those that are deployed, each thread's a function instance of its own, without API Gateway between.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from careconnect.audit.event import event_of
from careconnect.storage.keys import JSON_ITEM
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import LONG_TEXT, NHS_NUMBER, Resource, new_code, observation, patient
from careconnect_testing.parts.recorded_writes import made_by
from careconnect_testing.records.generated import is_long_run
from careconnect_testing.running.write_service import EVENTS, TABLES, WriteService, make_tables

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CREATES, UPDATES = (64, 32) if is_long_run() else (16, 8)
ROUNDS = 200 if is_long_run() else 4


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator with tables of this release, and one of events."""
    with Emulator(tmp_path_factory.mktemp("emulator") / "emulator.log") as emulator:
        make_tables(emulator.client("dynamodb"))
        yield emulator


@pytest.fixture(scope="module")
def services(emulator: Emulator) -> Callable[[int], list[WriteService]]:
    """Return a function that creates a number of instances over the same tables, each with a connection of its own."""
    made: list[WriteService] = []

    def instances(number: int) -> list[WriteService]:
        while len(made) < number:
            made.append(WriteService.over(emulator.client("dynamodb")))
        return made[:number]

    return instances


@pytest.fixture(autouse=True)
def every_version_has_its_event_and_every_event_its_version(emulator: Emulator) -> Iterator[None]:
    """After each storm, each version has one event, which names its patient; no other event reports a version."""
    yield
    client = emulator.client("dynamodb")
    bodies = [item for item in scanned(client, TABLES[0]) if item["sk"]["S"].startswith(JSON_ITEM)]
    versions = [(f"{item['pk']['S']}/_history/{item['version']['N']}", item["patient"]["S"]) for item in bodies]

    assert len(versions) > 1
    assert made_by(event_of(item) for item in scanned(client, EVENTS)) == sorted(versions)


def scanned(client: Any, table: str) -> Iterator[dict[str, Any]]:
    """Yield all items of a table."""
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def at_once(actions: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Run all actions at the same time, and return their answers in order."""
    start = threading.Barrier(len(actions))

    def act(action: Callable[[], Answer]) -> Answer:
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def found(service: WriteService, search: str) -> list[Resource]:
    answer = service.send("GET", search, Cache_Control="no-cache")
    assert answer.status == 200, answer.text
    return [entry["resource"] for entry in answer.json.get("entry", ())]


def test_promise_3_conditional_creates_at_once_make_one_resource(services: Callable[[int], list[WriteService]]) -> None:
    instances = services(CREATES)
    for _ in range(ROUNDS):
        code = new_code()
        condition = f"identifier={NHS_NUMBER}|{code}"
        answers = at_once(
            [partial(one.send, "POST", "Patient", patient(code), If_None_Exist=condition) for one in instances]
        )

        assert statuses(answers) == {201: 1, 200: len(instances) - 1}
        assert len({answer.headers["Location"] for answer in answers}) == 1
        assert len(found(instances[0], f"Patient?identifier={NHS_NUMBER}|{code}")) == 1


def test_promise_3_a_plain_create_beside_comes_wholly_before_or_after(
    services: Callable[[int], list[WriteService]],
) -> None:
    instances = services(8)
    for _ in range(ROUNDS):
        code = new_code()
        condition = f"identifier={NHS_NUMBER}|{code}"
        plain, *conditional = at_once(
            [
                partial(instances[0].send, "POST", "Patient", patient(code)),
                *(
                    partial(one.send, "POST", "Patient", patient(code), If_None_Exist=condition)
                    for one in instances[1:]
                ),
            ]
        )
        stored = len(found(instances[0], f"Patient?identifier={NHS_NUMBER}|{code}"))

        assert plain.status == 201
        # One that was not there for those before it, and two for those after.
        created = statuses(conditional)[201]
        assert created in (0, 1)
        assert stored == 1 + created
        assert set(statuses(conditional)) <= {200, 201, 412}


def test_promise_2_of_updates_of_one_version_one_wins(services: Callable[[int], list[WriteService]]) -> None:
    instances = services(UPDATES)
    for _ in range(max(ROUNDS // 10, 2)):
        made = {**patient(), "id": new_code()}
        path = f"Patient/{made['id']}"
        assert instances[0].send("PUT", path, made).status == 201
        answers = at_once(
            [
                partial(one.send, "PUT", path, {**made, "name": [{"family": f"Writer {number}"}]}, If_Match='W/"1"')
                for number, one in enumerate(instances)
            ]
        )

        assert statuses(answers) == {200: 1, 409: len(instances) - 1}
        (winner,) = (answer.json for answer in answers if answer.status == 200)
        assert instances[0].send("GET", path).json == winner


def test_promise_2_updates_without_a_version_queue_and_none_is_lost(
    services: Callable[[int], list[WriteService]],
) -> None:
    instances = services(UPDATES)
    made = {**patient(), "id": new_code()}
    path = f"Patient/{made['id']}"
    assert instances[0].send("PUT", path, made).status == 201
    answers = at_once(
        [
            partial(one.send, "PUT", path, {**made, "name": [{"family": f"Writer {number}"}]})
            for number, one in enumerate(instances)
        ]
    )
    history = instances[0].send("GET", f"{path}/_history?_count=100").json

    assert statuses(answers) == {200: len(instances)}
    assert history["total"] == len(instances) + 1
    names = [entry["resource"]["name"][0]["family"] for entry in history["entry"][:-1]]
    assert sorted(names) == sorted(f"Writer {number}" for number in range(len(instances)))
    assert [entry["response"]["etag"] for entry in history["entry"]] == [
        f'W/"{number}"' for number in range(len(instances) + 1, 0, -1)
    ]


def test_promise_4_a_target_is_deleted_or_referred_to_and_never_both(
    services: Callable[[int], list[WriteService]],
) -> None:
    instances = services(4)
    outcomes: Counter[tuple[int, int]] = Counter()
    for _ in range(ROUNDS):
        target = f"Patient/{new_code()}"
        assert instances[0].send("PUT", target, {**patient(), "id": target.partition("/")[2]}).status == 201
        deleted, *created = at_once(
            [
                partial(instances[0].send, "DELETE", target),
                *(partial(one.send, "POST", "Observation", observation(target)) for one in instances[1:]),
            ]
        )
        made = statuses(created)[201]
        outcomes[deleted.status, made] += 1

        assert set(statuses(created)) <= {201, 422}
        assert deleted.status == (204 if made == 0 else 409), (deleted.text, statuses(created))
        assert instances[0].send("GET", target).status == (410 if made == 0 else 200)
    assert sum(outcomes.values()) == ROUNDS


def test_promise_1_a_reader_beside_a_writer_sees_one_version_or_the_other(
    services: Callable[[int], list[WriteService]],
) -> None:
    """Each version has one family name, and enough given names and identifiers to need a multi-step write."""
    writer, *readers = services(4)
    own = new_code()
    path = f"Patient/{own}"

    def version(number: int) -> Resource:
        several = 1 if number % 2 else 50
        return {
            **patient(*(f"{own}-{number}-{each}" for each in range(several))),
            "id": own,
            "text": LONG_TEXT,
            "name": [{"family": f"Fam{own}v{number}"}, {"family": f"Shared{own}", "given": [f"v{number}"]}],
        }

    assert writer.send("PUT", path, version(0)).status == 201
    is_over = threading.Event()
    faults: list[str] = []

    def read(reader: WriteService) -> int:
        pages = 0
        while not is_over.is_set():
            pages += 1
            for search in (f"Patient?name=Shared{own}", f"Patient?_id={own}"):
                found_now = found(reader, search)
                if len(found_now) != 1:
                    faults.append(f"{search}: {len(found_now)} found")
                    continue
                family = found_now[0]["name"][0]["family"]
                number = int(family.rpartition("v")[2])
                if {**found_now[0], "meta": ""} != {**version(number), "meta": ""}:
                    faults.append(f"{search}: a mix of versions")
            # A result of a search by a version's own name has that name.
            for one in found(reader, f"Patient?family=Fam{own}"):
                number = int(one["name"][0]["family"].rpartition("v")[2])
                by_identifier = found(reader, f"Patient?identifier={NHS_NUMBER}|{own}-{number}-0")
                if any(f"{own}-{number}-0" not in json_text(each) for each in by_identifier):
                    faults.append("an entry of the old version led to the new one")
        return pages

    with ThreadPoolExecutor(len(readers)) as pool:
        reading = [pool.submit(read, reader) for reader in readers]
        for number in range(1, 3 + ROUNDS // 8):
            assert writer.send("PUT", path, version(number)).status == 200
        is_over.set()
        pages = [each.result() for each in reading]

    assert faults == []
    assert min(pages) > 0
