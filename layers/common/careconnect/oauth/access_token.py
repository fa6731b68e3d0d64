"""The format of the access token, shared by issuer and authorizer (RFC 9068; `tokens.md`, The access token)."""

import re
from typing import Final

ALGORITHM: Final = "RS256"
PSS_ALGORITHM: Final = "PS256"
"""The algorithm of the tokens of clients with the profile `fapi2`, by the same key (`oauth.md`, The profile fapi2)."""

ALGORITHMS: Final = (ALGORITHM, PSS_ALGORITHM)
TOKEN_TYPE: Final = "at+jwt"

DEFAULT_LIFETIME: Final = 3600
MIN_LIFETIME: Final = 60
MAX_LIFETIME: Final = 5400
"""Seconds. `MAX_LIFETIME` is also the greatest accepted age of `iat`, whatever the `exp`."""

CLOCK_SKEW: Final = 60
"""Seconds by which an issuer's clock may be ahead of a verifier's."""

REQUIRED_CLAIMS: Final = ("iss", "sub", "client_id", "aud", "iat", "exp", "jti", "scope")

REVOCATION_DELAY: Final = 60
"""Seconds for which the gateway may still use its cached policy after a revocation or an expiry."""

AUTHORIZATION: Final = re.compile(
    r"(?ai:bearer|(?P<dpop>dpop)) +(?P<token>[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)"
)
"""An Authorization header with a compact serialization: three base64url segments, no padding (RFC 7515 §2).

The scheme is Bearer, or DPoP if `dpop` is there (RFC 6750 §2.1, RFC 9449 §7.1).
"""


KEPT_AFTER_EXPIRY: Final = 120
"""Seconds for which the token table stores an item after its token has expired, a margin for clock skew."""

LONGEST_JOB: Final = (24 + 168) * 3600
"""Seconds that a bulk export and its files may outlive the token that started it (`export.md`, Status and manifest)."""

REVOCATION_KEPT_AFTER_EXPIRY: Final = LONGEST_JOB + KEPT_AFTER_EXPIRY
"""Seconds for which the token table stores a revocation after its token has expired: it ends the token's jobs too."""


def revocation_key(jti: str) -> str:
    """Return the token table's key for a revoked token id."""
    return f"revoked#{jti}"


def client_cutoff_key(client_id: str) -> str:
    """Return the token table's key for a client's revocation cutoff, which ends the client's earlier tokens."""
    return f"revoked-before#client#{client_id}"


def patient_cutoff_key(patient: str) -> str:
    """Return the token table's key for a patient's revocation cutoff, which ends earlier tokens bound to it."""
    return f"revoked-before#patient#{patient}"
