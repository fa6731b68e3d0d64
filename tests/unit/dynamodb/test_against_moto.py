"""DynamoDB in memory answers as moto's does, but where moto does not answer as AWS."""

import time
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from moto import mock_aws

from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.dynamodb.checks.comparison import (
    ENDED_BY_LIMIT,
    NOT_ANSWERED,
    Difference,
    compare,
    create_tables,
)
from careconnect_testing.dynamodb.checks.generated_calls import Call, calls
from careconnect_testing.records.generated import cases

_KNOWN = {
    "moto says that nothing follows a full page": ENDED_BY_LIMIT,
    "moto fails with an error of Python": Difference(
        "size() of an attribute that an item lacks, and a comparison of two types, are false (Developer Guide, "
        "Condition and filter expressions); moto raises ValueError and TypeError.",
        lambda _call, _ours, theirs: (
            theirs[0] == NOT_ANSWERED or any(error in str(theirs[1]) for error in ("'ValueError'", "'TypeError'"))
        ),
    ),
    "moto takes an absent attribute for NULL": Difference(
        "The type NULL is a value, and an attribute that an item lacks equals no value (Developer Guide, Data types).",
        lambda call, _ours, _theirs: ":null" in str(call),
    ),
    "moto refuses a transaction whose update does not fit an item": Difference(
        "TransactWriteItems is cancelled with the reason ValidationError (API Reference, TransactWriteItems).",
        lambda _call, ours, theirs: "'ValidationError'" in str(ours[1]) and theirs[0] == "ValidationException",
    ),
    "moto returns the key of an item that an update creates": Difference(
        "UPDATED_NEW returns 'only the updated attributes' (API Reference, UpdateItem).",
        lambda call, _ours, _theirs: call[1].get("ReturnValues") == "UPDATED_NEW",
    ),
    "moto finds no element of an absent list": Difference(
        "if_not_exists gives its second argument 'if the item does not contain an attribute at the specified path' "
        "(Developer Guide, Update expressions); moto refuses a path whose beginning is absent.",
        lambda call, ours, theirs: (
            "if_not_exists" in str(call) and ours[0] == "" and theirs[0] == "ValidationException"
        ),
    ),
    "moto reads nothing of an absent parent": Difference(
        "An update of a nested attribute without a parent is not valid (API Reference, TransactWriteItems: 'The "
        "document path provided in the update expression is invalid for update').",
        lambda call, ours, _theirs: "UpdateExpression" in str(call) and "Validation" in str(ours),
    ),
}

_NUMBERS = count()


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client(
            "dynamodb", region_name="eu-west-2", aws_access_key_id="testing", aws_secret_access_key="testing"
        )


@pytest.mark.generated
@settings(max_examples=cases(120), phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(calls)
def test_generated_calls_are_answered_as_by_moto(moto: Any, calls: Sequence[Call]) -> None:
    ours = InMemoryClient(Database(time.time))
    suffix = f"-{next(_NUMBERS)}"
    create_tables(ours)
    create_tables(moto, suffix)

    compare(ours, moto, calls, _KNOWN, suffix)
