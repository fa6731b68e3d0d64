"""Read which of a plan's identifier locks take no further id."""

from collections.abc import Callable

from careconnect.storage.keys import Key
from careconnect_records.items.identifier_locks import lock_key, read_lock
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.reading import read_items
from careconnect_records.writes.plan import WritePlan


def full_locks(tables: RecordTables, plan: WritePlan, sleep: Callable[[float], None]) -> frozenset[Key]:
    """Return the full locks among those that a plan adds its id to: a call for each hundred."""
    table = tables.name(plan.target.type.table)
    locks = {lock_key(lock)["pk"]["S"]: lock for lock in plan.locks_added}
    items = read_items(tables.client, ((table, lock_key(lock)) for lock in sorted(plan.locks_added)), sleep)
    return frozenset(locks[item["pk"]["S"]] for item in items if read_lock(item).is_full)
