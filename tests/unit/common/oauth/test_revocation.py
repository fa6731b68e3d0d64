"""Which tokens the token table ends (ADR 17): by their id, and by the marks of client and patient."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from careconnect.oauth.access_token import client_cutoff_key, patient_cutoff_key, revocation_key
from careconnect.oauth.revocation import DynamoDbRevocations, RevocationsUnknownError
from careconnect.oauth.token_verification import AccessToken
from careconnect_testing.aws.tables import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "tokens"
MARK = 1_800_000_000


@pytest.fixture
def dynamodb() -> Iterator["DynamoDBClient"]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-2")
        create_table(client, "TokenTable", TABLE)
        yield client


def token(issued_at: int = MARK, *, patient: str = "", client_id: str = "client-1", jti: str = "jti-1") -> AccessToken:
    return AccessToken(client_id, "profile", issued_at, issued_at + 3600, jti, patient)


def put(dynamodb: "DynamoDBClient", key: str, **members: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": key}, **members})


def cutoff(dynamodb: "DynamoDBClient", key: str) -> None:
    put(dynamodb, key, before={"N": str(MARK)})


@pytest.mark.parametrize(("issued_at", "is_ended"), [(MARK - 1, True), (MARK, True), (MARK + 1, False)])
def test_a_cutoff_ends_what_was_issued_up_to_its_second_whole(
    dynamodb: "DynamoDBClient", issued_at: int, is_ended: bool
) -> None:
    cutoff(dynamodb, client_cutoff_key("client-1"))

    assert DynamoDbRevocations(dynamodb, TABLE).is_revoked(token(issued_at)) is is_ended


def test_a_cutoff_ends_its_own_clients_tokens_alone(dynamodb: "DynamoDBClient") -> None:
    cutoff(dynamodb, client_cutoff_key("client-1"))
    revocations = DynamoDbRevocations(dynamodb, TABLE)

    assert not revocations.is_revoked(token(client_id="client-2"))
    assert not revocations.is_revoked(token(client_id="client-2", patient="client-1"))


@pytest.mark.parametrize(("patient", "is_ended"), [("4", True), ("5", False), ("", False)])
def test_a_patients_cutoff_ends_the_tokens_that_are_bound_to_that_patient(
    dynamodb: "DynamoDBClient", patient: str, is_ended: bool
) -> None:
    cutoff(dynamodb, patient_cutoff_key("4"))

    assert DynamoDbRevocations(dynamodb, TABLE).is_revoked(token(patient=patient)) is is_ended
    assert not DynamoDbRevocations(dynamodb, TABLE).is_revoked(token(MARK + 1, patient=patient))


def test_a_revoked_id_ends_one_token_whenever_it_was_issued(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, revocation_key("jti-1"))
    revocations = DynamoDbRevocations(dynamodb, TABLE)

    assert revocations.is_revoked(token(MARK + 10_000))
    assert not revocations.is_revoked(token(jti="jti-2"))


def test_one_consistent_read_asks_all_three(dynamodb: "DynamoDBClient") -> None:
    asked: list[Any] = []

    def note(params: Any, **_: Any) -> None:
        asked.append(params)

    dynamodb.meta.events.register("provide-client-params.dynamodb.*", note)

    DynamoDbRevocations(dynamodb, TABLE).is_revoked(token(patient="4"))

    (request,) = asked
    assert request["RequestItems"][TABLE]["ConsistentRead"] is True
    assert [key["pk"]["S"] for key in request["RequestItems"][TABLE]["Keys"]] == [
        revocation_key("jti-1"),
        client_cutoff_key("client-1"),
        patient_cutoff_key("4"),
    ]


def test_what_dynamodb_left_unanswered_is_not_taken_for_absent(dynamodb: "DynamoDBClient") -> None:
    def unprocessed(parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedKeys"] = {TABLE: {"Keys": [{"pk": {"S": client_cutoff_key("client-1")}}]}}

    dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", unprocessed)

    with pytest.raises(RevocationsUnknownError):
        DynamoDbRevocations(dynamodb, TABLE).is_revoked(token())
