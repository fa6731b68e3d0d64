"""A client's record and its item are the same thing said twice."""

import hashlib
import json

import pytest

from careconnect.oauth.client_record import (
    AuthMethod,
    ClientRecord,
    SecretDigest,
    client_item,
    client_record,
    digest_secret,
)

FULL = ClientRecord(
    client_id="client-1",
    name="Ä client",
    enabled=False,
    auth_methods=frozenset(AuthMethod),
    grant_types=frozenset({"client_credentials"}),
    scopes=("profile", "user/Patient.read"),
    salt="salt",
    secrets=(SecretDigest("a" * 64), SecretDigest("b" * 64, ends_at=1_800_000_000)),
    jwks='{"keys":[]}',
    jwks_uri="https://client.example/jwks",
    patient="4",
    identifier_systems=("https://a.example/readings", "urn:x"),
    resource_server=True,
    created_at=1_700_000_000,
    dpop_bound_access_tokens=True,
    dpop_nonce=True,
    security_profile="fapi2",
)
BARE = ClientRecord("x", "y", enabled=True, auth_methods=frozenset(), grant_types=frozenset(), scopes=())


@pytest.mark.parametrize("record", [FULL, BARE])
def test_an_item_reads_back_as_its_record(record: ClientRecord) -> None:
    assert client_record(json.loads(json.dumps(client_item(record)))) == record


def test_a_client_of_before_there_were_identifier_systems_has_none() -> None:
    item = client_item(FULL)
    del item["identifier_systems"]

    assert client_record(item).identifier_systems == ()


def test_a_client_of_before_there_were_bound_tokens_is_not_bound() -> None:
    item = client_item(FULL)
    for name in ("dpop_bound_access_tokens", "dpop_nonce", "security_profile"):
        del item[name]

    record = client_record(item)

    assert (record.dpop_bound_access_tokens, record.dpop_nonce, record.security_profile) == (False, False, "")


def test_a_digest_is_sha_256_of_salt_and_secret() -> None:
    assert digest_secret("salt", "secret") == hashlib.sha256(b"saltsecret").hexdigest()
    assert digest_secret("salt", "secret") != digest_secret("tlas", "secret")
