"""How many changes share a transaction."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from careconnect.storage.keys import count_key, count_shard
from careconnect_records.writes.change import MOST_ACTIONS, MOST_BYTES, WritePlan

if TYPE_CHECKING:
    from careconnect.storage.keys import Key


def packed(changes: Iterable[WritePlan]) -> Iterator[list[WritePlan]]:
    """Group changes, in order, into as few transactions as the quotas allow.

    One that does not fit stands alone, and so does one that closes or opens what others may refer to. Two of the same
    identifier never share a transaction, which takes one action for its guard. Those that are counted in the same item
    share the action that counts them.
    """
    group: list[WritePlan] = []
    actions = size = 0
    guards: set[Key] = set()
    marks: set[str] = set()
    for change in changes:
        own = change.locks_added | change.locks_removed
        counted = {
            count_key(target, count_shard(change.content.resource_id)) for target in change.raised | change.lowered
        }
        is_full = actions + change.count - len(counted & marks) > MOST_ACTIONS or size + change.size > MOST_BYTES
        if group and (is_full or own & guards or change.closes or change.opens or group[-1].closes or group[-1].opens):
            yield group
            group, actions, size, guards, marks = [], 0, 0, set(), set()
        group.append(change)
        actions += change.count - len(counted & marks)
        size += change.size
        guards |= own
        marks |= counted
    if group:
        yield group
