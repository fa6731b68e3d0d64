"""An audit trail with its stream and its archive, over moto, to be archived, verified and tampered with."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import boto3
from moto import mock_aws

from audit_archiver.days import start_of
from audit_archiver.dynamodb_trail import DynamoDbTrail
from audit_archiver.jobs import ArchiveJob, VerifyJob
from audit_archiver.retentions import Retentions
from audit_archiver.s3_archive import S3Archive
from audit_archiver.verify_day import Verdict, verify_day
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import Action, AuditEvent, event_key, new_event_id
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.observer import RecordingObserver

REGION = "eu-west-2"
AUDIT_TABLE = "audit"
BUCKET = "the-archive"
DAY = "2026-03-26"
NOON = start_of(DAY) + 43_200_000
MINUTE = 60_000

_SESSION = boto3.session.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)

Item = Mapping[str, Any]


@dataclass
class ArchivedTrail:
    """A table, and a bucket with Object Lock; times are epoch milliseconds, and `now` is the current time of all parts.

    `put`, `change` and `remove` return their stream records; `deliver` passes stream records to the archiver.
    """

    dynamodb: Any
    s3: Any
    now: int = NOON
    retention_days: int = 0
    archive_days: int = 365
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    _sequence: Iterator[int] = field(default_factory=lambda: count(10**22))

    @property
    def archive(self) -> S3Archive:
        """The archive."""
        return S3Archive(self.s3, BUCKET)

    @property
    def trail(self) -> DynamoDbTrail:
        """The trail's reader."""
        return DynamoDbTrail(self.dynamodb, AUDIT_TABLE)

    @property
    def record(self) -> DynamoDbAuditStore:
        """The trail's writer."""
        return DynamoDbAuditStore(self.dynamodb, AUDIT_TABLE, self.retention_days)

    @property
    def archiver(self) -> ArchiveJob:
        """The function that archives."""
        return ArchiveJob(self.archive, self.observer, self.retention_days)

    @property
    def verifier(self) -> VerifyJob:
        """The function that verifies."""
        return VerifyJob(self.trail, self.record, self.archive, self.observer, lambda: self.now / 1000, self.retentions)

    @property
    def retentions(self) -> Retentions:
        """The deployment's own retentions."""
        return Retentions(self.retention_days, self.archive_days)

    def verify(self, day: str = DAY) -> Verdict:
        """Verify a day."""
        return verify_day(self.trail, self.archive, day, self.now, self.retentions)

    def found(self, day: str = DAY) -> dict[str, str]:
        """Return the findings of a day's verification: faults by ids."""
        return {finding.id: str(finding.fault) for finding in self.verify(day).findings}

    def streamed(self, event_name: str, old: Item | None, new: Item | None, at: int | None = None) -> Item:
        """Return a stream record, of now or of another time."""
        item = new or old or {}
        images = {"OldImage": old, "NewImage": new}
        change = {
            "ApproximateCreationDateTime": (self.now if at is None else at) // 1000,
            "Keys": {name: item[name] for name in ("pk", "sk")},
            "SequenceNumber": str(next(self._sequence)),
            **{name: image for name, image in images.items() if image},
        }
        return {"eventName": event_name, "eventSource": "aws:dynamodb", "dynamodb": change}

    def put(self, age: int = 0, *, at: int | None = None, **members: Any) -> tuple[str, Item]:
        """Store an event of `age` milliseconds ago, or of a time; return its id and its stream record.

        The stream record is of the event's own time.
        """
        claimed = self.now - age if at is None else at
        given: dict[str, Any] = {"interaction": "read", "type": "Patient", "patient": "4", "client_id": "client-1"}
        event = AuditEvent(id=new_event_id(claimed / 1000), action=Action.READ, **{**given, **members})
        self.record.keep([event])
        return event.id, self.streamed("INSERT", None, self.item(event.id), claimed)

    def stored(self, *ages: int, **members: Any) -> list[str]:
        """Store an event for each age, and archive them; return their ids."""
        made = [self.put(age, **members) for age in ages or (MINUTE,)]
        self.deliver(*(record for _, record in made))
        return [event_id for event_id, _ in made]

    def deliver(self, *records: Item) -> None:
        """Pass a batch of stream records to the archiver."""
        self.archiver({"Records": list(records)})

    def item(self, event_id: str) -> dict[str, Any]:
        """Return an event's item."""
        return dict(self.dynamodb.get_item(TableName=AUDIT_TABLE, Key=event_key(event_id))["Item"])

    def put_item(self, item: Item, at: int | None = None) -> Item:
        """Put any item into the table; return its stream record, of now or of another time."""
        self.dynamodb.put_item(TableName=AUDIT_TABLE, Item=item)
        return self.streamed("INSERT", None, item, at)

    def change(self, event_id: str, **texts: str) -> Item:
        """Change text attributes of an event and return the stream record."""
        old = self.item(event_id)
        new = old | {name: {"S": text} for name, text in texts.items()}
        self.dynamodb.put_item(TableName=AUDIT_TABLE, Item=new)
        return self.streamed("MODIFY", old, new)

    def remove(self, event_id: str) -> Item:
        """Remove an event and return the stream record."""
        old = self.item(event_id)
        self.dynamodb.delete_item(TableName=AUDIT_TABLE, Key=event_key(event_id))
        return self.streamed("REMOVE", old, None)

    def expire(self, event_id: str) -> Item:
        """Remove an event as its time to live does, and return the stream record."""
        return {**self.remove(event_id), "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}

    def objects(self) -> dict[str, bytes]:
        """Return the archive's objects by their keys."""
        keys = [each["Key"] for each in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


@contextmanager
def trail_on_moto(watch: Callable[[Any], None] = lambda _s3: None) -> Iterator[ArchivedTrail]:
    """Create the table and the bucket in moto; `watch` gets the S3 client."""
    with mock_aws():
        dynamodb: Any = _SESSION.client("dynamodb")
        s3: Any = _SESSION.client("s3")
        create_table(dynamodb, "AuditTable", AUDIT_TABLE)
        s3.create_bucket(
            Bucket=BUCKET,
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
        s3.put_object_lock_configuration(
            Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
        )
        watch(s3)
        yield ArchivedTrail(dynamodb, s3)
