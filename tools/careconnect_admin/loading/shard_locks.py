"""Who counts references at the same time: threads on the same items of marks would cancel each other's transactions."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from careconnect.storage.keys import COUNT_SHARDS, count_shard

if TYPE_CHECKING:
    from careconnect_records.items.record import NewVersion
    from careconnect_records.writes.change import WritePlan


class ShardLocks:
    """Lets transactions that count for the same shard of whatever target take turns.

    Nearly all of a load refers to the same few: a patient, its practice. Resources of one shard, sent together, keep
    the other shards free for other threads.
    """

    def __init__(self) -> None:
        self._locks: Final = tuple(Lock() for _ in range(COUNT_SHARDS))

    @contextmanager
    def taken(self, changes: Iterable["WritePlan"]) -> Iterator[None]:
        """Wait for the turn of changes that share a transaction, and hold it."""
        # In their order, so that no two wait for each other.
        shards = sorted({shard_of(change.content) for change in changes if change.raised or change.lowered})
        with ExitStack() as stack:
            for shard in shards:
                stack.enter_context(self._locks[shard])
            yield


def shard_of(content: "NewVersion") -> int:
    """Return which of the `COUNT_SHARDS` of its targets a resource is counted in."""
    return count_shard(content.resource_id)
