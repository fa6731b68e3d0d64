"""Run calls on two DynamoDBs and compare the answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from botocore.exceptions import ClientError

from careconnect_testing.dynamodb.checks.generated_calls import TABLES, Call

NOT_ANSWERED = "NotAnswered"
"""The code of a call that meets a bug: Python's error instead of DynamoDB's."""

_NOT_COMPARED = ("UnprocessedItems", "ConsumedCapacity", "ItemCollectionMetrics")

Outcome = tuple[str, Any]
"""An error's code, empty without one, and what came with it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference in which ours follows AWS: where it is documented, and which outcomes show it."""

    reason: str
    shows: Callable[[Call, Outcome, Outcome], bool]


ENDED_BY_LIMIT = Difference(
    "A page that `Limit` ends has a LastEvaluatedKey, even if nothing follows (API Reference, Query, Limit).",
    lambda call, ours, theirs: "Limit" in call[1] and not ours[0] and _without_key(ours[1]) == theirs[1],
)


def _without_key(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name != "LastEvaluatedKey"}


def compare(ours: Any, theirs: Any, calls: Sequence[Call], known: Mapping[str, Difference], suffix: str = "") -> str:
    """Do calls on two clients with empty tables, and compare each outcome and the items at the end.

    Returns the name of the known difference at which it ended, since the tables then differ, or an empty text. `suffix`
    distinguishes their tables from those of other sequences. Raises `AssertionError` on any other difference.
    """
    scans = [("scan", {"TableName": table, "ConsistentRead": True}) for table in TABLES]
    for call in (*calls, *scans):
        mine, yours = outcome(ours, call), outcome(theirs, call, suffix)
        if mine == yours:
            continue
        name = next((name for name, known_one in known.items() if known_one.shows(call, mine, yours)), "")
        assert name, f"{call}\nours:   {mine}\ntheirs: {yours}"
        return name
    return ""


def rounded(outcome: Any) -> Any:
    """Return an outcome with its numbers rounded to 28 digits."""
    if isinstance(outcome, Decimal):
        return Context(prec=28).plus(outcome)
    if isinstance(outcome, dict):
        return {name: rounded(value) for name, value in outcome.items()}
    return [rounded(each) for each in outcome] if isinstance(outcome, list | tuple) else outcome


def create_tables(client: Any, suffix: str = "") -> None:
    """Create the tables of generated calls."""
    for name, request in TABLES.items():
        client.create_table(TableName=name + suffix, **request)


def outcome(client: Any, call: Call, suffix: str = "") -> Outcome:
    """Do a call and return its answer or error, without what is not promised: order of sets, batches and scans."""
    operation, request = call
    try:
        answer = getattr(client, operation)(**(_renamed(request, suffix) if suffix else request))
    except (ValueError, TypeError, AssertionError) as error:
        return NOT_ANSWERED, repr(error)
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
