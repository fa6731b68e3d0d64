"""A token signer that writes the audit event concurrently (`audit.md`, Before the answer leaves)."""

from collections.abc import Mapping
from typing import Any

from careconnect.audit.trail import AuditTrail
from token_issuer.tokens.grant_token import TokenSigner


class AuditedSigner:
    """Sign as `signer` does, and concurrently begin to write the token's audit event.

    The event names the token before it is signed, so that writing it takes no additional time. The client gets the
    token only after the event is written.
    """

    def __init__(self, signer: TokenSigner, trail: AuditTrail) -> None:
        self._signer = signer
        self._trail = trail

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the compact serialization; raises `SigningKeyError`."""
        self._trail.identify(subject=claims["sub"], jti=claims["jti"])
        self._trail.touched()
        return self._signer.sign(claims)
