"""Count the sequential round trips of a request: concurrent calls count as one.

Time plays no part. A call is held back until every thread of the request waits for a response. Then all held calls are
released at once, as one round. So the number is the same on a busy machine.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest.mock import patch

STUCK_SECONDS = 120
"""After this long without a round, something waits for an event that this module does not know of."""

_Answer = TypeVar("_Answer")
_submit = ThreadPoolExecutor.submit
_result = Future.result
_exception = Future.exception


@dataclass(frozen=True, slots=True)
class AwsCall:
    """An AWS call: its operation and parameters."""

    operation: str
    parameters: Mapping[str, Any]


@dataclass(slots=True)
class _Held:
    asked: AwsCall
    may_go: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class _Work:
    """Work that was submitted to a pool and has not ended."""

    has_begun: bool = False


class LockStep:
    """Holds back the calls of one request at a time, which is sent within `rounds_of`.

    `before` gets the calls of each round before they are made. `after` is called when they have been answered.
    """

    def __init__(self, before: Callable[[Sequence[AwsCall]], None], after: Callable[[], None]) -> None:
        self._before = before
        self._after = after
        self._changed = threading.Condition()
        self._here = threading.local()
        self._is_open = True
        self._running = 0
        self._held: list[_Held] = []
        self._waiting: dict[Future[Any], int] = {}
        self._begun: Counter[ThreadPoolExecutor] = Counter()
        self._queued: dict[ThreadPoolExecutor, list[_Work]] = defaultdict(list)
        self._faults: list[Exception] = []
        self.rounds: list[list[AwsCall]] = []

    def hold(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Hold a call back until its round; a handler of botocore's event `provide-client-params`."""
        if self._is_open:
            return
        held = _Held(AwsCall(model.name, params))
        with self._changed:
            if not self._is_known():
                self._faults.append(AssertionError(f"{model.name} is called by a thread that nobody waits for"))
                return
            self._held.append(held)
            self._stops()
        if not held.may_go.wait(STUCK_SECONDS):
            self._faults.append(AssertionError(f"no round for {model.name}: something waits, but for no call"))

    def rounds_of(self, request: Callable[[], _Answer]) -> tuple[_Answer, int]:
        """Return a request's response and the number of rounds before it; `rounds` has the calls of each round.

        Work that goes on after the response is waited for, and is in `rounds` too. Errors of the rounds are raised
        here, because a function answers any error with 500.
        """
        self.rounds, self._faults, self._is_open, self._running = [], [], False, 1
        with self._known(), self._counting():
            try:
                answer = request()
                taken = len(self.rounds)
            finally:
                with self._changed:
                    self._stops()
                    is_over = self._changed.wait_for(self._is_over, STUCK_SECONDS)
                    self._is_open = True
        self._tell(self._after)
        for fault in self._faults:
            raise fault
        assert is_over, "what the request has begun does not end"
        return answer, taken

    def _tell(self, of_round: Callable[[], None]) -> None:
        try:
            of_round()
        except Exception as error:  # noqa: BLE001 - raised once the request is over
            self._faults.append(error)

    def _is_known(self) -> bool:
        return getattr(self._here, "is_known", False)

    @contextmanager
    def _known(self) -> Iterator[None]:
        self._here.is_known = True
        try:
            yield
        finally:
            self._here.is_known = False

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Track all work that is submitted to pools, and all waiting for futures."""

        def submit(pool: ThreadPoolExecutor, do: Callable[..., Any], *args: Any, **named: Any) -> Future[Any]:
            return self._submitted(pool, lambda: do(*args, **named))

        def waiting(end: Callable[[Future[Any], float | None], Any]) -> Callable[..., Any]:
            def ended(future: Future[Any], timeout: float | None = None) -> Any:
                is_known = self._begin_waiting(future)
                try:
                    return end(future, timeout)
                finally:
                    if is_known:
                        self._end_waiting(future)

            return ended

        with ExitStack() as patches:
            patches.enter_context(patch.object(ThreadPoolExecutor, "submit", submit))
            patches.enter_context(patch.object(Future, "result", waiting(_result)))
            patches.enter_context(patch.object(Future, "exception", waiting(_exception)))
            yield

    def _submitted(self, pool: ThreadPoolExecutor, do: Callable[[], Any]) -> Future[Any]:
        if not self._is_known():
            return _submit(pool, do)
        work = _Work()

        def begin() -> Any:
            with self._changed:
                work.has_begun = True
                self._queued[pool].remove(work)
                self._begun[pool] += 1
                self._running += 1
            with self._known():
                return do()

        def end(future: Future[Any]) -> None:
            with self._changed:
                # Count waiting threads as running before the work ends, or a round could begin too early.
                self._running += self._waiting.pop(future, 0)
                self._changed.notify_all()
                if work.has_begun:
                    self._begun[pool] -= 1
                    self._stops()
                else:
                    self._queued[pool].remove(work)
                    self._look()

        with self._changed:
            self._queued[pool].append(work)
        future = _submit(pool, begin)
        future.add_done_callback(end)
        return future

    def _begin_waiting(self, future: Future[Any]) -> bool:
        """Record that a thread waits, and return True; False for a thread of no request, or if the work is done."""
        if not self._is_known():
            return False
        with self._changed:
            if future.done():
                return False
            self._waiting[future] = self._waiting.get(future, 0) + 1
            self._stops()
            return True

    def _end_waiting(self, future: Future[Any]) -> None:
        """Wait until `end` has run: a future is done a moment before its callbacks are called."""
        with self._changed:
            assert self._changed.wait_for(lambda: future not in self._waiting, STUCK_SECONDS)

    def _stops(self) -> None:
        """Record that a thread stopped; the caller holds the lock."""
        self._running -= 1
        self._look()

    def _look(self) -> None:
        """Begin a round if no thread can continue; the caller holds the lock."""
        if self._running or any(self._can_begin(pool) for pool in self._queued):
            return
        if self._held:
            if self.rounds:
                self._tell(self._after)
            held, self._held = self._held, []
            asked = [each.asked for each in held]
            self.rounds.append(asked)
            self._tell(lambda: self._before(asked))
            self._running += len(held)
            for each in held:
                each.may_go.set()
        else:
            self._changed.notify_all()

    def _can_begin(self, pool: ThreadPoolExecutor) -> bool:
        most: int = vars(pool)["_max_workers"]
        return bool(self._queued[pool]) and self._begun[pool] < most

    def _is_over(self) -> bool:
        return not (self._running or self._held or any(self._queued.values()))
