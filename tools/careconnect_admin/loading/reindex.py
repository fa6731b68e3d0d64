"""Renew the index of all that is in the tables, without its sources: walk, notes of how far it is, and the end."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect.record_keys import SHARDS, place_of, type_partition
from careconnect.resource_types import DATA_HOMES, RESOURCE_TYPES, Home, ResourceType
from careconnect_admin.loading.index_renewal import AT_ONCE, IndexRenewer
from careconnect_admin.loading.outcome import Outcome, Written
from careconnect_records.table_index import Reached, TableIndex
from careconnect_records.tables import RecordTables

Progress = Callable[[str, int], None]
"""Told what part is being gone through, and how many resources are done, from time to time."""

_WRITERS: Final = 4
_NOTE_SECONDS: Final = 5.0


@dataclass(slots=True)
class IndexCounts:
    """How many resources of one type met with each outcome."""

    renewed: int = 0
    unchanged: int = 0
    failed: int = 0


@dataclass(slots=True)
class ReindexReport:
    """What a renewal did: counts by type, what was not renewed and why, and where it went on after an earlier one."""

    counts: dict[str, IndexCounts] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)

    @property
    def total(self) -> IndexCounts:
        """The counts of all types together."""
        every = self.counts.values()
        return IndexCounts(
            renewed=sum(each.renewed for each in every),
            unchanged=sum(each.unchanged for each in every),
            failed=sum(each.failed for each in every),
        )

    @property
    def exit_code(self) -> int:
        """The exit code of a command that did this: 1 if there are problems."""
        return 1 if self.problems else 0


@dataclass(frozen=True, slots=True)
class _Part:
    """One partition of a type's entries."""

    served: ResourceType
    shard: int

    @property
    def partition(self) -> str:
        return type_partition(self.served.name, self.shard)

    def __str__(self) -> str:
        return f"{self.served.name}, part {self.shard + 1} of {SHARDS}"


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some resources of a part, each id with the values of its entry, and the place of the last of these."""

    part: _Part
    indexed: dict[str, str]
    end: Reached


def reindex(
    tables: RecordTables,
    progress: Progress | None = None,
    *,
    base_url: str = "",
    dry_run: bool = False,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
    writers: int = _WRITERS,
) -> ReindexReport:
    """Renew the index of every resource that the tables hold, and return what became of them.

    It goes on where an earlier one for the same release was ended. A table that is through without a problem has the
    index of this release from then on. `writers` threads write at the same time; `clock` gives seconds, `now` those
    since 1970. A `dry_run` goes through everything and writes nothing. Errors of the service that would meet every
    resource alike are raised as botocore raises them.
    """
    renewer = IndexRenewer(tables, base_url=base_url, clock=now, dry_run=dry_run)
    report = ReindexReport()
    executor = ThreadPoolExecutor(max_workers=writers, thread_name_prefix="reindex")
    try:
        for home in DATA_HOMES:
            walk = _Walk(tables, home, renewer, report, progress or (lambda _part, _done: None), clock)
            walk.run(executor, writers, dry_run=dry_run)
    finally:
        executor.shutdown(cancel_futures=True)
    return report


class _Walk:
    """One table's renewal: reads in the calling thread, renews in a few others, settles in the order of the walk."""

    def __init__(
        self,
        tables: RecordTables,
        home: Home,
        renewer: IndexRenewer,
        report: ReindexReport,
        progress: Progress,
        clock: Callable[[], float],
    ) -> None:
        self._client = tables.client
        self._table = tables.name(home)
        self._index: TableIndex = TableIndex(tables, home)
        types = [served for served in RESOURCE_TYPES if served.home is home]
        self._parts = [_Part(served, shard) for served in types for shard in range(SHARDS)]
        self._renewer = renewer
        self._report = report
        self._progress = progress
        self._clock = clock
        self._reached: Reached | None = None
        self._has_problem = False
        self._noted_at = clock()

    def run(self, executor: ThreadPoolExecutor, writers: int, *, dry_run: bool) -> None:
        """Go through the table; what is done is noted from time to time, and however it ends."""
        waiting: deque[tuple[_Chunk, Future[list[Written]]]] = deque()
        if not dry_run:
            # Nothing may have been loaded yet.
            self._index.ensure()
        try:
            for chunk in self._chunks(None if dry_run else self._index.reached()):
                waiting.append((chunk, executor.submit(self._renewer.renew, chunk.part.served, chunk.indexed)))
                if len(waiting) >= 2 * writers:
                    self._settle(*waiting.popleft())
                    if not dry_run and self._clock() - self._noted_at >= _NOTE_SECONDS:
                        self._note()
            while waiting:
                self._settle(*waiting.popleft())
            if not (dry_run or self._has_problem):
                self._reached = None
                self._index.complete()
        finally:
            if not dry_run:
                self._note()

    def _note(self) -> None:
        if self._reached:
            self._index.keep(self._reached)
        self._noted_at = self._clock()

    def _settle(self, chunk: _Chunk, future: "Future[list[Written]]") -> None:
        name = chunk.part.served.name
        counts = self._report.counts.setdefault(name, IndexCounts())
        for resource_id, written in zip(chunk.indexed, future.result(), strict=True):
            match written.outcome:
                case Outcome.LOADED:
                    counts.renewed += 1
                case Outcome.UNCHANGED:
                    counts.unchanged += 1
                case Outcome.FAILED:
                    counts.failed += 1
                    self._has_problem = True
                    self._report.problems.append(f"{name}/{resource_id}: {written.reason}")
        if not self._has_problem:
            # What comes after a problem is not noted, so that the next run meets it again.
            self._reached = chunk.end
        total = self._report.total
        self._progress(str(chunk.part), total.renewed + total.unchanged + total.failed)

    def _chunks(self, reached: Reached | None) -> Iterator[_Chunk]:
        """Yield the resources of the table by the entries of their types, those after what was reached."""
        places = [part.partition for part in self._parts]
        first, place = 0, ""
        if reached and reached.partition in places:
            first, place = places.index(reached.partition), reached.sort_key
            self._reached = reached
            self._report.resumed.append(str(self._parts[first]))
        for part in self._parts[first:]:
            yield from self._chunks_of(part, place)
            place = ""

    def _chunks_of(self, part: _Part, place: str) -> Iterator[_Chunk]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": part.partition}},
            "Limit": AT_ONCE,
            # What was loaded a moment ago, by an earlier release's command line, is to be met.
            "ConsistentRead": True,
        }
        while True:
            if place:
                query["ExclusiveStartKey"] = {"pk": {"S": part.partition}, "sk": {"S": place}}
            answer = self._client.query(**query)
            if items := answer["Items"]:
                place = items[-1]["sk"]["S"]
                indexed = {place_of(item["sk"]["S"])[1]: item["values"]["S"] for item in items}
                yield _Chunk(part, indexed, Reached(part.partition, place))
            if not answer.get("LastEvaluatedKey"):
                return
