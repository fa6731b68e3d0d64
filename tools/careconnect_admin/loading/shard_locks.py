"""Lock the shards of reference counts: threads that count in the same items would cancel each other's transactions."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from careconnect.storage.keys import COUNT_SHARDS, count_shard

if TYPE_CHECKING:
    from careconnect_records.writes.plan import WritePlan
    from careconnect_records.writes.target import Target


class ShardLocks:
    """Serialises the transactions that count references in the same shard.

    Nearly all resources of a load refer to the same few: a patient, its practice. A thread that writes the resources of
    one shard together leaves the other shards to the other threads.
    """

    def __init__(self) -> None:
        self._locks: Final = tuple(Lock() for _ in range(COUNT_SHARDS))

    @contextmanager
    def taken(self, plans: Iterable["WritePlan"]) -> Iterator[None]:
        """Hold the locks of all shards in which the plans of one transaction count."""
        # In ascending order, so that no two threads wait for each other.
        shards = sorted({shard_of(plan.target) for plan in plans if plan.incremented or plan.decremented})
        with ExitStack() as stack:
            for shard in shards:
                stack.enter_context(self._locks[shard])
            yield


def shard_of(target: "Target") -> int:
    """Return the shard, of `COUNT_SHARDS`, in which a resource's references are counted."""
    return count_shard(target.id)
