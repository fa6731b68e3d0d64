"""AWS as the functions of a run meet it: each call is a pause, and may fail in each way that a real one can."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final

from botocore.exceptions import ClientError, ReadTimeoutError

from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.schedule.choices import Choices
from careconnect_testing.simulation.schedule.scheduler import Home, KilledError, Scheduler
from careconnect_testing.simulation.world.faults import ANY, FAULTS, Call, Fault, cancelled, client_error
from careconnect_testing.simulation.world.kms import Keys
from careconnect_testing.simulation.world.names import AUDIT

LATENCY: Final = 0.004
"""Seconds of a call."""
SLOW: Final = 1.5
"""Seconds of a slow call: the functions wait for 2."""
TIMEOUT: Final = 2.0
LATER: Final = (0.0, 0.5, 3.0, 8.0, 15.0)
"""Seconds after which a call may be done that its caller has given up."""
OVERLOADED: Final = (0.4, 2.0, 6.0)
"""Seconds for which a table may throttle all its calls."""
RETRY_PAUSE: Final = 0.3
"""Seconds before botocore's second attempt; it makes two."""

_AGAIN: Final = 400
"""Of 1,000 failed attempts, those whose second fails likewise."""
READS: Final = frozenset({"get_item", "batch_get_item", "query", "scan"})


@dataclass
class Aws:
    """The account of a run. `per_mille` of 1,000 calls fail; `changed` is called after each that wrote.

    `calls` is the story, if it is `told`.
    """

    database: Database
    scheduler: Scheduler
    choices: Choices
    keys: Keys
    per_mille: float = 0.0
    is_told: bool = False
    changed: Callable[[str, Mapping[str, Any]], None] = lambda _operation, _request: None
    read: Callable[[Mapping[str, Any], Any], None] = lambda _request, _answer: None
    """Called after each call that read."""
    attempted: Callable[[str, Mapping[str, Any]], None] = lambda _client, _request: None
    """Called with the name of the task before each transaction."""
    written: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """The times of the items that were written, by table."""
    overloaded: dict[str, float] = field(default_factory=dict)
    """Until when a table throttles all calls."""
    calls: list[Call] = field(default_factory=list)
    kills: int = 0
    numbers: Iterator[int] = field(default_factory=count)
    """Numbers for the tokens of transactions."""
    transactions: dict[str, bool] = field(default_factory=dict)
    """Whether the transactions of these tokens are done, or still go on."""

    def call(self, home: Home, operation: str, request: Mapping[str, Any], do: Callable[..., Any]) -> Any:
        """Do a call as botocore would, in two attempts; raises its errors."""
        fault = Fault.NONE
        for is_last in (False, True):
            self.scheduler.pause(LATENCY)
            fault = Fault.TIMED_OUT if fault is Fault.UNANSWERED else self._fault(operation, again=is_last)
            told = None
            if self.is_told:
                told = Call(self.scheduler.now, self.scheduler.current.name, home.name, operation, request, fault)
                self.calls.append(told)
            try:
                answer = self._meet(home, fault, operation, request, do)
            except (ClientError, ReadTimeoutError) as error:
                if told:
                    told.answer = error
                if is_last or not _is_retried(error):
                    raise
                self.scheduler.pause(RETRY_PAUSE)
            else:
                if told:
                    told.answer = answer
                return answer
        raise AssertionError("unreachable")

    def fail_no_more(self) -> None:
        """Let every call be done from now on."""
        self.per_mille = 0.0
        self.overloaded.clear()

    def _fault(self, operation: str, *, again: bool) -> Fault:
        if not self.per_mille or self.scheduler.is_outside:
            return Fault.NONE
        possible = FAULTS.get(operation, ANY)
        chosen = self.choices.rarely(_AGAIN if again else self.per_mille, len(possible))
        return possible[chosen - 1] if chosen else Fault.NONE

    def _meet(
        self, home: Home, fault: Fault, operation: str, request: Mapping[str, Any], do: Callable[..., Any]
    ) -> Any:
        token = request.get("ClientRequestToken", "")
        if token and self.transactions.get(token) is False:
            raise client_error("TransactionInProgressException", operation)
        if fault is Fault.THROTTLED:
            raise client_error("SlowDown" if operation == "put_object" else "ThrottlingException", operation)
        if fault is Fault.BROKEN:
            raise client_error("InternalServerError", operation)
        if fault is Fault.OVERLOADED:
            until = self.scheduler.now + OVERLOADED[self.choices.below(len(OVERLOADED))]
            self.overloaded |= dict.fromkeys(tables_of(request), until)
        if fault is Fault.KILLED:
            self._kill(home)
        if self._is_overloaded(request):
            raise _throttled(operation, request, self.choices, self._is_overloaded, is_done=token in self.transactions)
        if fault is Fault.THROTTLED_ITEM:
            raise _throttled(operation, request, self.choices, is_done=token in self.transactions)
        if fault is Fault.TIMED_OUT:
            self._time_out()
        if fault is Fault.SLOW:
            self.scheduler.pause(SLOW)
        if fault is Fault.LATE:
            self._do_later(operation, request, do)
            self._time_out()
        answer = self.done(operation, request, partial(do, fault))
        if fault is Fault.KILLED_AFTER:
            self._kill(home)
        if fault in (Fault.TIMED_OUT_AFTER, Fault.UNANSWERED):
            self._time_out()
        return answer

    def done(self, operation: str, request: Mapping[str, Any], do: Callable[..., Any]) -> Any:
        """Do a call, and tell who watches."""
        # A transaction that was done before is not done again.
        is_done = self.transactions.get(request.get("ClientRequestToken", ""), False)
        answer = do(request)
        if operation not in READS:
            for table in () if is_done else _tables_written(request):
                self.written[table].append(self.scheduler.now)
            self.changed(operation, request)
        else:
            self.read(request, answer)
        return answer

    def _do_later(self, operation: str, request: Mapping[str, Any], do: Callable[..., Any]) -> None:
        """Let DynamoDB go on with a call whose caller has given up; a second one with its token is told so."""
        token = request.get("ClientRequestToken", "")
        if token in self.transactions:
            return
        if token:
            self.transactions[token] = False
        seconds = LATER[self.choices.below(len(LATER))]

        def later() -> None:
            self.scheduler.pause(seconds)
            with suppress(ClientError):
                self.done(operation, request, partial(do, Fault.NONE))
            if not self.transactions.get(token, True):
                del self.transactions[token]

        self.scheduler.spawn(self.scheduler.current.name, later)

    def _is_overloaded(self, request: Mapping[str, Any]) -> bool:
        if not self.overloaded:
            return False
        now = self.scheduler.now
        return any(self.overloaded.get(table, now) > now for table in tables_of(request))

    def _kill(self, home: Home) -> None:
        self.kills += 1
        self.scheduler.kill(home)
        raise KilledError

    def _time_out(self) -> None:
        self.scheduler.pause(TIMEOUT)
        raise ReadTimeoutError(endpoint_url="https://aws.example")


def _tables_written(request: Mapping[str, Any]) -> list[str]:
    if "TransactItems" in request:
        writes = [(kind, each) for one in request["TransactItems"] for kind, each in one.items()]
        return [each["TableName"] for kind, each in writes if kind != "ConditionCheck"]
    return [request["TableName"]] if "TableName" in request else []


def tables_of(request: Mapping[str, Any]) -> set[str]:
    """Return the tables of a call; statements are inserts of the audit trail."""
    if "TransactItems" in request:
        return {each["TableName"] for one in request["TransactItems"] for each in one.values()}
    if "RequestItems" in request:
        return set(request["RequestItems"])
    if "Statements" in request:
        return {AUDIT}
    return {request["TableName"]} if "TableName" in request else set()


def _throttled(
    operation: str,
    request: Mapping[str, Any],
    choices: Choices,
    is_hit: Callable[[Mapping[str, Any]], bool] = lambda _request: True,
    *,
    is_done: bool,
) -> ClientError:
    """Return the error of a throttled call: a transaction is cancelled, and says for which of its items.

    No second attempt cancels one that `is_done`.
    """
    if "TransactItems" not in request or is_done:
        return client_error("ThrottlingException", operation)
    items = request["TransactItems"]
    hit = [number for number, one in enumerate(items) if is_hit({"TransactItems": [one]})]
    return cancelled(operation, len(items), hit[choices.below(len(hit))], "ThrottlingError")


def _is_retried(error: Exception) -> bool:
    """Return True if botocore's standard mode tries again."""
    return not isinstance(error, ClientError) or error.response["Error"]["Code"] in _RETRIED


_RETRIED: Final = frozenset(
    {"InternalServerError", "SlowDown", "ThrottlingException", "TransactionInProgressException", "InternalFailure"}
)
