"""Find a patient by the NHS number with the operator's own permissions."""

from typing import TYPE_CHECKING, Final

from careconnect.audit.query import PATIENT
from careconnect.storage.keys import position_of, token_partition, token_prefix

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_IDENTIFIER: Final = PATIENT.by_name["identifier"]


def patients_with_nhs_number(client: "DynamoDBClient", record_table: str, number: str) -> list[str]:
    """Return the ids of the patients who have an NHS number now, as typed with spaces or hyphens; one query.

    DynamoDB errors pass through.
    """
    code = "".join(each for each in number if each.isdigit())
    answer = client.query(
        TableName=record_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={
            ":pk": {"S": token_partition(PATIENT.name, _IDENTIFIER.name, code)},
            ":prefix": {"S": token_prefix(_IDENTIFIER.grouped)},
        },
        ConsistentRead=True,
        Limit=100,
    )
    return sorted({position_of(item["sk"]["S"])[1] for item in answer["Items"]})
