"""A job ends with the token that started it (`export.md`, Who may export)."""

from collections.abc import Mapping
from typing import Any

import pytest

from careconnect.export.ended import is_ended
from careconnect.export.job import JOB_SECONDS, LONGEST_RETENTION_HOURS, State
from careconnect.fhir.outcomes import OutcomeError
from careconnect.oauth.access_token import LONGEST_JOB, client_cutoff_key, revocation_key
from careconnect.oauth.revocation import DynamoDbRevocations, IssuedToken, RevocationsUnknownError
from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.parts.export_jobs import a_job

NOW = 1_795_676_953.0
TOKENS = "tokens"


def revocations(*items: Mapping[str, Any]) -> DynamoDbRevocations:
    database = Database(clock=lambda: NOW)
    database.create_table(
        TableName=TOKENS,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    client: Any = InMemoryClient(database)
    for item in items:
        client.put_item(TableName=TOKENS, Item=item)
    return DynamoDbRevocations(client, TOKENS)


def cutoff(before: int, client_id: str = "client-1") -> Mapping[str, Any]:
    return {"pk": {"S": client_cutoff_key(client_id)}, "before": {"N": str(before)}}


def test_a_job_ends_with_its_token_by_the_tokens_id_or_its_clients_cutoff() -> None:
    job = a_job(NOW)
    issued_at = job.issued_at

    assert not is_ended(job, revocations())
    assert is_ended(job, revocations({"pk": {"S": revocation_key("token-7")}}))
    assert is_ended(job, revocations(cutoff(issued_at)))
    # It ends also for a client that has got new tokens since.
    assert is_ended(job, revocations(cutoff(issued_at + 3_600)))


def test_what_ends_other_tokens_does_not_end_it() -> None:
    others = [cutoff(a_job(NOW).issued_at - 1), {"pk": {"S": revocation_key("token-8")}}, cutoff(int(NOW), "client-2")]

    assert not is_ended(a_job(NOW), revocations(*others))


def test_a_job_of_which_that_is_not_known_is_unavailable() -> None:
    class Down:
        def is_revoked(self, token: IssuedToken) -> bool:
            raise RevocationsUnknownError

    with pytest.raises(OutcomeError) as raised:
        is_ended(a_job(NOW), Down())
    assert raised.value.status == 503


def test_a_job_that_was_ended_stays_so() -> None:
    assert is_ended(a_job(NOW, state=State.ENDED), revocations())


def test_a_revocation_is_stored_for_as_long_as_the_longest_job_lives() -> None:
    assert LONGEST_JOB == JOB_SECONDS + LONGEST_RETENTION_HOURS * 3_600
