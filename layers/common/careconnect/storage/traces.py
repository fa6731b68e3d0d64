"""Read the traces that replaced index entries leave for a day, so that an export finds the store as it was (ADR 53).

The entries under `Type?_lastUpdated^<shard>` and `Type?_deleted^<shard>` are at the instant of their version. A write
replaces the former one by a trace with the same key, and the attributes

- `version`: the number of the version that was replaced
- `next`: the instant of the version that replaced it, in epoch milliseconds
- `expires_at`: the epoch second after which DynamoDB deletes it (TTL)

So all items up to an instant T that are entries, or traces with a `next` after T, are the versions that were current at
T, whatever is written meanwhile. In a patient's compartment, an entry that is removed becomes a trace without
`version`: the resource may have been in the record. No search shows a trace.

A trace may be an intent of a multi-step write, which says what is before it (`intents.py`), or be what is before one.
An intent has no `expires_at`: DynamoDB must not delete what a write that is undone puts back.
"""

from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = "version"
NEXT: Final = "next"
EXPIRES: Final = "expires_at"

TRACE_SECONDS: Final = 26 * 3_600
"""How long a trace stays: a job has 24 hours from its kick-off, and two are spare."""


def is_trace(item: Mapping[str, Any]) -> bool:
    """Return True if an item of the index is a trace, or the intent of one."""
    return NEXT in item


def next_of(trace: Mapping[str, Any]) -> int:
    """Return the instant of the version that replaced an entry, in epoch milliseconds."""
    return int(trace[NEXT]["N"])


def expiry_of(next_: int) -> dict[str, str]:
    """Return the `expires_at` attribute of a trace, by its `next`."""
    return {"N": str(next_ // 1_000 + TRACE_SECONDS)}
