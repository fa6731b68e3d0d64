"""Lambda's snapshots (SnapStart): what is done before one is taken, and in each copy that is started from it.

Before, a function asks each service once for what any request of it may ask for, and goes through what a request goes
through: what only a first request would load, look up or compile is in the snapshot then. Nothing of it is recorded,
logged as a request or written. Its connections are closed again: they would be dead in a copy, and a first request
would wait for that to show. Ids and secrets come from the kernel, which no copy shares with another; the seed that
Python's own generator has in the snapshot is shared, and is made anew.

The package that tells of both moments is part of Lambda's Python. Where it is missing, there are no snapshots.
"""

import gc
import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOTHING: Final = "snapshot"
"""An id that nothing has, and a key of no item."""


class FailureObserver(Protocol):
    """Where a function says what failed."""

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an error."""


class Client(Protocol):
    """A client of AWS."""

    def close(self) -> None:
        """Close its connections; the next call opens one."""


def prepare(observer: FailureObserver, clients: Iterable[Client], *primes: Callable[[], object]) -> None:
    """Have `primes` called before a snapshot is taken, and the connections of `clients` closed then.

    One that fails is logged and changes nothing else: a stack's functions are published before all that they ask is
    there, and a service that does not answer for a moment is no reason not to deploy.
    """
    try:
        from snapshot_restore_py import register_after_restore, register_before_snapshot  # Lambda's alone
    except ImportError:
        return
    register_before_snapshot(_before_snapshot, observer, tuple(clients), primes)
    register_after_restore(random.seed)


def _before_snapshot(
    observer: FailureObserver, clients: Iterable[Client], primes: Iterable[Callable[[], object]]
) -> None:
    for prime in primes:
        try:
            prime()
        except Exception as error:  # noqa: BLE001 - whatever it is, the function starts without it
            observer.failure("snapshot", error, ids={})
    for client in clients:
        client.close()
    gc.collect()
    gc.freeze()


def look(client: "DynamoDBClient", table: str) -> Callable[[], object]:
    """Return what asks a table for an item that is not there: one GetItem."""
    key: Any = {"pk": {"S": NOTHING}, "sk": {"S": NOTHING}}
    return lambda: client.get_item(TableName=table, Key=key)
