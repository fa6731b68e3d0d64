"""Threads that count references in the same shard wait for each other, and no others."""

import json
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import count_shard
from careconnect_admin.loading.load import load_paths
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.shard_locks import ShardLocks, shard_of
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target

ONE, SAME, OTHER = "1", "11", "2"


def condition(resource_id: str, **elements: Any) -> WritePlan:
    served = resource_type("Condition")
    assert served is not None
    resource = {"resourceType": "Condition", "id": resource_id, **elements}
    plan = plan_write(Target(served, resource_id), resource, now=0, base_url="")
    assert plan is not None
    return plan


def referring(resource_id: str) -> WritePlan:
    return condition(resource_id, subject={"reference": "Patient/4"})


@pytest.mark.parametrize(
    ("second", "waits"),
    [
        ([referring(SAME)], True),
        ([referring(OTHER), referring(SAME)], True),
        ([referring(OTHER)], False),
        ([condition(SAME)], False),
    ],
)
def test_those_of_one_shard_wait_for_each_other(second: list[WritePlan], *, waits: bool) -> None:
    assert count_shard(ONE) == count_shard(SAME) != count_shard(OTHER)
    locks, done = ShardLocks(), Event()

    def take() -> None:
        with locks.taken(second):
            done.set()

    thread = Thread(target=take)
    with locks.taken([referring(ONE)]):
        thread.start()
        assert done.wait(0.05 if waits else 5) is not waits
    thread.join(5)
    assert done.is_set()


@pytest.mark.parametrize("writers", [1, 4])
def test_several_writers_get_resources_by_shard_and_one_in_the_order_of_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writers: int
) -> None:
    chunks: list[list[LoadRequest]] = []

    def collect(_load: object, waiting: dict[Future[Any], Any]) -> None:
        assert all(future.result() == [] for future in waiting)
        waiting.clear()

    def write(_writer: RecordWriter, requests: list[LoadRequest]) -> list[Any]:
        chunks.append(requests)
        return []

    monkeypatch.setattr("careconnect_admin.loading.load._CHUNK", 5)
    monkeypatch.setattr(RecordWriter, "begin_tables", lambda _writer: None)
    monkeypatch.setattr(RecordWriter, "write", write)
    monkeypatch.setattr("careconnect_admin.loading.load._Load._collect", collect)
    path = tmp_path / "in.ndjson"
    ids = [str(number) for number in range(60)]
    path.write_text("\n".join(json.dumps({"resourceType": "Patient", "id": one}) for one in ids), encoding="utf-8")
    client: Any = None
    load_paths([path], RecordTables(client, "r", "d", "m", "t", "dt"), writers=writers)

    assert sorted(request.target.id for chunk in chunks for request in chunk) == sorted(ids)
    if writers == 1:
        assert [request.target.id for chunk in chunks for request in chunk] == ids
    else:
        assert all(len({shard_of(request.target) for request in chunk}) == 1 for chunk in chunks)
        assert max(len(chunk) for chunk in chunks) == 5
