"""AWS as the functions of a run meet it: each call is a pause, and may fail in each way that a real one can."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import ClientError, ReadTimeoutError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from careconnect.oauth.signing_keys import CURRENT, KMS_ALGORITHM, NEXT, PREVIOUS
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.schedule.choices import Choices
from careconnect_testing.simulation.schedule.scheduler import Home, KilledError, Scheduler

LATENCY: Final = 0.004
"""Seconds of a call."""
SLOW: Final = 1.5
"""Seconds of a slow call: the functions wait for 2."""
TIMEOUT: Final = 2.0
RETRY_PAUSE: Final = 0.3
"""Seconds before botocore's second attempt; it makes two."""

_AGAIN: Final = 400
"""Of 1,000 failed attempts, those whose second fails likewise."""
_TORN: Final = 300
"""Of 1,000 reads of several items, those during which others write."""
STALE_SECONDS: Final = 1.0
"""How old an eventually consistent read may be."""
_LAGS: Final = 400
"""Of 1,000 calls, those before which no index catches up."""

READS: Final = frozenset({"get_item", "batch_get_item", "query"})
_OF_SEVERAL: Final = frozenset({"batch_get_item", "query", "batch_execute_statement", "batch_write_item"})


class Fault(StrEnum):
    """What a call meets."""

    NONE = "done"
    THROTTLED = "throttled"
    BROKEN = "an internal error"
    TIMED_OUT = "timed out, not done"
    TIMED_OUT_AFTER = "timed out, but done"
    SLOW = "slow"
    KILLED = "killed before"
    KILLED_AFTER = "done, then killed"
    STALE = "stale"
    PARTIAL = "a part"
    CONFLICT = "a conflict"


_ANY: Final = (
    *(Fault.THROTTLED, Fault.BROKEN, Fault.TIMED_OUT, Fault.TIMED_OUT_AFTER),
    *(Fault.SLOW, Fault.KILLED, Fault.KILLED_AFTER),
)
FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "get_item": (*_ANY, Fault.STALE),
    "query": (*_ANY, Fault.STALE, Fault.STALE),
    "batch_get_item": (*_ANY, Fault.STALE, Fault.PARTIAL),
    "transact_write_items": (*_ANY, Fault.CONFLICT, Fault.CONFLICT, Fault.TIMED_OUT_AFTER),
    "batch_execute_statement": (*_ANY, Fault.PARTIAL),
}


@dataclass(slots=True)
class Call:
    """One call of AWS, for the story."""

    at: float
    task: str
    home: str
    operation: str
    request: Mapping[str, Any]
    fault: Fault
    answer: Any = None


@dataclass
class Aws:
    """The account of a run. `per_mille` of 1,000 calls fail; `changed` is called after each that wrote.

    `calls` is the story, if it is `told`.
    """

    database: Database
    scheduler: Scheduler
    choices: Choices
    keys: "Keys"
    per_mille: float = 0.0
    is_told: bool = False
    changed: Callable[[str, Mapping[str, Any]], None] = lambda _operation, _request: None
    attempted: Callable[[str, Mapping[str, Any]], None] = lambda _client, _request: None
    """Called with the name of the task before each transaction."""
    written: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """The times of the items that were written, by table."""
    calls: list[Call] = field(default_factory=list)
    kills: int = 0

    def call(self, home: Home, operation: str, request: Mapping[str, Any], do: Callable[..., Any]) -> Any:
        """Do a call as botocore would, in two attempts; raises its errors."""
        again = False
        for is_last in (False, True):
            self.scheduler.pause(LATENCY)
            fault = self._fault(operation, again=again)
            told = Call(self.scheduler.now, self.scheduler.current.name, home.name, operation, request, fault)
            if self.is_told:
                self.calls.append(told)
            try:
                told.answer = self._meet(home, fault, operation, request, do)
            except (ClientError, ReadTimeoutError) as error:
                told.answer = error
                if is_last or not _is_retried(error):
                    raise
                again = True
                self.scheduler.pause(RETRY_PAUSE)
            else:
                return told.answer
        raise AssertionError("unreachable")

    def _fault(self, operation: str, *, again: bool) -> Fault:
        if not self.per_mille or self.scheduler.is_outside:
            return Fault.NONE
        possible = FAULTS.get(operation, _ANY)
        chosen = self.choices.rarely(_AGAIN if again else self.per_mille, len(possible))
        return possible[chosen - 1] if chosen else Fault.NONE

    def _meet(
        self, home: Home, fault: Fault, operation: str, request: Mapping[str, Any], do: Callable[..., Any]
    ) -> Any:
        if fault is Fault.THROTTLED:
            raise client_error("SlowDown" if operation == "put_object" else "ThrottlingException", operation)
        if fault is Fault.BROKEN:
            raise client_error("InternalServerError", operation)
        if fault is Fault.KILLED:
            self._kill(home)
        if fault is Fault.TIMED_OUT:
            self._time_out()
        if fault is Fault.SLOW:
            self.scheduler.pause(SLOW)
        answer = do(fault, request)
        if operation not in READS:
            for table in _tables_written(request):
                self.written[table].append(self.scheduler.now)
            self.changed(operation, request)
        if fault is Fault.KILLED_AFTER:
            self._kill(home)
        if fault is Fault.TIMED_OUT_AFTER:
            self._time_out()
        return answer

    def _kill(self, home: Home) -> None:
        self.kills += 1
        self.scheduler.kill(home)
        raise KilledError

    def _time_out(self) -> None:
        self.scheduler.pause(TIMEOUT)
        raise ReadTimeoutError(endpoint_url="https://aws.example")


def _tables_written(request: Mapping[str, Any]) -> list[str]:
    if "TransactItems" in request:
        return [each["TableName"] for one in request["TransactItems"] for each in one.values()]
    return [request["TableName"]] if "TableName" in request else []


def client_error(code: str, operation: str, **more: Any) -> ClientError:
    """Return a service's error."""
    response: Any = {"Error": {"Code": code, "Message": code}, **more}
    return ClientError(response, operation)


def _is_retried(error: Exception) -> bool:
    """Return True if botocore's standard mode tries again."""
    return not isinstance(error, ClientError) or error.response["Error"]["Code"] in _RETRIED


_RETRIED: Final = frozenset(
    {"InternalServerError", "SlowDown", "ThrottlingException", "TransactionInProgressException", "InternalFailure"}
)


class SimulatedDynamoDb:
    """boto3's client of DynamoDB, for one instance of a function."""

    def __init__(self, aws: Aws, home: Home) -> None:
        self._aws = aws
        self._home = home
        self._tokens = 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return an operation by boto3's name."""

        def call(**request: Any) -> Any:
            if operation == "transact_write_items":
                # botocore's own: the same for both attempts.
                request.setdefault("ClientRequestToken", f"{self._home.name}-{next_number(self._aws)}")
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
        if fault is Fault.CONFLICT:
            return _conflict(request, aws.choices)
        behind = self._behind(request) if fault is Fault.STALE else 0
        if fault is Fault.PARTIAL and operation == "batch_get_item":
            return self._part(request, behind)
        if fault is Fault.PARTIAL:
            return self._some_statements(request)
        if operation in _OF_SEVERAL and not aws.scheduler.is_outside and aws.choices.rarely(_TORN):
            return self._torn(aws.database.steps(operation, self._turned(request), behind=behind))
        return aws.database.execute(operation, request, behind=behind)

    def _behind(self, request: Mapping[str, Any]) -> int:
        """Return how many writes of its tables a stale read has not seen: some of the last second's."""
        tables = {request["TableName"]} if "TableName" in request else set(request["RequestItems"])
        since = self._aws.scheduler.now - STALE_SECONDS
        recent = min(sum(1 for at in self._aws.written[table] if at >= since) for table in tables)
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


def next_number(aws: Aws) -> int:
    """Return a number that no call of the run had before."""
    aws.keys.number += 1
    return aws.keys.number


def _conflict(request: Mapping[str, Any], choices: Choices) -> Any:
    actions = request["TransactItems"]
    place = choices.below(len(actions))
    reasons = [{"Code": "TransactionConflict" if number == place else "None"} for number in range(len(actions))]
    raise client_error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)


_KEYS: Final = tuple(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))


@dataclass
class Keys:
    """KMS's keys: the place of each alias in the list of all keys; `number` counts calls."""

    places: dict[str, int] = field(default_factory=lambda: {NEXT: 0, CURRENT: 0, PREVIOUS: 0})
    number: int = 0

    def copy(self) -> "Keys":
        """Return a copy."""
        return Keys(dict(self.places), self.number)


ALIAS: Final = "alias/simulated"
_ARN: Final = "arn:aws:kms:eu-west-2:123456789012:key/"
_SIGNED: dict[tuple[str, bytes], bytes] = {}
_PUBLIC: Final = tuple(
    key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in _KEYS
)


class SimulatedKms:
    """boto3's client of KMS, for one instance of a function."""

    def __init__(self, aws: Aws, home: Home) -> None:
        self._aws = aws
        self._home = home

    def get_public_key(self, **request: Any) -> Any:
        """Return a key's public part."""
        return self._aws.call(self._home, "get_public_key", request, self._public)

    def sign(self, **request: Any) -> Any:
        """Sign a message."""
        return self._aws.call(self._home, "sign", request, self._sign)

    def _public(self, _fault: Fault, request: Mapping[str, Any]) -> Any:
        place = self._aws.keys.places[request["KeyId"].removeprefix(ALIAS)]
        return {"KeyId": f"{_ARN}{place}", "PublicKey": _PUBLIC[place], "SigningAlgorithms": [KMS_ALGORITHM]}

    def _sign(self, _fault: Fault, request: Mapping[str, Any]) -> Any:
        arn, message = request["KeyId"], request["Message"]
        known = arn, hashlib.sha256(message).digest()
        if known not in _SIGNED:
            key = _KEYS[int(arn.removeprefix(_ARN))]
            _SIGNED[known] = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {"Signature": _SIGNED[known]}


@dataclass
class SimulatedS3:
    """boto3's client of S3, for one instance of a function; `objects` are the bucket's, which never change."""

    aws: Aws
    home: Home
    objects: dict[str, bytes]

    def put_object(self, **request: Any) -> Any:
        """Put an object that is new."""
        return self.aws.call(self.home, "put_object", request, self._put)

    def _put(self, _fault: Fault, request: Mapping[str, Any]) -> Any:
        if request["Key"] in self.objects:
            raise client_error("PreconditionFailed", "PutObject")
        self.objects[request["Key"]] = request["Body"]
        return {}
