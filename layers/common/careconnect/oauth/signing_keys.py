"""The signing keys: RSA keys in KMS behind three aliases, so that a rotation needs no deployment.

For the alias `alias/careconnect-signing` these are `…-next` (published, not yet used), `…-current` (signs)
and `…-previous` (still trusted). Outside a rotation all three point at one key. Issuer, discovery and
authorizer read them with kms:GetPublicKey and cache them for a limited time (ADR 7).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from careconnect.oauth import base64url
from careconnect.oauth.thumbprint import jwk_thumbprint
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

NEXT: Final = "-next"
CURRENT: Final = "-current"
PREVIOUS: Final = "-previous"

CACHE_SECONDS: Final = 60
"""How long a function instance caches the keys, and so how long all instances take to follow a rotation."""

RECHECK_SECONDS: Final = 5
"""How long an instance waits before it asks KMS again, for an unknown `kid` or after KMS did not answer."""

OUTAGE_SECONDS: Final = 15 * 60
"""How long after its last look-up an instance still trusts the public keys while KMS does not answer."""

JWKS_MAX_AGE: Final = 300
"""Seconds for which clients may cache the published key set."""

KMS_ALGORITHM: Final = "RSASSA_PKCS1_V1_5_SHA_256"
"""KMS's name for RS256 (RFC 7518 §3.3)."""

KMS_PSS_ALGORITHM: Final = "RSASSA_PSS_SHA_256"
"""KMS's name for PS256 (RFC 7518 §3.5), which every RSA key in KMS signs by too."""

OUT_OF_SERVICE: Final = frozenset({"NotFoundException", "DisabledException", "KMSInvalidStateException"})
"""KMS's codes for an alias without a key, and for a key that is disabled or about to be deleted: it is not trusted."""

# KMS could not answer. Any other error is an answer, such as a denial, and ends the use of the last good keys.
_OUTAGE: Final = frozenset(
    {
        "DependencyTimeoutException",
        "InternalFailure",
        "KMSInternalException",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)

# A promotion moves `-previous`, then `-current`, and leaves `-next` where it is. A reader in this order therefore
# never misses one of the keys, at whatever moment it reads.
_READING_ORDER: Final = (NEXT, CURRENT, PREVIOUS)


class SigningKeyError(Exception):
    """KMS did not answer, or has no usable key; the text is a fixed reason or a service's error code.

    `outage` is true if KMS did not answer, and false if it denied the request.
    """

    def __init__(self, reason: str, *, outage: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outage = outage


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs: `kid` for the header, `key_arn` for KMS (an alias may move between two requests)."""

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
    return jwk_thumbprint(public_jwk(key))


@dataclass(frozen=True, slots=True)
class _Failed:
    at: float
    reason: str
    outage: bool


class KmsSigningKeys:
    """The keys behind the three aliases, each looked up once per `lifetime` seconds.

    While KMS does not answer, the last public keys stay in use for `OUTAGE_SECONDS`, but signing fails.
    `clock` returns wall-clock seconds: a monotonic clock would stand still while a SnapStart snapshot waits.
    """

    def __init__(
        self, kms: "KMSClient", alias: str, *, clock: Callable[[], float], lifetime: float = CACHE_SECONDS
    ) -> None:
        self._kms = kms
        self._alias = alias
        self._clock = clock
        self._lifetime = lifetime
        self._found: _Found | None = None
        self._failed: _Failed | None = None

    def current(self, *, instead_of: SigningKey | None = None) -> SigningKey:
        """Return the key to sign with; raises `SigningKeyError` if there is none or KMS fails.

        `instead_of` is a key with which KMS refused to sign. If it is the cached one, or none is, the keys are looked
        up anew, at most once in `RECHECK_SECONDS`: they may just have been rotated, or enabled.
        """
        key = (self._fresh_keys() or self._look_up()).get(CURRENT)
        if (key is None or key.signing_key == instead_of) and not self._fresh(RECHECK_SECONDS):
            key = self._look_up().get(CURRENT)
        if key is None:
            raise SigningKeyError("no current signing key")
        return key.signing_key

    def public_key(self, kid: str) -> RSAPublicKey | None:
        """Return the trusted key with the id `kid`, or None.

        An unknown `kid` triggers a new look-up, at most once in `RECHECK_SECONDS` per instance. A newly published
        key is therefore found, and an invented one costs nothing. Raises `SigningKeyError`, also for an unknown
        `kid` while KMS does not answer: the key may be one of ours.
        """
        key = _named(kid, self._trusted_keys())
        if key is None and not self._fresh(RECHECK_SECONDS):
            key = _named(kid, self._look_up_unless_failed())
        return key

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JWK Set, the signing one first (RFC 7517 §5); raises `SigningKeyError`.

        They have no `alg`: one key signs by two algorithms (ADR 52).
        """
        keys = self._trusted_keys()
        ordered = [keys[name] for name in (CURRENT, NEXT, PREVIOUS) if name in keys]
        by_kid = {key.signing_key.kid: key.public_key for key in ordered}
        return {"keys": [{"use": "sig", "kid": kid, **public_jwk(public_key)} for kid, public_key in by_kid.items()]}

    def _trusted_keys(self) -> dict[str, _PublishedKey]:
        fresh = self._fresh_keys()
        if fresh is not None:
            return fresh
        try:
            return self._look_up_unless_failed()
        except SigningKeyError as error:
            if error.outage and self._found is not None and self._fresh(OUTAGE_SECONDS):
                return self._found.keys
            raise

    def _fresh_keys(self) -> dict[str, _PublishedKey] | None:
        return self._found.keys if self._found is not None and self._fresh(self._lifetime) else None

    def _fresh(self, seconds: float) -> bool:
        return self._found is not None and 0 <= self._clock() - self._found.at < seconds

    def _look_up_unless_failed(self) -> dict[str, _PublishedKey]:
        """Look the keys up, unless that failed just now: each request in an outage would wait for its own failure."""
        failed = self._failed
        if failed is not None and 0 <= self._clock() - failed.at < RECHECK_SECONDS:
            # A new error: a stored one would hold on to the stack frames it passed through, and a caller's values.
            raise SigningKeyError(failed.reason, outage=failed.outage)
        try:
            return self._look_up()
        except SigningKeyError as error:
            # Timed at the end of the look-up, which may have taken seconds.
            self._failed = _Failed(self._clock(), error.reason, error.outage)
            raise

    def _look_up(self) -> dict[str, _PublishedKey]:
        at = self._clock()
        keys = {name: key for name in _READING_ORDER if (key := self._key_at(self._alias + name)) is not None}
        self._found, self._failed = _Found(at, keys), None
        return keys

    def _key_at(self, alias: str) -> _PublishedKey | None:
        try:
            answer = self._kms.get_public_key(KeyId=alias)
        except SERVICE_ERRORS as error:
            code = error_code(error)
            if code in OUT_OF_SERVICE:
                return None
            unanswered = not isinstance(error, ClientError) or code in _OUTAGE
            raise SigningKeyError(code, outage=unanswered) from error
        return _published(answer)


def _published(answer: Any) -> _PublishedKey | None:
    """Return the key in a GetPublicKey answer, or None if it cannot sign with RS256."""
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
