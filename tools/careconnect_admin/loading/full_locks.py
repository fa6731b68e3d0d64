"""Read which of a plan's identifier locks take no further id."""

from typing import TYPE_CHECKING

from careconnect.storage.keys import Key
from careconnect_admin.loading.attempts import Pauses, read_items
from careconnect_records.items.identifier_locks import lock_key, read_lock
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.plan import WritePlan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_AT_ONCE = 100


def full_locks(client: "DynamoDBClient", tables: RecordTables, plan: WritePlan, pauses: Pauses) -> frozenset[Key]:
    """Return the full locks among those that a plan adds its id to: a call for each hundred."""
    added = sorted(plan.locks_added)
    table = tables.name(plan.target.type.table)
    full: set[Key] = set()
    for start in range(0, len(added), _AT_ONCE):
        part = {_text(lock): lock for lock in added[start : start + _AT_ONCE]}
        asked = {table: {"Keys": [lock_key(lock) for lock in part.values()], "ConsistentRead": True}}
        full.update(part[item["pk"]["S"]] for item in read_items(client, asked, pauses) if read_lock(item).is_full)
    return frozenset(full)


def _text(lock: Key) -> str:
    return str(lock_key(lock)["pk"]["S"])
