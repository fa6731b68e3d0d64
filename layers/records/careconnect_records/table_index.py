"""What a table says of its own index: the version that all of its records have, and how far a renewal is (ADR 22)."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.aws import error_code
from careconnect.record_keys import CURSOR_KEY, INDEX_VERSION, REINDEX_KEY, Key, complete_key
from careconnect.resource_types import DATA_HOMES, Home
from careconnect_records.tables import RecordTables

_FIRST: Final = 1


@dataclass(frozen=True, slots=True)
class Reached:
    """The last of a type's entries, by their partitions in turn, before which a renewal has nothing left to do."""

    partition: str
    sort_key: str


class TableIndex:
    """The items that are about the table for `home` itself: its own, and the one of the reference table."""

    def __init__(self, tables: RecordTables, home: Home) -> None:
        self._client = tables.client
        self._table = tables.name(home)
        self._reference_table = tables.reference
        self._complete = {"pk": {"S": complete_key(home.value)}}

    def ensure(self) -> None:
        """Give the table the key that seals its `next` links, unless it has one.

        A table that gets it now is new: its index is of this release from the first resource on.
        """
        item: Any = {
            **_key(CURSOR_KEY),
            "key": {"B": secrets.token_bytes(32)},
            "index": {"N": str(INDEX_VERSION)},
        }
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
        if not self.is_behind():
            self._counts_all()

    def is_behind(self) -> bool:
        """Say whether records of the table may lack entries or values of this release; one GetItem."""
        version = self.version()
        return version is not None and version < INDEX_VERSION

    def version(self) -> int | None:
        """Return the version of the index that all of its records have, None where there are none yet; one GetItem."""
        item = self._item(CURSOR_KEY)
        return int(item.get("index", {"N": str(_FIRST)})["N"]) if item else None

    def _counts_all(self) -> None:
        """Say in the reference table that all references of this one are counted, as they are from version 3 on."""
        self._client.update_item(
            TableName=self._reference_table,
            Key=self._complete,
            UpdateExpression="SET #complete = :yes",
            ExpressionAttributeNames={"#complete": "complete"},
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )

    def reached(self) -> Reached | None:
        """Return how far an earlier renewal for this release came, if it did not end."""
        item = self._item(REINDEX_KEY)
        if not item or item["index"]["N"] != str(INDEX_VERSION):
            return None
        return Reached(item["partition"]["S"], item["place"]["S"])

    def keep(self, reached: Reached) -> None:
        """Note how far a renewal is, for one that goes on after it."""
        self._client.put_item(
            TableName=self._table,
            Item={
                **_key(REINDEX_KEY),
                "index": {"N": str(INDEX_VERSION)},
                "partition": {"S": reached.partition},
                "place": {"S": reached.sort_key},
            },
        )

    def complete(self) -> None:
        """Say that all records have the entries and values of this release."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(CURSOR_KEY),
                UpdateExpression="SET #index = :version",
                # Never back, where a later release has been at work; and no item that has no key.
                ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(#index) OR #index < :version)",
                ExpressionAttributeNames={"#index": "index"},
                ExpressionAttributeValues={":version": {"N": str(INDEX_VERSION)}},
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
        self._counts_all()
        self._client.delete_item(TableName=self._table, Key=_key(REINDEX_KEY))

    def _item(self, key: Key) -> dict[str, Any]:
        answer: Any = self._client.get_item(TableName=self._table, Key=_key(key), ConsistentRead=True)
        found: dict[str, Any] = answer.get("Item", {})
        return found


def reindex_is_due(tables: RecordTables) -> bool:
    """Say whether records of a table may lack entries or values of this release: one GetItem for each."""
    return any(TableIndex(tables, home).is_behind() for home in DATA_HOMES)


def _key(key: Key) -> dict[str, Any]:
    pk, sk = key
    return {"pk": {"S": pk}, "sk": {"S": sk}}
