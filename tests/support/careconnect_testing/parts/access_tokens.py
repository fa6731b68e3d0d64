"""Access tokens, valid unless changed, and the key that signs them."""

import base64
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.signing_keys import thumbprint

BASE = BaseUrl("https://care.example")


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
"""The value of a claim or a header parameter that is to be left out."""


@cache
def signing_key(name: str = "ours") -> rsa.RSAPrivateKey:
    """Return a key, the same for a name throughout a run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encoded(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(members: Mapping[str, Any]) -> str:
    """Return a JSON object as a segment of a compact serialization."""
    return encoded(json.dumps(members).encode())


def header(**changes: Any) -> dict[str, Any]:
    """Return the header of an access token, with changes."""
    return _changed({"alg": "RS256", "typ": "at+jwt", "kid": thumbprint(signing_key().public_key())}, changes)


def claims(now: float | None = None, **changes: Any) -> dict[str, Any]:
    """Return the claims of an access token issued at `now`, with changes."""
    at = int(time.time() if now is None else now)
    return _changed(
        {
            "iss": BASE.root,
            "sub": "client-1",
            "client_id": "client-1",
            "aud": BASE.fhir,
            "iat": at,
            "exp": at + 3600,
            "jti": "token-1",
            "scope": "user/Patient.read profile",
        },
        changes,
    )


def signed(
    head: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None, key: rsa.RSAPrivateKey | None = None
) -> str:
    """Sign a header and claims with RSASSA-PKCS1-v1_5 and SHA-256, whatever algorithm the header names."""
    signing_input = f"{segment(header() if head is None else head)}.{segment(claims() if body is None else body)}"
    signature = (key or signing_key()).sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
    return f"{signing_input}.{encoded(signature)}"


def _changed(members: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not ABSENT}
