"""The DynamoDB of the unit tests: what makes it quick leaves its answers as they are."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

_TABLE = "table"


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "dynamodb", region_name="eu-west-2", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.create_table(
            TableName=_TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        for pk, sk in (("a", "2"), ("b", "1"), ("a", "1")):
            client.put_item(TableName=_TABLE, Item=_key(pk, sk) | {"n": {"N": "1"}})
        yield client


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _partition(client: Any, pk: str, **options: Any) -> list[tuple[str, str]]:
    answer = client.query(
        TableName=_TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
        ConsistentRead=True,
        **options,
    )
    return [(item["sk"]["S"], item["n"]["N"]) for item in answer["Items"]]


def _add(pk: str, sk: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": _TABLE,
            "Key": _key(pk, sk),
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def test_a_query_is_answered_with_its_partition_in_order(dynamodb: Any) -> None:
    assert _partition(dynamodb, "a") == [("1", "1"), ("2", "1")]
    assert _partition(dynamodb, "a", ScanIndexForward=False, Limit=1) == [("2", "1")]
    assert _partition(dynamodb, "absent") == []


def test_a_transaction_is_done_whole(dynamodb: Any) -> None:
    put = {"Put": {"TableName": _TABLE, "Item": _key("a", "3") | {"n": {"N": "1"}}}}
    delete = {"Delete": {"TableName": _TABLE, "Key": _key("a", "1")}}

    dynamodb.transact_write_items(TransactItems=[_add("a", "2"), put, delete, _add("a", "4")])

    assert _partition(dynamodb, "a") == [("2", "2"), ("3", "1"), ("4", "1")]


def test_a_transaction_that_fails_leaves_everything_as_it_was(dynamodb: Any) -> None:
    put = {"Put": {"TableName": _TABLE, "Item": _key("a", "1") | {"n": {"N": "9"}}}}
    delete = {"Delete": {"TableName": _TABLE, "Key": _key("b", "1")}}
    check = {
        "ConditionCheck": {
            "TableName": _TABLE,
            "Key": _key("c", "1"),
            "ConditionExpression": "attribute_exists(pk)",
        }
    }

    with pytest.raises(ClientError) as cancelled:
        dynamodb.transact_write_items(TransactItems=[_add("a", "2"), put, delete, _add("a", "3"), check])

    codes = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert codes == ["None", "None", "None", "None", "ConditionalCheckFailed"]
    assert _partition(dynamodb, "a") == [("1", "1"), ("2", "1")]
    assert _partition(dynamodb, "b") == [("1", "1")]


def test_a_transaction_on_a_table_without_a_sort_key_fails_as_a_whole_too(dynamodb: Any) -> None:
    dynamodb.create_table(
        TableName="plain",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"pk": {"S": "a"}}
    dynamodb.put_item(TableName="plain", Item=key | {"n": {"N": "1"}})
    add = {"Update": {**_add("a", "")["Update"], "TableName": "plain", "Key": key}}
    check = {
        "ConditionCheck": {
            "TableName": "plain",
            "Key": {"pk": {"S": "b"}},
            "ConditionExpression": "attribute_exists(pk)",
        }
    }

    with pytest.raises(ClientError):
        dynamodb.transact_write_items(TransactItems=[add, check])
    assert dynamodb.get_item(TableName="plain", Key=key)["Item"]["n"] == {"N": "1"}
    dynamodb.transact_write_items(TransactItems=[add])
    assert dynamodb.get_item(TableName="plain", Key=key)["Item"]["n"] == {"N": "2"}
