"""Generated calls of DynamoDB on few keys, so that they meet each other's items."""

import re
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

Call = tuple[str, dict[str, Any]]
"""A method of boto3's client and its arguments."""

SORTED: Final = "sorted"
PLAIN: Final = "plain"
"""The two tables: with a sort key and the index `by-g`, and with a partition key alone."""

TABLES: Final[Mapping[str, Mapping[str, Any]]] = {
    SORTED: {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "g")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "BillingMode": "PAY_PER_REQUEST",
    },
    PLAIN: {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
}

_PK: Final = ("a", "b")
# In code points, in UTF-8 and in UTF-16, the last two are in different orders.
_SK: Final = ("1", "10", "2", "é", "\uff5e", "\U0001d54f")
_VALUES: Final[Mapping[str, Mapping[str, Any]]] = {
    ":zero": {"N": "0"},
    ":one": {"N": "1"},
    ":half": {"N": "-0.50"},
    ":long": {"N": "12345678901234567890123456789012345678"},
    ":empty": {"S": ""},
    ":a": {"S": "a"},
    ":ab": {"S": "ab"},
    ":bytes": {"B": b"a\xff"},
    ":true": {"BOOL": True},
    ":null": {"NULL": True},
    ":texts": {"SS": ["a", "b"]},
    ":numbers": {"NS": ["1", "2.0"]},
    ":list": {"L": [{"S": "a"}, {"N": "1"}]},
    ":map": {"M": {"a": {"S": "a"}, "b": {"L": [{"N": "1"}]}}},
    ":kind": {"S": "SS"},
}
_PATHS: Final = ("n", "s", "t", "l", "m", "#g", "l[0]", "m.a", "m.b[0]", "absent", "m.absent.c")
_TOKEN: Final = re.compile(r"[:#]\w+")

_SEPARATOR: Final = re.compile(r"(?:SET|REMOVE|ADD|DELETE) |, (?!:)")

_value = st.sampled_from(sorted(_VALUES))
_path = st.sampled_from(_PATHS)
_operand = st.one_of(st.sampled_from(("n", "s", "t")), _value)
_sortable = st.sampled_from((":zero", ":one", ":half", ":long", ":empty", ":a", ":ab", ":bytes"))
_bounds = st.sampled_from(((":half", ":one"), (":zero", ":long"), (":empty", ":a"), (":a", ":ab"), (":one", ":one")))
_pk, _sk = st.sampled_from(_PK), st.sampled_from(_SK)

_comparison = st.one_of(
    st.builds("{} {} {}".format, _path, st.sampled_from(("=", "<>")), _value),
    st.builds("{} {} {}".format, _path, st.sampled_from(("<", "<=", ">", ">=")), _sortable),
    st.builds(lambda path, bounds: f"{path} BETWEEN {bounds[0]} AND {bounds[1]}", _path, _bounds),
    st.builds("{} IN ({}, {})".format, _path, _value, _value),
    st.builds("attribute_exists({})".format, _path),
    st.builds("attribute_not_exists({})".format, _path),
    st.builds("attribute_type({}, :kind)".format, _path),
    st.builds("begins_with({}, {})".format, _path, st.sampled_from((":a", ":empty", ":bytes"))),
    st.builds("contains({}, {})".format, _path, st.sampled_from((":a", ":one", ":bytes", ":true"))),
    st.builds("size({}) {} :one".format, _path, st.sampled_from(("=", "<", ">="))),
    st.sampled_from(("attribute_not_exists(pk)", "attribute_exists(pk)")),
)
_condition = st.recursive(
    _comparison,
    lambda inner: st.one_of(
        st.builds("{} AND {}".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("NOT {}".format, _comparison),
        st.builds("({} OR {}) AND {}".format, _comparison, inner, inner),
    ),
    max_leaves=4,
)

_number = st.sampled_from((":one", ":half", ":long"))
_set = st.one_of(
    st.builds("{} = {}".format, _path, _operand),
    st.builds("{} = if_not_exists({}, {})".format, _path, _path, _value),
    st.builds(
        "{} = list_append({}, {})".format, _path, st.sampled_from(("l", ":list")), st.sampled_from(("l", ":list"))
    ),
    st.builds("{} = {} {} {}".format, _path, st.sampled_from(("n", ":one")), st.sampled_from("+-"), _number),
)
_added = st.builds("{} {}".format, _path, st.sampled_from((":one", ":half", ":long", ":texts", ":numbers")))
_taken = st.builds("{} {}".format, _path, st.sampled_from((":texts", ":numbers")))


def _clause(name: str, part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(part, max_size=2, unique=True).map(lambda parts: f"{name} {', '.join(parts)} " if parts else "")


_update = (
    st.builds(
        "{}{}{}{}".format,
        _clause("SET", _set),
        _clause("REMOVE", _path),
        _clause("ADD", _added),
        _clause("DELETE", _taken),
    )
    # An update that only removes creates no item in AWS, and creates one in moto and the emulator.
    .filter(lambda text: "SET" in text or "ADD" in text)
    .filter(lambda text: not _overlaps(text))
)


def _overlaps(update: str) -> bool:
    """Return True if an update writes one place twice, or a part of what it writes."""
    parts = [part for part in _SEPARATOR.split(update) if part]
    written = [re.split(r"[ .\[]", part, maxsplit=1)[0] for part in parts]
    return len(set(written)) < len(written)


_attributes = st.fixed_dictionaries(
    {},
    optional={
        "n": st.sampled_from((":zero", ":one", ":half", ":long")),
        "s": st.sampled_from((":empty", ":a", ":ab", ":bytes", ":true", ":null")),
        "t": st.sampled_from((":texts", ":numbers")),
        "l": st.just(":list"),
        "m": st.just(":map"),
        "g": st.sampled_from((":a", ":ab")),
    },
).map(lambda found: {name: _VALUES[token] for name, token in found.items()})


def _keys(table: str) -> st.SearchStrategy[dict[str, Any]]:
    parts = {"pk": _pk} | ({"sk": _sk} if table == SORTED else {})
    return st.fixed_dictionaries(parts).map(lambda key: {name: {"S": text} for name, text in key.items()})


_table = st.sampled_from((SORTED, SORTED, PLAIN))


def _complete(request: Mapping[str, Any]) -> dict[str, Any]:
    """Add the names and values that a request's expressions use, and leave out what is empty."""
    request = {name: value for name, value in request.items() if value not in ("", None)}
    tokens = {token for name, text in request.items() if name.endswith("Expression") for token in _TOKEN.findall(text)}
    names = {token: token[1:] for token in sorted(tokens) if token[0] == "#"}
    values = {token: _VALUES[token] for token in sorted(tokens) if token in _VALUES}
    if names:
        request["ExpressionAttributeNames"] = names
    if values or "ExpressionAttributeValues" in request:
        request["ExpressionAttributeValues"] = {**values, **request.get("ExpressionAttributeValues", {})}
    return request


_perhaps_condition = st.one_of(st.just(""), _condition)
_on_failure = st.sampled_from(("", "ALL_OLD"))


@st.composite
def _writes(draw: st.DrawFn, kinds: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    kind, table = draw(st.sampled_from(kinds)), draw(_table)
    key = draw(_keys(table))
    request: dict[str, Any] = {"TableName": table, "ConditionExpression": draw(_perhaps_condition)}
    if kind == "ConditionCheck":
        request["ConditionExpression"] = draw(_condition)
    if request["ConditionExpression"]:
        request["ReturnValuesOnConditionCheckFailure"] = draw(_on_failure)
    if kind == "Put":
        request["Item"] = key | draw(_attributes)
    else:
        request["Key"] = key
    if kind == "Update":
        request["UpdateExpression"] = draw(_update)
    return kind, _complete(request)


@st.composite
def _single_writes(draw: st.DrawFn) -> Call:
    kind, request = draw(_writes(("Put", "Update", "Delete")))
    wanted = ("NONE", "ALL_OLD", *(("ALL_NEW", "UPDATED_OLD", "UPDATED_NEW") if kind == "Update" else ()))
    return f"{kind.lower()}_item", {**request, "ReturnValues": draw(st.sampled_from(wanted))}


def _key_of(action: Mapping[str, Any]) -> str:
    item = action.get("Key") or action["Item"]
    return f"{action['TableName']} {item['pk']} {item.get('sk')}"


@st.composite
def _transactions(draw: st.DrawFn) -> Call:
    actions = draw(
        st.lists(
            _writes(("Put", "Update", "Delete", "ConditionCheck")),
            min_size=1,
            max_size=4,
            unique_by=lambda action: _key_of(action[1]),
        )
    )
    return "transact_write_items", {"TransactItems": [{kind: request} for kind, request in actions]}


@st.composite
def _gets(draw: st.DrawFn) -> Call:
    table = draw(_table)
    projection = draw(st.lists(_path, max_size=3, unique_by=lambda path: path[0]).map(", ".join))
    request = {"TableName": table, "Key": draw(_keys(table)), "ProjectionExpression": projection}
    return "get_item", _complete({**request, "ConsistentRead": True})


@st.composite
def _queries(draw: st.DrawFn) -> Call:
    by_index = draw(st.booleans())
    low, high = sorted((draw(_sk), draw(_sk)))
    condition = draw(
        st.sampled_from(
            (
                "",
                *(f" AND sk {sign} :low" for sign in ("=", "<", "<=", ">", ">=")),
                " AND sk BETWEEN :low AND :high",
                " AND begins_with(sk, :low)",
            )
        )
    )
    values = {":low": {"S": low}, ":high": {"S": high}}
    hash_key = "g" if by_index else "pk"
    request = {
        "TableName": SORTED,
        "KeyConditionExpression": f"{hash_key} = :key{condition}",
        "ExpressionAttributeValues": {
            ":key": {"S": draw(st.sampled_from(("a", "ab")) if by_index else _pk)},
            **{token: value for token, value in values.items() if token in condition},
        },
        "FilterExpression": draw(_perhaps_condition.filter(lambda text: "pk" not in text and "#g" not in text)),
        "ScanIndexForward": draw(st.booleans()),
        # Items of an index with the same key have no order.
        **({"IndexName": "by-g"} if by_index else {"Limit": draw(st.sampled_from((None, 1, 2, 3)))}),
    }
    if draw(st.booleans()) and not by_index and (not condition or "BETWEEN" in condition):
        started = draw(_sk) if not condition else low
        request["ExclusiveStartKey"] = {"pk": request["ExpressionAttributeValues"][":key"], "sk": {"S": started}}
    return "query", _complete(request)


@st.composite
def _batches(draw: st.DrawFn) -> Call:
    table = draw(_table)
    keys = draw(st.lists(_keys(table), min_size=1, max_size=4, unique_by=lambda key: repr(sorted(key.items()))))
    kind = draw(st.sampled_from(("get", "write", "insert")))
    if kind == "get":
        return "batch_get_item", {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}}
    if kind == "write":
        asked: list[Any] = [
            {"DeleteRequest": {"Key": key}}
            if draw(st.booleans())
            else {"PutRequest": {"Item": key | draw(_attributes)}}
            for key in keys
        ]
        return "batch_write_item", {"RequestItems": {table: asked}}
    items = [key | draw(_attributes) for key in keys]
    return "batch_execute_statement", {
        "Statements": [
            {
                "Statement": f'INSERT INTO "{table}" VALUE {{{",".join(f"{name!r}:?" for name in item)}}}',
                "Parameters": list(item.values()),
            }
            for item in items
        ]
    }


calls: Final = st.lists(
    st.one_of(_single_writes(), _single_writes(), _transactions(), _gets(), _queries(), _queries(), _batches()),
    min_size=3,
    max_size=12,
)
"""Sequences of calls on `TABLES`, all on the same few keys."""


def create_tables(client: Any, suffix: str = "") -> None:
    """Create the tables of generated calls."""
    for name, request in TABLES.items():
        client.create_table(TableName=name + suffix, **request)
