"""Entries and traces by instant say what was stored at each instant of the last day (ADR 53)."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.search.values import order_text
from careconnect.storage.intents import TXN
from careconnect.storage.keys import INDEX_ITEM, SHARDS, change_partition, deletion_partition, position_of
from careconnect.storage.traces import EXPIRES, TRACE_SECONDS, is_trace, next_of
from careconnect_admin.loading.load_request import LoadOutcome, LoadRequest
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.multi_step.release import Release
from careconnect_records.writes.target import Target
from careconnect_testing.http.writes import observation
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.stores import BASE, NOW, Reader, reader_in_memory
from careconnect_testing.records.held_writes import hold

OBSERVATION = resource_type("Observation")
assert OBSERVATION is not None

IDS = ("a", "b", "c")
CHANGES = {change_partition("Observation", shard) for shard in range(SHARDS)}
DELETIONS = {deletion_partition("Observation", shard) for shard in range(SHARDS)}

Versions = dict[str, list[tuple[int, int, bool]]]
"""The instant and the number of each version by id, and whether it is a deletion."""


@pytest.fixture
def reader() -> Iterator[Reader]:
    with reader_in_memory() as made:
        yield made


def to_store(id_: str, patient: str = "4", day: int = 1, **elements: Any) -> LoadRequest:
    dated = {"effectiveDateTime": f"2020-01-{day:02}", **elements}
    assert OBSERVATION
    return LoadRequest(Target(OBSERVATION, id_), observation(f"Patient/{patient}", id=id_, **dated))


def to_delete(id_: str) -> LoadRequest:
    assert OBSERVATION
    return LoadRequest(Target(OBSERVATION, id_), None)


def items_of(reader: Reader) -> dict[tuple[str, str], Mapping[str, Any]]:
    items = reader.client.database.items(reader.tables.record)
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in items}


def stored_at(items: Mapping[tuple[str, str], Mapping[str, Any]], instant: int) -> dict[str, tuple[str, bool]]:
    """Return the order text of each resource's version that was current at an instant, and whether it is a deletion."""
    found: dict[str, tuple[str, bool]] = {}
    for (pk, sk), item in items.items():
        order, id_ = position_of(sk)
        is_of_instants = pk in CHANGES | DELETIONS
        if is_of_instants and order <= order_text(instant) and (not is_trace(item) or next_of(item) > instant):
            assert id_ not in found
            found[id_] = order, pk in DELETIONS
    return found


def lived(reader: Reader, chance: random.Random) -> Versions:
    """Write some resources again and again, alone and together, done and undone, and return their versions."""
    clock = Clock(NOW)
    writer = RecordWriter(reader.tables, clock=clock.utc, base_url=BASE, sleep=lambda _: None, elapsed=clock)
    versions: Versions = defaultdict(list)

    def written(id_: str) -> LoadRequest:
        if chance.random() < 0.3:
            return to_delete(id_)
        return to_store(id_, chance.choice("45"), chance.randint(1, 3), comment=str(chance.random()))

    for _ in range(40):
        clock.now += chance.choice((0, 0.001, 5))
        some = chance.sample(IDS, chance.randint(1, 2))
        match chance.randrange(4):
            case 0:
                writer.write([written(id_) for id_ in some])
            case 1 | 2:
                writer.write_together([written(id_) for id_ in some])
            case 3:
                Release(reader.tables).release_all()
                undone = [to_store(id_, chance.choice("45"), chance.randint(1, 3)).resource or {} for id_ in some]
                hold(reader.tables, *undone, done=False)
                Release(reader.tables).release_all()
        for (pk, sk), item in items_of(reader).items():
            id_ = pk.partition("/")[2]
            version = (int(item.get("updated", {}).get("N", "0")), int(item.get("version", {}).get("N", "0")))
            if sk == INDEX_ITEM and (not versions[id_] or versions[id_][-1][:2] != version):
                versions[id_].append((*version, item["digest"]["S"] == "gone"))
    Release(reader.tables).release_all()
    return versions


@pytest.mark.parametrize("seed", range(6))
def test_what_was_stored_at_each_instant_is_still_told(reader: Reader, seed: int) -> None:
    versions = lived(reader, random.Random(seed))
    items = items_of(reader)

    instants = sorted({updated + more for each in versions.values() for updated, _, _ in each for more in (-1, 0, 1)})
    assert len(instants) > 40
    for instant in instants:
        current = {id_: [each for each in all_ if each[0] <= instant][-1:] for id_, all_ in versions.items()}
        wanted = {id_: (order_text(last[0][0]), last[0][2]) for id_, last in current.items() if last}
        assert stored_at(items, instant) == wanted, instant


@pytest.mark.parametrize("seed", range(3))
def test_a_compartment_knows_each_resource_that_was_in_it(reader: Reader, seed: int) -> None:
    chance = random.Random(seed)
    lived(reader, chance)
    items = items_of(reader)

    for (pk, sk), body in items.items():
        if pk.startswith("Observation/") and sk.startswith("#json"):
            for patient in body.get("patient", {"S": ""})["S"].split():
                in_it = [position_of(key[1])[1] for key in items if key[0] == f"Patient/{patient}"]
                assert pk.partition("/")[2] in in_it


def test_a_trace_says_what_came_next_and_when_it_goes(reader: Reader) -> None:
    clock = Clock(NOW)
    writer = RecordWriter(reader.tables, clock=clock.utc)
    writer.write([to_store("a")])
    clock.now += 10
    writer.write([to_store("a", day=2)])

    common = {"next": {"N": str(int(NOW + 10) * 1_000)}, "expires_at": {"N": str(int(NOW + 10) + TRACE_SECONDS)}}
    traces = [item for item in items_of(reader).values() if is_trace(item)]
    bare = {item["pk"]["S"]: {name: item[name] for name in item if name not in ("pk", "sk")} for item in traces}
    (changes,) = bare.keys() & CHANGES
    assert bare == {changes: {"version": {"N": "1"}, **common}, "Patient/4": common}


def test_no_intent_expires_and_what_it_leaves_does(reader: Reader) -> None:
    writer = RecordWriter(reader.tables, clock=Clock(NOW).utc)
    writer.write([to_store("a"), to_store("b")])
    writer.write_together([to_store("a", day=2), to_delete("b")])

    held = {key: item for key, item in items_of(reader).items() if TXN in item}
    assert {"Patient/4"} < {pk for (pk, _), item in held.items() if is_trace(item)} < {"Patient/4", *CHANGES}
    assert not any(EXPIRES in item for item in held.values())
    Release(reader.tables).release_all()
    traces = [item for item in items_of(reader).values() if is_trace(item)]
    assert len(traces) == 4
    assert all(int(item[EXPIRES]["N"]) == next_of(item) // 1_000 + TRACE_SECONDS for item in traces)


def test_resources_that_are_written_together_have_one_instant_whatever_the_clock_says(reader: Reader) -> None:
    clock = Clock(NOW)
    writer = RecordWriter(reader.tables, clock=clock.utc)
    writer.write([to_store("a")])
    clock.now -= 100

    results = writer.write_together([to_store("a", day=2), to_store("b"), to_delete("c")])

    assert [each.outcome for each in results] == [LoadOutcome.LOADED, LoadOutcome.LOADED, LoadOutcome.UNCHANGED]
    items = items_of(reader)
    assert {items[f"Observation/{id_}", INDEX_ITEM]["updated"]["N"] for id_ in "ab"} == {str(int(NOW) * 1_000 + 1)}
    assert json.loads(items["Observation/b", "#json"]["body"]["S"])["meta"]["lastUpdated"].endswith("40.001Z")
