"""DynamoDB in memory answers as moto's does and as the emulator, but where these do not answer as AWS.

moto is compared as the unit tests use it, made quick and whole (`moto_dynamodb`).
"""

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, example, given, settings
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.dynamodb.generated_calls import PLAIN, SORTED, TABLES, Call, calls, create_tables
from careconnect_testing.records.generated import cases
from careconnect_testing.running.cases import each_of

_NOT_ANSWERED = "NotAnswered"
"""The code of a call that meets a bug: Python's error instead of DynamoDB's."""

_NOT_COMPARED = ("UnprocessedItems", "ConsumedCapacity", "ItemCollectionMetrics")

_Outcome = tuple[str, Any]
"""An error's code, empty without one, and what came with it."""


@dataclass(frozen=True, slots=True)
class _Difference:
    """A difference in which ours follows AWS: where it is documented, and which outcomes show it."""

    reason: str
    shows: Callable[[Call, _Outcome, _Outcome], bool]


_KNOWN = {
    "neither says that anything follows a full page": _Difference(
        "A page that `Limit` ends has a LastEvaluatedKey, even if nothing follows (API Reference, Query, Limit).",
        lambda call, ours, theirs: "Limit" in call[1] and not ours[0] and _without_key(ours[1]) == theirs[1],
    ),
}
_OF_MOTO = {
    "moto fails with an error of Python": _Difference(
        "size() of an attribute that an item lacks, and a comparison of two types, are false (Developer Guide, "
        "Condition and filter expressions); moto raises ValueError and TypeError.",
        lambda _call, _ours, theirs: (
            theirs[0] == _NOT_ANSWERED or any(error in str(theirs[1]) for error in ("'ValueError'", "'TypeError'"))
        ),
    ),
    "moto takes an absent attribute for NULL": _Difference(
        "The type NULL is a value, and an attribute that an item lacks equals no value (Developer Guide, Data types).",
        lambda call, _ours, _theirs: ":null" in str(call),
    ),
    "moto refuses a transaction whose update does not fit an item": _Difference(
        "TransactWriteItems is cancelled with the reason ValidationError (API Reference, TransactWriteItems).",
        lambda _call, ours, theirs: "'ValidationError'" in str(ours[1]) and theirs[0] == "ValidationException",
    ),
    "moto returns the key of an item that an update creates": _Difference(
        "UPDATED_NEW returns 'only the updated attributes' (API Reference, UpdateItem).",
        lambda call, _ours, _theirs: call[1].get("ReturnValues") == "UPDATED_NEW",
    ),
    "moto finds no element of an absent list": _Difference(
        "if_not_exists gives its second argument 'if the item does not contain an attribute at the specified path' "
        "(Developer Guide, Update expressions); moto refuses a path whose beginning is absent.",
        lambda call, ours, theirs: (
            "if_not_exists" in str(call) and ours[0] == "" and theirs[0] == "ValidationException"
        ),
    ),
    "moto reads nothing of an absent parent": _Difference(
        "An update of a nested attribute without a parent is not valid (API Reference, TransactWriteItems: 'The "
        "document path provided in the update expression is invalid for update').",
        lambda call, ours, _theirs: "UpdateExpression" in str(call) and "Validation" in str(ours),
    ),
}
_OF_THE_EMULATOR = {
    "the emulator updates a nested attribute without a parent": _Difference(
        "Such an update is not valid (API Reference, TransactWriteItems: 'The document path provided in the update "
        "expression is invalid for update').",
        lambda call, ours, theirs: "UpdateExpression" in str(call) and "Validation" in str(ours) and not theirs[0],
    ),
    "the emulator's begins_with refuses what is no text": _Difference(
        "It takes a text or a binary value, and is false for an attribute of another type or none (Developer Guide, "
        "Condition and filter expressions).",
        lambda call, _ours, theirs: "begins_with" in str(call) and theirs[0] == "ValidationException",
    ),
    "the emulator's numbers have 28 digits": _Difference(
        "They have 38 (Developer Guide, Data types).",
        # A later call shows the rounded number that an earlier one has stored.
        lambda call, ours, theirs: ":long" in str(call) or _rounded(ours) == _rounded(theirs),
    ),
    "the emulator names one reason of a cancelled transaction": _Difference(
        "Each action has its own (API Reference, TransactWriteItems).",
        lambda _call, ours, theirs: {ours[0], theirs[0]} == {"TransactionCanceledException"},
    ),
}

_NUMBERS = count()
_KEY = {"pk": {"S": "a"}, "sk": {"S": "0"}}

_Reference = tuple[Any, Mapping[str, _Difference]]
"""A client of DynamoDB, and the differences from ours that are known."""


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client(
            "dynamodb", region_name="eu-west-2", aws_access_key_id="testing", aws_secret_access_key="testing"
        )


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with Emulator(tmp_path_factory.mktemp("emulator") / "emulator.log") as emulator:
        yield emulator.client("dynamodb")


_LONG = [pytest.mark.integration, pytest.mark.long]


@pytest.fixture(params=[("moto", _OF_MOTO), pytest.param(("emulator", _OF_THE_EMULATOR), marks=_LONG)])
def reference(request: pytest.FixtureRequest) -> _Reference:
    name, known = request.param
    return request.getfixturevalue(name), _KNOWN | known


_ADD = {
    "UpdateExpression": "ADD #n :one",
    "ExpressionAttributeNames": {"#n": "n"},
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}


def _put(sk: str) -> Call:
    return "put_item", {"TableName": SORTED, "Item": {"pk": {"S": "a"}, "sk": {"S": sk}, "n": {"N": "1"}}}


def _transaction(*actions: tuple[str, str, str]) -> Call:
    """Return a transaction of actions: a kind, a sort key, empty for the table without one, and a condition."""
    items = []
    for kind, sk, expression in actions:
        place = {"TableName": SORTED if sk else PLAIN}
        key = {"pk": {"S": "a"}} | ({"sk": {"S": sk}} if sk else {})
        more: Any = {
            "Put": {"Item": {**key, "n": {"N": "9"}}},
            "Update": {"Key": key, **_ADD, **({"ConditionExpression": expression} if expression else {})},
            "Delete": {"Key": key},
            "ConditionCheck": {
                "Key": key,
                "ConditionExpression": expression,
                "ExpressionAttributeNames": {"#n": "n"},
            },
        }[kind]
        items.append({kind: place | more})
    return "transact_write_items", {"TransactItems": items}


_QUERY: Call = (
    "query",
    {"TableName": SORTED, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "a"}}},
)
_DONE = [("Update", "2", ""), ("Put", "1", ""), ("Delete", "10", ""), ("Update", "3", "attribute_not_exists(#n)")]
_REFUSED = [*_DONE, ("Update", "", ""), ("ConditionCheck", "9", "attribute_exists(#n)")]
_ITEM: Any = {
    **_KEY,
    "s": {"S": "ü"},
    "n": {"N": "1.50"},
    "b": {"B": b"\x00\xff"},
    "bs": {"BS": [b"\x01", b"\xfe"]},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "true": {"BOOL": True},
    "null": {"NULL": True},
    "l": {"L": [{"S": "a"}, {"B": b"\xff"}, {"M": {"B": {"S": "named like a type"}}}]},
    "m": {"M": {"B": {"S": "b"}, "BS": {"BS": [b"\x02"]}, "x": {"L": []}}},
}
_INSERT: Call = (
    "batch_execute_statement",
    {
        "Statements": [
            {"Statement": f"INSERT INTO \"{PLAIN}\" VALUE {{'pk':?,'n':?}}", "Parameters": [{"S": "a"}, {"N": number}]}
            for number in "12"
        ]
    },
)


@pytest.mark.generated
@settings(max_examples=cases(120), phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
@example(calls=[_put("2"), _put("10"), _put("1"), _QUERY])
@example(calls=[_put("2"), _put("10"), _put("1"), _transaction(*_DONE)])
@example(calls=[_put("2"), _put("10"), _put("1"), _transaction(*_REFUSED)])
@example(calls=[_put("2"), _transaction(("Update", "2", "attribute_not_exists(#n)"))])
@example(calls=[("put_item", {"TableName": SORTED, "Item": _ITEM}), _QUERY])
@example(calls=[_INSERT])
@given(calls=calls)
def test_generated_calls_are_answered_as_by_the_reference(reference: _Reference, calls: Sequence[Call]) -> None:
    theirs, known = reference
    ours = InMemoryClient(Database(time.time))
    suffix = f"-{next(_NUMBERS)}"
    create_tables(ours)
    create_tables(theirs, suffix)

    _compare(ours, theirs, calls, known.values(), suffix)


@pytest.fixture
def table(moto: Any) -> str:
    suffix = f"-{next(_NUMBERS)}"
    create_tables(moto, suffix)
    return SORTED + suffix


def test_what_is_given_to_moto_and_what_it_answers_is_nobody_elses(moto: Any, table: str) -> None:
    put: Any = {**_KEY, "l": {"L": [{"S": "a"}]}, "ss": {"SS": ["a"]}}
    moto.put_item(TableName=table, Item=put)
    for each in (put, moto.get_item(TableName=table, Key=_KEY)["Item"]):
        each["l"]["L"].append({"S": "b"})
        each["ss"]["SS"].append("b")

    assert moto.get_item(TableName=table, Key=_KEY)["Item"] == {**_KEY, "l": {"L": [{"S": "a"}]}, "ss": {"SS": ["a"]}}


@each_of("expression", ["ADD n :n", "SET n = :n", "ADD ns :more", "DELETE ns :ns", "SET m.x = :n", "REMOVE l[0]"])
def test_an_update_of_motos_leaves_the_item_that_was_there_to_a_saved_table(
    moto: Any, table: str, expression: str
) -> None:
    values: Any = {":n": {"N": "3"}, ":more": {"NS": ["3"]}, ":ns": {"NS": ["2"]}}
    used = {name: value for name, value in values.items() if expression.endswith(name)}
    item = {**_KEY, "n": {"N": "1.5"}, "ns": {"NS": ["1", "2"]}, "m": {"M": {}}, "l": {"L": [{"S": "a"}]}}
    moto.put_item(TableName=table, Item=item)
    (kept,) = dynamodb_backends["123456789012"]["eu-west-2"].tables[table].all_items()
    before = copy.deepcopy(kept.to_json())
    moto.update_item(
        TableName=table,
        Key=_KEY,
        UpdateExpression=expression,
        **({"ExpressionAttributeValues": used} if used else {}),
    )

    assert moto.get_item(TableName=table, Key=_KEY)["Item"] != item
    assert kept.to_json() == before


def _compare(ours: Any, theirs: Any, calls: Sequence[Call], known: Iterable[_Difference], suffix: str) -> None:
    """Do calls on two clients with empty tables, and compare each outcome and the items at the end.

    It ends at a known difference, since the tables then differ. `suffix` distinguishes their tables from those of other
    sequences.
    """
    scans = [("scan", {"TableName": table, "ConsistentRead": True}) for table in TABLES]
    for call in (*calls, *scans):
        mine, yours = _outcome(ours, call), _outcome(theirs, call, suffix)
        if mine == yours:
            continue
        assert any(one.shows(call, mine, yours) for one in known), f"{call}\nours:   {mine}\ntheirs: {yours}"
        return


def _rounded(outcome: Any) -> Any:
    """Return an outcome with its numbers rounded to 28 digits."""
    if isinstance(outcome, Decimal):
        return Context(prec=28).plus(outcome)
    if isinstance(outcome, dict):
        return {name: _rounded(value) for name, value in outcome.items()}
    return [_rounded(each) for each in outcome] if isinstance(outcome, list | tuple) else outcome


def _outcome(client: Any, call: Call, suffix: str = "") -> _Outcome:
    """Do a call and return its answer or error, without what is not promised: order of sets, batches and scans."""
    operation, request = call
    try:
        answer = getattr(client, operation)(**(_renamed(request, suffix) if suffix else request))
    except (ValueError, TypeError, AssertionError) as error:
        return _NOT_ANSWERED, repr(error)
    except ClientError as error:
        response: Any = error.response
        reasons = [
            (reason.get("Code"), _normal(reason.get("Item"))) for reason in response.get("CancellationReasons", ())
        ]
        return response["Error"]["Code"], (reasons, _normal(response.get("Item")))
    answer.pop("ResponseMetadata", None)
    if operation == "batch_get_item":
        return "", {name.removesuffix(suffix): _in_order(items) for name, items in answer["Responses"].items()}
    if operation == "batch_execute_statement":
        return "", [response.get("Error", {}).get("Code", "") for response in answer["Responses"]]
    if operation in ("scan", "query") and (operation == "scan" or "IndexName" in request):
        return "", (_in_order(answer["Items"]), answer["Count"], answer.get("LastEvaluatedKey"))
    return "", _normal({name: value for name, value in answer.items() if name not in _NOT_COMPARED})


def _in_order(items: Sequence[Any]) -> list[Any]:
    return sorted(map(_normal, items), key=repr)


def _normal(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_normal(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"N"}:
        return {"N": Decimal(value["N"])}
    if len(value) == 1 and (kind := next(iter(value))) in ("SS", "NS", "BS") and isinstance(value[kind], list):
        return {kind: sorted(map(Decimal, value[kind]) if kind == "NS" else value[kind])}
    return {name: _normal(value[name]) for name in sorted(value)}


def _renamed(request: Any, suffix: str) -> Any:
    """Return a request with a suffix to each table's name."""
    if isinstance(request, list):
        return [_renamed(each, suffix) for each in request]
    if not isinstance(request, dict):
        return request
    renamed = {name: value if name in ("Item", "Key") else _renamed(value, suffix) for name, value in request.items()}
    if "TableName" in renamed:
        renamed["TableName"] += suffix
    if "RequestItems" in renamed:
        renamed["RequestItems"] = {name + suffix: value for name, value in renamed["RequestItems"].items()}
    if "Statement" in renamed:
        for table in TABLES:
            renamed["Statement"] = renamed["Statement"].replace(f'"{table}"', f'"{table}{suffix}"')
    return renamed


def _without_key(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name != "LastEvaluatedKey"}
