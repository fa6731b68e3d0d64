"""The DynamoDB of the unit tests: its speed-ups leave every answer unchanged."""

import copy
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from careconnect_testing.aws import moto_without_http

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


_ALL_KINDS: dict[str, Any] = {
    "s": {"S": "ü"},
    "n": {"N": "1.50"},
    "b": {"B": b"\x00\xff"},
    "bs": {"BS": [b"\x01", b"\xfe"]},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "l": {"L": [{"S": "a"}, {"B": b"\xff"}, {"M": {"B": {"S": "named like a type"}}}]},
    "m": {"M": {"B": {"S": "b"}, "BS": {"BS": [b"\x02"]}, "x": {"L": []}}},
    "true": {"BOOL": True},
    "null": {"NULL": True},
}
_OF_A = {
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "a"}},
    "ReturnConsumedCapacity": "TOTAL",
}
_ASKED: dict[str, Callable[[Any], Any]] = {
    "get": lambda client: client.get_item(TableName=_TABLE, Key=_key("a", "0")),
    "get of none": lambda client: client.get_item(TableName=_TABLE, Key=_key("a", "9")),
    "projection": lambda client: client.get_item(TableName=_TABLE, Key=_key("a", "0"), ProjectionExpression="b, m"),
    "query": lambda client: client.query(TableName=_TABLE, Limit=2, **_OF_A),
    "scan": lambda client: client.scan(TableName=_TABLE, Limit=3),
    "batch": lambda client: client.batch_get_item(
        RequestItems={_TABLE: {"Keys": [_key("a", "0"), _key("b", "9"), _key("b", "1")]}}
    ),
    "transaction": lambda client: client.transact_get_items(
        TransactItems=[{"Get": {"TableName": _TABLE, "Key": _key(*key)}} for key in (("a", "0"), ("a", "9"))]
    ),
    "put": lambda client: client.put_item(
        TableName=_TABLE, Item=_key("a", "0") | _ALL_KINDS | {"s": {"S": "new"}}, ReturnValues="ALL_OLD"
    ),
    "update": lambda client: client.update_item(
        TableName=_TABLE,
        Key=_key("a", "0"),
        UpdateExpression="SET b = :b ADD ss :ss DELETE bs :bs REMOVE l",
        ExpressionAttributeValues={":b": {"B": b"\xfd"}, ":ss": {"SS": ["c"]}, ":bs": {"BS": [b"\xfe"]}},
        ReturnValues="ALL_NEW",
    ),
    "delete": lambda client: client.delete_item(TableName=_TABLE, Key=_key("a", "0"), ReturnValues="ALL_OLD"),
    "batch of writes": lambda client: client.batch_write_item(
        RequestItems={_TABLE: [{"DeleteRequest": {"Key": _key("a", "0")}}]}
    ),
    "transaction of writes": lambda client: client.transact_write_items(TransactItems=[_add("a", "2")]),
    "condition that fails": lambda client: client.put_item(
        TableName=_TABLE, Item=_key("a", "0"), ConditionExpression="attribute_not_exists(pk)"
    ),
    "transaction that fails": lambda client: client.transact_write_items(
        TransactItems=[{"Put": {"TableName": _TABLE, "Item": _key("a", "0"), "ConditionExpression": "n > n"}}]
    ),
    "table that is not there": lambda client: client.get_item(TableName="absent", Key=_key("a", "0")),
    "expression that is none": lambda client: client.query(TableName=_TABLE, **_OF_A | {"KeyConditionExpression": "?"}),
}


def _answer(client: Any, asked: str) -> Any:
    """Return the answer or error with the table's items afterwards, without the parts that differ each time."""
    client.put_item(TableName=_TABLE, Item=_key("a", "0") | _ALL_KINDS)
    try:
        answer = _ASKED[asked](client)
    except ClientError as error:
        answer = error.response
    metadata = answer.pop("ResponseMetadata")
    assert metadata["RequestId"]
    assert parsedate_to_datetime(metadata["HTTPHeaders"]["date"]).tzinfo
    return answer, metadata["HTTPStatusCode"], metadata["RetryAttempts"], client.scan(TableName=_TABLE)["Items"]


@pytest.mark.parametrize("asked", _ASKED)
def test_what_is_answered_without_http_is_what_is_answered_over_it(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    answer = _answer(dynamodb, asked)
    monkeypatch.setattr(moto_without_http, "_ACTIONS", {})
    dynamodb.put_item(TableName=_TABLE, Item=_key("a", "2") | {"n": {"N": "1"}})
    assert answer == _answer(dynamodb, asked)


def test_what_is_given_and_what_is_answered_is_nobody_elses(dynamodb: Any) -> None:
    given = {**_key("a", "0"), "l": {"L": [{"S": "a"}]}, "ss": {"SS": ["a"]}}
    dynamodb.put_item(TableName=_TABLE, Item=given)
    for each in (given, dynamodb.get_item(TableName=_TABLE, Key=_key("a", "0"))["Item"]):
        each["l"]["L"].append({"S": "b"})
        each["ss"]["SS"].append("b")
    assert dynamodb.get_item(TableName=_TABLE, Key=_key("a", "0"))["Item"] == {
        **_key("a", "0"),
        "l": {"L": [{"S": "a"}]},
        "ss": {"SS": ["a"]},
    }


@pytest.mark.parametrize(
    "expression", ["ADD n :n", "SET n = :n", "ADD ns :more", "DELETE ns :ns", "SET m.x = :n", "REMOVE l[0]"]
)
def test_an_update_leaves_the_item_that_was_there_to_whoever_keeps_it(dynamodb: Any, expression: str) -> None:
    dynamodb.put_item(TableName=_TABLE, Item=_key("a", "0") | _ALL_KINDS)
    (table,) = dynamodb_backends["123456789012"]["eu-west-2"].tables.values()
    kept = next(item for item in table.all_items() if item.attrs["sk"].value == "0")
    before = copy.deepcopy(kept.to_json())
    given = {":n": {"N": "3"}, ":more": {"NS": ["3"]}, ":ns": {"NS": ["2"]}}
    values = {name: value for name, value in given.items() if expression.endswith(name)}
    dynamodb.update_item(
        TableName=_TABLE,
        Key=_key("a", "0"),
        UpdateExpression=expression,
        **({"ExpressionAttributeValues": values} if values else {}),
    )
    assert dynamodb.get_item(TableName=_TABLE, Key=_key("a", "0"))["Item"] != _key("a", "0") | _ALL_KINDS
    assert kept.to_json() == before
