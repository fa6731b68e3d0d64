"""Find the last use of clients in the audit trail, within a bounded number of queries.

No index orders events by client, and one would cost each request a third write unit. The trail is read backwards
instead, for all clients together, as a search without `patient` reads it.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from access_auditor.dynamodb_event_store import DynamoDbEventStore
from access_auditor.scan_events import Effort, EventScan, Window, bound_at
from careconnect.audit.event import Outcome, time_of
from careconnect_admin.audit_trail.operators import SERVICE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAYS: Final = 30
"""Days that are searched at most: sixteen queries for each, also for one without events."""

_MAX_EVENTS: Final = 20_000
_MAX_QUERIES: Final = 1_000
_EXPECTED: Final = 200
"""Events after which most clients are found: the first queries ask for no more."""

_DAY: Final = 86_400_000
_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True)
class LastUses:
    """The times of the clients' last use, by id; times are epoch milliseconds.

    Other clients were not used since `since`, before which nothing was searched.
    """

    times: Mapping[str, int]
    since: int


def last_uses(client: "DynamoDBClient", audit_table: str, client_ids: Collection[str], now: int) -> LastUses:
    """Return the times of the last allowed request of each client, tokens included.

    Searches the newest 20,000 events of the last 30 days, and fewer if all clients were found. `now` is in epoch
    milliseconds. Raises the 503 outcome if DynamoDB denies or fails.
    """
    earliest = now - DAYS * _DAY
    window = Window(bound_at(earliest), bound_at(now + _MINUTE))
    effort = Effort(_MAX_EVENTS, _MAX_QUERIES, seconds=math.inf)
    scan = EventScan(DynamoDbEventStore(client, audit_table), window, _EXPECTED, effort)
    missing, times = set(client_ids), dict[str, int]()
    for event in scan.by_day() if missing else ():
        if event.client_id in missing and event.outcome == Outcome.ALLOWED and event.service != SERVICE:
            times[event.client_id] = event.at
            missing.remove(event.client_id)
            if not missing:
                break
    return LastUses(times, max(earliest, time_of(scan.position or window.before)))
