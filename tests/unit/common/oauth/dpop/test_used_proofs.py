"""A proof is used once by its key, however often and wherever it is sent; the nonces' key is made once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from careconnect.oauth.dpop.proof import Proof
from careconnect.oauth.dpop.used_proofs import NONCE_KEY, DynamoDbUsedProofs
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.dynamodb.values import item_size
from careconnect_testing.parts.clock import Clock

TABLE = "proofs"
NOW = 1_800_000_000
PROOF = Proof(jkt="key-1", jti="proof-1", judged_at=NOW + 0.7, ends_at=NOW + 60)


@pytest.fixture
def client() -> Any:
    database = Database(Clock(NOW))
    database.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        time_to_live="expires_at",
    )
    return InMemoryClient(database)


def items(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.scan(TableName=TABLE)["Items"]
    return found


def test_a_proof_is_used_once_at_all_functions(client: Any) -> None:
    assert DynamoDbUsedProofs(client, TABLE).use(PROOF)
    assert not DynamoDbUsedProofs(client, TABLE).use(PROOF)
    assert not DynamoDbUsedProofs(client, TABLE).use(replace(PROOF, judged_at=NOW + 60.9))


def test_another_jti_or_key_is_another_use(client: Any) -> None:
    used = DynamoDbUsedProofs(client, TABLE)

    assert used.use(PROOF)
    assert used.use(replace(PROOF, jti="proof-2"))
    assert used.use(replace(PROOF, jkt="key-2"))
    assert used.use(replace(PROOF, jkt="key-2", jti="proof-2"))


def test_a_jti_may_be_used_again_when_no_proof_with_it_could_be_accepted(client: Any) -> None:
    used = DynamoDbUsedProofs(client, TABLE)
    later = replace(PROOF, judged_at=NOW + 61, ends_at=NOW + 121)

    assert used.use(PROOF)
    assert used.use(later)
    assert not used.use(later)


def test_of_64_concurrent_uses_one_succeeds(client: Any) -> None:
    used = DynamoDbUsedProofs(client, TABLE)

    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(lambda _: used.use(PROOF), range(64)))

    assert sum(results) == 1


def test_an_item_shows_neither_key_nor_jti_and_is_deleted_after_its_end(client: Any) -> None:
    DynamoDbUsedProofs(client, TABLE).use(replace(PROOF, jti="\ud800 a client's text"))

    [item] = items(client)
    assert "key-1" not in str(item)
    assert "text" not in str(item)
    assert int(item["expires_at"]["N"]) > PROOF.ends_at


def test_a_use_is_one_write_unit(client: Any) -> None:
    calls: list[str] = []
    client.before = lambda name, _request: calls.append(name)

    DynamoDbUsedProofs(client, TABLE).use(replace(PROOF, jti="x" * 255))

    assert calls == ["PutItem"]
    # DynamoDB's write unit.
    assert item_size(items(client)[0]) <= 1024


def lost_answer(client: Any, *, before: Callable[[], object] = lambda: None) -> Any:
    """Return a client whose write happens, is not answered and is sent again, as boto3 does."""

    class Repeating:
        def put_item(self, **request: Any) -> Any:
            before()
            client.put_item(**request)
            return client.put_item(**request)

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

    return Repeating()


def test_our_own_repeated_write_is_no_replay(client: Any) -> None:
    used = DynamoDbUsedProofs(lost_answer(client), TABLE)

    assert used.use(PROOF)
    assert not DynamoDbUsedProofs(client, TABLE).use(PROOF)


def test_the_nonces_key_is_made_once_for_all_functions(client: Any) -> None:
    first, second = DynamoDbUsedProofs(client, TABLE), DynamoDbUsedProofs(client, TABLE)

    assert len(first.nonce_key()) == 32
    assert second.nonce_key() == first.nonce_key()
    [item] = items(client)
    assert item["pk"] == {"S": NONCE_KEY}
    # Time to live never deletes it.
    assert "expires_at" not in item


def test_of_two_functions_that_make_the_key_at_once_one_does(client: Any) -> None:
    other = DynamoDbUsedProofs(client, TABLE)

    ours = DynamoDbUsedProofs(lost_answer(client, before=other.nonce_key), TABLE)

    assert ours.nonce_key() == other.nonce_key()


def test_our_own_repeated_making_of_the_key_counts(client: Any) -> None:
    ours = DynamoDbUsedProofs(lost_answer(client), TABLE)

    assert ours.nonce_key() == DynamoDbUsedProofs(client, TABLE).nonce_key()


def test_the_key_is_read_once_a_minute(client: Any) -> None:
    clock = Clock(NOW)
    used = DynamoDbUsedProofs(client, TABLE, clock=clock)
    key = used.nonce_key()
    calls: list[str] = []
    client.before = lambda name, _request: calls.append(name)

    clock.now += 59
    assert used.nonce_key() == key
    assert not calls
    clock.now += 1
    assert used.nonce_key() == key
    assert calls == ["GetItem"]


def test_functions_agree_on_another_key_within_a_minute(client: Any) -> None:
    clock = Clock(NOW)
    used = DynamoDbUsedProofs(client, TABLE, clock=clock)
    former = used.nonce_key()
    client.delete_item(TableName=TABLE, Key={"pk": {"S": NONCE_KEY}})
    anew = DynamoDbUsedProofs(client, TABLE).nonce_key()

    clock.now += 60

    assert used.nonce_key() == anew != former


@pytest.mark.parametrize(
    "fault",
    [
        ReadTimeoutError(endpoint_url="https://internal.example"),
        ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem"),
    ],
)
def test_errors_of_dynamodb_pass_through(client: Any, fault: Exception) -> None:
    def broken(_name: str, _request: Any) -> None:
        raise fault

    client.before = broken
    used = DynamoDbUsedProofs(client, TABLE)

    for operation in (lambda: used.use(PROOF), used.nonce_key):
        with pytest.raises(type(fault)):
            operation()
