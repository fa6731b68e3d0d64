"""DynamoDB in memory: what differs from moto, lag, streams, time to live, and reads that others write between."""

from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.dynamodb.generated_calls import PLAIN, SORTED, create_tables
from careconnect_testing.parts.clock import Clock
from careconnect_testing.running.cases import each_of

_EVENTS = {
    "TableName": "events",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
}


@pytest.fixture
def now() -> Clock:
    return Clock(1_750_000_000.0)


@pytest.fixture
def database(now: Clock) -> Database:
    database = Database(now)
    create_tables(InMemoryClient(database))
    database.create_table(**_EVENTS, time_to_live="expires_at")
    return database


@pytest.fixture
def client(database: Database) -> Any:
    return InMemoryClient(database)


def _key(sk: str, pk: str = "a") -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _ended(steps: Generator[None, None, dict[str, Any]]) -> dict[str, Any]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: dict[str, Any] = end.value
            return answer


def _partition(**options: Any) -> dict[str, Any]:
    values = {":pk": {"S": "a"}}
    return {
        "TableName": SORTED, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values, **options
    }  # fmt: skip


_G = {"KeyConditionExpression": "g = :g", "ExpressionAttributeValues": {":g": {"S": "x"}}, "IndexName": "by-g"}
_PUT = {"TableName": SORTED, "Item": _key("1")}
_UPDATE = {"TableName": SORTED, "Key": _key("1")}
_ONE = {":one": {"N": "1"}}

_TEXTS = {":a": {"S": "a"}, ":b": {"S": "b"}, ":e": {"S": ""}, ":t": {"BOOL": True}, **_ONE}


def _by(request: dict[str, Any], name: str, text: str) -> dict[str, Any]:
    """Return a request with an expression and the values that it uses."""
    values = {token: value for token, value in _TEXTS.items() if token in text}
    return {**request, f"{name}Expression": text, "ExpressionAttributeValues": values}


def _many(number: int) -> list[Any]:
    return [{"Delete": {"TableName": SORTED, "Key": _key(str(each))}} for each in range(number)]


def _batch(*asked: Any) -> dict[str, Any]:
    return {"RequestItems": {SORTED: list(asked)}}


_SORTED = {"TableName": SORTED}
_DELETES = [{"DeleteRequest": {"Key": _key(str(each))}} for each in range(26)]
_LARGE = [{"Put": {**_SORTED, "Item": {**_key(str(each)), "s": {"S": "a" * 390_000}}}} for each in range(11)]
_INVALID: list[tuple[str, str, dict[str, Any]]] = [
    ("key without a part", "get_item", {"TableName": SORTED, "Key": {"pk": {"S": "a"}}}),
    ("key of a wrong type", "get_item", {"TableName": PLAIN, "Key": {"pk": {"N": "1"}}}),
    ("empty key", "get_item", {"TableName": PLAIN, "Key": {"pk": {"S": ""}}}),
    ("key too long", "get_item", {"TableName": PLAIN, "Key": {"pk": {"S": "a" * 2049}}}),
    ("sort key too long", "put_item", {"TableName": SORTED, "Item": _key("é" * 513)}),
    ("item without a key", "put_item", {"TableName": SORTED, "Item": {"pk": {"S": "a"}}}),
    ("empty index key", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "g": {"S": ""}}}),
    ("index key of a wrong type", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "g": {"N": "1"}}}),
    ("empty set", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "t": {"SS": []}}}),
    ("set with a duplicate", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "t": {"NS": ["1", "1.0"]}}}),
    ("39 digits", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "n": {"N": "1" * 39}}}),
    ("number too large", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "n": {"N": "1e126"}}}),
    ("no number", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "n": {"N": "one"}}}),
    ("item over 400 KB", "put_item", {"TableName": SORTED, "Item": {**_key("1"), "s": {"S": "a" * 409_600}}}),
    ("undefined value", "put_item", {**_PUT, "ConditionExpression": "n = :one"}),
    ("undefined name", "put_item", {**_PUT, "ConditionExpression": "attribute_exists(#n)"}),
    ("unused value", "put_item", {**_by(_PUT, "Condition", "n = :a"), "ExpressionAttributeValues": _TEXTS}),
    ("unused name", "get_item", {**_UPDATE, "ProjectionExpression": "n", "ExpressionAttributeNames": {"#n": "n"}}),
    ("values without expression", "put_item", {**_PUT, "ExpressionAttributeValues": _ONE}),
    ("reserved word", "put_item", {**_PUT, "ConditionExpression": "attribute_exists(status)"}),
    ("redundant parentheses", "put_item", {**_PUT, "ConditionExpression": "((attribute_exists(n)))"}),
    ("syntax error", "put_item", {**_PUT, "ConditionExpression": "attribute_exists(n) AND"}),
    ("no such function", "put_item", {**_PUT, "ConditionExpression": "exists(n)"}),
    ("comparison of a truth", "put_item", _by(_PUT, "Condition", "n < :t")),
    ("update of a key", "update_item", _by(_UPDATE, "Update", "SET sk = :one")),
    ("one place twice", "update_item", _by(_UPDATE, "Update", "SET n = :one, n.a = :one")),
    ("clause twice", "update_item", {**_UPDATE, "UpdateExpression": "REMOVE a REMOVE b"}),
    ("set of an absent value", "update_item", {**_UPDATE, "UpdateExpression": "SET n = m"}),
    ("nested without a parent", "update_item", _by(_UPDATE, "Update", "SET m.a = :one")),
    ("bounds in disorder", "query", _by(_SORTED, "KeyCondition", "pk = :a AND sk BETWEEN :b AND :a")),
    ("two conditions on the sort key", "query", _by(_SORTED, "KeyCondition", "pk = :a AND sk > :a AND sk < :b")),
    ("no partition key", "query", _by(_SORTED, "KeyCondition", "sk = :a")),
    ("empty sort key", "query", _by(_SORTED, "KeyCondition", "pk = :a AND sk > :e")),
    ("filter of a key", "query", {**_partition(FilterExpression="sk = :pk")}),
    ("no such index", "query", {**_G, "TableName": SORTED, "IndexName": "by-h"}),
    ("consistent read of an index", "query", {**_G, "TableName": SORTED, "ConsistentRead": True}),
    ("start in another partition", "query", _partition(ExclusiveStartKey=_key("1", "b"))),
    ("no limit", "query", _partition(Limit=0)),
    ("101 keys", "batch_get_item", {"RequestItems": {SORTED: {"Keys": [_key(str(number)) for number in range(101)]}}}),
    ("key twice", "batch_get_item", {"RequestItems": {SORTED: {"Keys": [_key("1"), _key("1")]}}}),
    ("written twice", "batch_write_item", _batch(_DELETES[1], {"PutRequest": {"Item": _key("1")}})),
    ("26 writes", "batch_write_item", _batch(*_DELETES)),
    ("no action", "transact_write_items", {"TransactItems": []}),
    ("101 actions", "transact_write_items", {"TransactItems": _many(101)}),
    ("item twice", "transact_write_items", {"TransactItems": [{"Put": _PUT}, {"Delete": _UPDATE}]}),
    ("over 4 MB", "transact_write_items", {"TransactItems": _LARGE}),
]  # fmt: skip


@each_of(("case", "operation", "request_"), _INVALID)
def test_an_invalid_request_is_refused(client: Any, case: str, operation: str, request_: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**request_)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert client.scan(TableName=SORTED)["Items"] == []


def test_an_unknown_table_is_refused(client: Any) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_item(TableName="absent", Key=_key("1"))


@each_of("update", ("REMOVE n", "DELETE n :set"))
def test_an_update_that_only_removes_creates_no_item(client: Any, update: str) -> None:
    values = {"ExpressionAttributeValues": {":set": {"SS": ["a"]}}} if ":set" in update else {}
    client.update_item(**_UPDATE, UpdateExpression=update, **values)
    assert "Item" not in client.get_item(**_UPDATE)


def test_an_update_of_nothing_creates_an_item(client: Any) -> None:
    client.update_item(**_UPDATE)
    assert client.get_item(**_UPDATE)["Item"] == _key("1")


def test_nobody_changes_a_stored_item_but_by_a_call(client: Any) -> None:
    given: Any = {**_key("1"), "l": {"L": [{"M": {"a": {"SS": ["a"]}}}]}}
    client.put_item(TableName=SORTED, Item=given)
    pages = (client.query(**_partition()), client.scan(TableName=SORTED))
    read = [client.get_item(**_UPDATE)["Item"], *(page["Items"][0] for page in pages)]
    for item in (given, *read):
        item["l"]["L"][0]["M"]["a"]["SS"].append("b")
        item["l"]["L"].append({"S": "b"})
    assert client.get_item(**_UPDATE)["Item"]["l"] == {"L": [{"M": {"a": {"SS": ["a"]}}}]}


def test_a_page_ends_at_its_limit_and_at_one_megabyte(client: Any) -> None:
    for number in range(4):
        client.put_item(TableName=SORTED, Item={**_key(str(number)), "s": {"S": "a" * 300_000}})
    page = client.query(**_partition())
    assert (page["Count"], page["LastEvaluatedKey"]) == (3, _key("2"))
    rest = client.query(**_partition(ExclusiveStartKey=page["LastEvaluatedKey"], Limit=1))
    assert (rest["Count"], rest["LastEvaluatedKey"]) == (1, _key("3"))
    assert "LastEvaluatedKey" not in client.query(**_partition(ExclusiveStartKey=_key("3")))


def test_a_transaction_with_its_token_is_done_once_within_ten_minutes(client: Any, now: Clock) -> None:
    add = {**_UPDATE, "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": _ONE}
    for _ in range(2):
        client.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="token")
    assert client.get_item(**_UPDATE)["Item"]["n"] == {"N": "1"}
    with pytest.raises(ClientError, match="IdempotentParameterMismatchException"):
        client.transact_write_items(TransactItems=[{"Delete": _UPDATE}], ClientRequestToken="token")
    now.now += 601
    client.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="token")
    assert client.get_item(**_UPDATE)["Item"]["n"] == {"N": "2"}


def test_a_read_that_is_not_consistent_may_be_behind(client: Any, database: Database) -> None:
    for number in range(3):
        client.put_item(TableName=SORTED, Item={**_key("1"), "n": {"N": str(number)}})
    client.put_item(TableName=SORTED, Item=_key("2"))
    get = {"TableName": SORTED, "Key": _key("1")}
    seen = [database.execute("get_item", get, behind=behind).get("Item", {}).get("n") for behind in range(5)]
    assert seen == [{"N": "2"}, {"N": "2"}, {"N": "1"}, {"N": "0"}, None]
    assert database.execute("get_item", {**get, "ConsistentRead": True}, behind=4)["Item"]["n"] == {"N": "2"}
    counts = [database.execute("query", _partition(), behind=behind)["Count"] for behind in range(5)]
    assert counts == [2, 1, 1, 1, 0]


@pytest.mark.parametrize("forward", [True, False])
def test_a_query_sees_each_item_at_the_moment_of_its_turn(client: Any, database: Database, forward: bool) -> None:
    for sk in "135":
        client.put_item(TableName=SORTED, Item=_key(sk))
    steps = database.steps("query", _partition(ConsistentRead=True, ScanIndexForward=forward))
    next(steps)
    for sk in "024":
        client.put_item(TableName=SORTED, Item=_key(sk))
    client.delete_item(TableName=SORTED, Key=_key("3"))
    read = [item["sk"]["S"] for item in _ended(steps)["Items"]]
    assert read == (["1", "2", "4", "5"] if forward else ["5", "4", "2", "1", "0"])


def test_a_transaction_never_yields(client: Any, database: Database) -> None:
    put = {"TransactItems": [{"Put": {"TableName": SORTED, "Item": _key(sk)}} for sk in "12"]}
    assert list(database.steps("transact_write_items", put)) == []
    assert client.query(**_partition())["Count"] == 2


def test_an_index_lags_until_it_is_propagated_in_the_order_of_each_item(client: Any, database: Database) -> None:
    database.auto_propagate = False
    for g in "xy":
        client.put_item(TableName=SORTED, Item={**_key("1"), "g": {"S": g}})
    client.put_item(TableName=SORTED, Item={**_key("2"), "g": {"S": "x"}})

    def found() -> list[str]:
        return [item["sk"]["S"] for item in client.query(TableName=SORTED, **_G)["Items"]]

    assert found() == []
    # The last write is that of another item, which may be seen first; the second is not seen before the first.
    assert (database.propagate(pick=lambda number: number - 1), found()) == (2, ["2"])
    assert (database.propagate(pick=lambda number: number - 1), found()) == (1, ["1", "2"])
    assert (database.propagate(), found()) == (0, ["2"])


def test_a_stream_has_each_change_in_order(client: Any, database: Database, now: Clock) -> None:
    key = {"pk": {"S": "a"}}
    one, two = {**key, "b": {"B": b"\xff"}}, {**key, "expires_at": {"N": str(int(now()))}}
    client.put_item(TableName="events", Item=one)
    client.put_item(TableName="events", Item=one)
    client.put_item(TableName="events", Item=two)
    assert database.expire() == 0
    now.now += 1
    assert client.get_item(TableName="events", Key=key)["Item"] == two
    assert database.expire() == 1
    records = database.stream("events")
    assert [
        (each["eventName"], each["dynamodb"].get("OldImage"), each["dynamodb"].get("NewImage")) for each in records
    ] == [
        ("INSERT", None, {**key, "b": {"B": "/w=="}}),
        ("MODIFY", {**key, "b": {"B": "/w=="}}, two),
        ("REMOVE", two, None),
    ]
    assert [each.get("userIdentity", {}).get("type") for each in records] == [None, None, "Service"]
    assert database.stream("events", after=2) == records[2:]


def test_a_table_is_restored_with_its_index(client: Any, database: Database) -> None:
    client.put_item(TableName=SORTED, Item={**_key("1"), "g": {"S": "x"}})
    copy = database.copy()
    client.delete_item(TableName=SORTED, Key=_key("1"))
    client.put_item(TableName=SORTED, Item={**_key("2"), "g": {"S": "x"}})
    database.restore(SORTED, copy)
    assert [item["sk"]["S"] for item in database.items(SORTED)] == ["1"]
    assert client.query(TableName=SORTED, **_G)["Count"] == 1
