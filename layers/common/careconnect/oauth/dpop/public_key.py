"""The public key in a proof's header: which keys fit which algorithm, and whether one made a signature.

Only this module imports cryptography. It is imported when a proof is judged.
"""

from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from careconnect.oauth import base64url

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""The members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4)."""

_IDENTIFYING: Final = {"ES256": ("crv", "kty", "x", "y"), "PS256": ("e", "kty", "n"), "EdDSA": ("crv", "kty", "x")}
"""The members that a thumbprint is made of, by algorithm (RFC 7638 §3.2, RFC 8037 §2)."""

_P256_BYTES: Final = 32
_RSA_BITS: Final = range(2048, 4096 + 1)
_RSA_EXPONENT_BYTES: Final = 8
"""As OpenSSL limits it for large moduli. By one as long as the modulus, a verification takes sixty times as long."""


class UnfitKeyError(ValueError):
    """A JWK is not a public key for the algorithm."""


def identifying_members(jwk: object, algorithm: str) -> Mapping[str, str]:
    """Return the members that identify a JWK of the kind that `algorithm` takes; raises `UnfitKeyError`."""
    if not isinstance(jwk, dict) or _PRIVATE & jwk.keys():
        raise UnfitKeyError
    names = _IDENTIFYING[algorithm]
    members = {name: value for name in names if isinstance(value := jwk.get(name), str)}
    if len(members) < len(names):
        raise UnfitKeyError
    return members


def public_key(members: Mapping[str, str], algorithm: str) -> PublicKey:
    """Return the key with these identifying members; raises `UnfitKeyError` unless it fits `algorithm`.

    Numbers have one spelling (RFC 7518 §6.2.1.2, §6.3.1): with two, one key would have two thumbprints.
    """
    try:
        return _BUILDERS[algorithm](members)
    except ValueError:
        raise UnfitKeyError from None


def is_signed_by(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Return True if the key made the signature, by the one algorithm for its kind (RFC 7518 §3.4-5, RFC 8037 §3.1)."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_der(signature), signed, ec.ECDSA(SHA256()))
        else:
            key.verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _der(signature: bytes) -> bytes:
    """Return an ES256 signature as DER; raises `ValueError` unless it is two numbers of 32 bytes (RFC 7518 §3.4)."""
    if len(signature) != 2 * _P256_BYTES:
        raise ValueError("another length")
    r, s = signature[:_P256_BYTES], signature[_P256_BYTES:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def _p256(members: Mapping[str, str]) -> PublicKey:
    x, y = base64url.decode(members["x"]), base64url.decode(members["y"])
    if (members["kty"], members["crv"], len(x), len(y)) != ("EC", "P-256", _P256_BYTES, _P256_BYTES):
        raise UnfitKeyError
    # Raises `ValueError` for a point that is not on the curve.
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + x + y)


def _rsa(members: Mapping[str, str]) -> PublicKey:
    e, n = base64url.decode(members["e"]), base64url.decode(members["n"])
    modulus = int.from_bytes(n, "big")
    if members["kty"] != "RSA" or e[:1] == b"\0" or n[:1] == b"\0":
        raise UnfitKeyError
    if modulus.bit_length() not in _RSA_BITS or len(e) > _RSA_EXPONENT_BYTES:
        raise UnfitKeyError
    return rsa.RSAPublicNumbers(int.from_bytes(e, "big"), modulus).public_key()


def _ed25519(members: Mapping[str, str]) -> PublicKey:
    if (members["kty"], members["crv"]) != ("OKP", "Ed25519"):
        raise UnfitKeyError
    return ed25519.Ed25519PublicKey.from_public_bytes(base64url.decode(members["x"]))


_BUILDERS: Final[Mapping[str, Callable[[Mapping[str, str]], PublicKey]]] = {
    "ES256": _p256,
    "PS256": _rsa,
    "EdDSA": _ed25519,
}
