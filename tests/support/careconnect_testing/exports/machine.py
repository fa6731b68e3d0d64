"""The state machine in memory: it runs the worker's steps as the definition says, and repeats what is killed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect_testing.simulation.schedule.scheduler import Scheduler

Invoke = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""Calls the worker, and returns its answer: None if it was killed. What it raises, passes."""

_BACK_OFF: Final = (1.0, 2.0, 4.0)
_TWICE: Final = 120
"""Of 1,000 steps, those that run a second time beside or after the first, as Lambda does at times."""


@dataclass
class Machine:
    """Runs the steps of jobs."""

    scheduler: Scheduler
    invoke: Invoke
    is_retried: Callable[[Exception], bool]
    """Tells an error after which a step is repeated from any other."""
    steps: int = 0

    def run(self, job: str) -> bool:
        """Run a job, and return True if it is complete, False if it is over before."""
        while wait := (begun := self._step({"job": job, "step": "begin"})).get("wait"):
            self.scheduler.pause(float(wait))
        if "over" in begun:
            return False
        self._in_parallel(job, begun["chains"])
        self._loop({"job": job, "step": "record"})
        return "over" not in self._step({"job": job, "step": "finish"})

    def remove(self, job: str) -> None:
        """Remove what a job has left, as at its end."""
        self._loop({"job": job, "step": "remove"})

    def _in_parallel(self, job: str, chains: list[int]) -> None:
        """Run all chains; raises what one of them raises, as a Map does at once."""
        errors: list[Exception] = []
        left = [len(chains)]
        current = self.scheduler.current

        def chain(number: int) -> None:
            try:
                self._loop({"job": job, "step": "read", "chain": number})
            except Exception as error:  # noqa: BLE001 - whoever waits for the chains raises it
                errors.append(error)
            left[0] -= 1
            if not left[0] or errors:
                self.scheduler.wake(current)

        for number in chains:
            self.scheduler.spawn(f"chain {number}", lambda number=number: chain(number))  # type: ignore[misc]
        while left[0] and not errors:
            self.scheduler.park()
        if errors:
            raise errors[0]

    def _loop(self, payload: Mapping[str, Any]) -> None:
        while self._step(payload)["more"]:
            pass

    def _step(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a step until it answers; at times another executor of the same step is at work beside."""
        attempt = 0
        if self.scheduler.choices.rarely(_TWICE):
            self.scheduler.spawn("again", lambda: self._beside(payload))
        while True:
            self.steps += 1
            try:
                answer = self.invoke(payload)
            except Exception as error:
                if not self.is_retried(error):
                    raise
                answer = None
            if answer is not None:
                return answer
            self.scheduler.pause(_BACK_OFF[min(attempt, len(_BACK_OFF) - 1)])
            attempt += 1

    def _beside(self, payload: Mapping[str, Any]) -> None:
        try:
            self.invoke(payload)
        except Exception as error:  # nobody has asked for its answer
            if not self.is_retried(error):
                raise
