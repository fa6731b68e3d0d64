"""The AWS clients: the features that are switched off change no answer and no error."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from careconnect.runtime import aws
from careconnect_testing.aws import moto_without_http

REGION = "eu-west-2"
TABLE = "table"
KEY = {"pk": {"S": "one"}, "sk": {"S": "#"}}
VALUES: dict[str, Any] = {
    "text": {"S": 'with "B" and "BS" in it, and \u00fc, \U0001f600 and \\'},
    "number": {"N": "-0.10"},
    "bool": {"BOOL": False},
    "null": {"NULL": True},
    "list": {"L": [{"S": ""}, {"L": []}, {"M": {}}]},
    "map": {"M": {"deep": {"M": {"deeper": {"N": "1"}}}}},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
}
BINARY: dict[str, Any] = {
    "bytes": {"B": b"\x00\xffB"},
    "several": {"BS": [b"\x00", b"\x01"]},
    "below": {"M": {"bytes": {"B": b"\x02"}, "list": {"L": [{"B": b"\x03"}]}}},
}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """Yield our client and one with boto3's own settings, over HTTP on one table; ours parses the answers itself."""
    monkeypatch.setattr(moto_without_http, "_ACTIONS", {})
    for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        plain = boto3.session.Session().client("dynamodb", region_name=REGION)
        plain.create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield aws.dynamodb(), plain


def reported(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    return answer


@pytest.mark.parametrize("more", [{}, BINARY], ids=["without binary values", "with binary values"])
@pytest.mark.parametrize("values", [{}, VALUES], ids=["empty", "of every type"])
def test_an_answer_is_what_boto3_makes_of_it(clients: tuple[Any, Any], values: Any, more: Any) -> None:
    ours, plain = clients
    ours.put_item(TableName=TABLE, Item={**KEY, **values, **more})

    for operation, asked in (
        ("get_item", {"TableName": TABLE, "Key": KEY}),
        ("get_item", {"TableName": TABLE, "Key": {"pk": {"S": "absent"}, "sk": {"S": "#"}}}),
        ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [KEY]}}}),
        (
            "query",
            {
                "TableName": TABLE,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": "one"}},
                "Limit": 1,
            },
        ),
        ("transact_get_items", {"TransactItems": [{"Get": {"TableName": TABLE, "Key": KEY}}]}),
    ):
        assert reported(getattr(ours, operation)(**asked)) == reported(getattr(plain, operation)(**asked)), operation


def test_what_cancelled_a_transaction_is_reported_as_boto3_tells_it(clients: tuple[Any, Any]) -> None:
    clients[1].put_item(TableName=TABLE, Item={**KEY, **VALUES})
    put = {
        "TableName": TABLE,
        "Item": KEY,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }

    errors = []
    for client in clients:
        with pytest.raises(ClientError) as refused:
            client.transact_write_items(TransactItems=[{"Put": put}])
        errors.append(refused.value)

    assert aws.reasons_of(errors[0]) == aws.reasons_of(errors[1]) == ["ConditionalCheckFailed"]
    assert aws.error_code(errors[0]) == aws.error_code(errors[1]) == "TransactionCanceledException"


def test_a_refusal_keeps_its_code(clients: tuple[Any, Any]) -> None:
    ours, _ = clients
    with pytest.raises(ClientError) as refused:
        ours.get_item(TableName="none", Key=KEY)

    assert aws.error_code(refused.value) == "ResourceNotFoundException"


def test_each_call_says_who_makes_it(clients: tuple[Any, Any]) -> None:
    ours, _ = clients
    agents: list[str] = []
    ours.meta.events.register_first(
        "before-call.dynamodb", lambda params, **_: agents.append(params["headers"]["User-Agent"])
    )
    ours.get_item(TableName=TABLE, Key=KEY)

    assert [agent.partition(" ")[0] for agent in agents] == ["careconnect"], agents


def test_a_timeout_has_no_reasons_of_a_cancelled_transaction() -> None:
    assert aws.reasons_of(ReadTimeoutError(endpoint_url="https://dynamodb.example")) == []
