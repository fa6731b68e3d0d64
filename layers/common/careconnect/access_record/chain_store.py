"""The record and its chain in DynamoDB, and the key that seals it in KMS (`audit.md`, Tamper evidence; ADR 28)."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from careconnect.access_record.chain import (
    HEADS,
    ChainError,
    Head,
    Link,
    SealedHead,
    link_key,
    link_of,
)
from careconnect.audit.event import SHARDS, partition_of
from careconnect.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient

Item = Mapping[str, Any]

_MAC_ALGORITHM: Final = "HMAC_SHA_256"
_NEW: Final = "attribute_not_exists(pk)"
_CANCELLED: Final = "TransactionCanceledException"
_FAILED: Final = "ConditionalCheckFailed"
_WRONG_MAC: Final = "KMSInvalidMacException"
_MAC_BYTES: Final = 32
_MOST_BYTES: Final = 4096
"""Of what KMS makes a MAC."""

_FEW: Final = 16
"""Heads of one page, of which the first or the second is wanted."""


class KmsSeal:
    """Makes and verifies MACs by the deployment's sealing key, which never leaves KMS; errors of KMS pass through."""

    def __init__(self, client: "KMSClient", key_alias: str) -> None:
        self._client = client
        self._alias = key_alias

    def close(self, head: Head) -> SealedHead:
        """Return a head with its MAC."""
        text = head.text()
        answer = self._client.generate_mac(KeyId=self._alias, MacAlgorithm=_MAC_ALGORITHM, Message=text.encode())
        return SealedHead(head.day, text, answer["Mac"])

    def opened(self, sealed: SealedHead | None) -> Head | None:
        """Return the head if this deployment's key sealed it, or nothing."""
        if sealed is None or len(sealed.mac) != _MAC_BYTES or not sealed.text:
            return None
        message = sealed.text.encode("utf-8", "surrogatepass")
        if len(message) > _MOST_BYTES:
            return None
        try:
            self._client.verify_mac(KeyId=self._alias, MacAlgorithm=_MAC_ALGORITHM, Message=message, Mac=sealed.mac)
            return sealed.head()
        except ChainError:
            return None
        except SERVICE_ERRORS as error:
            if error_code(error) != _WRONG_MAC:
                raise
            return None


class DynamoDbAccessChain:
    """Reads the record's items and its chain, and appends to the chain; errors of DynamoDB pass through.

    All reads are consistent. `retention_days` is how long witnesses are kept among the events, 0 for ever.
    """

    def __init__(self, client: "DynamoDBClient", audit_table: str, seal_table: str, retention_days: int = 0) -> None:
        self._client = client
        self._audit_table = audit_table
        self._seal_table = seal_table
        self._retention_days = retention_days

    def items(
        self, day: str, since: int | None = None, before: int | None = None, *, backward: bool = False
    ) -> Iterator[Item]:
        """Return a day's items by their sort keys, as it reads them shard by shard, a page of each at a time.

        `since` and `before` are epoch milliseconds; without them it is all that the day's partitions hold.
        """
        shards = (self._shard(partition_of(day, shard), since, before, backward=backward) for shard in SHARDS)
        return heapq.merge(*shards, key=lambda item: str(item["sk"]["S"]), reverse=backward)

    def _shard(self, partition: str, since: int | None, before: int | None, *, backward: bool) -> Iterator[Item]:
        condition, values = "pk = :pk", {":pk": {"S": partition}}
        if since is not None and before is not None:
            condition += " AND sk BETWEEN :since AND :before"
            values |= {":since": {"S": f"{since:012x}"}, ":before": {"S": f"{before:012x}"}}
        yield from self._query(self._audit_table, condition, values, backward=backward)

    def heads(self, up_to: str) -> Iterator[SealedHead]:
        """Return the heads of a day and of those before it, the newest first."""
        values = {":pk": {"S": HEADS}, ":day": {"S": up_to}}
        items = self._query(self._seal_table, "pk = :pk AND sk <= :day", values, backward=True, page=_FEW)
        return map(SealedHead.of_item, items)

    def heads_after(self, day: str) -> Iterator[SealedHead]:
        """Return the heads of later days, the next first."""
        values = {":pk": {"S": HEADS}, ":day": {"S": day}}
        return map(SealedHead.of_item, self._query(self._seal_table, "pk = :pk AND sk > :day", values, page=_FEW))

    def head(self, day: str) -> SealedHead | None:
        """Return a day's head, whatever it is worth."""
        key = {"pk": {"S": HEADS}, "sk": {"S": day}}
        answer = self._client.get_item(TableName=self._seal_table, Key=key, ConsistentRead=True)
        return SealedHead.of_item(answer["Item"]) if "Item" in answer else None

    def links(self, day: str, after: int = 0, *, backward: bool = False) -> Iterator[tuple[int, Link | None]]:
        """Return the numbers of a day's links after one, and the links; nothing for one that cannot be read."""
        key = link_key(day, after)
        values = {":pk": key["pk"], ":after": key["sk"]}
        for item in self._query(self._seal_table, "pk = :pk AND sk > :after", values, backward=backward):
            number = item["sk"]["S"]
            try:
                yield int(number) if number.isdigit() else 0, link_of(item)
            except ChainError:
                yield int(number) if number.isdigit() else 0, None

    def append(self, old: SealedHead | None, new: SealedHead, links: Sequence[Link], at: int) -> bool:
        """Put links, the new head and its witness in one transaction; False if the head is no longer the `old` one."""
        is_old: dict[str, Any] = {"ConditionExpression": _NEW}
        if old is not None:
            # By the MAC alone: no two heads have the same. What has been altered may have none.
            is_old = {"ConditionExpression": "mac = :mac", "ExpressionAttributeValues": {":mac": {"B": old.mac}}}
        if old is not None and not old.mac:
            is_old = {"ConditionExpression": "attribute_not_exists(mac)"}
        puts = [
            {"TableName": self._seal_table, "Item": new.item(), **is_old},
            {
                "TableName": self._audit_table,
                "Item": new.witness(at, self._retention_days),
                "ConditionExpression": _NEW,
            },
            *({"TableName": self._seal_table, "Item": link.item(), "ConditionExpression": _NEW} for link in links),
        ]
        transaction: Any = [{"Put": put} for put in puts]
        try:
            self._client.transact_write_items(TransactItems=transaction)
        except SERVICE_ERRORS as error:
            if not _lost(error):
                raise
            return False
        return True

    def _query(
        self,
        table: str,
        condition: str,
        values: Mapping[str, Any],
        *,
        backward: bool = False,
        page: int | None = None,
    ) -> Iterator[Item]:
        request: dict[str, Any] = {
            "TableName": table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "ScanIndexForward": not backward,
        }
        if page is not None:
            request["Limit"] = page
        while True:
            answer = self._client.query(**request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _lost(error: Exception) -> bool:
    """Say whether a transaction failed for what another seal has written meanwhile."""
    response: Any = getattr(error, "response", {})
    reasons = {reason.get("Code") for reason in response.get("CancellationReasons", ())}
    # Of two at the same moment one conflicts, and has lost as well.
    return error_code(error) == _CANCELLED and bool(reasons & {_FAILED, "TransactionConflict"})
