"""An access record with its chain, over real adapters, to be sealed, verified and tampered with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import boto3
from moto import mock_aws

from access_auditor.seal_events import Sealed, seal_events
from careconnect.access_record.chain import link_key, link_of, start_of
from careconnect.access_record.chain_store import DynamoDbAccessChain, KmsSeal
from careconnect.access_record.verification import Verdict, verify_day
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import Action, AuditEvent, event_key, new_event_id, time_of
from careconnect_testing.access_records import hmac_key
from careconnect_testing.tables import create_table

REGION = "eu-west-2"
AUDIT_TABLE = "audit"
SEAL_TABLE = "seals"
SEAL_ALIAS = "alias/test-access-seal"
DAY = "2026-03-26"
NOON = start_of(DAY) + 43_200_000
MINUTE = 60_000

_SESSION = boto3.session.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)


@dataclass
class SealedRecord:
    """Two tables and a key; times are epoch milliseconds, `now` is what a seal and a verification take it to be."""

    dynamodb: Any
    kms: Any
    now: int = NOON
    retention_days: int = 0

    @property
    def chain(self) -> DynamoDbAccessChain:
        """The record and its chain."""
        return DynamoDbAccessChain(self.dynamodb, AUDIT_TABLE, SEAL_TABLE, self.retention_days)

    @property
    def key(self) -> KmsSeal:
        """The deployment's sealing key."""
        return KmsSeal(self.kms, SEAL_ALIAS)

    def keep(self, *ages: int, patient: str = "4", **members: Any) -> list[str]:
        """Keep an event recorded so many milliseconds ago, for each age, and return their ids."""
        ids = [new_event_id((self.now - age) / 1000) for age in ages or (0,)]
        record = DynamoDbAuditStore(self.dynamodb, AUDIT_TABLE, self.retention_days)
        for each in ids:
            told: dict[str, Any] = {"interaction": "read", "type": "Patient", "client_id": "client-1", **members}
            record.keep([AuditEvent(id=each, action=Action.READ, patient=patient, **told)])
        return ids

    def seal(self, after: int = 0, has_time: Callable[[int], bool] = lambda _: True) -> Sealed:
        """Seal, so many milliseconds later."""
        self.now += after
        return seal_events(self.chain, self.key, self.now, has_time)

    def sealed(self, *ages: int) -> list[str]:
        """Keep events, one of a minute ago unless told otherwise, and seal them; returns their ids."""
        ids = self.keep(*ages or (MINUTE,))
        assert self.seal().events == len(ids)
        return ids

    def verify(self, day: str = DAY) -> Verdict:
        """Verify a day."""
        return verify_day(self.chain, self.key, day, self.now)

    # What somebody with all rights to the tables does, who cannot use the key.

    def event(self, event_id: str) -> dict[str, Any]:
        """Return an event's item."""
        return dict(self.dynamodb.get_item(TableName=AUDIT_TABLE, Key=event_key(event_id))["Item"])

    def put(self, item: dict[str, Any]) -> None:
        """Put any item into the record."""
        self.dynamodb.put_item(TableName=AUDIT_TABLE, Item=item)

    def change(self, event_id: str, **values: str) -> None:
        """Change texts of an event."""
        self.put({**self.event(event_id), **{name: {"S": value} for name, value in values.items()}})

    def remove(self, event_id: str) -> None:
        """Remove an event."""
        self.dynamodb.delete_item(TableName=AUDIT_TABLE, Key=event_key(event_id))

    def forge(self, age: int = MINUTE, **values: str) -> str:
        """Put in an event as if it had been recorded so many milliseconds ago; returns its id."""
        (forged,) = self.keep(age, **values)
        return forged

    def witnesses(self, day: str = DAY) -> list[dict[str, Any]]:
        """Return the items that tell of seals, in the order of the seals."""
        found = [dict(item) for item in self.chain.items(day) if "seal" in item]
        return sorted(found, key=lambda item: (time_of(item["sk"]["S"]), item["seal"]["S"]))

    def remove_witnesses(self, day: str = DAY) -> None:
        """Remove what tells of seals."""
        for item in self.witnesses(day):
            self.dynamodb.delete_item(TableName=AUDIT_TABLE, Key={name: item[name] for name in ("pk", "sk")})

    def head_item(self, day: str = DAY) -> dict[str, Any]:
        """Return a day's head as it is stored."""
        return dict(self.dynamodb.get_item(TableName=SEAL_TABLE, Key=_head_key(day))["Item"])

    def put_seal(self, item: dict[str, Any]) -> None:
        """Put any item into the seals' table."""
        self.dynamodb.put_item(TableName=SEAL_TABLE, Item=item)

    def remove_head(self, day: str = DAY) -> None:
        """Remove a day's head."""
        self.dynamodb.delete_item(TableName=SEAL_TABLE, Key=_head_key(day))

    def remove_link(self, number: int, day: str = DAY) -> None:
        """Remove a link."""
        self.dynamodb.delete_item(TableName=SEAL_TABLE, Key=link_key(day, number))

    def alter_link(self, number: int, without: str, day: str = DAY) -> None:
        """Take the entry of an event out of a link."""
        link = link_of(self.dynamodb.get_item(TableName=SEAL_TABLE, Key=link_key(day, number))["Item"])
        entries = tuple(each for each in link.entries if each.sort_key != without)
        self.put_seal(replace(link, entries=entries).item())

    def wipe_chain(self, day: str = DAY) -> None:
        """Remove all links and the head of a day."""
        for number, _ in list(self.chain.links(day)):
            self.remove_link(number, day)
        self.remove_head(day)


def _head_key(day: str) -> dict[str, Any]:
    return {"pk": {"S": "days"}, "sk": {"S": day}}


@contextmanager
def record_on_moto() -> Iterator[SealedRecord]:
    """Make the tables and the keys in moto."""
    with mock_aws():
        dynamodb: Any = _SESSION.client("dynamodb")
        kms: Any = _SESSION.client("kms")
        create_table(dynamodb, "AuditTable", AUDIT_TABLE)
        create_table(dynamodb, "SealTable", SEAL_TABLE)
        hmac_key(kms, SEAL_ALIAS)
        yield SealedRecord(dynamodb, kms)
