"""Stamp events that have no stamp, so that the table forgets them in time (`archive.md`, Retentions in force; ADR 34).

Nothing else changes a stored event, and no function has the right to.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from audit_archiver.retentions import ArchiveReader, Retentions, RetentionsInForce
from audit_archiver.stream_record import STAMP
from audit_archiver.verify_day import Trail, Verdict, verify_day
from careconnect.audit.event import SHARDS, event_key, partition_of, time_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_DAY_SECONDS: Final = 86_400
_SPREAD_DAYS: Final = 30
"""Days over which old events expire: all at once would be more than the stream takes in 24 hours."""
_AT_ONCE: Final = 16


def count_unstamped(client: "DynamoDBClient", table: str, day: str) -> int:
    """Return the number of a day's events that have no stamp."""
    pages = client.get_paginator("query")
    return sum(
        page["Count"]
        for shard in SHARDS
        for page in pages.paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            FilterExpression=f"attribute_not_exists({STAMP})",
            ExpressionAttributeValues={":pk": {"S": partition_of(day, shard)}},
            Select="COUNT",
            ConsistentRead=True,
        )
    )


class EventStamper:
    """Stamps the events of whole days; `retentions` are the deployment's own, AWS errors pass through."""

    def __init__(
        self, client: "DynamoDBClient", table: str, trail: Trail, archive: ArchiveReader, retentions: Retentions
    ) -> None:
        self._client = client
        self._table = table
        self._trail = trail
        self._archive = archive
        self._retentions = retentions
        self._in_force = RetentionsInForce(archive, retentions.audit)

    def stamp(self, day: str, now: int, tell: Callable[[int], None] = lambda _: None) -> tuple[Verdict, int]:
        """Verify a day as of `now` (epoch milliseconds), and stamp its events if they are all as they were archived.

        Return the verdict and the number of stamped events, of which `tell` hears too. Nothing gets a stamp that the
        archive does not hold. Can be repeated: an event takes one stamp.
        """
        unstamped = _Unstamped(self._trail)
        verdict = verify_day(unstamped, self._archive, day, now, self._retentions)
        if not verdict.stands or verdict.no_longer_archived:
            return verdict, 0
        ids = (each for each in unstamped.ids if each not in verdict.not_archived)
        # An event of the day on which 0 became 365 is kept for 365 days, whatever is set since.
        days = max(self._retentions.audit, self._in_force.days(day))
        stamped = 0
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            while some := list(islice(ids, 100 * _AT_ONCE)):
                stamped += sum(pool.map(lambda event_id: self._stamp(event_id, stamp_of(event_id, now, days)), some))
                tell(stamped)
        return verdict, stamped

    def _stamp(self, event_id: str, at: int) -> bool:
        """Stamp an event; return False if it has a stamp, or is gone."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=event_key(event_id),
                UpdateExpression=f"SET {STAMP} = :at",
                ConditionExpression=f"attribute_exists(pk) AND attribute_not_exists({STAMP})",
                ExpressionAttributeValues={":at": {"N": str(at)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def stamp_of(event_id: str, now: int, retention_days: int) -> int:
    """Return the epoch second at which an event expires: after its retention, and in 1 to 30 days at the earliest."""
    later = 1 + int(event_id[13:15], 16) % _SPREAD_DAYS
    return max(time_of(event_id) // 1000 + retention_days * _DAY_SECONDS, now // 1000 + later * _DAY_SECONDS)


class _Unstamped:
    """A trail that notes which of the events that it has shown have no stamp."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self.ids: list[str] = []

    def items(self, day: str) -> Iterator[Mapping[str, Any]]:
        """Return the items of a day."""
        for item in self._trail.items(day):
            if STAMP not in item:
                self.ids.append(item["sk"]["S"])
            yield item
