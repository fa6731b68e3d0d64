"""An audit store in memory: its newest events, so that a long run does not grow."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from careconnect.audit.event import AuditEvent
from careconnect.endpoint.pipeline import Auditing

_KEPT: Final = 100


class MemoryAuditStore:
    """Keeps the newest events, as the items that a table would hold."""

    def __init__(self) -> None:
        self._items: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def begin(self, events: Sequence[AuditEvent]) -> "list[Future[None]]":
        """Keep events at once, and return what has ended."""
        self.keep(events)
        kept: Future[None] = Future()
        kept.set_result(None)
        return [kept]

    def run(self, work: Callable[[], None]) -> "Future[None]":
        """Do some work at once."""
        work()
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Keep events."""
        self._items.extend(event.item() for event in events)

    def put_action(self, event: AuditEvent) -> dict[str, Any]:
        """Return the action of a transaction, which is a table's affair: none is made here."""
        raise NotImplementedError


def auditing(service: str) -> Auditing:
    """Return a function's recording that keeps its events in memory."""
    return Auditing(MemoryAuditStore(), service)
