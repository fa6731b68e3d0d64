"""Write a table's format number: with the first write, and around `careconnect reindex` (ADR 31)."""

import secrets
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect.storage.dynamodb import OwnItem
from careconnect.storage.keys import CURSOR_KEY, FORMAT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY: Final[Any] = {"pk": {"S": CURSOR_KEY[0]}, "sk": {"S": CURSOR_KEY[1]}}


def begin_table(client: "DynamoDBClient", table: str) -> None:
    """Put the format number of this release, and a key that seals `next` links, into a table that has none."""
    item: Any = {**_KEY, "key": {"B": secrets.token_bytes(32)}, "format": {"N": str(FORMAT)}}
    try:
        client.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise


def close_table(client: "DynamoDBClient", table: str, run: str) -> None:
    """Set a table's format number to 0, which no release has, and store the `run` of `careconnect reindex`."""
    client.update_item(
        TableName=table,
        Key=_KEY,
        UpdateExpression="SET #format = :none, #run = :run, #key = if_not_exists(#key, :key)",
        ExpressionAttributeNames={"#format": "format", "#run": "run", "#key": "key"},
        ExpressionAttributeValues={":none": {"N": "0"}, ":run": {"S": run}, ":key": {"B": secrets.token_bytes(32)}},
    )


def open_table(client: "DynamoDBClient", table: str, run: str) -> None:
    """Set a table's format number to this release's, if the table was closed by this `run` and no later one."""
    client.update_item(
        TableName=table,
        Key=_KEY,
        UpdateExpression="SET #format = :format REMOVE #run",
        ConditionExpression="#run = :run",
        ExpressionAttributeNames={"#format": "format", "#run": "run"},
        ExpressionAttributeValues={":format": {"N": str(FORMAT)}, ":run": {"S": run}},
    )


def is_closed_by(item: OwnItem, run: str) -> bool:
    """Return True if a table's own item says that this `run` of `careconnect reindex` closed it."""
    return item.get("run") == {"S": run}
