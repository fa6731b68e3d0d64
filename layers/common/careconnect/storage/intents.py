"""Read the items of multi-step writes: an intent is an item as a write will leave it, beside the item before (ADR 43).

An intent has the attributes of the item, and:

- `txn`: the name of its write, whose state in the transaction table decides between the two
- `prev`: the attributes of the item before, without its key; absent if there was none. For a body they are the
  `version` alone: the former body is stored as a version.
- `drop`: present if the write removes the item
- `base`: the write that made `prev`, if its own intents were not removed yet

A request shows each item by one snapshot: the names of the writes that were done at one moment.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from careconnect.storage.keys import JSON_ITEM

TXN: Final = "txn"
PREV: Final = "prev"
DROP: Final = "drop"
BASE: Final = "base"
INTENT_ATTRIBUTES: Final = (TXN, PREV, DROP, BASE)

STATES: Final = "writes"
"""The partition of the transaction table: each item is the state of a multi-step write, under its name."""

DONE: Final = "committed"
"""The `status` of a write that is visible; `pending` and `aborted` are the others."""

Item = Mapping[str, Any]


class SnapshotNeededError(Exception):
    """A request met an intent that its snapshot does not decide; `base` is a write that a new one has to have."""

    def __init__(self, base: str = "") -> None:
        super().__init__(base)
        self.base = base


def visible(item: Item, snapshot: Collection[str] | None) -> Item | None:
    """Return an item as a snapshot shows it, None if there is none; raises `SnapshotNeededError`."""
    if TXN not in item:
        return item
    if snapshot is None:
        raise SnapshotNeededError
    if item[TXN]["S"] in snapshot:
        return None if DROP in item else item
    if BASE in item and item[BASE]["S"] not in snapshot:
        raise SnapshotNeededError(item[BASE]["S"])
    return previous(item)


def previous(item: Item) -> Item | None:
    """Return the item before an intent, None if there was none; of a body, its key and its version alone."""
    if PREV not in item:
        return None
    return {**{name: item[name] for name in ("pk", "sk") if name in item}, **item[PREV]["M"]}


def is_former_body(item: Item) -> bool:
    """Return True for the result of `previous` of a body: the body itself is stored as that version."""
    return bool(item["sk"]["S"] == JSON_ITEM) and "method" not in item
