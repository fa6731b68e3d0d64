"""Where the events of the audit trail are kept, and how a store says that it cannot (`audit.md`)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from careconnect.audit.event import AuditEvent

if TYPE_CHECKING:
    from concurrent.futures import Future


class EventNotStoredError(Exception):
    """An event could not be kept; the text is a service's error code.

    `is_down` says that no other event could be kept either: the store is down, and not this event at fault.
    """

    def __init__(self, code: str, *, is_down: bool) -> None:
        super().__init__(code)
        self.is_down = is_down


class AuditStore(Protocol):
    """Keeps events; what it begins ends beside the work of its caller, or raises `EventNotStoredError` there."""

    def begin(self, events: Sequence[AuditEvent]) -> "list[Future[None]]":
        """Begin to keep events, and return what ends when they are kept."""

    def run(self, work: Callable[[], None]) -> "Future[None]":
        """Begin some work, such as to find out what events there are to keep."""

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Keep events; raises `EventNotStoredError`."""

    def put_action(self, event: AuditEvent) -> dict[str, Any]:
        """Return the action of a transaction that keeps an event together with what it is of."""
