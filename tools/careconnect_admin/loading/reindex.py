"""Rebuild index records, entries, locks and counts from the stored bodies (ADR 31)."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.fhir.resource_types import resource_type
from careconnect.runtime.aws import error_code
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect.storage.intents import TXN
from careconnect.storage.keys import CURSOR_KEY, JSON_ITEM, is_body
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.load_request import LoadOutcome, LoadRequest, LoadResult
from careconnect_admin.loading.shard_locks import shard_of
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import digest_of, index_item
from careconnect_records.items.table_formats import close_table, is_closed_by, open_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.states import WriteStates
from careconnect_records.parsing.exact_json import JsonError, parse_json
from careconnect_records.writes.plan import WritePlan, plan_rebuild
from careconnect_records.writes.target import Target

Progress = Callable[[str, int], None]
"""Called from time to time with the current part of the work, and the number of items or resources done."""

WAIT_SECONDS: Final = 60.0
"""How long requests and loads that have read the old format number may go on: they trust it for 30 s, and a function
runs for 26 s at most."""

SETTLE_SECONDS: Final = 5.0
"""How long the last items may take until eventually consistent reads find them: DynamoDB's are a second behind."""

_FORMER_STATES: Final = "writes"
"""The partition of the states before they were in two tables."""

_CHUNK: Final = 100
_WRITERS: Final = 4
# DynamoDB's quota for a batch.
_BATCH: Final = 25
_STAMP: Final = ("version", "updated", "patient", "former_patients")
"""The attributes of a body that its index record has too."""


@dataclass(slots=True)
class ReindexReport:
    """The report of a run: resources by type, and the problems of those that no search finds."""

    rebuilt: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of a command that did this: 1 if there are problems."""
        return 1 if self.problems else 0


class OvertakenError(OperatorError):
    """Another run of `careconnect reindex` has begun."""

    def __init__(self) -> None:
        super().__init__("another `careconnect reindex` has begun on these tables: this one has ended")


class FormerStatesError(OperatorError):
    """A former release has left states of multi-step writes, without which these writes would be undone."""

    def __init__(self) -> None:
        super().__init__(
            "the former release has left writes that have not ended, and would be undone: nothing was changed. Deploy "
            "it again, let them end, and then this one (docs/change.md#states-of-writes)"
        )


def reindex(
    tables: RecordTables,
    progress: Progress = lambda _part, _done: None,
    *,
    base_url: str = "",
    sleep: Callable[[float], None] = time.sleep,
    writers: int = _WRITERS,
) -> ReindexReport:
    """Rebuild index records, entries, identifier locks and reference counts of both tables from the stored bodies.

    Each table's format number is 0 during the run, so that all other reads and writes of it are refused, and this
    release's afterwards. A run that was killed is repeated from the beginning: the bodies are never changed. Multi-step
    writes end before it. A resource that cannot be indexed is a problem: it can be read, changed and deleted, and no
    search finds it.

    `writers` threads write at the same time. Raises `OvertakenError`, `FormerStatesError` before anything is changed,
    and the service's errors as botocore raises them.
    """
    if _has_former_states(tables):
        raise FormerStatesError
    run = uuid.uuid4().hex
    for table in tables.of_resources:
        close_table(tables.client, table, run)
    progress("Waiting for requests to end", 0)
    sleep(WAIT_SECONDS)
    client = FormatCheckedClient(
        tables.client, tables.of_resources, OvertakenError, holds=lambda item: is_closed_by(item, run)
    )
    rebuild = _Rebuild(tables, client, base_url, progress)
    with ThreadPoolExecutor(writers, thread_name_prefix="reindex") as executor:
        try:
            rebuild.end_writes()
            rebuild.clear(executor)
            rebuild.write(executor, 2 * writers)
            # Resources that take several transactions.
            Release(rebuild.tables).release_all()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    sleep(SETTLE_SECONDS)
    for table in tables.of_resources:
        _open(tables, table, run)
    return rebuild.report


def _has_former_states(tables: RecordTables) -> bool:
    found = tables.client.query(
        TableName=tables.states.record,
        KeyConditionExpression="pk = :states",
        ExpressionAttributeValues={":states": {"S": _FORMER_STATES}},
        ConsistentRead=True,
        Limit=1,
    )
    return bool(found["Items"])


def _open(tables: RecordTables, table: str, run: str) -> None:
    try:
        open_table(tables.client, table, run)
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            raise OvertakenError from None
        raise


class _Rebuild:
    """One run. It scans in the calling thread, and writes in a few others."""

    def __init__(self, tables: RecordTables, client: FormatCheckedClient, base_url: str, progress: Progress) -> None:
        self.report = ReindexReport()
        self.tables = tables.through(client)
        self._checked = client
        self._scanned = tables.client
        self._base_url = base_url
        self._progress = progress
        self._writer = RecordWriter(tables, clock=lambda: datetime.now(UTC), client=client, plan=self._plan)

    def end_writes(self) -> None:
        """Release the bodies that multi-step writes hold; everything else is made anew.

        A write without a state was not done: tables are restored one by one.
        """
        release, states = Release(self.tables), WriteStates(self.tables)
        done = release.abort_pending()
        held = {"FilterExpression": "attribute_exists(#txn)", "ExpressionAttributeNames": {"#txn": TXN}}
        for table in self.tables.of_resources:
            # The bodies come before their versions, in the order of their keys.
            for item in self._scan(table, **held):
                if is_body(item["sk"]["S"]):
                    release.item(table, item, done=done.get(item[TXN]["S"], False))
        for name, is_done in done.items():
            states.remove(name, done=is_done)

    def clear(self, executor: ThreadPoolExecutor) -> None:
        """Remove all items but the bodies."""
        done = 0
        waiting: list[Future[None]] = []
        for batch in _in_parts(self._derived(), _BATCH):
            waiting.append(executor.submit(self._remove, batch))
            done += len(batch)
            if len(waiting) == _CHUNK:
                waiting.pop(0).result()
                self._progress("Removing the old index", done)
        for future in waiting:
            future.result()

    def write(self, executor: ThreadPoolExecutor, max_waiting: int) -> None:
        """Write the items that belong to each body."""
        waiting: list[tuple[list[LoadRequest], Future[list[LoadResult]]]] = []
        for requests in self._by_shard():
            waiting.append((requests, executor.submit(self._write, requests)))
            if len(waiting) == max_waiting:
                self._collect(*waiting.pop(0))
        for requests, future in waiting:
            self._collect(requests, future)

    def _derived(self) -> Iterator[tuple[str, Item]]:
        """Yield the table and the key of each item that is derived from a body."""
        for table in self.tables.of_resources:
            for item in self._scan(table, ProjectionExpression="pk, sk"):
                if item["pk"]["S"] != CURSOR_KEY[0] and not is_body(item["sk"]["S"]):
                    yield table, item
        for item in self._scan(self.tables.reference, ProjectionExpression="pk"):
            yield self.tables.reference, item

    def _remove(self, keys: Sequence[tuple[str, Item]]) -> None:
        # A batch of reference counts alone names no table that has a format number.
        for table in self.tables.of_resources:
            self._checked.own_item(table)
        asked: Any = {}
        for table, key in keys:
            asked.setdefault(table, []).append({"DeleteRequest": {"Key": key}})
        while asked:
            asked = self.tables.client.batch_write_item(RequestItems=asked).get("UnprocessedItems")

    def _by_shard(self) -> Iterator[list[LoadRequest]]:
        """Yield requests in chunks, each of one shard of reference counts."""
        chunks: dict[int, list[LoadRequest]] = {}
        for request in self._requests():
            shard = shard_of(request.target)
            chunks.setdefault(shard, []).append(request)
            if len(chunks[shard]) == _CHUNK:
                yield chunks.pop(shard)
        yield from chunks.values()

    def _requests(self) -> Iterator[LoadRequest]:
        """Yield a request for each current body, which its target holds."""
        for table in self.tables.of_resources:
            bodies = self._scan(
                table, FilterExpression="sk = :json", ExpressionAttributeValues={":json": {"S": JSON_ITEM}}
            )
            for body in bodies:
                type_name, _, resource_id = body["pk"]["S"].partition("/")
                served = resource_type(type_name)
                if served is None:
                    self.report.problems.append(f"{type_name}/{resource_id}: {type_name} is not a type that is served")
                    continue
                target = Target(served, resource_id, body=body)
                try:
                    resource = None if "gone" in body else parse_json(body["body"]["S"])
                except JsonError as error:
                    self.report.problems.append(f"{target.key}: {error}")
                    self._leave_unindexed(target, body, "")
                    continue
                yield LoadRequest(target, resource)

    def _plan(self, target: Target, resource: dict[str, Any] | None, *, now: int) -> WritePlan | None:
        del now
        return None if target.index else plan_rebuild(target, resource, base_url=self._base_url)

    def _write(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        results = self._writer.write(requests)
        for request, result in zip(requests, results, strict=True):
            target = request.target
            if result.passing:
                raise OperatorError(f"{target.key}: {result.reason}; run `careconnect reindex` again")
            if result.outcome is LoadOutcome.FAILED:
                self._leave_unindexed(target, target.body or {}, digest_of(request.resource))
        return results

    def _leave_unindexed(self, target: Target, body: Item, digest: str) -> None:
        """Write an index record that holds the version of a body, and nothing that a search finds."""
        stamp: Item = {name: body[name] for name in _STAMP if name in body}
        self.tables.client.put_item(
            TableName=self.tables.name(target.type.table), Item=index_item(target.type, target.key, digest, stamp)
        )

    def _collect(self, requests: Sequence[LoadRequest], future: "Future[list[LoadResult]]") -> None:
        for request, result in zip(requests, future.result(), strict=True):
            name = request.target.type.name
            self.report.rebuilt[name] = self.report.rebuilt.get(name, 0) + 1
            if result.outcome is LoadOutcome.FAILED:
                self.report.problems.append(f"{request.target.key}: {result.reason}")
        self._progress("Rebuilding the index", sum(self.report.rebuilt.values()))

    def _scan(self, table: str, **request: Any) -> Iterator[Item]:
        """Yield a table's items. One segment is enough, since building entries takes longer than reading."""
        request |= {"TableName": table, "ConsistentRead": True}
        while True:
            answer = self._scanned.scan(**request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _in_parts(items: Iterator[tuple[str, Item]], size: int) -> Iterator[list[tuple[str, Item]]]:
    part: list[tuple[str, Item]] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
