"""DynamoDB's answers, generated from AWS's own description of them: our client reads each as botocore's parser does."""

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.model import Shape
from botocore.session import Session
from hypothesis import example, given
from hypothesis import strategies as st

from careconnect.runtime import aws

_OPERATIONS: Final = (
    *("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems", "PutItem", "UpdateItem", "DeleteItem"),
    *("TransactWriteItems", "BatchWriteItem", "BatchExecuteStatement", "ExecuteStatement"),
)
_ASKED: Final[dict[str, dict[str, Any]]] = {
    "BatchGetItem": {"RequestItems": {}},
    "BatchWriteItem": {"RequestItems": {}},
    "TransactGetItems": {"TransactItems": []},
    "TransactWriteItems": {"TransactItems": []},
}
"""What botocore itself reads of a request, for its endpoint."""

_MODEL: Final = Session().get_service_model("dynamodb")
_TEXTS: Final = st.sampled_from(["B", "BS", "M", "QkI=", '{"B":"QkI="}', '"B"', "\\"]) | st.text(max_size=12)
_BYTES: Final = st.binary(max_size=12).map(lambda value: base64.b64encode(value).decode())
_PLAIN: Final[dict[str, st.SearchStrategy[Any]]] = {
    "string": _TEXTS,
    "blob": _BYTES,
    "boolean": st.booleans(),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "integer": st.integers(0, 2**31 - 1),
    "long": st.integers(0, 2**63 - 1),
}


def _values() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for attribute values: each an object with one member, its type."""
    flat = (
        st.fixed_dictionaries({"S": _TEXTS})
        | st.fixed_dictionaries({"N": st.integers().map(str)})
        | st.fixed_dictionaries({"B": _BYTES})
        | st.fixed_dictionaries({"SS": st.lists(_TEXTS, max_size=2)})
        | st.fixed_dictionaries({"NS": st.lists(st.integers().map(str), max_size=2)})
        | st.fixed_dictionaries({"BS": st.lists(_BYTES, max_size=2)})
        | st.fixed_dictionaries({"BOOL": st.booleans()})
        | st.just({"NULL": True})
    )
    return st.recursive(
        flat,
        lambda inner: (
            st.fixed_dictionaries({"L": st.lists(inner, max_size=3)})
            | st.fixed_dictionaries({"M": st.dictionaries(_TEXTS, inner, max_size=3)})
        ),
        max_leaves=6,
    )


_VALUES: Final = _values()


def _of(shape: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the JSON of a shape; a structure may lack any of its members, as an answer may."""
    if shape.name == "AttributeValue":
        return _VALUES
    if shape.type_name == "structure":
        return st.fixed_dictionaries({}, optional={name: _of(member) for name, member in shape.members.items()})
    if shape.type_name == "list":
        return st.lists(_of(shape.member), max_size=2)
    if shape.type_name == "map":
        return st.dictionaries(_names(shape.key), _of(shape.value), max_size=3)
    return _PLAIN[shape.type_name]


def _names(key: Shape) -> st.SearchStrategy[str]:
    """Return a strategy for a map's names: DynamoDB demands `#` before a placeholder, and three letters of a table."""
    if key.name == "ExpressionAttributeNameVariable":
        return _TEXTS.map(lambda name: f"#{name}")
    return _TEXTS.map(lambda name: f"B{name}BS") if key.name.startswith(("Table", "Index")) else _TEXTS


_SHAPES: Final[dict[str, Any]] = {name: _MODEL.operation_model(name).output_shape for name in _OPERATIONS}
_ANSWERS: Final = st.sampled_from(_OPERATIONS).flatmap(lambda name: st.tuples(st.just(name), _of(_SHAPES[name])))


class _Answering:
    """A client to which each request is answered with `body`, without a network."""

    def __init__(self, client: Any) -> None:
        self.body = b""
        self.client = client
        client.meta.events.register("before-send.dynamodb", self._answer)

    def ask(self, operation: str) -> Any:
        """Send a request, and return the answer as the client reads it."""
        answer = getattr(self.client, xform_name(operation))(**_ASKED.get(operation, {}))
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
        return answer

    def _answer(self, **_: Any) -> Any:
        given: Any = AWSResponse("https://dynamodb.example", 200, {}, None)  # type: ignore[arg-type]
        given._content = self.body
        return given


@pytest.fixture(scope="module")
def clients() -> Iterator[tuple[_Answering, _Answering]]:
    """Yield our client and one with botocore's own parser."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", "eu-west-2")
        plain = boto3.session.Session().client("dynamodb", config=Config(parameter_validation=False))
        yield _Answering(aws.dynamodb()), _Answering(plain)


@example(answer=("GetItem", {"Item": {"B": {"B": "QkI="}}}), ascii_only=True, indent=None)
@example(answer=("GetItem", {"Item": {"BS": {"BS": ["QkI=", ""]}}}), ascii_only=True, indent=None)
@example(answer=("GetItem", {"Item": {"B": {"S": "QkI="}}}), ascii_only=True, indent=None)
@example(answer=("GetItem", {"Item": {"BS": {"L": [{"S": "QkI="}]}}}), ascii_only=True, indent=None)
@example(answer=("GetItem", {"Item": {"m": {"M": {"B": {"M": {"B": {"N": "1"}}}}}}}), ascii_only=True, indent=None)
@given(answer=_ANSWERS, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_each_answer_is_read_as_botocore_reads_it(
    clients: tuple[_Answering, _Answering], answer: tuple[str, Any], ascii_only: bool, indent: int | None
) -> None:
    operation, told = answer
    for each in clients:
        each.body = json.dumps(told, ensure_ascii=ascii_only, indent=indent).encode()

    ours, plain = (each.ask(operation) for each in clients)

    assert ours == plain
