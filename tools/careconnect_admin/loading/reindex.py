"""Rebuild all that the tables hold beside the bodies, from the bodies (ADR 31)."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from botocore.exceptions import ClientError

from careconnect.fhir.resource_types import resource_type
from careconnect.runtime.aws import error_code
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect.storage.keys import CURSOR_KEY, JSON_ITEM, is_body
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.outcome import Outcome, Written
from careconnect_admin.loading.shard_locks import shard_of
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.items.actions import Item
from careconnect_records.items.record import NewVersion, deleted_version, new_version, unindexed
from careconnect_records.items.table_formats import close_table, is_closed_by, open_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.exact_json import JsonError, parse_json
from careconnect_records.writes.change import StoredVersion, WritePlan, plan_rebuild

Progress = Callable[[str, int], None]
"""Told what is being done, and how many items or resources are done, from time to time."""

WAIT_SECONDS: Final = 60.0
"""How long requests and loads that have seen the right number may go on: 30 s of belief, and 20 s of a function."""

_CHUNK: Final = 100
_WRITERS: Final = 4
# DynamoDB's quota for a batch.
_BATCH: Final = 25


@dataclass(slots=True)
class ReindexReport:
    """What a run did: resources by type, and what of it is found by no search, and why."""

    rebuilt: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of a command that did this: 1 if there are problems."""
        return 1 if self.problems else 0


@dataclass(frozen=True, slots=True)
class _StoredContent(NewVersion):
    """A resource with the JSON item that it is stored in."""

    body: Item


class OvertakenError(OperatorError):
    """Another run of `careconnect reindex` has begun."""

    def __init__(self) -> None:
        super().__init__("another `careconnect reindex` has begun on these tables: this one has ended")


def reindex(
    tables: RecordTables,
    progress: Progress = lambda _part, _done: None,
    *,
    base_url: str = "",
    sleep: Callable[[float], None] = time.sleep,
    writers: int = _WRITERS,
) -> ReindexReport:
    """Rebuild index records, entries, guards and marks of both tables from the stored bodies.

    Each table's number is 0 from the beginning, so that whatever reads or writes it is refused, and this release's at
    the end. Killed anywhere, it is to be run again from the beginning: the bodies are never changed. Writes in steps
    that were left end by this: a version has a body, or was never there. A resource that cannot be indexed is a
    problem: it is read, changed and deleted as before, and found by no search.

    Raises `OvertakenError`, and errors of the service as botocore raises them. `writers` threads write at a time.
    """
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
            rebuild.clear(executor)
            rebuild.write(executor, 2 * writers)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    for table in tables.of_resources:
        _open(tables, table, run)
    return rebuild.report


def _open(tables: RecordTables, table: str, run: str) -> None:
    try:
        open_table(tables.client, table, run)
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            raise OvertakenError from None
        raise


class _Rebuild:
    """One run: scans in the calling thread, and writes in a few others."""

    def __init__(self, tables: RecordTables, client: FormatCheckedClient, base_url: str, progress: Progress) -> None:
        self.report = ReindexReport()
        self._tables = tables.through(client)
        self._scanned = tables.client
        self._base_url = base_url
        self._progress = progress
        self._writer = RecordWriter(tables, clock=lambda: datetime.now(UTC), client=client, plan=self._plan)

    def clear(self, executor: ThreadPoolExecutor) -> None:
        """Remove all but the bodies, so that what is rebuilt is all that there is."""
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

    def write(self, executor: ThreadPoolExecutor, most_waiting: int) -> None:
        """Write what belongs to each body."""
        waiting: list[tuple[list[_StoredContent], Future[list[Written]]]] = []
        for contents in self._by_shard():
            waiting.append((contents, executor.submit(self._write, contents)))
            if len(waiting) == most_waiting:
                self._settle(*waiting.pop(0))
        for contents, future in waiting:
            self._settle(contents, future)

    def _derived(self) -> Iterator[tuple[str, Item]]:
        """Yield the table and the key of each item that is made of others."""
        for table in self._tables.of_resources:
            for item in self._scan(table, ProjectionExpression="pk, sk"):
                if item["pk"]["S"] != CURSOR_KEY[0] and not is_body(item["sk"]["S"]):
                    yield table, item
        for item in self._scan(self._tables.reference, ProjectionExpression="pk"):
            yield self._tables.reference, item

    def _remove(self, keys: Sequence[tuple[str, Item]]) -> None:
        asked: Any = {}
        for table, key in keys:
            asked.setdefault(table, []).append({"DeleteRequest": {"Key": key}})
        while asked:
            asked = self._tables.client.batch_write_item(RequestItems=asked).get("UnprocessedItems")

    def _by_shard(self) -> Iterator[list[_StoredContent]]:
        """Yield resources in chunks, those together that are counted in the same marks."""
        chunks: dict[int, list[_StoredContent]] = {}
        for content in self._contents():
            shard = shard_of(content)
            chunks.setdefault(shard, []).append(content)
            if len(chunks[shard]) == _CHUNK:
                yield chunks.pop(shard)
        yield from chunks.values()

    def _contents(self) -> Iterator[_StoredContent]:
        for table in self._tables.of_resources:
            bodies = self._scan(
                table, FilterExpression="sk = :json", ExpressionAttributeValues={":json": {"S": JSON_ITEM}}
            )
            for body in bodies:
                type_name, _, resource_id = body["pk"]["S"].partition("/")
                served = resource_type(type_name)
                if served is None:
                    self.report.problems.append(f"{type_name}/{resource_id}: {type_name} is not a type that is served")
                    continue
                try:
                    content = (
                        deleted_version(served, resource_id)
                        if "gone" in body
                        else new_version(served, parse_json(body["body"]["S"]))
                    )
                except JsonError as error:
                    self.report.problems.append(f"{type_name}/{resource_id}: {error}")
                    self._leave_unindexed(NewVersion(served, resource_id, None, ""), body)
                    continue
                yield _StoredContent(served, resource_id, content.resource, content.digest, body)

    def _plan(self, content: NewVersion, state: StoredVersion | None, position: int, *, now: int) -> WritePlan | None:
        del now
        body = cast("_StoredContent", content).body
        return None if state else plan_rebuild(content, body, position, base_url=self._base_url)

    def _write(self, contents: Sequence[_StoredContent]) -> list[Written]:
        written = self._writer.write(contents)
        for content, each in zip(contents, written, strict=True):
            if each.passing:
                raise OperatorError(f"{content.key}: {each.reason}; run `careconnect reindex` again")
            if each.outcome is Outcome.FAILED:
                self._leave_unindexed(content, content.body)
        return written

    def _leave_unindexed(self, content: NewVersion, body: Item) -> None:
        table = self._tables.name(content.served.home)
        self._tables.client.put_item(TableName=table, Item=unindexed(content, body))

    def _settle(self, contents: Sequence[NewVersion], future: "Future[list[Written]]") -> None:
        for content, written in zip(contents, future.result(), strict=True):
            name = content.served.name
            self.report.rebuilt[name] = self.report.rebuilt.get(name, 0) + 1
            if written.outcome is Outcome.FAILED:
                self.report.problems.append(f"{content.key}: {written.reason}")
        self._progress("Rebuilding the index", sum(self.report.rebuilt.values()))

    def _scan(self, table: str, **request: Any) -> Iterator[Item]:
        """Yield a table's items: one part after the other, since making entries takes longer than reading."""
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
