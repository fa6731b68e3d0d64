"""A registered client as the client table stores it: written by the operator's tools, read by the issuer.

Secrets are never stored, only their digests. A secret has 512 random bits, which nobody can guess however cheap
the digest is. One SHA-256 with the client's salt is therefore enough (ADR 6).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class AuthMethod(StrEnum):
    """The methods of client authentication (RFC 6749 §2.3.1, RFC 7523 §2.2)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"


CLIENT_CREDENTIALS: Final = "client_credentials"
GRANT_TYPES: Final = (CLIENT_CREDENTIALS,)

ASSERTION_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")
"""The algorithms that a client may sign its assertions with."""

FAPI2: Final = "fapi2"
"""The security profile FAPI 2.0, for machines without users (`bound-tokens.md`)."""

FAPI2_ALGORITHMS: Final = ("PS256", "ES256")
"""The algorithms that a client with this profile may sign its assertions with."""

MAX_SECRETS: Final = 2
"""The current secret and, during a rotation, the retiring one."""

MAX_ID_LENGTH: Final = 128
MAX_NAME_BYTES: Final = 100
"""Bytes of a client's name in UTF-8: tokens and audit events carry it."""

MAX_SCOPE_LENGTH: Final = 2048
"""Characters of a token's scope and identifier systems together.

The three limits hold every token's signing input under the 4,096 bytes that KMS signs unhashed.
"""


@dataclass(frozen=True, slots=True)
class SecretDigest:
    """The salted digest of one secret, in hex; the secret is invalid from the epoch second `ends_at` on (0: never)."""

    digest: str
    ends_at: int = 0


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """One registered client.

    `jwks` is a JWK Set as JSON text. `patient` is the id of the patient that the client's `patient/` scopes are
    bound to. `identifier_systems` are URIs: the systems of the identifiers that a bound client may write. A
    `resource_server` may introspect any token. With `dpop_bound_access_tokens` the client gets no token without a DPoP
    proof, with `dpop_nonce` each of its proofs needs a nonce (`bound-tokens.md`). `security_profile` is `fapi2`, or
    empty. Times are epoch seconds.
    """

    client_id: str
    name: str
    enabled: bool
    auth_methods: frozenset[AuthMethod]
    grant_types: frozenset[str]
    scopes: tuple[str, ...]
    salt: str = ""
    secrets: tuple[SecretDigest, ...] = ()
    jwks: str = ""
    jwks_uri: str = ""
    patient: str = ""
    identifier_systems: tuple[str, ...] = ()
    resource_server: bool = False
    created_at: int = 0
    dpop_bound_access_tokens: bool = False
    dpop_nonce: bool = False
    security_profile: str = ""

    @property
    def needs_proof(self) -> bool:
        """Return True if the client gets no token without a DPoP proof, which the profile `FAPI2` never gives."""
        return self.dpop_bound_access_tokens or self.security_profile == FAPI2


def digest_secret(salt: str, secret: str) -> str:
    """Return the salted hex digest of `secret`."""
    return hashlib.sha256((salt + secret).encode("utf-8", "surrogatepass")).hexdigest()


def client_item(record: ClientRecord) -> "dict[str, AttributeValueTypeDef]":
    """Return `record` as an item of the client table."""
    return {
        "client_id": {"S": record.client_id},
        "name": {"S": record.name},
        "enabled": {"BOOL": record.enabled},
        "auth_methods": {"L": [{"S": method.value} for method in sorted(record.auth_methods)]},
        "grant_types": {"L": [{"S": grant_type} for grant_type in sorted(record.grant_types)]},
        "scope": {"S": " ".join(record.scopes)},
        "salt": {"S": record.salt},
        "secrets": {
            "L": [
                {"M": {"digest": {"S": secret.digest}, "ends_at": {"N": str(secret.ends_at)}}}
                for secret in record.secrets
            ]
        },
        "jwks": {"S": record.jwks},
        "jwks_uri": {"S": record.jwks_uri},
        "patient": {"S": record.patient},
        "identifier_systems": {"S": " ".join(record.identifier_systems)},
        "resource_server": {"BOOL": record.resource_server},
        "created_at": {"N": str(record.created_at)},
        "dpop_bound_access_tokens": {"BOOL": record.dpop_bound_access_tokens},
        "dpop_nonce": {"BOOL": record.dpop_nonce},
        "security_profile": {"S": record.security_profile},
    }


def client_record(item: Mapping[str, Any]) -> ClientRecord:
    """Read an item of the client table."""
    return ClientRecord(
        client_id=item["client_id"]["S"],
        name=item["name"]["S"],
        enabled=item["enabled"]["BOOL"],
        auth_methods=frozenset(AuthMethod(method["S"]) for method in item["auth_methods"]["L"]),
        grant_types=frozenset(grant_type["S"] for grant_type in item["grant_types"]["L"]),
        scopes=tuple(item["scope"]["S"].split()),
        salt=item["salt"]["S"],
        secrets=tuple(
            SecretDigest(secret["M"]["digest"]["S"], int(secret["M"]["ends_at"]["N"]))
            for secret in item["secrets"]["L"]
        ),
        jwks=item["jwks"]["S"],
        jwks_uri=item["jwks_uri"]["S"],
        patient=item["patient"]["S"],
        # Clients that were registered before there were identifier systems have none.
        identifier_systems=tuple(item.get("identifier_systems", {"S": ""})["S"].split()),
        resource_server=item["resource_server"]["BOOL"],
        created_at=int(item["created_at"]["N"]),
        # Clients that were registered before there were bound tokens have none of these.
        dpop_bound_access_tokens=item.get("dpop_bound_access_tokens", {"BOOL": False})["BOOL"],
        dpop_nonce=item.get("dpop_nonce", {"BOOL": False})["BOOL"],
        security_profile=item.get("security_profile", {"S": ""})["S"],
    )
