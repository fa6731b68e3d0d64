"""Count the write units of a plan, before it is done (ADR 38).

DynamoDB charges a transaction two write units for each begun KB of an item, before or after, whichever is larger.
"""

from math import ceil
from typing import Final

from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import MAX_IDS
from careconnect_records.items.resource_items import entry_item, item_size
from careconnect_records.items.traces import trace_before
from careconnect_records.writes.plan import MAX_ACTIONS, MAX_BYTES, WritePlan

_KB: Final = 1024

# A put item, and its entry in the index of patients.
_EVENT: Final = 4

_LONGEST_ID: Final = 65
"""Bytes of an id in a lock, at most."""

# Changes of a multi-step write's state besides those of its full steps: begun, a step not filled, done, removed.
_STEPS: Final = 4

_LISTED_BYTES: Final = 40
"""Bytes that an item has in the compressed list of what a write holds, at most."""


def write_units(plan: WritePlan, events: int, *, in_steps: bool = False) -> int:
    """Return the most write units that a plan and its audit events take, perhaps as a part of a multi-step write."""
    old_values = (plan.target.index or {}).get("values", {"S": ""})
    before = {key: _units(entry_item(key, old_values)) for key in plan.target.entries}
    entries = [max(_units_of(size), before.get(key, 0)) for key, size in plan.entry_sizes.items()]
    removed = [before[key] for key in plan.removed]
    locks = {*plan.locks_added, *plan.locks_removed, *plan.target.locks}
    # A lock may list many resources: its size is known to the transaction alone.
    of_locks = [2 * ceil((2 * len(f"{pk}{sk}".encode()) + MAX_IDS * _LONGEST_ID) / _KB) for pk, sk in locks]
    index = max(_units(plan.index), _units(plan.target.index))
    bodies = max(map(_units, (plan.body, plan.previous))) + _units(plan.previous)
    whole = index + bodies + sum(entries) + sum(removed) + sum(of_locks)
    # The others are reference counts, items of less than a KB.
    counted = (plan.bodies, plan.entries, plan.removed, plan.locks_added, plan.locks_removed)
    counts = plan.count - 1 - sum(map(len, counted))
    whole += 2 * counts
    whole += _EVENT * events
    if plan.fits(events) and not in_steps:
        return whole
    # A multi-step write: an intent has the item before as well, and is released by half the units of a transaction.
    # Counts are released by a transaction.
    held = whole - _EVENT * events + sum(before[key] for key in plan.entries if key in before)
    held += min(_units(plan.index), _units(plan.target.index)) + sum(of_locks) + _units_of_traces(plan, old_values)
    if plan.target.base:
        # The index record before the base is kept, and a list says what the write follows.
        held += max(_units(plan.target.former), _units(plan.target.index)) + 2
    steps = _STEPS + plan.count // (MAX_ACTIONS - 1) + plan.size // MAX_BYTES
    listed = 2 * ceil(_LISTED_BYTES * plan.count / _KB)
    return held + held // 2 + counts + 2 * steps + listed + _EVENT * events


def _units_of_traces(plan: WritePlan, old_values: Item) -> int:
    """Return the units that traces add to intents, which have two items: an entry, and a trace after or before it."""
    new = (key for key in plan.entries if key not in plan.target.entries)
    before = {key: trace_before(plan.target.type, key, plan.updated) for key in new}
    sizes = [(plan.entry_sizes[key], item_size(trace)) for key, trace in before.items() if trace]
    sizes += [(item_size(entry_item(key, old_values)), item_size(trace)) for key, trace in plan.traces.items()]
    return sum(_units_of(entry + trace) - _units_of(entry) for entry, trace in sizes)


def _units(item: Item | None) -> int:
    return _units_of(item_size(item)) if item else 0


def _units_of(size: int) -> int:
    return 2 * ceil(size / _KB)
