"""The SHA-256 thumbprint of a public key (RFC 7638)."""

import hashlib
import json
from collections.abc import Mapping

from careconnect.oauth import base64url


def jwk_thumbprint(members: Mapping[str, str]) -> str:
    """Return the thumbprint of a key's required members, which the caller has chosen and checked (RFC 7638 §3.2)."""
    canonical = json.dumps(dict(members), sort_keys=True, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(canonical.encode()).digest())
