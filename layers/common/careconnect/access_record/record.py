"""What keeps the events of the access record, and how it says that it cannot (`audit.md`, Before the answer leaves)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from careconnect.access_record.event import AccessEvent

if TYPE_CHECKING:
    from concurrent.futures import Future

LEFT_OUT: Final = "left-out"
"""Stands in the record for a value that could not be digested."""


def left_out(_value: str) -> str:
    """Return what stands for a value, of a function that has none to digest."""
    return LEFT_OUT


class RecordNotKeptError(Exception):
    """An event could not be kept; the text is a service's error code."""


class DigestKeyError(Exception):
    """There was no key to digest a personal value with; the text is a service's error code."""


class AccessRecord(Protocol):
    """Where events are kept."""

    def begin(self, events: Sequence[AccessEvent]) -> "list[Future[None]]":
        """Begin to keep events, and return what ends when they are kept, or raises `RecordNotKeptError`."""

    def keep(self, events: Sequence[AccessEvent]) -> None:
        """Keep events; raises `RecordNotKeptError`."""

    def put_action(self, event: AccessEvent) -> dict[str, Any]:
        """Return the action of a transaction that keeps an event together with what it is of."""
