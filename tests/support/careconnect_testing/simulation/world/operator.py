"""What operators and AWS itself do in a run: keys rotate, clients are disabled, the stream is archived."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from audit_archiver.dynamodb_trail import DynamoDbTrail
from audit_archiver.jobs import JobError
from audit_archiver.s3_archive import S3Archive
from audit_archiver.verify_day import verify_day
from careconnect.audit.event import day_of
from careconnect.oauth.access_token import KEPT_AFTER_EXPIRY, client_cutoff_key
from careconnect.oauth.signing_keys import CURRENT, NEXT, PREVIOUS
from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.simulation.ledger import Ledger
from careconnect_testing.simulation.world.bucket import Bucket
from careconnect_testing.simulation.world.names import AUDIT, CLIENTS, START, TOKENS
from careconnect_testing.simulation.world.system import ARCHIVER, BrokenPromiseError, System

_LIFETIME: Final = 3600
_VERIFIED_AFTER: Final = 1_000.0
"""Seconds after which every event should be archived."""


@dataclass
class Operator:
    """Operators' commands, each of their calls at its own moment, and the services that work by themselves."""

    system: System
    ledger: Ledger
    archived: int = 0
    """Records of the stream that the archiver has taken."""
    _rotation: int = 0

    def disable(self, client: str) -> None:
        """Disable a client and end its tokens, as `careconnect clients disable` does."""
        self._do(
            "update_item",
            {
                "TableName": CLIENTS,
                "Key": {"client_id": {"S": client}},
                "UpdateExpression": "SET enabled = :no",
                "ExpressionAttributeValues": {":no": {"BOOL": False}},
            },
        )
        self.cut_off(client)

    def cut_off(self, client: str) -> None:
        """End all tokens of a client that were issued until now."""
        now = int(self.system.scheduler.now)
        self._do(
            "put_item",
            {
                "TableName": TOKENS,
                "Item": {
                    "pk": {"S": client_cutoff_key(client)},
                    "before": {"N": str(now)},
                    "expires_at": {"N": str(now + _LIFETIME + KEPT_AFTER_EXPIRY)},
                },
            },
        )
        self.ledger.cut_off[client] = self.system.scheduler.now

    def rotate(self) -> None:
        """Take the next step of a rotation, waiting first as the command does: publish, promote, retire."""
        places = self.system.aws.keys.places
        stage, self._rotation = self._rotation % 3, self._rotation + 1
        if stage == 0:
            places[NEXT] = (places[CURRENT] + 1) % 3
            return
        if stage == 1:
            # Published for longer than all caches of key sets.
            self.system.scheduler.pause(70)
            places[PREVIOUS] = places[CURRENT]
            self.system.scheduler.pause()
            places[CURRENT] = places[NEXT]
            return
        # The last token of the former key has expired.
        self.system.scheduler.pause(_LIFETIME + 100)
        places[PREVIOUS] = places[CURRENT]

    def archive(self, most: int) -> bool:
        """Have the archiver take a batch of the stream, at least once; return False if there was none."""
        begun = self.archived
        batch = self.system.aws.database.stream(AUDIT, begun)[:most]
        if not batch:
            return False
        try:
            is_done = self.system.invoke(ARCHIVER, {"Records": batch}) is True
        except JobError:
            is_done = False
        # Otherwise Lambda sends the batch again. Nobody else takes it, since there is one shard.
        if is_done and self.archived == begun:
            self.archived += len(batch)
        return True

    def check_archive(self) -> None:
        """Verify the run's days of the audit trail against the archive; raises `BrokenPromiseError`."""
        now = int((self.system.scheduler.now + _VERIFIED_AFTER) * 1000)
        client: Any = InMemoryClient(self.system.aws.database)
        bucket: Any = Bucket(self.system.objects)
        for day in sorted({day_of(int(START * 1000)), day_of(int(self.system.scheduler.now * 1000))}):
            verdict = verify_day(DynamoDbTrail(client, AUDIT), S3Archive(bucket, "archive"), day, now, 0)
            if not verdict.stands:
                raise BrokenPromiseError(f"the archive of {day} is not the trail: {verdict.findings[:3]}")

    def expire(self) -> None:
        """Have DynamoDB delete what has expired."""
        self.system.aws.database.expire()

    def _do(self, operation: str, request: Mapping[str, Any]) -> None:
        self.system.scheduler.pause(0.01)
        self.system.aws.database.execute(operation, request)
