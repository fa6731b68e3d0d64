"""DPoP proofs, valid unless changed, and the keys that sign them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from careconnect.oauth.base64url import decode
from careconnect.oauth.thumbprint import jwk_thumbprint
from careconnect_testing.parts.access_tokens import ABSENT, encoded, segment

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class ProofKey:
    """A client's key: `jwk` is its public part as JWK, with the members of its thumbprint alone."""

    algorithm: str
    private: PrivateKey
    jwk: Mapping[str, str]

    @property
    def jkt(self) -> str:
        """The key's thumbprint."""
        return jwk_thumbprint(self.jwk)

    def sign(self, data: bytes) -> bytes:
        """Return the signature by the key's algorithm."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        return raw_signature(self.private, data)

    def proof(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Return a compact JWS of a header and claims, whatever they say."""
        signing_input = f"{segment(header)}.{segment(claims)}"
        return f"{signing_input}.{encoded(self.sign(signing_input.encode()))}"


def raw_signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return an ECDSA signature as two numbers of 32 bytes (RFC 7518 §3.4)."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@cache
def proof_key(name: str = "ours", algorithm: str = "ES256") -> ProofKey:
    """Return a key, the same for a name and an algorithm throughout a run."""
    if algorithm == "PS256":
        return rsa_key(2048)
    if algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
        x = encoded(private.public_key().public_bytes_raw())
        return ProofKey(algorithm, private, {"crv": "Ed25519", "kty": "OKP", "x": x})
    return ec_key(ec.SECP256R1(), "P-256")


def ec_key(curve: ec.EllipticCurve, name: str) -> ProofKey:
    """Return a new key on a curve, which signs with SHA-256."""
    return key_of(ec.generate_private_key(curve), name)


def key_of(private: ec.EllipticCurvePrivateKey, name: str = "P-256") -> ProofKey:
    """Return a private key of a curve as a client's key."""
    numbers = private.public_key().public_numbers()
    size = (private.key_size + 7) // 8
    x, y = (encoded(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return ProofKey("ES256", private, {"crv": name, "kty": "EC", "x": x, "y": y})


@cache
def rsa_key(bits: int) -> ProofKey:
    """Return an RSA key of a number of bits, the same throughout a run."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    numbers = private.public_key().public_numbers()
    modulus = encoded(numbers.n.to_bytes((bits + 7) // 8, "big"))
    return ProofKey("PS256", private, {"e": "AQAB", "kty": "RSA", "n": modulus})


def dpop_proof(
    method: str,
    url: str,
    now: float,
    *,
    key: ProofKey | None = None,
    token: str = "",
    header: Mapping[str, Any] | None = None,
    **claims: Any,
) -> str:
    """Return a proof for a request, with `ath` of a token if there is one, and with changes."""
    signer = key or proof_key()
    members = {"typ": "dpop+jwt", "alg": signer.algorithm, "jwk": dict(signer.jwk), **(header or {})}
    content = {"jti": "proof-1", "htm": method, "htu": url, "iat": int(now)}
    if token:
        content["ath"] = encoded(hashlib.sha256(token.encode()).digest())
    return signer.proof(_present(members), _present({**content, **claims}))


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}


def edited_segments(proof: str, header: bytes | None = None, claims: bytes | None = None) -> str:
    """Return a proof with the bytes of a segment replaced, signed anew by `proof_key()`."""
    given = proof.split(".")
    first, second = (old if new is None else encoded(new) for old, new in zip(given[:2], (header, claims), strict=True))
    return f"{first}.{second}.{encoded(proof_key().sign(f'{first}.{second}'.encode()))}"


def claims_of(proof: str) -> dict[str, Any]:
    """Return the claims of a proof, unverified."""
    content: dict[str, Any] = json.loads(decode(proof.split(".")[1]))
    return content
