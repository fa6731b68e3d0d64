"""Count the write units of a plan, before it is done (ADR 38).

DynamoDB charges a transaction two write units for each begun KB of an item, before or after, whichever is larger.
"""

from math import ceil
from typing import Final

from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import MAX_IDS
from careconnect_records.items.resource_items import entries_text, entry_item, item_size
from careconnect_records.writes.plan import MAX_ACTIONS, MAX_BYTES, WritePlan

_KB: Final = 1024

# A put item, and its entry in the index of patients.
_EVENT: Final = 4

_LONGEST_ID: Final = 65
"""Bytes of an id in a lock, at most."""

# Transactions of a multi-step write that its items do not fill: two more for each kind of action, and its own.
_STEPS: Final = 9


def write_units(plan: WritePlan, events: int) -> int:
    """Return the most write units that a plan and its audit events take."""
    old_values = (plan.target.index or {}).get("values", {"S": ""})
    existing = plan.target.entries
    new = [_units(item) for key, item in plan.entries.items() if key not in existing]
    changed = [
        max(_units(item), _units(entry_item(key, old_values))) for key, item in plan.entries.items() if key in existing
    ]
    removed = [_units(entry_item(key, old_values)) for key in plan.removed]
    locks = {*plan.locks_added, *plan.locks_removed, *plan.target.locks}
    # A lock may list many resources: its size is known to the transaction alone.
    of_locks = [2 * ceil((2 * len(f"{pk}{sk}".encode()) + MAX_IDS * _LONGEST_ID) / _KB) for pk, sk in locks]
    index = max(_units(plan.index), _units(plan.target.index))
    bodies = max(map(_units, (plan.body, plan.previous))) + _units(plan.previous)
    whole = index + bodies + sum(new) + sum(changed) + sum(removed) + sum(of_locks)
    # The others are reference counts, items of less than a KB.
    counted = (plan.bodies, plan.entries, plan.removed, plan.locks_added, plan.locks_removed)
    whole += 2 * (plan.count - 1 - sum(map(len, counted)))
    whole += _EVENT * events
    if plan.fits(events):
        return whole
    # Entries are put as pending before, without values. Each step checks the index record, with the entries to come.
    pending = 2 * (len(new) + len(removed)) + sum(changed)
    leased = max(index, 2 * ceil((_bytes(plan.target.index) + len(entries_text(plan.entries).encode())) / _KB) + 2)
    leased += 2 * ceil(len(entries_text(plan.removed).encode()) / _KB)
    actions = 2 * len(plan.entries) + 2 * len(plan.removed) + plan.count
    steps = _STEPS + actions // (MAX_ACTIONS - 1) + sum(map(item_size, plan.entries.values())) // MAX_BYTES
    return whole + pending + steps * leased


def _bytes(item: Item | None) -> int:
    return item_size(item) if item else 0


def _units(item: Item | None) -> int:
    return 2 * ceil(_bytes(item) / _KB)
