"""The operators' commands that write resources now, which a bulk export waits for (ADR 53).

A request commits within `SETTLE_SECONDS` of the time of its versions. A command has no such limit: while it writes, it
has an item in the transaction table, which it renews. Its sort key is the command's name and a random one of the run.
"""

from typing import TYPE_CHECKING, Any, Final

from careconnect.storage.dynamodb import call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION: Final = "work"
_EXPIRES: Final = "expires_at"

LASTS_SECONDS: Final = 90
"""How long an item counts after it was renewed: a command that was killed is waited for no longer."""


def work_key(command: str, run: str) -> dict[str, Any]:
    """Return the key of the item of a command's run."""
    return {"pk": {"S": PARTITION}, "sk": {"S": f"{command}/{run}"}}


def work_item(command: str, run: str, now: float) -> dict[str, Any]:
    """Return the item of a command's run, renewed `now` (epoch seconds)."""
    return {**work_key(command, run), _EXPIRES: {"N": str(int(now) + LASTS_SECONDS)}}


def work_under_way(client: "DynamoDBClient", table: str, now: float) -> list[str]:
    """Return the names of the commands that write at `now` (epoch seconds), each once: one Query.

    Raises the 503 outcome.
    """
    answer = call(
        client.query,
        TableName=table,
        KeyConditionExpression="pk = :work",
        ExpressionAttributeValues={":work": {"S": PARTITION}},
        ConsistentRead=True,
    )
    items = [item for item in answer["Items"] if int(item[_EXPIRES]["N"]) > now]
    return sorted({item["sk"]["S"].partition("/")[0] for item in items})
