"""The steps before Lambda takes a snapshot, and those in each copy that is started from it."""

import random
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from careconnect.endpoint.pipeline import Auditing, RequestContext, RequestPipeline
from careconnect.endpoint.priming import PrimingError, prime_request
from careconnect.http.messages import Cors, Response
from careconnect.http.origin import Origin
from careconnect.runtime.snapshot import NOTHING, look, prepare
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.stacks.snapshots import Snapshots, lambdas_hooks
from service_discovery.app import DiscoveryEndpoint


@pytest.fixture
def snapshots() -> Iterator[Snapshots]:
    with lambdas_hooks() as hooks:
        yield hooks


class Client:
    def __init__(self, done: list[str]) -> None:
        self._done = done

    def close(self) -> None:
        self._done.append("closed")


def test_everything_is_asked_for_in_order_and_the_connections_are_closed_after_that(snapshots: Snapshots) -> None:
    done: list[str] = []
    observer = RecordingObserver()

    prepare(observer, [Client(done), Client(done)], lambda: done.append("first"), lambda: done.append("second"))
    assert done == []
    snapshots.take()

    assert done == ["first", "second", "closed", "closed"]
    assert (observer.failures, observer.lines, observer.counts) == ([], [], [])


def test_what_fails_is_logged_and_keeps_nothing_else_from_being_done(snapshots: Snapshots) -> None:
    done: list[str] = []
    observer = RecordingObserver()
    error = ConnectionError("secret-detail")

    def fails() -> None:
        raise error

    prepare(observer, [Client(done)], fails, lambda: done.append("second"))
    snapshots.take()

    assert observer.failures == [error]
    assert done == ["second", "closed"]


def test_where_lambda_takes_no_snapshots_nothing_happens() -> None:
    prepare(RecordingObserver(), [Client([])], lambda: pytest.fail("asked"))


def test_two_copies_share_no_random_numbers(snapshots: Snapshots) -> None:
    prepare(RecordingObserver(), [])
    snapshots.take()
    taken = random.getstate()

    def copy(*, restored: bool = True) -> list[float]:
        random.setstate(taken)
        if restored:
            snapshots.restore()
        return [random.random() for _ in range(4)]

    assert copy(restored=False) == copy(restored=False)
    assert not set(copy()) & set(copy())


def test_ids_and_secrets_do_not_come_from_what_a_copy_shares() -> None:
    """uuid4 and secrets ask the kernel, whatever state Python's own generator is in."""
    taken = random.getstate()
    made = set()
    for _ in range(2):
        random.setstate(taken)
        made |= {str(uuid.uuid4()), secrets.token_hex()}

    assert len(made) == 4


class Keys:
    def __init__(self) -> None:
        self.asked = 0

    def jwks(self) -> dict[str, Any]:
        self.asked += 1
        return {"keys": []}


class Record:
    def begin(self, events: Any) -> Any:
        pytest.fail("recorded")

    keep = put_action = run = begin


def pipeline(keys: Any, observer: RecordingObserver) -> RequestPipeline:
    return RequestPipeline(
        DiscoveryEndpoint(keys),
        "https://care.example",
        "eu-west-2",
        Cors(("*",)),
        observer,
        lambda: 0.0,
        Origin("the-fronts-secret"),
        Auditing(Record(), "a-function"),
    )


def test_a_priming_request_answers_as_a_request_and_is_recorded_logged_and_counted_nowhere() -> None:
    class Counted(DiscoveryEndpoint):
        def answer(self, context: RequestContext) -> Response:
            context.metrics.append("TokenIssued")
            return super().answer(context)

    observer, keys = RecordingObserver(), Keys()

    prime_request(replace(pipeline(keys, observer), endpoint=Counted(keys)), "GET", "/.well-known/jwks.json")()

    assert keys.asked == 1
    assert (observer.failures, observer.lines, observer.counts) == ([], [], [])


def test_a_priming_request_that_a_service_did_not_answer_says_so() -> None:
    class Broken:
        def jwks(self) -> dict[str, Any]:
            raise ConnectionError("secret-detail")

    observer = RecordingObserver()
    with pytest.raises(PrimingError) as raised:
        prime_request(pipeline(Broken(), observer), "GET", "/.well-known/jwks.json")()

    assert str(raised.value) == ""
    assert observer.failures == []


def test_the_route_itself_stays_as_it_is() -> None:
    class Endpoint(DiscoveryEndpoint):
        def answer(self, context: RequestContext) -> Response:
            return Response(200)

    whole = replace(pipeline(Keys(), RecordingObserver()), endpoint=Endpoint(Keys()))
    prime_request(whole, "GET", "/")()

    assert whole.auditing
    assert whole.origin.secret


@mock_aws
def test_a_look_is_for_what_no_item_has() -> None:
    client = boto3.client("dynamodb", region_name="eu-west-2")
    names: Any = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    keys: Any = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    client.create_table(
        TableName="some",
        AttributeDefinitions=names,
        KeySchema=keys,
        BillingMode="PAY_PER_REQUEST",
    )

    assert "Item" not in look(client, "some")()  # type: ignore[operator]
    assert NOTHING not in str(client.scan(TableName="some")["Items"])
