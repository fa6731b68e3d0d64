"""Carry versions over: a restored resource gets a version above all versions that clients have seen of it.

The versions since the restored time stay in its history, so that its numbers have no gap (ADR 23, ADR 40).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.load_request import LoadOutcome, LoadRequest, target_of_key
from careconnect_admin.loading.shard_locks import shard_of
from careconnect_admin.loading.writer import RecordWriter
from careconnect_admin.restoring.differences import Difference, differences
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import (
    body_item,
    digest_of,
    epoch_milliseconds,
    former_patients_of,
    index_item,
    patients_of,
    with_version,
)
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_records.parsing.exact_json import parse_json
from careconnect_records.writes.plan import WritePlan, plan_version
from careconnect_records.writes.target import Target

Announce = Callable[[Sequence[str]], None]
"""Called with the ids of patients before anything of theirs is changed."""

_CHUNK: Final = 50
_THREADS: Final = 4
_LAST_VERSION: Final = 999_999_999


def carry_versions(
    current: RecordTables,
    restored: RecordTables,
    *,
    base_url: str,
    announce: Announce,
    progress: Callable[[int], None] = lambda _: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Write the versions since the restored time into the restored tables, and return the number of resources.

    Nothing may write to either tables meanwhile. A run that was killed is repeated. Raises `OperatorError`.
    """
    while Release(current).release_ended(sleep):
        # Those that were aborted now are released by the next run.
        pass
    carrier = _Carrier(current, restored, base_url, announce, clock)
    done = 0
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="restore") as executor:
        try:
            for number in executor.map(carrier.carry, _by_shard(differences(current, restored))):
                done += number
                progress(done)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    Release(restored).release_all()
    return done


def _by_shard(found: Iterator[Difference]) -> Iterator[list[Difference]]:
    """Yield differences in chunks, each of one shard of reference counts."""
    chunks: dict[int, list[Difference]] = {}
    for each in found:
        shard = shard_of(target_of_key(each.key))
        chunks.setdefault(shard, []).append(each)
        if len(chunks[shard]) == _CHUNK:
            yield chunks.pop(shard)
    yield from chunks.values()


class _Carrier:
    """Writes chunks of differences. Safe for use by several threads on different resources."""

    def __init__(
        self,
        current: RecordTables,
        restored: RecordTables,
        base_url: str,
        announce: Announce,
        clock: Callable[[], datetime],
    ) -> None:
        self._current = current
        self._restored = restored
        self._base_url = base_url
        self._announce = announce
        self._clock = clock
        self._replaced: dict[str, Item] = {}
        self._writer = RecordWriter(restored, clock=clock, base_url=base_url, plan=self._plan)

    def carry(self, chunk: Sequence[Difference]) -> int:
        """Carry the versions of some resources over, and return their number."""
        requests = [self._prepared(each) for each in chunk]
        for request, result in zip(requests, self._writer.write(requests), strict=True):
            if result.passing:
                raise OperatorError(f"{request.target.key}: {result.reason}; run this again")
            if result.outcome is LoadOutcome.FAILED:
                self._write_unindexed(request.target, request.resource)
            self._replaced.pop(request.target.key)
        return len(requests)

    def _prepared(self, difference: Difference) -> LoadRequest:
        """Copy the versions from the restored one on, and return the request to write the restored content above them.

        The copies come first, because a resource with a high version is not looked at again.
        """
        target, then = target_of_key(difference.key), difference.restored
        table = target.type.table
        replaced = _item(self._current.client, self._current.name(table), target.key)
        body = _item(self._restored.client, self._restored.name(table), target.key) if then else {}
        resource = None if "body" not in body else parse_json(body["body"]["S"])
        self._replaced[target.key] = replaced
        self._announce([id_ for item in (replaced, body) for id_ in patients_of(item)])
        copies = self._versions_from(target, then.version if then else 1)
        if not _is_same(resource, replaced):
            copies.append({**replaced, "sk": {"S": version_item(JSON_ITEM, int(replaced["version"]["N"]))}})
        for item in copies:
            self._put(target, item)
        return LoadRequest(target, resource)

    def _versions_from(self, target: Target, version: int) -> list[Item]:
        pages = self._current.client.get_paginator("query").paginate(
            TableName=self._current.name(target.type.table),
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": target.key},
                ":first": {"S": version_item(JSON_ITEM, version)},
                ":last": {"S": version_item(JSON_ITEM, _LAST_VERSION)},
            },
        )
        return [item for page in pages for item in page["Items"]]

    def _plan(self, target: Target, resource: dict[str, Any] | None, *, now: int) -> WritePlan | None:
        """Plan the version above the one in service, or the same one if the content is the same."""
        replaced = self._replaced[target.key]
        version, updated = int(replaced["version"]["N"]), int(replaced["updated"]["N"])
        if target.version > version or (target.version, target.updated) == (version, updated):
            return None
        number, time, method, status = _next_version(resource, replaced, now)
        patients = patients_of(replaced)
        return plan_version(
            target,
            resource,
            number,
            time,
            base_url=self._base_url,
            method=method,
            status=status,
            patients=patients,
            former=(*former_patients_of(replaced), *patients),
        )

    def _write_unindexed(self, target: Target, resource: dict[str, Any] | None) -> None:
        """Write a version that cannot be indexed, as `careconnect reindex` leaves it."""
        replaced = self._replaced[target.key]
        version, time, method, status = _next_version(resource, replaced, epoch_milliseconds(self._clock()))
        stamp: Item = {"version": {"N": str(version)}, "updated": {"N": str(time)}}
        stamp |= {name: replaced[name] for name in ("patient", "former_patients") if name in replaced}
        stamped = None if resource is None else with_version(resource, version, time)
        index = index_item(target.type, target.key, digest_of(resource), stamp)
        for item in (index, body_item(target.key, stamped, stamp, method, status)):
            self._put(target, item)

    def _put(self, target: Target, item: Item) -> None:
        self._restored.client.put_item(TableName=self._restored.name(target.type.table), Item=item)


def _next_version(resource: dict[str, Any] | None, replaced: Item, now: int) -> tuple[int, int, str, int]:
    """Return the number, the time, the method and the status of the version that replaces the one in service.

    They are those of the one in service if it has the same content.
    """
    version, updated = int(replaced["version"]["N"]), int(replaced["updated"]["N"])
    if _is_same(resource, replaced):
        return version, updated, replaced["method"]["S"], int(replaced["status"]["S"])
    method, status = ("DELETE", 204) if resource is None else ("PUT", 201 if "gone" in replaced else 200)
    return version + 1, max(now, updated + 1), method, status


def _is_same(resource: dict[str, Any] | None, replaced: Item) -> bool:
    """Return True if a resource has the content of the version that it replaces; None is a deletion."""
    if resource is None or "gone" in replaced:
        return resource is None and "gone" in replaced
    return digest_of(resource) == digest_of(parse_json(replaced["body"]["S"]))


def _item(client: Any, table: str, key: str) -> Item:
    """Return the current body of a resource, empty if there is none."""
    answer = client.get_item(TableName=table, Key={"pk": {"S": key}, "sk": {"S": JSON_ITEM}}, ConsistentRead=True)
    item: Item = answer.get("Item", {})
    return item
