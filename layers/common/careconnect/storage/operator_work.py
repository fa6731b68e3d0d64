"""The operators' commands that write and are under way, which a bulk export waits for (ADR 53).

A command's writes have no limit of time, as those of a request have. So it registers itself in the transaction table
before its first write, and renews that while it runs. A registration is an item of the partition `work`. Its sort key
is the command's name, with a `/` and more behind it if several may run at once. It ends with its `expires_at`, in epoch
seconds, or when the command removes it.
"""

from typing import TYPE_CHECKING, Final

from careconnect.storage.dynamodb import call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION: Final = "work"


def work_under_way(client: "DynamoDBClient", table: str, now: float) -> list[str]:
    """Return the names of the commands that are under way at `now`, in epoch seconds, each once: one Query.

    Raises the 503 outcome.
    """
    answer = call(
        client.query,
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": PARTITION}},
        ConsistentRead=True,
    )
    running = [item["sk"]["S"] for item in answer["Items"] if int(item["expires_at"]["N"]) > now]
    return list(dict.fromkeys(name.partition("/")[0] for name in running))
