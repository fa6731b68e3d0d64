"""The token issuer as its handler builds it, over AWS clients that a test provides."""

import base64
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import boto3
import jwt
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto import mock_aws
from moto.kms.utils import generate_private_key

from careconnect.audit.event import AuditEvent
from careconnect.endpoint.pipeline import Auditing, RequestPipeline
from careconnect.http.messages import Cors
from careconnect.oauth.client_record import (
    CLIENT_CREDENTIALS,
    AuthMethod,
    ClientRecord,
    SecretDigest,
    client_item,
    digest_secret,
)
from careconnect.oauth.signing_keys import KmsSigningKeys
from careconnect_testing.aws.moto_kms import salted_as_by_kms
from careconnect_testing.aws.tables import create_table
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import Pairs, form_event
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from token_issuer.app import OAuthEndpoint
from token_issuer.clients.authenticate_client import ClientAuthentication
from token_issuer.clients.client_store import DynamoDbClientStore
from token_issuer.tokens.bind_token import KeyBinding
from token_issuer.tokens.kms_token_signer import KmsTokenSigner
from token_issuer.tokens.proof_store import DynamoDbProofStore
from token_issuer.tokens.token_store import DynamoDbTokenStore

BASE = "https://api.example.org"
FHIR_BASE = f"{BASE}/careconnect-ri/STU3"
REGION = "eu-west-2"
CLIENT_TABLE = "clients"
TOKEN_TABLE = "tokens"
PROOF_TABLE = "proofs"
AUDIT_TABLE = "audit"
ALIAS = "alias/test-signing"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# One session for the whole run, so that it reads the services' descriptions once.
_SESSION = boto3.session.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)

# One key pair of each kind for the whole run, because generating an RSA key takes long.
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256_KEY = ec.generate_private_key(ec.SECP256R1())
P384_KEY = ec.generate_private_key(ec.SECP384R1())


class NoKeySets:
    """A key set store in which no client publishes keys."""

    def keys(self, uri: str, kid: str) -> Sequence[Mapping[str, Any]]:
        return ()


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Return the Authorization header of the Basic scheme, raw."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def public_jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **members: Any) -> dict[str, Any]:
    """Return the public JWK of a private key."""
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    algorithm: Any = jwt.algorithms.RSAAlgorithm if is_rsa else jwt.algorithms.ECAlgorithm
    jwk: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": kid, **members}


@dataclass
class Issuer:
    """An issuer over real adapters, with its tables, its clock and its AWS calls.

    `events` lists the audit trail; the issuer stores its own events if it has an `auditing`.
    """

    dynamodb: Any
    kms: Any
    clock: Clock
    observer: RecordingObserver
    calls: list[str]
    endpoint: OAuthEndpoint
    events: Callable[[], list[AuditEvent]]
    base: str = BASE
    auditing: Auditing | None = None

    def __post_init__(self) -> None:
        self.app = RequestPipeline(
            self.endpoint, self.base, REGION, Cors(("*",)), self.observer, self.clock, auditing=self.auditing
        )

    @property
    def sts(self) -> Any:
        """An STS client that returns the signed-in identity."""
        return _SESSION.client("sts")

    def rebuilt(self, base: str = BASE, **changes: Any) -> "Issuer":
        """Return an issuer with another root URL or with some of its parts changed."""
        return replace(self, base=base, endpoint=replace(self.endpoint, **changes))

    def register(self, client_id: str = "client-1", **changes: Any) -> str:
        """Register a client with a new secret and return the secret."""
        secret = changes.pop("secret", None) or secrets.token_urlsafe(64)
        record = ClientRecord(
            client_id=client_id,
            name="A test client",
            enabled=True,
            auth_methods=frozenset({AuthMethod.BASIC, AuthMethod.POST}),
            grant_types=frozenset({CLIENT_CREDENTIALS}),
            scopes=("profile", "user/Patient.read", "patient/Patient.read"),
            salt="a-salt",
            secrets=(SecretDigest(digest_secret("a-salt", secret)),),
        )
        self.put(replace(record, **changes))
        return str(secret)

    def put(self, record: ClientRecord) -> None:
        """Store a client's registration."""
        calls = list(self.calls)
        self.dynamodb.put_item(TableName=CLIENT_TABLE, Item=client_item(record))
        self.calls[:] = calls

    def send(self, event: Mapping[str, Any]) -> Answer:
        """Pass an event to the app."""
        return Answer.of(self.app(event))

    def post(
        self,
        path: str,
        form: Pairs | Mapping[str, str] = (),
        *,
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
        source_ip: str = "",
    ) -> Answer:
        """Post a form to an endpoint."""
        return self.send(form_event(path, form, query=query, headers=headers, source_ip=source_ip))

    def token(self, client_id: str, secret: str, **form: str) -> Answer:
        """Request a token with Basic."""
        return self.post("/token", {"grant_type": "client_credentials", **form}, headers=basic(client_id, secret))

    def assertion(
        self,
        client_id: str = "client-1",
        *,
        key: Any = RSA_KEY,
        algorithm: str = "RS256",
        headers: Mapping[str, Any] | None = None,
        without: Sequence[str] = (),
        **claims: Any,
    ) -> str:
        """Return a signed client assertion, valid unless changed."""
        now = int(self.clock())
        payload = {
            "iss": client_id,
            "sub": client_id,
            "aud": f"{BASE}/token",
            "iat": now,
            "exp": now + 300,
            "jti": secrets.token_urlsafe(16),
            **claims,
        }
        payload = {name: value for name, value in payload.items() if name not in without}
        return jwt.encode(payload, key, algorithm, headers={"kid": "key-1", **(headers or {})})

    def assert_client(self, assertion: str, **form: str) -> Answer:
        """Request a token with an assertion."""
        return self.post(
            "/token",
            {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion,
                **form,
            },
        )

    def items(self, table: str = TOKEN_TABLE) -> list[dict[str, Any]]:
        """Return all items of a table."""
        found: list[dict[str, Any]] = self.dynamodb.scan(TableName=table)["Items"]
        return found


_MADE_BEFORE: list[Any] = []


@contextmanager
def quick_rsa_keys() -> Iterator[None]:
    """Give moto RSA keys that were generated before, none twice in one test: generating one takes long."""
    unused = iter(list(_MADE_BEFORE))

    def ready(key_spec: str) -> Any:
        # moto gives a symmetric key one, too.
        if key_spec not in ("RSA_2048", "SYMMETRIC_DEFAULT"):
            return generate_private_key(key_spec)
        key = next(unused, None)
        if key is None:
            key = generate_private_key(key_spec)
            _MADE_BEFORE.append(key)
        return key

    with patch("moto.kms.models.generate_private_key", ready):
        yield


@contextmanager
def built_issuer(*, tables_of_moto: bool = False, **changes: Any) -> Iterator[Issuer]:
    """Build an issuer over moto's keys and tables in memory, or moto's tables for code that makes its own clients."""
    with mock_aws(), quick_rsa_keys(), salted_as_by_kms():
        config = Config(retries={"total_max_attempts": 1})
        kms = _SESSION.client("kms", config=config)
        in_memory = InMemoryClient(Database(time.time))
        dynamodb: Any = _SESSION.client("dynamodb", config=config) if tables_of_moto else in_memory
        create_table(dynamodb, "ClientTable", CLIENT_TABLE)
        create_table(dynamodb, "TokenTable", TOKEN_TABLE)
        create_table(dynamodb, "ProofTable", PROOF_TABLE)
        events = audit_table(dynamodb, AUDIT_TABLE)
        key = add_key(kms, "-current")
        for suffix in ("-next", "-previous"):
            kms.create_alias(AliasName=ALIAS + suffix, TargetKeyId=key)
        calls: list[str] = []
        for client in (dynamodb, kms):
            client.meta.events.register("before-call", lambda model, **_: calls.append(model.name), unique_id="calls")
        clock = Clock(float(int(time.time())))
        yield Issuer(
            dynamodb,
            kms,
            clock,
            RecordingObserver(),
            calls,
            oauth_endpoint(dynamodb, kms, clock, **changes),
            events,
        )


def add_key(kms: Any, suffix: str, alias: str = ALIAS) -> str:
    """Create a signing key, point an alias at it and return its ARN."""
    arn: str = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=alias + suffix, TargetKeyId=arn)
    return arn


def oauth_endpoint(dynamodb: Any, kms: Any, clock: Clock, *, limit: int = 20, key_sets: Any = None) -> OAuthEndpoint:
    """Build an endpoint from its real adapters."""
    keys = KmsSigningKeys(kms, ALIAS, clock=clock)
    tokens = DynamoDbTokenStore(dynamodb, TOKEN_TABLE, now=clock)
    return OAuthEndpoint(
        authentication=ClientAuthentication(
            clients=DynamoDbClientStore(dynamodb, CLIENT_TABLE, TOKEN_TABLE),
            attempts=tokens,
            key_sets=key_sets or NoKeySets(),
            limit=limit,
        ),
        signer=KmsTokenSigner(kms, keys),
        keys=keys,
        tokens=tokens,
        lifetime=3600,
        binding=KeyBinding(DynamoDbProofStore(dynamodb, PROOF_TABLE)),
    )
