"""Events as DynamoDB keeps them: put on condition that they are new, and never asked for."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from careconnect.access_record.digest import AccessDigest
from careconnect.access_record.dynamodb_record import DynamoDbAccessRecord
from careconnect.access_record.event import AccessEvent, Action, new_event_id
from careconnect.access_record.record import DigestKeyError, RecordNotKeptError
from careconnect_testing.access_records import audit_table, digest_key

NOW = 1_795_676_953.0


def event(patient: str = "4") -> AccessEvent:
    return AccessEvent(id=new_event_id(NOW), action=Action.READ, interaction="read", patient=patient)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", region_name="eu-west-2")


class Recorded:
    """A table of events, the record that puts into it, and the calls that that makes."""

    def __init__(self, client: Any, retention_days: int = 0) -> None:
        self.kept = audit_table(client, "audit")
        self.record = DynamoDbAccessRecord(client, "audit", retention_days)
        self.calls: list[str] = []
        self.fault: Exception | None = None
        client.meta.events.register("before-call", self._called)

    def _called(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if self.fault:
            raise self.fault


def test_one_event_is_one_put(client: Any) -> None:
    recorded = Recorded(client)
    recorded.record.keep([made := event()])

    assert recorded.calls == ["PutItem"]
    assert recorded.kept() == [made]


def test_a_page_of_events_is_one_transaction_for_each_hundred(client: Any) -> None:
    recorded = Recorded(client)
    made = [event(str(number)) for number in range(101)]
    for ended in recorded.record.begin(made):
        ended.result()

    assert sorted(recorded.calls) == ["PutItem", "TransactWriteItems"]
    assert len(recorded.kept()) == 101
    recorded.record.keep([event(str(number)) for number in range(120)])
    recorded.calls.remove("TransactWriteItems")
    assert len(recorded.kept()) == 221


def test_an_event_is_never_put_over_another(client: Any) -> None:
    recorded = Recorded(client)
    recorded.record.keep([first := event("4")])
    # As botocore does whose answer was lost: it is there, and stays as it was.
    recorded.record.keep([AccessEvent(id=first.id, action=Action.READ, interaction="read", patient="5")])

    assert recorded.kept() == [first]


def test_of_several_events_those_that_are_there_stay_and_the_others_are_put(client: Any) -> None:
    recorded = Recorded(client)
    recorded.record.keep([first := event("4")])
    again, other = AccessEvent(id=first.id, action=Action.READ, interaction="read", patient="5"), event("6")
    recorded.record.keep([again, other])
    recorded.record.keep([again, other])

    assert sorted(recorded.kept(), key=lambda each: each.patient) == [first, other]


def test_what_is_put_within_a_transaction_is_put_on_the_same_condition(client: Any) -> None:
    recorded = Recorded(client, retention_days=1)
    action = recorded.record.put_action(made := event())
    client.transact_write_items(TransactItems=[action])

    assert recorded.kept() == [made]
    assert action["Put"]["Item"]["expires_at"] == {"N": str(int(NOW) + 86_400)}
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        client.transact_write_items(TransactItems=[action])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutItem"), "AccessDeniedException"),
        (EndpointConnectionError(endpoint_url="https://gone.example"), "EndpointConnectionError"),
    ],
)
def test_what_cannot_be_kept_is_said_by_the_services_own_word(client: Any, fault: Exception, said: str) -> None:
    recorded = Recorded(client)
    recorded.fault = fault

    with pytest.raises(RecordNotKeptError, match=said):
        recorded.record.keep([event()])
    with pytest.raises(RecordNotKeptError, match=said):
        recorded.record.begin([event(), event("5")])[0].result()


def test_equal_values_have_equal_digests_under_the_deployments_key_and_no_other() -> None:
    with mock_aws():
        kms = boto3.client("kms", region_name="eu-west-2")
        digest_key(kms, "alias/one")
        digest_key(kms, "alias/other")
        calls: list[str] = []
        kms.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
        one = AccessDigest(lambda: kms, "alias/one")
        assert one("9876543210") == one("9876543210") == AccessDigest(lambda: kms, "alias/one")("9876543210")
        assert one("9876543210") != one("9876543211")
        assert one("9876543210") != AccessDigest(lambda: kms, "alias/other")("9876543210")
        assert len(bytes.fromhex(one(""))) == 32
        assert len(one.key()) == 32

    assert calls == ["GenerateMac"] * 3


def test_without_a_key_nothing_is_digested_and_an_open_record_leaves_the_value_out() -> None:
    with mock_aws():
        kms = boto3.client("kms", region_name="eu-west-2")
        with pytest.raises(DigestKeyError, match="NotFoundException"):
            AccessDigest(lambda: kms, "alias/none")("9876543210")
        assert AccessDigest(lambda: kms, "alias/none", fails_open=True)("9876543210") == "left-out"
