"""boto3's client of DynamoDB for an instance of a function: torn, stale and partial answers, lagging indexes."""

from bisect import bisect_left
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from careconnect_testing.simulation.schedule.scheduler import Home
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.faults import Fault, cancelled, client_error
from careconnect_testing.simulation.world.names import NEVER_IN_TRANSACTIONS

_TORN: Final = 300
"""Of 1,000 reads of several items, those during which others write."""
STALE_SECONDS: Final = 1.0
"""How old an eventually consistent read may be."""
_BEHIND: Final = 250
"""Of 1,000 eventually consistent reads, those that are stale."""
_LAGS: Final = 400
"""Of 1,000 calls, those before which no index catches up."""

_OF_SEVERAL: Final = frozenset({"batch_get_item", "query", "batch_execute_statement", "batch_write_item"})


class SimulatedDynamoDb:
    """boto3's client of DynamoDB, for one instance of a function."""

    def __init__(self, aws: Aws, home: Home) -> None:
        self._aws = aws
        self._home = home

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return an operation by boto3's name."""

        def call(**request: Any) -> Any:
            if operation == "transact_write_items":
                # botocore's own: the same for both attempts.
                request.setdefault("ClientRequestToken", f"{self._home.name}-{next(self._aws.numbers)}")
            return self._aws.call(
                self._home, operation, request, lambda fault, asked: self._do(operation, fault, asked)
            )

        self.__dict__[operation] = call
        return call

    def _do(self, operation: str, fault: Fault, request: Mapping[str, Any]) -> Any:
        aws = self._aws
        if operation == "transact_write_items" and not aws.scheduler.is_outside:
            aws.attempted(aws.scheduler.current.name, request)
        if aws.scheduler.is_outside or not aws.choices.rarely(_LAGS):
            aws.database.propagate(1_000_000)
        if operation == "transact_write_items":
            return self._transact(fault, request)
        if fault is Fault.CONFLICT and request["TableName"] not in NEVER_IN_TRANSACTIONS:
            raise client_error("TransactionConflictException", operation)
        is_stale = _is_eventual(operation, request) and not aws.scheduler.is_outside and aws.choices.rarely(_BEHIND)
        behind = self._behind(request) if is_stale else 0
        if fault is Fault.PARTIAL and operation == "batch_get_item":
            return self._part(request, behind)
        if fault is Fault.PARTIAL:
            return self._some_statements(request)
        if operation in _OF_SEVERAL and not aws.scheduler.is_outside and aws.choices.rarely(_TORN):
            return self._torn(aws.database.steps(operation, self._turned(request), behind=behind))
        return aws.database.execute(operation, request, behind=behind)

    def _transact(self, fault: Fault, request: Mapping[str, Any]) -> Any:
        aws, token = self._aws, request["ClientRequestToken"]
        if token not in aws.transactions and fault is Fault.CONFLICT:
            number = len(request["TransactItems"])
            raise cancelled("TransactWriteItems", number, aws.choices.below(number), "TransactionConflict")
        answer = aws.database.execute("transact_write_items", request)
        aws.transactions[token] = True
        return answer

    def _behind(self, request: Mapping[str, Any]) -> int:
        """Return how many writes of its tables a stale read has not seen: some of the last second's."""
        tables = {request["TableName"]} if "TableName" in request else set(request["RequestItems"])
        since = self._aws.scheduler.now - STALE_SECONDS
        times = [self._aws.written[table] for table in tables]
        recent = min(len(each) - bisect_left(each, since) for each in times)
        return 1 + self._aws.choices.below(recent) if recent else 0

    def _turned(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a BatchGetItem with its keys perhaps in the opposite order: DynamoDB reads them in any."""
        if "RequestItems" not in request or not self._aws.choices.below(2):
            return request
        asked = {
            table: {**each, "Keys": each["Keys"][::-1]} if "Keys" in each else each
            for table, each in request["RequestItems"].items()
        }
        return {**request, "RequestItems": asked}

    def _torn(self, steps: Generator[None, None, Any]) -> Any:
        while True:
            try:
                next(steps)
            except StopIteration as done:
                return done.value
            self._aws.scheduler.pause()

    def _part(self, request: Mapping[str, Any], behind: int) -> Any:
        """Answer a BatchGetItem for the first half of each table's keys."""
        asked: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for table, each in request["RequestItems"].items():
            half = len(each["Keys"]) // 2
            for part, keys in ((asked, each["Keys"][:half]), (left, each["Keys"][half:])):
                if keys:
                    part[table] = {**each, "Keys": keys}
        answer: dict[str, Any] = {"Responses": {}}
        if asked:
            answer = self._aws.database.execute("batch_get_item", {**request, "RequestItems": asked}, behind=behind)
        return {**answer, "UnprocessedKeys": left}

    def _some_statements(self, request: Mapping[str, Any]) -> Any:
        """Do every second statement, and throttle the others."""
        throttled = {"Error": {"Code": "ThrottlingError", "Message": "throttled"}}
        answers = []
        for number, statement in enumerate(request["Statements"]):
            if number % 2 == 0:
                answers.append(throttled)
                continue
            one = self._aws.database.execute("batch_execute_statement", {"Statements": [statement]})
            answers += one["Responses"]
        return {"Responses": answers}


def _is_eventual(operation: str, request: Mapping[str, Any]) -> bool:
    if operation == "batch_get_item":
        return not all(each.get("ConsistentRead") for each in request["RequestItems"].values())
    return operation in ("get_item", "query") and not request.get("ConsistentRead")
