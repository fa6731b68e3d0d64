"""The expressions of one request, with its names and values."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.conditions import Compiled, Names, Values, compiled
from careconnect_testing.dynamodb.expressions.operand_types import check_condition
from careconnect_testing.dynamodb.expressions.paths import Parts, overlap, parsed_projection, resolved
from careconnect_testing.dynamodb.expressions.updates import Update, parsed_update
from careconnect_testing.dynamodb.values import Item, checked

_NAMES: Final = "ExpressionAttributeNames"
_VALUES: Final = "ExpressionAttributeValues"


class Terms:
    """Takes the expressions of a request; `finish` raises if the request has names or values that none of them uses.

    Every method raises `ValidationException`.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._request = request
        self.names: Names = request.get(_NAMES, {})
        given = request.get(_VALUES, {})
        self.values: Values = {token: checked(value) for token, value in given.items()}
        self._used: set[str] = set()
        self._expressions = 0
        for name in (_NAMES, _VALUES):
            if name in request and not request[name]:
                raise ValidationException(f"{name} must not be empty")

    def condition(self, kind: str) -> Compiled | None:
        """Return the request's condition of a kind (`FilterExpression`), None if it has none."""
        if kind not in self._request:
            return None
        condition = compiled(kind, self._request[kind])
        self._use(kind, condition.used)
        check_condition(kind, condition.tree, self.values)
        return condition

    def update(self) -> Update | None:
        """Return the request's update, None if it has none."""
        if "UpdateExpression" not in self._request:
            return None
        update = parsed_update(self._request["UpdateExpression"])
        self._use("UpdateExpression", update.used)
        update.check(self.names, self.values)
        return update

    def projection(self) -> list[Parts] | None:
        """Return the paths that the request asks for, None for all."""
        if "ProjectionExpression" not in self._request:
            return None
        paths, used = parsed_projection(self._request["ProjectionExpression"])
        self._use("ProjectionExpression", used)
        parts = [resolved(path, self.names) for path in paths]
        if overlap(parts):
            raise ValidationException(
                "Invalid ProjectionExpression: Two document paths overlap with each other; "
                "must remove or rewrite one of these paths"
            )
        return parts

    def holds(self, condition: Compiled | None, item: Item) -> bool:
        """Return True if an item meets a condition, or there is none."""
        return condition is None or condition.holds(item, self.names, self.values)

    def finish(self) -> None:
        """Raise if a name or a value is in no expression."""
        if len(self._used) == len(self.names) + len(self.values):
            return
        for kind, given in ((_NAMES, self.names), (_VALUES, self.values)):
            if not given:
                continue
            if not self._expressions:
                raise ValidationException(f"{kind} can only be specified when using expressions")
            if unused := given.keys() - self._used:
                raise ValidationException(
                    f"Value provided in {kind} unused in expressions: keys: {{{', '.join(sorted(unused))}}}"
                )

    def _use(self, kind: str, tokens: Iterable[str]) -> None:
        self._expressions += 1
        for token in tokens:
            if token not in self.names and token not in self.values:
                what, described = (
                    ("name used in the document path", "name")
                    if token[0] == "#"
                    else ("value used in expression", "value")
                )
                raise ValidationException(
                    f"Invalid {kind}: An expression attribute {what} is not defined; attribute {described}: {token}"
                )
            self._used.add(token)
