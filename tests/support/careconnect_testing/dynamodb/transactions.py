"""TransactWriteItems, and the INSERT statements of PartiQL."""

import re
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from careconnect_testing.dynamodb.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    IdempotentParameterMismatchException,
    ResourceNotFoundException,
    TransactionCanceledException,
    ValidationException,
)
from careconnect_testing.dynamodb.reads import Tables
from careconnect_testing.dynamodb.writes import PUT, Action

_MAX_ACTIONS: Final = 100
_MAX_STATEMENTS: Final = 25
_MAX_BYTES: Final = 4 * 1024 * 1024
_TOKEN_SECONDS: Final = 600

_INSERT: Final = re.compile(r'\s*INSERT\s+INTO\s+"?([\w.-]+)"?\s+VALUE\s+\{(.*)\}\s*', re.IGNORECASE | re.DOTALL)
_MEMBERS: Final = re.compile(r"\s*'([^']+)'\s*:\s*\?\s*(?:,|$)")


class Transactions:
    """Remembers the tokens of transactions for ten minutes; `clock` returns epoch seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._done: dict[str, tuple[float, list[Any]]] = {}

    def write(self, tables: Tables, request: Mapping[str, Any], _behind: int) -> dict[str, Any]:
        """Write all or nothing; raises `TransactionCanceledException` with the reason of each action."""
        token, now = request.get("ClientRequestToken", ""), self._clock()
        actions = request["TransactItems"]
        if token in self._done and now - self._done[token][0] < _TOKEN_SECONDS:
            if self._done[token][1] != actions:
                raise IdempotentParameterMismatchException(
                    "Idempotent parameter mismatch: the token was used with other parameters"
                )
            return {}
        _transact(tables, actions)
        if token:
            self._done[token] = (now, actions)
        return {}


def _transact(tables: Tables, asked: list[Mapping[str, Any]]) -> None:
    if not 1 <= len(asked) <= _MAX_ACTIONS:
        raise ValidationException(
            f"1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
            f"Member must have length {'less' if asked else 'greater'} than or equal to {_MAX_ACTIONS if asked else 1}"
        )
    actions = []
    for each in asked:
        if len(each) != 1:
            raise ValidationException("TransactItems can only contain one of Check, Put, Update or Delete")
        ((kind, request),) = each.items()
        actions.append(Action(tables, kind, request))
    if len({action.place for action in actions}) < len(actions):
        raise ValidationException("Transaction request cannot include multiple operations on one item")
    reasons = [_reason(action) for action in actions]
    if any(reason["Code"] != "None" for reason in reasons):
        codes = ", ".join(reason["Code"] for reason in reasons)
        raise TransactionCanceledException(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
            CancellationReasons=reasons,
        )
    if sum(action.size for action in actions) > _MAX_BYTES:
        raise ValidationException("Transaction request exceeds the maximum aggregated size of 4 MB")
    for action in actions:
        action.commit()


def _reason(action: Action) -> dict[str, Any]:
    """Plan an action; return the reason for which it cancels its transaction, or the code None."""
    try:
        action.plan()
    except ConditionalCheckFailedException as error:
        response: Any = error.response
        item = {"Item": response["Item"]} if "Item" in response else {}
        return {"Code": "ConditionalCheckFailed", "Message": error.message, **item}
    except ValidationException as error:
        return {"Code": "ValidationError", "Message": error.message}
    return {"Code": "None"}


def execute_statement(tables: Tables, request: Mapping[str, Any], _behind: int) -> dict[str, Any]:
    """Insert an item; raises `DuplicateItemException` if it exists."""
    _insert(tables, request)
    return {"Items": []}


def batch_execute_statement(
    tables: Tables, request: Mapping[str, Any], _behind: int
) -> Generator[None, None, dict[str, Any]]:
    """Insert items, each by itself; `Responses` have the error of each that was not inserted.

    Other calls may be made whenever this yields.
    """
    statements = request["Statements"]
    if not 1 <= len(statements) <= _MAX_STATEMENTS:
        raise ValidationException("Member must have length less than or equal to 25")
    answers: list[dict[str, Any]] = []
    for number, statement in enumerate(statements):
        if number:
            yield
        answer: dict[str, Any] = {}
        try:
            answer["TableName"] = _insert(tables, statement)
        except DuplicateItemException as error:
            answer["Error"] = {"Code": "DuplicateItem", "Message": error.message}
        except ResourceNotFoundException as error:
            answer["Error"] = {"Code": "ResourceNotFound", "Message": error.message}
        except ValidationException as error:
            answer["Error"] = {"Code": "ValidationError", "Message": error.message}
        answers.append(answer)
    return {"Responses": answers}


def inserted(statement: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the table and the item of an INSERT whose values are all parameters; raises `ValidationException`."""
    insert = _INSERT.fullmatch(statement["Statement"])
    if not insert:
        raise ValidationException("Statement wasn't well formed, can't be processed: Unexpected token")
    names = _MEMBERS.findall(insert[2])
    parameters = statement.get("Parameters", ())
    if len(names) != len(parameters) or _MEMBERS.sub("", insert[2]).strip():
        raise ValidationException("Number of parameters in request and statement don't match.")
    return insert[1], dict(zip(names, parameters, strict=True))


def _insert(tables: Tables, statement: Mapping[str, Any]) -> str:
    name, item = inserted(statement)
    action = Action(tables, PUT, {"TableName": name, "Item": item})
    if action.table.rows.get(*action.key):
        raise DuplicateItemException("Duplicate primary key exists in table")
    action.plan()
    action.commit()
    return name
