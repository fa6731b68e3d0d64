"""Our token issuer as a measured process: a local key in place of KMS, its tables in memory."""

import os
from collections.abc import Mapping
from typing import Any

import jwt
from benchmarks.peers.answering import answer
from benchmarks.peers.memory_record import auditing
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.oauth.access_token import ALGORITHM, DEFAULT_LIFETIME, TOKEN_TYPE
from careconnect.oauth.client_record import CLIENT_CREDENTIALS, AuthMethod, ClientRecord, SecretDigest, digest_secret
from careconnect.oauth.signing_keys import thumbprint
from careconnect.runtime.settings import Settings
from token_issuer.app import OAuthEndpoint
from token_issuer.clients.authenticate_client import ClientAuthentication, FoundClient
from token_issuer.clients.throttle import Counters

_SALT = "a-salt"
_FAILURES_ALLOWED = 20


class _MemoryClients:
    """One registered client, who never failed."""

    def __init__(self, record: ClientRecord) -> None:
        self._record = record

    def find(self, client_id: str, _failures: Counters) -> FoundClient:
        return FoundClient(self._record if client_id == self._record.client_id else None, 0, 0)


class _LocalSigner:
    """Signs with a key of this process."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key
        self._headers = {"typ": TOKEN_TYPE, "kid": thumbprint(key.public_key())}

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), self._key, ALGORITHM, headers=self._headers)


def main() -> None:
    """Be the issuer: `call` grants a token, `signature` makes the bare signature of one."""
    made: dict[str, Any] = {}

    def prepare(asked: Any) -> None:
        key = load_pem_private_key(asked["pem"].encode(), None)
        assert isinstance(key, RSAPrivateKey)
        made.update(pipeline=_pipeline(asked, key), event=asked["event"], key=key, signed=asked["signed"].encode())

    def ask() -> Any:
        return made["shell"](made["event"])

    def grant() -> None:
        if (status := ask()["statusCode"]) != 200:
            raise RuntimeError(f"answered {status}")

    def sign() -> None:
        made["key"].sign(made["signed"], PKCS1v15(), SHA256())

    answer(prepare, ask, {"call": grant, "signature": sign})


def _pipeline(asked: Any, key: RSAPrivateKey) -> RequestPipeline:
    client = ClientRecord(
        client_id=asked["client"]["id"],
        name="A benchmark",
        enabled=True,
        auth_methods=frozenset({AuthMethod.BASIC}),
        grant_types=frozenset({CLIENT_CREDENTIALS}),
        scopes=(asked["scope"],),
        salt=_SALT,
        secrets=(SecretDigest(digest_secret(_SALT, asked["client"]["secret"])),),
    )
    # Failures, assertions, revocations and others' keys: who is granted a token by a secret asks for none of these.
    unasked: Any = None
    endpoint = OAuthEndpoint(
        authentication=ClientAuthentication(_MemoryClients(client), unasked, unasked, _FAILURES_ALLOWED),
        signer=_LocalSigner(key),
        keys=unasked,
        tokens=unasked,
        lifetime=DEFAULT_LIFETIME,
    )
    return pipeline_of(Settings(os.environ), endpoint, auditing("token_issuer"))
