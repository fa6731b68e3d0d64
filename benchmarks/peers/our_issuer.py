"""Our token issuer as a measured process: a local key in place of KMS, its tables in memory."""

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import jwt
from benchmarks.peers.answering import answer
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from careconnect.audit.event import AuditEvent
from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.pipeline import Auditing, RequestPipeline
from careconnect.oauth.access_token import ALGORITHM, DEFAULT_LIFETIME, PSS_ALGORITHM, TOKEN_TYPE
from careconnect.oauth.client_record import CLIENT_CREDENTIALS, AuthMethod, ClientRecord, SecretDigest, digest_secret
from careconnect.oauth.signing_keys import thumbprint
from careconnect.runtime.settings import Settings
from token_issuer.app import OAuthEndpoint
from token_issuer.clients.authenticate_client import ClientAuthentication, FoundClient
from token_issuer.clients.throttle import Counters
from token_issuer.tokens.bind_token import KeyBinding

_SALT = "a-salt"
_FAILURES_ALLOWED = 20
_KEPT = 100


class _MemoryClients:
    """A store of one registered client, without failed attempts."""

    def __init__(self, record: ClientRecord) -> None:
        self._record = record

    def find(self, client_id: str, _failures: Counters) -> FoundClient:
        return FoundClient(self._record if client_id == self._record.client_id else None, 0, 0)


class _MemoryAudit:
    """Stores the newest events, as the items of a table."""

    def __init__(self) -> None:
        self._items: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def begin(self, events: Sequence[AuditEvent]) -> "list[Future[None]]":
        """Store events at once, and return finished futures."""
        self.keep(events)
        kept: Future[None] = Future()
        kept.set_result(None)
        return [kept]

    def run(self, work: Callable[[], None]) -> "Future[None]":
        """Run work at once and return its finished future."""
        work()
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Store events, and wait."""
        self._items.extend(event.item() for event in events)

    def put_action(self, event: AuditEvent) -> dict[str, Any]:
        """Refuse: the issuer writes no event in a transaction."""
        raise NotImplementedError


class _LocalSigner:
    """Signs with a key of this process."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key
        self._headers = {"typ": TOKEN_TYPE, "kid": thumbprint(key.public_key())}

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), self._key, ALGORITHM, headers=self._headers)

    def sign_by_pss(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), self._key, PSS_ALGORITHM, headers=self._headers)


def main() -> None:
    """Run the issuer: `call` grants a token, `signature` creates the bare signature of one."""
    made: dict[str, Any] = {}

    def prepare(asked: Any) -> None:
        key = load_pem_private_key(asked["pem"].encode(), None)
        assert isinstance(key, RSAPrivateKey)
        made.update(pipeline=_pipeline(asked, key), event=asked["event"], key=key, signed=asked["signed"].encode())

    def ask() -> Any:
        return made["pipeline"](made["event"])

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
    # A grant by secret, of a Bearer token, needs no failures, assertions, revocations, proofs or other keys.
    unasked: Any = None
    endpoint = OAuthEndpoint(
        authentication=ClientAuthentication(_MemoryClients(client), unasked, unasked, _FAILURES_ALLOWED),
        signer=_LocalSigner(key),
        keys=unasked,
        tokens=unasked,
        lifetime=DEFAULT_LIFETIME,
        binding=KeyBinding(unasked),
    )
    return pipeline_of(Settings(os.environ), endpoint, Auditing(_MemoryAudit(), "token_issuer"))
