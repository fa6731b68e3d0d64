"""What takes the place of threads: a pool whose work is tasks of the scheduler."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self
from unittest.mock import patch

from careconnect_testing.simulation.schedule.scheduler import KilledError, Scheduler, Task

# The modules of the functions that start threads.
_POOLED: Final = (
    "access_auditor.dynamodb_event_store",
    "careconnect.audit.dynamodb_store",
    "careconnect_admin.loading.reindex",
    "careconnect.storage.dynamodb",
    "careconnect.storage.quota",
    "careconnect_records.multi_step.release",
    "fhir_reader.store.dynamodb",
)


class SimulatedFuture:
    """The result of work that a task does."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: list[Task] = []
        self._is_done = False
        self._value: Any = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Return True if the work has ended."""
        return self._is_done

    def result(self) -> Any:
        """Wait for the work, and return its value or raise its error."""
        if error := self.exception():
            raise error
        return self._value

    def exception(self) -> BaseException | None:
        """Wait for the work, and return its error."""
        self.wait()
        return self._error

    def wait(self) -> None:
        """Wait for the work."""
        while not self._is_done:
            self._waiting.append(self._scheduler.current)
            self._scheduler.park()

    def work(self, run: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Do the work."""
        try:
            self._value = run(*arguments, **options)
        except KilledError:
            raise
        except Exception as error:  # noqa: BLE001 - as a future of the standard library does
            self._error = error
        self._is_done = True
        for task in self._waiting:
            self._scheduler.wake(task)


class SimulatedPool:
    """A ThreadPoolExecutor's interface over the scheduler; work of a pool runs where it was submitted."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._futures: list[SimulatedFuture] = []

    def __enter__(self) -> Self:
        """Return the pool, which waits for all work at its end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for all work."""
        for future in self._futures:
            future.wait()

    def shutdown(self, **_: Any) -> None:
        """Leave the work as it is: who ends it has failed."""

    def submit(self, run: Callable[..., Any], *arguments: Any, **options: Any) -> SimulatedFuture:
        """Start work; outside of tasks it is done at once."""
        future = SimulatedFuture(self._scheduler)
        self._futures.append(future)
        if self._scheduler.is_outside:
            future.work(run, arguments, options)
        else:
            current = self._scheduler.current
            self._scheduler.spawn(current.name, lambda: future.work(run, arguments, options), current.home)
        return future

    def map(self, run: Callable[..., Any], *several: Iterable[Any]) -> Iterator[Any]:
        """Start work for each argument, and yield the values in order."""
        futures = [self.submit(run, *arguments) for arguments in zip(*several, strict=False)]
        return (future.result() for future in futures)


@contextmanager
def without_threads(scheduler: Scheduler) -> Iterator[None]:
    """Give everything that the product builds meanwhile the scheduler's pools."""

    def wait(futures: Iterable[SimulatedFuture]) -> None:
        for future in futures:
            future.wait()

    def pool(*_: Any, **__: Any) -> SimulatedPool:
        return SimulatedPool(scheduler)

    patches: list[Any] = [patch(f"{name}.ThreadPoolExecutor", pool) for name in _POOLED]
    patches.append(patch("careconnect.storage.quota.wait", wait))
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()
