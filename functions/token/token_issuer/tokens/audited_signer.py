"""Tokens signed while their event is being written (`audit.md`, Before the answer leaves)."""

from collections.abc import Mapping
from typing import Any

from careconnect.audit.trail import AuditTrail
from token_issuer.tokens.grant_token import TokenSigner


class AuditedSigner:
    """Signs as `signer` does, and meanwhile begins to write the event of the token.

    The token is named before there is one, so that the event costs no call's time. Whoever hands it out waits for the
    event first.
    """

    def __init__(self, signer: TokenSigner, trail: AuditTrail) -> None:
        self._signer = signer
        self._trail = trail

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the compact serialization; raises `SigningKeyError`."""
        self._trail.identify(subject=claims["sub"], jti=claims["jti"])
        self._trail.touched()
        return self._signer.sign(claims)
