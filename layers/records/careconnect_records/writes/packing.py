"""Pack several writes into as few transactions as the quotas allow."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from careconnect.storage.keys import count_key, count_shard
from careconnect_records.writes.plan import MAX_ACTIONS, MAX_BYTES, WritePlan

if TYPE_CHECKING:
    from careconnect.storage.keys import Key


def packed(plans: Iterable[WritePlan]) -> Iterator[list[WritePlan]]:
    """Yield the plans in order, in groups that one transaction takes each.

    A plan that does not fit has a group of its own, and so has one that sets or removes a tombstone, which the others
    may refer to, and one on a multi-step write's intents. Two plans with the same identifier never share a transaction,
    since that takes one action for each item. Plans that count in the same item share the action that counts.
    """
    group: list[WritePlan] = []
    actions = size = 0
    locks: set[Key] = set()
    counters: set[str] = set()
    for plan in plans:
        own_locks = plan.locks_added | plan.locks_removed
        own_counters = {count_key(key, count_shard(plan.target.id)) for key in plan.incremented | plan.decremented}
        own_actions = plan.count - len(own_counters & counters)
        is_full = actions + own_actions > MAX_ACTIONS or size + plan.size > MAX_BYTES
        if group and (is_full or own_locks & locks or _stands_alone(plan) or _stands_alone(group[-1])):
            yield group
            group, actions, size, locks, counters = [], 0, 0, set(), set()
            own_actions = plan.count
        group.append(plan)
        actions += own_actions
        size += plan.size
        locks |= own_locks
        counters |= own_counters
    if group:
        yield group


def _stands_alone(plan: WritePlan) -> bool:
    return plan.deletes or plan.restores or bool(plan.target.base)
