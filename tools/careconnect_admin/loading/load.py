"""Load FHIR resources from files into the record and directory tables."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final, Protocol

from careconnect_admin.loading.dangling import Dangling, References
from careconnect_admin.loading.dry_run import DryRun
from careconnect_admin.loading.load_request import LoadOutcome, LoadRequest, LoadResult
from careconnect_admin.loading.reading.checked import checked
from careconnect_admin.loading.reading.found import Deletion, Found, Place, Problem, Skipped, Transaction, Upsert
from careconnect_admin.loading.reading.sources import Sources, find_sources, read_source
from careconnect_admin.loading.shard_locks import shard_of
from careconnect_admin.loading.writer import Announce, RecordWriter, nothing
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.faults import Fault
from careconnect_records.writes.target import Target

Progress = Callable[[int, int], None]
"""Called from time to time with the bytes done and the bytes in all."""

OTHER: Final = "(other)"
"""The type under which a report counts texts that are unreadable, or of a type that is not served."""

_CHUNK: Final = 100
_MAX_PLACES: Final = 3
_WRITERS: Final = 4


@dataclass(slots=True)
class TypeCounts:
    """The numbers of resources of one type by outcome."""

    loaded: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0

    @property
    def present(self) -> int:
        """The number of resources that the tables hold as the sources have them."""
        return self.loaded + self.unchanged


@dataclass(slots=True)
class SkippedPlaces:
    """The number of skipped places of one kind, and the first of them."""

    count: int = 0
    first: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class AcceptedInvariant:
    """An invariant that stored resources break: how often, and the first place and element of it."""

    first: Place
    expression: str
    count: int = 0


@dataclass(slots=True)
class LoadReport:
    """The report of a load: counts by type in the order of the sources, and the problems of the others."""

    counts: dict[str, TypeCounts] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    first_ids: dict[str, str] = field(default_factory=dict)
    """The id of the first resource of each type that the tables hold now."""
    skipped: dict[str, SkippedPlaces] = field(default_factory=dict)
    accepted: dict[str, AcceptedInvariant] = field(default_factory=dict)
    """The invariants that stored resources break, by key. They are no problem of a load that accepts them."""
    dangling: list[Dangling] = field(default_factory=list)
    """The absent targets of references, that with the most references first. They are reported, and no problem."""

    @property
    def total(self) -> TypeCounts:
        """The counts of all types together."""
        every = self.counts.values()
        return TypeCounts(
            loaded=sum(each.loaded for each in every),
            unchanged=sum(each.unchanged for each in every),
            deleted=sum(each.deleted for each in every),
            failed=sum(each.failed for each in every),
        )

    @property
    def exit_code(self) -> int:
        """The exit code of a command that did this load: 1 if there are problems."""
        return 1 if self.problems else 0

    def add(self, type_name: str, outcome: LoadOutcome, resource_id: str = "") -> None:
        """Count one resource."""
        counts = self.counts.setdefault(type_name, TypeCounts())
        if outcome in (LoadOutcome.LOADED, LoadOutcome.UNCHANGED) and resource_id:
            self.first_ids.setdefault(type_name, resource_id)
        setattr(counts, outcome.value, getattr(counts, outcome.value) + 1)

    def accept(self, place: Place, broken: Iterable[Fault]) -> None:
        """Count the invariants that a stored resource breaks."""
        for fault in broken:
            key = fault.text.partition(":")[0]
            self.accepted.setdefault(key, AcceptedInvariant(place, fault.expression)).count += 1

    def skip(self, skipped: Skipped) -> None:
        """Count a place that holds nothing to load."""
        places = self.skipped.setdefault(skipped.kind, SkippedPlaces())
        places.count += 1
        if places.count <= _MAX_PLACES:
            places.first.append(skipped.place)


class LoadInterruptedError(KeyboardInterrupt):
    """A load was interrupted; `report` has what it did until then, `share` how much of the sources that is, 0 to 1."""

    def __init__(self, report: LoadReport, share: float) -> None:
        super().__init__()
        self.report = report
        self.share = share


@dataclass(frozen=True, slots=True)
class _Task:
    """A load request with its place in the sources."""

    order: int
    place: Place
    request: LoadRequest
    size: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Tasks that one call writes.

    The tasks of a transaction Bundle are written all or none; `transaction` is the Bundle's place in the sources.
    """

    tasks: list[_Task]
    transaction: Place | None = None


class Writer(Protocol):
    """Writes load requests, or reports the result that they would have."""

    def begin_tables(self) -> None:
        """Put the format of a new table into it before the first write."""

    def write(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        """Write requests, no two of them for the same resource, and return their results in order."""

    def write_together(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        """Write requests as `write` does, all or none. If they fail, some of the results have the reasons."""

    def present(self, targets: Sequence[Target]) -> Collection[str]:
        """Return the keys of the targets that are stored and not deleted."""


def load_paths(
    paths: Sequence[Path],
    tables: RecordTables | None,
    progress: Progress | None = None,
    *,
    deletions: Sequence[Deletion] = (),
    dry_run: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    base_url: str = "",
    writers: int = _WRITERS,
    announce: Announce = nothing,
    accept_invariants: bool = False,
) -> LoadReport:
    """Load every resource at `paths`, do the `deletions`, and return the report.

    Paths are NDJSON files, single resources, Bundles or folders of these. A faulty resource is reported and left out;
    the others are loaded, each whole or not at all. The entries of a transaction Bundle are all loaded, and seen at one
    moment, or none is. Absolute references below `base_url` count as the server's own. `writers` threads write at the
    same time. A `dry_run` writes nothing and reports what a load would do; without `tables` it assumes empty ones.
    `announce` is called with plans before they are written (`RecordWriter`). With `accept_invariants`, resources that
    break STU3's invariants are loaded and counted in the report; without, they are problems unless they are stored so.

    Raises `OtherFormatError` for tables in another release's format, and `LoadInterruptedError` for a
    `KeyboardInterrupt`, once the writes that had begun have ended. Errors of the service that concern every resource
    alike are raised as botocore raises them.
    """
    writer: Writer = DryRun(clock=clock, base_url=base_url)
    if tables is not None:
        writer = RecordWriter(tables, clock=clock, base_url=base_url, dry_run=dry_run, announce=announce)
    load = _Load(
        find_sources(paths),
        deletions,
        writer,
        progress or (lambda _done, _total: None),
        References(base_url),
        accept_invariants=accept_invariants,
    )
    return load.run(writers)


class _Load:
    """One load. It reads and checks in the calling thread, and writes in a few others."""

    def __init__(
        self,
        sources: Sources,
        deletions: Sequence[Deletion],
        writer: Writer,
        progress: Progress,
        references: References,
        *,
        accept_invariants: bool,
    ) -> None:
        self._sources = sources
        self._deletions = deletions
        self._writer = writer
        self._progress = progress
        self._references = references
        self._accept_invariants = accept_invariants
        self._report = LoadReport()
        self._problems: list[tuple[int, Problem]] = []
        self._seen: dict[str, Place] = {}
        self._absent: set[str] = set()
        self._done = 0

    def run(self, writers: int) -> LoadReport:
        self._writer.begin_tables()
        for skipped in self._sources.skipped:
            self._report.skip(skipped)
        waiting: dict[Future[list[LoadResult]], _Chunk] = {}
        executor = ThreadPoolExecutor(max_workers=writers, thread_name_prefix="load")
        try:
            for chunk in _chunks(self._tasks(), shard_of if writers > 1 else _one_shard):
                write = self._writer.write_together if chunk.transaction else self._writer.write
                waiting[executor.submit(write, [task.request for task in chunk.tasks])] = chunk
                while len(waiting) >= 2 * writers:
                    self._collect(waiting)
            while waiting:
                self._collect(waiting)
        except KeyboardInterrupt:
            executor.shutdown(cancel_futures=True)
            for future, chunk in waiting.items():
                if not future.cancelled() and future.exception() is None:
                    self._count(chunk, future.result())
            self._list_problems()
            raise LoadInterruptedError(self._report, self._done / max(self._sources.total_bytes, 1)) from None
        finally:
            executor.shutdown(cancel_futures=True)
        self._progress(self._sources.total_bytes, self._sources.total_bytes)
        self._list_problems()
        loaded = self._seen.keys() - self._absent
        self._report.dangling = self._references.dangling(
            loaded, lambda targets: set(self._writer.present(targets)) - self._absent
        )
        return self._report

    def _list_problems(self) -> None:
        """Put the problems into the report, in the order of the sources."""
        by_place = sorted(self._problems, key=lambda pair: pair[0])
        self._report.problems = [*self._sources.problems, *(problem for _, problem in by_place)]

    def _tasks(self) -> Iterator[_Task | _Chunk]:
        """Yield the tasks of resources and deletions, those of a transaction together."""
        found = chain.from_iterable((*map(read_source, self._sources.files), self._deletions))
        for order, each in enumerate(found):
            if not isinstance(each, Transaction):
                yield from self._task(order, each)
                continue
            entries = [entry for entry in each.entries if not isinstance(entry, Skipped)]
            tasks = [task for entry in entries for task in self._task(order, entry)]
            if len(tasks) == len(entries):
                yield _Chunk(tasks, each.place)
                continue
            for task in tasks:
                # A mended copy may come in another Bundle.
                del self._seen[task.request.target.key]
                self._absent.discard(task.request.target.key)
                self._report.add(task.request.target.type.name, LoadOutcome.FAILED)
            if tasks:
                self._problems.append((order, _not_loaded(each.place)))

    def _task(self, order: int, found: Found) -> Iterator[_Task]:
        """Yield the task of a resource or deletion, or report the reason why it has none."""
        if isinstance(found, Skipped):
            self._report.skip(found)
            return
        request = self._check(found)
        if isinstance(request, Problem):
            self._fail(order, request)
        elif not isinstance(found, Problem):
            yield _Task(order, found.place, request, found.size)

    def _check(self, found: Upsert | Deletion | Problem) -> LoadRequest | Problem:
        """Return the request of a resource or deletion, or the problem with it."""
        request = checked(found, base_url=self._references.base_url, accept_invariants=self._accept_invariants)
        if isinstance(request, Problem):
            return request
        key, type_name = request.target.key, request.target.type.name
        first = self._seen.setdefault(key, found.place)
        if first is not found.place:
            return Problem(found.place, f"{key} stands at {first} already", type_name)
        self._report.counts.setdefault(type_name, TypeCounts())
        if request.resource is None:
            self._absent.add(key)
        else:
            self._references.note(request)
        return request

    def _collect(self, waiting: dict[Future[list[LoadResult]], _Chunk]) -> None:
        """Wait until a chunk is written, and count its results."""
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            self._count(waiting.pop(future), future.result())
        total = self._sources.total_bytes
        self._progress(min(self._done, total) if total else self._done, total)

    def _count(self, chunk: _Chunk, results: Sequence[LoadResult]) -> None:
        for task, result in zip(chunk.tasks, results, strict=True):
            self._count_one(task, result)
            self._done += task.size
        if chunk.transaction and any(result.outcome is LoadOutcome.FAILED and not result.reason for result in results):
            self._problems.append((chunk.tasks[0].order, _not_loaded(chunk.transaction)))

    def _count_one(self, task: _Task, result: LoadResult) -> None:
        target = task.request.target
        if result.outcome is LoadOutcome.FAILED:
            self._absent.add(target.key)
            if result.reason:
                self._fail(task.order, Problem(task.place, f"{target.key}: {result.reason}", target.type.name))
            else:
                self._report.add(target.type.name, LoadOutcome.FAILED)
            return
        if task.request.resource is None and result.outcome is LoadOutcome.UNCHANGED:
            self._report.skip(Skipped(task.place, "deletion of what is not there"))
        if result.outcome is LoadOutcome.LOADED:
            self._report.accept(task.place, task.request.broken)
        self._report.add(target.type.name, result.outcome, target.id)

    def _fail(self, order: int, problem: Problem) -> None:
        self._problems.append((order, problem))
        self._report.add(problem.type_name or OTHER, LoadOutcome.FAILED)


def _not_loaded(transaction: Place) -> Problem:
    """Return the problem of the entries of a transaction that are not at fault themselves."""
    return Problem(transaction, "transaction: none of its entries is loaded")


def _chunks(tasks: Iterator[_Task | _Chunk], shard: Callable[[Target], int]) -> Iterator[_Chunk]:
    """Yield transactions, and the other tasks in chunks, each of one shard."""
    chunks: dict[int, list[_Task]] = {}
    for task in tasks:
        if isinstance(task, _Chunk):
            yield task
            continue
        chunk = chunks.setdefault(shard(task.request.target), [])
        chunk.append(task)
        if len(chunk) == _CHUNK:
            yield _Chunk(chunks.pop(shard(task.request.target)))
    yield from map(_Chunk, chunks.values())


def _one_shard(_target: Target) -> int:
    """Return one shard for all targets: a single thread writes in the order of the sources."""
    return 0
