"""The signing keys: RSA keys in KMS that three alias names point at, so that rotation needs no deployment.

For the alias `alias/careconnect-signing` these are `…-next` (published, not yet used), `…-current` (signs)
and `…-previous` (still trusted). Issuer, discovery and authorizer find them with kms:GetPublicKey and keep
them for a bounded time (ADR 7).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from careconnect import base64url
from careconnect.access_token import ALGORITHM
from careconnect.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

NEXT: Final = "-next"
CURRENT: Final = "-current"
PREVIOUS: Final = "-previous"

CACHE_SECONDS: Final = 60
"""How long a function instance uses what it found, and so how soon all of them follow a rotation."""

RECHECK_SECONDS: Final = 5
"""How soon a `kid` that is not among the keys may make an instance look again."""

JWKS_MAX_AGE: Final = 300
"""Seconds for which others may keep the published key set."""

KMS_ALGORITHM: Final = "RSASSA_PKCS1_V1_5_SHA_256"
"""What KMS calls RS256 (RFC 7518 §3.3)."""

# No key at the alias, or one that an operator took out of service: it is not trusted.
_ABSENT: Final = frozenset({"NotFoundException", "DisabledException", "KMSInvalidStateException"})

# A promotion sets `-previous`, then `-current`, and takes `-next` away last. Whoever reads in this order
# therefore never misses one of the keys, whatever moment it reads at.
_READING_ORDER: Final = (NEXT, CURRENT, PREVIOUS)


class SigningKeyError(Exception):
    """KMS did not answer, or has no usable key; the text is a fixed reason or a service's error code."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs: `kid` for the header, `key_arn` for KMS (an alias may move between two calls)."""

    kid: str
    key_arn: str


@dataclass(frozen=True, slots=True)
class _PublishedKey:
    signing_key: SigningKey
    public_key: RSAPublicKey


@dataclass(frozen=True, slots=True)
class _Found:
    at: float
    keys: dict[str, _PublishedKey]


def public_jwk(key: RSAPublicKey) -> dict[str, str]:
    """Return the members of an RSA public key that identify it (RFC 7518 §6.3.1)."""
    numbers = key.public_numbers()
    return {"e": _base64url_integer(numbers.e), "kty": "RSA", "n": _base64url_integer(numbers.n)}


def thumbprint(key: RSAPublicKey) -> str:
    """Return the key's SHA-256 thumbprint, its `kid` (RFC 7638 §3)."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(canonical.encode()).digest())


class KmsSigningKeys:
    """The keys behind the three aliases, each looked up once per `lifetime` seconds.

    `clock` gives wall-clock seconds: a monotonic clock would stand still while a SnapStart snapshot waits.
    """

    def __init__(
        self, kms: "KMSClient", alias: str, *, clock: Callable[[], float], lifetime: float = CACHE_SECONDS
    ) -> None:
        self._kms = kms
        self._alias = alias
        self._clock = clock
        self._lifetime = lifetime
        self._found: _Found | None = None

    def current(self) -> SigningKey:
        """Return the key to sign with; raises `SigningKeyError` if there is none or KMS fails."""
        key = self._keys().get(CURRENT)
        if key is None:
            raise SigningKeyError("no current signing key")
        return key.signing_key

    def public_key(self, kid: str) -> RSAPublicKey | None:
        """Return the trusted key called `kid`, or None.

        An unknown `kid` makes the instance look again, at most once in `RECHECK_SECONDS`, so that a key
        published a moment ago is found and a made-up one costs nothing. Raises `SigningKeyError`.
        """
        key = _named(kid, self._keys())
        if key is None and not self._fresh(RECHECK_SECONDS):
            key = _named(kid, self._look_up())
        return key

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys, the signing one first (RFC 7517 §5); raises `SigningKeyError`."""
        keys = self._keys()
        ordered = [keys[name] for name in (CURRENT, NEXT, PREVIOUS) if name in keys]
        by_kid = {key.signing_key.kid: key.public_key for key in ordered}
        return {
            "keys": [
                {"use": "sig", "alg": ALGORITHM, "kid": kid, **public_jwk(public_key)}
                for kid, public_key in by_kid.items()
            ]
        }

    def _keys(self) -> dict[str, _PublishedKey]:
        if self._found is not None and self._fresh(self._lifetime):
            return self._found.keys
        return self._look_up()

    def _fresh(self, seconds: float) -> bool:
        return self._found is not None and 0 <= self._clock() - self._found.at < seconds

    def _look_up(self) -> dict[str, _PublishedKey]:
        at = self._clock()
        keys = {name: key for name in _READING_ORDER if (key := self._key_at(self._alias + name)) is not None}
        self._found = _Found(at, keys)
        return keys

    def _key_at(self, alias: str) -> _PublishedKey | None:
        try:
            answer = self._kms.get_public_key(KeyId=alias)
        except SERVICE_ERRORS as error:
            code = error_code(error)
            if code in _ABSENT:
                return None
            raise SigningKeyError(code) from error
        return _published(answer)


def _published(answer: Any) -> _PublishedKey | None:
    """Return the key in a GetPublicKey answer if it is one that RS256 can be signed with."""
    if KMS_ALGORITHM not in answer.get("SigningAlgorithms", ()):
        return None
    public_key = load_der_public_key(answer["PublicKey"])
    if not isinstance(public_key, RSAPublicKey):
        return None
    return _PublishedKey(SigningKey(thumbprint(public_key), answer["KeyId"]), public_key)


def _named(kid: str, keys: dict[str, _PublishedKey]) -> RSAPublicKey | None:
    return next((key.public_key for key in keys.values() if key.signing_key.kid == kid), None)


def _base64url_integer(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
