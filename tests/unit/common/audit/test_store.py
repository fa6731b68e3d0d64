"""Events as DynamoDB keeps them: inserted where there is none, and never asked for."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import Action, AuditEvent, new_event_id
from careconnect.audit.store import EventNotStoredError
from careconnect_testing.aws.lock_step import AwsCall
from careconnect_testing.aws.units import UnitMeter
from careconnect_testing.parts.audit_trails import audit_table

NOW = 1_795_676_953.0
INSERT = "BatchExecuteStatement"


def event(patient: str = "4") -> AuditEvent:
    return AuditEvent(id=new_event_id(NOW), action=Action.READ, interaction="read", patient=patient)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", region_name="eu-west-2")


class Recorded:
    """A table of events, the store that inserts into it, and the calls that that makes.

    Statements are answered with the codes of `faults`, a list for each call, empty where they are done.
    """

    def __init__(self, client: Any, retention_days: int = 0) -> None:
        self.kept = audit_table(client, "audit")
        self.store = DynamoDbAuditStore(client, "audit", retention_days, sleep=lambda _seconds: None)
        self.calls: list[str] = []
        self.fault: Exception | None = None
        self.faults: list[list[str]] = []
        client.meta.events.register("before-call", self._called)
        client.meta.events.register(f"after-call.dynamodb.{INSERT}", self._answered)

    def _called(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if self.fault:
            raise self.fault

    def _answered(self, parsed: dict[str, Any], **_: Any) -> None:
        for response, code in zip(parsed["Responses"], self.faults.pop(0) if self.faults else (), strict=False):
            if code:
                response["Error"] = {"Code": code}


@pytest.mark.parametrize(("events", "calls"), [(1, 1), (25, 1), (26, 2), (100, 4)])
def test_events_are_inserted_25_a_call(client: Any, events: int, calls: int) -> None:
    recorded = Recorded(client)
    made = [event(str(number)) for number in range(events)]
    for ended in recorded.store.begin(made):
        ended.result()
    recorded.store.keep([event(str(number)) for number in range(events)])

    assert recorded.calls == [INSERT] * 2 * calls
    assert len(recorded.kept()) == 2 * events


def test_the_events_of_twenty_patients_are_forty_units(client: Any) -> None:
    recorded = Recorded(client)
    asked: list[AwsCall] = []
    client.meta.events.register(
        "provide-client-params", lambda params, model, **_: asked.append(AwsCall(model.name, params))
    )
    recorded.store.keep([event(str(number)) for number in range(20)])
    (insert,) = [each for each in asked if each.operation == INSERT]
    for made in recorded.kept():
        client.delete_item(TableName="audit", Key={name: made.item()[name] for name in ("pk", "sk")})
    meter = UnitMeter(client)
    meter.before([insert])
    client.batch_execute_statement(**insert.parameters)
    meter.after()

    assert meter.write == 40


def test_an_event_is_never_written_over_another(client: Any) -> None:
    recorded = Recorded(client)
    recorded.store.keep([first := event("4")])
    again = AuditEvent(id=first.id, action=Action.READ, interaction="read", patient="5")
    # As botocore does whose answer was lost: it is there, and stays as it was.
    recorded.store.keep([again, other := event("6")])
    recorded.store.keep([again, other])

    assert sorted(recorded.kept(), key=lambda each: each.patient) == [first, other]


def test_what_is_put_within_a_transaction_is_put_on_the_same_condition(client: Any) -> None:
    recorded = Recorded(client, retention_days=1)
    action = recorded.store.put_action(made := event())
    client.transact_write_items(TransactItems=[action])

    assert recorded.kept() == [made]
    assert action["Put"]["Item"]["expires_at"] == {"N": str(int(NOW) + 86_400)}
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        client.transact_write_items(TransactItems=[action])


@pytest.mark.parametrize(
    ("fault", "code", "is_down"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, INSERT), "AccessDeniedException", True),
        (EndpointConnectionError(endpoint_url="https://gone.example"), "EndpointConnectionError", True),
        (ClientError({"Error": {"Code": "ValidationException"}}, INSERT), "ValidationException", False),
    ],
)
def test_what_cannot_be_stored_is_said_by_the_services_own_word(
    client: Any, fault: Exception, code: str, is_down: bool
) -> None:
    recorded = Recorded(client)
    recorded.fault = fault

    for keep in (recorded.store.keep, lambda events: recorded.store.begin(events)[0].result()):
        with pytest.raises(EventNotStoredError, match=code) as caught:
            keep([event()])
        assert caught.value.is_down is is_down


@pytest.mark.parametrize(
    ("answers", "code", "is_down", "calls"),
    [
        ([["ThrottlingError", ""], []], "", True, 2),
        ([["ThrottlingError", "DuplicateItem"], ["DuplicateItem"]], "", True, 2),
        ([["ThrottlingError", ""], ["ThrottlingError"]], "ThrottlingError", True, 2),
        ([["ValidationError", ""], ["ValidationError"]], "ValidationError", False, 2),
        ([["ThrottlingError", "ValidationError"], ["ThrottlingError", "ValidationError"]], "ValidationError", False, 2),
    ],
)
def test_a_statement_that_was_not_done_is_tried_once_more(
    client: Any, answers: list[list[str]], code: str, is_down: bool, calls: int
) -> None:
    recorded = Recorded(client)
    recorded.faults = answers
    if code:
        with pytest.raises(EventNotStoredError, match=code) as caught:
            recorded.store.keep([event(), event("5")])
        assert caught.value.is_down is is_down
    else:
        recorded.store.keep([event(), event("5")])

    assert len(recorded.calls) == calls
