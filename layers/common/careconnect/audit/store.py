"""The interface of a store of audit events, and its error (`audit.md`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from careconnect.audit.event import AuditEvent

if TYPE_CHECKING:
    from concurrent.futures import Future


class EventNotStoredError(Exception):
    """An event could not be stored; the text is a service's error code.

    `is_down` means that the store accepts no event at all, so this event is not at fault.
    """

    def __init__(self, code: str, *, is_down: bool) -> None:
        super().__init__(code)
        self.is_down = is_down


class AuditStore(Protocol):
    """Stores events; the futures it returns run concurrently with the caller, and raise `EventNotStoredError`."""

    def begin(self, events: Sequence[AuditEvent]) -> "list[Future[None]]":
        """Start storing events, and return futures that are done when they are stored."""

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Store events; raises `EventNotStoredError`."""

    def put_action(self, event: AuditEvent) -> dict[str, Any]:
        """Return the action that stores an event within the transaction that it records."""
