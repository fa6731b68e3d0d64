"""Lambda's snapshots (SnapStart): the work before a snapshot is taken, and in each instance restored from it.

Before a snapshot, a function makes each kind of service request that its own requests need, once, and answers sample
requests. Everything that only a first request would load, look up or compile is then in the snapshot. None of this is
audited, logged as a request or written. The connections are closed again: they would be dead in a restored instance,
and the first request would wait to find out. Ids and secrets come from the kernel, so restored instances do not share
them. They do share the seed of Python's own random generator, so it is seeded again after a restore.

The package with the two hooks is part of Lambda's Python. Where it is missing, there are no snapshots.
"""

import gc
import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOTHING: Final = "snapshot"
"""An id that no resource or client has, and the key of no item."""


class FailureObserver(Protocol):
    """The log for a function's failures."""

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an error."""


class Client(Protocol):
    """An AWS client."""

    def close(self) -> None:
        """Close the client's connections; its next request opens one."""


def prepare(observer: FailureObserver, clients: Iterable[Client], *primes: Callable[[], object]) -> None:
    """Register `primes` to be called before a snapshot is taken, and `clients` to be closed after them.

    A prime that fails is logged and has no other effect. A stack's functions are published before everything that they
    call exists, and a service that does not answer for a moment is no reason to stop a deployment.
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
    """Return a function that reads an absent item of a table: one GetItem."""
    key: Any = {"pk": {"S": NOTHING}, "sk": {"S": NOTHING}}
    return lambda: client.get_item(TableName=table, Key=key)
