"""Register a command that writes resources while it runs, so that bulk exports wait for it (ADR 53)."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from careconnect.runtime.aws import SERVICE_ERRORS
from careconnect.storage.operator_work import LASTS_SECONDS, work_item, work_key
from careconnect_admin.errors import OperatorError
from careconnect_admin.service_clock import dated_by, seconds_off

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from careconnect_records.items.tables import RecordTables

RENEWED_EACH_SECONDS: Final = 20.0

_SENT_BEFORE: Final = LASTS_SECONDS - 30
"""Seconds after a renewal from which nothing is sent: one attempt of a call takes 25 at most (`target`)."""

_BEFORE_SEND: Final = "before-send.dynamodb"


class LapsedError(OperatorError):
    """A command could not renew its registration, as when this machine slept, and exports may not wait for it."""

    def __init__(self) -> None:
        super().__init__("it has been at a standstill, and nobody waits for it any more: run it again")


class _Work:
    """One run of a command, renewed at a time of `clock`, in epoch seconds."""

    def __init__(self, client: "DynamoDBClient", table: str, command: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._command = command
        self._run = uuid.uuid4().hex
        self._clock = clock
        self._sent_until = float("inf")

    def begin(self) -> None:
        """Register it; raises `OperatorError` if this machine's clock is not DynamoDB's."""
        dated = dated_by(self._renew())
        if dated is not None and (off := seconds_off(dated, self._clock())):
            self.end()
            raise OperatorError(
                f"this machine's clock is {off:.0f} s off DynamoDB's, and bulk exports would miss what it writes: "
                "set it right"
            )
        self._client.meta.events.register(_BEFORE_SEND, self._require)

    def renew(self) -> None:
        """Renew it; a failure counts if it lasts."""
        with suppress(*SERVICE_ERRORS, LapsedError):
            self._renew()

    def end(self) -> None:
        """Remove it; what cannot be removed ends by itself."""
        self._client.meta.events.unregister(_BEFORE_SEND, self._require)
        with suppress(*SERVICE_ERRORS):
            self._client.delete_item(TableName=self._table, Key=work_key(self._command, self._run))

    def _renew(self) -> Any:
        now = self._clock()
        answer = self._client.put_item(TableName=self._table, Item=work_item(self._command, self._run, now))
        self._sent_until = now + _SENT_BEFORE
        return answer

    def _require(self, **_: Any) -> None:
        if self._clock() > self._sent_until:
            raise LapsedError


@contextmanager
def registered(tables: "RecordTables", command: str, clock: Callable[[], float] = time.time) -> Iterator[None]:
    """Register a command for the time of this context; bulk exports that began meanwhile wait for its end.

    Raises `OperatorError` before anything is written if this machine's clock is wrong, and `LapsedError` out of a call
    of the tables' client once the registration has lapsed. AWS errors pass through.
    """
    work = _Work(tables.client, tables.transaction, command, clock)
    work.begin()
    over = Event()

    def renew() -> None:
        while not over.wait(RENEWED_EACH_SECONDS):
            work.renew()

    thread = Thread(target=renew, name="registration", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        work.end()
