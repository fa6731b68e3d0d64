"""Tasks that run one at a time; at each pause the choices of the run say which goes on.

Each task is a greenlet: it runs until it pauses, at a call of AWS. So a run has one thread and no real time, and it
repeats to the byte.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import greenlet

from careconnect_testing.simulation.schedule.choices import Choices

WINDOW: Final = 0.05
"""Seconds by which a task may come before another that is ready earlier."""


class KilledError(BaseException):
    """The instance that runs this code was killed. No handler catches it."""


@dataclass(slots=True, eq=False)
class Home:
    """Where a task runs: an instance of a function, which may be killed."""

    name: str
    is_dead: bool = False


NOWHERE: Final = Home("outside")


@dataclass(slots=True, eq=False)
class Task:
    """One line of work; `home` is where it runs now."""

    name: str
    green: Any = None
    home: Home = NOWHERE
    ready_at: float = 0.0
    waits: bool = False
    is_done: bool = False


@dataclass
class Scheduler:
    """Runs tasks until all are done; `now` is in epoch seconds. Code outside of tasks runs alone."""

    choices: Choices
    now: float
    tasks: list[Task] = field(default_factory=list)
    switches: int = 0
    is_over: bool = False

    def __post_init__(self) -> None:
        """Begin outside of all tasks."""
        self._hub = greenlet.getcurrent()
        self._outside = self.current = Task("outside", self._hub)

    @property
    def is_outside(self) -> bool:
        """Return True if no task is running."""
        return self.current is self._outside

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run the block as if outside of all tasks: none goes on meanwhile, and it may start threads."""
        task, self.current = self.current, self._outside
        try:
            yield
        finally:
            self.current = task

    def spawn(self, name: str, run: Callable[[], None], home: Home = NOWHERE) -> Task:
        """Start a task, which runs when it is chosen."""
        task = Task(name, None, home, self.now)

        def whole() -> None:
            try:
                self._stop_if_dead(task)
                run()
            except KilledError:
                pass
            finally:
                task.is_done = True

        task.green = greenlet.greenlet(whole, self._hub)
        self.tasks.append(task)
        return task

    def pause(self, seconds: float = 0.0) -> None:
        """Let others go on, and continue after at least `seconds`; outside of tasks only time passes."""
        task = self.current
        if task is self._outside:
            self.now += seconds
            return
        self._stop_if_dead(task)
        task.ready_at = self.now + seconds
        self._hub.switch()
        self._stop_if_dead(task)

    def park(self) -> None:
        """Wait until another task wakes this one; raises `RuntimeError` outside of tasks, where none would."""
        task = self.current
        if task is self._outside:
            raise RuntimeError("what waits outside of tasks waits for ever")
        self._stop_if_dead(task)
        task.waits = True
        self._hub.switch()
        self._stop_if_dead(task)

    def wake(self, task: Task) -> None:
        """Let a parked task go on."""
        task.waits = False
        task.ready_at = max(task.ready_at, self.now)

    def kill(self, home: Home) -> None:
        """Kill an instance: what runs there ends at its next pause, without another effect."""
        home.is_dead = True
        for task in self.tasks:
            if task.home is home and task.waits:
                self.wake(task)

    def work_at(self, home: Home) -> list[Task]:
        """Return the tasks of an instance that are not done, but for the running one."""
        return [task for task in self.tasks if task.home is home and not task.is_done and task is not self.current]

    def run(self) -> None:
        """Run all tasks to their end; raises what a task raises, and `RuntimeError` if each waits for another."""
        try:
            while self.tasks:
                task = self._next()
                self.now = max(self.now, task.ready_at)
                self.switches += 1
                self.current = task
                task.green.switch()
                if task.is_done:
                    self.tasks.remove(task)
        finally:
            self.is_over = bool(self.tasks)
            self.current = self._outside

    def _stop_if_dead(self, task: Task) -> None:
        if task.home.is_dead or self.is_over:
            raise KilledError

    def _next(self) -> Task:
        runnable = [task for task in self.tasks if not task.waits]
        if not runnable:
            raise RuntimeError("every task waits for another")
        if len(runnable) == 1:
            return runnable[0]
        soonest = runnable[0].ready_at
        for task in runnable:
            if task.ready_at < soonest:
                soonest = task.ready_at
        soonest = max(soonest, self.now) + WINDOW
        able = [task for task in runnable if task.ready_at <= soonest]
        if self.current in able:
            # The first choice is to go on with the same.
            able.remove(self.current)
            able.insert(0, self.current)
        return able[self.choices.below(len(able))]
