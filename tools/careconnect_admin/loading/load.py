"""Load FHIR resources from files into the record and directory tables."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final, Protocol

from careconnect_admin.loading.dangling import Dangling, References
from careconnect_admin.loading.dry_run import DryRun
from careconnect_admin.loading.outcome import Outcome, Written
from careconnect_admin.loading.reading.checked import checked
from careconnect_admin.loading.reading.found import Deletion, Place, Problem, Skipped, Upsert
from careconnect_admin.loading.reading.sources import Sources, find_sources, read_source
from careconnect_admin.loading.shard_locks import shard_of
from careconnect_admin.loading.writer import Announce, RecordWriter, nothing
from careconnect_records.items.record import NewVersion
from careconnect_records.items.tables import RecordTables

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all, from time to time."""

OTHER: Final = "(other)"
"""Counts, under no type, what is unreadable or of a type that is not served."""

_CHUNK: Final = 100
_MOST_PLACES: Final = 3
_WRITERS: Final = 4


@dataclass(slots=True)
class TypeCounts:
    """How many resources of one type met with each outcome."""

    loaded: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0

    @property
    def present(self) -> int:
        """The resources that the tables hold now as the sources have them."""
        return self.loaded + self.unchanged


@dataclass(slots=True)
class SkippedPlaces:
    """How often something of one kind was skipped, and the first of its places."""

    count: int = 0
    first: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class LoadReport:
    """What a load did: counts by type in the order of the sources, and what was not loaded and why."""

    counts: dict[str, TypeCounts] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    first_ids: dict[str, str] = field(default_factory=dict)
    """The id of one resource of each type that the tables hold now: the first that was written."""
    skipped: dict[str, SkippedPlaces] = field(default_factory=dict)
    dangling: list[Dangling] = field(default_factory=list)
    """What is pointed at and not there, most pointed at first: told, and no problem of the load."""

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

    def add(self, type_name: str, outcome: Outcome, resource_id: str = "") -> None:
        """Count one resource."""
        counts = self.counts.setdefault(type_name, TypeCounts())
        if outcome in (Outcome.LOADED, Outcome.UNCHANGED) and resource_id:
            self.first_ids.setdefault(type_name, resource_id)
        setattr(counts, outcome.value, getattr(counts, outcome.value) + 1)

    def skip(self, skipped: Skipped) -> None:
        """Count something that holds nothing to load."""
        places = self.skipped.setdefault(skipped.kind, SkippedPlaces())
        places.count += 1
        if places.count <= _MOST_PLACES:
            places.first.append(skipped.place)


@dataclass(frozen=True, slots=True)
class _Task:
    """A resource on its way: where it comes from, the order of that, and what to store."""

    order: int
    place: Place
    content: NewVersion
    size: int


class Writer(Protocol):
    """Brings resources' records up to date, or tells what that would come to."""

    def begin_tables(self) -> None:
        """Have each table say how it is laid out, before anything is in it."""

    def write(self, contents: Sequence[NewVersion]) -> list[Written]:
        """Write resources, no two of them the same one, and return what became of each, in order."""

    def present(self, contents: Sequence[NewVersion]) -> Collection[str]:
        """Return the keys of those resources that are stored and not deleted."""


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
) -> LoadReport:
    """Load every resource at `paths`, do the `deletions`, and return what became of them.

    Paths are NDJSON files, single resources, Bundles or folders of these. What is wrong is reported and left
    out, the rest is loaded; each resource is written whole or not at all. Absolute references below `base_url`
    are taken for the server's own. `writers` threads write at the same time. A `dry_run` writes nothing and
    reports what would be; without `tables` it is one on empty tables. `announce` is called with what is about to be
    changed (`RecordWriter`). Raises `OtherFormatError` for tables that are laid out otherwise than this release has it.
    Errors of the service that would meet every resource alike are raised as botocore raises them.
    """
    writer: Writer = DryRun(clock=clock, base_url=base_url)
    if tables is not None:
        writer = RecordWriter(tables, clock=clock, base_url=base_url, dry_run=dry_run, announce=announce)
    load = _Load(find_sources(paths), deletions, writer, progress or (lambda _done, _total: None), References(base_url))
    return load.run(writers)


class _Load:
    """One load: reads and checks in the calling thread, writes in a few others."""

    def __init__(
        self,
        sources: Sources,
        deletions: Sequence[Deletion],
        writer: Writer,
        progress: Progress,
        references: References,
    ) -> None:
        self._sources = sources
        self._deletions = deletions
        self._writer = writer
        self._progress = progress
        self._references = references
        self._report = LoadReport()
        self._problems: list[tuple[int, Problem]] = []
        self._seen: dict[str, Place] = {}
        self._gone: set[str] = set()
        self._done = 0

    def run(self, writers: int) -> LoadReport:
        self._writer.begin_tables()
        for skipped in self._sources.skipped:
            self._report.skip(skipped)
        waiting: dict[Future[list[Written]], list[_Task]] = {}
        executor = ThreadPoolExecutor(max_workers=writers, thread_name_prefix="load")
        try:
            for tasks in _chunks(self._tasks(), shard_of if writers > 1 else _one_shard):
                waiting[executor.submit(self._writer.write, [task.content for task in tasks])] = tasks
                while len(waiting) >= 2 * writers:
                    self._settle(waiting)
            while waiting:
                self._settle(waiting)
        finally:
            executor.shutdown(cancel_futures=True)
        self._progress(self._sources.total_bytes, self._sources.total_bytes)
        self._report.problems = [
            *self._sources.problems,
            *(problem for _, problem in sorted(self._problems, key=lambda pair: pair[0])),
        ]
        loaded = self._seen.keys() - self._gone
        self._report.dangling = self._references.dangling(
            loaded, lambda contents: set(self._writer.present(contents)) - self._gone
        )
        return self._report

    def _tasks(self) -> Iterator[_Task]:
        found = chain.from_iterable((*map(read_source, self._sources.files), self._deletions))
        for order, each in enumerate(found):
            if isinstance(each, Skipped):
                self._report.skip(each)
                continue
            content = self._check(each)
            if isinstance(content, Problem):
                self._fail(order, content)
            elif not isinstance(each, Problem):
                yield _Task(order, each.place, content, each.size)

    def _check(self, found: Upsert | Deletion | Problem) -> NewVersion | Problem:
        """Return what is to be stored, or what is wrong with it."""
        content = checked(found, base_url=self._references.base_url)
        if isinstance(content, Problem):
            return content
        first = self._seen.setdefault(content.key, found.place)
        if first is not found.place:
            return Problem(found.place, f"{content.key} stands at {first} already", content.served.name)
        self._report.counts.setdefault(content.served.name, TypeCounts())
        if content.resource is None:
            self._gone.add(content.key)
        else:
            self._references.note(content)
        return content

    def _settle(self, waiting: dict[Future[list[Written]], list[_Task]]) -> None:
        """Wait until a chunk is written and take down its outcomes."""
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            tasks = waiting.pop(future)
            for task, written in zip(tasks, future.result(), strict=True):
                self._settle_one(task, written)
                self._done += task.size
        total = self._sources.total_bytes
        self._progress(min(self._done, total) if total else self._done, total)

    def _settle_one(self, task: _Task, written: Written) -> None:
        content = task.content
        if written.outcome is Outcome.FAILED:
            self._gone.add(content.key)
            self._fail(task.order, Problem(task.place, f"{content.key}: {written.reason}", content.served.name))
            return
        if content.resource is None and written.outcome is Outcome.UNCHANGED:
            self._report.skip(Skipped(task.place, "deletion of what is not there"))
        self._report.add(content.served.name, written.outcome, content.resource_id)

    def _fail(self, order: int, problem: Problem) -> None:
        self._problems.append((order, problem))
        self._report.add(problem.type_name or OTHER, Outcome.FAILED)


def _chunks(tasks: Iterator[_Task], shard: Callable[[NewVersion], int]) -> Iterator[list[_Task]]:
    """Yield tasks in chunks, those of one lane together."""
    chunks: dict[int, list[_Task]] = {}
    for task in tasks:
        chunk = chunks.setdefault(shard(task.content), [])
        chunk.append(task)
        if len(chunk) == _CHUNK:
            yield chunks.pop(shard(task.content))
    yield from chunks.values()


def _one_shard(_content: NewVersion) -> int:
    """Keep the order of the sources, where nobody writes at the same time."""
    return 0
